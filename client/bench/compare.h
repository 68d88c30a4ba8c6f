/* SPDX-License-Identifier: MIT */
/*
 * Two servers side by side. They are loaded in turn, which of them first changes from round to
 * round, so that whatever else this machine does meets both alike. A figure's ratio is the second
 * server's to the first's in the same round; what is told is the geometric mean of the rounds'
 * ratios and its 95 % confidence interval, from Student's t distribution of their logarithms.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <stddef.h>

#include "bench.h"

/* Runs all rounds and prints what came of them. The exit status. */
enum bench_status compare_run(const struct bench_options *options, const char *first,
                              const char *second);

/* A ratio and its interval. */
struct compare_ratio {
        double mean, low, high;
};

/*
 * From the logarithms of the ratios of `count` rounds, at least 2. Exported for its test.
 */
struct compare_ratio compare_ratio(const double *logarithms, size_t count);

#endif
