/* SPDX-License-Identifier: MIT */
/* What goes to the peer: buffers, the outbox, and the pieces in which it is sent. */
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "ws/private.h"

/* Frames of which this much is left are sent from where they are; smaller ones are gathered. */
#define DIRECT_MIN 4096

struct ws_buffer *
ws_buffer_create(uint8_t opcode, size_t capacity)
{
        struct ws_buffer *buffer = malloc(sizeof(*buffer) + capacity);

        if (buffer == NULL)
                return NULL;
        *buffer = (struct ws_buffer){.references = 1, .opcode = opcode, .capacity = capacity};
        return buffer;
}

void
ws_buffer_unref(struct ws_buffer *buffer)
{
        if (buffer != NULL && --buffer->references == 0)
                free(buffer);
}

void
ws_queue_init(struct ws_queue *queue)
{
        *queue = (struct ws_queue){.last = &queue->first};
}

static size_t
cost_of(const struct ws_buffer *buffer)
{
        return sizeof(*buffer) + buffer->length;
}

void
ws_queue_put(struct ws_queue *queue, struct ws_buffer *buffer)
{
        buffer->next = NULL;
        *queue->last = buffer;
        queue->last = &buffer->next;
        queue->bytes += cost_of(buffer);
}

struct ws_buffer *
ws_queue_take(struct ws_queue *queue)
{
        struct ws_buffer *buffer = queue->first;

        if (buffer == NULL)
                return NULL;
        queue->first = buffer->next;
        if (queue->first == NULL)
                queue->last = &queue->first;
        queue->bytes -= cost_of(buffer);
        return buffer;
}

void
ws_queue_clear(struct ws_queue *queue)
{
        struct ws_buffer *buffer;

        while ((buffer = ws_queue_take(queue)) != NULL)
                ws_buffer_unref(buffer);
}

/*
 * Done when the frame's turn has come, on the loop's stack. A client's frames are masked with a key
 * that cannot be guessed (section 5.3), so its buffers are never shared.
 */
static void
build_header(struct ws_buffer *buffer, bool client)
{
        uint8_t header[WS_FRAME_HEADER_MAX], key[4];

        if (client && RAND_bytes(key, sizeof(key)) != 1)
                aw_log_abort("OpenSSL has no random numbers");
        if (client)
                ws_frame_mask(buffer->data, buffer->data, buffer->length, key, 0);
        buffer->header = (uint8_t)ws_frame_build(header, (enum ws_opcode)buffer->opcode,
                                                 buffer->length, client ? key : NULL);
        memcpy(buffer->data - buffer->header, header, buffer->header);
}

void
ws_queue_frame(struct ws *ws, struct ws_buffer *buffer)
{
        buffer->header = 0;
        buffer->queued = true;
        ws_queue_put(&ws->outbox, buffer);
        if (buffer->opcode == WS_OP_PONG)
                ws->pongs += cost_of(buffer);
        aw_socket_want_write(ws->socket);
        ws_update_reading(ws);
}

int
ws_queue_control(struct ws *ws, uint8_t opcode, const uint8_t *data, size_t length)
{
        struct ws_buffer *buffer = ws_buffer_create(opcode, length);

        if (buffer == NULL)
                return -1;
        buffer->length = length;
        if (length > 0)
                memcpy(buffer->data, data, length);
        ws_queue_frame(ws, buffer);
        return 0;
}

void
ws_queue_close(struct ws *ws, unsigned code, const char *reason)
{
        uint8_t payload[WS_FRAME_CONTROL_MAX];
        size_t length = 0;

        if (ws->close_sent || ws->socket == NULL)
                return;
        /* A code that only stands for the lack of one is answered with the lack of one. */
        if (ws_close_code_valid(code)) {
                payload[0] = (uint8_t)(code >> 8);
                payload[1] = (uint8_t)code;
                length = 2;
                if (reason != NULL) {
                        length += strnlen(reason, sizeof(payload) - 2);
                        memcpy(payload + 2, reason, length - 2);
                }
        }
        ws->close_sent = true;
        if (ws_queue_control(ws, WS_OP_CLOSE, payload, length) == -1)
                ws_abort(ws);
        aw_wake_all(&ws->senders);
}

void
ws_queue_due_close(struct ws *ws)
{
        if (ws->due_code != 0)
                ws_queue_close(ws, ws->due_code, ws->due_reason);
}

/*
 * The outbox's first has been sent. It stays in place for the write to come, until the next piece
 * is asked for.
 */
static void
output_done(struct ws *ws)
{
        ws->sending = ws_queue_take(&ws->outbox);
        ws->sending->queued = false;
        if (ws->sending->opcode == WS_OP_PONG)
                ws->pongs -= cost_of(ws->sending);
        ws->out_offset = 0;
}

static void
output_release(struct ws *ws)
{
        ws_buffer_unref(ws->sending);
        ws->sending = NULL;
}

/* The outbox's first, with its header. */
static struct ws_buffer *
output_first(struct ws *ws)
{
        struct ws_buffer *buffer = ws->outbox.first;

        if (buffer != NULL && buffer->header == 0)
                build_header(buffer, ws->client);
        return buffer;
}

/* Takes up to `most` bytes of the outbox's first. */
static size_t
output_take(struct ws *ws, size_t most, uint8_t **data)
{
        struct ws_buffer *buffer = output_first(ws);
        size_t size = buffer->header + buffer->length;
        size_t length = size - ws->out_offset < most ? size - ws->out_offset : most;

        *data = buffer->data - buffer->header + ws->out_offset;
        ws->out_offset += length;
        if (ws->out_offset == size)
                output_done(ws);
        return length;
}

static bool
output_is_large(struct ws *ws)
{
        const struct ws_buffer *buffer = output_first(ws);

        return buffer->header + buffer->length - ws->out_offset >= DIRECT_MIN;
}

size_t
ws_output_next(struct ws *ws, uint8_t *staging, size_t most, uint8_t **data)
{
        uint8_t *piece;
        size_t length, total = 0;

        output_release(ws);
        if (ws->outbox.first == NULL)
                return 0;
        if (output_is_large(ws))
                return output_take(ws, most, data);
        while (ws->outbox.first != NULL && !output_is_large(ws) && total < most) {
                length = output_take(ws, most - total, &piece);
                memcpy(staging + total, piece, length);
                output_release(ws);
                total += length;
        }
        *data = staging;
        return total;
}
