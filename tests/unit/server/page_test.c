/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: calloc open_memstream getrandom asprintf __asprintf_chk ws_listener_count. */
/* Answers to plain requests: by what the client likes, and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "metrics.h"
#include "page.h"
#include "unit/clock.h"

/* Which of the functions fails. */
static const char *failing = "";

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);
ssize_t __real_getrandom(void *out, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags);
int __wrap_asprintf(char **out, const char *format, ...);
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...);

void *
__wrap_calloc(size_t count, size_t size)
{
        return strcmp(failing, "calloc") == 0 ? NULL : __real_calloc(count, size);
}

FILE *
__wrap_open_memstream(char **text, size_t *size)
{
        return strcmp(failing, "open_memstream") == 0 ? NULL : __real_open_memstream(text, size);
}

ssize_t
__wrap_getrandom(void *out, size_t size, unsigned flags)
{
        return strcmp(failing, "getrandom") == 0 ? -1 : __real_getrandom(out, size, flags);
}

int
__wrap_asprintf(char **out, const char *format, ...)
{
        va_list arguments;
        int length = -1;

        va_start(arguments, format);
        if (strcmp(failing, "asprintf") != 0)
                length = vasprintf(out, format, arguments);
        va_end(arguments);
        return length;
}

int
__wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
        va_list arguments;
        int length = -1;

        (void)flag;
        va_start(arguments, format);
        if (strcmp(failing, "asprintf") != 0)
                length = vasprintf(out, format, arguments);
        va_end(arguments);
        return length;
}

/* A listener has three texts and two binary messages more each time. */
void __wrap_ws_listener_count(const struct ws_listener *listener, struct ws_counters *counters);

static unsigned looks;

void
__wrap_ws_listener_count(const struct ws_listener *listener, struct ws_counters *counters)
{
        (void)listener;
        looks++;
        counters->received.messages[0] += 3 * (uint64_t)looks;
        counters->received.messages[1] += 2;
        counters->sent.messages[0] += 1000;
}

static const struct behave_server behave = {
        .limits = {.level = BEHAVE_LEVEL_SAFE, .max_message = 1 << 20}};
static const struct ws_field html[] = {{"Host", "me.example:81"}, {"Accept", "text/html,*/*"}};
static const struct ws_field any[] = {{"Host", "me.example:81"}, {"Accept", "*/*"}};

/* The answer to GET path. */
static struct ws_answer
get(const char *path, const struct ws_field *fields)
{
        struct ws_request request = {.method = "GET",
                                     .target = path,
                                     .path = path,
                                     .secure = true,
                                     .fields = fields,
                                     .field_count = 2};
        struct ws_answer answer = {.status = 426};
        struct page page;

        page_open(&page, "/nowhere/there-is-no-such.pem", &behave);
        assert_null(page.authority);
        if (!page_file(&request, &answer, &page))
                page_answer(&request, &answer, &page);
        page_close(&page);
        return answer;
}

static void
done(struct ws_answer *answer)
{
        assert_int_equal(answer->done == NULL, answer->data == NULL);
        if (answer->done != NULL)
                answer->done(answer);
}

static void
assert_says(const char *path, const struct ws_field *fields, const char *says)
{
        struct ws_answer answer = get(path, fields);

        assert_int_equal(answer.status, 200);
        if (memmem(answer.body, answer.length, says, strlen(says)) == NULL)
                fail_msg("%s does not say '%s'", path, says);
        done(&answer);
}

static void
who_likes_html_gets_the_page(void **state)
{
        struct ws_answer answer = get("/", html);
        const char *nonce;

        (void)state;
        assert_string_equal(answer.content_type, "text/html; charset=utf-8");
        assert_int_equal(answer.field_count, 6);
        assert_non_null(strstr(answer.fields[0], "default-src 'none'"));
        nonce = strstr(answer.fields[0], "'nonce-") + strlen("'nonce-");
        assert_int_equal(strspn(nonce, "0123456789abcdef"), 32);
        assert_memory_not_equal(nonce, nonce + 16, 16);
        done(&answer);
        assert_says("/chat", any, "    wsecho wss://me.example:81/ \"Hello World!\"\n");
}

static void
the_page_knows_where_the_root_is(void **state)
{
        (void)state;
        assert_says("/", html, "<base href=\"./\">");
        assert_says("/chat", html, "<base href=\"./\">");
        assert_says("/a/", html, "<base href=\"./../\">");
        assert_says("/a/b/c", html, "<base href=\"./../../\">");
}

static void
without_memory_the_status_is_500(void **state)
{
        static const char *const functions[] = {"calloc", "open_memstream", "getrandom",
                                                "asprintf"};

        (void)state;
        for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
                struct ws_answer answer;

                failing = functions[i];
                answer = get("/", html);
                failing = "";
                assert_int_equal(answer.status, 500);
                assert_null(answer.body);
                done(&answer);
        }
        for (size_t i = 0; i < 2; i++) {
                struct ws_answer answer;

                failing = functions[i];
                answer = get("/", any);
                failing = "";
                assert_int_equal(answer.status, 500);
                assert_null(answer.body);
                done(&answer);
        }
}

/* What a page says, and to whom. */
struct asking {
        struct page page;
        struct ws_field fields[2];
        struct ws_request request;
        struct ws_answer answer;
};

static struct asking
asking_of(const char *method, const char *path)
{
        return (struct asking){.page = {.behave = &behave},
                               .fields = {{"Host", "h:1"}},
                               .request = {.method = method, .target = path, .path = path},
                               .answer = {.status = 426}};
}

static void
answer_page(struct asking *asking)
{
        asking->request.fields = asking->fields;
        asking->request.field_count = asking->fields[1].name == NULL ? 1 : 2;
        if (!page_file(&asking->request, &asking->answer, &asking->page))
                page_answer(&asking->request, &asking->answer, &asking->page);
}

/* The text with these lines for a shell, and this behind them. */
static void
assert_text(struct asking asking, const char *shell, const char *note, const char *rest)
{
        char wanted[1000];

        snprintf(wanted, sizeof(wanted),
                 "This is wsechod, a WebSocket echo server: it sends back every message that it "
                 "gets.\n\nAny path will do. From a shell:\n\n%s%s\nIn a browser this address is a "
                 "page to try it with.%s",
                 shell, note, rest);
        answer_page(&asking);
        assert_int_equal(asking.answer.status, 200);
        assert_string_equal(asking.answer.body, wanted);
        assert_int_equal(asking.answer.field_count, 1);
        assert_string_equal(asking.answer.fields[0], "Vary: Accept");
        assert_null(asking.answer.content_type);
        done(&asking.answer);
}

#define PLAIN "    wsecho ws://h:1/ \"Hello World!\"\n"
#define GIVEN "\nIf your system does not trust the certificate's authority, add --cacert FILE.\n"
#define MADE                                                                                       \
        "\n--insecure, because the certificate was made at the server's start: no authority "      \
        "knows "                                                                                   \
        "it.\n"
#define LISTED(http, ws)                                                                           \
        " Test behaviours, such as delays,\ncloses and faults, are listed at " http                \
        "://h:1/-/ and go into the URL:\n\n    " ws "://h:1/?delay=1s&close=4000&after=3\n"

static void
the_text_says_what_to_type(void **state)
{
        static const struct behave_server off = {
                .limits = {.level = BEHAVE_LEVEL_OFF, .max_message = 1 << 20}};
        struct asking asking = asking_of("GET", "/");

        (void)state;
        assert_text(asking, PLAIN, "", LISTED("http", "ws"));
        asking.request.method = "HEAD";
        assert_text(asking, PLAIN, "", LISTED("http", "ws"));
        asking.page.self_signed = true;
        assert_text(asking, PLAIN, "", LISTED("http", "ws"));
        asking.page.behave = &off;
        assert_text(asking, PLAIN, "", "\n");
        asking.page.behave = &behave;
        asking.request.secure = true;
        assert_text(asking, "    wsecho --insecure wss://h:1/ \"Hello World!\"\n", MADE,
                    LISTED("https", "wss"));
        asking.page.self_signed = false;
        assert_text(asking, "    wsecho wss://h:1/ \"Hello World!\"\n", GIVEN,
                    LISTED("https", "wss"));
        asking.page.authority = strdup("PEM");
        assert_text(asking,
                    "    curl -k -o ca.pem https://h:1/-/ca.pem\n"
                    "    wsecho --cacert ca.pem wss://h:1/ \"Hello World!\"\n",
                    "", LISTED("https", "wss"));
        /* TLS may end at a proxy, whose certificate is another one. */
        asking.request.secure = false;
        asking.fields[1] = (struct ws_field){"X-Forwarded-Proto", "https"};
        assert_text(asking, "    wsecho wss://h:1/ \"Hello World!\"\n", GIVEN,
                    LISTED("https", "wss"));
        asking.fields[1].value = "http";
        assert_text(asking, PLAIN, "", LISTED("http", "ws"));
        page_close(&asking.page);
        assert_null(asking.page.authority);
}

static void
a_host_that_a_shell_might_take_for_something_else_is_not_shown(void **state)
{
        static const char *const hosts[] = {"a;b", "a b", "$(x)", "a'"};

        (void)state;
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                struct asking asking = asking_of("GET", "/");

                asking.fields[0].value = hosts[i];
                answer_page(&asking);
                assert_non_null(strstr(asking.answer.body, "wsecho ws://HOST:PORT/ "));
                done(&asking.answer);
        }
}

static void
other_methods_are_refused_and_handshakes_left_alone(void **state)
{
        static const char *const paths[] = {"/", "/-/status.json", "/-/page.css", "/-/ca.pem"};

        (void)state;
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                struct asking asking = asking_of("POST", paths[i]);

                answer_page(&asking);
                assert_int_equal(asking.answer.status, 405);
                assert_int_equal(asking.answer.field_count, 1);
                assert_string_equal(asking.answer.fields[0], "Allow: GET, HEAD");
                assert_string_equal(asking.answer.body,
                                    "405 Method Not Allowed: use GET or HEAD.\n");
                asking = asking_of("GET", paths[i]);
                asking.request.upgrade = true;
                answer_page(&asking);
                assert_int_equal(asking.answer.status, 426);
        }
}

static void
assert_file(struct asking asking, int status, const char *type, const char *body)
{
        answer_page(&asking);
        assert_int_equal(asking.answer.status, status);
        if (type == NULL)
                assert_null(asking.answer.content_type);
        else
                assert_string_equal(asking.answer.content_type, type);
        if (strstr(asking.answer.body, body) == NULL)
                fail_msg("'%s' is not in '%s'", body, asking.answer.body);
        done(&asking.answer);
}

static void
its_files_have_their_types(void **state)
{
        struct asking asking = asking_of("GET", "/-/ca.pem");

        (void)state;
        assert_file(asking, 404, NULL,
                    "404 Not Found: the file of --cert has no authority of its own");
        asking.page.authority = strdup("PEM");
        assert_file(asking, 200, "application/x-x509-ca-cert", "PEM");
        page_close(&asking.page);
        assert_file(asking_of("GET", "/-/page.css"), 200, "text/css; charset=utf-8", "body");
}

/* Of this worker what there is now, of the others what they had when they looked last. */
static void
figures_are_of_all_workers_and_looked_up_twice_a_second(void **state)
{
        static struct metrics blocks[3];
        struct ws_listener *listeners[1] = {NULL};
        struct asking asking = asking_of("GET", "/-/status.json");
        struct page *page = &asking.page;

        (void)state;
        metrics_use(&blocks[1]);
        blocks[0].open = 10;
        blocks[1].open = 5;
        blocks[2].open = 100;
        blocks[0].traffic.received.messages[0] = 1000;
        blocks[1].traffic.received.messages[0] = 77;
        blocks[2].traffic.received.messages[1] = 10000;
        clock_stop();
        page_open(page, NULL, &behave);
        page_watch(page, listeners, 1, blocks, 3);
        clock_ahead += AW_SECOND / 2 - 1;
        assert_file(asking, 200, "application/json",
                    "{\"name\": \"wsechod\", \"version\": \"" AW_VERSION
                    "\", \"uptime\": 0.500, \"connections\": 115, \"messages\": 11005, "
                    "\"workers\": 3, \"max_message\": 1048576, \"test\": \"safe\", \"secure\": "
                    "false, \"self_signed\": false, \"authority\": false}\n");
        answer_page(&asking);
        assert_int_equal(asking.answer.field_count, 1);
        assert_string_equal(asking.answer.fields[0], "Cache-Control: no-store");
        done(&asking.answer);
        assert_int_equal(looks, 2);
        clock_ahead += AW_SECOND / 2 - 1;
        asking.request.secure = true;
        assert_file(asking, 200, "application/json", "\"messages\": 11008, ");
        assert_file(asking, 200, "application/json",
                    "\"secure\": true, \"self_signed\": true, \"authority\": false}");
        clock_ahead += 1;
        assert_file(asking, 200, "application/json", "\"messages\": 11011, ");
        assert_int_equal(looks, 3);
        clock_go_on();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_likes_html_gets_the_page),
                cmocka_unit_test(the_page_knows_where_the_root_is),
                cmocka_unit_test(without_memory_the_status_is_500),
                cmocka_unit_test(the_text_says_what_to_type),
                cmocka_unit_test(a_host_that_a_shell_might_take_for_something_else_is_not_shown),
                cmocka_unit_test(other_methods_are_refused_and_handshakes_left_alone),
                cmocka_unit_test(its_files_have_their_types),
                cmocka_unit_test(figures_are_of_all_workers_and_looked_up_twice_a_second),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
