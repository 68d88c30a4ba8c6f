/* SPDX-License-Identifier: MIT */
#include "await/task_wait.h"
#include "unit/task/task_test.h"

static async int
a_cancelled_sleep_fails_with_ecanceled(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);

        await(aw_sleep(0));
        expect(aw_cancel(task));
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
a_task_cancelled_before_it_starts_starts_and_its_first_await_fails(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);

        expect(aw_cancel(task));
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

/* Frees its argument, however it ends. */
static async int
own(void *argument)
{
        int result = await(aw_sleep(0));

        free(argument);
        trace("freed");
        return result;
}

static async int
fail_at_once(NOTHING)
{
        errno = EIO;
        return -1;
}

/* A leak checker would find what is not freed. */
static async int
an_argument_is_its_tasks_whatever_happens(NOTHING)
{
        struct aw_task *task = aw_spawn("late", own, malloc(100));
        struct aw_group group;

        expect_error(await(aw_wait_for(task, aw_loop_now() - 1)), ETIMEDOUT);
        expect_trace("freed");
        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "fails", fail_at_once, NULL), 0);
        expect_int(aw_group_spawn(&group, "owner", own, malloc(100)), 0);
        expect_error(await(aw_group_join(&group)), EIO);
        expect_trace("freed");
        return 0;
}

static async int
leave_an_owner(NOTHING)
{
        aw_task_detach(aw_spawn("owner", own, malloc(100)));
        return 0;
}

static void
so_it_is_at_the_end_of_aw_run(void **state)
{
        (void)state;
        test_begin();
        expect_int(test_run(leave_an_owner, NULL), 0);
        expect_trace("freed");
        test_end();
}

static async int
a_task_that_could_not_be_spawned_has_failed(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("give", give, NUMBER(3)), NULL};
        int results[2] = {0, 0};

        expect_error(await(aw_join(NULL)), ENOMEM);
        expect_error(await(aw_wait_for(NULL, AW_NEVER)), ENOMEM);
        expect_error(await(aw_wait_for(NULL, aw_loop_now() - 1)), ENOMEM);
        expect(!aw_cancel(NULL));
        expect(aw_task_done(NULL));
        expect_error(aw_task_result(NULL), ENOMEM);
        aw_task_detach(NULL);
        expect_int(await(aw_wait(tasks, 2, AW_FIRST_EXCEPTION, AW_NEVER)), 1);
        expect_int(await(aw_wait(tasks, 2, AW_ALL_COMPLETED, AW_NEVER)), 2);
        expect_error(await(aw_gather(tasks, 2, results)), ENOMEM);
        expect_int(results[0], 3);
        expect_int(results[1], -1);
        expect(tasks[0] == NULL);
        return 0;
}

static async int
gather_nothing_for_long(void *argument)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL), NULL};

        expect_error(await(aw_gather(tasks, 2, NULL)), ENOMEM);
        expect(tasks[0] != NULL);
        aw_event_set(argument);
        tasks[1] = tasks[0];
        return await(aw_gather(tasks + 1, 1, NULL));
}

static async int
gather_fails_at_once_over_a_task_that_is_missing(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("gather", gather_nothing_for_long, &event);

        expect_int(await(aw_event_wait(&event, AW_NEVER)), 0);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
a_task_that_is_done_cannot_be_cancelled(NOTHING)
{
        struct aw_task *task = aw_spawn("give", give, NUMBER(4));

        await(aw_sleep(0));
        expect(!aw_cancel(task));
        expect_int(await(aw_join(task)), 4);
        return 0;
}

static async int
after_a_cancellation_a_task_can_clean_up_and_await(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
a_second_cancellation_reaches_the_clean_up(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled disturbed");
        return 0;
}

static async int
two_cancellations_before_the_task_runs_are_delivered_as_one(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
cancel_oneself(NOTHING)
{
        expect(aw_cancel(aw_task_current()));
        trace("on");
        return await(clean_up(NULL));
}

static async int
a_task_that_cancels_itself_goes_on_to_its_next_await(NOTHING)
{
        expect_error(await(aw_join(aw_spawn("self", cancel_oneself, NULL))), ECANCELED);
        expect_trace("on cancelled cleaned");
        return 0;
}

static async int
cancel_oneself_and_return(NOTHING)
{
        aw_cancel(aw_task_current());
        return 3;
}

static async int
a_cancellation_that_meets_no_await_has_no_effect(NOTHING)
{
        expect_int(await(aw_join(aw_spawn("self", cancel_oneself_and_return, NULL))), 3);
        return 0;
}

/* While ready. */

static async int
wait_for_event(void *argument)
{
        int result = await(aw_event_wait(argument, AW_NEVER));

        trace(result == 0 ? "woken" : "cancelled");
        return result;
}

static async int
a_task_cancelled_after_it_was_woken_fails_with_ecanceled(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("waiter", wait_for_event, &event);

        await(aw_sleep(0));
        aw_event_set(&event);
        expect(aw_cancel(task));
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
yield_once(NOTHING)
{
        return await(aw_sleep(0));
}

static async int
a_task_cancelled_while_it_yields_fails_with_ecanceled(NOTHING)
{
        struct aw_task *task = aw_spawn("yielder", yield_once, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        return 0;
}

static async int
sleep_a_moment(NOTHING)
{
        return await(aw_sleep(1));
}

/* The sleeper's timer is in the ready queue, or has made it ready. */
static async int
a_sleep_cancelled_when_its_time_has_come_fails_with_ecanceled(NOTHING)
{
        struct aw_task *task;
        int i, cancelled = 0;

        for (i = 0; i < 6; i++) {
                task = aw_spawn("sleeper", sleep_a_moment, NULL);
                await(aw_sleep(0));
                busy_until(aw_loop_now() + 2);
                await(yield(i));
                if (aw_cancel(task)) {
                        expect_error(await(aw_join(task)), ECANCELED);
                        cancelled++;
                } else {
                        expect_int(await(aw_join(task)), 0);
                }
        }
        expect(cancelled >= 2 && cancelled <= 4);
        return 0;
}

static async int
wait_until_passed(void *argument)
{
        return await(aw_event_wait(argument, aw_loop_now()));
}

/* The deadline ends the wait in one turn, the task runs in the next: in between it is cancelled. */
static async int
cancel_beats_a_time_out_that_came_first(NOTHING)
{
        struct aw_event never = {.set = false};
        struct aw_task *task;
        int i, late = 0;

        for (i = 0; i < 6; i++) {
                task = aw_spawn("waiter", wait_until_passed, &never);
                await(yield(1 + i));
                if (aw_cancel(task)) {
                        expect_error(await(aw_join(task)), ECANCELED);
                } else {
                        expect_error(await(aw_join(task)), ETIMEDOUT);
                        late++;
                }
        }
        expect(late >= 2 && late <= 5);
        return 0;
}

/* errno is the thread's, but each task has its own. */
static async int
spoil_errno(void *argument)
{
        for (int i = 0; i < 10; i++) {
                errno = (int)(intptr_t)argument;
                expect_int(await(aw_sleep(i % 2)), 0);
                expect_int(errno, (int)(intptr_t)argument);
        }
        return 0;
}

static async int
an_await_that_succeeds_leaves_errno_alone(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("a", spoil_errno, NUMBER(EIO)),
                                   aw_spawn("b", spoil_errno, NUMBER(EDOM))};

        errno = ERANGE;
        expect_int(await(aw_gather(tasks, 2, NULL)), 0);
        expect_int(errno, ERANGE);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_cancelled_sleep_fails_with_ecanceled),
                on_loop(a_task_cancelled_before_it_starts_starts_and_its_first_await_fails),
                on_loop(an_argument_is_its_tasks_whatever_happens),
                cmocka_unit_test(so_it_is_at_the_end_of_aw_run),
                on_loop(a_task_that_could_not_be_spawned_has_failed),
                on_loop(gather_fails_at_once_over_a_task_that_is_missing),
                on_loop(a_task_that_is_done_cannot_be_cancelled),
                on_loop(after_a_cancellation_a_task_can_clean_up_and_await),
                on_loop(a_second_cancellation_reaches_the_clean_up),
                on_loop(two_cancellations_before_the_task_runs_are_delivered_as_one),
                on_loop(a_task_that_cancels_itself_goes_on_to_its_next_await),
                on_loop(a_cancellation_that_meets_no_await_has_no_effect),
                on_loop(a_task_cancelled_after_it_was_woken_fails_with_ecanceled),
                on_loop(a_task_cancelled_while_it_yields_fails_with_ecanceled),
                on_loop(a_sleep_cancelled_when_its_time_has_come_fails_with_ecanceled),
                on_loop(cancel_beats_a_time_out_that_came_first),
                on_loop(an_await_that_succeeds_leaves_errno_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
