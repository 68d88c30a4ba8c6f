/* SPDX-License-Identifier: MIT */
/* The libuv back end: libwebsockets on a uv_loop_t of ours. */
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "loop/private.h"

/*
 * More than libwebsockets needs to close its handles. One that ran out of descriptors when it was
 * made never closes some, and the loop cannot be freed then.
 */
#define CLOSING_TURNS 100

/* More descriptors than libuv and libwebsockets open for a loop; it was 10 with 1.44 and 4.1. */
#define ROOM 16

struct uv_state {
        uv_loop_t loop;
        uv_timer_t timer;
        aw_time armed; /* when the timer fires; AW_NEVER: not armed */
        void *loops[1];
        struct lws_context *context; /* only while it is destroyed; NULL once it is gone */
};

/*
 * Waking up is all the timer is for. It may fire before libuv polls, which would then wait for
 * ever: so it stops that.
 */
static void
uv_state_timer(uv_timer_t *timer)
{
        struct uv_state *state = timer->data;

        state->armed = AW_NEVER;
        uv_stop(&state->loop);
}

/*
 * A loop that runs out of descriptors while it is made does harm: libuv aborts the process if there is
 * none for its pipe of signals, and libwebsockets frees handles that are still in the loop.
 */
static int
look_for_room(void)
{
        int taken[ROOM], count = 0, error;

        while (count < ROOM && (taken[count] = eventfd(0, EFD_CLOEXEC)) != -1)
                count++;
        error = errno;
        for (int i = 0; i < count; i++)
                close(taken[i]);
        errno = error;
        return count < ROOM ? -1 : 0;
}

static int
uv_state_open(struct aw_loop *loop, struct lws_context_creation_info *info, void **foreign)
{
        struct uv_state *state;
        int error;

        (void)loop;
        if (look_for_room() == -1)
                return -1;
        state = calloc(1, sizeof(*state));
        if (state == NULL)
                return -1;
        error = uv_loop_init(&state->loop);
        if (error != 0) {
                free(state);
                errno = -error;
                return -1;
        }
        uv_timer_init(&state->loop, &state->timer);
        state->timer.data = state;
        state->armed = AW_NEVER;
        state->loops[0] = &state->loop;
        info->foreign_loops = state->loops;
        info->pcontext = &state->context;
        info->options |= LWS_SERVER_OPTION_LIBUV;
        *foreign = state;
        return 0;
}

/* libuv counts whole milliseconds from its own idea of now, which is as old as the last poll. */
static void
uv_state_arm(struct uv_state *state, aw_time until)
{
        aw_time delay;

        if (until == state->armed)
                return;
        state->armed = until;
        if (until == AW_NEVER) {
                uv_timer_stop(&state->timer);
                return;
        }
        uv_update_time(&state->loop);
        delay = until - aw_loop_now();
        delay = delay > 0 ? (delay + AW_MILLISECOND - 1) / AW_MILLISECOND : 0;
        uv_timer_start(&state->timer, uv_state_timer, (uint64_t)delay, 0);
}

static void
uv_state_poll(struct aw_loop *loop, aw_time until)
{
        struct uv_state *state = aw_loop_foreign(loop);

        if (until == 0) {
                uv_run(&state->loop, UV_RUN_NOWAIT);
                return;
        }
        uv_state_arm(state, until);
        uv_run(&state->loop, UV_RUN_ONCE);
}

/*
 * libwebsockets closes its handles on later turns of the foreign loop, and has to be told again
 * when they are.
 */
static void
uv_state_close(struct aw_loop *loop)
{
        struct uv_state *state = aw_loop_foreign(loop);
        int turns = CLOSING_TURNS;

        state->context = aw_loop_context(loop);
        /* A context that could not be made may have left handles here, whose memory is gone. */
        if (state->context == NULL && uv_loop_alive(&state->loop))
                return;
        lws_context_destroy(state->context);
        uv_close((uv_handle_t *)&state->timer, NULL);
        while (turns-- > 0 && uv_run(&state->loop, UV_RUN_NOWAIT) != 0)
                continue;
        lws_context_destroy(state->context);
        if (uv_loop_close(&state->loop) == 0)
                free(state);
}

static void
uv_state_library(FILE *out)
{
        fprintf(out, " (libuv/%s)", uv_version_string());
}

const struct aw_loop_backend aw_loop_uv = {
        .name = "uv",
        .library = uv_state_library,
        .open = uv_state_open,
        .poll = uv_state_poll,
        .close = uv_state_close,
};
