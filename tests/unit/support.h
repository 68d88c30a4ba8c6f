/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the loop and of the tasks share. A test is an async function that runs as the
 * main task of aw_run(), on the back end that AW_TEST_LOOP names, and returns 0.
 *
 * cmocka's assertions jump, which must not be done from one stack to another: what runs on the
 * loop uses expect(), which notes the failure and goes on.
 */
#ifndef AW_TEST_SUPPORT_H
#define AW_TEST_SUPPORT_H

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "await/log.h"
#include "await/loop.h"
#include "await/task.h"
#include "coro/sanitize_private.h"

#define NOTHING void *nothing __attribute__((unused))

/* An entry of cmocka's table for such a test. */
#define on_loop(test)                                                                              \
        {                                                                                          \
#test, test_on_loop, NULL, NULL, (void *)(test)                                    \
        }

#define expect(condition) test_expect((condition), __FILE__, __LINE__, "%s", #condition)

#define expect_int(value, wanted) test_expect_int((value), (wanted), __FILE__, __LINE__, #value)

/* That a call failed, and how. */
#define expect_error(call, error) test_expect_error((call), (error), __FILE__, __LINE__, #call)

/* That the oldest line in the log that was not expected yet has this in it. */
#define expect_log(part) test_expect_log((part), __FILE__, __LINE__)

/* What happened in which order, as words: trace() says it, expect_trace() looks and forgets. */
#define expect_trace(words) test_expect_trace((words), __FILE__, __LINE__)

#define TEST_LOG_LINES 16

static atomic_int test_failures;
static char test_trace[400];
static struct {
        pthread_mutex_t lock;
        char lines[TEST_LOG_LINES][400];
        size_t count, expected;
} test_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline bool __attribute__((format(printf, 4, 5)))
test_expect(bool good, const char *file, int line, const char *format, ...)
{
        char text[600];
        va_list ap;

        if (good)
                return true;
        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        print_error("%s:%d: not so: %s\n", file, line, text);
        test_failures++;
        return false;
}

static inline bool
test_expect_int(long long value, long long wanted, const char *file, int line, const char *text)
{
        return test_expect(value == wanted, file, line, "%s is %lld (it is %lld)", text, wanted,
                           value);
}

static inline bool
test_expect_error(long long result, int error, const char *file, int line, const char *text)
{
        int got = errno;

        return test_expect(result == -1 && got == error, file, line,
                           "%s fails with '%s' (it is %lld, '%s')", text, strerror(error), result,
                           strerror(got));
}

static inline bool
test_expect_log(const char *part, const char *file, int line)
{
        const char *got = "nothing";

        if (test_log.expected < test_log.count)
                got = test_log.lines[test_log.expected++];
        return test_expect(strstr(got, part) != NULL, file, line, "'%s' is logged (it is '%s')",
                           part, got);
}

/* The first line in the log that has this in it, or none; the others do not matter then. */
static inline const char *
test_log_find(const char *part)
{
        size_t i;

        test_log.expected = test_log.count;
        for (i = 0; i < test_log.count; i++)
                if (strstr(test_log.lines[i], part) != NULL)
                        return test_log.lines[i];
        return "";
}

static inline void
trace(const char *word)
{
        size_t length = strlen(test_trace);

        snprintf(test_trace + length, sizeof(test_trace) - length, "%s%s", length > 0 ? " " : "",
                 word);
}

static inline bool
test_expect_trace(const char *words, const char *file, int line)
{
        bool good = test_expect(strcmp(test_trace, words) == 0, file, line,
                                "'%s' happened (it is '%s')", words, test_trace);

        test_trace[0] = '\0';
        return good;
}

/* A line begins with its level, as on standard error. */
static inline void
test_sink(enum aw_log_level level, const char *message)
{
        static const char *const levels[] = {"error: ", "warning: ", "", "debug: "};

        pthread_mutex_lock(&test_log.lock);
        if (test_log.count < TEST_LOG_LINES)
                snprintf(test_log.lines[test_log.count++], sizeof(test_log.lines[0]), "%s%s",
                         levels[level], message);
        pthread_mutex_unlock(&test_log.lock);
}

static inline void
test_begin(void)
{
        test_failures = 0;
        test_trace[0] = '\0';
        test_log.count = test_log.expected = 0;
        aw_log_set_sink(test_sink);
}

/* Whatever is in the log must have been expected. */
static inline void
test_end(void)
{
        while (test_log.expected < test_log.count)
                test_expect(false, __FILE__, __LINE__, "nothing else is logged: '%s'",
                            test_log.lines[test_log.expected++]);
        aw_log_set_sink(NULL);
        assert_int_equal(test_failures, 0);
}

/* Runs the function as aw_run() does; the slow-task watch is off. */
static inline int
test_run(aw_task_function *function, void *argument)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = -1};

        return aw_run(&options, function, argument);
}

static inline void
test_on_loop(void **state)
{
        test_begin();
        expect_int(test_run((aw_task_function *)*state, NULL), 0);
        test_end();
}

/* A loop without tasks. */
static inline struct aw_loop *
test_loop(void)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = -1};
        struct aw_loop *loop = aw_loop_create(&options);

        assert_non_null(loop);
        return loop;
}

/* That the function is ended by the signal, with this in its last words; in a child, as a main task. */
static inline void
test_dies(aw_task_function *function, int number, const char *sentence)
{
        struct rlimit no_core = {0, 0};
        char words[2000] = "";
        size_t length = 0;
        ssize_t got;
        int channel[2], status;
        pid_t pid;

        assert_int_equal(pipe(channel), 0);
        pid = fork();
        assert_int_not_equal(pid, -1);
        if (pid == 0) {
                setrlimit(RLIMIT_CORE, &no_core);
                signal(SIGSEGV, SIG_DFL); /* the sanitizers are to stay out of it */
                dup2(channel[1], STDERR_FILENO);
                test_run(function, NULL);
                _exit(0);
        }
        close(channel[1]);
        while (length < sizeof(words) - 1 &&
               (got = read(channel[0], words + length, sizeof(words) - 1 - length)) > 0)
                length += (size_t)got;
        close(channel[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != number || strstr(words, sentence) == NULL)
                fail_msg("status %#x, not signal %d, or not '%s' in '%s'", (unsigned)status, number,
                         sentence, words);
}

static inline void
test_aborts(aw_task_function *function, const char *sentence)
{
        test_dies(function, SIGABRT, sentence);
}

static inline bool
test_under_valgrind(void)
{
#ifdef AW_CORO_VALGRIND
        return RUNNING_ON_VALGRIND != 0;
#else
        return false;
#endif
}

/* Valgrind 3.19 does not know the system call by which a child is watched. */
static inline bool
test_has_pidfd(void)
{
        int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

        if (fd != -1)
                close(fd);
        return fd != -1;
}

static inline size_t
test_count_entries(const char *path)
{
        DIR *directory = opendir(path);
        size_t count = 0;

        while (readdir(directory) != NULL)
                count++;
        closedir(directory);
        return count;
}

static inline size_t
test_count_descriptors(void)
{
        return test_count_entries("/proc/self/fd");
}

static inline size_t
test_count_threads(void)
{
        return test_count_entries("/proc/self/task");
}

/* A count that is smaller where everything is slow. */
static inline size_t
test_many(size_t count)
{
#if defined(AW_CORO_ASAN) || defined(AW_CORO_TSAN)
        return count / 50;
#elif defined(AW_CORO_VALGRIND)
        return test_under_valgrind() ? count / 50 : count;
#else
        return count;
#endif
}

#endif
