/* SPDX-License-Identifier: MIT */
/* Back-pressure. */
#include "unit/ws/raw.h"

#define PIECE ((size_t)50000)

/* What one end sends: messages with numbers, of PIECE bytes, until it is told to stop or fails. */
struct flow {
        struct ws *ws;
        aw_time patience; /* for one message */
        size_t sent;
        size_t most;
};

static async int
flow_send(void *argument)
{
        struct flow *flow = argument;
        uint8_t *data = calloc(1, PIECE);
        struct ws_message message = message_of(WS_BINARY, data, PIECE);
        int result = 0;

        while (result == 0 && flow->sent < flow->most) {
                memcpy(data, &flow->sent, sizeof(flow->sent));
                result = await(ws_send(
                        flow->ws, &message,
                        flow->patience == AW_NEVER ? AW_NEVER : aw_loop_now() + flow->patience));
                flow->sent += result == 0;
        }
        free(data);
        return result;
}

/* Receives that many and sees that they are the right ones. */
static async void
flow_receive(struct ws *ws, size_t from, size_t to)
{
        struct ws_message message;
        size_t i;

        for (i = from; i < to; i++)
                if (!expect_int(await(ws_receive(ws, &message, SOON)), 0) ||
                    !expect_int((long long)message.length, PIECE) ||
                    !expect(memcmp(message.data, &i, sizeof(i)) == 0))
                        return;
}

/* Whether no more is taken: what waits here has not changed although there were turns to send it. */
static async bool
is_full(const struct ws *ws, const struct ws *peer)
{
        size_t before = outbox_bytes(ws);

        await(idle_turns());
        return before > WS_QUEUE_LOW && outbox_bytes(ws) == before &&
               (peer == NULL || is_paused(peer));
}

/*
 * Sends until nothing more is taken, and the peer, if it is one of ours, has stopped reading. A
 * time-out alone does not show it: where the machine stands still, it comes before the turn in which
 * more would have gone.
 */
static async struct flow
fill(struct ws *ws, const struct ws *peer)
{
        struct flow flow = {.ws = ws, .patience = 30 * AW_MILLISECOND, .most = 10000};

        do
                expect_error(await(flow_send(&flow)), ETIMEDOUT);
        while (!await(is_full(ws, peer)) && test_failures == 0);
        /* What the kernel takes is its affair; here a little more than 256 KiB may wait. */
        expect(outbox_bytes(ws) > WS_QUEUE_LOW);
        expect(outbox_bytes(ws) < WS_QUEUE_HIGH + 2 * PIECE);
        return flow;
}

static async int
a_sender_waits_while_the_peer_does_not_receive(struct pair *pair)
{
        struct ws *from[] = {pair->client, pair->server}, *to[] = {pair->server, pair->client};
        struct flow flow;
        struct aw_task *task;
        int i;

        for (i = 0; i < 2; i++) {
                flow = await(fill(from[i], to[i]));
                expect(inbox_bytes(to[i]) > WS_QUEUE_HIGH);
                expect(inbox_bytes(to[i]) < WS_QUEUE_HIGH + 2 * PIECE + (256U << 10));
                /* It goes on when the peer does, and nothing was lost or sent twice. */
                flow.patience = AW_NEVER;
                flow.most = flow.sent + 100;
                task = aw_spawn("send", flow_send, &flow);
                await(flow_receive(to[i], 0, flow.most));
                expect_int(await(aw_join(task)), 0);
        }
        await(close_pair(pair));
        return 0;
}

static async int
both_sides_may_be_full_and_go_on(struct pair *pair)
{
        struct flow up = await(fill(pair->client, pair->server)),
                    down = await(fill(pair->server, pair->client));

        await(flow_receive(pair->server, 0, up.sent));
        await(flow_receive(pair->client, 0, down.sent));
        expect_int(await(ws_send_text(pair->client, "up", SOON)), 0);
        expect_int(await(ws_send_text(pair->server, "down", SOON)), 0);
        expect_received(pair->server, "up");
        expect_received(pair->client, "down");
        await(close_pair(pair));
        return 0;
}

/* An echo's peer that only sends: neither inbox nor outbox grows without bound. */
static async int
an_echo_to_a_peer_that_does_not_read_holds_a_bounded_amount(struct pair *pair)
{
        struct flow flow = {.ws = pair->client, .patience = AW_NEVER, .most = 10000};
        struct aw_task *task = aw_spawn("send", flow_send, &flow);
        struct ws_message message;
        size_t back = 0;
        int result;

        do {
                expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
                while ((result = await(ws_send(pair->server, &message,
                                               aw_loop_now() + 30 * AW_MILLISECOND))) == -1 &&
                       !await(is_full(pair->server, pair->client)) && test_failures == 0)
                        expect_int(errno, ETIMEDOUT);
                back += result == 0;
        } while (result == 0 && test_failures == 0);
        /* The one that sends can go on only if the echo does. */
        wait_until(is_paused(pair->server));
        expect(!aw_task_done(task));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect(outbox_bytes(pair->server) + inbox_bytes(pair->server) <
               2 * WS_QUEUE_HIGH + 4 * PIECE);
        await(flow_receive(pair->client, 0, back));
        return 0;
}

static async int
several_senders_wait_and_go_on_in_turn(struct pair *pair)
{
        struct flow first = await(fill(pair->client, pair->server)), flows[3];
        struct aw_task *tasks[3];
        struct ws_message message;
        size_t i;

        for (i = 0; i < 3; i++) {
                flows[i] = (struct flow){.ws = pair->client, .patience = AW_NEVER, .most = 20};
                tasks[i] = aw_spawn("send", flow_send, &flows[i]);
        }
        for (i = 0; i < first.sent + 3 * flows[0].most; i++)
                if (!expect_int(await(ws_receive(pair->server, &message, SOON)), 0))
                        break;
        expect_int(await(aw_gather(tasks, 3, NULL)), 0);
        return 0;
}

static async int
a_sender_that_waits_can_be_cancelled(struct pair *pair)
{
        struct flow flow = await(fill(pair->client, pair->server));
        struct aw_task *task;

        flow.patience = AW_NEVER;
        task = aw_spawn("send", flow_send, &flow);
        await(idle_turns());
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        await(flow_receive(pair->server, 0, flow.sent));
        expect_int(await(ws_send_text(pair->client, "the next", SOON)), 0);
        expect_received(pair->server, "the next");
        return 0;
}

static async int
a_sender_that_waits_fails_when_the_connection_is_lost(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096));
        struct flow flow = await(fill(server, NULL));
        struct aw_task *task;

        flow.patience = AW_NEVER;
        task = aw_spawn("send", flow_send, &flow);
        await(idle_turns());
        expect(!aw_task_done(task));
        raw_reset(fd);
        expect_error(await(aw_join(task)), EPIPE);
        ws_drop(server);
        return 0;
}

static async int
a_sender_that_waits_fails_when_the_peer_breaks_the_protocol(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096));
        struct flow flow = {.ws = server, .patience = AW_NEVER, .most = 10000};
        struct aw_task *task;

        raw_frame(fd, 0xf1, RAW_MASK, "reserved bits", 13);
        task = aw_spawn("send", flow_send, &flow);
        expect_error(await(aw_join(task)), EPIPE);
        expect_log("reserved bits");
        ws_drop(server);
        close(fd);
        return 0;
}

/* Sends all of it, in as many pieces as it takes: this thread has to read it as well. */
static async void
send_as_it_goes(int fd, const uint8_t *data, size_t length)
{
        size_t done = 0;
        ssize_t more;

        while (done < length && test_failures == 0) {
                more = send(fd, data + done, length - done, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (more > 0)
                        done += (size_t)more;
                else if (expect_int(errno, EAGAIN))
                        await(aw_sleep(0));
        }
}

/*
 * A peer that sends pings and does not read: beyond a number of Pongs there is one for the last ping
 * of many (section 5.5.3), and reading goes on.
 */
static async int
of_too_many_pongs_that_wait_only_the_last_are_sent(struct pair *pair)
{
        uint8_t ping[6 + 125] = {0x89, 0x80 | 125}, last[2 + 125] = {0};
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 4096));
        size_t pings = 40000, pongs = 0, i;

        for (i = 0; i < pings && test_failures == 0; i++) {
                memset(ping + 6, 0, 125);
                memcpy(ping + 6, &i, sizeof(i));
                await(send_as_it_goes(fd, ping, sizeof(ping)));
        }
        await(send_as_it_goes(fd, (const uint8_t *)"\x81\x83\0\0\0\0end", 9));
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_text(&message, "end");
        expect(!is_paused(server));
        expect(outbox_bytes(server) < 2 * WS_QUEUE_HIGH);
        do {
                if (!await(raw_read_all(fd, last, sizeof(last))))
                        break;
                expect_int(last[0], 0x8a);
                expect(memcmp(last + 2, &pongs, sizeof(pongs)) == 0 || pongs > 1000);
                pongs++;
                memcpy(&i, last + 2, sizeof(i));
        } while (i != pings - 1 && test_failures == 0);
        expect(pongs < pings);
        ws_drop(server);
        close(fd);
        return 0;
}

struct pinging {
        struct ws *ws;
        unsigned number;
};

static async int
ping_all(void *argument)
{
        struct pinging *pinging = argument;
        unsigned i;

        for (i = 0; i < pinging->number; i++)
                if (ws_output_queue_control(pinging->ws, WS_OP_PING, (const uint8_t *)"", 0) == -1)
                        return -1;
        return await(ws_ping(pinging->ws, SOON));
}

/* Far more than either side may keep: neither may stop reading for the other one's sake. */
static async int
two_that_flood_each_other_with_pings_get_their_pongs(struct pair *pair)
{
        struct pinging up = {pair->client, 20000}, down = {pair->server, 20000};
        struct aw_task *one = aw_spawn("ping", ping_all, &up);
        struct aw_task *two = aw_spawn("ping", ping_all, &down);

        expect_int(await(aw_join(one)), 0);
        expect_int(await(aw_join(two)), 0);
        await(close_pair(pair));
        return 0;
}

static async int
send_one(void *argument)
{
        struct flow *flow = argument;
        uint8_t *data = pattern(flow->most);
        struct ws_message message = message_of(WS_BINARY, data, flow->most);
        int result = await(ws_send(flow->ws, &message, SOON));

        if (result == 0)
                result = await(ws_receive(flow->ws, &message, SOON));
        if (result == 0)
                expect_message(&message, WS_BINARY, data, flow->most);
        free(data);
        return result;
}

static async int
two_that_send_the_largest_message_at_once_both_get_it(struct pair *pair)
{
        struct flow up = {.ws = pair->client, .most = WS_MESSAGE_MAX},
                    down = {.ws = pair->server, .most = WS_MESSAGE_MAX};
        struct aw_task *one = aw_spawn("send", send_one, &up);
        struct aw_task *two = aw_spawn("send", send_one, &down);

        expect_int(await(aw_join(one)), 0);
        expect_int(await(aw_join(two)), 0);
        await(close_pair(pair));
        return 0;
}

/* A peer that takes a few bytes at a time gets all of them, in order. */
static async int
a_slow_reader_gets_everything(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096));
        size_t size = 3000000, done = 0;
        uint8_t *data = pattern(size), *got = malloc(size + 10);
        struct ws_message message = message_of(WS_BINARY, data, size);

        expect_int(await(ws_send(server, &message, SOON)), 0);
        while (done < size + 10) {
                ssize_t length = await(raw_read(fd, got + done, 100 + done % 5000));

                if (!expect(length > 0))
                        break;
                done += (size_t)length;
                if (done > size + 10 - 5000)
                        break;
        }
        await(raw_read_all(fd, got + done, size + 10 - done));
        expect(memcmp(got, "\x82\x7f\0\0\0\0\0\x2d\xc6\xc0", 10) == 0);
        expect(memcmp(got + 10, data, size) == 0);
        free(got);
        free(data);
        ws_drop(server);
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_both_pairs(a_sender_waits_while_the_peer_does_not_receive),
                on_both_pairs(both_sides_may_be_full_and_go_on),
                on_both_pairs(an_echo_to_a_peer_that_does_not_read_holds_a_bounded_amount),
                on_both_pairs(several_senders_wait_and_go_on_in_turn),
                on_both_pairs(a_sender_that_waits_can_be_cancelled),
                on_pair(a_sender_that_waits_fails_when_the_connection_is_lost),
                on_pair(a_sender_that_waits_fails_when_the_peer_breaks_the_protocol),
                on_pair(of_too_many_pongs_that_wait_only_the_last_are_sent),
                on_both_pairs(two_that_flood_each_other_with_pings_get_their_pongs),
                on_both_pairs(two_that_send_the_largest_message_at_once_both_get_it),
                on_pair(a_slow_reader_gets_everything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
