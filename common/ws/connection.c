/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection.
 *
 * Each direction has a state of its own, which only goes forward; what one does never ends the
 * other. `in` is the peer's:
 *
 *   in       what comes is                   goes on to
 *   HEAD     TLS, then the head of the       OPEN    the opening handshake is complete
 *            HTTP message                    CLOSED  a server answers with something else
 *   OPEN     frames: messages, pings         SKIP    the peer broke a rule, or our Close frame is
 *                                                    queued: messages are of no interest any more
 *                                            CLOSED  its Close frame came
 *   SKIP     frames, thrown away             LOST    the length of a frame makes no sense
 *                                            CLOSED  its Close frame came
 *   LOST     bytes, thrown away
 *   CLOSED   bytes, thrown away              from all: ENDED  end of stream, or the transport is
 *   ENDED    nothing                                          gone (then `out` ends as well)
 *
 * and `out` is ours:
 *
 *   out      what can be sent                goes on to
 *   HEAD     the HTTP message                OPEN    the opening handshake is complete
 *                                            FINISH  a server has answered with something else
 *   OPEN     messages, control frames        CLOSING our Close frame is queued: ws_close(); the
 *                                                    peer's one is due an answer; the listener
 *                                                    drains; the peer broke a rule
 *   CLOSING  nothing; what is queued goes on FINISH  ws_close() has waited for the peer's Close
 *   FINISH   the same                        ENDED   all is sent: close_notify and FIN follow; a
 *                                                    client leaves the FIN to the server
 *   ENDED    nothing
 *
 * Events, and what the peer sees of them:
 *
 *   the peer's Close frame       in CLOSED   the replies to what came before, and our Close frame
 *   the peer ends the stream     in ENDED    the replies still go out as far as it takes them; the
 *                                            receiver gets EPIPE then, so the task closes
 *   the peer breaks a rule       in SKIP     the replies, a Close frame with the code, and the end
 *                                            of the stream after its own one, or WS_CLOSE_TIME
 *   ws_close()                   out CLOSING our Close frame behind what is queued; then as above
 *   ws_drop(), lost, too late    both ENDED  the end of the stream, or a reset
 *
 * The transport closes when both directions have ended. Who frees the structure: the last of those
 * who have any business with it leaves by ws_connection_release(): the transport, the task that has
 * it (ws_close(), ws_drop()), and each task that waits in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/turn.h"
#include "ws/deflate_private.h"
#include "ws/raw_private.h"
#include "ws/request_private.h"

struct ws *
ws_connection_create(bool client, uint64_t max_message)
{
        struct ws *ws = calloc(1, sizeof(*ws));

        if (ws == NULL)
                return NULL;
        ws->client = client;
        ws->max_message = max_message == 0 ? WS_MESSAGE_MAX : max_message;
        ws->max_buffer = WS_QUEUE_HIGH;
        ws_memory_begin();
        return ws;
}

static void
connection_free(struct ws *ws)
{
        aw_handle_cancel(&ws->late);
        aw_handle_cancel(&ws->order.overdue);
        aw_handle_cancel(&ws->closing.timer);
        aw_handle_cancel(&ws->alive.timer);
        aw_handle_cancel(&ws->limits.timer);
        free(ws->head);
        ws_request_free(ws->request);
        ws_peer_forget(ws);
        free(ws->subprotocol);
        free(ws->seen.server_name);
        free(ws->seen.client_subject);
        ws_input_forget(ws);
        ws_queue_clear(&ws->in.inbox);
        ws_queue_clear(&ws->out.outbox);
        ws_buffer_unref(ws->in.current);
        ws_raw_free(ws);
        ws_deflate_end(ws);
        free(ws);
        if (ws_memory_end()) {
                ws_buffer_forget_spare();
                ws_codec_forget_spare();
        }
}

void
ws_connection_release(struct ws *ws)
{
        if (ws->transport == NULL && !ws->app && ws->waiting == 0)
                connection_free(ws);
}

void
ws_connection_wake(struct ws *ws)
{
        aw_wake_all(&ws->receiver);
        aw_wake_all(&ws->senders);
        aw_wake_all(&ws->pingers);
        aw_wake_all(&ws->watchers);
}

int
ws_connection_wait(struct ws *ws, struct aw_waiters *waiters, aw_time deadline)
{
        int result, error;

        ws->waiting++;
        result = aw_wait_in(waiters, deadline, NULL);
        ws->waiting--;
        if (ws->app)
                return result;
        error = result == -1 && errno == ECANCELED ? ECANCELED : EPIPE;
        ws_connection_release(ws);
        errno = error;
        return -1;
}

/* The head of the HTTP message. */

int
ws_connection_send_head(struct ws *ws, const char *data, size_t length)
{
        size_t done = 0, piece;

        if (ws->raw != NULL)
                return ws_raw_take_head(ws, data, length);
        while (done < length) {
                piece = length - done < AW_TRANSPORT_WHOLE ? length - done : AW_TRANSPORT_WHOLE;
                if (aw_transport_write(ws->transport, (const uint8_t *)data + done, piece) < 0) {
                        aw_transport_close(ws->transport);
                        return -1;
                }
                done += piece;
        }
        return 0;
}

/* Room for more of the head: twice what was there, so that bytes that come singly cost no more. */
static int
head_reserve(struct ws *ws, size_t more)
{
        size_t need = ws->head_length + more, capacity = 2 * ws->head_capacity;
        char *head;

        if (need <= ws->head_capacity)
                return 0;
        if (capacity < need)
                capacity = need;
        head = realloc(ws->head, capacity);
        if (head == NULL)
                return -1;
        ws->head = head;
        ws->head_capacity = capacity;
        return 0;
}

/*
 * The parser begins anew each time, so it is asked only when a line has ended, of which there are
 * not many, or when there is twice as much as it has seen: it says of every head at once whether it
 * can be one.
 */
static __attribute__((noinline)) void
head_input(struct ws *ws, const uint8_t *data, size_t length)
{
        bool line = memchr(data, '\n', length) != NULL;

        if (head_reserve(ws, length) == -1) {
                aw_transport_close(ws->transport);
                return;
        }
        memcpy(ws->head + ws->head_length, data, length);
        ws->head_length += length;
        if (ws->decision != NULL) {
                ws_decision_input(ws);
                return;
        }
        if (!line && ws->head_length < 2 * ws->head_parsed && ws->head_length < AW_HTTP_HEAD_MAX)
                return;
        ws->head_parsed = ws->head_length;
        ws->role->head(ws);
}

void
ws_connection_open(struct ws *ws, size_t head_length)
{
        char *head = ws->head;
        size_t length = ws->head_length;

        ws->in.state = WS_IN_OPEN;
        ws->out.state = ws->raw == NULL ? WS_OUT_OPEN : WS_OUT_HEAD;
        aw_handle_cancel(&ws->late);
        ws->seen.opened = aw_loop_now();
        ws_watch_event(ws, WS_EVENT_OPENED);
        ws_alive_begin(ws);
        ws_limits_begin(ws);
        ws->head = NULL;
        ws_input(ws, (const uint8_t *)head + head_length, length - head_length);
        free(head);
}

/* The transport's events. */

static void
connection_established(void *owner)
{
        struct ws *ws = owner;

        ws->role->established(ws);
}

static __attribute__((noinline)) void
raw_input(struct ws *ws, const uint8_t *data, size_t length)
{
        ws_raw_count(ws, length);
        if (ws->in.state == WS_IN_HEAD)
                head_input(ws, data, length);
        else
                ws_input(ws, data, length);
}

static void
connection_data(void *owner, const uint8_t *data, size_t length)
{
        struct ws *ws = owner;

        ws->alive.heard = aw_loop_woke;
        if (ws->raw != NULL)
                raw_input(ws, data, length);
        else if (ws->in.state == WS_IN_HEAD)
                head_input(ws, data, length);
        else
                ws_input(ws, data, length);
}

/* Without a Close frame. */
static void
end_abnormally(struct ws *ws)
{
        ws->peer_close.cut_off = ws->in.state == WS_IN_OPEN && ws_input_is_within_message(ws);
        ws->peer_close.code = WS_ABNORMAL;
}

/* Nothing more comes. */
static void
connection_end_input(struct ws *ws, int error)
{
        if (ws->peer_close.code == 0)
                end_abnormally(ws);
        ws->in.state = WS_IN_ENDED;
        ws->in.paused = false;
        if (ws->in.error == 0)
                ws->in.error = error;
        ws_connection_wake(ws);
}

/*
 * The peer will send no more, but may still read: what it has sent is handled and replied to first.
 */
static void
connection_ended(void *owner, bool truncated)
{
        struct ws *ws = owner;

        if (ws->decision != NULL) {
                ws->in.ended = true;
                return;
        }
        if (ws_deflate_keeps_end(ws, truncated))
                return;
        ws_watch_end(ws, WS_SIDE_CLIENT, "it ended the stream");
        if (ws->in.state == WS_IN_HEAD)
                aw_transport_close(ws->transport);
        connection_end_input(ws, EPIPE);
}

/* A task may have decided about the handshake; then what came meanwhile counts, the end as well. */
static __attribute__((noinline)) void
take_decision(struct ws *ws)
{
        ws_decision_send(ws);
        if (ws->decision == NULL && ws->in.ended)
                connection_ended(ws, false);
}

/* All is sent. A client leaves it to the server to end the TCP connection (section 7.1.1). */
static void
connection_end_output(struct ws *ws)
{
        ws->out.state = WS_OUT_ENDED;
        if (ws->client)
                aw_transport_shutdown_passive(ws->transport);
        else
                aw_transport_shutdown(ws->transport);
}

static void
connection_writable(void *owner)
{
        struct ws *ws = owner;

        ws->out.asked = false;
        if (ws->decision != NULL)
                take_decision(ws);
        if (ws->raw == NULL)
                ws_output_send(ws);
        else
                ws_raw_output(ws);
        if (ws->out.state == WS_OUT_FINISH && ws->out.outbox.first == NULL)
                connection_end_output(ws);
}

static void
connection_closed(void *owner, int error, const char *text)
{
        struct ws *ws = owner;

        ws_decision_drop(ws);
        if (text != NULL)
                ws->role->tls_failed(ws, text);
        ws_watch_lost(ws, error, text);
        ws->transport = NULL;
        ws->out.state = WS_OUT_ENDED;
        aw_handle_cancel(&ws->late);
        aw_handle_cancel(&ws->closing.timer);
        aw_handle_cancel(&ws->alive.timer);
        aw_handle_cancel(&ws->limits.timer);
        connection_end_input(ws, text != NULL ? EPROTO : EPIPE);
        ws->role->lost(ws);
        ws_watch_ended(ws);
        ws_connection_release(ws);
}

const struct aw_transport_callbacks ws_connection_callbacks = {
        .established = connection_established,
        .data = connection_data,
        .ended = connection_ended,
        .writable = connection_writable,
        .closed = connection_closed,
};
