/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/cli/opt_test.h"

static void
a_count_is_one_more_each_time(void **state)
{
        static const struct aw_opt counts[] = {
                {.name = "more", .letter = 'm', .kind = AW_OPT_COUNT, .help = "more"},
                {.name = NULL},
        };
        static const struct aw_opt_program counting = {.name = "test", .options = counts};
        char *argv[] = {"test", "-mm", "--more", NULL};
        unsigned count = 0;
        int operands;

        (void)state;
        assert_int_equal(aw_opt_parse(&counting, 3, argv, &count, &operands), AW_OPT_RUN);
        assert_int_equal(count, 3);
}

static void
without_options_the_defaults_stay(void **state)
{
        struct run r = RUN();

        (void)state;
        assert_accepted(&r);
        assert_int_equal(r.operands, 0);
        assert_false(r.values.insecure);
        assert_null(r.values.origin);
        assert_string_equal(r.values.loop, "auto");
        assert_int_equal(r.values.message_size, 16 << 20);
        assert_int_equal(r.values.headers.count, 0);
}

static void
every_kind_of_option_is_stored(void **state)
{
        struct run r = RUN("--insecure", "--origin", "http://x", "--header", "A:1", "--header=B:2",
                           "--max-message", "64K", "--count=18446744073709551615", "--timeout",
                           "1.5s", "--loop=poll");

        (void)state;
        assert_accepted(&r);
        assert_true(r.values.insecure);
        assert_false(r.values.verbose);
        assert_string_equal(r.values.origin, "http://x");
        assert_int_equal(r.values.headers.count, 2);
        assert_string_equal(r.values.headers.items[0], "A:1");
        assert_string_equal(r.values.headers.items[1], "B:2");
        assert_memory_equal(r.values.headers.letters, "HH", 2);
        assert_int_equal(r.values.message_size, 65536);
        assert_true(r.values.count == UINT64_MAX);
        assert_int_equal(r.values.timeout, 1500000);
        assert_string_equal(r.values.loop, "poll");
        aw_opt_strings_free(&r.values.headers);
        assert_null(r.values.headers.items);
        assert_int_equal(r.values.headers.count, 0);
}

static void
short_options_are_grouped_and_carry_values(void **state)
{
        struct run r = RUN("-kvn5", "-o", "-", "-t2m", "-HA:1");

        (void)state;
        assert_accepted(&r);
        assert_true(r.values.insecure);
        assert_true(r.values.verbose);
        assert_int_equal(r.values.count, 5);
        assert_string_equal(r.values.origin, "-");
        assert_int_equal(r.values.timeout, 120000000);
        assert_string_equal(r.values.headers.items[0], "A:1");
        aw_opt_strings_free(&r.values.headers);
        r = RUN("-n", "7", "-vk");
        assert_accepted(&r);
        assert_int_equal(r.values.count, 7);
        assert_true(r.values.insecure);
}

static void
a_value_may_be_empty_or_begin_with_a_dash(void **state)
{
        struct run r = RUN("--origin=", "--header", "--", "--header=a=b");

        (void)state;
        assert_accepted(&r);
        assert_string_equal(r.values.origin, "");
        assert_string_equal(r.values.headers.items[0], "--");
        assert_string_equal(r.values.headers.items[1], "a=b");
        assert_int_equal(r.operands, 0);
        aw_opt_strings_free(&r.values.headers);
}

static void
the_last_of_several_values_wins(void **state)
{
        struct run r = RUN("-n1", "--count", "2", "--coun=3");

        (void)state;
        assert_accepted(&r);
        assert_int_equal(r.values.count, 3);
}

static void
a_unique_beginning_is_enough_for_a_long_option(void **state)
{
        struct run r = RUN("--i", "--verb", "--max-", "1K", "--lo=uv");

        (void)state;
        assert_accepted(&r);
        assert_true(r.values.insecure);
        assert_true(r.values.verbose);
        assert_int_equal(r.values.message_size, 1024);
        assert_string_equal(r.values.loop, "uv");
}

static void
a_whole_name_wins_over_longer_ones(void **state)
{
        struct run r = RUN("--max", "3");

        (void)state;
        assert_accepted(&r);
        assert_int_equal(r.values.count, 3);
        assert_int_equal(r.values.message_size, 16 << 20);
}

static void
a_beginning_of_several_options_is_refused(void **state)
{
        (void)state;
        assert_refused(RUN("--ma=3"), "option '--ma' may be '--max-message' or '--max'");
        assert_refused(RUN("--ver"), "option '--ver' may be '--verbose' or '--version'");
        assert_refused(RUN("--h"), "option '--h' may be '--header' or '--help'");
}

static void
options_and_operands_mix(void **state)
{
        char *argv[] = {"test", "wss://x", "-k", "a",  "--count", "2",
                        "-",    "b",       "--", "-v", "--",      NULL};
        struct run r = run(&program, argv);

        (void)state;
        assert_accepted(&r);
        assert_int_equal(r.operands, 6);
        assert_string_equal(argv[0], "test");
        assert_string_equal(argv[1], "wss://x");
        assert_string_equal(argv[2], "a");
        assert_string_equal(argv[3], "-");
        assert_string_equal(argv[4], "b");
        assert_string_equal(argv[5], "-v");
        assert_string_equal(argv[6], "--");
        assert_null(argv[7]);
        assert_true(r.values.insecure);
        assert_false(r.values.verbose);
}

static void
a_program_without_even_a_name_has_no_operands(void **state)
{
        char *argv[] = {NULL};
        struct run r = run(&program, argv);

        (void)state;
        assert_accepted(&r);
        assert_int_equal(r.operands, 0);
}

static void
unknown_options_are_refused(void **state)
{
        (void)state;
        assert_refused(RUN("--nonsense=7"), "unknown option '--nonsense'");
        assert_refused(RUN("--non\x1b[2J"), "unknown option '--non\\x1b[2J'");
        assert_refused(RUN("--countless"), "unknown option '--countless'");
        assert_refused(RUN("--haeder=A: 1"), "unknown option '--haeder': did you mean '--header'?");
        assert_refused(RUN("--headers", "A: 1"),
                       "unknown option '--headers': did you mean '--header'?");
        assert_refused(RUN("--versoin"), "unknown option '--versoin': did you mean '--version'?");
        assert_refused(RUN("--hlp"), "unknown option '--hlp': did you mean '--help'?");
        assert_refused(RUN("--=x"), "unknown option '--'");
        assert_refused(RUN("-kx"), "unknown option '-x'");
        assert_refused(RUN("-é"), "unknown option '-é'");
        assert_refused(RUN("-H", "A:1", "wss://x", "-x"), "unknown option '-x'");
}

static void
arguments_are_demanded_where_they_belong(void **state)
{
        (void)state;
        assert_refused(RUN("--timeout"), "option '--timeout' needs an argument: DURATION");
        assert_refused(RUN("-kn"), "option '--count' needs an argument: N");
        assert_refused(RUN("--loop"), "option '--loop' needs an argument: auto|ev|uv|poll");
        assert_refused(RUN("--insecure=yes"), "option '--insecure' takes no argument");
        assert_refused(RUN("--insec="), "option '--insecure' takes no argument");
        assert_refused(RUN("--help=me"), "option '--help' takes no argument");
}

static void
malformed_values_are_refused(void **state)
{
        (void)state;
        assert_refused(RUN("-n", "ten"), "option '--count' needs a whole number, not 'ten'");
        assert_refused(RUN("-n=5"), "option '--count' needs a whole number, not '=5'");
        assert_refused(RUN("--max-message=1.5M"),
                       "option '--max-message' needs a size such as 4096, 64K or 16M, not '1.5M'");
        assert_refused(RUN("--timeout="),
                       "option '--timeout' needs a duration such as 250ms, 10s or 2m, not ''");
        assert_refused(RUN("--loop", "epoll"),
                       "option '--loop' must be auto|ev|uv|poll, not 'epoll'");
        assert_refused(RUN("--loop=ev|uv"), "option '--loop' must be auto|ev|uv|poll, not 'ev|uv'");
        assert_refused(RUN("--loop="), "option '--loop' must be auto|ev|uv|poll, not ''");
        assert_refused(RUN("--loop=e"), "option '--loop' must be auto|ev|uv|poll, not 'e'");
}

static void
every_word_of_a_choice_is_accepted(void **state)
{
        static char *words[] = {"auto", "ev", "uv", "poll"};

        (void)state;
        for (int i = 0; i < 4; i++) {
                struct run r = RUN("--loop", words[i]);

                assert_accepted(&r);
                assert_string_equal(r.values.loop, words[i]);
        }
}

static void
values_out_of_range_are_refused_with_the_bounds(void **state)
{
        (void)state;
        assert_refused(RUN("-n0"), "option '--count' must be at least 1, not '0'");
        assert_refused(RUN("-n99999999999999999999"),
                       "option '--count': '99999999999999999999' is too large");
        assert_refused(RUN("--max=99999999999999999999"),
                       "option '--max': '99999999999999999999' is too large");
        assert_refused(RUN("--max-message=124"),
                       "option '--max-message' must be from 125 to 1G, not '124'");
        assert_refused(RUN("--max-message=1073741825"),
                       "option '--max-message' must be from 125 to 1G, not '1073741825'");
        assert_refused(RUN("--timeout=1ms"),
                       "option '--timeout' must be from 1.5ms to 24h, not '1ms'");
        assert_refused(RUN("--timeout=25h"),
                       "option '--timeout' must be from 1.5ms to 24h, not '25h'");
        assert_refused(RUN("--timeout=9999999999999h"),
                       "option '--timeout' must be from 1.5ms to 24h, not '9999999999999h'");
}

static void
the_bounds_themselves_are_accepted(void **state)
{
        struct run r = RUN("-n1", "--max-message=125", "--timeout=1.5ms");

        (void)state;
        assert_accepted(&r);
        r = RUN("--max-message=1G", "--timeout=24h");
        assert_accepted(&r);
}

static void
a_program_may_complain_in_the_same_way(void **state)
{
        enum aw_opt_status status;
        char text[200];
        int err = capture(STDERR_FILENO, stderr);

        (void)state;
        status = aw_opt_usage_error(&program, "'%s' is no URL", "x");
        release(STDERR_FILENO, stderr, err, text, sizeof(text));
        assert_int_equal(status, AW_OPT_USAGE);
        assert_string_equal(text, "test: 'x' is no URL\ntry 'test --help'\n");
}

/* One that may come without its argument, which then is the one that is implied. */
static void
an_argument_may_be_implied(void **state)
{
        static const struct aw_opt table[] = {{.name = "retry",
                                               .kind = AW_OPT_NUMBER,
                                               .argument = "COUNT",
                                               .help = "try again",
                                               .implied = "7"},
                                              {.name = NULL}};
        static const struct aw_opt_program retrying = {.name = "test", .options = table};
        char *with[] = {"test", "--retry=3", "URL", NULL},
             *without[] = {"test", "--retry", "URL", NULL};
        uint64_t count = 0;
        int operands;

        (void)state;
        assert_int_equal(aw_opt_parse(&retrying, 3, with, &count, &operands), AW_OPT_RUN);
        assert_int_equal(count, 3);
        assert_int_equal(operands, 1);
        assert_int_equal(aw_opt_parse(&retrying, 3, without, &count, &operands), AW_OPT_RUN);
        assert_int_equal(count, 7);
        assert_int_equal(operands, 1);
        assert_string_equal(without[1], "URL");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_argument_may_be_implied),
                cmocka_unit_test(a_count_is_one_more_each_time),
                cmocka_unit_test(without_options_the_defaults_stay),
                cmocka_unit_test(every_kind_of_option_is_stored),
                cmocka_unit_test(short_options_are_grouped_and_carry_values),
                cmocka_unit_test(a_value_may_be_empty_or_begin_with_a_dash),
                cmocka_unit_test(the_last_of_several_values_wins),
                cmocka_unit_test(a_unique_beginning_is_enough_for_a_long_option),
                cmocka_unit_test(a_whole_name_wins_over_longer_ones),
                cmocka_unit_test(a_beginning_of_several_options_is_refused),
                cmocka_unit_test(options_and_operands_mix),
                cmocka_unit_test(a_program_without_even_a_name_has_no_operands),
                cmocka_unit_test(unknown_options_are_refused),
                cmocka_unit_test(arguments_are_demanded_where_they_belong),
                cmocka_unit_test(malformed_values_are_refused),
                cmocka_unit_test(every_word_of_a_choice_is_accepted),
                cmocka_unit_test(values_out_of_range_are_refused_with_the_bounds),
                cmocka_unit_test(the_bounds_themselves_are_accepted),
                cmocka_unit_test(a_program_may_complain_in_the_same_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
