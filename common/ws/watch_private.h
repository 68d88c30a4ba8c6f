/* SPDX-License-Identifier: MIT */
/* Counting what goes by, on the way of each message: a few additions, and no calls. */
#ifndef AW_WS_WATCH_PRIVATE_H
#define AW_WS_WATCH_PRIVATE_H

#include "ws/private.h"

/* What was read has been dealt with. */
static inline void
ws_watch_read(struct ws *ws)
{
        if (ws->seen.skip > 0)
                ws->seen.skip--;
        else
                ws_watch_mark(ws);
}

/* Bytes of a message have come. */
static inline void
ws_watch_part(struct ws *ws, const struct ws_buffer *message, size_t length)
{
        ws->seen.received.bytes[message->opcode - WS_OP_TEXT] += length;
}

/* It is complete. */
static inline void
ws_watch_message(struct ws *ws, const struct ws_buffer *message)
{
        ws->seen.received.messages[message->opcode - WS_OP_TEXT]++;
}

/* A whole message has been handed on to be sent. Its type: text is 0. */
static inline void
ws_watch_sent(struct ws *ws, unsigned type, size_t length)
{
        ws->seen.sent.messages[type]++;
        ws->seen.sent.bytes[type] += length;
}

#endif
