/* SPDX-License-Identifier: MIT */
/*
 * The timers of a loop, as pairing heaps of handles: nothing to allocate, so nothing that can fail.
 *
 * One pairing heap would put off its work: a timer that is later than the first becomes its child,
 * and all those children are sorted when the first is taken out, which takes milliseconds for some
 * thousands. So there are several, as the digits of a binary counter: two heaps with as many timers
 * each become one with twice as many.
 */
#ifndef AW_LOOP_TIMERS_PRIVATE_H
#define AW_LOOP_TIMERS_PRIVATE_H

#include <stdint.h>

#include "await/loop.h"

/* Zeroed, it is empty. More digits than there will ever be timers for. */
struct aw_timers {
        struct aw_handle *first; /* the earliest, by when and then by order; or NULL */
        uint64_t used;           /* a bit for each heap that is not empty */
        struct aw_handle *heaps[64];
};

void aw_timers_insert(struct aw_timers *timers, struct aw_handle *handle);
void aw_timers_remove(struct aw_timers *timers, struct aw_handle *handle);

/*
 * Takes all out that are due now: the first is returned, link.previous leads to the next, in order.
 * For many at once it takes a third of the time of taking them out one by one.
 */
struct aw_handle *aw_timers_take_due(struct aw_timers *timers, aw_time now);

#endif
