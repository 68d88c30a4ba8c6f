/* SPDX-License-Identifier: MIT */
/* A clock that stands still, but for what the test's work takes. */
#ifndef STILL_CLOCK_H
#define STILL_CLOCK_H

#include <time.h>

#include "await/loop.h"

static aw_time clock_now = AW_SECOND;

/* Stands in for the C library's. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
        (void)clock;
        now->tv_sec = clock_now / AW_SECOND;
        now->tv_nsec = clock_now % AW_SECOND * 1000;
        return 0;
}

#endif
