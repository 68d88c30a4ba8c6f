/* SPDX-License-Identifier: MIT */
/* Ends: close, drop and fault; and how the peer's Close is answered. */
#include <errno.h>
#include <string.h>

#include "await/log.h"
#include "session.h"

#define VERDICT_TIME (5 * AW_SECOND) /* for a client to notice a fault */

/* From now on, while what was queued goes out, pings have no answer. */
void
behave_stop_pongs(struct behave *behave)
{
        if (behave_find(behave->plan, BEHAVE_DROP) != NULL)
                ws_raw_keep_pings(behave->ws);
}

/* What was queued goes out before. The client has a minute to leave. */
async int
behave_drop(struct behave *behave, const struct behave_value *value)
{
        static const enum ws_raw_end ends[] = {WS_RAW_FIN, WS_RAW_RESET, WS_RAW_NOTIFY,
                                               WS_RAW_MUTE};
        aw_time until = aw_loop_now() + BEHAVE_TIME_MAX;
        enum ws_raw_end how = ends[value->number];

        behave_stop_pongs(behave);
        if (await(ws_raw_wait_sent(behave->ws, until)) == 0) {
                ws_raw_end(behave->ws, how);
                if (how != WS_RAW_RESET)
                        await(ws_raw_wait_end(behave->ws, until));
        }
        ws_drop(behave->ws);
        return 1;
}

/* fault=WORD: what must not be, and what the client makes of it. */

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* In the order of the row's words. The code is what the client should close with; 0: none. */
static const struct {
        const uint8_t *data;
        size_t length, zeros; /* so many behind the bytes */
        unsigned code;
} faults[] = {
        {BYTES(0xa1, 1, 'x'), 0, 1002},                    /* rsv: RSV1 may be right */
        {BYTES(0x81, 0x81, 1, 2, 3, 4, 'x' ^ 1), 0, 1002}, /* masked */
        {BYTES(0x83, 1, 'x'), 0, 1002},                    /* opcode */
        {BYTES(0x81, 2, 0xc3, 0x28), 0, 1007},             /* utf8 */
        {BYTES(0x81, 126, 0, 1, 'x'), 0, 1002},            /* nonminimal */
        {BYTES(0x80, 1, 'x'), 0, 1002},                    /* orphan */
        {BYTES(0x89, 126, 0, 126), 126, 1002},             /* long-control */
        {BYTES(0x09, 1, 'x'), 0, 1002},                    /* fragmented-control */
        {BYTES(0x88, 2, 1005 >> 8, 1005 & 255), 0, 1002},  /* close-1005 */
        {BYTES(0x82, 100, 'h', 'a', 'l', 'f'), 0, 0},      /* half-frame */
        {BYTES(0x01, 1, 'x', 0xc0, 1, 'x'), 0, 1002},      /* rsv1-continuation */
        {BYTES(0xc1, 2, 0x07, 0), 0, 1007},                /* bad-deflate: block type 3 */
};

/* The client's Close, or its end, or neither. */
static async void
await_verdict(struct behave *behave, const char *name, const char *value, unsigned wanted)
{
        const struct ws_peer_close *peer = ws_peer_close(behave->ws);
        aw_time until = aw_loop_now() + VERDICT_TIME;
        struct ws_message message;

        while (await(ws_receive(behave->ws, &message, until)) == 0)
                continue;
        if (errno == ETIMEDOUT)
                aw_log_limited(AW_LOG_INFO, "%s: %s=%s: the client goes on as if nothing was",
                               ws_peer(behave->ws), name, value);
        else if (errno == EPIPE && peer->code == WS_ABNORMAL)
                aw_log_limited(AW_LOG_INFO, "%s: %s=%s: the client left without a Close",
                               ws_peer(behave->ws), name, value);
        else if (errno == EPIPE)
                aw_log_limited(AW_LOG_INFO, "%s: %s=%s: the client closed with %u%s%s%s",
                               ws_peer(behave->ws), name, value, peer->code,
                               peer->code == wanted ? ", as it should" : "",
                               peer->reason[0] != '\0' ? ": " : "", peer->reason);
}

async int
behave_fault(struct behave *behave, const struct behave_value *value)
{
        uint8_t bytes[132] = {0};
        size_t length = faults[value->number].length;
        bool half = faults[value->number].code == 0;
        unsigned wanted = faults[value->number].code;

        memcpy(bytes, faults[value->number].data, length);
        length += faults[value->number].zeros;
        if (await(ws_raw_write(behave->ws, bytes, length, AW_NEVER)) == 0) {
                /* Behind half a frame nothing else makes sense. */
                if (half) {
                        await(ws_raw_wait_sent(behave->ws, aw_loop_now() + VERDICT_TIME));
                        ws_raw_end(behave->ws, WS_RAW_FIN);
                }
                /* Without compression it is one of the reserved bits. */
                if (ws_extension(behave->ws) == NULL && behave_value_is(value, "bad-deflate"))
                        wanted = WS_PROTOCOL_ERROR;
                await(await_verdict(behave, "fault", value->text, wanted));
        }
        if (half)
                ws_drop(behave->ws);
        return half;
}

/* close=CODE&reason=TEXT */

async int
behave_close(struct behave *behave, const struct behave_value *value)
{
        const struct behave_value *given = behave_find(behave->plan, BEHAVE_REASON);
        const char *reason = given == NULL ? NULL : given->text;
        unsigned code = (unsigned)value->number;

        /* One that must not be sent is what ws_close() does not send. */
        if (!ws_raw_code_is_right(code)) {
                ws_raw_shutdown(behave->ws, code, reason);
                await(await_verdict(behave, "close", value->text, WS_PROTOCOL_ERROR));
        }
        await(ws_close(behave->ws, code, reason));
        return 1;
}

/* The farewell. */

/* Sleeps until the time, or the peer is gone; false if this task is to end at once. */
static async bool
linger(struct behave *behave, aw_time time)
{
        return await(ws_raw_wait_end(behave->ws, aw_loop_now() + time)) == 0 || errno != ECANCELED;
}

/* close-reply=none|echo|TIME|CODE: the code and reason of the answer; false: there is none. */
static async bool
choose_answer(struct behave *behave, unsigned *code, const char **reason)
{
        const struct behave_value *how = behave_find(behave->plan, BEHAVE_CLOSE_REPLY);
        const struct ws_peer_close *peer = ws_peer_close(behave->ws);

        *reason = NULL;
        if (peer->code == WS_ABNORMAL || peer->code == 0)
                return true;
        *code = peer->code;
        if (how == NULL)
                return true;
        if (how->kind == BEHAVE_NUMBER)
                *code = (unsigned)how->number;
        else if (how->kind == BEHAVE_DURATION)
                return await(linger(behave, how->number));
        else if (behave_value_is(how, "echo"))
                *reason = peer->reason;
        else
                await(linger(behave, BEHAVE_TIME_MAX));
        return !behave_value_is(how, "none");
}

/* Whether the code is one of close-reply's that must not be sent. */
static bool
replies_wrongly(const struct behave *behave, unsigned code)
{
        const struct behave_value *how = behave_find(behave->plan, BEHAVE_CLOSE_REPLY);

        return how != NULL && how->kind == BEHAVE_NUMBER && how->number == (int64_t)code &&
               !ws_raw_code_is_right(code);
}

async void
behave_farewell(struct behave *behave, unsigned code)
{
        aw_time time = behave_number(behave->plan, BEHAVE_LINGER, 0);
        bool stay = true;
        const char *reason;

        if (!await(choose_answer(behave, &code, &reason))) {
                ws_drop(behave->ws);
                return;
        }
        if (replies_wrongly(behave, code))
                ws_raw_shutdown(behave->ws, code, reason);
        if (time > 0) {
                ws_raw_close(behave->ws, code, reason);
                stay = await(linger(behave, time));
        }
        if (stay)
                await(ws_close(behave->ws, code, reason));
        else
                ws_drop(behave->ws);
}
