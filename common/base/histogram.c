/* SPDX-License-Identifier: MIT */
#include "await/histogram.h"

static const int64_t bounds[AW_HISTOGRAM_BOUNDS] = {
        10,      20,      50,       100,      200,       500,       1000,   2000,
        5000,    10000,   20000,    50000,    100000,    200000,    500000, 1000000,
        2000000, 5000000, 10000000, 60000000, 600000000, 3600000000};

int64_t
aw_histogram_bound(unsigned index)
{
        return index < AW_HISTOGRAM_BOUNDS ? bounds[index] : INT64_MAX;
}

void
aw_histogram_add(struct aw_histogram *histogram, int64_t duration)
{
        unsigned i = 0;

        if (duration < 0)
                duration = 0;
        while (i < AW_HISTOGRAM_BOUNDS && duration > bounds[i])
                i++;
        histogram->buckets[i]++;
        histogram->sum += (uint64_t)duration;
}
