/* SPDX-License-Identifier: MIT */
/* Cancellation, and tasks that are joined. */
#include "await/task_wait.h"
#include "unit/task/task_test.h"

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
                on_loop(a_cancelled_joiner_can_wait_in_its_clean_up),
                on_loop(who_joins_passes_a_cancellation_on_and_waits),
                on_loop(a_cancellation_that_the_joined_task_ignores_is_not_lost),
                on_loop(a_cancellation_goes_through_a_chain_of_joins),
                on_loop(a_cancellation_that_is_pending_reaches_what_is_joined),
                on_loop(a_cancellation_after_the_joined_task_ended_comes_at_the_next_await),
                on_loop(a_cancellation_is_not_lost_in_the_join_of_a_task_that_was_cancelled_before),
                on_loop(a_task_can_ask_whether_it_was_cancelled),
                on_loop(a_wait_and_a_detach_are_a_shield),
                on_loop(a_task_that_was_cancelled_by_itself_does_not_cancel_its_joiner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
