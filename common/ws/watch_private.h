/* SPDX-License-Identifier: MIT */
/* Counting what goes by, on the way of each message: a few additions, and no calls. */
#ifndef AW_WS_WATCH_PRIVATE_H
#define AW_WS_WATCH_PRIVATE_H

#include "ws/private.h"

static inline void
ws_watch_count(struct ws_count *count, unsigned opcode, uint64_t messages, uint64_t bytes)
{
        count->messages[opcode - WS_OP_TEXT] += messages;
        count->bytes[opcode - WS_OP_TEXT] += bytes;
}

/* Bytes of a message have come. */
static inline void
ws_watch_part(struct ws *ws, const struct ws_buffer *message, size_t length)
{
        ws_watch_count(&ws->seen.received, message->opcode, 0, length);
        if (ws->counters != NULL)
                ws_watch_count(&ws->counters->received, message->opcode, 0, length);
}

/* It is complete. The first of a read that is in the sample is timed. */
static inline void
ws_watch_message(struct ws *ws, struct ws_buffer *message)
{
        ws_watch_count(&ws->seen.received, message->opcode, 1, 0);
        if (ws->counters == NULL)
                return;
        ws_watch_count(&ws->counters->received, message->opcode, 1, 0);
        if (ws->in.came != 0)
                ws_watch_mark(ws, message);
}

/* A message, or a part of one, has been handed on to be sent. */
static inline void
ws_watch_sent(struct ws *ws, const struct ws_buffer *buffer)
{
        unsigned opcode = buffer->opcode == WS_OP_CONTINUATION ? ws->out.type : buffer->opcode;

        if (opcode > WS_OP_BINARY) {
                ws_watch_control(ws, &ws->seen.sent, opcode);
                return;
        }
        ws->out.type = (uint8_t)opcode;
        ws_watch_count(&ws->seen.sent, opcode, !buffer->partial, buffer->length);
        if (ws->counters == NULL)
                return;
        ws_watch_count(&ws->counters->sent, opcode, !buffer->partial, buffer->length);
        if (buffer->came != 0)
                ws_watch_timed(ws, buffer);
}

#endif
