/* SPDX-License-Identifier: MIT */
/*
 * Many connections with large messages, and how much is done in a turn. Who includes this says
 * "Wraps: ws_codec_inflate ws_codec_deflate send munmap."
 */
#ifndef WS_TEST_TURN_H
#define WS_TEST_TURN_H

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit/ws/raw.h"

#define MIB   ((size_t)1 << 20)
#define BOMBS 12        /* of which each, with its own share alone, would pass WORK together */
#define SIZE  (4 * MIB) /* of what a bomb becomes: it has pages of its own */

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

static inline void
raise_to(size_t *figure, size_t value)
{
        if (value > *figure)
                *figure = value;
}

/* A turn of the loop, and what it did. */
static inline async void
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

static inline void
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

static inline void
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

static inline async int
echo_bombs(void *argument)
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

static inline int
count_waiting(const struct bomber *bombers)
{
        int count = 0;

        for (int i = 0; i < BOMBS; i++)
                count += bombers[i].server->deflate->share.waiting;
        return count;
}

/* Until each waits for its turn. */
static inline async void
send_bombs(struct pair *pair, struct bomber *bombers)
{
        char head[4096];

        make_bomb();
        for (int i = 0; i < BOMBS; i++) {
                bombers[i] = (struct bomber){.over = false};
                bombers[i].fd =
                        await(raw_client_asks(pair->listener, &bombers[i].server, 0, OFFER, head));
                bombers[i].task = aw_spawn("echo", echo_bombs, &bombers[i]);
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

static inline bool
all_over(const struct bomber *bombers)
{
        for (int i = 0; i < BOMBS; i++)
                if (!bombers[i].over)
                        return false;
        return true;
}

static inline async void
end_bombs(struct bomber *bombers)
{
        for (int i = 0; i < BOMBS; i++)
                close(bombers[i].fd);
        for (int i = 0; i < BOMBS; i++) {
                aw_cancel(bombers[i].task);
                await(aw_join(bombers[i].task));
        }
}

static inline void
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

#endif
