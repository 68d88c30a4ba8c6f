/* SPDX-License-Identifier: MIT */
/* Wraps: connector_url report_close report_open client_refused connector_connect ws_receive ws_send ws_traffic ws_close ws_info ws_peer ws_peer_close ws_problem. */
/* What comes goes back, and how that ends. */
#include "connect.h"
#include "echo.h"
#include "session.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

static struct client_options options;
static struct connector connector;
static bool refused, silent;   /* the server: there is none; does not answer our Close */
static unsigned coming, taken; /* messages that come; that are taken back, and then it fails */
static int receive_error, send_error; /* how; 0: nothing happens any more */
static struct ws_traffic moved;
static int status, close_error;

async struct ws *__wrap_connector_connect(struct connector *it, struct aw_error *error);
enum client_status __wrap_client_refused(const struct aw_error *error, const struct connector *it);
async int __wrap_ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline);
async int __wrap_ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline);
void __wrap_ws_traffic(const struct ws *ws, struct ws_traffic *traffic);
async int __wrap_ws_close(struct ws *ws, unsigned code, const char *reason);

static struct report {
        bool open, closed;
} report;
static struct printer {
        int unused;
} printer;

const char *__wrap_connector_url(const struct connector *it);
async void __wrap_report_open(struct report *it, struct printer *out, const struct ws *ws,
                              const char *url);
async void __wrap_report_close(struct report *it, struct printer *out, const struct ws *ws);

const char *
__wrap_connector_url(const struct connector *it)
{
        expect(it == &connector);
        return "ws://a";
}

async void
__wrap_report_open(struct report *it, struct printer *out, const struct ws *ws, const char *url)
{
        expect(it == &report && out == &printer && ws == peer_ws());
        expect(strcmp(url, "ws://a") == 0);
        it->open = true;
}

async void
__wrap_report_close(struct report *it, struct printer *out, const struct ws *ws)
{
        expect(it == &report && out == &printer && ws == peer_ws());
        expect(it->open);
        it->closed = true;
}

async struct ws *
__wrap_connector_connect(struct connector *it, struct aw_error *error)
{
        expect(it == &connector);
        trace("connect");
        if (!refused)
                return peer_ws();
        aw_error_set(error, AW_ERROR_TLS, EPROTO, "no");
        return NULL;
}

enum client_status
__wrap_client_refused(const struct aw_error *error, const struct connector *it)
{
        expect(it == &connector);
        expect(error->kind == AW_ERROR_TLS && strcmp(error->text, "no") == 0);
        trace("refused");
        return CLIENT_TLS;
}

static async int
wait_in_vain(aw_time deadline)
{
        struct aw_event never = {.set = false};
        int result = await(aw_event_wait(&never, deadline));

        return result;
}

async int
__wrap_ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline)
{
        expect(ws == peer_ws());
        expect(deadline == AW_NEVER);
        trace("receive");
        if (coming == 0 && receive_error == 0)
                return await(wait_in_vain(AW_NEVER));
        if (coming == 0) {
                errno = receive_error;
                return -1;
        }
        *message = (struct ws_message){.type = coming == 2 ? WS_BINARY : WS_TEXT,
                                       .data = (const uint8_t *)"abc",
                                       .length = coming};
        coming--;
        return 0;
}

async int
__wrap_ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        char word[40];

        expect(ws == peer_ws());
        expect((deadline == AW_NEVER) == (options.connection.timeout == 0));
        snprintf(word, sizeof(word), "%s-%.*s", message->type == WS_BINARY ? "binary" : "text",
                 (int)message->length, (const char *)message->data);
        trace(word);
        if (taken == 0 && send_error == 0)
                return await(wait_in_vain(deadline));
        if (taken-- > 0)
                return 0;
        errno = send_error;
        return -1;
}

void
__wrap_ws_traffic(const struct ws *ws, struct ws_traffic *traffic)
{
        expect(ws == peer_ws());
        *traffic = moved;
}

async int
__wrap_ws_close(struct ws *ws, unsigned code, const char *reason)
{
        char word[40];
        int result = 0;

        expect(ws == peer_ws());
        snprintf(word, sizeof(word), "close-%u-%s", code, reason);
        trace(word);
        if (silent)
                result = await(wait_in_vain(AW_NEVER));
        close_error = result == 0 ? 0 : errno;
        return result;
}

static void
begin(void)
{
        options_init(&options);
        options.ending.code = 1001;
        options.ending.reason = "bye";
        connector = (struct connector){.options = &options};
        peer_close = (struct ws_peer_close){.code = 1000};
        report = (struct report){.open = false};
        refused = silent = false;
        coming = taken = 2;
        receive_error = send_error = EPIPE;
        close_error = -1;
        said_begin();
}

static async int
run(void *nothing)
{
        (void)nothing;
        status = (int)await(echo_run(&connector, &report, &printer));
        expect(report.open == !refused && report.closed == !refused);
        return 0;
}

static void
expect_outcome(int wanted, const char *words)
{
        expect_int(status, wanted);
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    words, said);
}

static async int
what_comes_goes_back_until_the_server_closes(NOTHING)
{
        begin();
        await(run(NULL));
        expect_trace("connect receive binary-ab receive text-a receive close-1001-bye");
        expect_outcome(CLIENT_OK, "");
        expect_int(close_error, 0);
        return 0;
}

static async int
a_bad_code_or_an_error_is_the_status(NOTHING)
{
        begin();
        coming = 0;
        peer_close.code = 1011;
        await(run(NULL));
        expect_trace("connect receive close-1001-bye");
        expect_outcome(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1011\n");
        begin();
        coming = 0;
        receive_error = ENOMEM;
        await(run(NULL));
        expect_trace("connect receive close-1001-bye");
        expect_outcome(CLIENT_LOCAL, "wsecho: Cannot allocate memory\n");
        begin();
        options.ending.close_ok = "1011";
        peer_close.code = 1011;
        coming = 0;
        await(run(NULL));
        expect_trace("connect receive close-1001-bye");
        expect_outcome(CLIENT_OK, "");
        return 0;
}

static async int
a_send_that_fails_is_the_last(NOTHING)
{
        begin();
        taken = 0;
        send_error = ENOMEM;
        await(run(NULL));
        expect_trace("connect receive binary-ab close-1001-bye");
        expect_outcome(CLIENT_LOCAL, "wsecho: Cannot allocate memory\n");
        begin();
        taken = 1;
        await(run(NULL));
        expect_trace("connect receive binary-ab receive text-a close-1001-bye");
        expect_outcome(CLIENT_OK, "");
        return 0;
}

static async int
without_a_connection_it_says_why(NOTHING)
{
        begin();
        refused = true;
        await(run(NULL));
        expect_trace("connect refused");
        expect_outcome(CLIENT_TLS, "");
        return 0;
}

/* A fifth of a second; whoever was not stopped waits for as long as it takes. */
static async int
stopped_it_does_not_wait_long_for_the_answer_to_its_close(NOTHING)
{
        struct aw_task *task;

        begin();
        coming = 0;
        receive_error = 0;
        silent = true;
        task = aw_spawn("echo", run, NULL);
        await(aw_sleep(0));
        expect_trace("connect receive");
        clock_stop();
        aw_cancel(task);
        await(clock_advance(0));
        expect_trace("close-1001-bye");
        await(clock_advance(199 * AW_MILLISECOND));
        expect(!aw_task_done(task));
        await(clock_advance(AW_MILLISECOND));
        expect(aw_task_done(task));
        clock_go_on();
        await(aw_join(task));
        expect_int(close_error, ECANCELED);
        expect_outcome(CLIENT_OK, "");
        begin();
        coming = 0;
        silent = true;
        task = aw_spawn("echo", run, NULL);
        await(aw_sleep(0));
        await(clock_advance(AW_SECOND));
        await(clock_advance(3600 * AW_SECOND));
        expect(!aw_task_done(task));
        expect_trace("connect receive close-1001-bye");
        aw_cancel(task);
        await(aw_join(task));
        return 0;
}

/* A server that moves, or time in which we did not run, begins it anew. */
static async int
a_server_that_takes_nothing_has_its_time_out(NOTHING)
{
        struct aw_task *task;

        begin();
        options.connection.timeout = AW_SECOND;
        coming = 1;
        taken = 0;
        send_error = 0;
        clock_stop();
        task = aw_spawn("echo", run, NULL);
        await(aw_sleep(0));
        expect_trace("connect receive text-a");
        moved.sent++;
        await(clock_advance(AW_SECOND));
        expect_trace("text-a");
        moved.received++;
        await(clock_advance(AW_SECOND));
        expect_trace("text-a");
        await(clock_advance(AW_SECOND + 200 * AW_MILLISECOND));
        expect_trace("text-a");
        await(clock_advance(AW_SECOND - AW_MILLISECOND));
        expect(!aw_task_done(task));
        silent = true;
        await(clock_advance(AW_MILLISECOND));
        expect_trace("close-1001-bye");
        await(clock_advance(200 * AW_MILLISECOND));
        expect(aw_task_done(task));
        clock_go_on();
        await(aw_join(task));
        expect_outcome(CLIENT_TIMEOUT,
                       "wsecho: time-out: 192.0.2.1:7681 does not take what is sent\n");
        begin();
        options.connection.timeout = 0;
        coming = 1;
        taken = 0;
        send_error = 0;
        task = aw_spawn("echo", run, NULL);
        await(aw_sleep(0));
        await(clock_advance(3600 * AW_SECOND));
        expect(!aw_task_done(task));
        expect_trace("connect receive text-a");
        aw_cancel(task);
        await(aw_join(task));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_comes_goes_back_until_the_server_closes),
                on_loop(a_bad_code_or_an_error_is_the_status),
                on_loop(a_send_that_fails_is_the_last),
                on_loop(without_a_connection_it_says_why),
                on_loop(stopped_it_does_not_wait_long_for_the_answer_to_its_close),
                on_loop(a_server_that_takes_nothing_has_its_time_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
