/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/number.h"

static char out[NUMBER_ROOM];

static void
one_byte_is_one(void **state)
{
        (void)state;
        assert_string_equal(number_bytes(0, out), "0 bytes");
        assert_string_equal(number_bytes(1, out), "1 byte");
        assert_string_equal(number_bytes(65536, out), "65,536 bytes");
        assert_string_equal(number_bytes(UINT64_MAX, out), "18,446,744,073,709,551,615 bytes");
}

static void
durations_are_as_people_write_them(void **state)
{
        static const struct {
                int64_t nanoseconds;
                const char *text;
        } rows[] = {{0, "0 us"},
                    {7, "0.007 us"},
                    {332000, "332 us"},
                    {999499, "999 us"},
                    {999500, "1 ms"},
                    {1500000, "1.5 ms"},
                    {35530000, "35.5 ms"},
                    {999499999, "999 ms"},
                    {999500000, "1 s"},
                    {2534000000, "2.53 s"},
                    {3000000000, "3 s"},
                    {10004000000, "10 s"},
                    {60000000000, "60 s"},
                    {100000000000, "100 s"},
                    {119999999999, "120 s"},
                    {120000000000, "2 min"},
                    {150400000000, "2 min 30 s"},
                    {3600000000000, "1 h"},
                    {3605000000000, "1 h 5 s"},
                    {90061000000000, "25 h 1 min 1 s"}};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_string_equal(number_duration(rows[i].nanoseconds, out), rows[i].text);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_byte_is_one),
                cmocka_unit_test(durations_are_as_people_write_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
