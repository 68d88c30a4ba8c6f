/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "histogram.h"

/* A value keeps its leading 7 bits: the first and 6 more, which number the buckets of an octave. */
enum { BITS = 6, OCTAVE = AW_HISTOGRAM_OCTAVE };

_Static_assert(OCTAVE == 1 << BITS, "a bucket for each value of the bits");
_Static_assert(AW_HISTOGRAM_BUCKETS == (64 - BITS + 1) * OCTAVE, "buckets for all of uint64_t");

static size_t
bucket_of(uint64_t value)
{
        unsigned shift;

        if (value < 2 * OCTAVE)
                return (size_t)value;
        shift = 63 - BITS - (unsigned)__builtin_clzll(value);
        return shift * OCTAVE + (size_t)(value >> shift);
}

/* The middle of a bucket, which is at most half a bucket from everything in it. */
static uint64_t
middle_of(size_t bucket)
{
        unsigned shift;

        if (bucket < 2 * OCTAVE)
                return bucket;
        shift = (unsigned)(bucket / OCTAVE) - 1;
        return ((uint64_t)(OCTAVE + bucket % OCTAVE) << shift) + (UINT64_C(1) << (shift - 1));
}

void
aw_histogram_reset(struct aw_histogram *histogram)
{
        memset(histogram, 0, sizeof *histogram);
}

static void
widen(struct aw_histogram *histogram, uint64_t min, uint64_t max)
{
        if (histogram->count == 0 || min < histogram->min)
                histogram->min = min;
        if (max > histogram->max)
                histogram->max = max;
}

static void
add_to_sum(struct aw_histogram *histogram, uint64_t low, uint64_t high)
{
        histogram->sum_low += low;
        histogram->sum_high += high + (histogram->sum_low < low);
}

void
aw_histogram_record(struct aw_histogram *histogram, uint64_t value)
{
        widen(histogram, value, value);
        add_to_sum(histogram, value, 0);
        histogram->count++;
        histogram->buckets[bucket_of(value)]++;
}

void
aw_histogram_merge(struct aw_histogram *into, const struct aw_histogram *from)
{
        if (from->count == 0)
                return;
        widen(into, from->min, from->max);
        add_to_sum(into, from->sum_low, from->sum_high);
        into->count += from->count;
        for (size_t i = 0; i < AW_HISTOGRAM_BUCKETS; i++)
                into->buckets[i] += from->buckets[i];
}

uint64_t
aw_histogram_count(const struct aw_histogram *histogram)
{
        return histogram->count;
}

uint64_t
aw_histogram_min(const struct aw_histogram *histogram)
{
        return histogram->min;
}

uint64_t
aw_histogram_max(const struct aw_histogram *histogram)
{
        return histogram->max;
}

double
aw_histogram_mean(const struct aw_histogram *histogram)
{
        double sum = (double)histogram->sum_high * 0x1p64 + (double)histogram->sum_low;

        return histogram->count == 0 ? 0 : sum / (double)histogram->count;
}

/* Which of the values in ascending order is meant, from 1; percent is between 0 and 100. */
static uint64_t
rank_of(const struct aw_histogram *histogram, double percent)
{
        /* 99.9 % of 1,000 is 999, not the 999.0000000000001 that doubles make of it. */
        double exact = percent / 100 * (double)histogram->count * (1 - 1e-12);
        uint64_t rank = (uint64_t)exact;

        if ((double)rank < exact)
                rank++;
        return rank;
}

uint64_t
aw_histogram_percentile(const struct aw_histogram *histogram, double percent)
{
        uint64_t rank, seen = 0, value;
        size_t bucket = 0;

        if (!(percent > 0)) /* or not a number */
                return histogram->min;
        if (percent >= 100)
                return histogram->max;
        rank = rank_of(histogram, percent);
        for (; bucket < AW_HISTOGRAM_BUCKETS - 1; bucket++) {
                seen += histogram->buckets[bucket];
                if (seen >= rank)
                        break;
        }
        value = middle_of(bucket);
        if (value < histogram->min)
                value = histogram->min;
        return value < histogram->max ? value : histogram->max;
}

uint64_t
aw_histogram_below(const struct aw_histogram *histogram, uint64_t value)
{
        size_t last = bucket_of(value);
        uint64_t seen = 0;

        if (histogram->count == 0 || value < histogram->min)
                return 0;
        if (value >= histogram->max)
                return histogram->count;
        for (size_t bucket = 0; bucket <= last; bucket++)
                seen += histogram->buckets[bucket];
        return seen;
}

double
aw_histogram_deviation(const struct aw_histogram *histogram)
{
        double mean = aw_histogram_mean(histogram), sum = 0;

        for (size_t bucket = 0; bucket < AW_HISTOGRAM_BUCKETS; bucket++) {
                double away = (double)middle_of(bucket) - mean;

                if (histogram->buckets[bucket] > 0)
                        sum += away * away * (double)histogram->buckets[bucket];
        }
        return histogram->count == 0 ? 0 : sqrt(sum / (double)histogram->count);
}
