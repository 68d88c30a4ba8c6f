/* SPDX-License-Identifier: MIT */
/* Watching a listener: what is counted, what is told, and what became of a connection. */
#include "await/watch.h"
#include "unit/ws/raw.h"

/* Who watches, and the last that was told of the end of a connection. */
static struct watcher {
        struct ws_watch watch;
        struct ws_listener *listener;
        struct ws_info ended;
        char why[200], path[100];
} watcher;

static void
told(void *argument, enum ws_event event, const struct ws *ws)
{
        static const char *const names[] = {"accepted", "secure", "opened", "ended", "turned-away"};
        struct watcher *own = argument;

        trace(names[event]);
        if (event != WS_EVENT_ENDED)
                return;
        ws_info(ws, &own->ended);
        snprintf(own->why, sizeof(own->why), "%s", own->ended.why);
        snprintf(own->path, sizeof(own->path), "%s",
                 own->ended.request == NULL ? "" : own->ended.request->path);
}

static async void
watch_open(const char *url, struct aw_tls_context *tls)
{
        struct ws_listen_options options = {.url = url, .tls = tls, .watch = &watcher.watch};
        struct aw_error error = {.text = ""};

        watcher = (struct watcher){.watch = {.event = told, .argument = &watcher}};
        watcher.listener = await(ws_listen(&options, &error));
        test_expect(watcher.listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
}

/* Both ends of a connection to it. */
static async void
watch_pair(struct pair *pair, struct aw_tls_context *client_tls)
{
        struct connecting connecting = {.options = {.tls = client_tls}};

        connect_start(&connecting, ws_listener_url(watcher.listener, 0));
        pair->server = await(ws_accept(watcher.listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        pair->client = connecting.ws;
}

static struct ws_counters
counted(void)
{
        struct ws_counters counters = {.received = {.pings = 0}};

        ws_listener_count(watcher.listener, &counters);
        return counters;
}

static async void
wait_ended(void)
{
        wait_until(watcher.ended.ended != 0);
}

static async void
watch_close(void)
{
        ws_listener_close(watcher.listener);
        await(idle_turns());
}

static void
expect_end(enum ws_side side, const char *why, int line)
{
        test_expect(watcher.ended.ended_by == side && strcmp(watcher.why, why) == 0, __FILE__, line,
                    "it was ended by %d, '%s' (it was %d, '%s')", (int)side, why,
                    (int)watcher.ended.ended_by, watcher.why);
}

/* Counting. */

static async void
echo_once(struct ws *from, struct ws *to, enum ws_type type, size_t length)
{
        uint8_t *data = malloc(length + 1);
        struct ws_message message = message_of(type, data, length);

        memset(data, 'x', length + 1);
        expect_int(await(ws_send(from, &message, SOON)), 0);
        expect_int(await(ws_receive(to, &message, SOON)), 0);
        expect_int(await(ws_send(to, &message, SOON)), 0);
        expect_int(await(ws_receive(from, &message, SOON)), 0);
        free(data);
}

static void
expect_count(const struct ws_count *count, const uint64_t wanted[6], const char *what, int line)
{
        const uint64_t found[6] = {count->messages[0], count->messages[1], count->bytes[0],
                                   count->bytes[1],    count->pings,       count->pongs};

        for (size_t i = 0; i < 6; i++)
                test_expect(found[i] == wanted[i], __FILE__, line,
                            "number %zu of what was %s is %llu (it is %llu)", i, what,
                            (unsigned long long)wanted[i], (unsigned long long)found[i]);
}

static async int
messages_and_bytes_are_counted_by_direction_and_type(NOTHING)
{
        static const size_t lengths[] = {0, 1, 125, 126, 70000, 300000};
        const uint64_t both[6] = {6, 6, 370252, 370252, 0, 0};
        const uint64_t more[6] = {7, 6, 370260, 370252, 0, 0};
        struct ws_counters counters;
        struct pair pair;
        struct ws_info info;
        size_t i;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        for (i = 0; i < 6; i++) {
                await(echo_once(pair.client, pair.server, WS_TEXT, lengths[i]));
                await(echo_once(pair.client, pair.server, WS_BINARY, lengths[i]));
        }
        ws_info(pair.server, &info);
        expect_count(&info.received, both, "received", __LINE__);
        expect_count(&info.sent, both, "sent", __LINE__);
        /* A client counts its own. */
        ws_info(pair.client, &info);
        expect_count(&info.sent, both, "sent by the client", __LINE__);
        counters = counted();
        expect_count(&counters.received, both, "received by all", __LINE__);
        expect_count(&counters.sent, both, "sent by all", __LINE__);
        await(close_pair(&pair));
        /* What a connection did that is gone still counts, and so does the next. */
        await(watch_pair(&pair, NULL));
        await(echo_once(pair.client, pair.server, WS_TEXT, 8));
        counters = counted();
        expect_count(&counters.received, more, "received by both", __LINE__);
        expect_count(&counters.sent, more, "sent by both", __LINE__);
        await(close_pair(&pair));
        await(watch_close());
        return 0;
}

static async int
parts_are_one_message_and_a_half_one_is_bytes_alone(NOTHING)
{
        const uint64_t received[6] = {0, 0, 3, 0, 0, 0}, sent[6] = {1, 0, 9, 0, 0, 0};
        struct pair pair;
        struct ws_message part = message_of(WS_TEXT, "abc", 3);
        struct ws_info info;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        for (int i = 0; i < 3; i++)
                expect_int(await(ws_send_part(pair.server, &part, i == 2, SOON)), 0);
        expect_received(pair.client, "abcabcabc");
        expect_int(await(ws_send_part(pair.client, &part, false, SOON)), 0);
        wait_until(counted().received.bytes[0] == 3);
        ws_info(pair.server, &info);
        expect_count(&info.sent, sent, "sent", __LINE__);
        expect_count(&info.received, received, "received", __LINE__);
        ws_drop(pair.client);
        ws_drop(pair.server);
        await(watch_close());
        return 0;
}

static async int
pings_and_pongs_are_counted_each_way(NOTHING)
{
        const uint64_t counts[6] = {0, 0, 0, 0, 1, 2}, other[6] = {0, 0, 0, 0, 2, 1};
        struct ws_counters counters;
        struct pair pair;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        expect_int(await(ws_ping(pair.server, SOON)), 0);
        expect_int(await(ws_ping(pair.server, SOON)), 0);
        expect_int(await(ws_ping(pair.client, SOON)), 0);
        counters = counted();
        expect_count(&counters.received, counts, "received", __LINE__);
        expect_count(&counters.sent, other, "sent", __LINE__);
        await(close_pair(&pair));
        await(watch_close());
        return 0;
}

static uint64_t
timed(void)
{
        struct ws_counters counters = counted();
        uint64_t sum = 0;

        for (size_t i = 0; i <= AW_HISTOGRAM_BOUNDS; i++)
                sum += counters.echo.buckets[i];
        return sum;
}

/* Each read has one message here; an echo that was changed on the way is none. */
static async int
an_echo_of_each_17th_read_is_timed(NOTHING)
{
        struct pair pair;
        int i;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        for (i = 0; i < 34; i++)
                await(echo_once(pair.client, pair.server, WS_TEXT, 10));
        expect_int((long long)timed(), 2);
        for (i = 0; i < 34; i++) {
                expect_int(await(ws_send_text(pair.client, "a", SOON)), 0);
                expect_received(pair.server, "a");
                expect_int(await(ws_send_text(pair.server, "b", SOON)), 0);
                expect_received(pair.client, "b");
        }
        expect_int((long long)timed(), 2);
        await(close_pair(&pair));
        await(watch_close());
        return 0;
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
        expect(info.tls == NULL && !info.resumed && !info.tls_failed && !info.late);
        expect(strcmp(info.peer, ws_peer(pair.server)) == 0 && info.request != NULL);
        expect(info.ended_by == WS_SIDE_NONE && strcmp(info.why, "") == 0);
        await(close_pair(&pair));
        await(wait_ended());
        expect_trace("accepted opened ended");
        await(watch_close());
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
        char head[4096];
        int fd;

        await(watch_open(ANY_PORT, NULL));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        raw_send(fd, "nonsense\r\n\r\n", 12);
        await(raw_read_head(fd, head));
        close(fd);
        await(wait_ended());
        expect_int(watcher.ended.status, 400);
        expect_end(WS_SIDE_SERVER, "this is not an HTTP request", __LINE__);
        expect_trace("accepted ended");
        expect_log("refused with 400");
        await(watch_close());
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

/* What it does now. */

struct listed {
        size_t count, most;
};

static bool
list(const struct ws *ws, void *argument)
{
        struct listed *listed = argument;

        listed->count++;
        expect(ws_peer(ws)[0] != '\0');
        return listed->count < listed->most;
}

static async int
all_connections_of_a_listener_can_be_listed(NOTHING)
{
        struct listed all = {.most = 10}, some = {.most = 1};
        struct pair pairs[2];
        int fd;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pairs[0], NULL));
        await(watch_pair(&pairs[1], NULL));
        fd = raw_connect(ws_listener_url(watcher.listener, 0), 0);
        wait_until(ws_connection_count() == 5);
        ws_listener_each(watcher.listener, list, &all);
        expect_int((long long)all.count, 3);
        ws_listener_each(watcher.listener, list, &some);
        expect_int((long long)some.count, 1);
        close(fd);
        await(close_pair(&pairs[0]));
        await(close_pair(&pairs[1]));
        wait_until(ws_connection_count() == 0);
        await(watch_close());
        return 0;
}

static async int
receive_once(void *argument)
{
        struct ws_message message;

        return await(ws_receive(argument, &message, SOON));
}

static async int
it_shows_where_a_task_waits_and_what_waits(NOTHING)
{
        struct pair pair;
        struct ws_info info;
        struct aw_task *task;

        await(watch_open(ANY_PORT, NULL));
        await(watch_pair(&pair, NULL));
        ws_info(pair.server, &info);
        expect(info.awaits == NULL && info.unread == 0 && info.queued == 0);
        task = aw_spawn("receive", receive_once, pair.server);
        await(aw_sleep(0));
        ws_info(pair.server, &info);
        expect(info.awaits != NULL && strstr(info.awaits, "ws_receive(argument") != NULL);
        expect_int(await(ws_send_text(pair.client, "one", SOON)), 0);
        expect_int(await(aw_join(task)), 0);
        expect_int(await(ws_send_text(pair.client, "two", SOON)), 0);
        wait_until(has_inbox(pair.server));
        ws_info(pair.server, &info);
        expect(info.awaits == NULL && info.unread == inbox_bytes(pair.server));
        expect_int(await(ws_send_text(pair.server, "three", SOON)), 0);
        ws_info(pair.server, &info);
        expect(info.queued == outbox_bytes(pair.server) && info.queued > 0);
        ws_drop(pair.client);
        ws_drop(pair.server);
        await(watch_close());
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(messages_and_bytes_are_counted_by_direction_and_type),
                on_loop(parts_are_one_message_and_a_half_one_is_bytes_alone),
                on_loop(pings_and_pongs_are_counted_each_way),
                on_loop(an_echo_of_each_17th_read_is_timed),
                on_loop(a_connections_life_is_told_in_order),
                on_loop(the_client_that_closes_is_who_ends_it),
                on_loop(the_program_that_closes_is_who_ends_it),
                on_loop(a_program_that_drops_it_ends_it),
                on_loop(a_client_that_goes_or_breaks_a_rule_is_told_of),
                on_loop(a_reset_is_told_of),
                on_loop(a_listener_that_drains_ends_its_connections),
                on_loop(a_refused_request_is_told_of_with_its_status),
                on_loop(who_goes_before_the_handshake_is_told_of),
                on_loop(tls_is_told_of_with_its_version),
                on_loop(a_tls_handshake_that_fails_is_told_of_with_the_reason),
                on_loop(all_connections_of_a_listener_can_be_listed),
                on_loop(it_shows_where_a_task_waits_and_what_waits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
