/* SPDX-License-Identifier: MIT */
#include "schedule.h"

uint64_t
schedule_before(const struct schedule *schedule, int64_t when)
{
        double turns;
        uint64_t number = 0;

        if (when == CLOCK_NEVER)
                return UINT64_MAX;
        if (when <= schedule->begin)
                return 0;
        turns = (double)(when - schedule->begin) / CLOCK_SECOND * (double)schedule->rate;
        if (turns > (double)schedule->index)
                number = (uint64_t)(turns - (double)schedule->index) / schedule->workers;
        /* Either way of rounding is a few numbers off at most: schedule_due() has the last word. */
        while (number > 0 && schedule_due(schedule, number - 1) >= when)
                number--;
        while (schedule_due(schedule, number) < when)
                number++;
        return number;
}
