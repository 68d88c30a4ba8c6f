/* SPDX-License-Identifier: MIT */
/* Once: coroutines know no loop. */
#include <sys/mman.h>

#include "unit/coro/coro_test.h"

/* Uses the stack down to `floor`. */
static __attribute__((noinline)) int
dig(const char *floor)
{
        volatile char frame[128];

        frame[0] = 1;
        if ((const char *)__builtin_frame_address(0) - 512 > floor)
                frame[0] = (char)dig(floor);
        return frame[0];
}

struct digger {
        struct job job;
        const char *floor;
        bool suspend;
};

static void
dig_down(void *arg)
{
        struct digger *digger = arg;

        digger->job.value = dig(digger->floor);
        if (digger->suspend)
                aw_coro_suspend(digger->job.self);
}

/* Runs a coroutine that uses its stack down to `above` bytes above (or below) its low end. */
static int
run_digger(struct aw_coro_pool *pool, ptrdiff_t above, bool suspend)
{
        struct digger digger = {.suspend = suspend};

        start(&digger.job, pool, dig_down);
        digger.floor = stack_low(pool, digger.job.self) + above;
        aw_coro_resume(digger.job.self);
        if (suspend)
                return 0;
        aw_coro_destroy(digger.job.self);
        return digger.job.value == 1 ? 0 : 1;
}

/* Far enough for the guard, too little to reach the next stack. */
static int
overflow(struct aw_coro_pool *pool)
{
        return run_digger(pool, -2048, false);
}

static int
overflow_and_suspend(struct aw_coro_pool *pool)
{
        return run_digger(pool, -2048, true);
}

static void
nearly_the_whole_stack_can_be_used(void **state)
{
        struct aw_coro_pool *pool = *state;

        assert_true(pool->usable >= 48 * 1024);
        assert_int_equal(run_digger(pool, 1024, false), 0);
        /* On the same stack again. */
        assert_int_equal(run_digger(pool, 1024, false), 0);
}

static void
an_overflow_hits_the_guard(void **state)
{
        struct ending ending = in_child(overflow, *state);

        assert_killed(&ending, SIGSEGV);
}

static void
an_overflow_hits_an_mprotected_guard(void **state)
{
        struct ending ending;

        aw_coro_stack_force_guard(*state, AW_CORO_GUARD_PROTECT, SIZE_MAX);
        ending = in_child(overflow, *state);
        assert_killed(&ending, SIGSEGV);
}

static void
an_overwritten_canary_aborts(void **state)
{
        aw_coro_stack_force_guard(*state, AW_CORO_GUARD_CANARY, 0);
        assert_int_equal(run_digger(*state, 1024, false), 0);
        assert_aborts(overflow, *state, "a coroutine overflowed its stack");
        assert_aborts(overflow_and_suspend, *state, "a coroutine overflowed its stack");
}

static int
write_to_the_far_end_of_the_guard(struct aw_coro_pool *pool)
{
        struct job job = {0};
        volatile char *guard;

        start(&job, pool, do_nothing);
        guard = stack_low(pool, job.self) - pool->page;
        *guard = 1;
        aw_coro_resume(job.self);
        aw_coro_destroy(job.self);
        return 0;
}

static void
the_whole_canary_is_checked_in_the_end(void **state)
{
        aw_coro_stack_force_guard(*state, AW_CORO_GUARD_CANARY, 0);
        assert_aborts(write_to_the_far_end_of_the_guard, *state, "a coroutine overflowed");
}

/* A stack with the guard that the pool comes by now; it stays in use. */
static void
use_up_a_guard(struct aw_coro_pool *pool, struct job *job)
{
        aw_coro_resume(start(job, pool, suspend_once)->self);
}

static void
mprotect_stops_at_its_limit(void **state)
{
        struct aw_coro_pool *pool = *state;
        struct job jobs[2] = {{0}};
        struct ending ending;

        aw_coro_stack_force_guard(pool, AW_CORO_GUARD_PROTECT, 2);
        use_up_a_guard(pool, &jobs[0]);
        ending = in_child(overflow, pool);
        assert_killed(&ending, SIGSEGV);
        use_up_a_guard(pool, &jobs[1]);
        assert_aborts(overflow, pool, "a coroutine overflowed its stack");
        end(&jobs[0]);
        end(&jobs[1]);
}

static void
a_destroyed_pool_returns_its_mprotected_guards(void **state)
{
        for (int i = 0; i < 3; i++) {
                struct aw_coro_pool *pool = aw_coro_pool_create();
                struct job jobs[3] = {{0}};
                struct ending ending;

                assert_non_null(pool);
                aw_coro_stack_force_guard(pool, AW_CORO_GUARD_PROTECT, 3);
                use_up_a_guard(pool, &jobs[0]);
                use_up_a_guard(pool, &jobs[1]);
                ending = in_child(overflow, pool);
                assert_killed(&ending, SIGSEGV);
                use_up_a_guard(pool, &jobs[2]);
                assert_aborts(overflow, pool, "a coroutine overflowed its stack");
                for (int j = 0; j < 3; j++)
                        end(&jobs[j]);
                aw_coro_pool_destroy(pool);
        }
        (void)state;
}

/* 99 if memory cannot be locked. */
static int
lock_memory_and_overflow(struct aw_coro_pool *pool)
{
        return mlockall(MCL_FUTURE | MCL_ONFAULT) == 0 ? overflow(pool) : 99;
}

static void
locked_memory_is_guarded_all_the_same(void **state)
{
        struct ending ending = in_child(lock_memory_and_overflow, *state);

        if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 99) {
                print_message("mlockall is not allowed\n");
                skip();
        }
        assert_killed(&ending, SIGSEGV);
}

/* Takes all idle stacks that have memory yet, and overflows the next. */
static int
overflow_a_cold_stack(struct aw_coro_pool *pool)
{
        struct job jobs[2000] = {{0}};

        for (size_t i = 0; i < 2000 && pool->warm_count > 0; i++)
                start(&jobs[i], pool, do_nothing);
        return pool->cold_count > 0 ? overflow(pool) : 1;
}

static void
guards_outlive_the_memory(void **state)
{
        static const enum aw_coro_guard guards[] = {AW_CORO_GUARD_INSTALL, AW_CORO_GUARD_PROTECT};

        for (size_t i = 0; i < 2; i++) {
                struct aw_coro_pool *pool = aw_coro_pool_create();
                struct job jobs[1500] = {{0}};
                struct ending ending;

                assert_non_null(pool);
                if (i == 1 || pool->best_guard == AW_CORO_GUARD_INSTALL)
                        aw_coro_stack_force_guard(pool, guards[i], SIZE_MAX);
                for (size_t j = 0; j < 1500; j++)
                        start(&jobs[j], pool, do_nothing);
                for (size_t j = 0; j < 1500; j++)
                        end(&jobs[j]);
                assert_true(pool->cold_count > 0);
                ending = in_child(overflow_a_cold_stack, pool);
                assert_killed(&ending, SIGSEGV);
                aw_coro_pool_destroy(pool);
        }
        (void)state;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_pool(nearly_the_whole_stack_can_be_used),
                with_pool(an_overflow_hits_the_guard),
                with_pool(an_overflow_hits_an_mprotected_guard),
                with_pool(an_overwritten_canary_aborts),
                with_pool(the_whole_canary_is_checked_in_the_end),
                with_pool(mprotect_stops_at_its_limit),
                cmocka_unit_test(a_destroyed_pool_returns_its_mprotected_guards),
                with_pool(locked_memory_is_guarded_all_the_same),
                cmocka_unit_test(guards_outlive_the_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
