/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "await/log.h"

#define THREADS 4
#define LINES   5000
#define FORKS   200

/* The clock stands still, but for what the test puts it forward. */
static time_t clock_now = 1000;

/* Stands in for the C library's. */
int
clock_gettime(clockid_t clock, struct timespec *now)
{
        (void)clock;
        *now = (struct timespec){.tv_sec = clock_now};
        return 0;
}

static unsigned long lines, reports, left_out;
static char last[2000];
static enum aw_log_level last_level;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void
count(enum aw_log_level level, const char *message)
{
        unsigned long number;

        pthread_mutex_lock(&mutex);
        if (sscanf(message, "left out %lu line", &number) == 1) {
                reports++;
                left_out += number;
        } else {
                lines++;
        }
        snprintf(last, sizeof(last), "%s", message);
        last_level = level;
        pthread_mutex_unlock(&mutex);
}

/* The second of whatever an earlier test has logged is over. */
static int
begin(void **state)
{
        (void)state;
        aw_log_set_level(AW_LOG_INFO);
        aw_log_set_sink(count);
        clock_now += 2;
        aw_log(AW_LOG_INFO, "begin");
        lines = reports = left_out = 0;
        return 0;
}

static void
peer(int number)
{
        aw_log_limited(AW_LOG_INFO, "peer %d: TLS: nonsense", number);
}

static void
twenty_lines_a_second_are_logged_and_the_others_counted(void **state)
{
        (void)state;
        for (int i = 0; i < 100; i++)
                peer(i);
        assert_int_equal(lines, 20);
        assert_string_equal(last, "peer 19: TLS: nonsense");
        aw_log(AW_LOG_INFO, "something else is not limited, and nothing is told too early");
        assert_int_equal(lines, 21);
        assert_int_equal(reports, 0);
        clock_now++;
        peer(100);
        assert_int_equal(left_out, 80);
        assert_int_equal(reports, 1);
        assert_int_equal(lines, 22);
        for (int i = 0; i < 100; i++)
                peer(i);
        assert_int_equal(lines, 22 + 19);
}

static void
any_line_tells_what_was_left_out_once(void **state)
{
        (void)state;
        for (int i = 0; i < 21; i++)
                peer(i);
        clock_now++;
        aw_log(AW_LOG_DEBUG, "not at this level");
        assert_int_equal(reports, 0);
        aw_log(AW_LOG_INFO, "%s", "");
        assert_int_equal(reports, 1);
        assert_int_equal(left_out, 1);
        aw_log(AW_LOG_INFO, "%s", "");
        clock_now++;
        aw_log(AW_LOG_INFO, "%s", "");
        assert_int_equal(reports, 1);
}

static void
keep_report(enum aw_log_level level, const char *message)
{
        if (strncmp(message, "left out", 8) == 0)
                count(level, message);
}

static void
the_report_is_a_sentence(void **state)
{
        struct aw_log_limit limit = {.per_second = 2};
        char text[300], expected[300];

        (void)state;
        aw_log_set_sink(keep_report);
        for (int i = 0; i < 5; i++)
                aw_log_limit(&limit, AW_LOG_WARNING, "%d\n", i);
        clock_now++;
        aw_log_limit(&limit, AW_LOG_INFO, "%s", "");
        assert_string_equal(last, "left out 3 lines like this one: 2\\x0a");
        assert_int_equal(last_level, AW_LOG_WARNING);

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        aw_log_limit(&limit, AW_LOG_INFO, "%s", "");
        aw_log_limit(&limit, AW_LOG_INFO, "%s", text);
        clock_now++;
        aw_log_limit(&limit, AW_LOG_INFO, "%s", "");
        snprintf(expected, sizeof(expected), "left out 1 line like this one: %.127s", text);
        assert_string_equal(last, expected);
        assert_int_equal(last_level, AW_LOG_INFO);
}

static void
each_place_in_the_source_is_a_kind(void **state)
{
        (void)state;
        for (int i = 0; i < 30; i++) {
                aw_log_limited(AW_LOG_INFO, "one");
                aw_log_limited(AW_LOG_WARNING, "two");
                aw_log_limited(AW_LOG_DEBUG, "not of this level");
        }
        assert_int_equal(lines, 40);
        clock_now++;
        aw_log(AW_LOG_INFO, "%s", "");
        assert_int_equal(reports, 2);
        assert_int_equal(left_out, 20);
}

static void *
log_lines(void *limit)
{
        for (int i = 0; i < LINES; i++)
                aw_log_limit(limit, AW_LOG_INFO, "line %d", i);
        return NULL;
}

static void
the_lines_of_threads_are_counted_together(void **state)
{
        static struct aw_log_limit limit;
        pthread_t threads[THREADS];

        (void)state;
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &limit), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        clock_now++;
        aw_log(AW_LOG_INFO, "the end");
        assert_int_equal(lines - 1, 20);
        assert_int_equal(left_out, THREADS * LINES - 20);
        assert_int_equal(reports, 1);
}

static atomic_bool enough;
static struct aw_log_limit shared;

static void *
log_until_it_is_enough(void *argument)
{
        while (!atomic_load(&enough))
                log_lines(&shared);
        return argument;
}

static void
ignore(enum aw_log_level level, const char *message)
{
        (void)level, (void)message;
}

/* Another thread may be in the middle of a line. A child that hangs is killed, and not well. */
static void
a_forked_process_logs_whatever_its_parents_threads_did(void **state)
{
        pthread_t thread;
        int status;
        pid_t pid;

        (void)state;
        aw_log_set_sink(ignore);
        atomic_store(&enough, false);
        assert_int_equal(pthread_create(&thread, NULL, log_until_it_is_enough, NULL), 0);
        for (int i = 0; i < FORKS; i++) {
                pid = fork();
                if (pid == 0) {
                        alarm(20);
                        for (int line = 0; line < 50; line++)
                                aw_log_limit(&shared, AW_LOG_INFO, "line %d", line);
                        _exit(0);
                }
                assert_true(pid > 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
        atomic_store(&enough, true);
        pthread_join(thread, NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(twenty_lines_a_second_are_logged_and_the_others_counted,
                                       begin),
                cmocka_unit_test_setup(any_line_tells_what_was_left_out_once, begin),
                cmocka_unit_test_setup(the_report_is_a_sentence, begin),
                cmocka_unit_test_setup(each_place_in_the_source_is_a_kind, begin),
                cmocka_unit_test_setup(the_lines_of_threads_are_counted_together, begin),
                cmocka_unit_test_setup(a_forked_process_logs_whatever_its_parents_threads_did,
                                       begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
