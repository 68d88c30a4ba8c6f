/* SPDX-License-Identifier: MIT */
/* Time in nanoseconds: finer than the loop's, for what is measured. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_NEVER  INT64_MAX

static inline int64_t
clock_read(clockid_t clock)
{
        struct timespec now;

        return clock_gettime(clock, &now) == 0 ? now.tv_sec * CLOCK_SECOND + now.tv_nsec : 0;
}

/* The same clock as aw_loop_now(). */
static inline int64_t
clock_now(void)
{
        return clock_read(CLOCK_MONOTONIC);
}

#endif
