/* SPDX-License-Identifier: MIT */
/*
 * The end of a connection from our side (section 7): the Close frame, the wait for the peer's, the
 * end of the stream, and the wait for the end of the peer's.
 *
 * The peer has WS_CLOSE_TIME for the one and WS_LINGER_TIME for the other. Both begin anew as long
 * as it takes what it has not got yet: a slow reader gets all that was sent before we closed.
 */
#include <errno.h>
#include <string.h>

#include "ws/private.h"

#define LOOK_TIME AW_SECOND /* how often we look whether the peer takes something */

/* The peer's time. */

/* True if it took something since the last look, and has not got all yet. */
static bool
peer_takes(struct ws *ws)
{
        uint64_t delivered = aw_transport_delivered(ws->transport);
        bool more = delivered != ws->closing.delivered;

        ws->closing.delivered = delivered;
        return more &&
               (ws->out.outbox.first != NULL || aw_transport_outstanding(ws->transport) > 0);
}

static void
time_look(void *argument)
{
        struct ws *ws = argument;
        struct ws_closing *closing = &ws->closing;
        aw_time now = aw_loop_now(), next;

        if (peer_takes(ws))
                closing->deadline = now + closing->time;
        if (now < closing->deadline) {
                next = now + LOOK_TIME;
                aw_call_at(&closing->timer, next < closing->deadline ? next : closing->deadline,
                           time_look, ws);
                return;
        }
        closing->late = true;
        ws_connection_wake(ws);
        /* Nobody waits for the end of the stream any longer, but there is one, if we can. */
        if (ws->out.state >= WS_OUT_FINISH)
                aw_transport_close(ws->transport);
        else if (ws->out.outbox.first == NULL)
                aw_transport_shutdown(ws->transport);
}

static void
time_begin(struct ws *ws, aw_time time)
{
        struct ws_closing *closing = &ws->closing;

        closing->time = time;
        closing->deadline = aw_loop_now() + time;
        closing->delivered = aw_transport_delivered(ws->transport);
        closing->late = false;
        aw_call_later(&closing->timer, time < LOOK_TIME ? time : LOOK_TIME, time_look, ws);
}

/* The Close frame. */

/* As much of the reason as fits and is UTF-8, in whole characters. */
static size_t
reason_length(const char *reason)
{
        struct aw_utf8 utf8 = {0};
        size_t i, whole = 0;

        for (i = 0; i < WS_FRAME_CONTROL_MAX - 2 && reason[i] != '\0'; i++) {
                if (!aw_utf8_feed(&utf8, (const uint8_t *)reason + i, 1))
                        break;
                if (aw_utf8_complete(&utf8))
                        whole = i + 1;
        }
        return whole;
}

/* A code that only stands for the lack of one is answered with the lack of one. */
static size_t
close_payload(uint8_t payload[WS_FRAME_CONTROL_MAX], unsigned code, const char *reason)
{
        size_t length;

        if (!ws_close_code_valid(code))
                return 0;
        payload[0] = (uint8_t)(code >> 8);
        payload[1] = (uint8_t)code;
        length = reason == NULL ? 0 : reason_length(reason);
        if (length > 0)
                memcpy(payload + 2, reason, length);
        return length + 2;
}

/* Nobody waits for messages any more. */
static void
stop_messages(struct ws *ws)
{
        if (ws->in.state != WS_IN_OPEN)
                return;
        ws->in.state = WS_IN_SKIP;
        ws_input_forget(ws);
        ws_flow_update(ws);
}

/* The Close frame is the last thing that we send; false: one was sent already. */
static bool
queue_close_payload(struct ws *ws, const uint8_t *payload, size_t length)
{
        if (ws->out.state != WS_OUT_OPEN)
                return false;
        if (ws_output_queue_control(ws, WS_OP_CLOSE, payload, length) == -1)
                aw_transport_close(ws->transport);
        ws->seen.sent_close = length == 0 ? WS_NO_STATUS : (unsigned)(payload[0] << 8 | payload[1]);
        ws_watch_end(ws, WS_SIDE_SERVER, ws->draining ? "the server ends" : "the program closed");
        ws->out.state = WS_OUT_CLOSING;
        aw_wake_all(&ws->senders);
        return true;
}

static bool
queue_close(struct ws *ws, unsigned code, const char *reason)
{
        uint8_t payload[WS_FRAME_CONTROL_MAX];

        return queue_close_payload(ws, payload, close_payload(payload, code, reason));
}

void
ws_close_queue_code(struct ws *ws, unsigned code, const char *reason)
{
        uint8_t payload[WS_FRAME_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
        size_t length = reason == NULL ? 0 : reason_length(reason);

        if (length > 0)
                memcpy(payload + 2, reason, length);
        queue_close_payload(ws, payload, 2 + length);
}

void
ws_close_queue(struct ws *ws, unsigned code, const char *reason)
{
        if (queue_close(ws, code, reason))
                stop_messages(ws);
}

void
ws_shutdown(struct ws *ws, unsigned code, const char *reason)
{
        ws_order_close_now(ws);
        queue_close(ws, code, reason);
}

/* The end of the stream. */

void
ws_close_stream(struct ws *ws)
{
        if (ws->out.state >= WS_OUT_FINISH)
                return;
        ws->out.state = WS_OUT_FINISH;
        aw_transport_pause(ws->transport, false);
        aw_transport_want_write(ws->transport);
        time_begin(ws, WS_LINGER_TIME);
}

/* A peer for which a sender waited in vain has one look left to begin taking things. */
static void
time_begin_close(struct ws *ws)
{
        struct ws_closing *closing = &ws->closing;
        bool spent = closing->spent && closing->delivered == aw_transport_delivered(ws->transport);

        time_begin(ws, WS_CLOSE_TIME);
        if (spent)
                closing->deadline = aw_loop_now() + LOOK_TIME;
}

/* Waits for the peer's Close frame. */
static int
wait_for_close(struct ws *ws)
{
        int result = 0;

        if (ws->out.state == WS_OUT_CLOSING && ws->in.state < WS_IN_CLOSED)
                time_begin_close(ws);
        while (result == 0 && ws->in.state < WS_IN_CLOSED) {
                result = ws_connection_wait(ws, &ws->watchers, AW_NEVER);
                if (result == 0 && ws->closing.late) {
                        errno = ETIMEDOUT;
                        result = -1;
                }
        }
        return result;
}

/* After the Close frames: the end of the TCP connection. */
static int
wait_for_end(struct ws *ws)
{
        int result = 0;

        ws_close_stream(ws);
        while (result == 0 && ws->transport != NULL)
                result = ws_connection_wait(ws, &ws->watchers, AW_NEVER);
        return result;
}

static int
close_handshake(struct ws *ws, unsigned code, const char *reason)
{
        int result;

        ws_order_close_now(ws);
        ws_close_queue(ws, code, reason);
        stop_messages(ws);
        ws_queue_clear(&ws->in.inbox);
        ws_connection_wake(ws);
        result = wait_for_close(ws);
        if (result == 0)
                result = wait_for_end(ws);
        if (result == 0 && (ws->peer_close.code == 0 || ws->peer_close.code == WS_ABNORMAL ||
                            ws->out.outbox.first != NULL)) {
                errno = EPIPE;
                result = -1;
        }
        return result;
}

static bool
is_code(unsigned code)
{
        return ws_close_code_valid(code) || code == WS_NO_STATUS || code == WS_ABNORMAL;
}

async int
ws_close(struct ws *ws, unsigned code, const char *reason)
{
        int result, error;

        if (ws == NULL)
                return 0;
        if (ws->closing.begun) {
                errno = EPIPE;
                return -1;
        }
        ws->closing.begun = true;
        ws->waiting++;
        result = close_handshake(ws, code, reason);
        error = errno;
        if (result == 0 && !is_code(code)) {
                error = EINVAL;
                result = -1;
        }
        ws->waiting--;
        /* Another task may have dropped it meanwhile. */
        if (ws->app)
                ws_drop(ws);
        else
                ws_connection_release(ws);
        errno = error;
        return result;
}

void
ws_drop(struct ws *ws)
{
        if (ws == NULL)
                return;
        ws->closing.begun = true;
        ws->app = false;
        ws->opening = NULL;
        ws_watch_end(ws, WS_SIDE_SERVER, "the program dropped it");
        if (ws->transport != NULL)
                aw_transport_close(ws->transport);
        ws_connection_wake(ws);
        ws_connection_release(ws);
}
