/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/schedule.h"

#define BEGIN (77 * CLOCK_SECOND + 123)

static void
messages_are_due_at_even_times_from_the_beginning_on(void **state)
{
        struct schedule schedule = {.begin = BEGIN, .rate = 1000, .workers = 1};

        (void)state;
        for (uint64_t number = 0; number < 3000; number++)
                assert_int_equal(schedule_due(&schedule, number),
                                 BEGIN + (int64_t)number * 1000000);
        assert_int_equal(schedule_before(&schedule, BEGIN), 0);
        assert_int_equal(schedule_before(&schedule, BEGIN + 1), 1);
        assert_int_equal(schedule_before(&schedule, BEGIN + CLOCK_SECOND), 1000);
}

static void
workers_take_turns(void **state)
{
        int64_t before = BEGIN - 1000000;

        (void)state;
        for (uint64_t number = 0; number < 100; number++)
                for (uint64_t index = 0; index < 3; index++) {
                        struct schedule schedule = {
                                .begin = BEGIN, .rate = 1000, .index = index, .workers = 3};

                        assert_int_equal(schedule_due(&schedule, number), before + 1000000);
                        before += 1000000;
                }
}

/* Whatever the rate and however late, rounding hides no message and makes up none. */
static void
what_is_due_before_a_time_is_counted_exactly(void **state)
{
        static const uint64_t rates[] = {1, 3, 7, 999, 30000, 1234567, 100000000};
        static const uint64_t numbers[] = {0, 1, 2, 10, 99999, 123456789, 100000000000};

        (void)state;
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
                for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
                        for (uint64_t workers = 1; workers <= 256; workers *= 4) {
                                struct schedule schedule = {.begin = BEGIN,
                                                            .rate = rates[i],
                                                            .index = workers - 1,
                                                            .workers = workers};
                                uint64_t number = numbers[j] / (workers * 100000 / rates[i] + 1);
                                int64_t due = schedule_due(&schedule, number);

                                assert_int_equal(schedule_before(&schedule, due), number);
                                assert_int_equal(schedule_before(&schedule, due + 1), number + 1);
                        }
}

static void
without_an_end_there_is_no_last_one(void **state)
{
        struct schedule schedule = {.begin = BEGIN, .rate = 5, .workers = 1};

        (void)state;
        assert_true(schedule_before(&schedule, CLOCK_NEVER) == UINT64_MAX);
        assert_int_equal(schedule_before(&schedule, 0), 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages_are_due_at_even_times_from_the_beginning_on),
                cmocka_unit_test(workers_take_turns),
                cmocka_unit_test(what_is_due_before_a_time_is_counted_exactly),
                cmocka_unit_test(without_an_end_there_is_no_last_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
