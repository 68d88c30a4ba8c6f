/* SPDX-License-Identifier: MIT */
/*
 * The order of answers. A ping is answered after the replies to the messages before it, and so is
 * a Close frame, if the task keeps up; a ping at once if the task does not. For example the peer
 * sends the message A, a ping and a Close frame in one go, and the task echoes:
 *
 *   - The turn in which they come: A and the ping are put into the inbox, the Close frame is noted
 *     as due, and a look at the inbox is scheduled behind the task that was woken.
 *   - The task receives A and sends it back, then asks for the next message. On the way it comes
 *     across the ping: its Pong is queued behind the reply. The inbox is empty, so the due Close
 *     frame is queued behind that, and the task gets EPIPE.
 *   - Had it waited for something else instead, the look at the inbox would have found the ping
 *     there still, and answered it. The Close frame waits on, as long as the task has a message to
 *     reply to: who closed does not expect to hear from us soon, who pings does.
 */
#include <errno.h>

#include "await/log.h"
#include "ws/raw_private.h"

/*
 * A new connection's task needs up to this many turns before it first receives: to be accepted,
 * spawned, and run. Until then its pings are kept in order.
 */
#define GRACE_TURNS 3

static void
answer_ping(struct ws *ws, struct ws_buffer *ping)
{
        if (ws->out.state == WS_OUT_OPEN && !ws_raw_take_ping(ws, ping))
                ws_output_queue_pong(ws, ping);
        ws_buffer_unref(ping);
}

/* The receiver has had its turn. */
static void
order_overdue(void *argument)
{
        struct ws *ws = argument;
        struct ws_queue before = ws->in.inbox;
        struct ws_buffer *buffer;

        if (ws->order.grace < GRACE_TURNS && ws->receiver.first == NULL) {
                ws->order.grace++;
                aw_call_soon(&ws->order.overdue, order_overdue, ws);
                return;
        }
        ws->order.grace = GRACE_TURNS;
        ws->in.inbox = (struct ws_queue){.first = NULL};
        while ((buffer = ws_queue_take(&before)) != NULL)
                if (buffer->opcode == WS_OP_PING)
                        answer_ping(ws, buffer);
                else
                        ws_queue_put(&ws->in.inbox, buffer);
        if (ws->in.inbox.first == NULL && ws->in.current == NULL && ws->receiver.first == NULL)
                ws_order_close_now(ws);
}

struct ws_buffer *
ws_order_next_after_pings(struct ws *ws)
{
        struct ws_buffer *buffer;

        while ((buffer = ws_queue_take(&ws->in.inbox)) != NULL && buffer->opcode == WS_OP_PING)
                answer_ping(ws, buffer);
        return buffer;
}

void
ws_order_ping(struct ws *ws, struct ws_buffer *ping)
{
        if (ws->in.inbox.first == NULL && ws->in.current == NULL) {
                answer_ping(ws, ping);
                return;
        }
        ws_queue_put(&ws->in.inbox, ping);
        aw_call_soon(&ws->order.overdue, order_overdue, ws);
}

/*
 * Nothing more will be received. What was received whole is still delivered, and the reply to it
 * goes out before our Close frame.
 */
void
ws_order_close(struct ws *ws, int error, unsigned code, const char *reason)
{
        if (ws->in.error == 0)
                ws->in.error = error;
        /* A Close frame of the peer's that comes behind its fault does not hide that. */
        if (ws->order.code == 0) {
                ws->order.code = code;
                ws->order.reason = reason;
        }
        ws_connection_wake(ws);
        aw_call_soon(&ws->order.overdue, order_overdue, ws);
}

/* Which limit a connection is over that fails with this code. */
static enum ws_limit
limit_of(unsigned code)
{
        switch (code) {
        case WS_POLICY_VIOLATION:
                return WS_LIMIT_MESSAGE_RATE;
        case WS_TOO_LARGE:
                return WS_LIMIT_MESSAGE;
        case WS_TRY_AGAIN_LATER:
                return WS_LIMIT_MEMORY;
        default:
                return WS_LIMIT_NONE;
        }
}

/* Nothing more that comes can be understood, or is wanted, but for the peer's Close frame. */
void
ws_order_fail(struct ws *ws, unsigned code, int error, const char *reason)
{
        aw_log_limited(AW_LOG_INFO, "%s: closing with %u: %s", ws->peer, code, reason);
        if (ws->in.state == WS_IN_OPEN)
                ws->in.state = WS_IN_SKIP;
        if (error == EPROTO && ws->in.problem == NULL)
                ws->in.problem = reason;
        ws_input_forget(ws);
        if (ws->seen.limit == WS_LIMIT_NONE)
                ws->seen.limit = limit_of(code);
        ws_watch_end(ws, WS_SIDE_SERVER, reason);
        ws_order_close(ws, error, code, reason);
}

void
ws_order_close_now(struct ws *ws)
{
        if (ws->order.code != 0 && !ws_raw_keeps_close(ws))
                ws_close_queue(ws, ws->order.code, ws->order.reason);
}
