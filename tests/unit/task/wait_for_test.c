/* SPDX-License-Identifier: MIT */
/* asyncio's wait_for. */
#include "await/task_wait.h"
#include "unit/task/task_test.h"

#define PASSED ((aw_time)1)
#define LATER  (aw_loop_now() + 3600 * AW_SECOND)

static async int
wait_for_gives_the_result_of_a_task_that_is_in_time(NOTHING)
{
        expect_int(await(aw_wait_for(aw_spawn("give", give, NUMBER(5)), LATER)), 5);
        expect_int(await(aw_wait_for(aw_spawn("give", give, NUMBER(6)), AW_NEVER)), 6);
        expect_error(await(aw_wait_for(aw_spawn("fail", give_error, NUMBER(EIO)), LATER)), EIO);
        return 0;
}

static async int
wait_for_cancels_a_late_task_and_waits_for_its_end(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up, NULL);

        expect_error(await(aw_wait_for(task, aw_loop_now() + 300)), ETIMEDOUT);
        expect_trace("cancelled cleaned");
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
a_task_whose_time_has_passed_is_cancelled_before_it_starts(NOTHING)
{
        struct aw_task *done = aw_spawn("done", give, NUMBER(1));

        expect_error(await(aw_wait_for(aw_spawn("sleeper", sleep_long, NULL), PASSED)), ETIMEDOUT);
        expect_trace("cancelled");
        expect_int(await(aw_wait_for(done, PASSED)), 1);
        return 0;
}

static async int
finish_when_cancelled(void *argument)
{
        expect_error(await(aw_sleep(AW_NEVER)), ECANCELED);
        return argument == NULL ? 9 : await(give_error(argument));
}

static async int
a_late_task_may_come_to_a_result_all_the_same(NOTHING)
{
        struct aw_task *task = aw_spawn("finisher", finish_when_cancelled, NULL);

        expect_int(await(aw_wait_for(task, aw_loop_now() + 200)), 9);
        task = aw_spawn("finisher", finish_when_cancelled, NUMBER(EIO));
        expect_error(await(aw_wait_for(task, aw_loop_now() + 200)), EIO);
        return 0;
}

struct wait_for {
        struct aw_task *task;
        aw_time deadline;
};

static async int
call_wait_for(void *argument)
{
        struct wait_for *wait_for = argument;

        return await(aw_wait_for(wait_for->task, wait_for->deadline));
}

static async int
a_cancelled_wait_for_cancels_the_task_and_waits_for_it(NOTHING)
{
        struct wait_for wait_for = {aw_spawn("cleaner", clean_up, NULL), LATER};
        struct aw_task *caller = aw_spawn("caller", call_wait_for, &wait_for);

        await(aw_sleep(0));
        aw_cancel(caller);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect_trace("cancelled cleaned");
        return 0;
}

/* Late first, then cancelled, while the task cleans up: cancel beats time-out. */
static async int
a_cancellation_during_a_time_out_is_one(NOTHING)
{
        struct aw_event event = {.set = false};
        struct wait_for wait_for = {aw_spawn("stubborn", be_stubborn, &event), PASSED};
        struct aw_task *caller;

        await(aw_sleep(0));
        caller = aw_spawn("caller", call_wait_for, &wait_for);
        await(yield(5));
        expect_trace("ignored");
        aw_cancel(caller);
        await(yield(2));
        expect_trace("ignored");
        aw_cancel(wait_for.task);
        aw_event_set(&event);
        expect_int(await(aw_join(caller)), 7);
        expect_trace("ignored");
        return 0;
}

static async int
be_late_and_obey_twice(NOTHING)
{
        expect_error(await(aw_sleep(AW_NEVER)), ECANCELED);
        trace("first");
        expect_error(await(aw_sleep(AW_NEVER)), ECANCELED);
        trace("second");
        errno = ECANCELED;
        return -1;
}

static async int
cancel_beats_time_out(NOTHING)
{
        struct wait_for wait_for = {aw_spawn("task", be_late_and_obey_twice, NULL), PASSED};
        struct aw_task *caller;

        await(aw_sleep(0));
        caller = aw_spawn("caller", call_wait_for, &wait_for);
        await(yield(5));
        expect_trace("first");
        aw_cancel(caller);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect_trace("second");
        return 0;
}

/* Cancelled first, then late: the task is not disturbed a second time. */
static async int
be_cancelled_and_wait_for(void *argument)
{
        aw_cancel(aw_task_current());
        return await(aw_wait_for(argument, aw_loop_now() + 500));
}

static async int
a_deadline_that_passes_during_a_cancellation_changes_nothing(NOTHING)
{
        struct aw_task *task = aw_spawn("task", be_late_and_obey_twice, NULL);
        struct aw_task *caller = aw_spawn("caller", be_cancelled_and_wait_for, task);

        while (test_trace[0] == '\0')
                await(aw_sleep(AW_MILLISECOND));
        /* The deadline is before this. */
        await(aw_sleep(AW_MILLISECOND));
        expect_trace("first");
        expect(!aw_task_done(caller));
        aw_cancel(task);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect_trace("second");
        return 0;
}

/* Who waits for a task until a moment after that in which it ends. */
struct late_waiter {
        struct aw_task *task;
        aw_time when;
};

static async int
sleep_till(void *waiter)
{
        await(aw_sleep_until(((struct late_waiter *)waiter)->when));
        return 3;
}

static async int
wait_until_later(void *argument)
{
        struct late_waiter *waiter = argument;

        return await(aw_wait_for(waiter->task, waiter->when + 1));
}

static void
cancel_task(void *task)
{
        aw_cancel(task);
}

/* All in one turn: it ends, the time for it is over, and who waits for it is cancelled. */
static async int
a_task_that_ends_as_its_time_does_is_not_waited_for_again(NOTHING)
{
        struct late_waiter waiter = {.when = aw_loop_now() + AW_MILLISECOND};
        struct aw_handle cancel = {.callback = NULL};
        struct aw_task *caller;

        waiter.task = aw_spawn("sleep", sleep_till, &waiter);
        caller = aw_spawn("caller", wait_until_later, &waiter);
        aw_call_at(&cancel, waiter.when + 2, cancel_task, caller);
        await(aw_sleep(0));
        await(aw_sleep(0));
        while (aw_loop_now() <= waiter.when + 2)
                continue;
        for (int turn = 0; turn < 8; turn++)
                await(aw_sleep(0));
        expect(aw_task_done(caller));
        expect_int(await(aw_join(caller)), 3);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(wait_for_gives_the_result_of_a_task_that_is_in_time),
                on_loop(wait_for_cancels_a_late_task_and_waits_for_its_end),
                on_loop(a_task_whose_time_has_passed_is_cancelled_before_it_starts),
                on_loop(a_late_task_may_come_to_a_result_all_the_same),
                on_loop(a_cancelled_wait_for_cancels_the_task_and_waits_for_it),
                on_loop(a_deadline_that_passes_during_a_cancellation_changes_nothing),
                on_loop(a_cancellation_during_a_time_out_is_one),
                on_loop(cancel_beats_time_out),
                on_loop(a_task_that_ends_as_its_time_does_is_not_waited_for_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
