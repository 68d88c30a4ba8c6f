/* SPDX-License-Identifier: MIT */
/*
 * Compressing. It is done before the message is queued, a few kilobytes at a time: the task that
 * sends begins, and if that takes longer than its share of the turn it waits, while the loop goes on
 * with it a share at a time. Meanwhile no other task's message is queued on this connection.
 */
#include <errno.h>
#include <string.h>

#include "ws/deflate_private.h"

#define SLICE                                                                                      \
        ((size_t)4 << 10) /* of the message: at the highest level some milliseconds at worst */

/* A message on its way. */
struct squeeze {
        struct ws *ws;
        const struct ws_message *message;
        struct ws_codec *codec;
        struct ws_buffer *buffer; /* what has come out */
        bool whole;               /* the message is no part of one */
        bool final;               /* the tail goes */
        bool useless;             /* it does not become smaller */
        bool waited;              /* others may wait for the end of it */
        size_t done;
        bool over; /* nothing is left to do */
        int error; /* or this went wrong */
};

static bool
may_give_up(const struct squeeze *squeeze)
{
        return squeeze->whole && !squeeze->ws->deflate->agreed.send_context;
}

static size_t
length_so_far(const struct squeeze *squeeze)
{
        return squeeze->buffer == NULL ? 0 : squeeze->buffer->length;
}

/* 0, or -1 with errno ENOMEM. */
static int
append_output(struct squeeze *squeeze, const uint8_t *data, size_t length, bool last)
{
        struct ws_buffer *buffer = squeeze->buffer, *larger;
        size_t before = length_so_far(squeeze), capacity = before + length;

        if (length == 0)
                return 0;
        if (buffer == NULL)
                larger = ws_buffer_create(0, last ? capacity : 2 * capacity);
        else if (capacity > buffer->capacity)
                larger = ws_buffer_resize(buffer, last ? capacity : 2 * capacity);
        else
                larger = buffer;
        if (larger == NULL)
                return -1;
        memcpy(larger->data + before, data, length);
        larger->length = capacity;
        squeeze->buffer = larger;
        return 0;
}

/* Compresses the next slice, by pieces, into a buffer of the right size. 0, or -1 with errno ENOMEM. */
static int
squeeze_slice(struct squeeze *squeeze)
{
        const struct ws_message *message = squeeze->message;
        size_t left = message->length - squeeze->done, taken = left < SLICE ? left : SLICE;
        struct ws_codec_bytes bytes = {.in = message->data + squeeze->done, .in_left = taken};
        bool last = taken == left, over = false;
        uint8_t *piece = ws_codec_piece();

        if (piece == NULL)
                return -1;
        while (!over) {
                bytes.out = piece;
                bytes.out_left = WS_CODEC_PIECE;
                over = ws_codec_deflate(squeeze->codec, &bytes, last);
                if (append_output(squeeze, piece, WS_CODEC_PIECE - bytes.out_left, over && last) ==
                    -1)
                        return -1;
                if (may_give_up(squeeze) && length_so_far(squeeze) >= message->length)
                        squeeze->useless = over = true;
        }
        squeeze->done += taken;
        return 0;
}

/* The turns. */

/* As much as the share allows. */
static void
squeeze_some(struct squeeze *squeeze)
{
        size_t before;
        bool enough = false;

        while (!squeeze->over && !enough) {
                before = squeeze->done;
                if (squeeze_slice(squeeze) == -1)
                        squeeze->error = errno;
                squeeze->over = squeeze->error != 0 || squeeze->useless ||
                                squeeze->done == squeeze->message->length;
                enough = aw_share_use(&squeeze->ws->deflate->sending, squeeze->done - before);
        }
}

static void
squeeze_on(void *argument)
{
        struct squeeze *squeeze = argument;

        if (aw_share_begin(&squeeze->ws->deflate->sending))
                squeeze_some(squeeze);
        if (squeeze->over)
                aw_wake_all(&squeeze->ws->senders);
        else
                aw_share_wait(&squeeze->ws->deflate->sending, squeeze_on, squeeze);
}

/* 0, or -1 with errno. */
static int
wait_until_over(struct squeeze *squeeze, aw_time deadline)
{
        struct ws *ws = squeeze->ws;
        int result = 0;

        squeeze->waited = true;
        ws->out.held |= WS_HELD_COMPRESSING;
        aw_share_wait(&ws->deflate->sending, squeeze_on, squeeze);
        while (result == 0 && !squeeze->over) {
                result = ws_connection_wait(ws, &ws->senders, deadline);
                if (result == 0 && !ws_output_open(ws)) {
                        errno = EPIPE;
                        result = -1;
                }
        }
        aw_share_cancel(&ws->deflate->sending);
        ws->out.held &= (uint8_t)~WS_HELD_COMPRESSING;
        return result;
}

static int
squeeze_all(struct squeeze *squeeze, aw_time deadline)
{
        if (aw_share_begin(&squeeze->ws->deflate->sending))
                squeeze_some(squeeze);
        if (!squeeze->over && wait_until_over(squeeze, deadline) == -1)
                return -1;
        errno = squeeze->error;
        return squeeze->error == 0 ? 0 : -1;
}

/* What was compressed. */

/*
 * At the end of a message the tail goes (RFC 7692 section 7.2.1). A last part without a byte leaves
 * nothing to flush: then the beginning of an empty block completes the message.
 */
static int
finish_buffer(struct squeeze *squeeze, uint8_t opcode)
{
        struct ws_buffer *buffer = squeeze->buffer;

        if (buffer == NULL) {
                buffer = ws_buffer_create(opcode, 1);
                if (buffer == NULL)
                        return -1;
                buffer->data[0] = 0;
                buffer->length = squeeze->final ? 1 : 0;
        } else if (squeeze->final) {
                buffer->length -= WS_CODEC_TAIL;
        }
        buffer->opcode = opcode;
        buffer->special = opcode == WS_OP_CONTINUATION ? 0 : WS_BUFFER_COMPRESSED;
        squeeze->buffer = ws_buffer_shrink(buffer);
        return 0;
}

/* What the peer has not got must not be referred to. */
static void
leave_codec(struct squeeze *squeeze, bool good)
{
        struct ws_deflate *deflate = squeeze->ws->deflate;
        bool keeps = deflate->agreed.send_context || !squeeze->final;

        if (good && keeps && !squeeze->useless)
                deflate->deflater = squeeze->codec;
        else
                ws_codec_release(squeeze->codec);
}

/*
 * A message that stands alone needs no window beyond its own length. zlib clears a table for each one,
 * which goes with the window: 64 KiB for the largest.
 */
static unsigned
window_bits(const struct squeeze *squeeze)
{
        static const unsigned kinds[] = {11, 13, 14};
        unsigned most = squeeze->ws->deflate->agreed.send_bits;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && may_give_up(squeeze); i++)
                if (squeeze->message->length <= (size_t)1 << kinds[i] && kinds[i] < most)
                        return kinds[i];
        return most;
}

/* 0, and the buffer or none; or -1 with errno, and the connection may be freed. */
static int
squeeze_run(struct squeeze *squeeze, uint8_t opcode, aw_time deadline)
{
        struct ws *ws = squeeze->ws;
        struct ws_deflate *deflate = ws->deflate;
        int result, error;

        squeeze->codec = deflate->deflater;
        if (squeeze->codec == NULL)
                squeeze->codec = ws_codec_deflater(window_bits(squeeze), deflate->level);
        if (squeeze->codec == NULL)
                return -1;
        /* It is ours now. */
        deflate->deflater = NULL;
        /* Nobody frees the connection before this is over. */
        ws->waiting++;
        result = squeeze_all(squeeze, deadline);
        ws->waiting--;
        if (result == 0 && !squeeze->useless)
                result = finish_buffer(squeeze, opcode);
        error = errno;
        leave_codec(squeeze, result == 0);
        if (result == -1 || squeeze->useless) {
                ws_buffer_unref(squeeze->buffer);
                squeeze->buffer = NULL;
        }
        if (squeeze->waited)
                aw_wake_all(&ws->senders);
        /* Another task may have dropped it meanwhile. */
        if (!ws->app)
                ws_connection_release(ws);
        errno = error;
        return result;
}

int
ws_deflate_message(struct ws *ws, const struct ws_message *message, aw_time deadline,
                   struct ws_buffer **buffer)
{
        struct squeeze squeeze = {.ws = ws, .message = message, .whole = true, .final = true};
        int result = squeeze_run(&squeeze, (uint8_t)message->type, deadline);

        *buffer = squeeze.buffer;
        if (result == -1 || squeeze.buffer == NULL)
                return result;
        ws_deflate_count(ws, true, message->length, squeeze.buffer->length);
        /* The echo of a message that is timed. */
        if (message->buffer != NULL && (message->buffer->special & WS_BUFFER_TIMED) != 0) {
                squeeze.buffer->special |= WS_BUFFER_TIMED;
                squeeze.buffer->came = message->buffer->came;
        }
        return 0;
}

int
ws_deflate_part(struct ws *ws, const struct ws_message *part, bool final, aw_time deadline,
                struct ws_buffer **buffer)
{
        struct ws_compressed *parts = &ws->deflate->parts;
        bool first = (ws->out.held & WS_HELD_PARTS) == 0;
        struct squeeze squeeze = {.ws = ws, .message = part, .final = final};
        uint8_t opcode = first ? (uint8_t)part->type : WS_OP_CONTINUATION;

        *buffer = NULL;
        if (!first && ws->deflate->lost) {
                errno = EPIPE;
                return -1;
        }
        ws->deflate->lost = true;
        if (squeeze_run(&squeeze, opcode, deadline) == -1)
                return -1;
        ws->deflate->lost = false;
        *buffer = squeeze.buffer;
        if (first)
                *parts = (struct ws_compressed){.messages = 0};
        parts->plain += part->length;
        parts->compressed += length_so_far(&squeeze);
        if (final)
                ws_deflate_count(ws, true, parts->plain, parts->compressed);
        return 0;
}
