/* SPDX-License-Identifier: MIT */
/* Threads: it has several, so ThreadSanitizer checks it too. */
#include "unit/loop/loop_test.h"

/* Other threads. */

#define THREADS 4
#define CALLS   500

struct caller {
        struct aw_loop *loop;
        struct aw_handle handles[CALLS];
        pthread_t thread;
        size_t count;
        bool disordered;
};

static void
call_comes(void *argument)
{
        struct aw_handle *handle = argument;
        struct caller *caller = (struct caller *)(void *)((char *)handle - handle->order);

        caller->disordered |= handle != &caller->handles[caller->count];
        caller->count++;
        came();
}

static void *
call_often(void *argument)
{
        struct caller *caller = argument;
        size_t i;

        for (i = 0; i < CALLS; i++) {
                caller->handles[i].order = (uint64_t)((char *)&caller->handles[i] - (char *)caller);
                aw_call_soon_threadsafe(caller->loop, &caller->handles[i], call_comes,
                                        &caller->handles[i]);
        }
        return NULL;
}

static void
calls_of_other_threads_all_come_each_thread_s_in_order(void **state)
{
        static struct caller callers[THREADS];
        size_t i, count;

        memset(callers, 0, sizeof(callers));
        for (i = 0; i < THREADS; i++) {
                callers[i].loop = *state;
                assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]),
                                 0);
        }
        do {
                aw_loop_turn(*state, true);
                for (count = i = 0; i < THREADS; i++)
                        count += callers[i].count;
        } while (count < THREADS * CALLS);
        for (i = 0; i < THREADS; i++) {
                pthread_join(callers[i].thread, NULL);
                assert_false(callers[i].disordered);
        }
}

struct wake_up {
        struct aw_loop *loop;
        struct aw_handle handle;
        bool done;
};

static void *
call_once(void *argument)
{
        struct wake_up *wake_up = argument;

        aw_call_soon_threadsafe(wake_up->loop, &wake_up->handle, set_flag, &wake_up->done);
        return NULL;
}

/* There is nothing else that could end the poll. */
static void
a_call_of_another_thread_wakes_a_loop_that_waits(void **state)
{
        struct wake_up wake_up = {.loop = *state};
        pthread_t thread;
        int i;

        for (i = 0; i < 20; i++) {
                wake_up.done = false;
                assert_int_equal(pthread_create(&thread, NULL, call_once, &wake_up), 0);
                turn_until(*state, &wake_up.done);
                pthread_join(thread, NULL);
        }
}

static void
a_threadsafe_call_from_the_loop_s_own_thread_comes_too(void **state)
{
        struct wake_up wake_up = {.loop = *state};

        call_once(&wake_up);
        assert_false(wake_up.done);
        turn_until(*state, &wake_up.done);
}

static void *
run_a_loop(void *argument)
{
        struct aw_loop *loop = test_loop();
        struct aw_handle handle = {.state = 0};
        bool fired = false, right = aw_loop_get() == loop;
        int i;

        for (i = 0; i < 20; i++) {
                fired = false;
                aw_call_later(&handle, 200, set_flag, &fired);
                turn_until(loop, &fired);
        }
        aw_loop_destroy(loop);
        *(bool *)argument = right && aw_loop_get() == NULL;
        return NULL;
}

static void
threads_have_loops_of_their_own_at_once(void **state)
{
        pthread_t threads[THREADS];
        bool right[THREADS] = {false};
        int i;

        for (i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run_a_loop, &right[i]), 0);
        for (i = 0; i < 20; i++)
                aw_loop_turn(*state, false);
        for (i = 0; i < THREADS; i++) {
                pthread_join(threads[i], NULL);
                assert_true(right[i]);
        }
        assert_ptr_equal(aw_loop_get(), *state);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(calls_of_other_threads_all_come_each_thread_s_in_order),
                with_loop(a_call_of_another_thread_wakes_a_loop_that_waits),
                with_loop(a_threadsafe_call_from_the_loop_s_own_thread_comes_too),
                with_loop(threads_have_loops_of_their_own_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
