/* SPDX-License-Identifier: MIT */
/* What the tests of coroutines, of their misuse, of their guards and stacks have in common. */
#ifndef CORO_TEST_H
#define CORO_TEST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "coro/coro.h"
#include "coro/stack_private.h"

#define with_pool(test) cmocka_unit_test_setup_teardown(test, make_stacks, drop_pool)

/* What a coroutine of these tests works on. */
struct job {
        struct aw_coro *self;
        long value;
        long rounds;
};

static inline int
make_stacks(void **state)
{
        *state = aw_coro_pool_create(0);
        return *state == NULL ? -1 : 0;
}

static inline int
drop_pool(void **state)
{
        aw_coro_pool_destroy(*state);
        return 0;
}

static inline struct job *
start(struct job *job, struct aw_coro_pool *pool, void (*entry)(void *))
{
        job->self = aw_coro_create(pool, entry, job, 256);
        if (job->self == NULL) {
                perror("aw_coro_create");
                abort();
        }
        return job;
}

/* Runs what is left of the coroutine. */
static inline void
end(struct job *job)
{
        while (!aw_coro_finished(job->self))
                aw_coro_resume(job->self);
        aw_coro_destroy(job->self);
}

static inline void
do_nothing(void *arg)
{
        (void)arg;
}

/* Suspends once, so that the test finds it suspended. */
static inline void
suspend_once(void *arg)
{
        struct job *job = arg;

        aw_coro_suspend(job->self);
        job->value++;
}

/* The reserve lies in the stack's uppermost page, and the stack ends with that page. */
static inline char *
stack_low(const struct aw_coro_pool *pool, struct aw_coro *coro)
{
        char *reserved = aw_coro_reserved(coro);
        size_t into_page = (uintptr_t)reserved % pool->page;

        return reserved - into_page + pool->page - pool->usable;
}

static inline bool
under_valgrind(void)
{
#ifdef AW_CORO_VALGRIND
        return RUNNING_ON_VALGRIND != 0;
#else
        return false;
#endif
}

/* ThreadSanitizer knows no more than 8,000 stacks, and Valgrind looks for one among them all. */
static inline size_t
many(size_t count)
{
#ifdef AW_CORO_TSAN
        return 2000;
#endif
        return under_valgrind() ? 2000 : count;
}

/* How a child process ended: its wait status, and what it wrote to standard error. */
struct ending {
        int status;
        char text[4096];
};

static inline void
become_child(int output)
{
        dup2(output, STDERR_FILENO);
        /* Death is expected here; cmocka and the sanitizers are to stay out of it. */
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* Calls body(pool) in a child, which then exits with its result. */
static inline struct ending
in_child(int (*body)(struct aw_coro_pool *), struct aw_coro_pool *pool)
{
        struct ending ending = {.status = -1};
        size_t length = 0;
        ssize_t got;
        int ends[2];
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_int_not_equal(child, -1);
        if (child == 0) {
                become_child(ends[1]);
                _exit(body(pool));
        }
        close(ends[1]);
        while ((got = read(ends[0], ending.text + length, sizeof(ending.text) - 1 - length)) > 0)
                length += (size_t)got;
        close(ends[0]);
        assert_int_equal(waitpid(child, &ending.status, 0), child);
        return ending;
}

static inline void
assert_killed(const struct ending *ending, int signal_number)
{
        if (!WIFSIGNALED(ending->status))
                fail_msg("status %#x: %s", (unsigned)ending->status, ending->text);
        assert_int_equal(WTERMSIG(ending->status), signal_number);
}

static inline void
assert_aborts(int (*body)(struct aw_coro_pool *), struct aw_coro_pool *pool, const char *sentence)
{
        struct ending ending = in_child(body, pool);

        assert_killed(&ending, SIGABRT);
        if (strstr(ending.text, sentence) == NULL)
                fail_msg("\"%s\" is not in \"%s\"", sentence, ending.text);
}

#endif
