/* SPDX-License-Identifier: MIT */
/* The libev back end: libwebsockets on an ev_loop of ours. */
#include <errno.h>
#include <ev.h>
#include <libwebsockets.h>
#include <stdlib.h>

#include "loop/private.h"

struct ev_state {
        struct ev_loop *loop;
        ev_timer timer;
        aw_time armed; /* when the timer fires; AW_NEVER: not armed */
        void *loops[1];
};

/* Waking up is all the timer is for. */
static void
ev_state_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
        struct ev_state *state = timer->data;

        (void)loop;
        (void)events;
        state->armed = AW_NEVER;
}

static int
ev_state_open(struct aw_loop *loop, struct lws_context_creation_info *info, void **foreign)
{
        struct ev_state *state = calloc(1, sizeof(*state));

        (void)loop;
        if (state == NULL)
                return -1;
        state->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
        if (state->loop == NULL) {
                free(state);
                errno = ENOMEM;
                return -1;
        }
        ev_timer_init(&state->timer, ev_state_timer, 0, 0);
        state->timer.data = state;
        state->armed = AW_NEVER;
        state->loops[0] = state->loop;
        info->foreign_loops = state->loops;
        info->options |= LWS_SERVER_OPTION_LIBEV;
        *foreign = state;
        return 0;
}

/* libev counts from its own idea of now, which is as old as the last poll. */
static void
ev_state_arm(struct ev_state *state, aw_time until)
{
        aw_time delay;

        if (until == state->armed)
                return;
        ev_timer_stop(state->loop, &state->timer);
        state->armed = until;
        if (until == AW_NEVER)
                return;
        ev_now_update(state->loop);
        delay = until - aw_loop_now();
        ev_timer_set(&state->timer, delay > 0 ? (double)delay / AW_SECOND : 0, 0);
        ev_timer_start(state->loop, &state->timer);
}

static void
ev_state_poll(struct aw_loop *loop, aw_time until)
{
        struct ev_state *state = aw_loop_foreign(loop);

        if (until == 0) {
                ev_run(state->loop, EVRUN_NOWAIT);
                return;
        }
        ev_state_arm(state, until);
        ev_run(state->loop, EVRUN_ONCE);
}

static void
ev_state_close(struct aw_loop *loop)
{
        struct ev_state *state = aw_loop_foreign(loop);

        lws_context_destroy(aw_loop_context(loop));
        ev_timer_stop(state->loop, &state->timer);
        ev_loop_destroy(state->loop);
        free(state);
}

static void
ev_state_library(FILE *out)
{
        fprintf(out, " (libev/%d.%d)", ev_version_major(), ev_version_minor());
}

const struct aw_loop_backend aw_loop_ev = {
        .name = "ev",
        .library = ev_state_library,
        .open = ev_state_open,
        .poll = ev_state_poll,
        .close = ev_state_close,
};
