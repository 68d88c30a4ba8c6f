/* SPDX-License-Identifier: MIT */
/* Wraps: ws_codec_inflate ws_codec_deflate send munmap. */
/* Many connections with large messages: how much is done in a turn, and that others have theirs. */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit/ws/raw.h"

#define MIB   ((size_t)1 << 20)
#define BOMBS 30
#define SIZE  (4 * MIB) /* of what a bomb becomes */

#define OFFER                                                                                      \
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " RAW_KEY "\r\n"                          \
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

/* A clock that stands still: then only bytes are counted, and each run is the same. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
        static struct timespec stopped;

        if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
                return (int)syscall(SYS_clock_gettime, clock, now);
        if (stopped.tv_sec == 0)
                syscall(SYS_clock_gettime, clock, &stopped);
        *now = stopped;
        return 0;
}

/* The bytes that a turn deals with, and the most that one did. */
static struct work {
        size_t inflated, deflated, sent, given_back;
} turn, most, all;

enum ws_codec_result __real_ws_codec_inflate(struct ws_codec *codec, struct ws_codec_bytes *bytes);
bool __real_ws_codec_deflate(struct ws_codec *codec, struct ws_codec_bytes *bytes, bool flush);
ssize_t __real_send(int fd, const void *data, size_t length, int flags);
int __real_munmap(void *memory, size_t length);
enum ws_codec_result __wrap_ws_codec_inflate(struct ws_codec *codec, struct ws_codec_bytes *bytes);
bool __wrap_ws_codec_deflate(struct ws_codec *codec, struct ws_codec_bytes *bytes, bool flush);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);
int __wrap_munmap(void *memory, size_t length);

enum ws_codec_result
__wrap_ws_codec_inflate(struct ws_codec *codec, struct ws_codec_bytes *bytes)
{
        size_t before = bytes->out_left;
        enum ws_codec_result result = __real_ws_codec_inflate(codec, bytes);

        turn.inflated += before - bytes->out_left;
        return result;
}

bool
__wrap_ws_codec_deflate(struct ws_codec *codec, struct ws_codec_bytes *bytes, bool flush)
{
        size_t before = bytes->in_left;
        bool result = __real_ws_codec_deflate(codec, bytes, flush);

        turn.deflated += before - bytes->in_left;
        return result;
}

ssize_t
__wrap_send(int fd, const void *data, size_t length, int flags)
{
        ssize_t sent = __real_send(fd, data, length, flags);

        turn.sent += sent > 0 ? (size_t)sent : 0;
        return sent;
}

int
__wrap_munmap(void *memory, size_t length)
{
        turn.given_back += length;
        return __real_munmap(memory, length);
}

static void
raise_to(size_t *figure, size_t value)
{
        if (value > *figure)
                *figure = value;
}

/* A turn of the loop, and what it did. */
static async void
one_turn(void)
{
        await(aw_sleep(0));
        raise_to(&most.inflated, turn.inflated);
        raise_to(&most.deflated, turn.deflated);
        raise_to(&most.sent, turn.sent);
        raise_to(&most.given_back, turn.given_back);
        all.inflated += turn.inflated;
        all.deflated += turn.deflated;
        all.sent += turn.sent;
        all.given_back += turn.given_back;
        turn = (struct work){.inflated = 0};
}

static void
forget_work(void)
{
        turn = most = all = (struct work){.inflated = 0};
}

/*
 * Those in the line and those who come new have their budgets, which the last one of each may pass
 * by its own share and a step.
 */
#define STEP ((size_t)128 << 10)
#define WORK (2 * ((size_t)(AW_SHARE_BUDGET + AW_SHARE_OWN) * 1024 + STEP))

/* Bombs. */

static uint8_t bomb[32 << 10];
static size_t bomb_length;

static void
make_bomb(void)
{
        static const uint8_t key[4] = {1, 2, 3, 4};
        struct ws_codec *codec = ws_codec_deflater(15, 9);
        uint8_t *zeros = calloc(1, SIZE), payload[sizeof(bomb)];
        struct ws_codec_bytes bytes = {zeros, SIZE, payload, sizeof(payload)};
        size_t head, length;

        expect(ws_codec_deflate(codec, &bytes, true));
        ws_codec_release(codec);
        free(zeros);
        length = sizeof(payload) - bytes.out_left - WS_CODEC_TAIL;
        head = ws_frame_build(bomb, WS_OP_BINARY, length, key);
        bomb[0] |= 0x40;
        ws_frame_mask(bomb + head, payload, length, key, 0);
        bomb_length = head + length;
}

struct bomber {
        int fd;
        struct ws *server;
        struct aw_task *task;
        bool over;
};

static async int
echo_in_task(void *argument)
{
        struct bomber *bomber = argument;
        struct ws_message message;
        int result;

        while ((result = await(ws_receive(bomber->server, &message, AW_NEVER))) == 0) {
                expect_int((long long)message.length, SIZE);
                result = await(ws_send(bomber->server, &message, AW_NEVER));
                bomber->over = true;
                if (result == -1)
                        break;
        }
        bomber->over = true;
        ws_drop(bomber->server);
        bomber->server = NULL;
        return 0;
}

static int
count_waiting(const struct bomber *bombers)
{
        int count = 0;

        for (int i = 0; i < BOMBS; i++)
                count += bombers[i].server->deflate->share.waiting;
        return count;
}

/* Until each waits for its turn. */
static async void
send_bombs(struct pair *pair, struct bomber *bombers)
{
        char head[4096];

        make_bomb();
        for (int i = 0; i < BOMBS; i++) {
                bombers[i] = (struct bomber){.over = false};
                bombers[i].fd =
                        await(raw_client_asks(pair->listener, &bombers[i].server, 0, OFFER, head));
                bombers[i].task = aw_spawn("echo", echo_in_task, &bombers[i]);
        }
        await(one_turn());
        forget_work();
        for (int i = 0; i < BOMBS; i++)
                raw_send(bombers[i].fd, bomb, bomb_length);
        /* The sender's own work is none of the turn's. */
        turn = (struct work){.inflated = 0};
        for (int i = 0; i < 100 && count_waiting(bombers) < BOMBS; i++)
                await(one_turn());
        expect_int(count_waiting(bombers), BOMBS);
}

static bool
all_over(const struct bomber *bombers)
{
        for (int i = 0; i < BOMBS; i++)
                if (!bombers[i].over)
                        return false;
        return true;
}

static size_t
inflated(const struct bomber *bomber)
{
        const struct ws_buffer *half =
                bomber->server == NULL ? NULL : half_a_message(bomber->server);

        return half == NULL ? 0 : half->length;
}

static async void
end_bombs(struct bomber *bombers)
{
        for (int i = 0; i < BOMBS; i++)
                close(bombers[i].fd);
        for (int i = 0; i < BOMBS; i++) {
                aw_cancel(bombers[i].task);
                await(aw_join(bombers[i].task));
        }
}

/* Each as far as the others, give or take its share of a round. */
static void
expect_even_progress(const struct bomber *bombers)
{
        size_t least = SIZE, furthest = 0, now;

        for (int i = 0; i < BOMBS; i++) {
                now = inflated(&bombers[i]);
                least = now < least ? now : least;
                raise_to(&furthest, now);
        }
        expect(furthest - least <= 3 * MIB);
}

static async int
many_bombs_share_a_turn(struct pair *pair)
{
        struct bomber bombers[BOMBS];
        size_t turns;

        await(send_bombs(pair, bombers));
        for (turns = 0; !all_over(bombers) && turns < 10000 && test_failures == 0; turns++) {
                await(one_turn());
                if (all.inflated < BOMBS * SIZE / 2)
                        expect_even_progress(bombers);
        }
        expect(all_over(bombers));
        expect_int((long long)all.inflated, BOMBS * SIZE);
        expect_int((long long)all.deflated, BOMBS * SIZE);
        expect(most.inflated <= WORK && most.deflated <= WORK);
        /* Not less than need be either. */
        expect(most.inflated > 2 * MIB && turns < 200);
        await(end_bombs(bombers));
        return 0;
}

/* Both budgets are for inflating and compressing together. */
static async int
what_is_inflated_and_compressed_is_one_budget(struct pair *pair)
{
        struct bomber bombers[BOMBS];
        size_t together = 0;

        await(send_bombs(pair, bombers));
        for (int i = 0; i < BOMBS / 2; i++)
                raw_send(bombers[i].fd, bomb, bomb_length);
        for (int i = 0; i < 10000 && all.deflated < BOMBS * SIZE * 3 / 2; i++) {
                size_t before = all.inflated + all.deflated;

                await(one_turn());
                raise_to(&together, all.inflated + all.deflated - before);
        }
        expect_int((long long)all.deflated, BOMBS * SIZE * 3 / 2);
        expect(together <= WORK);
        await(end_bombs(bombers));
        return 0;
}

static async int
echo_small(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        return 0;
}

/* Compressed or not, what others send does not keep a small message waiting. */
static async int
a_small_echo_has_its_turn(struct pair *pair)
{
        struct aw_task *task = aw_spawn("small", echo_small, pair->server);
        struct bomber bombers[BOMBS];
        unsigned turns;

        await(send_bombs(pair, bombers));
        for (int round = 0; round < 10; round++) {
                pair->client->deflate->threshold = pair->server->deflate->threshold =
                        round % 2 == 0 ? 1 : 1000;
                expect_int(await(ws_send_text(pair->client, "a small message, small", SOON)), 0);
                for (turns = 0; !has_inbox(pair->client) && turns < 100; turns++)
                        await(one_turn());
                expect(turns <= 8);
                expect_received(pair->client, "a small message, small");
        }
        expect(!all_over(bombers));
        await(end_bombs(bombers));
        ws_drop(pair->client);
        pair->client = NULL;
        await(aw_join(task));
        return 0;
}

/* Ends. */

static int
count_over(const struct bomber *bombers)
{
        int count = 0;

        for (int i = 0; i < BOMBS; i++)
                count += bombers[i].over;
        return count;
}

/* Dropped here, or gone there, while they wait; the others go on. */
static async int
who_ends_while_it_waits_leaves_the_others_alone(struct pair *pair)
{
        struct bomber bombers[BOMBS];

        await(send_bombs(pair, bombers));
        for (int i = 0; i < BOMBS; i += 3) {
                aw_cancel(bombers[i].task);
                raw_reset(bombers[i + 1].fd);
                bombers[i + 1].fd = -1;
        }
        for (int i = 0; i < 10000 && !all_over(bombers); i++)
                await(one_turn());
        expect_int(count_over(bombers), BOMBS);
        for (int i = 2; i < BOMBS; i += 3)
                expect(bombers[i].server != NULL);
        expect(all.deflated >= BOMBS / 3 * SIZE && all.deflated < BOMBS * SIZE);
        await(end_bombs(bombers));
        return 0;
}

/* While it compresses, likewise. */
static async int
who_ends_while_it_compresses_leaves_the_others_alone(struct pair *pair)
{
        struct bomber bombers[BOMBS];
        int compressing = 0;

        await(send_bombs(pair, bombers));
        for (int i = 0; i < 10000 && compressing < BOMBS; i++) {
                await(one_turn());
                compressing = 0;
                for (int j = 0; j < BOMBS; j++)
                        compressing += is_compressing(bombers[j].server);
        }
        expect_int(compressing, BOMBS);
        for (int i = 0; i < BOMBS; i += 3) {
                expect(bombers[i].server->deflate->sending.waiting);
                aw_cancel(bombers[i].task);
                raw_reset(bombers[i + 1].fd);
                bombers[i + 1].fd = -1;
        }
        for (int i = 0; i < 10000 && !all_over(bombers); i++)
                await(one_turn());
        expect_int(count_over(bombers), BOMBS);
        await(end_bombs(bombers));
        return 0;
}

static struct bomber left_behind[BOMBS];

/* The loop's end cancels the tasks. */
static async int
the_loop_ends_while_they_wait(struct pair *pair)
{
        await(send_bombs(pair, left_behind));
        for (int i = 0; i < BOMBS; i++) {
                close(left_behind[i].fd);
                aw_task_detach(left_behind[i].task);
        }
        return 0;
}

static void
nothing_is_left_at_the_loops_end(void **state)
{
        uint64_t before = ws_memory();

        (void)state;
        test_on_pair((struct pair){.test = the_loop_ends_while_they_wait,
                                   .url = ANY_PORT,
                                   .deflate = {.mode = WS_DEFLATE_SHARED, .threshold = 1}});
        assert_int_equal(ws_memory(), before);
}

/* Messages that are not compressed. */

enum { SENDERS = 30 };

static async int
send_large(void *argument)
{
        struct bomber *bomber = argument;
        static uint8_t zeros[SIZE];
        struct ws_message message = message_of(WS_BINARY, zeros, SIZE);

        expect_int(await(ws_send(bomber->server, &message, AW_NEVER)), 0);
        bomber->over = true;
        return 0;
}

/* Reads what is there. */
static size_t
drain(int fd)
{
        static uint8_t data[4 * MIB];
        size_t total = 0;
        ssize_t got;

        while ((got = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
                total += (size_t)got;
        return total;
}

/* All begin in the same turn, to clients that ask for compression, or do not. */
static async void
send_at_once(struct pair *pair, struct bomber *senders, const char *request)
{
        char head[4096];

        for (int i = 0; i < SENDERS; i++) {
                senders[i] = (struct bomber){.over = false};
                senders[i].fd = await(
                        raw_client_asks(pair->listener, &senders[i].server, 0, request, head));
        }
        for (int i = 0; i < SENDERS; i++)
                senders[i].task = aw_spawn("send", send_large, &senders[i]);
        forget_work();
}

static async void
end_senders(struct bomber *senders)
{
        for (int i = 0; i < SENDERS; i++) {
                await(aw_join(senders[i].task));
                close(senders[i].fd);
                ws_drop(senders[i].server);
        }
}

static async int
many_large_messages_are_sent_a_share_at_a_time(struct pair *pair)
{
        struct bomber senders[SENDERS];
        size_t got = 0;

        await(send_at_once(pair, senders, RAW_REQUEST));
        for (int i = 0; i < 10000 && got < SENDERS * SIZE; i++) {
                await(one_turn());
                for (int j = 0; j < SENDERS; j++)
                        got += drain(senders[j].fd);
        }
        expect(got >= SENDERS * SIZE);
        expect(most.sent <= WORK + 2 * MIB);
        await(end_senders(senders));
        return 0;
}

static async int
many_large_messages_are_compressed_a_share_at_a_time(struct pair *pair)
{
        struct bomber senders[SENDERS];
        int turns = 0;

        await(send_at_once(pair, senders, OFFER));
        for (; turns < 1000 && all.deflated < SENDERS * SIZE; turns++)
                await(one_turn());
        expect_int((long long)all.deflated, SENDERS * SIZE);
        expect(most.deflated <= WORK);
        await(end_senders(senders));
        return 0;
}

/* Their pages are given back a share at a time, too. */
static async int
many_that_end_at_once_give_back_a_share_at_a_time(struct pair *pair)
{
        struct bomber bombers[BOMBS];

        await(send_bombs(pair, bombers));
        for (int i = 0; i < 1000 && all.inflated < BOMBS * (SIZE - MIB); i++)
                await(one_turn());
        for (int i = 0; i < BOMBS; i++)
                aw_cancel(bombers[i].task);
        forget_work();
        for (int i = 0; i < 1000 && !all_over(bombers); i++)
                await(one_turn());
        for (int i = 0; i < 100; i++)
                await(one_turn());
        expect(all.given_back >= BOMBS / 2 * SIZE);
        expect(most.given_back <= 6 * SIZE);
        await(end_bombs(bombers));
        return 0;
}

static void
with_shared(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .deflate = {.mode = WS_DEFLATE_SHARED, .threshold = 1}});
}

#define on(pairs, test)                                                                            \
        {                                                                                          \
#test, pairs, NULL, NULL, (void *)(test)                                           \
        }

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_shared, many_bombs_share_a_turn),
                on(with_shared, what_is_inflated_and_compressed_is_one_budget),
                on(with_shared, a_small_echo_has_its_turn),
                on(with_shared, who_ends_while_it_waits_leaves_the_others_alone),
                on(with_shared, who_ends_while_it_compresses_leaves_the_others_alone),
                cmocka_unit_test(nothing_is_left_at_the_loops_end),
                on(with_shared, many_large_messages_are_sent_a_share_at_a_time),
                on(with_shared, many_large_messages_are_compressed_a_share_at_a_time),
                on(with_shared, many_that_end_at_once_give_back_a_share_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
