/* SPDX-License-Identifier: MIT */
/*
 * Pings that nobody awaits, to find out whether a silent peer is still there (section 5.5.2).
 * Whatever comes from it is life, and so is that it takes what waits to be sent; only a peer that has
 * shown none for an interval is asked, and dropped if it shows none until the time-out either.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "await/log.h"
#include "ws/private.h"

int
ws_alive_ping(struct ws *ws)
{
        uint64_t number = ws->out.ping_sent + 1;
        char payload[24];

        if (ws->out.pings >= WS_PINGS_MAX && ws->out.ping != NULL)
                return 0;
        snprintf(payload, sizeof(payload), "%" PRIu64, number);
        if (ws_output_queue_control(ws, WS_OP_PING, (const uint8_t *)payload, strlen(payload)) ==
            -1)
                return -1;
        ws->out.ping = ws->out.outbox.last;
        ws->out.ping_sent = number;
        return 0;
}

/* Something waits for it to be taken. */
static bool
is_owing(const struct ws *ws)
{
        return ws->out.outbox.first != NULL || aw_transport_outstanding(ws->transport) > 0;
}

/* Its kernel takes some bytes also if it hangs: those count only while there are more. */
static bool
is_taking(struct ws *ws)
{
        uint64_t delivered = aw_transport_delivered(ws->transport);
        bool more = delivered != ws->alive.delivered;

        ws->alive.delivered = delivered;
        return more && is_owing(ws);
}

static void
alive_look(void *argument)
{
        struct ws *ws = argument;
        struct ws_alive *alive = &ws->alive;
        bool taking;

        /* A connection that ends has times of its own. */
        if (ws->transport == NULL || !ws_output_open(ws))
                return;
        taking = is_taking(ws);
        /* We do not hear a peer that we do not read from; but one for whom nothing waits owes us nothing. */
        if (alive->heard || taking || (ws->in.paused && !is_owing(ws))) {
                alive->asked = alive->heard = false;
        } else if (!alive->asked) {
                alive->asked = ws_alive_ping(ws) == 0;
        } else {
                aw_log_limited(AW_LOG_INFO, "%s: dropped, for it does not answer pings", ws->peer);
                ws_watch_end(ws, WS_SIDE_SERVER, "it did not answer pings");
                ws->seen.limit = WS_LIMIT_PING_TIMEOUT;
                aw_transport_close(ws->transport);
                return;
        }
        aw_call_later(&alive->timer, alive->asked ? alive->timeout : alive->interval, alive_look,
                      ws);
}

void
ws_alive_begin(struct ws *ws)
{
        struct ws_alive *alive = &ws->alive;

        if (alive->timeout <= 0)
                alive->timeout = alive->interval;
        if (alive->interval > 0)
                aw_call_later(&alive->timer, alive->interval, alive_look, ws);
}
