/* SPDX-License-Identifier: MIT */
/* A clock that the test puts forward, so that nobody has to wait for what takes seconds. */
#ifndef CLOCK_TEST_H
#define CLOCK_TEST_H

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "await/task.h"

static aw_time clock_ahead;
static struct timespec clock_stopped; /* the real time when the clock was, or 0 */

/* Stands in for the C library's. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
        aw_time time;

        if (syscall(SYS_clock_gettime, clock, now) == -1)
                return -1;
        if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE) {
                if (clock_stopped.tv_sec != 0)
                        *now = clock_stopped;
                time = now->tv_sec * AW_SECOND + now->tv_nsec / 1000 + clock_ahead;
                now->tv_nsec = (long)(time % AW_SECOND * 1000 + now->tv_nsec % 1000);
                now->tv_sec = (time_t)(time / AW_SECOND);
        }
        return 0;
}

/*
 * From now on only the test puts it forward, for it looks at a time shortly before something is due
 * and may be slow itself; until it goes on by itself.
 */
static inline void
clock_stop(void)
{
        struct timespec now;

        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        clock_stopped = now;
}

static inline void
clock_go_on(void)
{
        clock_stopped.tv_sec = 0;
}

/* What is due by then happens before this returns. */
static inline async void
clock_advance(aw_time duration)
{
        int i;

        clock_ahead += duration;
        for (i = 0; i < 4; i++)
                await(aw_sleep(0));
}

#endif
