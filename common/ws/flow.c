/* SPDX-License-Identifier: MIT */
/*
 * Reading stops while too much waits to be received: in the inbox, and the message that the task
 * has, until it is queued to be sent. It never stops for what waits to be sent, or two peers that
 * send much at once would each wait for the other one to read. So at most one message of the full
 * size is in each direction, the rest is bounded by the queues. And it stops for a while where limits.c
 * says so.
 */
#include "ws/deflate_private.h"
#include "ws/raw_private.h"

/* What waits to be received, or to be dealt with. */
static size_t
flow_waiting(const struct ws *ws)
{
        const struct ws_buffer *current = ws->in.current;

        return ws->in.inbox.bytes +
               (current == NULL || current->queued ? 0 : ws_buffer_cost(current));
}

bool
ws_flow_full(const struct ws *ws)
{
        size_t limit = ws->in.paused ? ws_queue_low(ws) : ws_queue_high(ws);

        return ws->in.state == WS_IN_OPEN && flow_waiting(ws) > limit;
}

void
ws_flow_update(struct ws *ws)
{
        bool full = ws_flow_full(ws);
        bool rests = ws->limits.rests_until != 0 && ws->in.state == WS_IN_OPEN;
        bool pause =
                full || rests || (ws->raw != NULL && ws_raw_stalled(ws)) || ws_deflate_yields(ws);

        if (ws->deflate != NULL && !full)
                ws_deflate_resume(ws);
        if (pause == ws->in.paused || ws->transport == NULL)
                return;
        ws->in.paused = pause;
        ws->seen.pauses += full;
        aw_transport_pause(ws->transport, pause);
}
