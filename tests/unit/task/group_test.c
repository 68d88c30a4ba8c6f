/* SPDX-License-Identifier: MIT */
/* asyncio's TaskGroup. */
#include "await/task_wait.h"
#include "task/private.h"
#include "unit/task/task_test.h"

static async int
say_and_yield(void *argument)
{
        trace(argument);
        await(aw_sleep(0));
        return 3;
}

static async int
sleep_and_fail(void *argument)
{
        await(yield(2));
        return await(give_error(argument));
}

/* Says when it was told to stop, and fails then in its own way. */
static async int
fail_when_cancelled(void *argument)
{
        await(sleep_long(NULL));
        return await(give_error(argument));
}

static async int
a_group_joins_all_its_tasks(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", say_and_yield, "a"), 0);
        expect_int(aw_group_spawn(&group, "b", say_and_yield, "b"), 0);
        expect_int(await(aw_group_join(&group)), 0);
        expect_trace("a b");
        return 0;
}

static async int
a_group_without_tasks_or_whose_tasks_have_ended_does_not_wait(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(await(aw_group_join(&group)), 0);
        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", say_and_yield, "a"), 0);
        await(yield(5));
        expect_int(aw_group_spawn(&group, "b", say_and_yield, "b"), 0);
        expect_int(await(aw_group_join(&group)), 0);
        expect_trace("a b");
        return 0;
}

static async int
the_first_failure_cancels_the_others(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", clean_up, NULL), 0);
        expect_int(aw_group_spawn(&group, "b", sleep_and_fail, NUMBER(EPROTO)), 0);
        expect_int(aw_group_spawn(&group, "c", sleep_long, NULL), 0);
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("cancelled cancelled cleaned");
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
a_failure_while_others_are_being_cancelled_is_kept_and_logged(NOTHING)
{
        struct aw_group group;
        int errors[3] = {0, 0, 0};

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", fail_when_cancelled, NUMBER(EIO)), 0);
        expect_int(aw_group_spawn(&group, "b", clean_up, NULL), 0);
        expect_int(aw_group_spawn(&group, "c", sleep_and_fail, NUMBER(EPROTO)), 0);
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("cancelled cancelled cleaned");
        expect_log("task 'a' failed after another of its group: Input/output error");
        expect_int((long long)aw_group_errors(&group, NULL, 0), 2);
        expect_int((long long)aw_group_errors(&group, errors, 1), 2);
        expect(errors[0] == EPROTO && errors[1] == 0);
        expect_int((long long)aw_group_errors(&group, errors, 3), 2);
        expect(errors[0] == EPROTO && errors[1] == EIO && errors[2] == 0);
        return 0;
}

static async int
a_task_that_was_cancelled_has_not_failed(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", clean_up, NULL), 0);
        await(aw_sleep(0));
        aw_group_cancel(&group);
        expect_int(await(aw_group_join(&group)), 0);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
cancelled_tasks_stop_in_the_order_in_which_they_were_spawned(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", say_and_yield, "a"), 0);
        expect_int(aw_group_spawn(&group, "b", fail_when_cancelled, NUMBER(1)), 0);
        expect_int(aw_group_spawn(&group, "c", fail_when_cancelled, NUMBER(2)), 0);
        await(yield(3));
        aw_group_cancel(&group);
        /* Both fail when cancelled: the first one is b. */
        expect_error(await(aw_group_join(&group)), 1);
        expect_log("task 'c' failed after another of its group: ");
        expect_trace("a cancelled cancelled");
        return 0;
}

/* The parent. */

static async int
a_failure_interrupts_the_parent_wherever_it_waits(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", sleep_and_fail, NUMBER(EPROTO)), 0);
        expect_error(await(sleep_long(NULL)), ECANCELED);
        expect_error(aw_group_spawn(&group, "late", sleep_long, NULL), ECANCELED);
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("cancelled");
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

/* Joins a task that ignores being cancelled along: so that cancellation stays pending. */
static async void
join_a_stubborn_task(struct aw_group *group)
{
        struct aw_event event = {.set = false};
        struct aw_handle set = {.state = 0};
        struct aw_task *task = aw_spawn("stubborn", be_stubborn, &event);

        await(aw_sleep(0));
        expect_int(aw_group_spawn(group, "fail", give_error, NUMBER(EPROTO)), 0);
        aw_call_later(&set, 300, set_event, &event);
        expect_int(await(aw_join(task)), 7);
        expect(aw_task_current()->cancel);
}

static async int
an_interruption_that_was_not_delivered_is_taken_back(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        await(join_a_stubborn_task(&group));
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("ignored");
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

struct parent {
        struct aw_group group;
        struct aw_event event;
        struct aw_task *task;
};

static async int
join_a_cleaner(void *argument)
{
        struct parent *parent = argument;

        aw_group_init(&parent->group);
        expect_int(aw_group_spawn(&parent->group, "cleaner", clean_up, NULL), 0);
        return await(aw_group_join(&parent->group));
}

static async int
a_cancelled_join_cancels_the_tasks_and_waits_for_them(NOTHING)
{
        struct parent parent;
        struct aw_task *task = aw_spawn("parent", join_a_cleaner, &parent);

        await(yield(2));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
join_what_fails(void *argument)
{
        struct parent *parent = argument;

        aw_group_init(&parent->group);
        expect_int(aw_group_spawn(&parent->group, "cleaner", clean_up, NULL), 0);
        expect_int(aw_group_spawn(&parent->group, "fail", give_error, NUMBER(EPROTO)), 0);
        expect_error(await(aw_group_join(&parent->group)), EPROTO);
        return await(aw_sleep(0));
}

/*
 * The tasks are on their way out already: they are not disturbed in their clean-up. Neither the
 * failure nor the cancellation is lost.
 */
static async int
a_cancellation_of_the_parent_after_a_failure_comes_after_it(NOTHING)
{
        struct parent parent;
        struct aw_task *task = aw_spawn("parent", join_what_fails, &parent);

        while (strcmp(test_trace, "cancelled") != 0)
                await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
join_what_fails_when_cancelled(void *argument)
{
        struct parent *parent = argument;

        aw_group_init(&parent->group);
        expect_int(aw_group_spawn(&parent->group, "a", fail_when_cancelled, NUMBER(EIO)), 0);
        expect_error(await(aw_group_join(&parent->group)), EIO);
        expect_int(aw_cancelled(), 1);
        return await(aw_sleep(0));
}

static async int
so_does_one_that_makes_a_task_fail(NOTHING)
{
        struct parent parent;
        struct aw_task *task = aw_spawn("parent", join_what_fails_when_cancelled, &parent);

        await(yield(2));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
fail_at_the_event(void *argument)
{
        struct parent *parent = argument;

        if (await(aw_event_wait(&parent->event, AW_NEVER)) == -1)
                return -1;
        return await(give_error(NUMBER(EIO)));
}

/* Tries again after an error, ends when it is cancelled. */
static async int
be_persistent(void *argument)
{
        struct parent *parent = argument;
        int rounds, body, result;

        for (rounds = 1; rounds < 5; rounds++) {
                aw_group_init(&parent->group);
                aw_group_spawn(&parent->group, "child", fail_at_the_event, parent);
                body = await(sleep_long(NULL));
                aw_group_cancel(&parent->group);
                result = await(aw_group_join(&parent->group));
                if (result == 0 && body == -1)
                        break;
                expect_error(result, EIO);
                parent->event.set = false;
        }
        return rounds;
}

/* In one turn the child fails and somebody cancels the parent (CPython's gh-116720). */
static async int
a_cancellation_that_meets_a_failure_survives_it(NOTHING)
{
        struct parent parent = {.event.set = false};
        struct aw_task *task = aw_spawn("parent", be_persistent, &parent);

        await(yield(3));
        aw_event_set(&parent.event);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), 2);
        expect_trace("cancelled cancelled");
        return 0;
}

/* The time-out may well have come, but the failure is not its doing. */
static async int
a_failure_in_the_turn_of_a_time_out_is_told(NOTHING)
{
        struct parent parent = {.event.set = false};
        struct aw_timeout timeout;
        aw_time when = aw_loop_now() + 200;

        aw_timeout_enter(&timeout, when);
        aw_group_init(&parent.group);
        expect_int(aw_group_spawn(&parent.group, "child", fail_at_the_event, &parent), 0);
        await(aw_sleep(0));
        busy_until(when);
        aw_event_set(&parent.event);
        expect_error(aw_timeout_exit(&timeout, await(aw_group_join(&parent.group))), EIO);
        expect_int(await(aw_sleep(0)), 0);
        expect_int(aw_cancelled(), 0);
        return 0;
}

static async int
return_without_errno(void *argument)
{
        if (argument != NULL)
                expect_int(await(aw_sleep(1)), 0);
        return -1;
}

static async int
minus_one_without_errno_is_a_failure(NOTHING)
{
        struct aw_group group;
        struct aw_task *task;

        for (intptr_t sleeps = 0; sleeps < 2; sleeps++) {
                aw_group_init(&group);
                aw_group_spawn(&group, "mute", return_without_errno, (void *)sleeps);
                aw_group_spawn(&group, "sleeper", sleep_long, NULL);
                expect_error(await(aw_group_join(&group)), EIO);
                expect_trace("cancelled");
                task = aw_spawn("mute", return_without_errno, (void *)sleeps);
                expect_error(await(aw_join(task)), EIO);
                aw_task_detach(aw_spawn("detached", return_without_errno, (void *)sleeps));
                await(aw_sleep(10));
                await(aw_sleep(0));
                expect_log("task 'detached' ended with an error nobody looked at: it returned -1 "
                           "and set no errno");
        }
        return 0;
}

/* But for time-outs among themselves they need not end in the reverse order of their beginnings. */
static async int
scopes_may_overlap(NOTHING)
{
        struct aw_group first, second;
        struct aw_timeout timeout, other;

        aw_group_init(&first);
        aw_group_init(&second);
        expect_int(aw_group_spawn(&first, "a", say_and_yield, "a"), 0);
        aw_timeout_enter(&timeout, AW_NEVER);
        expect_int(aw_group_spawn(&second, "b", say_and_yield, "b"), 0);
        aw_timeout_enter(&other, AW_NEVER);
        expect_int(await(aw_group_join(&first)), 0);
        expect_int(aw_timeout_exit(&other, 0), 0);
        expect_int(await(aw_sleep(0)), 0);
        expect_int(aw_timeout_exit(&timeout, 0), 0);
        expect_int(await(aw_group_join(&second)), 0);
        expect_trace("a b");
        return 0;
}

/* More than are looked at each time. */
static async int
any_number_may_be_open(NOTHING)
{
        struct aw_timeout timeouts[10];

        for (size_t i = 0; i < 10; i++)
                aw_timeout_enter(&timeouts[i], AW_NEVER);
        expect_int(await(aw_sleep(0)), 0);
        for (size_t i = 0; i < 10; i++)
                expect_int(aw_timeout_exit(&timeouts[9 - i], 0), 0);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
a_group_that_was_joined_takes_no_more_tasks(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "a", say_and_yield, "a"), 0);
        expect_int(await(aw_group_join(&group)), 0);
        expect_error(aw_group_spawn(&group, "b", say_and_yield, "b"), EINVAL);
        expect_trace("a");
        return 0;
}

static async int
wait_and_join(void *argument)
{
        struct parent *parent = argument;
        int result;

        aw_group_init(&parent->group);
        expect_int(aw_group_spawn(&parent->group, "stubborn", be_stubborn, &parent->event), 0);
        result = await(aw_group_join(&parent->group));
        trace(result == 0 ? "joined" : "cancelled");
        expect_int(await(aw_sleep(0)), 0);
        return result;
}

static async int
a_cancelled_join_waits_for_those_who_ignore_it(NOTHING)
{
        struct parent parent = {.event.set = false};
        struct aw_task *task = aw_spawn("parent", wait_and_join, &parent);

        await(yield(2));
        aw_cancel(task);
        await(yield(3));
        expect(!aw_task_done(task));
        expect_trace("ignored");
        aw_event_set(&parent.event);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

/* Both its own failing group and someone else cancel it, and neither is delivered before the join. */
static async int
be_interrupted_and_cancelled(void *argument)
{
        struct parent *parent = argument;

        aw_group_init(&parent->group);
        await(join_a_stubborn_task(&parent->group));
        aw_cancel(aw_task_current());
        /* There is nothing to wait for; the next await is the one to fail. */
        expect_error(await(aw_group_join(&parent->group)), EPROTO);
        return await(aw_sleep(0));
}

static async int
a_cancellation_beside_the_group_s_own_is_not_taken_back(NOTHING)
{
        struct parent parent;

        expect_error(await(aw_join(aw_spawn("parent", be_interrupted_and_cancelled, &parent))),
                     ECANCELED);
        expect_trace("ignored");
        return 0;
}

/* The cancellation of before is not the group's. */
static async int
clean_up_with_a_group(NOTHING)
{
        struct aw_group group;

        expect_error(await(aw_sleep(AW_NEVER)), ECANCELED);
        aw_group_init(&group);
        await(join_a_stubborn_task(&group));
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("ignored");
        expect_int(await(aw_sleep(0)), 0);
        return 5;
}

static async int
a_group_can_fail_in_the_clean_up_of_a_cancelled_task(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up_with_a_group, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), 5);
        return 0;
}

/* Groups in groups. */

static async int
join_an_inner_group(void *argument)
{
        struct aw_group group;
        int result;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "inner cleaner", clean_up, NULL), 0);
        if (argument != NULL)
                expect_int(aw_group_spawn(&group, "inner fail", sleep_and_fail, argument), 0);
        result = await(aw_group_join(&group));
        trace("inner");
        return result;
}

static async int
the_failure_of_an_inner_group_is_one_of_the_outer(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "inner", join_an_inner_group, NUMBER(EPROTO)), 0);
        expect_int(aw_group_spawn(&group, "outer cleaner", clean_up, NULL), 0);
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("cancelled cleaned inner cancelled cleaned");
        return 0;
}

static async int
a_failure_in_the_outer_group_ends_the_inner_one(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "inner", join_an_inner_group, NULL), 0);
        expect_int(aw_group_spawn(&group, "outer fail", sleep_and_fail, NUMBER(EPROTO)), 0);
        expect_error(await(aw_group_join(&group)), EPROTO);
        expect_trace("cancelled cleaned inner");
        return 0;
}

static async int
a_timeout_ends_a_group(NOTHING)
{
        struct aw_timeout timeout;
        struct aw_group group;

        aw_timeout_enter(&timeout, aw_loop_now() + 500);
        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "inner", join_an_inner_group, NULL), 0);
        expect_error(aw_timeout_exit(&timeout, await(aw_group_join(&group))), ETIMEDOUT);
        expect_trace("cancelled cleaned inner");
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

/* A task of the group may add another. */
static async int
spawn_a_sibling(void *argument)
{
        return aw_group_spawn(argument, "sibling", say_and_yield, "sibling");
}

static async int
a_group_waits_for_tasks_that_its_tasks_add(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        expect_int(aw_group_spawn(&group, "adder", spawn_a_sibling, &group), 0);
        expect_int(await(aw_group_join(&group)), 0);
        expect_trace("sibling");
        return 0;
}

/* It is the join that sees the failure then: its callback has not had its turn. */
static async int
a_join_in_the_turn_of_the_failure_cancels_the_others(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        aw_group_spawn(&group, "fails", give_error, NUMBER(EIO));
        aw_group_spawn(&group, "sleeps", sleep_long, NULL);
        expect_int(await(aw_sleep(0)), 0);
        expect_error(await(aw_group_join(&group)), EIO);
        expect_trace("cancelled");
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_group_joins_all_its_tasks),
                on_loop(a_group_without_tasks_or_whose_tasks_have_ended_does_not_wait),
                on_loop(the_first_failure_cancels_the_others),
                on_loop(a_failure_while_others_are_being_cancelled_is_kept_and_logged),
                on_loop(a_task_that_was_cancelled_has_not_failed),
                on_loop(cancelled_tasks_stop_in_the_order_in_which_they_were_spawned),
                on_loop(a_failure_interrupts_the_parent_wherever_it_waits),
                on_loop(an_interruption_that_was_not_delivered_is_taken_back),
                on_loop(a_cancelled_join_cancels_the_tasks_and_waits_for_them),
                on_loop(a_cancellation_of_the_parent_after_a_failure_comes_after_it),
                on_loop(so_does_one_that_makes_a_task_fail),
                on_loop(a_cancellation_that_meets_a_failure_survives_it),
                on_loop(a_failure_in_the_turn_of_a_time_out_is_told),
                on_loop(minus_one_without_errno_is_a_failure),
                on_loop(scopes_may_overlap),
                on_loop(any_number_may_be_open),
                on_loop(a_group_that_was_joined_takes_no_more_tasks),
                on_loop(a_cancelled_join_waits_for_those_who_ignore_it),
                on_loop(a_cancellation_beside_the_group_s_own_is_not_taken_back),
                on_loop(a_group_can_fail_in_the_clean_up_of_a_cancelled_task),
                on_loop(the_failure_of_an_inner_group_is_one_of_the_outer),
                on_loop(a_failure_in_the_outer_group_ends_the_inner_one),
                on_loop(a_timeout_ends_a_group),
                on_loop(a_group_waits_for_tasks_that_its_tasks_add),
                on_loop(a_join_in_the_turn_of_the_failure_cancels_the_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
