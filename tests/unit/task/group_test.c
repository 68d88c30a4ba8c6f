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
        struct aw_task_usage before, now;
        struct aw_group group;
        struct aw_task *task;

        aw_task_usage(&before);
        for (intptr_t sleeps = 0; sleeps < 2; sleeps++) {
                aw_group_init(&group);
                aw_group_spawn(&group, "mute", return_without_errno, (void *)sleeps);
                aw_group_spawn(&group, "sleeper", sleep_long, NULL);
                expect_error(await(aw_group_join(&group)), EIO);
                expect_trace("cancelled");
                task = aw_spawn("mute", return_without_errno, (void *)sleeps);
                expect_error(await(aw_join(task)), EIO);
                aw_task_detach(aw_spawn("detached", return_without_errno, (void *)sleeps));
                do {
                        await(aw_sleep(10));
                        aw_task_usage(&now);
                } while (now.tasks > before.tasks);
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
static struct aw_group ending;
static struct aw_event stubborn_may_end;

/* It learns that its group ends, fails a moment later, and finds that nobody else can begin. */
static async int
spawn_when_cancelled(NOTHING)
{
        expect_int(await(sleep_long(NULL)), -1);
        expect_error(aw_group_spawn(&ending, "late", sleep_long, NULL), ECANCELED);
        await(yield(2));
        errno = EIO;
        return -1;
}

static async int
join_the_ending(NOTHING)
{
        aw_group_init(&ending);
        expect_int(aw_group_spawn(&ending, "stubborn", be_stubborn, &stubborn_may_end), 0);
        expect_int(aw_group_spawn(&ending, "spawner", spawn_when_cancelled, NULL), 0);
        expect_error(await(aw_group_join(&ending)), EIO);
        expect_error(await(aw_sleep(0)), ECANCELED);
        return 0;
}

static async int
a_group_whose_join_is_cancelled_takes_no_more_and_cancels_once(NOTHING)
{
        struct aw_task *parent;

        aw_event_clear(&stubborn_may_end);
        parent = aw_spawn("parent", join_the_ending, NULL);
        await(yield(3));
        aw_cancel(parent);
        /* Longer than the failure takes. */
        await(yield(10));
        aw_event_set(&stubborn_may_end);
        expect_int(await(aw_join(parent)), 0);
        expect_trace("ignored cancelled");
        return 0;
}

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
                on_loop(minus_one_without_errno_is_a_failure),
                on_loop(scopes_may_overlap),
                on_loop(any_number_may_be_open),
                on_loop(a_group_that_was_joined_takes_no_more_tasks),
                on_loop(the_failure_of_an_inner_group_is_one_of_the_outer),
                on_loop(a_failure_in_the_outer_group_ends_the_inner_one),
                on_loop(a_timeout_ends_a_group),
                on_loop(a_group_waits_for_tasks_that_its_tasks_add),
                on_loop(a_group_whose_join_is_cancelled_takes_no_more_and_cancels_once),
                on_loop(a_join_in_the_turn_of_the_failure_cancels_the_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
