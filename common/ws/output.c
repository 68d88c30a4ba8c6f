/* SPDX-License-Identifier: MIT */
/* What goes to the peer: the outbox, which is sent once in a turn. */
#include <openssl/rand.h>
#include <string.h>

#include "await/log.h"
#include "ws/private.h"

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

bool
ws_output_open(const struct ws *ws)
{
        return ws->out.state == WS_OUT_OPEN && !ws->closing.begun;
}

void
ws_output_queue(struct ws *ws, struct ws_buffer *buffer)
{
        buffer->header = 0;
        buffer->queued = true;
        ws_queue_put(&ws->out.outbox, buffer);
        aw_transport_want_write(ws->transport);
}

int
ws_output_queue_control(struct ws *ws, uint8_t opcode, const uint8_t *data, size_t length)
{
        struct ws_buffer *buffer = ws_buffer_create(opcode, length);

        if (buffer == NULL)
                return -1;
        buffer->length = length;
        if (length > 0)
                memcpy(buffer->data, data, length);
        ws_output_queue(ws, buffer);
        return 0;
}

/*
 * A peer that sends more pings than it takes Pongs gets one for the last of them (section 5.5.3):
 * reading cannot stop for them, or two such peers would each wait for the other one to read.
 */
void
ws_output_queue_pong(struct ws *ws, const struct ws_buffer *ping)
{
        struct ws_out *out = &ws->out;
        struct ws_buffer *pong = out->pong;

        if (out->pongs > WS_QUEUE_HIGH && pong != NULL && pong->header == 0) {
                pong->length = ping->length;
                memcpy(pong->data, ping->data, ping->length);
                return;
        }
        /* Room for any other one. */
        pong = ws_buffer_create(WS_OP_PONG, WS_FRAME_CONTROL_MAX);
        if (pong == NULL)
                return;
        pong->length = ping->length;
        memcpy(pong->data, ping->data, ping->length);
        out->pong = pong;
        out->pongs += ws_buffer_cost(pong);
        ws_output_queue(ws, pong);
}

/* The outbox's first has been sent. */
static void
output_done(struct ws_out *out)
{
        struct ws_buffer *buffer = ws_queue_take(&out->outbox);

        buffer->queued = false;
        if (buffer->opcode == WS_OP_PONG)
                out->pongs -= ws_buffer_cost(buffer);
        if (buffer == out->pong)
                out->pong = NULL;
        out->offset = 0;
        ws_buffer_unref(buffer);
}

/* Sends of the outbox's first what can be sent now. False: enough for now. */
static bool
output_send_first(struct ws *ws)
{
        struct ws_buffer *buffer = ws->out.outbox.first;
        size_t size;
        ssize_t taken;

        if (buffer->header == 0)
                build_header(buffer, ws->client);
        size = buffer->header + buffer->length;
        taken = aw_transport_write(ws->transport, buffer->data - buffer->header + ws->out.offset,
                                   size - ws->out.offset);
        if (taken < 0)
                return false;
        ws->out.offset += (size_t)taken;
        if (ws->out.offset < size)
                return false;
        output_done(&ws->out);
        return true;
}

void
ws_output_send_part(struct ws *ws, size_t *most)
{
        struct ws_buffer *buffer;
        size_t left;
        ssize_t taken;

        while (*most > 0 && (buffer = ws->out.outbox.first) != NULL &&
               !aw_transport_full(ws->transport)) {
                if (buffer->header == 0)
                        build_header(buffer, ws->client);
                left = buffer->header + buffer->length - ws->out.offset;
                taken = aw_transport_write(ws->transport,
                                           buffer->data - buffer->header + ws->out.offset,
                                           left < *most ? left : *most);
                if (taken <= 0)
                        break;
                *most -= (size_t)taken;
                ws->out.offset += (size_t)taken;
                if ((size_t)taken == left)
                        output_done(&ws->out);
        }
        if (ws->out.outbox.bytes <= WS_QUEUE_LOW)
                aw_wake_all(&ws->senders);
}

void
ws_output_send(struct ws *ws)
{
        while (ws->out.outbox.first != NULL && !aw_transport_full(ws->transport))
                if (!output_send_first(ws))
                        break;
        if (ws->out.outbox.bytes <= WS_QUEUE_LOW)
                aw_wake_all(&ws->senders);
}
