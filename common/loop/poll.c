/* SPDX-License-Identifier: MIT */
/*
 * The poll back end: libwebsockets' own, for machines without the plug-ins. It polls one descriptor
 * for all sockets, so the number of them does not matter.
 */
#include <libwebsockets.h>
#include <stdlib.h>

#include "loop/private.h"

struct poll_state {
        lws_sorted_usec_list_t timer;
        struct lws_context *context;
};

/* It may come due before lws_service() polls, which would then wait for ever: so it wakes it up. */
static void
poll_state_timer(lws_sorted_usec_list_t *timer)
{
        lws_cancel_service(lws_container_of(timer, struct poll_state, timer)->context);
}

static int
poll_state_open(struct aw_loop *loop, struct lws_context_creation_info *info, void **foreign)
{
        (void)loop;
        (void)info;
        *foreign = calloc(1, sizeof(struct poll_state));
        return *foreign == NULL ? -1 : 0;
}

static void
poll_state_poll(struct aw_loop *loop, aw_time until)
{
        struct poll_state *state = aw_loop_foreign(loop);
        aw_time now = until == 0 ? 0 : aw_loop_now();

        state->context = aw_loop_context(loop);
        if (until <= now) {
                lws_service(state->context, -1);
                return;
        }
        /* It waits in whole milliseconds, rounded down: a little more saves it from spinning. */
        if (until != AW_NEVER)
                lws_sul_schedule(state->context, 0, &state->timer, poll_state_timer,
                                 until - now + AW_MILLISECOND - 1);
        lws_service(state->context, 0);
        lws_sul_schedule(state->context, 0, &state->timer, poll_state_timer,
                         LWS_SET_TIMER_USEC_CANCEL);
}

static void
poll_state_close(struct aw_loop *loop)
{
        lws_context_destroy(aw_loop_context(loop));
        free(aw_loop_foreign(loop));
}

const struct aw_loop_backend aw_loop_poll = {
        .name = "poll",
        .open = poll_state_open,
        .poll = poll_state_poll,
        .close = poll_state_close,
};
