/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a time to the microsecond. The loop's own timers come up to a millisecond late,
 * because that is the unit of epoll_wait(2); a message that goes out so late would count as the
 * server's latency.
 */
#ifndef ALARM_H
#define ALARM_H

#include "await/sync.h"

struct alarm {
        int fd; /* a timerfd, which the watch closes */
        struct aw_watch *watch;
        struct aw_event rang;
};

/* 0, or -1 with errno. */
int alarm_open(struct alarm *alarm);
void alarm_close(struct alarm *alarm); /* one that is zeroed, too */

/* Waits until a time of clock_now(). 0, or -1 with errno ECANCELED. One task at a time. */
async int alarm_wait(struct alarm *alarm, int64_t when);

#endif
