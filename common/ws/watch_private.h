/* SPDX-License-Identifier: MIT */
/* Counting what goes by, on the way of each message: a few additions, and no calls. */
#ifndef AW_WS_WATCH_PRIVATE_H
#define AW_WS_WATCH_PRIVATE_H

#include "ws/private.h"

/* Something was read. The clock costs as much as a small echo, so it is asked now and then. */
static inline void
ws_watch_read(struct ws *ws)
{
        if (ws->seen.skip > 0)
                ws->seen.skip--;
        else
                ws->in.came = aw_loop_now();
}

/* Bytes of a message have come. */
static inline void
ws_watch_part(struct ws *ws, const struct ws_buffer *message, size_t length)
{
        ws->seen.received.bytes[message->opcode - WS_OP_TEXT] += length;
}

/* It is complete. */
static inline void
ws_watch_message(struct ws *ws, struct ws_buffer *message)
{
        ws->seen.received.messages[message->opcode - WS_OP_TEXT]++;
        if (ws->in.came != 0)
                ws_watch_mark(ws, message);
}

/* A buffer of the outbox has been handed on to be sent. */
static inline void
ws_watch_sent(struct ws *ws, const struct ws_buffer *buffer)
{
        unsigned type = (unsigned)buffer->opcode - WS_OP_TEXT;

        if (type > 1 || buffer->partial) {
                ws_watch_sent_other(ws, buffer);
                return;
        }
        ws->seen.sent.messages[type]++;
        ws->seen.sent.bytes[type] += buffer->length;
        if (buffer->came != 0)
                ws_watch_timed(ws, buffer);
}

#endif
