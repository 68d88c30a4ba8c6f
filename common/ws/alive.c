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
#include "loop/turn.h"
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

/* It has its time from now on, and not once more for each Ping that the program sends. */
void
ws_alive_asked(struct ws *ws)
{
        if (ws->alive.asked != 0 && ws->alive.queued)
                ws->alive.asked = aw_loop_now_about();
        ws->alive.queued = false;
}

static void alive_look(void *argument);

/* An answer may come long before the time for it is over, and then the peer be silent again. */
static void
look_again(struct ws *ws, aw_time now)
{
        struct ws_alive *alive = &ws->alive;
        aw_time next = alive->heard + alive->interval;

        if (alive->asked != 0)
                next = alive->asked + alive->timeout;
        if (next > now + alive->interval || next <= now)
                next = now + alive->interval;
        /* The clock that tells is a tick late. */
        aw_call_at(&alive->timer, next + AW_LOOP_TICK, alive_look, ws);
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

/* It is we who stood still: what it sent is there. */
static bool
has_answered(const struct ws *ws)
{
        return !ws->in.paused && aw_transport_has_input(ws->transport);
}

/* It is we who hold the Ping back, as a test behaviour does: more could be sent. */
static bool
is_held_back(const struct ws *ws)
{
        return ws->out.ping != NULL && !aw_transport_full(ws->transport);
}

static void
give_up(struct ws *ws)
{
        aw_log_limited(AW_LOG_INFO, "%s: dropped, for it does not answer pings", ws->peer);
        ws_watch_end(ws, WS_SIDE_SERVER, "it did not answer pings");
        ws->seen.limit = WS_LIMIT_PING_TIMEOUT;
        aw_transport_close(ws->transport);
}

/*
 * When it was heard last is known to a tick of the kernel's clock, and all times here are of that clock,
 * so that an answer is never older than the question.
 */
static void
alive_look(void *argument)
{
        struct ws *ws = argument;
        struct ws_alive *alive = &ws->alive;
        aw_time now = aw_loop_now_about();
        bool taking;

        /* A connection that ends has times of its own. */
        if (ws->transport == NULL || !ws_output_lasts(ws))
                return;
        taking = is_taking(ws);
        /* We do not hear a peer that we do not read from; but one for whom nothing waits owes us nothing. */
        if (taking || (ws->in.paused && !is_owing(ws)) || ws->out.state == WS_OUT_HEAD)
                alive->heard = now;
        if (alive->heard >= alive->asked)
                alive->asked = 0;
        if (alive->asked != 0 && now >= alive->asked + alive->timeout) {
                if (!has_answered(ws) && !is_held_back(ws)) {
                        give_up(ws);
                        return;
                }
                alive->asked = now;
        }
        if (alive->asked == 0 && now >= alive->heard + alive->interval && ws_alive_ping(ws) == 0) {
                alive->asked = now;
                alive->queued = true;
        }
        look_again(ws, now);
}

void
ws_alive_begin(struct ws *ws)
{
        struct ws_alive *alive = &ws->alive;

        if (alive->timeout <= 0)
                alive->timeout = alive->interval;
        alive->heard = aw_loop_now_about();
        if (alive->interval > 0)
                look_again(ws, alive->heard);
}
