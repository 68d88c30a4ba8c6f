/* SPDX-License-Identifier: MIT */
/* Time-outs. */
#include "oracle/oracle.h"

static void
stand_still(int count)
{
        aw_time until = within(count);

        while (aw_loop_now() < until)
                continue;
}

/* What a time-out makes of it; errno is kept. */
static int
say_exit(struct aw_timeout *timeout, int result)
{
        int error;

        result = aw_timeout_exit(timeout, result);
        error = errno;
        say_outcome(result);
        errno = error;
        return result;
}

static async int
sleep_in_two(int outer_count, int inner_count, int stand_still_for)
{
        struct aw_timeout outer, inner;
        int result;

        aw_timeout_enter(&outer, within(outer_count));
        aw_timeout_enter(&inner, within(inner_count));
        stand_still(stand_still_for);
        result = say_exit(&inner, await(nap(1000)));
        say_exit(&outer, result);
        await(say_what_is_left());
        return 0;
}

static async int
the_outer_one_comes_first(void *unused)
{
        (void)unused;
        return await(sleep_in_two(5, 50, 0));
}

static async int
both_are_due_when_the_loop_turns(void *unused)
{
        (void)unused;
        return await(sleep_in_two(10, 5, 20));
}

/* test_timeouts: test_nested_timeouts. */
static async int
the_inner_one_comes_first(void *unused)
{
        struct aw_timeout outer, inner;

        (void)unused;
        aw_timeout_enter(&outer, within(500));
        aw_timeout_enter(&inner, within(5));
        say_exit(&inner, await(nap(1000)));
        say_exit(&outer, await(nap(1)));
        await(say_what_is_left());
        return 0;
}

static async int
sleep_for_10_ms_at_most(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, within(10));
        say_exit(&timeout, await(nap(1000)));
        await(say_what_is_left());
        return 0;
}

static async int
cancelled_and_due_in_one_turn(void *unused)
{
        struct aw_task *task = aw_spawn("timed", sleep_for_10_ms_at_most, NULL);

        (void)unused;
        await(nap(1));
        stand_still(20);
        aw_cancel(task);
        return await(aw_join(task));
}

static async int
delivered_at_the_next_await(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, within(5));
        await(nap(1));
        stand_still(20);
        await(aw_sleep(0));
        if (await(nap(1)) == -1)
                say("delivered");
        say_exit(&timeout, 0);
        await(say_what_is_left());
        return 0;
}

static async int
caught_inside_it_is_over(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, within(5));
        await(nap(1000));
        say_exit(&timeout, 0);
        await(say_what_is_left());
        return 0;
}

static async int
take_5_ms_to_clean_up(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        if (await(nap(1000)) == 0)
                return 0;
        aw_timeout_enter(&timeout, within(5));
        say_exit(&timeout, await(nap(1000)));
        await(say_what_is_left());
        return 0;
}

static async int
for_the_clean_up_of_one_that_was_cancelled(void *unused)
{
        (void)unused;
        await(run_and_cancel(take_5_ms_to_clean_up, 1));
        return 0;
}

static async int
another_error_stays_what_it_is(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, within(5));
        say_exit(&timeout, await(fail_when_cancelled(NUMBER(EIO))));
        await(say_what_is_left());
        return 0;
}

/* What is waited for fails in the turn in which the time is over. */
static async int
due_when_it_fails(void *unused)
{
        struct aw_task *task = aw_spawn("fails", fail_after, NUMBER(5));
        struct aw_timeout timeout;

        (void)unused;
        await(nap(1));
        aw_timeout_enter(&timeout, within(8));
        stand_still(20);
        say_exit(&timeout, await(aw_join(task)));
        await(say_what_is_left());
        return 0;
}

/* test_timeouts: test_timeout_zero. What comes before the first await runs. */
static async int
over_before_it_begins(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, aw_loop_now() - AW_SECOND);
        say("ran");
        say_exit(&timeout, await(nap(1000)));
        await(say_what_is_left());
        return 0;
}

/* test_timeouts: test_timeout_disabled. */
static async int
without_an_end(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, AW_NEVER);
        say_exit(&timeout, await(nap(10)));
        return 0;
}

/* test_timeouts: test_timeout_not_called. It does not come afterwards either. */
static async int
not_needed(void *unused)
{
        struct aw_timeout timeout;

        (void)unused;
        aw_timeout_enter(&timeout, within(20));
        say_exit(&timeout, await(nap(1)));
        say_outcome(await(nap(40)));
        return 0;
}

static const struct scenario scenarios[] = {
        SCENARIO(the_outer_one_comes_first),
        SCENARIO(both_are_due_when_the_loop_turns),
        SCENARIO(the_inner_one_comes_first),
        SCENARIO(cancelled_and_due_in_one_turn),
        SCENARIO(delivered_at_the_next_await),
        SCENARIO(caught_inside_it_is_over),
        SCENARIO(for_the_clean_up_of_one_that_was_cancelled),
        SCENARIO(another_error_stays_what_it_is),
        SCENARIO(due_when_it_fails),
        SCENARIO(over_before_it_begins),
        SCENARIO(without_an_end),
        SCENARIO(not_needed),
};

ORACLE_MAIN(scenarios)
