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
        assert_aborts(overflow, *state, "the stack of 'a coroutine' has overflowed: ");
        assert_aborts(overflow_and_suspend, *state, "the stack of 'a coroutine' has overflowed: ");
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
        assert_aborts(write_to_the_far_end_of_the_guard, *state,
                      "the stack of 'a coroutine' has overflowed");
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
        assert_aborts(overflow, pool, "the stack of 'a coroutine' has overflowed: ");
        end(&jobs[0]);
        end(&jobs[1]);
}

static void
a_destroyed_pool_returns_its_mprotected_guards(void **state)
{
        for (int i = 0; i < 3; i++) {
                struct aw_coro_pool *pool = aw_coro_pool_create(0);
                struct job jobs[3] = {{0}};
                struct ending ending;

                assert_non_null(pool);
                aw_coro_stack_force_guard(pool, AW_CORO_GUARD_PROTECT, 3);
                use_up_a_guard(pool, &jobs[0]);
                use_up_a_guard(pool, &jobs[1]);
                ending = in_child(overflow, pool);
                assert_killed(&ending, SIGSEGV);
                use_up_a_guard(pool, &jobs[2]);
                assert_aborts(overflow, pool, "the stack of 'a coroutine' has overflowed: ");
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
                struct aw_coro_pool *pool = aw_coro_pool_create(0);
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

static int
overflow_watched(struct aw_coro_pool *pool)
{
        if (aw_coro_pool_watch(pool) == -1)
                return 1;
        return overflow(pool);
}

static void
say_nothing(int number)
{
        _exit(number == SIGSEGV ? 7 : 1);
}

/* The handler needs a stack that has not overflowed, which is there now. */
static int
overflow_handled_by_another(struct aw_coro_pool *pool)
{
        struct sigaction action = {.sa_handler = say_nothing, .sa_flags = SA_ONSTACK};

        sigaction(SIGSEGV, &action, NULL);
        return overflow_watched(pool);
}

static void
name_and_crash(void *argument)
{
        struct job *job = argument;

        aw_coro_set_name(job->self, "wrong pointer");
        *(volatile char *)(uintptr_t)job->value = 1;
}

static int
fault_elsewhere(struct aw_coro_pool *pool)
{
        struct job job = {.value = 16};

        if (aw_coro_pool_watch(pool) == -1)
                return 1;
        aw_coro_resume(start(&job, pool, name_and_crash)->self);
        return 0;
}

static int
be_sent_the_signal(struct aw_coro_pool *pool)
{
        if (aw_coro_pool_watch(pool) == -1)
                return 1;
        kill(getpid(), SIGSEGV);
        return 0;
}

static void
dig_with_a_name(void *argument)
{
        struct digger *digger = argument;

        aw_coro_set_name(digger->job.self, "greedy");
        dig(digger->floor);
}

static int
overflow_with_a_name(struct aw_coro_pool *pool)
{
        struct digger digger = {.suspend = false};

        if (aw_coro_pool_watch(pool) == -1)
                return 1;
        start(&digger.job, pool, dig_with_a_name);
        digger.floor = stack_low(pool, digger.job.self) - 2048;
        aw_coro_resume(digger.job.self);
        return 0;
}

static void
an_overflow_says_whose_stack_it_was(void **state)
{
        static const char sentence[] = "error: the stack of 'greedy' has overflowed: large "
                                       "arrays belong on the heap, or "
                                       "aw_loop_options.stack_size must be larger\n";
        struct ending ending = in_child(overflow_with_a_name, *state);

        assert_killed(&ending, SIGSEGV);
        if (strncmp(ending.text, sentence, strlen(sentence)) != 0)
                fail_msg("'%s' does not begin '%s'", sentence, ending.text);
        ending = in_child(overflow_watched, *state);
        assert_killed(&ending, SIGSEGV);
        assert_non_null(strstr(ending.text, "the stack of 'a coroutine' has overflowed"));
}

static void
another_fault_is_no_overflow(void **state)
{
        struct ending ending = in_child(fault_elsewhere, *state);

        assert_killed(&ending, SIGSEGV);
        assert_string_equal(ending.text, "");
        ending = in_child(be_sent_the_signal, *state);
        assert_killed(&ending, SIGSEGV);
        assert_string_equal(ending.text, "");
}

static void
a_handler_that_is_there_stays(void **state)
{
        struct ending ending = in_child(overflow_handled_by_another, *state);

        assert_true(WIFEXITED(ending.status));
        assert_int_equal(WEXITSTATUS(ending.status), 7);
        assert_string_equal(ending.text, "");
}

/* 0 if the signal and its stack are as they were. */
static int
watch_and_unwatch(struct aw_coro_pool *pool)
{
        struct sigaction before, during, after;
        stack_t stack_before, stack_after;

        sigaction(SIGSEGV, NULL, &before);
        sigaltstack(NULL, &stack_before);
        if (aw_coro_pool_watch(pool) == -1)
                return 1;
        sigaction(SIGSEGV, NULL, &during);
        aw_coro_pool_unwatch(pool);
        aw_coro_pool_unwatch(pool);
        aw_coro_pool_unwatch(NULL);
        sigaction(SIGSEGV, NULL, &after);
        sigaltstack(NULL, &stack_after);
        if (before.sa_handler != SIG_DFL || during.sa_handler == SIG_DFL)
                return 1;
        return after.sa_handler != SIG_DFL || stack_before.ss_flags != stack_after.ss_flags ? 2 : 0;
}

static void
the_signal_is_given_back(void **state)
{
        struct ending ending = in_child(watch_and_unwatch, *state);

        assert_int_equal(ending.status, 0);
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
                with_pool(an_overflow_says_whose_stack_it_was),
                with_pool(another_fault_is_no_overflow),
                with_pool(a_handler_that_is_there_stays),
                with_pool(the_signal_is_given_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
