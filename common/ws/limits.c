/* SPDX-License-Identifier: MIT */
/*
 * How long a connection may be idle, and open, and how many messages it may send.
 *
 * None of it is on the way of a message: the timer looks at the counters that are there anyway, and
 * the rate is looked at once for all that was read in one go, and asks for the time only when what
 * was left at the last look is used up.
 *
 * A connection whose time is over is treated as one whose listener drains: its receiver gets all
 * that came, then ESHUTDOWN, and the Close frame goes out behind the replies. Who does not come to
 * that, because its task waits for something else, is closed after WS_CLOSE_TIME all the same, and
 * is gone WS_CLOSE_TIME and WS_LINGER_TIME later.
 */
#include <errno.h>

#include "await/log.h"
#include "ws/raw_private.h"

/* The part of the time that a connection may be idle in which it is looked at once. */
#define LOOKS 8

enum { STEP_OPEN, STEP_RETIRED, STEP_CLOSED };

static void
retire(struct ws *ws, enum ws_limit limit, const char *reason)
{
        aw_log_limited(AW_LOG_INFO, "%s: closing with %u: %s", ws->peer, WS_GOING_AWAY, reason);
        ws_watch_end(ws, WS_SIDE_SERVER, reason);
        ws->seen.limit = limit;
        ws->draining = true;
        ws->drain_end = aw_loop_now() + WS_CLOSE_TIME;
        ws->drain_reason = reason;
        ws_connection_wake(ws);
}

/* What has gone by of messages, as a number that changes when more does. */
static uint64_t
moved(const struct ws *ws)
{
        const struct ws_count *received = &ws->seen.received, *sent = &ws->seen.sent;

        return received->messages[0] + received->messages[1] + received->bytes[0] +
               received->bytes[1] + sent->messages[0] + sent->messages[1] + sent->bytes[0] +
               sent->bytes[1];
}

/* When to look again; 0: the connection has been retired. */
static aw_time
look_at_time(struct ws *ws, aw_time now)
{
        struct ws_limits *limits = &ws->limits;
        aw_time next = AW_NEVER, end = ws->seen.opened + limits->lifetime;

        if (limits->moved != moved(ws)) {
                limits->moved = moved(ws);
                limits->active = now;
        }
        if (limits->lifetime > 0 && now >= end) {
                retire(ws, WS_LIMIT_LIFETIME, "it has been open for as long as it may be");
                return 0;
        }
        if (limits->idle > 0 && now - limits->active >= limits->idle) {
                retire(ws, WS_LIMIT_IDLE_TIMEOUT, "no message for too long");
                return 0;
        }
        if (limits->idle > 0)
                next = now + limits->idle / LOOKS + 1;
        if (limits->idle > 0 && limits->active + limits->idle < next)
                next = limits->active + limits->idle;
        return limits->lifetime > 0 && end < next ? end : next;
}

static void
limits_look(void *argument)
{
        struct ws *ws = argument;
        struct ws_limits *limits = &ws->limits;
        aw_time now = aw_loop_now(), next;

        if (limits->step == STEP_CLOSED) {
                aw_transport_close(ws->transport);
                return;
        }
        /* One that ends already has times of its own, and so has a listener that drains. */
        if (limits->step == STEP_OPEN && (!ws_output_open(ws) || ws->draining))
                return;
        if (limits->step == STEP_OPEN) {
                next = look_at_time(ws, now);
                limits->step = next == 0 ? STEP_RETIRED : STEP_OPEN;
                aw_call_at(&limits->timer, next == 0 ? now + WS_CLOSE_TIME : next, limits_look, ws);
                return;
        }
        if (!ws_raw_keeps_close(ws))
                ws_close_queue(ws, WS_GOING_AWAY, ws->drain_reason);
        ws_connection_wake(ws);
        limits->step = STEP_CLOSED;
        aw_call_at(&limits->timer, now + WS_CLOSE_TIME + WS_LINGER_TIME, limits_look, ws);
}

void
ws_limits_begin(struct ws *ws)
{
        struct ws_limits *limits = &ws->limits;

        limits->active = limits->paid = ws->seen.opened;
        limits->left = limits->rate;
        if (limits->idle > 0 || limits->lifetime > 0)
                aw_call_at(&limits->timer, look_at_time(ws, ws->seen.opened), limits_look, ws);
}

/* Whether it may have sent `used` more, and what is left for it then. */
static bool
is_earned(struct ws_limits *limits, uint64_t used)
{
        aw_time passed = aw_loop_now() - limits->paid;
        uint64_t most = 2 * limits->rate, earned;

        if (passed > 2 * AW_SECOND)
                passed = 2 * AW_SECOND;
        earned = (uint64_t)passed * limits->rate / AW_SECOND;
        if (limits->left + earned >= most) {
                limits->left = most;
                limits->paid = aw_loop_now();
        } else {
                limits->left += earned;
                limits->paid += (aw_time)(earned * AW_SECOND / limits->rate);
        }
        if (used > limits->left)
                return false;
        limits->left -= used;
        return true;
}

void
ws_limits_count(struct ws *ws)
{
        const struct ws_count *received = &ws->seen.received;
        uint64_t frames = received->messages[0] + received->messages[1] + received->pings +
                          received->pongs + received->fragments;
        struct ws_limits *limits = &ws->limits;
        uint64_t used = frames - limits->counted;

        if (used <= limits->left || ws->in.state != WS_IN_OPEN)
                return;
        if (!is_earned(limits, used))
                ws_order_fail(ws, WS_POLICY_VIOLATION, EDQUOT, "more messages than are allowed");
        limits->counted = frames;
}
