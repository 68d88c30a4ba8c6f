/* SPDX-License-Identifier: MIT */
/* Cancelling, joining, and waiting for several. */
#include "await/sync.h"
#include "oracle/oracle.h"

static struct aw_event event;
static bool ran;

static async int
wait_for_event(void *result)
{
        if (await(aw_event_wait(&event, AW_NEVER)) == -1)
                return -1;
        return (int)(intptr_t)result;
}

static async int
return_at_once(void *result)
{
        ran = true;
        return (int)(intptr_t)result;
}

/* Whatever happens. */
static async int
return_5_when_cancelled(void *unused)
{
        (void)unused;
        return await(nap(1000)) == -1 ? 5 : 0;
}

static async int
wait_10_s_for(void *task)
{
        say_outcome(await(aw_wait_for(task, within(10000))));
        await(say_what_is_left());
        return 0;
}

static async int
a_result_and_a_cancellation_in_one_turn(void *unused)
{
        struct aw_task *inner, *outer;

        (void)unused;
        event = (struct aw_event){.set = false};
        inner = aw_spawn("inner", wait_for_event, NUMBER(1));
        outer = aw_spawn("outer", wait_10_s_for, inner);
        await(nap(2));
        aw_event_set(&event);
        await(aw_sleep(0));
        aw_cancel(outer);
        return await(aw_join(outer));
}

static async int
a_time_that_is_over_already(void *unused)
{
        (void)unused;
        ran = false;
        say_outcome(await(aw_wait_for(aw_spawn("late", return_at_once, NUMBER(1)), within(0))));
        say(ran ? "ran" : "did not run");
        return 0;
}

static async int
a_late_task_has_a_result_all_the_same(void *unused)
{
        (void)unused;
        say_outcome(await(aw_wait_for(aw_spawn("late", return_5_when_cancelled, NULL), within(5))));
        return 0;
}

static async int
a_late_task_fails_instead(void *unused)
{
        struct aw_task *task = aw_spawn("late", fail_when_cancelled, NUMBER(EINVAL));

        (void)unused;
        say_outcome(await(aw_wait_for(task, within(5))));
        return 0;
}

static async int
wait_5_ms_for_a_long_clean_up(void *unused)
{
        struct aw_task *task = aw_spawn("slow", clean_up_for, NUMBER(30));

        (void)unused;
        say_outcome(await(aw_wait_for(task, within(5))));
        await(say_what_is_left());
        return 0;
}

static async int
cancelled_while_a_late_task_cleans_up(void *unused)
{
        (void)unused;
        await(run_and_cancel(wait_5_ms_for_a_long_clean_up, 15));
        return await(nap(40));
}

static async int
cancelled_before_it_begins(void *unused)
{
        struct aw_task *task = aw_spawn("early", return_at_once, NUMBER(1));

        (void)unused;
        ran = false;
        aw_cancel(task);
        say_outcome(await(aw_join(task)));
        say(ran ? "ran" : "did not run");
        return 0;
}

static void
cancel_task(void *task)
{
        aw_cancel(task);
}

static async int
return_7_after_20_ms(void *unused)
{
        (void)unused;
        return await(nap(20)) == -1 ? -1 : 7;
}

static async int
one_of_a_gather_is_cancelled(void *unused)
{
        struct aw_task *tasks[] = {aw_spawn("a", nap_for, NUMBER(1000)),
                                   aw_spawn("b", return_7_after_20_ms, NULL)};
        struct aw_handle handle = {.callback = NULL};

        (void)unused;
        aw_call_later(&handle, milliseconds(5), cancel_task, tasks[0]);
        say_outcome(await(aw_gather(tasks, 2, NULL)));
        say(aw_task_done(tasks[1]) ? "done" : "runs on");
        say_outcome(await(aw_join(tasks[1])));
        return 0;
}

static async int
gather_one_that_fails_when_cancelled(void *unused)
{
        struct aw_task *tasks[] = {aw_spawn("fails", fail_when_cancelled, NUMBER(EIO)),
                                   aw_spawn("sleeps", nap_for, NUMBER(1000))};

        (void)unused;
        say_outcome(await(aw_gather(tasks, 2, NULL)));
        await(say_what_is_left());
        return 0;
}

static async int
a_gather_is_cancelled_and_one_fails(void *unused)
{
        (void)unused;
        await(run_and_cancel(gather_one_that_fails_when_cancelled, 5));
        return 0;
}

static async int
gather_whatever_comes(void *unused)
{
        struct aw_task *tasks[] = {aw_spawn("fails", fail_after, NUMBER(2)),
                                   aw_spawn("returns", return_at_once, NUMBER(3)),
                                   aw_spawn("is cancelled", nap_for, NUMBER(1000))};
        int results[3], errors[3];

        (void)unused;
        aw_cancel(tasks[2]);
        await(aw_gather_all(tasks, 3, results, errors));
        for (size_t i = 0; i < 3; i++) {
                errno = errors[i];
                say_outcome(results[i]);
        }
        return 0;
}

static async int
cancel_oneself(void *unused)
{
        (void)unused;
        aw_cancel(aw_task_current());
        return 5;
}

static async int
a_task_cancels_itself_and_returns(void *unused)
{
        (void)unused;
        say_outcome(await(aw_join(aw_spawn("self", cancel_oneself, NULL))));
        return 0;
}

static async int
count_cancellations(void *unused)
{
        int count = 0;

        (void)unused;
        for (int i = 0; i < 3; i++)
                count += await(nap(3)) == -1;
        return count;
}

static async int
cancelled_twice_at_once(void *unused)
{
        struct aw_task *task = aw_spawn("counts", count_cancellations, NULL);

        (void)unused;
        await(nap(1));
        aw_cancel(task);
        aw_cancel(task);
        say_outcome(await(aw_join(task)));
        return 0;
}

static async int
join_a_cancelled_one_while_cancelled(void *unused)
{
        struct aw_task *task = aw_spawn("sleeps", nap_for, NUMBER(1000));

        (void)unused;
        aw_cancel(task);
        await(nap(1));
        aw_cancel(aw_task_current());
        say_outcome(await(aw_join(task)));
        await(say_what_is_left());
        return 0;
}

static async int
joining_does_not_take_ones_own_cancellation(void *unused)
{
        (void)unused;
        await(run_alone(join_a_cancelled_one_while_cancelled));
        return 0;
}

static async int
wait_for_two(struct aw_task *first, struct aw_task *second, enum aw_wait_when when)
{
        struct aw_task *tasks[] = {first, second};
        int done = await(aw_wait(tasks, 2, when, AW_NEVER));

        aw_cancel(second);
        await(aw_gather_all(tasks, 2, NULL, (int[2]){0}));
        return done;
}

static async int
what_counts_as_the_first_exception(void *unused)
{
        struct aw_task *cancelled = aw_spawn("cancelled", nap_for, NUMBER(1000));

        (void)unused;
        await(aw_sleep(0));
        aw_cancel(cancelled);
        say("%d", await(wait_for_two(cancelled, aw_spawn("sleeps", nap_for, NUMBER(20)),
                                     AW_FIRST_EXCEPTION)));
        say("%d", await(wait_for_two(aw_spawn("fails", fail_after, NUMBER(5)),
                                     aw_spawn("sleeps", nap_for, NUMBER(30)), AW_FIRST_EXCEPTION)));
        return 0;
}

static async int
join_the_next(void *left)
{
        intptr_t more = (intptr_t)left;

        if (more == 0)
                return await(nap(10000));
        return await(aw_join(aw_spawn("link", join_the_next, NUMBER(more - 1))));
}

static async int
a_chain_of_joins_is_cancelled(void *unused)
{
        struct aw_task *task = aw_spawn("link", join_the_next, NUMBER(150));

        (void)unused;
        await(nap(50));
        aw_cancel(task);
        say_outcome(await(aw_join(task)));
        return 0;
}

static async int
join_and_tell(void *task)
{
        say_outcome(await(aw_join(task)));
        await(say_what_is_left());
        return 0;
}

static async int
both_are_cancelled_in_one_turn(void *unused)
{
        struct aw_task *joined = aw_spawn("joined", nap_for, NUMBER(1000));
        struct aw_task *joiner = aw_spawn("joiner", join_and_tell, joined);

        (void)unused;
        await(nap(1));
        aw_cancel(joined);
        aw_cancel(joiner);
        return await(aw_join(joiner));
}

static async int
end_another_in_the_clean_up(void *unused)
{
        struct aw_task *other = aw_spawn("other", nap_for, NUMBER(1000));

        (void)unused;
        if (await(nap(1000)) == 0)
                return 0;
        say("%u", aw_cancelled());
        aw_cancel(other);
        say_outcome(await(aw_join(other)));
        await(say_what_is_left());
        say("%u", aw_cancelled());
        return 0;
}

static async int
who_is_cancelled_knows_it_afterwards(void *unused)
{
        (void)unused;
        await(run_and_cancel(end_another_in_the_clean_up, 2));
        return 0;
}

static const struct scenario scenarios[] = {
        SCENARIO(a_result_and_a_cancellation_in_one_turn),
        SCENARIO(a_time_that_is_over_already),
        SCENARIO(a_late_task_has_a_result_all_the_same),
        SCENARIO(a_late_task_fails_instead),
        SCENARIO(cancelled_while_a_late_task_cleans_up),
        SCENARIO(cancelled_before_it_begins),
        SCENARIO(one_of_a_gather_is_cancelled),
        SCENARIO(a_gather_is_cancelled_and_one_fails),
        SCENARIO(gather_whatever_comes),
        SCENARIO(a_task_cancels_itself_and_returns),
        SCENARIO(cancelled_twice_at_once),
        SCENARIO(joining_does_not_take_ones_own_cancellation),
        SCENARIO(what_counts_as_the_first_exception),
        SCENARIO(a_chain_of_joins_is_cancelled),
        SCENARIO(both_are_cancelled_in_one_turn),
        SCENARIO(who_is_cancelled_knows_it_afterwards),
};

ORACLE_MAIN(scenarios)
