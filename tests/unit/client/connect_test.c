/* SPDX-License-Identifier: MIT */
/* Wraps: aw_tls_context_client_with aw_tls_context_unref ws_connect. */
/* What is asked of the library to connect, and where redirects lead. */
#include "await/tls.h"
#include "connect.h"
#include "unit/client/balance.h"
#include "unit/client/said.h"
#include "unit/support.h"

/* Contexts: the first one made, the second one. */
static char contexts[4];
static bool with_certificate[4];
static size_t context_count, context_fails; /* the how many'th fails */
static int contexts_left;

struct aw_tls_context *__wrap_aw_tls_context_client_with(const struct aw_tls_client_options *tls,
                                                         struct aw_error *error);
void __wrap_aw_tls_context_unref(struct aw_tls_context *context);
async struct ws *__wrap_ws_connect(const struct ws_connect_options *to, struct aw_error *error,
                                   aw_time deadline);

struct aw_tls_context *
__wrap_aw_tls_context_client_with(const struct aw_tls_client_options *tls, struct aw_error *error)
{
        if (context_count + 1 == context_fails) {
                aw_error_set(error, AW_ERROR_CERTIFICATE, EINVAL, "no context");
                return NULL;
        }
        with_certificate[context_count] = tls->cert_file != NULL;
        contexts_left++;
        return (struct aw_tls_context *)&contexts[context_count++];
}

void
__wrap_aw_tls_context_unref(struct aw_tls_context *context)
{
        contexts_left -= context != NULL;
}

/* What the servers answer in order: heads of redirects, NULL: this one connects. */
static const char *heads[6];
static size_t asked;
static struct ws_connect_options last;
static char last_headers[400], urls[600];
static int redirect; /* its status */
static aw_time last_deadline;
static struct aw_tls_context *last_proxy;
static char connection;

async struct ws *
__wrap_ws_connect(const struct ws_connect_options *to, struct aw_error *error, aw_time deadline)
{
        const char *head = heads[asked++];

        last = *to;
        last_deadline = deadline;
        last_headers[0] = '\0';
        for (size_t i = 0; i < to->header_count; i++) {
                strcat(last_headers, i == 0 ? "" : "|");
                strcat(last_headers, to->headers[i]);
        }
        strcat(urls, urls[0] == '\0' ? "" : " ");
        strcat(urls, to->url);
        last_proxy = to->network->proxy_tls;
        if (head == NULL)
                return (struct ws *)&connection;
        aw_error_set(error, AW_ERROR_HANDSHAKE, EPROTO, "redirected");
        error->cause = AW_CAUSE_REDIRECTED;
        error->status = redirect;
        to->observer->step(to->observer->argument, WS_STEP_RESPONSE, head);
        return NULL;
}

static struct client_options options;
static struct connector connector;
static struct aw_error error;

/* Opens a connector for these words of the command line; the result. */
static int
begin_with(const char *const *words, int count)
{
        char *argv[20] = {(char *)(uintptr_t) "wsecho"};
        int operands;

        for (int i = 0; i < count; i++)
                argv[i + 1] = (char *)(uintptr_t)words[i];
        options_init(&options);
        expect_int(aw_opt_parse(&options_program, count + 1, argv, &options, &operands),
                   AW_OPT_RUN);
        options.url = options.connection.url;
        memset(heads, 0, sizeof(heads));
        asked = 0;
        urls[0] = '\0';
        redirect = 302;
        context_count = 0;
        contexts_left = 0;
        error = (struct aw_error){.kind = AW_ERROR_NONE};
        said_begin();
        return connector_open(&connector, &options, &error);
}

#define BEGIN(...)                                                                                 \
        begin_with((const char *const[]){"-c", __VA_ARGS__},                                       \
                   (int)(sizeof((const char *const[]){"-c", __VA_ARGS__}) / sizeof(char *)))

static void
end(void)
{
        connector_close(&connector);
        options_free(&options);
        client_set_sink(NULL);
        expect_int(contexts_left, 0);
        context_fails = 0;
}

static async bool
connects(void)
{
        return await(connector_connect(&connector, &error)) == (struct ws *)&connection;
}

static void
is_text(const char *text, const char *wanted)
{
        test_expect(strcmp(text, wanted) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", wanted,
                    text);
}

static async int
the_library_is_told_what_the_options_say(NOTHING)
{
        aw_time now = aw_loop_now();

        expect_int(BEGIN("ws://a/b", "-H", "A: 1", "-s", "p", "--max-message=77",
                         "--ping-interval=3", "--ping-timeout=4", "--servername=n"),
                   0);
        expect(await(connects()));
        is_text(last.url, "ws://a/b");
        is_text(last_headers, "A: 1|Sec-WebSocket-Protocol: p");
        expect_int((long long)last.max_message, 77);
        expect_int(last.ping_interval, 3 * AW_SECOND);
        expect_int(last.ping_timeout, 4 * AW_SECOND);
        is_text(last.server_name, "n");
        expect(last.tls == NULL && last_proxy == NULL);
        expect(last_deadline >= now + 10 * AW_SECOND &&
               last_deadline <= aw_loop_now() + 10 * AW_SECOND);
        end();
        return 0;
}

static async int
the_time_for_it_is_that_of_connect_timeout_or_timeout(NOTHING)
{
        aw_time now = aw_loop_now();

        expect_int(BEGIN("ws://a", "--timeout=1000", "--connect-timeout=2000"), 0);
        expect(await(connects()));
        expect(last_deadline >= now + 2000 * AW_SECOND && last_deadline < now + 2900 * AW_SECOND);
        end();
        expect_int(BEGIN("ws://a", "--timeout=1000", "--connect-timeout=0"), 0);
        expect(await(connects()));
        expect(last_deadline >= now + 1000 * AW_SECOND && last_deadline < now + 1900 * AW_SECOND);
        options.connection.connect_timeout = 1;
        expect(await(connects()));
        expect(last_deadline < now + 900 * AW_SECOND);
        end();
        expect_int(BEGIN("ws://a", "--timeout=0"), 0);
        expect(await(connects()));
        expect(last_deadline == AW_NEVER);
        end();
        expect_int(BEGIN("ws://a"), 0);
        options.connection.timeout = AW_NEVER;
        expect(await(connects()));
        expect(last_deadline == AW_NEVER);
        end();
        return 0;
}

static async int
there_is_a_context_where_tls_may_be_needed(NOTHING)
{
        expect_int(BEGIN("ws://a"), 0);
        expect_int((long long)context_count, 0);
        end();
        expect_int(BEGIN("wss://a", "-E", "f"), 0);
        expect_int((long long)context_count, 1);
        expect(with_certificate[0]);
        expect(await(connects()));
        expect(last.tls == (struct aw_tls_context *)&contexts[0]);
        end();
        expect_int(BEGIN("ws://a", "-L"), 0);
        expect_int((long long)context_count, 1);
        end();
        expect_int(BEGIN("HTTPS://a", "-L", "-E", "f"), 0);
        expect_int((long long)context_count, 2);
        expect(with_certificate[0] && !with_certificate[1]);
        end();
        context_fails = 1;
        expect_int(BEGIN("wss://a"), -1);
        is_text(error.text, "no context");
        end();
        context_fails = 2;
        expect_int(BEGIN("wss://a", "-L", "-E", "f"), -1);
        is_text(error.text, "no context");
        end();
        expect_int(BEGIN("ws://a", "--proxy=https://p"), 0);
        expect_int((long long)context_count, 1);
        expect(await(connects()));
        expect(last.tls == NULL && last_proxy == (struct aw_tls_context *)&contexts[0]);
        end();
        context_fails = 1;
        expect_int(BEGIN("ws://a", "--proxy=https://p"), -1);
        end();
        expect_int(BEGIN("ws://a", "--bearer-file=/nowhere"), -1);
        end();
        expect_int(BEGIN("ws://a%zz@b"), -1);
        expect_int(error.kind, AW_ERROR_USAGE);
        end();
        return 0;
}

static async int
secrets_and_names_are_for_the_host_that_was_asked_for(NOTHING)
{
        expect_int(BEGIN("wss://joe:x@a/1", "-L", "-E", "f", "--servername=n", "-o", "o"), 0);
        heads[0] = "HTTP/1.1 302 Found\r\nLocation: /2\r\n\r\n";
        expect(await(connects()));
        is_text(urls, "wss://a/1 wss://a/2");
        is_text(last_headers, "Authorization: Basic am9lOng=|Origin: o");
        is_text(last.server_name, "n");
        expect(last.tls == (struct aw_tls_context *)&contexts[0]);
        expect(connector_has_credentials(&connector));
        is_text(connector_url(&connector), "wss://a/2");
        heads[2] = "HTTP/1.1 302 Found\r\nlocation:\t https://b \r\nLocation: /no\r\n\r\n";
        expect(await(connects()));
        is_text(urls, "wss://a/1 wss://a/2 wss://a/1 wss://b");
        is_text(last_headers, "Origin: o");
        expect(last.server_name == NULL);
        expect(last.tls == (struct aw_tls_context *)&contexts[1]);
        expect(!connector_has_credentials(&connector));
        end();
        /* Without a certificate of ours there is one context for all. */
        expect_int(BEGIN("wss://a", "-L", "-H", "A: 1"), 0);
        heads[0] = "HTTP/1.1 302 Found\r\nLocation: wss://b\r\n\r\n";
        expect(await(connects()));
        expect(last.tls == (struct aw_tls_context *)&contexts[0]);
        expect(!connector_has_credentials(&connector));
        end();
        return 0;
}

static async int
the_next_attempt_begins_where_it_was_sent_for_good(NOTHING)
{
        static const struct {
                int status;
                const char *again;
        } rows[] = {{301, "ws://a/b"},
                    {308, "ws://a/b"},
                    {302, "ws://a"},
                    {303, "ws://a"},
                    {307, "ws://a"}};
        char wanted[100];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                BEGIN("ws://a", "-L");
                redirect = rows[i].status;
                heads[0] = "HTTP/1.1 3xx\r\nLocation: /b\r\n\r\n";
                expect(await(connects()));
                expect(await(connects()));
                snprintf(wanted, sizeof(wanted), "ws://a ws://a/b %s", rows[i].again);
                is_text(urls, wanted);
                end();
        }
        return 0;
}

static async int
so_many_redirects_are_followed_and_no_more(NOTHING)
{
        static const char head[] = "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n";

        expect_int(BEGIN("ws://a", "-L", "--max-redirs=2", "-v"), 0);
        heads[0] = heads[1] = head;
        expect(await(connects()));
        is_text(urls, "ws://a ws://a/b ws://a/b");
        is_text(said, "* going on to ws://a/b\n* going on to ws://a/b\n");
        end();
        expect_int(BEGIN("ws://a", "-L", "--max-redirs=2"), 0);
        heads[0] = heads[1] = heads[2] = head;
        expect(!await(connects()));
        is_text(error.text, "more than 2 redirects: raise that with --max-redirs");
        expect_int(error.kind, AW_ERROR_HANDSHAKE);
        is_text(said, "");
        end();
        expect_int(BEGIN("ws://a", "-L", "--max-redirs=1"), 0);
        heads[0] = heads[1] = head;
        expect(!await(connects()));
        is_text(error.text, "more than 1 redirect: raise that with --max-redirs");
        end();
        expect_int(BEGIN("ws://a", "-L", "--max-redirs=0"), 0);
        heads[0] = head;
        expect(!await(connects()));
        is_text(error.text, "more than 0 redirects: raise that with --max-redirs");
        end();
        expect_int(BEGIN("ws://a"), 0);
        heads[0] = head;
        expect(!await(connects()));
        is_text(error.text, "redirected");
        is_text(urls, "ws://a");
        end();
        return 0;
}

static async int
a_redirect_that_leads_nowhere_fails(NOTHING)
{
        expect_int(BEGIN("ws://a", "-L"), 0);
        heads[0] = "HTTP/1.1 302 Found\r\nX-Location: /b\r\n\r\n";
        expect(!await(connects()));
        is_text(error.text, "redirected");
        expect(connector.location == NULL);
        heads[1] = "HTTP/1.1 302 Found\r\nLocation: ftp://b\r\n\r\n";
        expect(!await(connects()));
        is_text(error.text, "the server sends us to 'ftp://b', whose scheme we cannot follow");
        is_text(connector.location, "ftp://b");
        end();
        return 0;
}

static char steps[100];

static void
note_step(void *argument, enum ws_step step, const char *text)
{
        snprintf(steps + strlen(steps), sizeof(steps) - strlen(steps), "%s%d:%s", (char *)argument,
                 (int)step, text);
}

static async int
steps_are_kept_said_and_handed_on(NOTHING)
{
        static char mark[] = "!";
        const struct ws_observer looks_on = {.step = note_step, .argument = mark},
                                 blind = {.step = NULL};
        void (*step)(void *, enum ws_step, const char *);

        steps[0] = '\0';
        expect_int(BEGIN("ws://a"), 0);
        step = connector.observer.step;
        expect(connector.observer.argument == &connector);
        step(&connector, WS_STEP_BODY, "one");
        is_text(connector.body, "one");
        connector.looks_on = &blind;
        step(&connector, WS_STEP_BODY, "two");
        is_text(connector.body, "two");
        is_text(said, "");
        connector.looks_on = &looks_on;
        step(&connector, WS_STEP_FAULT, "odd");
        is_text(said, "wsecho: warning: odd\n");
        step(&connector, WS_STEP_RESPONSE, "HTTP/1.1 302 Found\r\nLocation: x\r\n");
        is_text(connector.location, "x");
        is_text(connector.body, "two");
        step(&connector, WS_STEP_RESPONSE, "HTTP/1.1 200");
        expect(connector.location == NULL);
        is_text(steps, "!5:odd!4:HTTP/1.1 302 Found\r\nLocation: x\r\n!4:HTTP/1.1 200");
        /* The next attempt has no body yet. */
        expect(await(connects()));
        expect(connector.body == NULL);
        step(&connector, WS_STEP_BODY, "of the last attempt");
        end();
        return 0;
}

static async int
a_url_is_shown_as_it_was_given_unless_it_has_changed(NOTHING)
{
        expect_int(BEGIN("a/b"), 0);
        is_text(connector_url(&connector), "a/b");
        expect(!connector_has_credentials(&connector));
        end();
        expect_int(BEGIN("joe:x@a/b"), 0);
        is_text(connector_url(&connector), "ws://a/b");
        expect(connector_has_credentials(&connector));
        end();
        expect_int(BEGIN("ws://a", "-H", "X: 1", "-H", "authorization: y"), 0);
        expect(connector_has_credentials(&connector));
        end();
        return 0;
}

static async int
options_that_exclude_each_other_fail(NOTHING)
{
        expect_int(BEGIN("ws://a", "-4", "-6"), -1);
        end();
        expect_int(BEGIN("ws://a"), 0);
        options.network.ipv4 = options.network.ipv6 = true;
        expect(!await(connects()));
        expect_int(error.kind, AW_ERROR_USAGE);
        expect_int((long long)asked, 0);
        end();
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(the_library_is_told_what_the_options_say),
                on_loop(the_time_for_it_is_that_of_connect_timeout_or_timeout),
                on_loop(there_is_a_context_where_tls_may_be_needed),
                on_loop(secrets_and_names_are_for_the_host_that_was_asked_for),
                on_loop(the_next_attempt_begins_where_it_was_sent_for_good),
                on_loop(so_many_redirects_are_followed_and_no_more),
                on_loop(a_redirect_that_leads_nowhere_fails),
                on_loop(steps_are_kept_said_and_handed_on),
                on_loop(a_url_is_shown_as_it_was_given_unless_it_has_changed),
                on_loop(options_that_exclude_each_other_fail),
        };

        return run_balanced(tests, NULL);
}
