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

/* Joining. */

static async int
join_and_clean_up(void *argument)
{
        expect_error(await(aw_join(argument)), ECANCELED);
        expect_int(await(aw_sleep(0)), 0);
        expect_int(await(aw_sleep(100)), 0);
        trace("cleaned");
        return 4;
}

/* The task that it joined has received the cancellation, so it is over. */
static async int
a_cancelled_joiner_can_wait_in_its_clean_up(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);
        struct aw_task *joiner = aw_spawn("joiner", join_and_clean_up, task);

        await(yield(2));
        expect(aw_cancel(joiner));
        expect_int(await(aw_join(joiner)), 4);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
join_it(void *argument)
{
        int result = await(aw_join(argument));

        trace(result == -1 ? "join failed" : "joined");
        return result;
}

static async int
who_joins_passes_a_cancellation_on_and_waits(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up, NULL);
        struct aw_task *joiner = aw_spawn("joiner", join_it, task);

        await(aw_sleep(0));
        aw_cancel(joiner);
        expect_error(await(aw_join(joiner)), ECANCELED);
        expect_trace("cancelled cleaned join failed");
        return 0;
}

static async int
join_twice(void *argument)
{
        struct aw_event *event = argument;
        int result = await(aw_join(aw_spawn("stubborn", be_stubborn, event)));

        trace(result == 7 ? "7" : "lost");
        expect_error(await(aw_sleep(0)), ECANCELED);
        expect_int(await(aw_sleep(0)), 0);
        return result;
}

/* The caller gets the result, and its own cancellation at its next await. */
static async int
a_cancellation_that_the_joined_task_ignores_is_not_lost(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *joiner = aw_spawn("joiner", join_twice, &event);

        await(yield(2));
        aw_cancel(joiner);
        await(yield(2));
        expect_trace("ignored");
        aw_event_set(&event);
        expect_int(await(aw_join(joiner)), 7);
        expect_trace("7");
        return 0;
}

static async int
a_cancellation_goes_through_a_chain_of_joins(NOTHING)
{
        struct aw_task *a = aw_spawn("a", clean_up, NULL);
        struct aw_task *b = aw_spawn("b", join_it, a);
        struct aw_task *c = aw_spawn("c", join_it, b);

        await(aw_sleep(0));
        aw_cancel(c);
        expect_error(await(aw_join(c)), ECANCELED);
        expect_trace("cancelled cleaned join failed join failed");
        return 0;
}

static async int
cancel_then_join(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);

        await(aw_sleep(0));
        aw_cancel(aw_task_current());
        return await(aw_join(task));
}

static async int
a_cancellation_that_is_pending_reaches_what_is_joined(NOTHING)
{
        expect_error(await(aw_join(aw_spawn("self", cancel_then_join, NULL))), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
join_and_sleep(void *argument)
{
        int result = await(aw_join(argument));

        trace(await(aw_sleep(0)) == -1 ? "cancelled" : "slept");
        return result;
}

/* There is nothing left to cancel but the joiner itself, which has the result and may use it. */
static async int
a_cancellation_after_the_joined_task_ended_comes_at_the_next_await(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("waiter", be_stubborn, &event);
        struct aw_task *joiner = aw_spawn("joiner", join_and_sleep, task);

        await(aw_sleep(0));
        aw_event_set(&event);
        await(aw_sleep(0));
        expect(aw_task_done(task));
        expect(aw_cancel(joiner));
        expect_int(await(aw_join(joiner)), 7);
        expect_trace("cancelled");
        return 0;
}

static async int
cancel_oneself_and_join(void *argument)
{
        int result;

        aw_cancel(argument);
        await(yield(2));
        aw_cancel(aw_task_current());
        expect_error(await(aw_join(argument)), ECANCELED);
        result = await(aw_sleep(0));
        trace(result == -1 ? "pending" : "clean");
        return result;
}

/* That the joined task was cancelled is another matter, which was over by then. */
static async int
a_cancellation_is_not_lost_in_the_join_of_a_task_that_was_cancelled_before(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);
        struct aw_task *joiner = aw_spawn("joiner", cancel_oneself_and_join, task);

        expect_error(await(aw_join(joiner)), ECANCELED);
        expect_trace("cancelled pending");
        return 0;
}

/* As in asyncio the join of a task that the cleaner cancelled hides its own cancellation. */
static async int
clean_up_by_a_join(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);

        await(aw_sleep(0));
        expect_int(aw_cancelled(), 0);
        aw_cancel(aw_task_current());
        expect_int(aw_cancelled(), 1);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(await(aw_sleep(0)), 0);
        expect_int(aw_cancelled(), 1);
        return 0;
}

static async int
a_task_can_ask_whether_it_was_cancelled(NOTHING)
{
        struct aw_timeout timeout;

        expect_int(await(aw_join(aw_spawn("cleaner", clean_up_by_a_join, NULL))), 0);
        expect_trace("cancelled");
        aw_timeout_enter(&timeout, aw_loop_now() - 1);
        expect_error(await(aw_sleep(AW_SECOND)), ECANCELED);
        expect_int(aw_cancelled(), 1);
        errno = ECANCELED;
        expect_error(aw_timeout_exit(&timeout, -1), ETIMEDOUT);
        expect_int(aw_cancelled(), 0);
        return 0;
}

/* asyncio.shield: the task is waited for, and not cancelled along. */
static async int
wait_shielded(void *argument)
{
        struct aw_task *task = argument;

        if (await(aw_wait(&task, 1, AW_ALL_COMPLETED, AW_NEVER)) == -1) {
                aw_task_detach(task);
                errno = ECANCELED;
                return -1;
        }
        return await(aw_join(task));
}

static async int
a_wait_and_a_detach_are_a_shield(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *shielded = aw_spawn("shielded", be_stubborn, &event);
        struct aw_task *task = aw_spawn("shield", wait_shielded, shielded);

        await(yield(2));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect(!aw_task_done(shielded));
        aw_event_set(&event);
        await(yield(2));
        expect_trace("");
        shielded = aw_spawn("shielded", give, NUMBER(3));
        expect_int(await(aw_join(aw_spawn("shield", wait_shielded, shielded))), 3);
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

static async int
a_task_that_was_cancelled_by_itself_does_not_cancel_its_joiner(NOTHING)
{
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(await(aw_sleep(0)), 0);
        expect_trace("cancelled");
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
                on_loop(a_cancelled_joiner_can_wait_in_its_clean_up),
                on_loop(cancel_beats_a_time_out_that_came_first),
                on_loop(who_joins_passes_a_cancellation_on_and_waits),
                on_loop(a_cancellation_that_the_joined_task_ignores_is_not_lost),
                on_loop(a_cancellation_goes_through_a_chain_of_joins),
                on_loop(a_cancellation_that_is_pending_reaches_what_is_joined),
                on_loop(a_cancellation_after_the_joined_task_ended_comes_at_the_next_await),
                on_loop(a_cancellation_is_not_lost_in_the_join_of_a_task_that_was_cancelled_before),
                on_loop(a_task_can_ask_whether_it_was_cancelled),
                on_loop(a_wait_and_a_detach_are_a_shield),
                on_loop(an_await_that_succeeds_leaves_errno_alone),
                on_loop(a_task_that_was_cancelled_by_itself_does_not_cancel_its_joiner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
