/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: conductor_run isatty. */
/* Two servers in turn: whose turn it is, what is printed of it, and how it ends. */
#include "bench/compare.h"
#include "bench/conductor.h"
#include "unit/support.h"

#define MS 1000000

static struct bench_options options;
static unsigned turns, ends_at; /* so far; the one that ends early */
static unsigned interrupted_at; /* the one after which a signal comes */
static enum {
        EARLY_NO_MEMORY,
        EARLY_ERROR,
        EARLY_NO_PROCESS,
        EARLY_REFUSED,
        EARLY_INTERRUPTED,
        EARLY_UNOPENED
} early;
static enum aw_error_kind failure = AW_ERROR_CONNECTION;
static uint64_t errors;
static bool live;
static const char *two_pids[] = {"1", "2"};

struct result *__wrap_conductor_run(const struct bench_options *given, const char *url,
                                    const struct aw_opt_strings *server_pids, bool shown);
int __wrap_isatty(int fd);

int
__wrap_isatty(int fd)
{
        assert_int_equal(fd, STDERR_FILENO);
        return live;
}

static void
end_early(struct result *result)
{
        result->error = early == EARLY_ERROR ? EMFILE : early == EARLY_NO_PROCESS ? ESRCH : 0;
        result->missing = early == EARLY_NO_PROCESS ? "7" : NULL;
        result->record.opened = early == EARLY_INTERRUPTED;
        result->interrupted = early >= EARLY_INTERRUPTED;
        if (early == EARLY_REFUSED) {
                result->record.failure = failure;
                strcpy(result->record.reason, "nobody is there");
        }
}

/* The second server has half the rate of the first, and thrice its latencies; a round is like another. */
struct result *
__wrap_conductor_run(const struct bench_options *given, const char *url,
                     const struct aw_opt_strings *server_pids, bool shown)
{
        struct result *result = calloc(1, sizeof(*result));
        bool first = strcmp(url, "ws://one") == 0;

        assert_ptr_equal(given, &options);
        assert_false(shown);
        assert_int_equal(server_pids->count,
                         first ? options.server_pids.count > 0 : options.server_pids.count > 1);
        if (server_pids->count > 0)
                assert_string_equal(server_pids->items[0], first ? "1" : "2");
        trace(first ? "one" : "two");
        result->options = given;
        result->duration = 2000 * MS;
        result->record.opened = 1;
        result->record.in_time = first ? 4000 : 2000;
        result->record.measured.lost = first ? 0 : errors;
        result->target.count = 1;
        result->target.cpu = first ? 40 * MS : 10 * MS;
        for (int i = 0; i < 1000; i++)
                aw_histogram_record(&result->record.latency, first ? MS : 3 * MS);
        if (++turns == interrupted_at)
                kill(getpid(), turns % 2 == 0 ? SIGINT : SIGTERM);
        if (turns != ends_at)
                return result;
        if (early == EARLY_NO_MEMORY) {
                conductor_free(result);
                errno = ENOMEM;
                return NULL;
        }
        end_early(result);
        return result;
}

/* What a run prints, on standard output, of which only so much matters, and on standard error, and its status. */
static void
runs_up_to(size_t length, enum bench_status status, const char *output, const char *said)
{
        int saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
        FILE *files[2] = {tmpfile(), tmpfile()};
        char got[2][2000] = {"", ""};
        enum bench_status result;

        fflush(stdout);
        turns = 0;
        for (int i = 0; i < 2; i++)
                dup2(fileno(files[i]), i + 1);
        result = compare_run(&options, "ws://one", "ws://two");
        fflush(stdout);
        for (int i = 0; i < 2; i++) {
                dup2(saved[i], i + 1);
                close(saved[i]);
                rewind(files[i]);
                got[i][fread(got[i], 1, sizeof(got[i]) - 1, files[i])] = '\0';
                fclose(files[i]);
        }
        if (strncmp(got[0], output, length) != 0)
                fail_msg("it is\n%s\nand not\n%s", got[0], output);
        assert_string_equal(got[1], said);
        assert_int_equal(result, status);
}

static void
runs(enum bench_status status, const char *output, const char *said)
{
        runs_up_to(SIZE_MAX, status, output, said);
}

static int
begin(void **state)
{
        (void)state;
        options = (struct bench_options){.rounds = 3};
        ends_at = interrupted_at = 0;
        errors = 0;
        live = false;
        test_begin();
        return 0;
}

static void
each_round_begins_with_the_other_server(void **state)
{
        (void)state;
        runs(BENCH_OK,
             "3 rounds, in each both servers in turn\n"
             "1: ws://one\n"
             "2: ws://two\n"
             "                          1            2   2 / 1, 95 % confidence\n"
             "rate       /s         2,000        1,000   0.500  0.500 to 0.500\n"
             "mean       ms         1.000        3.000   3.000  3.000 to 3.000\n"
             "p50        ms         1.000        3.000   3.000  3.000 to 3.000\n"
             "p90        ms         1.000        3.000   3.000  3.000 to 3.000\n"
             "p99        ms         1.000        3.000   3.000  3.000 to 3.000\n"
             "server-cpu us         10.00        5.000   0.500  0.500 to 0.500\n",
             "");
        expect_trace("one two two one one two");
        test_end();
}

static void
errors_are_told_and_are_the_status(void **state)
{
        (void)state;
        options.server_pids = (struct aw_opt_strings){.items = two_pids, .count = 2};
        options.rounds = 1;
        errors = 4;
        runs(BENCH_ERRORS,
             "1 round, in each both servers in turn\n"
             "1: ws://one\n"
             "2: ws://two\n"
             "                          1            2   2 / 1, 95 % confidence\n"
             "4 errors of 2: ws://two\n",
             "");
        options.server_pids.count = 1;
        options.json = true;
        runs(BENCH_ERRORS,
             "{\n"
             "  \"urls\": [\n"
             "    \"ws://one\",\n"
             "    \"ws://two\"\n"
             "  ],\n"
             "  \"rounds\": 1,\n"
             "  \"rounds_asked\": 1,\n"
             "  \"interrupted\": false,\n"
             "  \"errors\": [\n"
             "    0,\n"
             "    4\n"
             "  ],\n"
             "  \"ratios\": {}\n"
             "}\n",
             "");
}

static void
an_end_before_all_rounds(void **state)
{
        static const struct {
                int early;
                enum bench_status status;
                const char *said;
        } ends[] = {
                {EARLY_NO_MEMORY, BENCH_LOCAL, "Cannot allocate memory\n"},
                {EARLY_ERROR, BENCH_LOCAL, "Too many open files\n"},
                {EARLY_NO_PROCESS, BENCH_LOCAL,
                 "there is no process 7 to look at: --server-pid must name one that runs\n"},
                {EARLY_REFUSED, BENCH_CONNECTION, "nobody is there\n"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                ends_at = 2;
                early = ends[i].early;
                runs(ends[i].status, "", ends[i].said);
                expect_trace("one two");
                ends_at = 3;
                runs(ends[i].status,
                     "1 of 3 rounds, in each both servers in turn\n"
                     "1: ws://one\n"
                     "2: ws://two\n"
                     "                          1            2   2 / 1, 95 % confidence\n",
                     ends[i].said);
                expect_trace("one two two");
        }
        test_end();
}

static void
a_server_without_a_connection_has_the_status_that_it_has_alone(void **state)
{
        static const struct {
                enum aw_error_kind failure;
                enum bench_status status;
        } kinds[] = {
                {AW_ERROR_USAGE, BENCH_USAGE},
                {AW_ERROR_CONNECTION, BENCH_CONNECTION},
                {AW_ERROR_RESOLVE, BENCH_CONNECTION},
                {AW_ERROR_CERTIFICATE, BENCH_TLS},
                {AW_ERROR_TLS, BENCH_TLS},
                {AW_ERROR_SYSTEM, BENCH_LOCAL},
                {AW_ERROR_HANDSHAKE, BENCH_HANDSHAKE},
                {AW_ERROR_TIMEOUT, BENCH_TIMEOUT},
                {AW_ERROR_MEMORY, BENCH_LOCAL},
        };

        (void)state;
        ends_at = 1;
        early = EARLY_REFUSED;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                failure = kinds[i].failure;
                runs(kinds[i].status, "", "nobody is there\n");
        }
        failure = AW_ERROR_CONNECTION;
}

static void
an_interrupt_while_connections_are_opened_is_no_failure(void **state)
{
        (void)state;
        ends_at = 1;
        early = EARLY_UNOPENED;
        options.json = true;
        runs(BENCH_OK,
             "{\n"
             "  \"urls\": [\n"
             "    \"ws://one\",\n"
             "    \"ws://two\"\n"
             "  ],\n"
             "  \"rounds\": 0,\n"
             "  \"rounds_asked\": 3,\n"
             "  \"interrupted\": true,\n"
             "  \"errors\": [\n"
             "    0,\n"
             "    0\n"
             "  ],\n"
             "  \"ratios\": {}\n"
             "}\n",
             "");
}

/* What was complete by then counts. */
static void
an_interrupted_one_is_told(void **state)
{
        const char *words = "2 of 3 rounds (interrupted), in each both servers in turn\n"
                            "1: ws://one\n"
                            "2: ws://two\n"
                            "                          1            2   2 / 1, 95 % confidence\n"
                            "rate       /s         2,000        1,000   0.500  0.500 to 0.500\n"
                            "mean       ms         1.000        3.000   3.000  3.000 to 3.000\n"
                            "p50        ms         1.000        3.000   3.000  3.000 to 3.000\n"
                            "p90        ms         1.000        3.000   3.000  3.000 to 3.000\n"
                            "p99        ms         1.000        3.000   3.000  3.000 to 3.000\n"
                            "server-cpu us         10.00        5.000   0.500  0.500 to 0.500\n";

        (void)state;
        early = EARLY_INTERRUPTED;
        ends_at = 5;
        runs(BENCH_OK, words, "");
        expect_trace("one two two one one");
        ends_at = 6;
        runs(BENCH_OK, words, "");
        expect_trace("one two two one one two");
        test_end();
}

static void
an_interrupt_between_turns_ends_it_with_the_rounds_so_far(void **state)
{
        static const char *const begins[] = {"0 of 3 rounds (interrupted)",
                                             "1 of 3 rounds (interrupted)",
                                             "1 of 3 rounds (interrupted)",
                                             "2 of 3 rounds (interrupted)",
                                             "2 of 3 rounds (interrupted)",
                                             "3 rounds (interrupted)"},
                                 *const traces[] = {"one",
                                                    "one two",
                                                    "one two two",
                                                    "one two two one",
                                                    "one two two one one",
                                                    "one two two one one two"};
        sigset_t blocked;

        (void)state;
        errors = 1;
        for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
                interrupted_at = (unsigned)i + 1;
                runs_up_to(strlen(begins[i]), i == 0 ? BENCH_OK : BENCH_ERRORS, begins[i], "");
                expect_trace(traces[i]);
                assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
                assert_int_equal(sigismember(&blocked, SIGINT) + sigismember(&blocked, SIGTERM), 0);
        }
        test_end();
}

static void
a_terminal_sees_the_rounds(void **state)
{
        (void)state;
        live = true;
        setenv("TERM", "xterm", 1);
        options.rounds = 2;
        ends_at = 3;
        early = EARLY_REFUSED;
        runs(BENCH_CONNECTION,
             "1 of 2 rounds, in each both servers in turn\n"
             "1: ws://one\n"
             "2: ws://two\n"
             "                          1            2   2 / 1, 95 % confidence\n",
             "\r\x1b[Kround 1 of 2 ...\r\x1b[K\r\x1b[Kround 1 of 2 ...\r\x1b[K"
             "\r\x1b[Kround 2 of 2 ...\r\x1b[Knobody is there\n");
}

static void
a_terminal_that_cannot_erase_sees_nothing(void **state)
{
        (void)state;
        live = true;
        setenv("TERM", "dumb", 1);
        options.rounds = 2;
        ends_at = 1;
        early = EARLY_REFUSED;
        runs(BENCH_CONNECTION, "", "nobody is there\n");
}

static void
an_output_that_is_full_is_told(void **state)
{
        FILE *kept = stdout;

        (void)state;
        options.rounds = 1;
        stdout = fopen("/dev/full", "w");
        assert_non_null(stdout);
        runs(BENCH_LOCAL, "", "standard output: No space left on device\n");
        fclose(stdout);
        stdout = kept;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(each_round_begins_with_the_other_server, begin),
                cmocka_unit_test_setup(errors_are_told_and_are_the_status, begin),
                cmocka_unit_test_setup(an_end_before_all_rounds, begin),
                cmocka_unit_test_setup(
                        a_server_without_a_connection_has_the_status_that_it_has_alone, begin),
                cmocka_unit_test_setup(an_interrupt_while_connections_are_opened_is_no_failure,
                                       begin),
                cmocka_unit_test_setup(an_interrupted_one_is_told, begin),
                cmocka_unit_test_setup(an_interrupt_between_turns_ends_it_with_the_rounds_so_far,
                                       begin),
                cmocka_unit_test_setup(a_terminal_sees_the_rounds, begin),
                cmocka_unit_test_setup(a_terminal_that_cannot_erase_sees_nothing, begin),
                cmocka_unit_test_setup(an_output_that_is_full_is_told, begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
