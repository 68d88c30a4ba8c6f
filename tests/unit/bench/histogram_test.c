/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/histogram.h"

#define LONGEST UINT64_C(100000000000) /* 100 s in nanoseconds */

/* Static: it begins empty, and is too large for some stacks. Each test has fresh ones. */
static struct aw_histogram histogram, other;

static int
empty_all(void **state)
{
        (void)state;
        aw_histogram_reset(&histogram);
        aw_histogram_reset(&other);
        return 0;
}

/* A fixed sequence of numbers that look random. */
static uint64_t
next_number(void)
{
        static uint64_t number = 88172645463325252;

        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        return number;
}

/* 1 to LONGEST, all magnitudes alike. */
static uint64_t
next_duration(void)
{
        uint64_t number = next_number() >> (next_number() % 37 + 27);

        return number < 1 ? 1 : number > LONGEST ? LONGEST : number;
}

static bool
is_near(uint64_t value, uint64_t exact)
{
        uint64_t error = value > exact ? value - exact : exact - value;

        return (double)error <= 0.008 * (double)exact;
}

static void
zeroed_memory_is_an_empty_histogram(void **state)
{
        struct aw_histogram *zeroed = calloc(1, sizeof *zeroed);

        (void)state;
        assert_non_null(zeroed);
        assert_int_equal(aw_histogram_count(zeroed), 0);
        assert_int_equal(aw_histogram_min(zeroed), 0);
        assert_int_equal(aw_histogram_max(zeroed), 0);
        assert_true(aw_histogram_mean(zeroed) == 0);
        assert_int_equal(aw_histogram_percentile(zeroed, 0), 0);
        assert_int_equal(aw_histogram_percentile(zeroed, 50), 0);
        assert_int_equal(aw_histogram_percentile(zeroed, 100), 0);
        aw_histogram_record(zeroed, 7);
        aw_histogram_reset(zeroed);
        assert_memory_equal(zeroed, &histogram, sizeof histogram);
        free(zeroed);
}

static void
values_below_128_are_known_exactly(void **state)
{
        (void)state;
        for (uint64_t value = 0; value < 128; value++)
                aw_histogram_record(&histogram, value);
        for (int rank = 1; rank <= 128; rank++)
                assert_int_equal(aw_histogram_percentile(&histogram, rank * 100 / 128.0), rank - 1);
}

/* The neighbours keep the minimum and the maximum from giving the value away. */
static void
assert_known(uint64_t value)
{
        aw_histogram_reset(&histogram);
        aw_histogram_record(&histogram, 0);
        aw_histogram_record(&histogram, value);
        aw_histogram_record(&histogram, UINT64_MAX);
        if (!is_near(aw_histogram_percentile(&histogram, 50), value))
                fail_msg("%llu", (unsigned long long)value);
}

static void
every_magnitude_is_known_to_within_one_percent(void **state)
{
        (void)state;
        for (int bit = 0; bit < 64; bit++) {
                assert_known(UINT64_C(1) << bit);
                assert_known((UINT64_C(1) << bit) - 1);
                assert_known((UINT64_C(1) << bit) + 1);
        }
        assert_known(UINT64_MAX);
        assert_known(LONGEST);
        for (int i = 0; i < 1000; i++)
                assert_known(next_duration());
}

static void
count_minimum_maximum_and_mean_are_exact(void **state)
{
        (void)state;
        aw_histogram_record(&histogram, 1000001);
        assert_int_equal(aw_histogram_min(&histogram), 1000001);
        assert_int_equal(aw_histogram_max(&histogram), 1000001);
        aw_histogram_record(&histogram, LONGEST + 1);
        aw_histogram_record(&histogram, 999999);
        assert_int_equal(aw_histogram_count(&histogram), 3);
        assert_int_equal(aw_histogram_min(&histogram), 999999);
        assert_int_equal(aw_histogram_max(&histogram), LONGEST + 1);
        assert_true(aw_histogram_mean(&histogram) == (double)(LONGEST + 2000001) / 3);
}

static void
the_sum_does_not_overflow(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++)
                aw_histogram_record(&histogram, UINT64_MAX);
        assert_true(aw_histogram_mean(&histogram) == 0x1p64);
        aw_histogram_merge(&other, &histogram);
        aw_histogram_merge(&other, &histogram);
        assert_true(aw_histogram_mean(&other) == 0x1p64);
        for (int i = 0; i < 10; i++)
                aw_histogram_record(&other, 0);
        assert_true(aw_histogram_mean(&other) == 0x1p63);
}

static int
compare(const void *left, const void *right)
{
        const uint64_t *a = left, *b = right;

        return (*a > *b) - (*a < *b);
}

enum { VALUES = 10000 };

static void
percentiles_agree_with_those_of_the_sorted_values(void **state)
{
        static uint64_t values[VALUES];

        (void)state;
        for (int i = 0; i < VALUES; i++)
                aw_histogram_record(&histogram, values[i] = next_duration());
        qsort(values, VALUES, sizeof values[0], compare);
        for (int rank = 1; rank <= VALUES; rank++) {
                double percent = 100.0 * rank / VALUES;

                if (!is_near(aw_histogram_percentile(&histogram, percent), values[rank - 1]))
                        fail_msg("%g %%", percent);
                /* A little more is the next value. */
                if (rank < VALUES &&
                    !is_near(aw_histogram_percentile(&histogram, percent + 0.001), values[rank]))
                        fail_msg("over %g %%", percent);
        }
}

static void
a_percentile_is_the_nearest_rank(void **state)
{
        (void)state;
        for (uint64_t value = 1; value <= 100; value++)
                for (int times = 0; times < 10; times++)
                        aw_histogram_record(&histogram, value);
        assert_int_equal(aw_histogram_percentile(&histogram, 0.01), 1);
        assert_int_equal(aw_histogram_percentile(&histogram, 1), 1);
        assert_int_equal(aw_histogram_percentile(&histogram, 1.05), 2);
        assert_int_equal(aw_histogram_percentile(&histogram, 50), 50);
        assert_int_equal(aw_histogram_percentile(&histogram, 99), 99);
        assert_int_equal(aw_histogram_percentile(&histogram, 99.9), 100);
        for (int i = 0; i < 1000000; i++)
                aw_histogram_record(&other, i < 999000 ? 1 : 2);
        assert_int_equal(aw_histogram_percentile(&other, 99.9), 1);
        assert_int_equal(aw_histogram_percentile(&other, 99.9001), 2);
}

static void
the_ends_are_exact_and_nothing_lies_beyond_them(void **state)
{
        (void)state;
        for (int i = 0; i < 1000; i++)
                aw_histogram_record(&histogram, 1000001);
        assert_int_equal(aw_histogram_percentile(&histogram, 50), 1000001);
        aw_histogram_record(&histogram, 1007615); /* the last of the same bucket */
        assert_int_equal(aw_histogram_percentile(&histogram, 0), 1000001);
        assert_int_equal(aw_histogram_percentile(&histogram, -5), 1000001);
        assert_int_equal(aw_histogram_percentile(&histogram, NAN), 1000001);
        assert_int_equal(aw_histogram_percentile(&histogram, 100), 1007615);
        assert_int_equal(aw_histogram_percentile(&histogram, 101), 1007615);
        assert_in_range(aw_histogram_percentile(&histogram, 99.99), 1000001, 1007615);
}

static void
a_merge_is_as_if_all_had_been_recorded_in_one(void **state)
{
        static struct aw_histogram all, empty;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                uint64_t value = i % 2 ? next_duration() : next_number();

                aw_histogram_record(i % 3 ? &histogram : &other, value);
                aw_histogram_record(&all, value);
        }
        aw_histogram_merge(&histogram, &other);
        assert_memory_equal(&histogram, &all, sizeof all);
        aw_histogram_merge(&histogram, &empty);
        assert_memory_equal(&histogram, &all, sizeof all);
        aw_histogram_merge(&empty, &histogram);
        assert_memory_equal(&empty, &all, sizeof all);
}

static void
values_up_to_one_are_counted(void **state)
{
        (void)state;
        assert_int_equal(aw_histogram_below(&histogram, 5), 0);
        for (uint64_t value = 1; value <= 100; value++)
                aw_histogram_record(&histogram, value);
        assert_int_equal(aw_histogram_below(&histogram, 0), 0);
        assert_int_equal(aw_histogram_below(&histogram, 1), 1);
        assert_int_equal(aw_histogram_below(&histogram, 50), 50);
        assert_int_equal(aw_histogram_below(&histogram, 1000), 100);
}

static void
the_deviation_is_known(void **state)
{
        (void)state;
        assert_true(aw_histogram_deviation(&histogram) == 0);
        aw_histogram_record(&histogram, 10);
        assert_true(aw_histogram_deviation(&histogram) == 0);
        aw_histogram_record(&histogram, 20);
        assert_true(aw_histogram_deviation(&histogram) == 5);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(zeroed_memory_is_an_empty_histogram, empty_all),
                cmocka_unit_test_setup(values_below_128_are_known_exactly, empty_all),
                cmocka_unit_test_setup(every_magnitude_is_known_to_within_one_percent, empty_all),
                cmocka_unit_test_setup(count_minimum_maximum_and_mean_are_exact, empty_all),
                cmocka_unit_test_setup(the_sum_does_not_overflow, empty_all),
                cmocka_unit_test_setup(percentiles_agree_with_those_of_the_sorted_values,
                                       empty_all),
                cmocka_unit_test_setup(a_percentile_is_the_nearest_rank, empty_all),
                cmocka_unit_test_setup(the_ends_are_exact_and_nothing_lies_beyond_them, empty_all),
                cmocka_unit_test_setup(a_merge_is_as_if_all_had_been_recorded_in_one, empty_all),
                cmocka_unit_test_setup(values_up_to_one_are_counted, empty_all),
                cmocka_unit_test_setup(the_deviation_is_known, empty_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
