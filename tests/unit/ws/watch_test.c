/* SPDX-License-Identifier: MIT */
/* Watching a listener: what is counted, and what a connection does now. */
#include "unit/ws/watched.h"

/* Counting. */

static struct ws_counters
counted(void)
{
        struct ws_counters counters = {.received = {.pings = 0}};

        ws_listener_count(watcher.listener, &counters);
        return counters;
}

static async void
echo_once(struct ws *from, struct ws *to, enum ws_type type, size_t length)
{
        uint8_t *data = malloc(length + 1);
        struct ws_message message;

        memset(data, 'x', length + 1);
        message = message_of(type, data, length);
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
                on_loop(all_connections_of_a_listener_can_be_listed),
                on_loop(it_shows_where_a_task_waits_and_what_waits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
