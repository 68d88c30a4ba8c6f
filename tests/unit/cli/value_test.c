/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/opt.h"

static void
assert_size(const char *text, uint64_t expected)
{
        uint64_t bytes = 1;

        assert_int_equal(aw_opt_size(text, &bytes), 0);
        assert_true(bytes == expected);
}

static void
assert_duration(const char *text, int64_t expected)
{
        int64_t microseconds = 1;

        if (aw_opt_duration(text, &microseconds) != 0 || microseconds != expected)
                fail_msg("'%s' is %" PRId64 ", not %" PRId64, text, microseconds, expected);
}

static void
sizes_are_powers_of_1024(void **state)
{
        (void)state;
        assert_size("0", 0);
        assert_size("4096", 4096);
        assert_size("007K", 7168);
        assert_size("64k", 65536);
        assert_size("16M", 16777216);
        assert_size("1g", 1073741824);
        assert_size("2T", 2199023255552);
        assert_size("18446744073709551615", UINT64_MAX);
        assert_size("16777215T", UINT64_MAX - ((1ull << 40) - 1));
}

static void
durations_have_units_and_fractions(void **state)
{
        (void)state;
        assert_duration("0", 0);
        assert_duration("10", 10000000);
        assert_duration("10s", 10000000);
        assert_duration("250ms", 250000);
        assert_duration("500us", 500);
        assert_duration("2m", 120000000);
        assert_duration("1h", 3600000000);
        assert_duration("0.5", 500000);
        assert_duration(".25s", 250000);
        assert_duration("1.5m", 90000000);
        assert_duration("0.0000019", 1);
        assert_duration("1.999999999999us", 1);
        assert_duration("0.99999999h", 3599999964);
        assert_duration("576460752303.423487", INT64_MAX / 16);
        assert_duration("576460752303423487us", INT64_MAX / 16);
}

static void
a_positive_duration_is_never_rounded_to_nothing(void **state)
{
        (void)state;
        assert_duration("0.1us", 1);
        assert_duration("0.0000000000000001", 1);
        assert_duration("0.0000000000000001h", 1);
        assert_duration("00.000us", 0);
}

static void
what_is_not_of_the_form_is_EINVAL(void **state)
{
        static const char *const sizes[] = {"",    "K",    "-1",   "+1", " 1",   "1 ",
                                            "1KB", "1.5M", "0x10", "1P", "1,000"};
        static const char *const durations[] = {"",   "s",    ".",  ".s",   "1.",  "1.s",  "-1",
                                                "1S", "1 s",  "1d", "1e3",  "1s2", "1..2", "inf",
                                                "+1", "1.5.", "1M", "1min", " 1s", "1mss"};
        static const char *const numbers[] = {"", "-1", "+1", "1 ", "1K", "0x1", "1.0", "one"};
        uint64_t value = 77;
        int64_t duration = 77;

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                errno = 0;
                assert_int_equal(aw_opt_size(sizes[i], &value), -1);
                assert_int_equal(errno, EINVAL);
        }
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                errno = 0;
                assert_int_equal(aw_opt_duration(durations[i], &duration), -1);
                assert_int_equal(errno, EINVAL);
        }
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                errno = 0;
                assert_int_equal(aw_opt_number(numbers[i], &value), -1);
                assert_int_equal(errno, EINVAL);
        }
        assert_int_equal(value, 77);
        assert_int_equal(duration, 77);
}

static void
what_does_not_fit_is_ERANGE(void **state)
{
        static const char *const sizes[] = {"18446744073709551616", "16777216T",
                                            "99999999999999999999999999K"};
        static const char *const durations[] = {"576460752303.423488",  "576460752303423488us",
                                                "2562047788h",          "9223372036854775807us",
                                                "18446744073709.9",     "18446744073709551615.9us",
                                                "9999999999999999999h", "99999999999999999999"};
        uint64_t value = 77;
        int64_t duration = 77;

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                errno = 0;
                assert_int_equal(aw_opt_size(sizes[i], &value), -1);
                assert_int_equal(errno, ERANGE);
        }
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                errno = 0;
                assert_int_equal(aw_opt_duration(durations[i], &duration), -1);
                assert_int_equal(errno, ERANGE);
        }
        errno = 0;
        assert_int_equal(aw_opt_number("18446744073709551616", &value), -1);
        assert_int_equal(errno, ERANGE);
        assert_int_equal(value, 77);
        assert_int_equal(duration, 77);
}

/* It is read as what it was. */
static void
a_duration_is_written_as_people_do(void **state)
{
        static const struct {
                int64_t duration;
                const char *text;
        } cases[] = {
                {0, "0"},
                {1, "1us"},
                {999, "999us"},
                {1000, "1ms"},
                {1500, "1.5ms"},
                {50000, "50ms"},
                {300000, "300ms"},
                {1000000, "1s"},
                {1234000, "1.234s"},
                {1234500, "1234.5ms"},
                {1234567, "1234.567ms"},
                {10000000, "10s"},
                {60000000, "1m"},
                {90000000, "90s"},
                {3600000000, "1h"},
                {5400000000, "90m"},
                {INT64_MAX / 16, "576460752303423.487ms"},
        };
        char text[AW_OPT_DURATION_SIZE];
        int64_t duration;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                aw_opt_duration_text(cases[i].duration, text);
                assert_string_equal(text, cases[i].text);
                assert_int_equal(aw_opt_duration(text, &duration), 0);
                assert_int_equal(duration, cases[i].duration);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes_are_powers_of_1024),
                cmocka_unit_test(durations_have_units_and_fractions),
                cmocka_unit_test(a_positive_duration_is_never_rounded_to_nothing),
                cmocka_unit_test(what_is_not_of_the_form_is_EINVAL),
                cmocka_unit_test(what_does_not_fit_is_ERANGE),
                cmocka_unit_test(a_duration_is_written_as_people_do),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
