/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Histograms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "await/histogram.h"

static void
the_bounds_rise_and_end(void **state)
{
        unsigned i;

        (void)state;
        assert_int_equal(aw_histogram_bound(0), 10);
        for (i = 1; i < AW_HISTOGRAM_BOUNDS; i++)
                assert_true(aw_histogram_bound(i) > aw_histogram_bound(i - 1));
        assert_true(aw_histogram_bound(AW_HISTOGRAM_BOUNDS - 1) == 3600000000);
        assert_true(aw_histogram_bound(AW_HISTOGRAM_BOUNDS) == INT64_MAX);
}

static void
a_duration_is_counted_once_where_it_belongs(void **state)
{
        unsigned i, j;

        (void)state;
        for (i = 0; i < AW_HISTOGRAM_BOUNDS; i++) {
                struct aw_histogram histogram = {.sum = 0};

                /* A bound belongs to what is below it. */
                aw_histogram_add(&histogram, aw_histogram_bound(i));
                aw_histogram_add(&histogram, aw_histogram_bound(i) + 1);
                for (j = 0; j <= AW_HISTOGRAM_BOUNDS; j++)
                        assert_int_equal(histogram.buckets[j], j == i || j == i + 1);
                assert_int_equal(histogram.sum, 2 * aw_histogram_bound(i) + 1);
        }
}

static void
a_clock_that_went_back_counts_as_nothing(void **state)
{
        struct aw_histogram histogram = {.sum = 0};

        (void)state;
        aw_histogram_add(&histogram, -5);
        assert_int_equal(histogram.buckets[0], 1);
        assert_int_equal(histogram.sum, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bounds_rise_and_end),
                cmocka_unit_test(a_duration_is_counted_once_where_it_belongs),
                cmocka_unit_test(a_clock_that_went_back_counts_as_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
