/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out at the first request, at the second, and so on until a run needs no more: each
 * run fails with ENOMEM, leaks nothing and leaves nothing open. The linker leads our own calls here,
 * not those of other libraries: who includes this names the functions, behind "Wraps" and "LDFLAGS".
 */
#ifndef ALLOC_FAILURE_H
#define ALLOC_FAILURE_H

#include <sys/mman.h>

#include "await/task_wait.h"
#include "unit/task/task_test.h"

#define LINKED __attribute__((weak)) /* or not, see main() */
void *__real_malloc(size_t size) LINKED;
void *__real_calloc(size_t count, size_t size) LINKED;
void *__real_realloc(void *old, size_t size) LINKED;
void __real_free(void *memory) LINKED;
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd,
                  off_t offset) LINKED;
int __real_munmap(void *address, size_t length) LINKED;
long __real_sysconf(int name) LINKED;
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t length);
long __wrap_sysconf(int name);

#define LIVE_MOST 4096

static struct {
        pthread_mutex_t lock;
        bool active;
        size_t requests;       /* so far */
        size_t first, last;    /* those that fail */
        void *live[LIVE_MOST]; /* what was given and not taken back */
        size_t live_count;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Whether there is memory this time. */
static inline bool
may_have(void)
{
        bool may = true;

        pthread_mutex_lock(&memory.lock);
        if (memory.active) {
                memory.requests++;
                may = memory.requests < memory.first || memory.requests > memory.last;
        }
        pthread_mutex_unlock(&memory.lock);
        if (!may)
                errno = ENOMEM;
        return may;
}

static inline void *
given(void *address)
{
        pthread_mutex_lock(&memory.lock);
        if (memory.active && address != NULL && address != MAP_FAILED) {
                if (memory.live_count == LIVE_MOST)
                        abort();
                memory.live[memory.live_count++] = address;
        }
        pthread_mutex_unlock(&memory.lock);
        return address;
}

/* What is taken back may be from before, or from another library. */
static inline void
taken_back(const void *address)
{
        size_t i;

        pthread_mutex_lock(&memory.lock);
        for (i = 0; i < memory.live_count; i++)
                if (memory.live[i] == address)
                        memory.live[i--] = memory.live[--memory.live_count];
        pthread_mutex_unlock(&memory.lock);
}

void *
__wrap_malloc(size_t size)
{
        return may_have() ? given(__real_malloc(size)) : NULL;
}

void *
__wrap_calloc(size_t count, size_t size)
{
        return may_have() ? given(__real_calloc(count, size)) : NULL;
}

void *
__wrap_realloc(void *old, size_t size)
{
        if (!may_have())
                return NULL;
        taken_back(old);
        return given(__real_realloc(old, size));
}

void
__wrap_free(void *address)
{
        taken_back(address);
        __real_free(address);
}

void *
__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
        return may_have() ? given(__real_mmap(address, length, protection, flags, fd, offset))
                          : MAP_FAILED;
}

int
__wrap_munmap(void *address, size_t length)
{
        taken_back(address);
        return __real_munmap(address, length);
}

/*
 * Counting processors leaves errno behind as it does where there is no /sys; a caller who has an
 * error to report must not lose it over that.
 */
long
__wrap_sysconf(int name)
{
        long result = __real_sysconf(name);

        if (name == _SC_NPROCESSORS_ONLN)
                errno = ENOENT;
        return result;
}

/*
 * Until no more threads run than did: one that waits for a child (without pidfd_open) has told of its end
 * before it closes what it had.
 */
static inline size_t
descriptors_without(size_t threads)
{
        while (test_count_threads() > threads)
                usleep(1000);
        return test_count_descriptors();
}

/* Runs it with less and less failing. How many requests it takes when none fails. */
static inline size_t
run_short_of_memory(aw_task_function *scenario, bool for_good)
{
        size_t n = 0, threads = test_count_threads(), before;
        int result, error;

        test_begin();
        /* What is made once for all is made now. */
        expect_int(test_run(scenario, NULL), 0);
        before = descriptors_without(threads);
        do {
                memory.requests = memory.live_count = 0;
                memory.first = ++n;
                memory.last = for_good ? SIZE_MAX : n;
                memory.active = true;
                result = test_run(scenario, NULL);
                error = errno;
                memory.active = false;
                if (memory.requests >= n) {
                        errno = error;
                        expect_error(result, ENOMEM);
                } else {
                        expect_int(result, 0);
                }
                expect_int(memory.live_count, 0);
                expect_int(descriptors_without(threads), before);
        } while (memory.requests >= n);
        test_end();
        return n;
}

static inline void
survives(void **state)
{
        aw_task_function *scenario = (aw_task_function *)*state;

        /* At least the loop, the back end, and the stacks. */
        assert_true(run_short_of_memory(scenario, false) > 5);
        assert_true(run_short_of_memory(scenario, true) > 5);
}

#define without_memory(scenario)                                                                   \
        {                                                                                          \
#scenario "_without_memory", survives, NULL, NULL, (void *)(scenario)              \
        }

/* Before the tests; or says why there are none. */
static inline bool
ready_for_failures(void)
{
        const char *loop = getenv("AW_TEST_LOOP");

        /* With "auto" the failure of one back end is the next one's turn. */
        if (loop == NULL || strcmp(loop, "auto") == 0)
                setenv("AW_TEST_LOOP", "ev", 1);
        if (__real_malloc == NULL)
                puts("1..0 # SKIP not linked with the flags that this file names");
        return __real_malloc != NULL;
}

#endif
