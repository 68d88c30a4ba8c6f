/* SPDX-License-Identifier: MIT */
/* What goes to the peer: the outbox, which is sent once in a turn. */
#include <string.h>
#include <sys/uio.h>

#include "ws/watch_private.h"

/* Frames up to this are put together; larger ones are sent from where they are. */
#define SMALL_MAX 4096

/* So many of those go out with one call of the kernel's, if there is no TLS. */
#define PIECES_MAX 16

/*
 * A client's frames are masked with a key that cannot be guessed (section 5.3), so its buffers are
 * never shared.
 */
static void
mask_payload(struct ws_buffer *buffer)
{
        uint8_t *header = ws_buffer_header(buffer);
        uint8_t *key = header + buffer->header - WS_MASK_KEY_SIZE;

        header[1] |= 0x80;
        ws_mask_key(key);
        ws_frame_mask(buffer->data, buffer->data, buffer->length, key, 0);
}

/* Done when the frame's turn has come, on the loop's stack. */
static __attribute__((noinline)) void
build_header(const struct ws *ws, struct ws_buffer *buffer)
{
        uint8_t *header;

        if (ws->observer != NULL)
                ws_observe_buffer(ws, buffer);
        buffer->header = (uint8_t)ws_frame_header_size(buffer->length, ws->client);
        header = ws_buffer_header(buffer);
        ws_frame_build(header, (enum ws_opcode)buffer->opcode, buffer->length, NULL);
        header[0] ^= buffer->special & (WS_BUFFER_PARTIAL | WS_BUFFER_COMPRESSED);
        if (ws->client)
                mask_payload(buffer);
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

        if (out->pongs > ws_queue_high(ws) && pong != NULL && pong->header == 0) {
                pong->length = ping->length;
                memcpy(pong->data, ping->data, ping->length);
                return;
        }
        /* Room for any other one. */
        pong = ws_buffer_create(WS_OP_PONG, WS_FRAME_CONTROL_MAX);
        if (pong == NULL) {
                /* The peer would take us for dead, but later. */
                aw_transport_close(ws->transport);
                return;
        }
        pong->length = ping->length;
        memcpy(pong->data, ping->data, ping->length);
        out->pong = pong;
        out->pongs += ws_buffer_cost(pong);
        ws_output_queue(ws, pong);
}

/* What is no whole message, or is timed, has been sent. Apart, for it would slow down the others. */
static void __attribute__((noinline)) other_done(struct ws *ws, struct ws_buffer *buffer)
{
        struct ws_out *out = &ws->out;

        ws_watch_sent_other(ws, buffer);
        if (buffer->opcode < WS_OP_CLOSE)
                out->messages--;
        if (buffer->opcode == WS_OP_PING)
                out->pings -= ws_buffer_cost(buffer);
        if (buffer->opcode == WS_OP_PONG)
                out->pongs -= ws_buffer_cost(buffer);
        if (buffer == out->pong)
                out->pong = NULL;
        if (buffer == out->ping) {
                out->ping = NULL;
                ws_alive_asked(ws);
        }
        ws_buffer_unref(buffer);
}

/* The outbox's first has been sent. */
static inline void
output_done(struct ws *ws)
{
        struct ws_buffer *buffer = ws_queue_take(&ws->out.outbox);
        unsigned type = (unsigned)buffer->opcode - WS_OP_TEXT;

        buffer->queued = false;
        if (type > 1 || buffer->special != 0) {
                other_done(ws, buffer);
                return;
        }
        ws_watch_sent(ws, type, buffer->length);
        ws->out.messages--;
        ws_buffer_unref(buffer);
}

/* The outbox's first, with its header. */
static struct ws_buffer *
output_first(struct ws *ws)
{
        struct ws_buffer *buffer = ws->out.outbox.first;

        if (buffer != NULL && buffer->header == 0)
                build_header(ws, buffer);
        return buffer;
}

/* A client's, which is masked on the way; or one that somebody wants to see. */
static __attribute__((noinline)) size_t
put_other(const struct ws *ws, struct ws_buffer *buffer, uint8_t *to)
{
        uint8_t key[WS_MASK_KEY_SIZE];
        size_t size;

        if (ws->observer != NULL) {
                build_header(ws, buffer);
                memcpy(to, ws_buffer_header(buffer), buffer->header + buffer->length);
                return buffer->header + buffer->length;
        }
        ws_mask_key(key);
        size = ws_frame_build(to, (enum ws_opcode)buffer->opcode, buffer->length, key);
        to[0] ^= buffer->special & (WS_BUFFER_PARTIAL | WS_BUFFER_COMPRESSED);
        ws_frame_mask(to + size, buffer->data, buffer->length, key, 0);
        return size + buffer->length;
}

/* Copies a frame, whose header is built where it goes. Returns its size. */
static inline size_t
put_frame(struct ws_buffer *buffer, uint8_t *to)
{
        size_t size = ws_frame_build(to, (enum ws_opcode)buffer->opcode, buffer->length, NULL);

        to[0] ^= buffer->special & (WS_BUFFER_PARTIAL | WS_BUFFER_COMPRESSED);
        memcpy(to + size, buffer->data, buffer->length);
        return size + buffer->length;
}

/* Sends a whole frame that waits for nobody. Returns how much of it went out, or -1: nothing, for now. */
static inline ssize_t
send_frame(struct ws *ws, struct ws_buffer *buffer)
{
        buffer->header = (uint8_t)ws_frame_header_size(buffer->length, false);
        ws_frame_build(ws_buffer_header(buffer), (enum ws_opcode)buffer->opcode, buffer->length,
                       NULL);
        return aw_transport_send_now(ws->transport, ws_buffer_header(buffer),
                                     buffer->header + buffer->length);
}

/* What has gone out of the frame is not in the outbox any more. */
static __attribute__((noinline)) void
queue_rest(struct ws *ws, struct ws_buffer *buffer, ssize_t sent)
{
        uint8_t header = buffer->header;

        buffer->references++;
        ws_output_queue(ws, buffer);
        if (sent <= 0)
                return;
        buffer->header = header;
        ws->out.offset = (size_t)sent;
}

/*
 * A message that came alone is answered alone, nearly always: its echo need not wait for the flush, where
 * others could join it. Once for each time that the receiver is woken.
 */
void
ws_output_alone(struct ws *ws, struct ws_buffer *buffer)
{
        ssize_t sent = -1;

        ws->in.woken = false;
        if (ws->out.outbox.first == NULL && buffer->length <= SMALL_MAX && ws->raw == NULL &&
            (buffer->special & ~WS_BUFFER_TIMED) == 0)
                sent = send_frame(ws, buffer);
        if (sent < (ssize_t)(buffer->header + buffer->length)) {
                queue_rest(ws, buffer, sent);
                return;
        }
        if (buffer->special == 0)
                ws_watch_sent(ws, buffer->opcode - WS_OP_TEXT, buffer->length);
        else
                ws_watch_sent_other(ws, buffer);
        ws->out.messages_end = aw_transport_written(ws->transport);
}

/* Puts small frames together, as many as go into one piece. */
static void
send_small(struct ws *ws)
{
        struct aw_transport_room room = {.data = NULL};
        struct ws_buffer *buffer;
        bool other = ws->client || ws->observer != NULL;
        size_t most, done = 0;

        while ((buffer = ws->out.outbox.first) != NULL) {
                most = WS_FRAME_HEADER_MAX + buffer->length;
                if (most > SMALL_MAX || buffer->header > 0)
                        break;
                if (room.data == NULL)
                        room = aw_transport_room(ws->transport, most);
                if (room.data == NULL || most > room.size - done)
                        break;
                done += other ? put_other(ws, buffer, room.data + done)
                              : put_frame(buffer, room.data + done);
                output_done(ws);
        }
        if (done > 0)
                aw_transport_put(ws->transport, done);
}

/* Sends of the outbox's first what can be sent now. False: enough for now. */
static bool
send_first(struct ws *ws)
{
        struct ws_buffer *buffer = output_first(ws);
        size_t size = buffer->header + buffer->length;
        ssize_t taken;

        taken = aw_transport_write(ws->transport, ws_buffer_header(buffer) + ws->out.offset,
                                   size - ws->out.offset);
        if (taken < 0)
                return false;
        ws->out.offset += (size_t)taken;
        if (ws->out.offset < size)
                return false;
        ws->out.offset = 0;
        output_done(ws);
        return true;
}

/* What remains of the outbox's first frames; returns how many of them may go out together. */
static size_t
find_pieces(struct ws *ws, struct iovec pieces[PIECES_MAX])
{
        struct ws_buffer *buffer = ws->out.outbox.first;
        size_t count = 0, size, total = 0, offset = ws->out.offset;

        for (; buffer != NULL && count < PIECES_MAX; buffer = buffer->next) {
                size = WS_FRAME_HEADER_MAX + buffer->length;
                if (size > AW_TRANSPORT_LARGE - total)
                        break;
                total += size;
                if (buffer->header == 0)
                        build_header(ws, buffer);
                pieces[count++] = (struct iovec){ws_buffer_header(buffer) + offset,
                                                 buffer->header + buffer->length - offset};
                offset = 0;
        }
        return count;
}

/* Sends the outbox's first frames from where they are. False: enough for now. */
static __attribute__((noinline)) bool
send_several(struct ws *ws)
{
        struct iovec pieces[PIECES_MAX];
        size_t count = 0;
        ssize_t taken;

        if (ws->out.outbox.first->next != NULL && ws->observer == NULL &&
            aw_transport_tls(ws->transport) == NULL)
                count = find_pieces(ws, pieces);
        if (count < 2)
                return send_first(ws);
        taken = aw_transport_write_pieces(ws->transport, pieces, count);
        for (size_t i = 0; i < count && taken >= 0; i++) {
                if ((size_t)taken < pieces[i].iov_len) {
                        ws->out.offset += (size_t)taken;
                        return false;
                }
                taken -= (ssize_t)pieces[i].iov_len;
                ws->out.offset = 0;
                output_done(ws);
        }
        return taken >= 0;
}

void
ws_output_send_part(struct ws *ws, size_t *most)
{
        struct ws_buffer *buffer;
        bool messages = ws->out.messages > 0;
        size_t left;
        ssize_t taken;

        while (*most > 0 && (buffer = output_first(ws)) != NULL &&
               !aw_transport_full(ws->transport)) {
                left = buffer->header + buffer->length - ws->out.offset;
                taken = aw_transport_write(ws->transport, ws_buffer_header(buffer) + ws->out.offset,
                                           left < *most ? left : *most);
                if (taken <= 0)
                        break;
                *most -= (size_t)taken;
                ws->out.offset += (size_t)taken;
                if ((size_t)taken < left)
                        continue;
                ws->out.offset = 0;
                output_done(ws);
        }
        if (messages)
                ws->out.messages_end = aw_transport_written(ws->transport);
        if (ws->out.outbox.bytes <= ws_queue_low(ws))
                aw_wake_all(&ws->senders);
}

void
ws_output_send(struct ws *ws)
{
        bool messages = ws->out.messages > 0, more = true;

        while (more && ws->out.outbox.first != NULL && !aw_transport_full(ws->transport)) {
                send_small(ws);
                more = ws->out.outbox.first == NULL || send_several(ws);
        }
        if (messages)
                ws->out.messages_end = aw_transport_written(ws->transport);
        if (ws->senders.first != NULL && ws->out.outbox.bytes <= ws_queue_low(ws))
                aw_wake_all(&ws->senders);
}
