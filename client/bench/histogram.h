/* SPDX-License-Identifier: MIT */
/*
 * A histogram of durations (or of any whole numbers) in fixed memory: 64 buckets for each power
 * of two, so that a value is known to within 0.8 % of itself whatever its size; below 128 it is
 * known exactly. The unit is the caller's. All of uint64_t is covered: nothing is cut off.
 *
 * A histogram is 30 KiB without pointers. Zeroed memory (calloc, static) is an empty one, and it
 * may be copied, or handed to another process as it is; it is too large for a task's stack. It is
 * used by one thread at a time.
 */
#ifndef AW_HISTOGRAM_H
#define AW_HISTOGRAM_H

#include <stdint.h>

#define AW_HISTOGRAM_BUCKETS 3776
#define AW_HISTOGRAM_OCTAVE  64 /* of these for each power of two */

/* Read it by the functions only. */
struct aw_histogram {
        uint64_t count, min, max;
        uint64_t sum_low, sum_high; /* 128 bits: the sum cannot overflow */
        uint64_t buckets[AW_HISTOGRAM_BUCKETS];
};

void aw_histogram_reset(struct aw_histogram *histogram);

void aw_histogram_record(struct aw_histogram *histogram, uint64_t value);

/* Adds all of `from`, which is not changed and is not `into`, as if recorded there. */
void aw_histogram_merge(struct aw_histogram *into, const struct aw_histogram *from);

/* All of these are exact, and 0 for an empty histogram. */
uint64_t aw_histogram_count(const struct aw_histogram *histogram);
uint64_t aw_histogram_min(const struct aw_histogram *histogram);
uint64_t aw_histogram_max(const struct aw_histogram *histogram);
double aw_histogram_mean(const struct aw_histogram *histogram);

/*
 * The smallest recorded value such that `percent` (0 to 100) of all values are no larger (the
 * nearest rank), to within 0.8 %. 0 gives the exact minimum, 100 the exact maximum; what lies
 * outside counts as the nearer of the two. 0 for an empty histogram.
 */
uint64_t aw_histogram_percentile(const struct aw_histogram *histogram, double percent);

/* How many values are at most this large, to within 0.8 % of it. */
uint64_t aw_histogram_below(const struct aw_histogram *histogram, uint64_t value);

/* The standard deviation, to within 0.8 %. 0 for an empty histogram. */
double aw_histogram_deviation(const struct aw_histogram *histogram);

#endif
