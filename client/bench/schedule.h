/* SPDX-License-Identifier: MIT */
/*
 * With --rate: when each message is due. Workers take turns, so that all of their messages together
 * are evenly spaced. Times are nanoseconds; the worker's messages have numbers from 0 on.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

#include "clock.h"

struct schedule {
        int64_t begin;           /* when the first message of all is due */
        uint64_t rate;           /* messages of all workers in a second, not 0 */
        uint64_t index, workers; /* whose schedule it is, of how many */
};

/* When the worker's message with this number is due. */
static inline int64_t
schedule_due(const struct schedule *schedule, uint64_t number)
{
        double turn = (double)(number * schedule->workers + schedule->index);

        return schedule->begin + (int64_t)(turn * CLOCK_SECOND / (double)schedule->rate);
}

/* How many of its messages are due before that time; UINT64_MAX before CLOCK_NEVER. */
uint64_t schedule_before(const struct schedule *schedule, int64_t when);

#endif
