/* SPDX-License-Identifier: MIT */
/*
 * How long a connection may be idle, and open, and how many messages and trifles it may send.
 *
 * None of it is on the way of a message, but where there is a rate for them: the timer looks at the
 * counters that are there anyway.
 *
 * A connection whose time is over is treated as one whose listener drains: its receiver gets all
 * that came, then ESHUTDOWN, and the Close frame goes out behind the replies. Who does not come to
 * that, because its task waits for something else, is closed after WS_CLOSE_TIME all the same, and
 * is gone WS_CLOSE_TIME and WS_LINGER_TIME later.
 *
 * Who sends more control frames and small fragments than it may is only read from more slowly: they
 * are no use to anybody in such numbers, but they break no rule.
 */
#include <errno.h>

#include "await/log.h"
#include "loop/turn.h"
#include "ws/raw_private.h"

/* The part of the time that a connection may be idle in which it is looked at once. */
#define LOOKS 8

enum { STEP_OPEN, STEP_RETIRED, STEP_CLOSED };

void
ws_limits_lift(struct ws *ws)
{
        if (ws->limits.rests_until == 0)
                return;
        ws->limits.rests_until = 0;
        ws_flow_update(ws);
}

static void
retire(struct ws *ws, enum ws_limit limit, const char *reason)
{
        aw_log_limited(AW_LOG_INFO, "%s: closing with %u: %s", ws->peer, WS_GOING_AWAY, reason);
        ws_watch_end(ws, WS_SIDE_SERVER, reason);
        ws->seen.limit = limit;
        ws->draining = true;
        ws->drain_end = aw_loop_now() + WS_CLOSE_TIME;
        ws->drain_reason = reason;
        ws_limits_lift(ws);
        ws_connection_wake(ws);
}

/*
 * What has gone by of messages, as a number that changes when more does. What goes out counts when the
 * peer takes it: that of a large message can take long.
 */
static uint64_t
moved(const struct ws *ws)
{
        const struct ws_count *received = &ws->seen.received;
        struct ws_traffic traffic;

        ws_traffic(ws, &traffic);
        return received->messages[0] + received->messages[1] + traffic.received + traffic.sent;
}

/* When to look again; 0: the connection has been retired. */
static aw_time
look_at_time(struct ws *ws, aw_time now)
{
        struct ws_limits *limits = &ws->limits;
        aw_time next = AW_NEVER, end = ws->seen.opened + limits->lifetime;

        /* A peer that has no answer to its request yet can only wait. */
        if (limits->moved != moved(ws) || ws->out.state == WS_OUT_HEAD) {
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

static void limits_look(void *argument);

static void
look_later(struct ws *ws, aw_time when)
{
        if (when < AW_NEVER)
                aw_call_at(&ws->limits.timer, when, limits_look, ws);
}

/* For as long as nothing is wrong with it. */
static void
look_at_open(struct ws *ws, aw_time now)
{
        struct ws_limits *limits = &ws->limits;
        aw_time next = AW_NEVER;

        if (now >= limits->rests_until)
                ws_limits_lift(ws);
        /* One that ends already has times of its own, and so has a listener that drains. */
        if (ws_output_lasts(ws) && !ws->draining)
                next = look_at_time(ws, now);
        if (next == 0) {
                limits->step = STEP_RETIRED;
                next = now + WS_CLOSE_TIME;
        }
        if (limits->rests_until != 0 && limits->rests_until < next)
                next = limits->rests_until;
        look_later(ws, next);
}

static void
limits_look(void *argument)
{
        struct ws *ws = argument;
        struct ws_limits *limits = &ws->limits;
        aw_time now = aw_loop_now();

        if (limits->step == STEP_OPEN) {
                look_at_open(ws, now);
                return;
        }
        if (limits->step == STEP_CLOSED) {
                aw_transport_close(ws->transport);
                return;
        }
        if (!ws_raw_keeps_close(ws))
                ws_close_queue(ws, WS_GOING_AWAY, ws->drain_reason);
        ws_connection_wake(ws);
        limits->step = STEP_CLOSED;
        look_later(ws, now + WS_CLOSE_TIME + WS_LINGER_TIME);
}

void
ws_limits_begin(struct ws *ws)
{
        struct ws_limits *limits = &ws->limits;

        limits->active = ws->seen.opened;
        limits->messages.paid = limits->trifles.paid = aw_loop_now_about();
        limits->messages.left = 2 * limits->messages.most;
        limits->trifles.left = 2 * limits->trifles.most;
        look_later(ws, look_at_time(ws, ws->seen.opened));
}

/* What was earned since the last time. */
static void
rate_earn(struct ws_rate *rate)
{
        aw_time passed = aw_loop_woke - rate->paid;
        uint64_t full = 2 * rate->most, earned;

        if (passed <= 0)
                return;
        if (passed > 2 * AW_SECOND)
                passed = 2 * AW_SECOND;
        earned = (uint64_t)passed * rate->most / AW_SECOND;
        rate->left += earned;
        if (rate->left < full) {
                rate->paid += (aw_time)(earned * AW_SECOND / rate->most);
        } else {
                rate->left = full;
                rate->paid = aw_loop_woke;
        }
}

/* So many have come. Returns how many of them are too many; they are used up, too. */
static uint64_t
rate_use(struct ws_rate *rate, uint64_t count)
{
        uint64_t over;

        rate_earn(rate);
        over = count > rate->left ? count - rate->left : 0;
        rate->left -= count - over;
        return over;
}

bool
ws_limits_allow(struct ws *ws)
{
        return ws->limits.messages.most == 0 || rate_use(&ws->limits.messages, 1) == 0;
}

/*
 * What was too much is earned while nothing is read. What was read already still comes, record by
 * record, and makes the rest longer.
 */
void
ws_limits_count_trifles(struct ws *ws)
{
        struct ws_limits *limits = &ws->limits;
        struct ws_rate *rate = &limits->trifles;
        uint64_t over;

        if (ws->draining || rate->most == 0 || limits->trifles_seen == 0 ||
            ws->in.state != WS_IN_OPEN || limits->step != STEP_OPEN)
                return;
        over = rate_use(rate, limits->trifles_seen);
        limits->trifles_seen = 0;
        if (over == 0)
                return;
        rate->paid += (aw_time)(over * AW_SECOND / rate->most) + 1;
        ws->seen.rests += limits->rests_until == 0;
        limits->rests_until = rate->paid;
        /* Its time may be over before that. */
        look_at_open(ws, aw_loop_now_about());
        ws_flow_update(ws);
}
