/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/compare.h"

#define RUNS 2000

static bool
near(double value, double exact)
{
        return fabs(value / exact - 1) < 1e-3;
}

/* By hand: the logarithms' mean is 0.1, their deviation 0.1; t for 2 degrees is 4.303. */
static void
the_interval_is_students(void **state)
{
        const double logarithms[] = {0.0, 0.1, 0.2};
        struct compare_ratio ratio = compare_ratio(logarithms, 3);
        double half = 4.303 * 0.1 / sqrt(3);

        (void)state;
        assert_true(near(ratio.mean, exp(0.1)));
        assert_true(near(ratio.low, exp(0.1 - half)));
        assert_true(near(ratio.high, exp(0.1 + half)));
}

static void
equal_rounds_leave_no_doubt(void **state)
{
        const double logarithms[] = {0.5, 0.5, 0.5, 0.5};
        struct compare_ratio ratio = compare_ratio(logarithms, 4);

        (void)state;
        assert_true(near(ratio.low, exp(0.5)) && near(ratio.high, exp(0.5)));
}

/* About normal: the sum of twelve evenly spread numbers. Always the same sequence. */
static double
next_normal(void)
{
        static uint64_t state = 88172645463325252;
        double sum = -6;

        for (int i = 0; i < 12; i++) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                sum += (double)(state >> 11) / 9007199254740992.0;
        }
        return sum;
}

/* How many of RUNS comparisons of a thing with itself have 1.0 in their interval. */
static int
covered(size_t rounds)
{
        double logarithms[60];
        int count = 0;

        for (int run = 0; run < RUNS; run++) {
                struct compare_ratio ratio;

                for (size_t i = 0; i < rounds; i++)
                        logarithms[i] = 0.1 * next_normal();
                ratio = compare_ratio(logarithms, rounds);
                count += ratio.low <= 1 && ratio.high >= 1;
        }
        return count;
}

static void
nineteen_of_twenty_intervals_hold_the_truth(void **state)
{
        (void)state;
        /* 95 % of 2,000 runs, give or take three standard deviations. */
        assert_in_range(covered(3), 1870, 1930);
        assert_in_range(covered(10), 1870, 1930);
        assert_in_range(covered(21), 1870, 1930);
        assert_in_range(covered(60), 1870, 1930);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_interval_is_students),
                cmocka_unit_test(equal_rounds_leave_no_doubt),
                cmocka_unit_test(nineteen_of_twenty_intervals_hold_the_truth),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
