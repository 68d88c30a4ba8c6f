/* SPDX-License-Identifier: MIT */
/* Tasks that the tests use again and again. */
#ifndef AW_TASK_TEST_H
#define AW_TASK_TEST_H

#include "await/sync.h"
#include "unit/support.h"

/* Returns its argument, a number. */
static inline async int
give(void *argument)
{
        return (int)(intptr_t)argument;
}

/* Fails with its argument, a number. */
static inline async int
give_error(void *argument)
{
        errno = (int)(intptr_t)argument;
        return -1;
}

#define NUMBER(number) ((void *)(intptr_t)(number))

/* Sleeps for a day, and says what came of it. */
static inline async int
sleep_long(NOTHING)
{
        int result = await(aw_sleep(24 * 3600 * AW_SECOND));

        trace(result == -1 && errno == ECANCELED ? "cancelled" : "slept");
        return result;
}

/* Tells of a cancellation, and takes its time to clean up, undisturbed. */
static inline async int
clean_up(NOTHING)
{
        int result = await(sleep_long(NULL));

        trace(await(aw_sleep(100)) == 0 ? "cleaned" : "disturbed");
        errno = ECANCELED;
        return result;
}

/* Waits for an event, whatever happens, and returns 7. */
static inline async int
be_stubborn(void *argument)
{
        while (await(aw_event_wait(argument, AW_NEVER)) == -1)
                trace("ignored");
        return 7;
}

/* A callback. */
static inline void
set_event(void *argument)
{
        aw_event_set(argument);
}

/* Lets the others run n times. */
static inline async void
yield(int times)
{
        while (times-- > 0)
                await(aw_sleep(0));
}

static inline void
busy_until(aw_time when)
{
        while (aw_loop_now() < when)
                continue;
}

static inline async int
sleep_and_fail(void *argument)
{
        await(yield(2));
        return await(give_error(argument));
}

/* Says when it was told to stop, and fails then in its own way. */
static inline async int
fail_when_cancelled(void *argument)
{
        await(sleep_long(NULL));
        return await(give_error(argument));
}

/* Fills the whole stack, page by page. */
static __attribute__((noinline, unused)) int
fill_stack(const void *argument)
{
        volatile char array[4096];

        array[0] = 1;
        return argument == NULL ? 0 : fill_stack(argument) + array[0];
}

static inline async int
overflow_stack(void *argument)
{
        return fill_stack(argument);
}

/* A main task for test_dies(): its task 'greedy' overflows its stack. */
static inline async int
run_an_overflow(NOTHING)
{
        return await(aw_join(aw_spawn("greedy", overflow_stack, NUMBER(1))));
}

#endif
