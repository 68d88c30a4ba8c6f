/* SPDX-License-Identifier: MIT */
/* How often something took how long, in plain numbers that another thread or process may read. */
#ifndef AW_HISTOGRAM_H
#define AW_HISTOGRAM_H

#include <stdint.h>

#include "api.h"

#define AW_HISTOGRAM_BOUNDS 22

/* Zeroed it is empty. One thread adds to it. */
struct aw_histogram {
        /*
         * Durations of at most aw_histogram_bound(0), then those over it and of at most
         * aw_histogram_bound(1), and so on; the last are those over all bounds.
         */
        uint64_t buckets[AW_HISTOGRAM_BOUNDS + 1];
        uint64_t sum; /* of all durations, in microseconds */
};

/* Adds a duration in microseconds; a negative one counts as 0. */
AW_API void aw_histogram_add(struct aw_histogram *histogram, int64_t duration);

/* The bounds, rising from 10 us to an hour; of an index that is too large INT64_MAX. Microseconds. */
AW_API int64_t aw_histogram_bound(unsigned index);

#endif
