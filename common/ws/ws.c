/* SPDX-License-Identifier: MIT */
/*
 * What a task does with a connection. The helpers wait on behalf of the function that calls them,
 * without await(): the site that a dump shows is then the one in the program, not one in here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "await/ws.h"

#include "await/log.h"
#include "ws/private.h"

const struct ws_peer_close *
ws_peer_close(const struct ws *ws)
{
        return &ws->peer_close;
}

const char *
ws_peer(const struct ws *ws)
{
        return ws->peer;
}

void
ws_describe(const struct ws *ws, char *out, size_t size)
{
        if (ws->tls != NULL)
                aw_tls_describe(ws->tls, out, size);
        else
                snprintf(out, size, "plain");
}

int
ws_error_set(struct ws_error *error, enum ws_failure failure, int number, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        error->failure = failure;
        errno = number;
        return -1;
}

/* Until the task has returned from this the connection must not be freed. */
static int
wait_in(struct ws *ws, struct aw_waiters *waiters, aw_time deadline)
{
        int result;

        ws->waiting++;
        result = aw_wait_in(waiters, deadline, NULL);
        ws->waiting--;
        return result;
}

/* Receiving. */

/*
 * The next message; pings before it are answered now, after the replies to what came before them.
 */
static struct ws_buffer *
next_message(struct ws *ws)
{
        struct ws_buffer *buffer;

        while ((buffer = ws_queue_take(&ws->inbox)) != NULL && buffer->opcode == WS_OP_PING)
                ws_answer_ping(ws, buffer);
        return buffer;
}

/* The inbox is empty: why nothing more will come to it, or 0. */
static int
receive_error(struct ws *ws)
{
        ws_queue_due_close(ws);
        if (ws->error == 0 && ws->draining) {
                ws_queue_close(ws, WS_GOING_AWAY, NULL);
                return ESHUTDOWN;
        }
        return ws->error;
}

async int
ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline)
{
        struct ws_buffer *buffer;
        int error;

        ws_buffer_unref(ws->current);
        ws->current = NULL;
        if (ws->receiver.first != NULL)
                aw_log_abort("two tasks receive from one connection");
        if (ws->closer.first != NULL)
                aw_log_abort("ws_receive() while another task closes the connection");
        while ((buffer = next_message(ws)) == NULL) {
                error = receive_error(ws);
                if (error != 0) {
                        errno = error;
                        return -1;
                }
                if (wait_in(ws, &ws->receiver, deadline) == -1)
                        return -1;
        }
        ws->current = buffer;
        ws_update_reading(ws);
        *message = (struct ws_message){.type = (enum ws_type)buffer->opcode,
                                       .data = buffer->data,
                                       .length = buffer->length,
                                       .buffer = buffer};
        return 0;
}

/* Sending. */

static bool
is_text(const struct ws_message *message)
{
        struct aw_utf8 utf8 = {0};

        return aw_utf8_feed(&utf8, message->data, message->length) && aw_utf8_complete(&utf8);
}

/* A received message goes out as it is, if it can; anything else is copied. */
static struct ws_buffer *
buffer_of(const struct ws *ws, const struct ws_message *message)
{
        struct ws_buffer *buffer = message->buffer;

        if (buffer != NULL && !ws->client && !buffer->queued && message->data == buffer->data &&
            message->length == buffer->length && message->type == (enum ws_type)buffer->opcode) {
                buffer->references++;
                return buffer;
        }
        if (message->type == WS_TEXT && !is_text(message)) {
                errno = EILSEQ;
                return NULL;
        }
        buffer = ws_buffer_create((uint8_t)message->type, message->length);
        if (buffer == NULL)
                return NULL;
        buffer->length = message->length;
        if (message->length > 0)
                memcpy(buffer->data, message->data, message->length);
        return buffer;
}

static bool
can_send(const struct ws *ws)
{
        return (ws->state == WS_STATE_OPEN || ws->state == WS_STATE_FAILED) && !ws->close_sent &&
               !ws->finishing;
}

static int
send_message(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        struct ws_buffer *buffer;

        while (can_send(ws) && ws->outbox.bytes > WS_QUEUE_HIGH)
                if (wait_in(ws, &ws->senders, deadline) == -1)
                        return -1;
        if (!can_send(ws)) {
                errno = EPIPE;
                return -1;
        }
        buffer = buffer_of(ws, message);
        if (buffer == NULL)
                return -1;
        /* The outbox now owns it. */
        ws_queue_frame(ws, buffer);
        return 0;
}

async int
ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        return send_message(ws, message, deadline);
}

async int
ws_send_text(struct ws *ws, const char *text, aw_time deadline)
{
        struct ws_message message = {
                .type = WS_TEXT, .data = (const uint8_t *)text, .length = strlen(text)};

        return send_message(ws, &message, deadline);
}

async int
ws_ping(struct ws *ws, aw_time deadline)
{
        char payload[24];
        uint64_t number;

        if (!can_send(ws)) {
                errno = EPIPE;
                return -1;
        }
        number = ws->ping_sent + 1;
        snprintf(payload, sizeof(payload), "%" PRIu64, number);
        if (ws_queue_control(ws, WS_OP_PING, (const uint8_t *)payload, strlen(payload)) == -1)
                return -1;
        ws->ping_sent = number;
        while (ws->ping_answered < number) {
                if (ws->error != 0) {
                        errno = EPIPE;
                        return -1;
                }
                if (wait_in(ws, &ws->pingers, deadline) == -1)
                        return -1;
        }
        return 0;
}

/* Closing. */

/*
 * Waits for the peer's Close frame; for longer than its time while the peer still reads what is
 * queued before ours.
 */
static int
wait_for_close(struct ws *ws)
{
        aw_time end = aw_loop_now() + WS_CLOSE_TIME;
        int result = 0;

        while (result == 0 && ws->state == WS_STATE_OPEN && !ws->close_received && !ws->ended) {
                result = wait_in(ws, &ws->closer, end);
                if (result == -1 && errno == ETIMEDOUT && ws->progress + WS_CLOSE_TIME > end) {
                        end = ws->progress + WS_CLOSE_TIME;
                        result = 0;
                }
        }
        return result;
}

/* After the Close frames: the end of the TCP connection, which its timer bounds. */
static int
wait_for_end(struct ws *ws)
{
        int result = 0;

        ws_finish(ws);
        while (result == 0 && ws->state != WS_STATE_DEAD)
                result = wait_in(ws, &ws->closer, AW_NEVER);
        return result;
}

static int
close_handshake(struct ws *ws, unsigned code, const char *reason)
{
        int result;

        ws_queue_due_close(ws);
        ws_queue_close(ws, code, reason);
        ws_queue_clear(&ws->inbox);
        ws_update_reading(ws);
        result = wait_for_close(ws);
        if (result == 0)
                result = wait_for_end(ws);
        if (result == 0 && !(ws->close_sent && ws->close_received && ws->outbox.first == NULL)) {
                errno = EPIPE;
                result = -1;
        }
        return result;
}

async int
ws_close(struct ws *ws, unsigned code, const char *reason)
{
        int result, error;

        if (ws == NULL)
                return 0;
        ws_demand_idle(ws, "ws_close()");
        result = close_handshake(ws, code, reason);
        error = errno;
        ws_drop(ws);
        errno = error;
        return result;
}
