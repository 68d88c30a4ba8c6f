/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alarm.h"

#include "clock.h"

static void
alarm_rings(void *argument)
{
        struct alarm *alarm = argument;
        uint64_t times;

        /* It may be set anew since: then there is nothing to read, and nobody is woken. */
        if (read(alarm->fd, &times, sizeof(times)) == sizeof(times))
                aw_event_set(&alarm->rang);
}

int
alarm_open(struct alarm *alarm)
{
        int error;

        *alarm = (struct alarm){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
        if (alarm->fd == -1)
                return -1;
        alarm->watch = aw_watch_open(alarm->fd, alarm_rings, alarm);
        if (alarm->watch != NULL)
                return 0;
        error = errno;
        close(alarm->fd);
        errno = error;
        return -1;
}

void
alarm_close(struct alarm *alarm)
{
        aw_watch_close(alarm->watch);
        alarm->watch = NULL;
}

async int
alarm_wait(struct alarm *alarm, int64_t when)
{
        struct itimerspec timer = {
                .it_value = {.tv_sec = when / CLOCK_SECOND, .tv_nsec = when % CLOCK_SECOND}};

        /* Time 0 would switch it off. */
        if (when <= 0)
                timer.it_value.tv_nsec = 1;
        aw_event_clear(&alarm->rang);
        timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &timer, NULL);
        return await(aw_event_wait(&alarm->rang, AW_NEVER));
}
