/* SPDX-License-Identifier: MIT */
/* Once: coroutines know no loop. */
#include <errno.h>
#include <sys/mman.h>

#include "coro/switch_private.h"
#include "unit/coro/coro_test.h"

static size_t
resident_pages(const struct aw_coro_pool *pool, char *from, size_t size)
{
        unsigned char present[64];
        size_t count = 0;

        assert_true(size / pool->page <= sizeof(present));
        assert_int_equal(mincore(from, size, present), 0);
        for (size_t i = 0; i < size / pool->page; i++)
                count += present[i] & 1;
        return count;
}

static long
resident_in_all(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        long size, resident = -1;

        assert_non_null(file);
        assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
        fclose(file);
        return resident;
}

/* By how many pages the process grows with 1,000 suspended coroutines. */
static long
cost_of_a_thousand(enum aw_coro_guard guard)
{
        struct aw_coro_pool *pool = aw_coro_pool_create(0);
        struct job jobs[1000] = {{0}};
        long before = resident_in_all(), during;

        assert_non_null(pool);
        aw_coro_stack_force_guard(pool, guard, SIZE_MAX);
        for (size_t i = 0; i < 1000; i++)
                aw_coro_resume(start(&jobs[i], pool, suspend_once)->self);
        during = resident_in_all();
        for (size_t i = 0; i < 1000; i++)
                end(&jobs[i]);
        aw_coro_pool_destroy(pool);
        return during - before;
}

/* The sanitizers and Valgrind take memory of their own with ours, or die of its lack. */
static void
skip_if_memory_is_watched(void)
{
#if defined(AW_CORO_ASAN) || defined(AW_CORO_TSAN)
        bool watched = true;
#else
        bool watched = under_valgrind();
#endif

        if (watched) {
                print_message("not under a sanitizer or Valgrind\n");
                skip();
        }
}

static void
a_canary_costs_no_memory(void **state)
{
        long guarded, with_canary;

        skip_if_memory_is_watched();
        guarded = cost_of_a_thousand(AW_CORO_GUARD_PROTECT);
        with_canary = cost_of_a_thousand(AW_CORO_GUARD_CANARY);
        assert_in_range(with_canary, 500, guarded + 500);
        (void)state;
}

static void
the_last_stack_given_back_is_the_first_reused(void **state)
{
        struct job a = {0}, b = {0}, c = {0};
        struct aw_coro_pool_stats stats;
        char *first, *second;

        first = stack_low(*state, start(&a, *state, suspend_once)->self);
        second = stack_low(*state, start(&b, *state, suspend_once)->self);
        assert_ptr_not_equal(first, second);
        end(&b);
        end(&a);
        aw_coro_pool_stats(*state, &stats);
        assert_int_equal(stats.idle, 2);
        assert_ptr_equal(stack_low(*state, start(&a, *state, suspend_once)->self), first);
        assert_ptr_equal(stack_low(*state, start(&b, *state, suspend_once)->self), second);
        start(&c, *state, suspend_once);
        aw_coro_pool_stats(*state, &stats);
        assert_int_equal(stats.live, 3);
        assert_int_equal(stats.idle, 0);
        end(&a);
        end(&b);
        end(&c);
}

/* So a pointer to one that is no more is not one to the next. Nor does this take a page more. */
static void
sixteen_coroutines_on_one_stack_lie_in_sixteen_places(void **state)
{
        struct aw_coro_pool *pool = *state;
        struct aw_coro *places[16];
        struct job job = {0};
        char *low = NULL;

        for (size_t i = 0; i < 16; i++) {
                places[i] = start(&job, pool, suspend_once)->self;
                if (i == 0)
                        low = stack_low(pool, job.self);
                assert_ptr_equal(stack_low(pool, job.self), low);
                assert_in_range((uintptr_t)job.self, (uintptr_t)low + pool->usable - pool->page / 2,
                                (uintptr_t)low + pool->usable - 1);
                for (size_t k = 0; k < i; k++)
                        assert_ptr_not_equal(places[k], job.self);
                end(&job);
        }
        assert_ptr_equal(start(&job, pool, suspend_once)->self, places[0]);
        end(&job);
}

static void
a_suspended_coroutine_takes_one_page(void **state)
{
        struct aw_coro_pool *pool = *state;
        struct job job = {0};
        size_t resident;

#ifdef AW_CORO_UCONTEXT
        print_message("a ucontext_t may take more than a page by itself\n");
        skip();
#endif
        aw_coro_resume(start(&job, pool, suspend_once)->self);
        resident = resident_pages(pool, stack_low(pool, job.self), pool->usable);
        end(&job);
        assert_int_equal(resident, 1);
}

/* How many of the stacks whose uppermost pages are at `tops` have memory. */
static size_t
count_resident(const struct aw_coro_pool *pool, char **tops, size_t count)
{
        size_t resident = 0;

        for (size_t i = 0; i < count; i++)
                resident += resident_pages(pool, tops[i], pool->page);
        return resident;
}

static void
memory_falls_after_a_burst(void **state)
{
        struct aw_coro_pool *pool = *state;
        size_t count = many(20000);
        struct job *jobs = calloc(count, sizeof(*jobs));
        char **tops = calloc(count, sizeof(*tops));
        struct aw_coro_pool_stats stats;

        assert_true(jobs != NULL && tops != NULL);
        for (size_t i = 0; i < count; i++) {
                aw_coro_resume(start(&jobs[i], pool, suspend_once)->self);
                tops[i] = stack_low(pool, jobs[i].self) + pool->usable - pool->page;
        }
        assert_int_equal(count_resident(pool, tops, count), count);
        /* Every other one first, so that not all are neighbours when they go. */
        for (size_t i = 0; i < count; i += 2)
                end(&jobs[i]);
        for (size_t i = 1; i < count; i += 2)
                end(&jobs[i]);
        assert_in_range(pool->warm_count, 1, AW_CORO_WARM_HIGH);
        assert_int_equal(count_resident(pool, tops, count), pool->warm_count);

        /* What was given back works like new. */
        for (size_t i = 0; i < count; i++)
                aw_coro_resume(start(&jobs[i], pool, suspend_once)->self);
        aw_coro_pool_stats(pool, &stats);
        assert_int_equal(stats.live, count);
        assert_int_equal(stats.idle, 0);
        for (size_t i = 0; i < count; i++)
                end(&jobs[i]);
        free(tops);
        free(jobs);
}

static bool
out_of_memory(const void *result)
{
        return result == NULL && errno == ENOMEM;
}

/* 99 if the limit does not work. */
static int
create_without_memory(struct aw_coro_pool *pool)
{
        void *volatile memory;

        setrlimit(RLIMIT_AS, &(struct rlimit){1, 1});
        memory = mmap(NULL, 4 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED)
                return 99;
        errno = 0;
        if (!out_of_memory(aw_coro_create(pool, do_nothing, NULL, 0)) || pool->live != 0)
                return 1;
        do
                memory = malloc(16);
        while (memory != NULL);
        errno = 0;
        return out_of_memory(aw_coro_pool_create(0)) ? 0 : 2;
}

static void
want_of_memory_is_an_error(void **state)
{
        struct ending ending;

        skip_if_memory_is_watched();
        ending = in_child(create_without_memory, *state);
        if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 99) {
                print_message("RLIMIT_AS has no effect here\n");
                skip();
        }
        assert_int_equal(ending.status, 0);
}

static void
the_size_of_stacks_is_chosen(void **state)
{
        static const size_t sizes[] = {AW_CORO_STACK_MIN, 100000, (size_t)1 << 20,
                                       AW_CORO_STACK_MAX};
        struct aw_coro_pool *pool;
        struct job job = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                pool = aw_coro_pool_create(sizes[i]);
                assert_non_null(pool);
                assert_in_range(pool->slot, sizes[i], sizes[i] + pool->page - 1);
                assert_int_equal(pool->slot % pool->page, 0);
                assert_int_equal(pool->usable, pool->slot - pool->page);
                if (sizes[i] < AW_CORO_STACK_MAX)
                        end(start(&job, pool, suspend_once));
                aw_coro_pool_destroy(pool);
        }
        errno = 0;
        assert_null(aw_coro_pool_create(AW_CORO_STACK_MIN - 1));
        assert_int_equal(errno, EINVAL);
        errno = 0;
        assert_null(aw_coro_pool_create(AW_CORO_STACK_MAX + 1));
        assert_int_equal(errno, EINVAL);
}

/* Touches the stack so many bytes deep. */
static void
touch(void *argument)
{
        struct job *job = argument;
        volatile char *low = (volatile char *)__builtin_alloca((size_t)job->value);

        low[0] = 1;
        aw_coro_suspend(job->self);
}

static void
the_depth_of_a_stack_is_known(void **state)
{
        static const long depths[] = {100, 30000, 200000};
        struct aw_coro_pool *pool = *state;
        struct job jobs[3] = {{0}};

        for (size_t i = 0; i < 3; i++) {
                jobs[i].value = depths[i];
                aw_coro_resume(start(&jobs[i], pool, touch)->self);
        }
        assert_in_range(aw_coro_depth(jobs[1].self), 30000, 30000 + 3 * pool->page);
        assert_in_range(aw_coro_depth(jobs[2].self), 200000, 200000 + 3 * pool->page);
        assert_in_range(aw_coro_depth(jobs[0].self), pool->page, 3 * pool->page);
        for (size_t i = 0; i < 3; i++)
                end(&jobs[i]);
}

/* More pages than the kernel is asked of at once. */
static void
the_depth_of_a_large_stack_is_known(void **state)
{
        struct aw_coro_pool *pool = aw_coro_pool_create((size_t)2 << 20);
        static const long depths[] = {100, 300000, 1500000};
        struct job job;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                job = (struct job){.value = depths[i]};
                aw_coro_resume(start(&job, pool, touch)->self);
                assert_in_range(aw_coro_depth(job.self), depths[i], depths[i] + 3 * pool->page);
                end(&job);
                /* The stack that is used next must be a new one. */
                aw_coro_pool_destroy(pool);
                pool = aw_coro_pool_create((size_t)2 << 20);
        }
        aw_coro_pool_destroy(pool);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_pool(the_last_stack_given_back_is_the_first_reused),
                with_pool(sixteen_coroutines_on_one_stack_lie_in_sixteen_places),
                with_pool(a_suspended_coroutine_takes_one_page),
                cmocka_unit_test(a_canary_costs_no_memory),
                cmocka_unit_test(the_size_of_stacks_is_chosen),
                with_pool(the_depth_of_a_stack_is_known),
                cmocka_unit_test(the_depth_of_a_large_stack_is_known),
                with_pool(memory_falls_after_a_burst),
                with_pool(want_of_memory_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
