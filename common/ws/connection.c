/* SPDX-License-Identifier: MIT */
/*
 * A connection on its socket: bytes from the network through TLS to the handshake and the frames,
 * and what is queued back again, in one write per turn. All of it runs on the loop's stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "loop/private.h"
#include "ws/private.h"

#define PLAIN_SIZE   ((size_t)16 << 10)  /* a TLS record's payload */
#define STAGING_SIZE ((size_t)64 << 10)  /* small frames are gathered in this */
#define WRITE_SIZE   ((size_t)256 << 10) /* bytes for one write */
#define TAIL_SIZE    ((size_t)16 << 10)  /* so little goes out with the write before */
/* For one connection in a turn, then the others have theirs: a message of 1 MiB fits. */
#define TURN_SIZE ((size_t)1088 << 10)

/* What the connections of a thread share, because each needs it for a moment only. */
struct engine {
        size_t users;
        struct aw_tls_buffer cipher;
        uint8_t plain[PLAIN_SIZE];
        uint8_t staging[STAGING_SIZE];
};
static _Thread_local struct engine *engine;

static int
engine_ref(void)
{
        if (engine == NULL)
                engine = calloc(1, sizeof(*engine));
        if (engine == NULL)
                return -1;
        engine->users++;
        return 0;
}

static void
engine_unref(void)
{
        if (--engine->users > 0)
                return;
        free(engine->cipher.data);
        free(engine);
        engine = NULL;
}

struct ws *
ws_create(bool client, struct aw_tls_context *tls, const char *host, uint64_t max_message)
{
        struct ws *ws = calloc(1, sizeof(*ws));

        if (ws == NULL || engine_ref() == -1)
                goto fail;
        ws->client = client;
        ws->state = tls == NULL ? WS_STATE_HTTP : WS_STATE_TLS;
        ws->max_message = max_message == 0 ? WS_MESSAGE_MAX : max_message;
        ws_queue_init(&ws->inbox);
        ws_queue_init(&ws->outbox);
        if (tls != NULL) {
                ws->tls = aw_tls_create(tls, host);
                if (ws->tls == NULL)
                        goto fail_engine;
        }
        return ws;
fail_engine:
        engine_unref();
fail:
        free(ws);
        errno = ENOMEM;
        return NULL;
}

static void
connection_free(void *argument)
{
        struct ws *ws = argument;

        aw_handle_cancel(&ws->timer);
        aw_handle_cancel(&ws->overdue);
        aw_tls_free(ws->tls);
        free(ws->head);
        free(ws->request);
        free(ws->subprotocol);
        ws_input_free(&ws->reader);
        ws_queue_clear(&ws->inbox);
        ws_queue_clear(&ws->outbox);
        ws_buffer_unref(ws->current);
        ws_buffer_unref(ws->sending);
        free(ws);
        engine_unref();
}

void
ws_demand_idle(const struct ws *ws, const char *caller)
{
        if (ws->waiting > 0)
                aw_log_abort("%s while a task waits in the connection", caller);
}

/* OpenSSL belongs on the loop's stack, also to be freed. */
void
ws_drop(struct ws *ws)
{
        if (ws == NULL)
                return;
        ws_demand_idle(ws, "ws_drop()");
        ws->app = false;
        ws->opening = NULL;
        if (ws->socket == NULL)
                aw_call_soon(&ws->timer, connection_free, ws);
        else
                ws_abort(ws);
}

void
ws_abort(struct ws *ws)
{
        if (ws->socket != NULL)
                aw_socket_close(ws->socket);
}

void
ws_update_reading(struct ws *ws)
{
        size_t limit = ws->paused ? WS_QUEUE_LOW : WS_QUEUE_HIGH;
        /*
         * Not for messages in the outbox: two peers that send much at once would each wait for the
         * other one to read.
         */
        bool full = ws->inbox.bytes > limit || ws->pongs > limit;
        bool pause = full && ws->state == WS_STATE_OPEN && !ws->close_sent;

        if (pause == ws->paused || ws->socket == NULL)
                return;
        ws->paused = pause;
        aw_socket_pause(ws->socket, pause);
}

/* TLS output goes to the shared buffer between these two, and then out at once. */

static void
tls_begin(struct ws *ws)
{
        engine->cipher.length = 0;
        aw_tls_output_begin(ws->tls, &engine->cipher);
}

/* 0: all is out; 1: some is held; -1: the connection is broken. */
static int
tls_end(struct ws *ws)
{
        ssize_t length = aw_tls_output_end(ws->tls);

        if (length < 0) {
                ws_abort(ws);
                return -1;
        }
        return length == 0 ? 0 : aw_socket_write(ws->socket, engine->cipher.data, (size_t)length);
}

int
ws_send_raw(struct ws *ws, const char *data, size_t length)
{
        const uint8_t *bytes = (const uint8_t *)data;
        int result;

        if (ws->tls != NULL)
                result = aw_tls_write(ws->tls, bytes, length);
        else
                result = aw_socket_write(ws->socket, bytes, length);
        if (result < 0)
                ws_abort(ws);
        return result < 0 ? -1 : 0;
}

/* The end: the peer has this long to end its side, and more for as long as it goes on reading. */

static void
linger_over(void *argument)
{
        struct ws *ws = argument;
        aw_time end = ws->progress + WS_LINGER_TIME;

        if (aw_loop_now() < end)
                aw_call_at(&ws->timer, end, linger_over, ws);
        else
                ws_abort(ws);
}

void
ws_finish(struct ws *ws)
{
        if (ws->finishing || ws->socket == NULL)
                return;
        ws->finishing = true;
        aw_call_later(&ws->timer, WS_LINGER_TIME, linger_over, ws);
        aw_socket_pause(ws->socket, false);
        aw_socket_want_write(ws->socket);
}

/* All is sent. A client leaves it to the server to end the TCP connection (section 7.1.1). */
static void
end_stream(struct ws *ws)
{
        if (ws->state == WS_STATE_LINGER)
                return;
        ws->state = WS_STATE_LINGER;
        if (ws->tls != NULL) {
                tls_begin(ws);
                aw_tls_shutdown(ws->tls);
                if (tls_end(ws) == -1)
                        return;
        }
        if (!ws->client)
                aw_socket_shutdown(ws->socket);
}

/* Output. */

/* True if little is left: not worth a write of its own. */
static bool
is_tail(const struct ws *ws)
{
        return ws->outbox.bytes < ws->out_offset + TAIL_SIZE;
}

/* Sends up to WRITE_SIZE bytes in one write. 1 if there may be more to send now. */
static int
send_some(struct ws *ws)
{
        size_t total = 0, length;
        uint8_t *data;
        int result = 0;

        if (ws->tls == NULL) {
                total = ws_output_next(ws, engine->staging, STAGING_SIZE, &data);
                result = total == 0 ? 0 : aw_socket_write(ws->socket, data, total);
        } else {
                tls_begin(ws);
                while ((total < WRITE_SIZE || is_tail(ws)) && result == 0 &&
                       (length = ws_output_next(ws, engine->staging, STAGING_SIZE, &data)) > 0) {
                        result = aw_tls_write(ws->tls, data, length);
                        total += length;
                }
                result = tls_end(ws);
        }
        ws->sent += total;
        if (total > 0 && (ws->close_sent || ws->finishing))
                ws->progress = aw_loop_now();
        return result == 0 && total > 0;
}

static void
io_writable(void *owner)
{
        struct ws *ws = owner;
        uint64_t stop = ws->sent + TURN_SIZE;

        if (ws->state != WS_STATE_OPEN && ws->state != WS_STATE_FAILED)
                return;
        while (ws->sent < stop && send_some(ws))
                continue;
        if (ws->outbox.first != NULL)
                aw_socket_want_write(ws->socket);
        else if (ws->finishing)
                end_stream(ws);
        if (ws->outbox.bytes <= WS_QUEUE_LOW)
                aw_wake_all(&ws->senders);
        ws_update_reading(ws);
}

/* Input. */

/* More of an HTTP head. */
static void
input_head(struct ws *ws, const uint8_t *data, size_t length)
{
        char *head = realloc(ws->head, ws->head_length + length);

        if (head == NULL) {
                ws_abort(ws);
                return;
        }
        memcpy(head + ws->head_length, data, length);
        ws->head = head;
        ws->head_length += length;
        ws->role->http(ws);
}

static void
input_plain(struct ws *ws, const uint8_t *data, size_t length)
{
        if (ws->state == WS_STATE_HTTP)
                input_head(ws, data, length);
        else
                ws_input(ws, data, length);
}

void
ws_opened(struct ws *ws, size_t head_length)
{
        char *head = ws->head;
        size_t length = ws->head_length;

        ws->state = WS_STATE_OPEN;
        ws->grace = WS_GRACE_TURNS;
        aw_handle_cancel(&ws->timer);
        ws->head = NULL;
        ws_input(ws, (const uint8_t *)head + head_length, length - head_length);
        free(head);
}

static void
tls_failed(struct ws *ws)
{
        const char *text = aw_tls_error_text(ws->tls);

        ws->role->tls_failed(ws, text);
        ws->state = WS_STATE_FAILED;
        ws->error = EPROTO;
        ws_finish(ws);
}

/*
 * The peer will send no more, but may still read: what it has sent is handled and replied to first.
 */
static void
tls_closed(struct ws *ws)
{
        if (ws->state != WS_STATE_OPEN) {
                ws_abort(ws);
                return;
        }
        ws->ended = true;
        if (ws->peer_close.code == 0)
                ws->peer_close.code = WS_ABNORMAL;
        if (ws->error == 0)
                ws->error = EPIPE;
        aw_wake_all(&ws->receiver);
        aw_wake_all(&ws->closer);
        aw_wake_all(&ws->pingers);
}

static void
tls_established(struct ws *ws)
{
        ws->state = WS_STATE_HTTP;
        ws->role->ready(ws);
}

/* Decrypts what there is. The input has to be used up even when nobody wants it any more. */
static ssize_t
tls_read(struct ws *ws)
{
        ssize_t length;

        while ((length = aw_tls_read(ws->tls, engine->plain, PLAIN_SIZE)) > 0)
                if (ws->state == WS_STATE_HTTP || ws->state == WS_STATE_OPEN)
                        input_plain(ws, engine->plain, (size_t)length);
        return length;
}

static void
input_tls(struct ws *ws, const uint8_t *data, size_t length)
{
        ssize_t result = 0;

        tls_begin(ws);
        aw_tls_input(ws->tls, data, length);
        if (ws->state == WS_STATE_TLS) {
                result = aw_tls_handshake(ws->tls);
                if (result == 0)
                        tls_established(ws);
        }
        if (result == 0)
                result = tls_read(ws);
        tls_end(ws);
        if (result == AW_TLS_FAILED)
                tls_failed(ws);
        else if (result == AW_TLS_CLOSED)
                tls_closed(ws);
}

static void
io_data(void *owner, const uint8_t *data, size_t length)
{
        struct ws *ws = owner;

        if (ws->state == WS_STATE_LINGER || (ws->tls == NULL && ws->state == WS_STATE_FAILED))
                return;
        if (ws->tls != NULL)
                input_tls(ws, data, length);
        else
                input_plain(ws, data, length);
}

void
ws_begin(struct ws *ws)
{
        if (ws->tls == NULL) {
                ws->role->ready(ws);
        } else if (ws->client) {
                tls_begin(ws);
                aw_tls_handshake(ws->tls);
                tls_end(ws);
        }
}

static void
io_closed(void *owner, int error)
{
        struct ws *ws = owner;

        (void)error;
        ws->socket = NULL;
        ws->state = WS_STATE_DEAD;
        aw_handle_cancel(&ws->timer);
        if (ws->peer_close.code == 0)
                ws->peer_close.code = WS_ABNORMAL;
        if (ws->error == 0)
                ws->error = EPIPE;
        ws->role->lost(ws);
        aw_wake_all(&ws->receiver);
        aw_wake_all(&ws->senders);
        aw_wake_all(&ws->closer);
        aw_wake_all(&ws->pingers);
        if (!ws->app)
                connection_free(ws);
}

const struct aw_socket_callbacks ws_io_callbacks = {
        .data = io_data,
        .writable = io_writable,
        .closed = io_closed,
};
