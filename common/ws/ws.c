/* SPDX-License-Identifier: MIT */
/*
 * What a task does with a connection. The helpers wait on behalf of the function that calls them,
 * without await(): the site that a dump shows is then the one in the program, not one in here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "await/ws.h"

#include "await/log.h"
#include "ws/deflate_private.h"
#include "ws/raw_private.h"

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

const char *
ws_problem(const struct ws *ws)
{
        return ws->in.problem;
}

void
ws_traffic(const struct ws *ws, struct ws_traffic *traffic)
{
        uint64_t delivered = ws->transport == NULL ? 0 : aw_transport_delivered(ws->transport);

        traffic->received = ws->seen.received.bytes[0] + ws->seen.received.bytes[1];
        traffic->sent = ws->out.messages > 0 || delivered < ws->out.messages_end
                                ? delivered
                                : ws->out.messages_end;
}

void
ws_describe(const struct ws *ws, char *out, size_t size)
{
        const struct aw_tls *tls = ws->transport == NULL ? NULL : aw_transport_tls(ws->transport);

        if (tls != NULL)
                aw_tls_describe(tls, out, size);
        else
                snprintf(out, size, "plain");
}

/* Receiving. */

/* A message that had begun when the listener drained may still become complete. */
static bool
completes_message(const struct ws *ws)
{
        bool begun =
                ws->in.reader.message != NULL || (ws->deflate != NULL && ws->deflate->inflating);

        return begun && ws->in.state == WS_IN_OPEN && aw_loop_now() < ws->drain_end;
}

/* The inbox is empty. If nothing more will come to it, says why; and our Close frame is due. */
static int
end_of_messages(struct ws *ws)
{
        if (ws->closing.begun)
                return EPIPE;
        ws_order_close_now(ws);
        /* What still has to be inflated was received. */
        if (ws->in.error == 0 && ws->draining && !ws_deflate_yields(ws) && !completes_message(ws)) {
                if (!ws_raw_keeps_close(ws))
                        ws_close_queue(ws, WS_GOING_AWAY, ws->drain_reason);
                return ESHUTDOWN;
        }
        return ws->in.error;
}

/* The inbox is empty. The next message, or NULL with errno. */
static __attribute__((noinline)) struct ws_buffer *
wait_for_message(struct ws *ws, aw_time deadline)
{
        struct ws_buffer *buffer;
        aw_time end;
        int error;

        if (ws->in.paused)
                ws_flow_update(ws);
        do {
                error = end_of_messages(ws);
                if (error != 0) {
                        errno = error;
                        return NULL;
                }
                end = ws->draining && ws->drain_end < deadline ? ws->drain_end : deadline;
                if (ws_connection_wait(ws, &ws->receiver, end) == -1 &&
                    (errno != ETIMEDOUT || end == deadline))
                        return NULL;
                buffer = ws_order_next(ws);
        } while (buffer == NULL);
        return buffer;
}

async int
ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline)
{
        struct ws_buffer *buffer;

        if (ws->receiver.first != NULL)
                aw_log_abort("two tasks receive from one connection");
        ws_buffer_unref(ws->in.current);
        ws->in.current = NULL;
        buffer = ws_order_next(ws);
        if (buffer == NULL)
                buffer = wait_for_message(ws, deadline);
        if (buffer == NULL)
                return -1;
        ws->in.current = buffer;
        if (ws->in.paused)
                ws_flow_update(ws);
        *message = (struct ws_message){.type = (enum ws_type)buffer->opcode,
                                       .data = buffer->data,
                                       .length = buffer->length,
                                       .buffer = buffer};
        return 0;
}

/* Sending. */

/* It is as it was received. */
static inline bool
is_received(const struct ws *ws, const struct ws_message *message)
{
        const struct ws_buffer *buffer = message->buffer;

        return buffer != NULL && !ws->client && !buffer->queued && message->data == buffer->data &&
               message->length == buffer->length && message->type == (enum ws_type)buffer->opcode;
}

/* A received message goes out as it is, if it can; anything else is copied. */
static inline struct ws_buffer *
buffer_of(const struct ws *ws, const struct ws_message *message)
{
        struct ws_buffer *buffer = message->buffer;

        if (is_received(ws, message)) {
                buffer->references++;
                return buffer;
        }
        if (message->type == WS_TEXT && !aw_utf8_valid(message->data, message->length)) {
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
is_type(enum ws_type type)
{
        return type == WS_TEXT || type == WS_BINARY;
}

/* Once the connection is to end, a peer that takes nothing for a while is not waited for any longer. */
static int
wait_for_room(struct ws *ws, aw_time deadline)
{
        uint64_t delivered = ws->transport == NULL ? 0 : aw_transport_delivered(ws->transport);
        aw_time end = aw_loop_now() + WS_CLOSE_TIME;

        if (!ws->draining || deadline <= end)
                return ws_connection_wait(ws, &ws->senders, deadline);
        if (ws_connection_wait(ws, &ws->senders, end) == 0)
                return 0;
        if (errno != ETIMEDOUT)
                return -1;
        if (ws->transport != NULL && aw_transport_delivered(ws->transport) != delivered)
                return 0;
        ws->closing.delivered = delivered;
        ws->closing.spent = true;
        errno = ESHUTDOWN;
        return -1;
}

/* If that is worth it. */
static int
send_compressed(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        struct ws_buffer *buffer = NULL;

        if (message->type == WS_TEXT && !is_received(ws, message) &&
            !aw_utf8_valid(message->data, message->length)) {
                errno = EILSEQ;
                return -1;
        }
        /* Where it fails the connection may be freed. */
        if (message->length >= ws->deflate->threshold &&
            ws_deflate_message(ws, message, deadline, &buffer) == -1)
                return -1;
        if (buffer == NULL)
                buffer = buffer_of(ws, message);
        if (buffer == NULL)
                return -1;
        /* The outbox now owns it. */
        ws_output_queue(ws, buffer);
        return 0;
}

/* A message can be queued as it comes. */
static inline bool
is_free(const struct ws *ws)
{
        return ws_output_open(ws) && ws->out.held == 0 && ws->out.outbox.bytes <= ws_queue_high(ws);
}

/* The long way: whatever is sent, whatever the state. */
static __attribute__((noinline)) int
send_message(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        struct ws_buffer *buffer;

        if (!is_type(message->type)) {
                errno = EINVAL;
                return -1;
        }
        while (!is_free(ws)) {
                if (!ws_output_open(ws)) {
                        errno = EPIPE;
                        return -1;
                }
                if (ws->out.held == WS_HELD_DEFLATE && ws->out.outbox.bytes <= ws_queue_high(ws))
                        return send_compressed(ws, message, deadline);
                if (wait_for_room(ws, deadline) == -1)
                        return -1;
        }
        buffer = buffer_of(ws, message);
        if (buffer == NULL)
                return -1;
        /* The outbox now owns it. */
        ws_output_queue(ws, buffer);
        return 0;
}

async int
ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        struct ws_buffer *buffer = message->buffer;

        /* The short way, of nearly all echoes: it is one that was received, so its type is right. */
        if (!is_free(ws) || !is_received(ws, message))
                return send_message(ws, message, deadline);
        if (ws->in.woken && ws->in.inbox.first == NULL) {
                ws_output_alone(ws, buffer);
                return 0;
        }
        buffer->references++;
        ws_output_queue_message(ws, buffer);
        return 0;
}

async int
ws_send_text(struct ws *ws, const char *text, aw_time deadline)
{
        struct ws_message message = {
                .type = WS_TEXT, .data = (const uint8_t *)text, .length = strlen(text)};

        return send_message(ws, &message, deadline);
}

static bool
in_parts(const struct ws *ws)
{
        return (ws->out.held & WS_HELD_PARTS) != 0;
}

static struct ws_buffer *
part_of(const struct ws *ws, const struct ws_message *part)
{
        struct ws_buffer *buffer = ws_buffer_create(
                in_parts(ws) ? WS_OP_CONTINUATION : (uint8_t)part->type, part->length);

        if (buffer == NULL)
                return NULL;
        buffer->length = part->length;
        if (part->length > 0)
                memcpy(buffer->data, part->data, part->length);
        return buffer;
}

/* The parts of a message, as those of any other but for what their headers say. */
static int
queue_part(struct ws *ws, const struct ws_message *part, bool final, aw_time deadline)
{
        struct ws_out *out = &ws->out;
        struct aw_utf8 utf8 = {0};
        struct ws_buffer *buffer;
        bool compressed = out->compressed_parts, text = out->text_parts;

        if (in_parts(ws)) {
                utf8 = out->utf8;
        } else {
                compressed = ws->deflate != NULL && part->length >= ws->deflate->threshold;
                text = part->type == WS_TEXT;
        }
        if (text && (!aw_utf8_feed(&utf8, part->data, part->length) ||
                     (final && !aw_utf8_complete(&utf8)))) {
                errno = EILSEQ;
                return -1;
        }
        if (!compressed)
                buffer = part_of(ws, part);
        else if (ws_deflate_part(ws, part, final, deadline, &buffer) == -1)
                return -1;
        if (buffer == NULL)
                return -1;
        buffer->special |= final ? 0 : WS_BUFFER_PARTIAL;
        out->utf8 = utf8;
        if (final)
                out->held &= (uint8_t)~WS_HELD_PARTS;
        else
                out->held |= WS_HELD_PARTS;
        out->compressed_parts = compressed;
        out->text_parts = text;
        ws_output_queue(ws, buffer);
        if (final)
                aw_wake_all(&ws->senders);
        return 0;
}

async int
ws_send_part(struct ws *ws, const struct ws_message *part, bool final, aw_time deadline)
{
        if (!in_parts(ws) && !is_type(part->type)) {
                errno = EINVAL;
                return -1;
        }
        while (ws_output_open(ws) && ((ws->out.held & WS_HELD_COMPRESSING) != 0 ||
                                      ws->out.outbox.bytes > ws_queue_high(ws)))
                if (wait_for_room(ws, deadline) == -1)
                        return -1;
        if (!ws_output_open(ws)) {
                errno = EPIPE;
                return -1;
        }
        return queue_part(ws, part, final, deadline);
}

int
ws_send_ping(struct ws *ws, const void *data, size_t length)
{
        if (length > WS_FRAME_CONTROL_MAX) {
                errno = EMSGSIZE;
                return -1;
        }
        if (!ws_output_open(ws)) {
                errno = EPIPE;
                return -1;
        }
        if (ws->out.pings >= WS_PINGS_MAX) {
                errno = EAGAIN;
                return -1;
        }
        return ws_output_queue_control(ws, WS_OP_PING, data, length);
}

async int
ws_ping(struct ws *ws, aw_time deadline)
{
        uint64_t number;

        if (!ws_output_open(ws)) {
                errno = EPIPE;
                return -1;
        }
        if (ws_alive_ping(ws) == -1)
                return -1;
        number = ws->out.ping_sent;
        while (ws->out.ping_answered < number) {
                if (ws->in.error != 0 || ws->closing.begun) {
                        errno = EPIPE;
                        return -1;
                }
                if (ws_connection_wait(ws, &ws->pingers, deadline) == -1)
                        return -1;
        }
        return 0;
}
