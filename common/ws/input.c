/* SPDX-License-Identifier: MIT */
/*
 * What comes from the peer: frames, checked as RFC 6455 section 5 demands, become messages in the
 * inbox.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "loop/private.h"
#include "ws/private.h"

/* A message's buffer begins with at most this, and grows when so much has really come. */
#define FIRST_CAPACITY ((size_t)64 << 10)

void
ws_input_free(struct ws_reader *reader)
{
        ws_buffer_unref(reader->message);
        ws_buffer_unref(reader->control);
        reader->message = reader->control = NULL;
        reader->in_payload = false;
}

/* Pings, and the end. */

static void input_overdue(void *argument);

/*
 * Nothing more will be received. What was received whole is still delivered, and the reply to it
 * goes out before our Close frame.
 */
static void
input_end(struct ws *ws, int error, unsigned code, const char *reason)
{
        ws->error = error;
        ws->due_code = code;
        ws->due_reason = reason;
        aw_wake_all(&ws->receiver);
        aw_wake_all(&ws->closer);
        aw_wake_all(&ws->pingers);
        aw_call_soon(&ws->overdue, input_overdue, ws);
}

/* Nothing more that comes can be understood, or is wanted. */
void
ws_fail(struct ws *ws, unsigned code, int error, const char *reason)
{
        aw_log(AW_LOG_INFO, "%s: closing with %u: %s", ws->peer, code, reason);
        ws->state = WS_STATE_FAILED;
        ws_input_free(&ws->reader);
        input_end(ws, error, code, reason);
}

void
ws_answer_ping(struct ws *ws, struct ws_buffer *ping)
{
        if (!ws->close_sent && ws->socket != NULL)
                ws_queue_control(ws, WS_OP_PONG, ping->data, ping->length);
        ws_buffer_unref(ping);
}

/*
 * The receiver has had its turn. If it did not come as far as the pings in the inbox it is busy
 * with something else, and they are answered out of their order. The same goes for a Close frame,
 * unless the task still has a message to reply to. A new connection's task may still be on its way.
 */
static void
input_overdue(void *argument)
{
        struct ws *ws = argument;
        struct ws_queue before = ws->inbox;
        struct ws_buffer *buffer;

        if (ws->grace > 0 && ws->receiver.first == NULL) {
                ws->grace--;
                aw_call_soon(&ws->overdue, input_overdue, ws);
                return;
        }
        if (before.first == NULL)
                before.last = &before.first;
        ws_queue_init(&ws->inbox);
        while ((buffer = ws_queue_take(&before)) != NULL)
                if (buffer->opcode == WS_OP_PING)
                        ws_answer_ping(ws, buffer);
                else
                        ws_queue_put(&ws->inbox, buffer);
        if (ws->inbox.first == NULL && ws->current == NULL && ws->receiver.first == NULL)
                ws_queue_due_close(ws);
}

static void
input_ping(struct ws *ws, struct ws_buffer *ping)
{
        if (ws->inbox.first == NULL && ws->current == NULL) {
                ws_answer_ping(ws, ping);
                return;
        }
        ws_queue_put(&ws->inbox, ping);
        aw_call_soon(&ws->overdue, input_overdue, ws);
}

/*
 * Our pings carry a number in decimal; a Pong answers that one and all before it (section 5.5.3).
 */
static void
input_pong(struct ws *ws, const struct ws_buffer *pong)
{
        char text[WS_FRAME_CONTROL_MAX + 1];
        char *end;
        unsigned long long number;

        memcpy(text, pong->data, pong->length);
        text[pong->length] = '\0';
        number = strtoull(text, &end, 10);
        if (pong->length == 0 || *end != '\0' || number > ws->ping_sent ||
            number <= ws->ping_answered)
                return;
        ws->ping_answered = number;
        aw_wake_all(&ws->pingers);
}

static void
input_close(struct ws *ws, const struct ws_buffer *buffer)
{
        struct ws_peer_close *peer = &ws->peer_close;
        struct aw_utf8 utf8 = {0};
        unsigned code;

        if (buffer->length == 0) {
                peer->code = WS_NO_STATUS;
        } else {
                code = buffer->length < 2 ? 0 : (unsigned)buffer->data[0] << 8 | buffer->data[1];
                if (!ws_close_code_valid(code)) {
                        ws_fail(ws, WS_PROTOCOL_ERROR, EPROTO, "bad code in a Close frame");
                        return;
                }
                if (!aw_utf8_feed(&utf8, buffer->data + 2, buffer->length - 2) ||
                    !aw_utf8_complete(&utf8)) {
                        ws_fail(ws, WS_INVALID_DATA, EPROTO, "invalid UTF-8 in a Close frame");
                        return;
                }
                peer->code = code;
                memcpy(peer->reason, buffer->data + 2, buffer->length - 2);
        }
        ws->close_received = true;
        input_end(ws, EPIPE, peer->code, NULL);
}

static void
input_control(struct ws *ws)
{
        struct ws_buffer *buffer = ws->reader.control;

        ws->reader.control = NULL;
        switch (buffer->opcode) {
        case WS_OP_PING:
                input_ping(ws, buffer);
                return;
        case WS_OP_PONG:
                input_pong(ws, buffer);
                break;
        default:
                input_close(ws, buffer);
                break;
        }
        ws_buffer_unref(buffer);
}

/* Messages. */

static void
input_message(struct ws *ws)
{
        struct ws_buffer *message = ws->reader.message;

        if (message->opcode == WS_OP_TEXT && !aw_utf8_complete(&ws->reader.utf8)) {
                ws_fail(ws, WS_INVALID_DATA, EPROTO, "a text ends in the middle of a character");
                return;
        }
        ws->reader.message = NULL;
        /* After our Close frame nobody waits for messages any more. */
        if (ws->close_sent) {
                ws_buffer_unref(message);
                return;
        }
        ws_queue_put(&ws->inbox, message);
        aw_wake_one(&ws->receiver);
}

/* Room for `more` bytes of the message, which may become `expected` bytes long. */
static int
input_reserve(struct ws_buffer **message, size_t more, uint64_t expected)
{
        size_t need = (*message)->length + more, capacity = (*message)->capacity;
        struct ws_buffer *larger;

        if (need <= capacity)
                return 0;
        /*
         * The second time the peer has shown that it means it, and what is not touched costs
         * nothing. A message in many fragments grows by doubling.
         */
        capacity = 2 * capacity > expected ? 2 * capacity : (size_t)expected;
        if (need <= FIRST_CAPACITY)
                capacity = FIRST_CAPACITY;
        larger = realloc(*message, sizeof(**message) + capacity);
        if (larger == NULL)
                return -1;
        larger->capacity = capacity;
        *message = larger;
        return 0;
}

static bool
is_control(const struct ws_frame_header *frame)
{
        return (frame->opcode & 0x8) != 0;
}

/* What is wrong with a frame by its header alone, or NULL. */
static const char *
frame_error(const struct ws *ws, const struct ws_frame_header *frame)
{
        bool begun = ws->reader.message != NULL;

        if (frame->reserved != 0)
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

static int
begin_buffer(struct ws *ws)
{
        struct ws_reader *reader = &ws->reader;
        const struct ws_frame_header *frame = &reader->frame;
        struct ws_buffer **target = is_control(frame) ? &reader->control : &reader->message;
        size_t capacity = frame->length < FIRST_CAPACITY ? (size_t)frame->length : FIRST_CAPACITY;

        if (frame->opcode == WS_OP_CONTINUATION)
                return 0;
        if (!is_control(frame))
                reader->utf8 = (struct aw_utf8){0};
        *target = ws_buffer_create(frame->opcode, capacity);
        return *target == NULL ? -1 : 0;
}

static void
begin_frame(struct ws *ws)
{
        struct ws_reader *reader = &ws->reader;
        const struct ws_frame_header *frame = &reader->frame;
        uint64_t so_far = reader->message == NULL ? 0 : reader->message->length;
        const char *error = frame_error(ws, frame);

        if (error != NULL) {
                ws_fail(ws, WS_PROTOCOL_ERROR, EPROTO, error);
        } else if (!is_control(frame) && frame->length > ws->max_message - so_far) {
                ws_fail(ws, WS_TOO_LARGE, EMSGSIZE, "a message over the limit");
        } else if (begin_buffer(ws) == -1) {
                ws_fail(ws, WS_INTERNAL_ERROR, ENOMEM, "out of memory");
        } else {
                reader->in_payload = true;
                reader->phase = 0;
                reader->left = frame->length;
        }
}

static void
end_frame(struct ws *ws)
{
        struct ws_reader *reader = &ws->reader;

        reader->in_payload = false;
        if (is_control(&reader->frame))
                input_control(ws);
        else if (reader->frame.final)
                input_message(ws);
}

/* Takes payload from the data; returns how much. */
static size_t
input_payload(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->reader;
        struct ws_buffer **target =
                is_control(&reader->frame) ? &reader->control : &reader->message;
        size_t taken = length < reader->left ? length : (size_t)reader->left;
        uint8_t *to;

        if (input_reserve(target, taken, (*target)->length + reader->left) == -1) {
                ws_fail(ws, WS_INTERNAL_ERROR, ENOMEM, "out of memory");
                return length;
        }
        to = (*target)->data + (*target)->length;
        /* An unmasked frame has a mask of zeros. */
        reader->phase = ws_frame_mask(to, data, taken, reader->frame.mask, reader->phase);
        (*target)->length += taken;
        reader->left -= taken;
        if ((*target)->opcode == WS_OP_TEXT && !aw_utf8_feed(&reader->utf8, to, taken)) {
                ws_fail(ws, WS_INVALID_DATA, EPROTO, "invalid UTF-8 in a text");
                return length;
        }
        if (reader->left == 0)
                end_frame(ws);
        return taken;
}

/* Takes a header, whole or in pieces, from the data; returns how much. */
static size_t
input_header(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_reader *reader = &ws->reader;
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
                ws_fail(ws, WS_PROTOCOL_ERROR, EPROTO, "bad length of a frame");
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

void
ws_input(struct ws *ws, const uint8_t *data, size_t length)
{
        size_t taken;

        while (length > 0 && ws->state == WS_STATE_OPEN && !ws->close_received) {
                taken = ws->reader.in_payload ? input_payload(ws, data, length)
                                              : input_header(ws, data, length);
                data += taken;
                length -= taken;
                /* A frame without payload is complete with its header. */
                if (ws->reader.in_payload && ws->reader.left == 0)
                        end_frame(ws);
        }
        ws_update_reading(ws);
}
