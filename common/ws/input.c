/* SPDX-License-Identifier: MIT */
/*
 * What comes from the peer: frames, checked as RFC 6455 section 5 demands, become messages in the
 * inbox.
 */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "ws/deflate_private.h"
#include "ws/pages.h"
#include "ws/watch_private.h"

/* A message's buffer begins with at most this, and grows when so much has really come. */
#define FIRST_CAPACITY ((size_t)64 << 10)

/* What remains of the frame that is being read is skipped. */
void
ws_input_forget(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;

        ws_buffer_unref(reader->message);
        ws_buffer_unref(reader->control);
        reader->message = reader->control = NULL;
        reader->target = NULL;
        if (ws->deflate != NULL)
                ws_deflate_forget(ws);
}

/* Messages. */

/* The inbox now owns it. */
static inline void
deliver(struct ws *ws, struct ws_buffer *message)
{
        ws_watch_message(ws, message);
        ws_queue_put(&ws->in.inbox, message);
        if (ws->receiver.first == NULL)
                return;
        ws->in.woken = true;
        aw_wake_one(&ws->receiver);
}

static void
input_message(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;
        struct ws_buffer *message = reader->message;

        if (message->opcode == WS_OP_TEXT && !aw_utf8_complete(&reader->utf8)) {
                ws_order_fail(ws, WS_INVALID_DATA, EPROTO,
                              "a text ends in the middle of a character");
                return;
        }
        reader->message = NULL;
        deliver(ws, ws_buffer_shrink(message));
}

unsigned
ws_input_grow(struct ws *ws, struct ws_buffer **target, size_t capacity, const char **reason)
{
        struct ws_buffer *larger;

        (void)ws;
        if (capacity > FIRST_CAPACITY && !ws_pages_room(capacity)) {
                *reason = "no memory for large messages now";
                return WS_TRY_AGAIN_LATER;
        }
        larger = ws_buffer_resize(*target, capacity);
        if (larger == NULL) {
                *reason = "out of memory";
                return WS_INTERNAL_ERROR;
        }
        *target = larger;
        return 0;
}

/*
 * Room for `more` bytes of the message. The peer has to send what it announces: each step takes at
 * most four times of what has come. 0; or the code and reason to fail with.
 */
static unsigned
input_reserve(struct ws *ws, size_t more, const char **reason)
{
        struct ws_reader *reader = &ws->in.reader;
        struct ws_buffer **target = reader->target;
        size_t need = (*target)->length + more, capacity = (*target)->capacity;
        uint64_t announced = (*target)->length + reader->left;

        if (need <= capacity)
                return 0;
        capacity = capacity < FIRST_CAPACITY / 2 ? 2 * capacity : 4 * capacity;
        /* More than is announced comes only if the message has more fragments. */
        if (capacity > announced && reader->frame.final)
                capacity = (size_t)announced;
        if (capacity > ws->max_message)
                capacity = (size_t)ws->max_message;
        if (capacity < need)
                capacity = need;
        return ws_input_grow(ws, target, capacity, reason);
}

/* Frames. */

static bool
is_control(const struct ws_frame_header *frame)
{
        return (frame->opcode & 0x8) != 0;
}

/* It carries next to nothing. (There is one Close frame.) */
static bool
is_trifle(const struct ws_frame_header *frame)
{
        return is_control(frame) ? frame->opcode != WS_OP_CLOSE
                                 : !frame->final && frame->length < WS_TRIFLE;
}

/* What is wrong with a frame by its header alone, or NULL. */
static const char *
frame_error(const struct ws *ws, const struct ws_frame_header *frame)
{
        bool begun = ws->in.reader.message != NULL;

        if (WS_SELDOM(frame->reserved != 0) && !ws_deflate_begins(ws, frame))
                return "reserved bits in a frame";
        if (frame->masked == ws->client)
                return ws->client ? "a masked frame from a server" : "a frame without mask";
        switch (frame->opcode) {
        case WS_OP_TEXT:
        case WS_OP_BINARY:
                return begun ? "a message within another one's fragments" : NULL;
        case WS_OP_CONTINUATION:
                return begun ? NULL : "a continuation of nothing";
        case WS_OP_CLOSE:
        case WS_OP_PING:
        case WS_OP_PONG:
                if (!frame->final)
                        return "a fragmented control frame";
                return frame->length > WS_FRAME_CONTROL_MAX ? "a control frame over 125 bytes"
                                                            : NULL;
        default:
                return "a reserved opcode";
        }
}

bool
ws_input_is_within_message(const struct ws *ws)
{
        const struct ws_reader *reader = &ws->in.reader;
        bool header = reader->head_length > 0 && (reader->head[0] & 0x8) == 0;

        return reader->message != NULL || header ||
               (reader->in_payload && !is_control(&reader->frame));
}

/* Where the frame's payload goes. 0, or -1. */
static int
begin_buffer(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;
        const struct ws_frame_header *frame = &reader->frame;
        size_t capacity = frame->length < FIRST_CAPACITY ? (size_t)frame->length : FIRST_CAPACITY;

        reader->target = is_control(frame) ? &reader->control : &reader->message;
        if (frame->opcode == WS_OP_CONTINUATION) {
                ws->seen.received.fragments++;
                return 0;
        }
        if (!is_control(frame))
                reader->utf8 = (struct aw_utf8){0};
        *reader->target = ws_buffer_create(frame->opcode, capacity);
        return *reader->target == NULL ? -1 : 0;
}

/* A frame that is of no interest any more, unless it is a Close frame. */
static void
begin_skipped(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;
        const struct ws_frame_header *frame = &reader->frame;

        reader->target = NULL;
        if (frame->opcode != WS_OP_CLOSE || frame->length > WS_FRAME_CONTROL_MAX)
                return;
        reader->control = ws_buffer_create(frame->opcode, (size_t)frame->length);
        if (reader->control != NULL)
                reader->target = &reader->control;
}

/* Somebody else has a say. True: the frame is dealt with. */
static bool
begin_watched(struct ws *ws, const char *error)
{
        const struct ws_frame_header *frame = &ws->in.reader.frame;

        if (ws->observer != NULL && (error != NULL || !is_control(frame)))
                ws_observe_frame(ws, frame, NULL);
        return error == NULL && ws->deflate != NULL && ws_deflate_begin_frame(ws);
}

static void
begin_frame(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;
        const struct ws_frame_header *frame = &reader->frame;
        uint64_t so_far = reader->message == NULL ? 0 : reader->message->length;
        const char *error;

        reader->in_payload = true;
        reader->phase = 0;
        reader->left = frame->length;
        ws->limits.trifles_seen += is_trifle(frame);
        if (ws->in.state == WS_IN_SKIP) {
                begin_skipped(ws);
                return;
        }
        error = frame_error(ws, frame);
        if (error == NULL && frame->opcode != WS_OP_CLOSE && !ws_limits_allow(ws)) {
                ws_order_fail(ws, WS_POLICY_VIOLATION, EDQUOT, "more messages than are allowed");
                return;
        }
        if (ws->in.watched && begin_watched(ws, error))
                return;
        if (error != NULL)
                ws_order_fail(ws, WS_PROTOCOL_ERROR, EPROTO, error);
        else if (!is_control(frame) && frame->length > ws->max_message - so_far)
                ws_order_fail(ws, WS_TOO_LARGE, EMSGSIZE, "a message over the limit");
        else if (begin_buffer(ws) == -1)
                ws_order_fail(ws, WS_INTERNAL_ERROR, ENOMEM, "out of memory");
}

static void
end_frame(struct ws *ws)
{
        struct ws_reader *reader = &ws->in.reader;

        reader->in_payload = false;
        if (reader->target == &reader->control)
                ws_input_control(ws);
        else if ((reader->target != NULL || reader->compressed) && reader->frame.final)
                input_message(ws);
}

static void
take_payload(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->in.reader;
        const char *reason;
        unsigned code = input_reserve(ws, length, &reason);
        struct ws_buffer *buffer;
        uint8_t *to;

        if (code != 0) {
                ws_order_fail(ws, code, ENOMEM, reason);
                return;
        }
        buffer = *reader->target;
        to = buffer->data + buffer->length;
        /* An unmasked frame has a mask of zeros. */
        reader->phase = ws_frame_mask(to, data, length, reader->frame.mask, reader->phase);
        buffer->length += length;
        if (reader->target == &reader->message)
                ws_watch_part(ws, buffer, length);
        if (buffer->opcode == WS_OP_TEXT && !aw_utf8_feed(&reader->utf8, to, length))
                ws_order_fail(ws, WS_INVALID_DATA, EPROTO, "invalid UTF-8 in a text");
}

/* Takes payload from the data; returns how much. */
static size_t
input_payload(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->in.reader;
        size_t taken = length < reader->left ? length : (size_t)reader->left;

        if (reader->target != NULL)
                take_payload(ws, data, taken);
        else if (reader->compressed)
                return ws_deflate_take(ws, data, length);
        reader->left -= taken;
        return taken;
}

/* Takes a header, whole or in pieces, from the data; returns how much. */
static size_t
input_header(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->in.reader;
        size_t before = reader->head_length, more = sizeof(reader->head) - before;
        int result;

        if (before == 0) {
                result = ws_frame_parse(data, length, &reader->frame);
        } else {
                more = length < more ? length : more;
                memcpy(reader->head + before, data, more);
                result = ws_frame_parse(reader->head, before + more, &reader->frame);
        }
        if (result == -1) {
                if (ws->in.state == WS_IN_OPEN)
                        ws_order_fail(ws, WS_PROTOCOL_ERROR, EPROTO, "bad length of a frame");
                ws->in.state = WS_IN_LOST;
                return length;
        }
        if (result == 0) {
                if (before == 0)
                        memcpy(reader->head, data, length);
                reader->head_length = (uint8_t)(before + length);
                return length;
        }
        reader->head_length = 0;
        begin_frame(ws);
        return reader->frame.size - before;
}

/* All of it looks like a Close frame, code and all. */
static bool
is_close_frame(const struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_frame_header frame;
        uint8_t code[2];

        if (ws_frame_parse(data, length, &frame) != 1 || frame.opcode != WS_OP_CLOSE ||
            !frame.final || frame.reserved != 0 || frame.masked == ws->client || frame.length < 2 ||
            frame.length + frame.size != length)
                return false;
        ws_frame_mask(code, data + frame.size, 2, frame.mask, 0);
        return ws_close_code_valid((unsigned)code[0] << 8 | code[1]);
}

/*
 * A peer that sees our Close frame may answer it at once, and give up the frame that it is sending:
 * then what came last looks like a Close frame. The connection has failed anyway, so to take
 * payload for one by chance does no harm. Returns how many bytes come before it.
 */
static size_t
find_answer(const struct ws *ws, const uint8_t *data, size_t length)
{
        size_t size = ws->client ? 4 : 8, most = size + WS_FRAME_CONTROL_MAX - 2;

        for (; size <= most && size <= length; size++)
                if (is_close_frame(ws, data + length - size, size))
                        return length - size;
        return length;
}

/* What comes after a failure, which alone has a reason. Returns how many bytes are of no interest. */
static size_t
skip_to_answer(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->in.reader;
        bool skips = ws->in.state == WS_IN_SKIP && ws->order.reason != NULL && reader->in_payload &&
                     reader->target == NULL;
        size_t before;

        if (ws->in.state != WS_IN_LOST && !skips)
                return 0;
        before = find_answer(ws, data, length);
        if (before == length)
                return 0;
        reader->in_payload = false;
        reader->head_length = 0;
        ws->in.state = WS_IN_SKIP;
        return before;
}

/* The long way: whatever comes, in whatever pieces. */
static __attribute__((noinline)) void
input_frames(struct ws *ws, const uint8_t *data, size_t length)
{
        size_t taken;

        if (WS_SELDOM(ws_deflate_yields(ws))) {
                ws_deflate_keep(ws, data, length);
                return;
        }
        taken = skip_to_answer(ws, data, length);
        data += taken;
        length -= taken;
        while (length > 0 && (ws->in.state == WS_IN_OPEN || ws->in.state == WS_IN_SKIP)) {
                taken = ws->in.reader.in_payload ? input_payload(ws, data, length)
                                                 : input_header(ws, data, length);
                data += taken;
                length -= taken;
                /* A frame without payload is complete with its header. */
                if (ws->in.reader.in_payload && ws->in.reader.left == 0)
                        end_frame(ws);
        }
        ws_limits_count_trifles(ws);
}

/* The short way. */

/*
 * Where the payload begins, of a frame that is a whole message and has come whole, so that nothing
 * needs to be remembered of it. 0: it is not, or something is wrong with it.
 */
static inline size_t
whole_message(const struct ws *ws, const uint8_t *data, size_t length, size_t key,
              uint64_t *payload)
{
        size_t size = 2 + key;

        if (length < size || (data[0] != (0x80 | WS_OP_BINARY) && data[0] != (0x80 | WS_OP_TEXT)))
                return 0;
        /* Over 127 if the bit for the mask is wrong. */
        *payload = data[1] ^ (key > 0 ? 0x80 : 0);
        if (*payload > 125) {
                size += 2;
                if (*payload != 126 || length < size)
                        return 0;
                *payload = (uint64_t)data[2] << 8 | data[3];
                if (*payload < 126)
                        return 0;
        }
        return *payload <= length - size && *payload <= ws->max_message ? size : 0;
}

/* False: the connection has failed for lack of memory, or it is not text. */
static inline bool
take_whole(struct ws *ws, uint8_t opcode, const uint8_t *data, size_t length, size_t key)
{
        struct ws_buffer *message = ws_buffer_create(opcode, length);

        if (message == NULL) {
                ws_order_fail(ws, WS_INTERNAL_ERROR, ENOMEM, "out of memory");
                return false;
        }
        message->length = length;
        if (key == 0)
                memcpy(message->data, data, length);
        else
                ws_frame_mask(message->data, data, length, data - key, 0);
        if (opcode == WS_OP_TEXT && !aw_utf8_valid(message->data, length)) {
                ws_buffer_unref(message);
                return false;
        }
        ws_watch_part(ws, message, length);
        deliver(ws, message);
        return true;
}

/* Takes whole messages for as long as there are any; the key's size is known when it is compiled. */
static inline __attribute__((always_inline)) size_t
take_messages(struct ws *ws, const uint8_t *data, size_t length, size_t key)
{
        size_t size, left = length;
        uint64_t payload;

        while ((size = whole_message(ws, data, left, key, &payload)) > 0 &&
               take_whole(ws, data[0] & 0xf, data + size, (size_t)payload, key)) {
                data += size + payload;
                left -= size + payload;
        }
        return length - left;
}

/*
 * Whole messages are nearly always all that comes. Whatever else comes goes the long way, and so does
 * one that is found wrong: there it is judged. Returns how many bytes it took.
 */
static size_t
input_whole(struct ws *ws, const uint8_t *data, size_t length)
{
        return ws->client ? take_messages(ws, data, length, 0)
                          : take_messages(ws, data, length, WS_MASK_KEY_SIZE);
}

/* Between two messages, with nobody who wants to see or count each frame. */
static bool
is_idle(const struct ws *ws)
{
        const struct ws_reader *reader = &ws->in.reader;

        return ws->in.state == WS_IN_OPEN && !reader->in_payload && reader->head_length == 0 &&
               reader->message == NULL && ws->observer == NULL && ws->limits.messages.most == 0 &&
               (ws->deflate == NULL || !(ws->deflate->inflating || ws->deflate->yielding));
}

void
ws_input(struct ws *ws, const uint8_t *data, size_t length)
{
        size_t taken = is_idle(ws) ? input_whole(ws, data, length) : 0;

        if (taken < length)
                input_frames(ws, data + taken, length - taken);
        ws_watch_read(ws);
        if (!ws_flow_is_easy(ws))
                ws_flow_update(ws);
}
