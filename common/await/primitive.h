/* SPDX-License-Identifier: MIT */
/*
 * For authors of primitives: what events, locks, queues and everything else that can be awaited is
 * made of.
 *
 *     struct latch { bool open; struct aw_waiters waiters; };
 *
 *     int latch_wait(struct latch *latch, aw_time deadline)
 *     {
 *             return latch->open ? 0 : aw_wait_in(&latch->waiters, deadline, NULL);
 *     }
 *     void latch_open(struct latch *latch)
 *     {
 *             latch->open = true;
 *             aw_wake_all(&latch->waiters);
 *     }
 *
 * What is waited for is a state: look at it before waiting, and again afterwards in a loop if
 * somebody else may have been faster. One task runs at a time and is left alone until it awaits, so
 * nothing here needs a lock. A structure must stay in place while tasks wait in it, and must not be
 * freed before those that were woken have run: aw_wait_in() does not touch it after that, but they
 * will. From another thread use aw_call_soon_threadsafe() and wake there; for
 * signals there is aw_signals_wait().
 */
#ifndef AW_PRIMITIVE_H
#define AW_PRIMITIVE_H

#include <stdbool.h>

#include "api.h"
#include "loop.h"

/*
 * A queue of waiting tasks. Zeroed it is empty; its members are the library's.
 *
 * aw_wait_in() puts the running task at its end and suspends it until somebody wakes it (0), the
 * deadline passes (-1, ETIMEDOUT) or it is cancelled (-1, ECANCELED). However it returns, it is in
 * no queue any more. A task that was both woken and cancelled gets ECANCELED, and *woken, if given,
 * is true: what it was woken for has to be passed on then.
 */
struct aw_waiter;
struct aw_waiters {
        struct aw_waiter *first, *last;
};
AW_API int aw_wait_in(struct aw_waiters *waiters, aw_time deadline, bool *woken);

/* Wakes the task that has waited longest; false if none waits. */
AW_API bool aw_wake_one(struct aw_waiters *waiters);

/* Wakes all, in the order in which they came. */
AW_API void aw_wake_all(struct aw_waiters *waiters);

#endif
