/* SPDX-License-Identifier: MIT */
/* What the rooms above know of the loop besides what is public. */
#ifndef AW_LOOP_TURN_H
#define AW_LOOP_TURN_H

#include "await/loop.h"

/* The loop of this thread, or NULL. */
extern _Thread_local struct aw_loop *aw_loop_current;

_Noreturn void aw_loop_missing(void);

/* The loop of this thread; aborts if there is none. */
static inline struct aw_loop *
aw_loop_need(void)
{
        if (aw_loop_current == NULL)
                aw_loop_missing();
        return aw_loop_current;
}

/*
 * The time at the last tick of the kernel's clock, at most AW_LOOP_TICK ago: much cheaper to ask
 * for than the time now.
 */
#define AW_LOOP_TICK (10 * AW_MILLISECOND)
aw_time aw_loop_now_about(void);

/* That time when the kernel told last which sockets are ready: what is read now came about then. */
extern _Thread_local aw_time aw_loop_woke;

/* The turn in progress does not wait: what the caller of aw_loop_turn() waited for has happened. */
void aw_loop_wake(struct aw_loop *loop);

/*
 * In a child of fork(2) the loop is still the parent's: its descriptors, and with libuv the kernel's
 * idea of which are watched. abandon: it does nothing any more, and is not destroyed.
 */
bool aw_loop_is_parents(const struct aw_loop *loop);
void aw_loop_abandon(struct aw_loop *loop);
bool aw_loop_is_abandoned(const struct aw_loop *loop);

/*
 * For the slow-callback watch: how long (microseconds) the callback that runs has taken since the
 * last such question, if that is over the limit, else 0. Whoever runs something that has a name
 * asks, so that the report can tell it.
 */
aw_time aw_loop_slow(void);

#endif
