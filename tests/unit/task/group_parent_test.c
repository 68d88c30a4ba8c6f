/* SPDX-License-Identifier: MIT */
/* A group's parent: it is interrupted by failures, and cancelled by others. */
#include "await/task_wait.h"
#include "task/private.h"
#include "unit/task/task_test.h"

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

/* Longer than a failure in the group takes. */
static async int
set_after_some_turns(void *event)
{
        await(yield(10));
        aw_event_set(event);
        return 0;
}

/* Joins a task that ignores being cancelled along: so that cancellation stays pending. */
static async void
join_a_stubborn_task(struct aw_group *group)
{
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("stubborn", be_stubborn, &event);

        await(aw_sleep(0));
        expect_int(aw_group_spawn(group, "fail", give_error, NUMBER(EPROTO)), 0);
        aw_task_detach(aw_spawn("later", set_after_some_turns, &event));
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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_failure_interrupts_the_parent_wherever_it_waits),
                on_loop(an_interruption_that_was_not_delivered_is_taken_back),
                on_loop(a_cancelled_join_cancels_the_tasks_and_waits_for_them),
                on_loop(a_cancellation_of_the_parent_after_a_failure_comes_after_it),
                on_loop(so_does_one_that_makes_a_task_fail),
                on_loop(a_cancellation_that_meets_a_failure_survives_it),
                on_loop(a_failure_in_the_turn_of_a_time_out_is_told),
                on_loop(a_cancelled_join_waits_for_those_who_ignore_it),
                on_loop(a_cancellation_beside_the_group_s_own_is_not_taken_back),
                on_loop(a_group_can_fail_in_the_clean_up_of_a_cancelled_task),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
