/* SPDX-License-Identifier: MIT */
/*
 * Inflating. A message grows as its data come, and all limits are for what comes out: a kilobyte can
 * become a megabyte. So it is done a few kilobytes at a time, and what a connection may do in one
 * turn is bounded, and so is what all of them may (loop/share.h). What came and is not used when that
 * is over waits in `pending`, no more than one read; the connection is paused until it is used up, in
 * the next turns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ws/deflate_private.h"
#include "ws/watch_private.h"

#define SLICE 4096               /* bytes that are unmasked at once */
#define STEP  ((size_t)64 << 10) /* bytes that come out between two looks at the share */

/* Of the buffer that a message begins in. */
#define FIRST_LEAST ((size_t)512)
#define FIRST_MOST  ((size_t)64 << 10)

bool
ws_deflate_begins(const struct ws *ws, const struct ws_frame_header *frame)
{
        return ws->deflate != NULL && frame->reserved == WS_FRAME_RSV1 &&
               (frame->opcode == WS_OP_TEXT || frame->opcode == WS_OP_BINARY);
}

static struct ws_codec *
inflater_of(struct ws_deflate *deflate)
{
        const struct ws_deflate_agreed *agreed = &deflate->agreed;

        if (deflate->inflater == NULL)
                deflate->inflater = ws_codec_inflater(agreed->receive_context ? agreed->receive_bits
                                                                              : WS_CODEC_BITS_MAX);
        return deflate->inflater;
}

/* The next message knows nothing of this one, or of what there was of it. */
static void
leave_inflater(struct ws_deflate *deflate, bool complete)
{
        deflate->inflating = false;
        deflate->wire = 0;
        if (complete && deflate->agreed.receive_context)
                return;
        ws_codec_release(deflate->inflater);
        deflate->inflater = NULL;
}

void
ws_deflate_forget(struct ws *ws)
{
        ws->in.reader.compressed = false;
        leave_inflater(ws->deflate, false);
}

/* The share of a turn. */

/* What waits is used, and what comes of it waits to be received: that has to be enough for now. */
static void
inflate_on(void *argument)
{
        struct ws *ws = argument;
        struct ws_deflate *deflate = ws->deflate;
        uint8_t *pending = deflate->pending;
        size_t length = deflate->pending_length;

        if (ws_flow_full(ws)) {
                deflate->full = true;
                return;
        }
        deflate->yielding = false;
        deflate->pending = NULL;
        deflate->pending_length = 0;
        if (length > 0)
                ws_input(ws, pending, length);
        free(pending);
        ws_memory_charge(-(ptrdiff_t)length);
        if (deflate->yielding)
                return;
        ws_flow_update(ws);
        if (ws->draining)
                aw_wake_all(&ws->receiver);
        if (deflate->ended) {
                deflate->ended = false;
                ws_connection_callbacks.ended(ws, deflate->truncated);
        }
}

void
ws_deflate_resume(struct ws *ws)
{
        if (!ws->deflate->full)
                return;
        ws->deflate->full = false;
        aw_share_wait(&ws->deflate->share, inflate_on, ws);
}

static void
yield_turn(struct ws *ws)
{
        ws->deflate->yielding = true;
        aw_share_wait(&ws->deflate->share, inflate_on, ws);
}

static void
use_share(struct ws *ws, size_t bytes)
{
        if (aw_share_use(&ws->deflate->share, bytes))
                yield_turn(ws);
}

void
ws_deflate_keep(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_deflate *deflate = ws->deflate;
        uint8_t *pending = realloc(deflate->pending, deflate->pending_length + length);

        if (pending == NULL) {
                if (ws->transport != NULL)
                        aw_transport_close(ws->transport);
                return;
        }
        memcpy(pending + deflate->pending_length, data, length);
        deflate->pending = pending;
        deflate->pending_length += length;
        ws_memory_charge((ptrdiff_t)length);
}

bool
ws_deflate_keeps_end(struct ws *ws, bool truncated)
{
        if (!ws_deflate_yields(ws))
                return false;
        ws->deflate->ended = true;
        ws->deflate->truncated = truncated;
        return true;
}

/* Inflating. */

/* Why it cannot go on: a code to close with; or 0. */
struct failure {
        unsigned code;
        int error;
        const char *reason;
};

static struct failure
failure_of(enum ws_codec_result result)
{
        if (result == WS_CODEC_BAD)
                return (struct failure){WS_INVALID_DATA, EPROTO,
                                        "compressed data that cannot be inflated"};
        if (result == WS_CODEC_NO_MEMORY)
                return (struct failure){WS_INTERNAL_ERROR, ENOMEM, "out of memory"};
        return (struct failure){.code = 0};
}

static size_t
room_for(const struct ws *ws, const struct ws_buffer *message)
{
        size_t most =
                message->capacity < ws->max_message ? message->capacity : (size_t)ws->max_message;

        return most - message->length;
}

/* Each step takes at most four times of what has come out. */
static struct failure
grow(struct ws *ws)
{
        const struct ws_buffer *message = ws->in.reader.message;
        size_t capacity = 4 * message->capacity;
        struct failure failure = {.error = ENOMEM};

        if (room_for(ws, message) > 0 || message->length >= ws->max_message)
                return (struct failure){.code = 0};
        if (capacity > ws->max_message)
                capacity = (size_t)ws->max_message;
        failure.code = ws_input_grow(ws, &ws->in.reader.message, capacity, &failure.reason);
        return failure;
}

/* Inflates into what room there is; over the limit one byte is too much. */
static struct failure
inflate_into(struct ws *ws, struct ws_codec_bytes *bytes, enum ws_codec_result *result)
{
        struct ws_reader *reader = &ws->in.reader;
        struct ws_buffer *message = reader->message;
        size_t room = room_for(ws, message), came;
        uint8_t beyond, *to = message->data + message->length;

        bytes->out = room == 0 ? &beyond : to;
        if (room > STEP)
                room = STEP;
        bytes->out_left = room == 0 ? 1 : room;
        *result = ws_codec_inflate(ws->deflate->inflater, bytes);
        if (room == 0 && bytes->out_left == 0)
                return (struct failure){WS_TOO_LARGE, EMSGSIZE, "a message over the limit"};
        came = room == 0 ? 0 : room - bytes->out_left;
        message->length += came;
        use_share(ws, came);
        if (message->opcode == WS_OP_TEXT && !aw_utf8_feed(&reader->utf8, to, came))
                return (struct failure){WS_INVALID_DATA, EPROTO, "invalid UTF-8 in a text"};
        return failure_of(*result);
}

/*
 * Inflates of the slice what the share allows. Data that were used up may hold back some kilobytes
 * more, which must come out as well: nobody would know of them later.
 */
static struct failure
inflate_slice(struct ws *ws, struct ws_codec_bytes *bytes)
{
        enum ws_codec_result result = WS_CODEC_MORE;
        struct failure failure = {.code = 0};

        if (inflater_of(ws->deflate) == NULL)
                return failure_of(WS_CODEC_NO_MEMORY);
        while (failure.code == 0 && result == WS_CODEC_MORE &&
               (!ws->deflate->yielding || bytes->in_left == 0)) {
                failure = grow(ws);
                if (failure.code == 0)
                        failure = inflate_into(ws, bytes, &result);
        }
        return failure;
}

/* A message without a byte is taken for an empty one. */
static void
end_message(struct ws *ws)
{
        struct ws_deflate *deflate = ws->deflate;

        if (deflate->wire > 0 && !ws_codec_inflate_end(deflate->inflater)) {
                ws_order_fail(ws, WS_INVALID_DATA, EPROTO, "compressed data that end too soon");
                return;
        }
        ws_deflate_count(ws, false, ws->in.reader.message->length, deflate->wire);
        leave_inflater(ws->deflate, true);
}

/* A buffer for what most data become: some four times as much. 0, or -1. */
static int
begin_message(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;
        uint64_t length = reader->frame.length;
        size_t room = length < FIRST_MOST / 4 ? 4 * (size_t)length : FIRST_MOST;

        room = room < FIRST_LEAST ? FIRST_LEAST : room;
        if (room > ws->max_message)
                room = (size_t)ws->max_message;
        reader->message = ws_buffer_create(reader->frame.opcode, room);
        if (reader->message == NULL)
                return -1;
        reader->utf8 = (struct aw_utf8){0};
        ws->deflate->inflating = true;
        return 0;
}

bool
ws_deflate_begin_frame(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;
        bool begins = ws_deflate_begins(ws, &reader->frame);

        reader->compressed =
                begins || (reader->frame.opcode == WS_OP_CONTINUATION && ws->deflate->inflating);
        if (!reader->compressed)
                return false;
        reader->target = NULL;
        if (begins && begin_message(ws) == -1)
                ws_order_fail(ws, WS_INTERNAL_ERROR, ENOMEM, "out of memory");
        else if (reader->left == 0 && reader->frame.final)
                end_message(ws);
        return true;
}

/* Inflates what comes next of the frame; returns how many bytes of it were used. */
static size_t
take_slice(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->in.reader;
        uint8_t slice[SLICE];
        struct ws_codec_bytes bytes = {.in = slice, .in_left = length < SLICE ? length : SLICE};
        size_t taken = bytes.in_left;
        struct failure failure;

        ws_frame_mask(slice, data, taken, reader->frame.mask, reader->phase);
        failure = inflate_slice(ws, &bytes);
        if (failure.code == 0)
                taken -= bytes.in_left;
        reader->phase = (unsigned)(reader->phase + taken) % WS_MASK_KEY_SIZE;
        reader->left -= taken;
        ws_watch_part(ws, reader->message, taken);
        ws->deflate->wire += taken;
        if (failure.code != 0)
                ws_order_fail(ws, failure.code, failure.error, failure.reason);
        else if (reader->left == 0 && reader->frame.final)
                end_message(ws);
        return taken;
}

size_t
ws_deflate_take(struct ws *ws, const uint8_t *data, size_t length)
{
        uint64_t left = ws->in.reader.left;
        size_t taken = 0;

        if (aw_share_begin(&ws->deflate->share))
                taken = take_slice(ws, data, length < left ? length : (size_t)left);
        else
                yield_turn(ws);
        if (!ws_deflate_yields(ws) || taken == length)
                return taken;
        ws_deflate_keep(ws, data + taken, length - taken);
        return length;
}
