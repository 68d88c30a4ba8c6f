/* SPDX-License-Identifier: MIT */
/* Large compressed messages: nobody else waits for them, and memory is bounded. */
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/ws/deflate_test.h"

/* A clock that may stand still. */
static bool clock_stands;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
        static struct timespec stopped;
        int result = (int)syscall(SYS_clock_gettime, clock, now);

        if (clock != CLOCK_MONOTONIC)
                return result;
        if (clock_stands)
                *now = stopped;
        stopped = *now;
        return result;
}

/* Large messages. */

struct sending {
        struct ws *ws;
        struct ws_message message;
        aw_time deadline;
        int result, error;
        bool over;
};

static async int
send_in_task(void *argument)
{
        struct sending *sending = argument;

        sending->result = await(ws_send(sending->ws, &sending->message, sending->deadline));
        sending->error = errno;
        sending->over = true;
        return 0;
}

static struct aw_task *
send_much(struct sending *sending, struct ws *ws, const uint8_t *data, aw_time deadline)
{
        *sending = (struct sending){
                .ws = ws, .message = message_of(WS_BINARY, data, 4 * MIB), .deadline = deadline};
        return aw_spawn("send", send_in_task, sending);
}

/* More than half a second's work; in the turns in between others can do theirs. */
static async int
others_have_turns_while_a_large_message_is_compressed(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending, second;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON), *other;
        struct ws_message message;
        int turns = 0;

        memset(data, 'x', MIB);
        wait_until(is_compressing(pair->client));
        /* Another task's message waits for the end of this one. */
        second = (struct sending){
                .ws = pair->client, .message = message_of(WS_TEXT, "second", 6), .deadline = SOON};
        other = aw_spawn("other", send_in_task, &second);
        for (; !sending.over; turns++) {
                expect(!second.over);
                await(aw_sleep(0));
        }
        expect(turns > 20);
        expect_int(sending.result, 0);
        await(aw_join(task));
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, data, 4 * MIB);
        expect_received(pair->server, "second");
        await(aw_join(other));
        expect_int(second.result, 0);
        free(data);
        return 0;
}

static async int
a_time_out_or_a_cancellation_stops_compressing(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending;
        struct aw_task *task = send_much(&sending, pair->client, data, aw_loop_now());

        wait_until(sending.over);
        await(aw_join(task));
        expect_int(sending.result, -1);
        expect_int(sending.error, ETIMEDOUT);
        task = send_much(&sending, pair->client, data, SOON);
        wait_until(is_compressing(pair->client));
        aw_cancel(task);
        wait_until(sending.over);
        await(aw_join(task));
        expect_int(sending.error, ECANCELED);
        /* Nothing was queued, and the peer misses nothing that is referred to. */
        expect_int(await(ws_send_text(pair->client, "xxxxxxxxxxxxxxxxxxxx", SOON)), 0);
        expect_received(pair->server, "xxxxxxxxxxxxxxxxxxxx");
        free(data);
        return 0;
}

static async int
a_part_that_fails_ends_the_message(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct ws_message part = message_of(WS_BINARY, data, 4 * MIB);

        part.length = 1000;
        expect_int(await(ws_send_part(pair->client, &part, false, SOON)), 0);
        part.length = 4 * MIB;
        expect_error(await(ws_send_part(pair->client, &part, false, aw_loop_now())), ETIMEDOUT);
        expect_error(await(ws_send_part(pair->client, &part, true, SOON)), EPIPE);
        await(close_pair(pair));
        free(data);
        return 0;
}

static async int
a_connection_that_is_dropped_stops_compressing(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON);

        wait_until(is_compressing(pair->client));
        ws_drop(pair->client);
        pair->client = NULL;
        await(aw_join(task));
        expect_int(sending.result, -1);
        expect_int(sending.error, EPIPE);
        free(data);
        return 0;
}

static async int
a_connection_that_closes_stops_compressing(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON);

        wait_until(is_compressing(pair->client));
        ws_shutdown(pair->client, WS_NORMAL, NULL);
        wait_until(sending.over);
        await(aw_join(task));
        expect_int(sending.error, EPIPE);
        expect_closed(pair->server, WS_NORMAL, "");
        free(data);
        return 0;
}

/* One that waited for the end of it goes out all the same. */
static async int
a_message_that_is_given_up_lets_the_next_one_go(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending, second;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON), *other;

        wait_until(is_compressing(pair->client));
        second = (struct sending){
                .ws = pair->client, .message = message_of(WS_TEXT, "second", 6), .deadline = SOON};
        other = aw_spawn("other", send_in_task, &second);
        /* Of the hundred or so that the message takes. */
        for (int i = 0; i < 10; i++)
                await(aw_sleep(0));
        expect(!second.over);
        aw_cancel(task);
        await(aw_join(task));
        expect_int(sending.error, ECANCELED);
        await(aw_join(other));
        expect_int(second.result, 0);
        expect_received(pair->server, "second");
        free(data);
        return 0;
}

/* Inflates to a thousand times of what it is; no turn does more than its share. */
static async void
inflate_a_bomb(struct pair *pair, bool stands)
{
        uint8_t *zeros = calloc(16, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, 16 * MIB);
        size_t before = 0, now = 0, most = 0, most_held = 0;
        const struct ws_buffer *half;

        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect(counts_of(pair->client).sent.compressed < 20000);
        clock_stands = stands;
        while (now < 16 * MIB && test_failures == 0) {
                await(aw_sleep(0));
                now = inflated(pair->server);
                half = half_a_message(pair->server);
                expect(half == NULL || half->capacity <= 65536 ||
                       half->capacity <= 4 * half->length + 1024);
                most = now - before > most ? now - before : most;
                most_held =
                        held_bytes(pair->server) > most_held ? held_bytes(pair->server) : most_held;
                before = now;
        }
        /* A step more is begun before the share is used up, and sums of turns are seen. */
        clock_stands = false;
        expect(most <= 2 * (MIB + 128 * 1024));
        expect(most_held < WS_CONNECTION_MAX(16 * MIB));
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, zeros, 16 * MIB);
        free(zeros);
}

static async int
a_bomb_is_inflated_a_share_at_a_time(struct pair *pair)
{
        await(inflate_a_bomb(pair, false));
        return 0;
}

/* However fast the machine is, a share has so many bytes. */
static async int
a_bomb_is_inflated_a_share_at_a_time_if_that_takes_none(struct pair *pair)
{
        await(inflate_a_bomb(pair, true));
        return 0;
}

/* Small bombs one behind the other fit into one read. */
static async int
many_bombs_wait_for_the_receiver(struct pair *pair)
{
        uint8_t *zeros = calloc(1, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);
        size_t most = 0;

        for (int i = 0; i < 40; i++)
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        for (int i = 0; i < 200; i++) {
                await(aw_sleep(0));
                most = held_bytes(pair->server) > most ? held_bytes(pair->server) : most;
        }
        expect(most < 4 * MIB);
        expect(is_paused(pair->server));
        for (int i = 0; i < 40 && test_failures == 0; i++) {
                expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
                expect_int((long long)message.length, MIB);
                most = held_bytes(pair->server) > most ? held_bytes(pair->server) : most;
        }
        expect(most < 4 * MIB);
        await(close_pair(pair));
        free(zeros);
        return 0;
}

/* Over TLS the end comes in the same read as the messages. */
static async int
the_peers_end_waits_for_what_came_before(struct pair *pair)
{
        uint8_t *zeros = calloc(1, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);

        for (int i = 0; i < 10; i++)
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        ws_shutdown(pair->client, 4000, "bye");
        await(aw_sleep(0));
        aw_transport_shutdown(pair->client->transport);
        for (int i = 0; i < 10 && test_failures == 0; i++)
                expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_closed(pair->server, 4000, "bye");
        free(zeros);
        return 0;
}

static async int
without_memory_a_bomb_is_refused(struct pair *pair)
{
        uint8_t *zeros = calloc(1, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);

        ws_set_max_memory(1);
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_error(await(ws_receive(pair->server, &message, SOON)), ENOMEM);
        expect_log("closing with 1013");
        expect_closed(pair->client, WS_TRY_AGAIN_LATER, "no memory for large messages now");
        ws_set_max_memory(0);
        free(zeros);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_context, others_have_turns_while_a_large_message_is_compressed),
                on(with_shared, a_time_out_or_a_cancellation_stops_compressing),
                on(with_context, a_time_out_or_a_cancellation_stops_compressing),
                on(with_context, a_part_that_fails_ends_the_message),
                on(with_shared, a_connection_that_is_dropped_stops_compressing),
                on(with_context, a_connection_that_is_dropped_stops_compressing),
                on(with_context, a_connection_that_closes_stops_compressing),
                on(with_shared, a_bomb_is_inflated_a_share_at_a_time),
                on(with_tls, a_bomb_is_inflated_a_share_at_a_time),
                on(with_shared, a_bomb_is_inflated_a_share_at_a_time_if_that_takes_none),
                on(with_shared, a_message_that_is_given_up_lets_the_next_one_go),
                on(with_shared, many_bombs_wait_for_the_receiver),
                on(with_tls, many_bombs_wait_for_the_receiver),
                on(with_tls, the_peers_end_waits_for_what_came_before),
                on(with_shared, without_memory_a_bomb_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
