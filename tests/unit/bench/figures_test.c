/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The figures of a result by name, and conditions of them. */
#include <math.h>

#include "bench/clock.h"
#include "bench/condition.h"
#include "bench/conductor.h"
#include "bench/figures.h"
#include "unit/support.h"

#define MS 1000000

static struct bench_options options;
static struct result result;

/* 1,000 echoes of 1 to 1,000 ms. */
static int
begin(void **state)
{
        (void)state;
        options = (struct bench_options){.connections = 1};
        result = (struct result){.options = &options, .duration = 4 * (int64_t)CLOCK_SECOND};
        result.record.measured = (struct record_counts){.sent = 800,
                                                        .lost = 1,
                                                        .wrong = 2,
                                                        .doubled = 4,
                                                        .late = 8,
                                                        .unasked = 16,
                                                        .unsent = 7};
        result.record.other = (struct record_counts){
                .lost = 32, .wrong = 64, .doubled = 128, .late = 256, .unasked = 512, .unsent = 70};
        result.record.refused = 1024;
        result.record.cut = 2048;
        result.record.opened = 9;
        result.record.in_time = 1000;
        result.record.cycles = 200;
        result.target =
                (struct target){.count = 1, .cpu = 2 * MS, .empty = 1000, .occupied = 10000};
        result.cpu = 3 * MS;
        result.cpu_most = 1000 * MS;
        result.waited = 2000 * MS;
        for (uint64_t i = 1; i <= 1000; i++)
                aw_histogram_record(&result.record.latency, i * MS);
        aw_histogram_record(&result.record.connect, 20 * MS);
        return 0;
}

static void
is_value(double value, double wanted)
{
        if (isnan(value) != isnan(wanted) || value < wanted - 1e-9 || value > wanted + 1e-9)
                fail_msg("it is %g, not %g", value, wanted);
}

static void
each_has_its_value(void **state)
{
        static const struct {
                const char *name;
                double value;
                bool is_duration;
        } figures[] = {
                {"min", 1, true},
                {"mean", 500.5, true},
                {"max", 1000, true},
                {"rate", 250, false},
                {"errors", 4095, false},
                {"lost", 33, false},
                {"wrong", 66, false},
                {"doubled", 132, false},
                {"late", 264, false},
                {"unasked", 528, false},
                {"unsent", 77, false},
                {"refused", 1024, false},
                {"cut", 2048, false},
                {"open", 9, false},
                {"server-cpu", 2, false},
                {"server-memory", 1000, false},
                {"p100", 1000, true},
                {"p0", 1, true},
                {"handshake-p50", 20, true},
                {"handshake-p99.9", 20, true},
        };
        bool is_duration;

        (void)state;
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
                assert_true(figures_known(figures[i].name, &is_duration));
                assert_int_equal(is_duration, figures[i].is_duration);
                is_value(figures_value(&result, figures[i].name), figures[i].value);
        }
        /* The middle of a bucket, which is no farther off than 1 in 128. */
        assert_true(figures_value(&result, "p50") > 496 && figures_value(&result, "p50") < 504);
        is_value(figures_own_cpu(&result), 3);
        is_value(figures_busy(&result), 0.25);
        is_value(figures_waited(&result), 0.5);
}

static void
other_names_are_unknown(void **state)
{
        static const char *const names[] = {"",    "p",  "px",      "p99x",       "p100.1",
                                            "q50", "mi", "minimum", "handshake-", "handshake-max",
                                            "p-1", "p:", "p/"};
        bool is_duration;

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (figures_known(names[i], &is_duration))
                        fail_msg("'%s' is known", names[i]);
}

static void
what_is_not_measured_is_missing(void **state)
{
        static const struct {
                const char *name;
                enum bench_work work;
                size_t server_pids;
                const char *missing;
        } cases[] = {
                {"p99", BENCH_ECHO, 0, NULL},
                {"p99", BENCH_CHURN, 0, NULL},
                {"p99", BENCH_NO_ECHO, 0, "is of echoes, and --no-echo waits for none"},
                {"p99", BENCH_IDLE, 0, "is of messages, and --idle sends none"},
                {"max", BENCH_NO_ECHO, 0, "is of echoes, and --no-echo waits for none"},
                {"lost", BENCH_NO_ECHO, 0, "is of echoes, and --no-echo waits for none"},
                {"unasked", BENCH_NO_ECHO, 0, "is of echoes, and --no-echo waits for none"},
                {"unasked", BENCH_IDLE, 0, NULL},
                {"errors", BENCH_NO_ECHO, 0, NULL},
                {"handshake-p99", BENCH_IDLE, 0, NULL},
                {"handshake-p99", BENCH_NO_ECHO, 0, NULL},
                {"rate", BENCH_NO_ECHO, 0, NULL},
                {"rate", BENCH_IDLE, 0, "is of messages, and --idle sends none"},
                {"cut", BENCH_IDLE, 0, NULL},
                {"server-cpu", BENCH_ECHO, 0, "needs --server-pid"},
                {"server-cpu", BENCH_ECHO, 1, NULL},
                {"server-cpu", BENCH_IDLE, 1, "is of messages, and --idle sends none"},
                {"server-memory", BENCH_IDLE, 0, "needs --server-pid"},
                {"server-memory", BENCH_IDLE, 1, NULL},
                {"server-memory", BENCH_CHURN, 1,
                 "is of connections that stay, and --churn closes them"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct bench_options given = {.work = cases[i].work,
                                              .server_pids = {.count = cases[i].server_pids}};
                const char *missing = figures_missing(cases[i].name, &given);

                if (cases[i].missing == NULL)
                        assert_null(missing);
                else
                        assert_string_equal(missing, cases[i].missing);
        }
}

static async int
ask_for_nothing(NOTHING)
{
        return (int)figures_value(&result, "nothing");
}

static void
whoever_asks_for_an_unknown_one_ends(void **state)
{
        (void)state;
        test_aborts(ask_for_nothing, "there is no figure 'nothing'");
}

static void
what_counts_depends_on_the_work(void **state)
{
        (void)state;
        options.work = BENCH_CHURN;
        is_value(figures_rate(&result), 50);
        is_value(figures_own_cpu(&result), 15);
        options.work = BENCH_NO_ECHO;
        is_value(figures_rate(&result), 200);
        options.work = BENCH_IDLE;
        is_value(figures_rate(&result), 250);
        result.record.in_time = 0;
        is_value(figures_own_cpu(&result), 0);
        is_value(figures_server_cpu(&result), 0);
        result.duration = 0;
        is_value(figures_rate(&result), 0);
        is_value(figures_busy(&result), 0);
        is_value(figures_waited(&result), 0);
}

static void
memory_is_not_known_without_both_looks(void **state)
{
        static const struct {
                size_t count;
                int64_t empty, occupied;
                uint64_t opened;
                double value;
        } looks[] = {
                {1, 0, 0, 1, 0},    {0, 0, 9, 1, NAN}, {1, -1, 9, 1, NAN},
                {1, 9, -1, 1, NAN}, {1, 0, 9, 0, NAN}, {2, 1, 9, 4, 2},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
                result.target.count = looks[i].count;
                result.target.empty = looks[i].empty;
                result.target.occupied = looks[i].occupied;
                result.record.opened = looks[i].opened;
                is_value(figures_server_memory(&result), looks[i].value);
        }
        options.work = BENCH_CHURN;
        is_value(figures_server_memory(&result), NAN);
}

static void
expect_why(const char *wanted)
{
        const char *why = figures_why_unsent(&result);

        if (wanted == NULL)
                assert_null(why);
        else
                assert_string_equal(why, wanted);
}

static void
why_messages_were_never_sent(void **state)
{
        const char *cut = "connections were refused or cut, the server did not take them, or this "
                          "side could not keep up";
        const char *slow = "the server did not take them, or this side could not keep up";

        (void)state;
        expect_why("connections were refused or cut");
        options.rate = 1;
        expect_why(cut);
        result.record.refused = 0;
        expect_why(cut);
        result.record.cut = 0;
        expect_why(slow);
        result.interrupted = true;
        expect_why(slow);
        options.messages = 1;
        expect_why("it was interrupted");
        result.interrupted = false;
        expect_why(slow);
        options.duration = 4 * AW_SECOND;
        expect_why("the time was over");
        options.duration++;
        expect_why(slow);
        result.record.measured.unsent = 0;
        expect_why(slow);
        result.record.other.unsent = 0;
        expect_why(NULL);
}

/* The judgement, and what it says on standard error. */
static enum bench_status
judges(const struct aw_opt_strings *list, char *said, size_t size)
{
        FILE *file = tmpfile();
        int saved = dup(STDERR_FILENO);
        enum bench_status status;

        dup2(fileno(file), STDERR_FILENO);
        status = condition_judge(list, &result);
        dup2(saved, STDERR_FILENO);
        close(saved);
        rewind(file);
        said[fread(said, 1, size - 1, file)] = '\0';
        fclose(file);
        return status;
}

static void
conditions_fail_what_they_name(void **state)
{
        static const struct {
                const char *text;
                bool holds;
        } conditions[] = {
                {"rate<250", false},   {"rate<=250", true},   {"rate<251", true},
                {"rate>250", false},   {"rate>=250", true},   {"rate>249", true},
                {"rate==250", true},   {"rate==251", false},  {"rate!=250", false},
                {"rate!=251", true},   {"max>999ms", true},   {"max>1s", false},
                {"max >= 1s", true},   {"max<1001", true},    {"lost>32.9", true},
                {"min<1000us", false}, {"min<=1000us", true}, {"rate>x", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
                const char *texts[] = {conditions[i].text};
                const struct aw_opt_strings list = {.items = texts, .count = 1};

                if (condition_judge(&list, &result) !=
                    (conditions[i].holds ? BENCH_MISSED : BENCH_OK))
                        fail_msg("'%s' is judged wrongly", texts[0]);
        }
}

/* Nothing is said of what was not measured, and no condition passes by it. */
static void
what_was_not_measured_fails_each_condition(void **state)
{
        static const char *const names[] = {"min",           "mean", "max",        "p99",
                                            "handshake-p50", "rate", "server-cpu", "server-memory"};
        char text[64], said[128], wanted[128];
        const char *texts[] = {text};
        const struct aw_opt_strings list = {.items = texts, .count = 1};

        (void)state;
        result = (struct result){.options = &options, .target = {.empty = -1, .occupied = -1}};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                for (int j = 0; j < 2; j++) {
                        snprintf(text, sizeof(text), "%s%c1", names[i], "<>"[j]);
                        is_value(figures_value(&result, names[i]), NAN);
                        assert_int_equal(judges(&list, said, sizeof(said)), BENCH_MISSED);
                        snprintf(wanted, sizeof(wanted), "failed: %s: it was not measured\n", text);
                        assert_string_equal(said, wanted);
                }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(each_has_its_value, begin),
                cmocka_unit_test(other_names_are_unknown),
                cmocka_unit_test(what_is_not_measured_is_missing),
                cmocka_unit_test(whoever_asks_for_an_unknown_one_ends),
                cmocka_unit_test_setup(what_counts_depends_on_the_work, begin),
                cmocka_unit_test_setup(memory_is_not_known_without_both_looks, begin),
                cmocka_unit_test_setup(why_messages_were_never_sent, begin),
                cmocka_unit_test_setup(conditions_fail_what_they_name, begin),
                cmocka_unit_test_setup(what_was_not_measured_fails_each_condition, begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
