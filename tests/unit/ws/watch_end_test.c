/* SPDX-License-Identifier: MIT */
/* Watching a listener: what is told of a connection, who ended it, and why. */
#include "unit/clock.h"
#include "unit/ws/watched.h"

static void
expect_end(enum ws_side side, const char *why, int line)
{
        test_expect(watcher.ended.ended_by == side && strcmp(watcher.why, why) == 0, __FILE__, line,
                    "it was ended by %d, '%s' (it was %d, '%s')", (int)side, why,
                    (int)watcher.ended.ended_by, watcher.why);
}

/* Events, and ends. */

static async int
a_connections_life_is_told_in_order(NOTHING)
{
        struct pair pair;
        struct ws_info info;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        ws_info(pair.server, &info);
        expect_int(info.status, 101);
        expect(info.accepted != 0 && info.opened >= info.accepted && info.ended == 0);
        expect(info.tls == NULL && !info.resumed && !info.tls_failed &&
               info.limit == WS_LIMIT_NONE);
        expect(strcmp(info.peer, ws_peer(pair.server)) == 0 && info.request != NULL);
        expect(info.ended_by == WS_SIDE_NONE && strcmp(info.why, "") == 0);
        await(close_pair(&pair));
        await(wait_ended());
        expect_trace("accepted opened ended");
        await(watch_close());
        return 0;
}

/* Who says nothing has lost it. */
static async int
the_words_for_a_loss_are_those_of_its_error(NOTHING)
{
        static const struct {
                int error;
                const char *words;
        } all[] = {{0, "out of memory"},
                   {ENOMEM, "out of memory"},
                   {ECONNABORTED, "it ended the stream"},
                   {ECONNRESET, "it reset the connection"},
                   {EPIPE, "it reset the connection"},
                   {ETIMEDOUT, "it was not there any more"},
                   {EHOSTUNREACH, "the connection was lost"}};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct pair pair;
                struct ws_info info;

                await(watch_open(ANY_PORT, NULL));
                await(watch_pair(&pair, NULL));
                ws_watch_lost(pair.server, all[i].error, NULL);
                ws_info(pair.server, &info);
                test_expect(strcmp(info.why, all[i].words) == 0, __FILE__, __LINE__,
                            "%d is '%s' (it is '%s')", all[i].error, all[i].words, info.why);
                expect_int(info.ended_by, strcmp(info.why, "out of memory") == 0 ? WS_SIDE_SERVER
                                                                                 : WS_SIDE_CLIENT);
                ws_drop(pair.client);
                ws_drop(pair.server);
                await(wait_ended());
                await(watch_close());
                test_trace[0] = '\0';
        }
        return 0;
}

static async int
the_client_that_closes_is_who_ends_it(NOTHING)
{
        struct pair pair;
        struct aw_task *task;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        task = aw_spawn("close", close_in_task, pair.client);
        expect_closed(pair.server, WS_NORMAL, "");
        expect_int(await(ws_close(pair.server, 4001, NULL)), 0);
        expect_int(await(aw_join(task)), 0);
        await(wait_ended());
        expect_end(WS_SIDE_CLIENT, "it closed", __LINE__);
        expect_int(watcher.ended.received_close, WS_NORMAL);
        expect_int(watcher.ended.sent_close, WS_NORMAL);
        await(watch_close());
        return 0;
}

static async int
the_program_that_closes_is_who_ends_it(NOTHING)
{
        struct pair pair;
        struct aw_task *task;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        task = aw_spawn("close", close_in_task, pair.server);
        expect_closed(pair.client, WS_NORMAL, "");
        expect_int(await(ws_close(pair.client, WS_NORMAL, NULL)), 0);
        expect_int(await(aw_join(task)), 0);
        await(wait_ended());
        expect_end(WS_SIDE_SERVER, "the program closed", __LINE__);
        expect_int(watcher.ended.sent_close, WS_NORMAL);
        expect_int(watcher.ended.received_close, WS_NORMAL);
        await(watch_close());
        return 0;
}

static async int
a_program_that_drops_it_ends_it(NOTHING)
{
        struct pair pair;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        ws_drop(pair.server);
        await(wait_ended());
        expect_end(WS_SIDE_SERVER, "the program dropped it", __LINE__);
        expect_int(watcher.ended.sent_close, 0);
        expect_int(watcher.ended.received_close, 0);
        ws_drop(pair.client);
        await(watch_close());
        return 0;
}

/* A raw client does this; the server's end is closed as an echo would. */
static async void
expect_raw_end(void (*act)(int fd), enum ws_side side, const char *why, unsigned sent, int line)
{
        struct ws *server;
        struct ws_message message;
        int fd;

        await(watch_open(ANY_PORT, NULL));
        fd = await(raw_client(watcher.listener, &server, 0));
        act(fd);
        expect_int(await(ws_receive(server, &message, SOON)), -1);
        shutdown(fd, SHUT_WR);
        await(ws_close(server, WS_NORMAL, NULL));
        await(wait_ended());
        expect_end(side, why, line);
        test_expect_int(watcher.ended.sent_close, sent, __FILE__, line, "the code sent");
        close(fd);
        await(watch_close());
}

static void
end_stream(int fd)
{
        shutdown(fd, SHUT_WR);
}

static void
reset(int fd)
{
        struct linger linger = {.l_onoff = 1};

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(dup2(open("/dev/null", O_RDONLY), fd));
}

static void
send_unmasked(int fd)
{
        raw_send(fd, "\x81\x01x", 3);
}

static async int
a_client_that_goes_or_breaks_a_rule_is_told_of(NOTHING)
{
        await(expect_raw_end(end_stream, WS_SIDE_CLIENT, "it ended the stream", WS_NORMAL,
                             __LINE__));
        await(expect_raw_end(send_unmasked, WS_SIDE_SERVER, "a frame without mask",
                             WS_PROTOCOL_ERROR, __LINE__));
        expect_log("closing with 1002: a frame without mask");
        return 0;
}

static async int
a_reset_is_told_of(NOTHING)
{
        struct ws *server;
        struct ws_message message;
        int fd;

        await(watch_open(ANY_PORT, NULL));
        fd = await(raw_client(watcher.listener, &server, 0));
        reset(fd);
        expect_error(await(ws_receive(server, &message, SOON)), EPIPE);
        await(wait_ended());
        expect_end(WS_SIDE_CLIENT, "it reset the connection", __LINE__);
        ws_drop(server);
        await(watch_close());
        return 0;
}

static async int
a_listener_that_drains_ends_its_connections(NOTHING)
{
        struct pair pair;
        struct ws_message message;
        struct aw_task *task;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        ws_listener_drain(watcher.listener);
        expect_error(await(ws_receive(pair.server, &message, SOON)), ESHUTDOWN);
        task = aw_spawn("close", close_in_task, pair.server);
        expect_closed(pair.client, WS_GOING_AWAY, "");
        expect_int(await(ws_close(pair.client, WS_NORMAL, NULL)), 0);
        expect_int(await(aw_join(task)), 0);
        await(wait_ended());
        expect_end(WS_SIDE_SERVER, "the server ends", __LINE__);
        await(watch_close());
        return 0;
}

static async int
a_refused_request_is_told_of_with_its_status(NOTHING)
{
        static const char *const cases[][2] = {
                {"nonsense\r\n\r\n", "this is not an HTTP request"},
                {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", "a header field of the request is not right"},
        };
        char head[4096];
        int fd;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                await(watch_open(ANY_PORT, NULL));
                fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
                raw_send(fd, cases[i][0], strlen(cases[i][0]));
                await(raw_read_head(fd, head));
                close(fd);
                await(wait_ended());
                expect_int(watcher.ended.status, 400);
                expect_end(WS_SIDE_SERVER, cases[i][1], __LINE__);
                expect_trace("accepted ended");
                expect_log("refused with 400");
                await(watch_close());
        }
        return 0;
}

static async int
who_goes_before_the_handshake_is_told_of(NOTHING)
{
        int fd;

        await(watch_open(ANY_PORT, NULL));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        raw_send(fd, "GET / HT", 8);
        close(fd);
        await(wait_ended());
        expect_int(watcher.ended.status, 0);
        expect(watcher.ended.opened == 0 && watcher.ended.request == NULL);
        expect_end(WS_SIDE_CLIENT, "it ended the stream", __LINE__);
        await(watch_close());
        return 0;
}

static async int
a_handshake_that_takes_too_long_is_told_of(NOTHING)
{
        int fd;

        await(watch_open(ANY_PORT, NULL));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        wait_until(ws_connection_count() == 1);
        await(clock_advance(WS_HANDSHAKE_TIME));
        await(wait_ended());
        expect(watcher.ended.limit == WS_LIMIT_HANDSHAKE_TIMEOUT && watcher.ended.status == 408);
        expect_end(WS_SIDE_SERVER, "no complete handshake in time", __LINE__);
        expect_log("refused with 408: no complete handshake in time");
        close(fd);
        await(watch_close());
        return 0;
}

static async int
a_client_that_answers_no_ping_is_told_of(NOTHING)
{
        struct ws *server;
        int fd;

        await(watch_open(ANY_PORT, NULL));
        fd = await(raw_client(watcher.listener, &server, 0));
        for (int i = 0; i < 3; i++)
                await(clock_advance(61 * AW_SECOND));
        await(wait_ended());
        expect_end(WS_SIDE_SERVER, "it did not answer pings", __LINE__);
        expect(watcher.ended.ended - watcher.ended.opened >= 120 * AW_SECOND);
        expect_log("it does not answer pings");
        ws_drop(server);
        close(fd);
        await(watch_close());
        return 0;
}

static async int
tls_is_told_of_with_its_version(NOTHING)
{
        struct aw_error error;
        struct aw_tls_context *server = aw_tls_context_server(NULL, NULL, &error);
        struct aw_tls_context *client = aw_tls_context_client(NULL, true, &error);
        struct pair pair;

        await(watch_open("wss://127.0.0.1:0", server));
        await(watch_pair(&pair, client));
        await(close_pair(&pair));
        await(wait_ended());
        expect_trace("accepted secure opened ended");
        expect(watcher.ended.tls != NULL && strcmp(watcher.ended.tls, "TLSv1.3") == 0);
        expect(!watcher.ended.resumed);
        await(watch_close());
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
        return 0;
}

static async int
a_tls_handshake_that_fails_is_told_of_with_the_reason(NOTHING)
{
        struct aw_error error;
        struct aw_tls_context *server = aw_tls_context_server(NULL, NULL, &error);
        int fd;

        await(watch_open("wss://127.0.0.1:0", server));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        raw_send(fd, "\x16\x03\x01\x00\x01\x00 and more nonsense", 24);
        await(wait_ended());
        expect(watcher.ended.tls_failed && watcher.ended.tls == NULL);
        expect(watcher.ended.ended_by == WS_SIDE_CLIENT && watcher.why[0] != '\0');
        expect_log("TLS: ");
        close(fd);
        await(watch_close());
        aw_tls_context_unref(server);
        return 0;
}

/* It has had its alert, and does not go. */
static async int
who_stays_after_bad_TLS_is_left(NOTHING)
{
        struct aw_error error;
        struct aw_tls_context *tls = aw_tls_context_server(NULL, NULL, &error);
        size_t descriptors;
        int fd;

        await(watch_open("wss://127.0.0.1:0", tls));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        raw_send(fd, "this is no TLS", 14);
        await(wait_ended());
        expect(watcher.ended.tls_failed);
        expect_log(": TLS: ");
        descriptors = test_count_descriptors();
        await(clock_advance(60 * AW_SECOND));
        await(idle_turns());
        expect_int((long long)test_count_descriptors(), (long long)descriptors - 1);
        close(fd);
        await(watch_close());
        aw_tls_context_unref(tls);
        return 0;
}

/* It is not told why: it speaks no HTTP yet. */
static async int
so_is_one_of_TLS(NOTHING)
{
        struct aw_error error;
        struct aw_tls_context *tls = aw_tls_context_server(NULL, NULL, &error);
        const char *line;
        int fd;

        await(watch_open("wss://127.0.0.1:0", tls));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        wait_until(ws_connection_count() == 1);
        await(clock_advance(WS_HANDSHAKE_TIME));
        await(wait_ended());
        expect(watcher.ended.limit == WS_LIMIT_HANDSHAKE_TIMEOUT && watcher.ended.status == 0);
        expect_end(WS_SIDE_SERVER, "no complete handshake in time", __LINE__);
        line = test_log_find(": no complete handshake in time");
        expect(strncmp(line, "127.0.0.1:", 10) == 0 && strstr(line, "refused") == NULL);
        await(raw_expect_end(fd));
        close(fd);
        await(watch_close());
        aw_tls_context_unref(tls);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_connections_life_is_told_in_order),
                on_loop(the_words_for_a_loss_are_those_of_its_error),
                on_loop(the_client_that_closes_is_who_ends_it),
                on_loop(the_program_that_closes_is_who_ends_it),
                on_loop(a_program_that_drops_it_ends_it),
                on_loop(a_client_that_goes_or_breaks_a_rule_is_told_of),
                on_loop(a_reset_is_told_of),
                on_loop(a_listener_that_drains_ends_its_connections),
                on_loop(a_refused_request_is_told_of_with_its_status),
                on_loop(who_goes_before_the_handshake_is_told_of),
                on_loop(a_handshake_that_takes_too_long_is_told_of),
                on_loop(so_is_one_of_TLS),
                on_loop(who_stays_after_bad_TLS_is_left),
                on_loop(a_client_that_answers_no_ping_is_told_of),
                on_loop(tls_is_told_of_with_its_version),
                on_loop(a_tls_handshake_that_fails_is_told_of_with_the_reason),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
