/* SPDX-License-Identifier: MIT */
/* Deadlines: of aw_timeout_enter() and aw_timeout_exit(), and of one wait. */
#include "unit/clock.h"
#include "unit/task/task_test.h"

#define PASSED ((aw_time)1) /* a time that passed long ago */
#define LATER  (aw_loop_now() + 3600 * AW_SECOND)

/* Sleeps until it is cancelled, or only for a moment. */
static async int
sleep_under(struct aw_timeout *timeout, aw_time when, aw_time duration)
{
        aw_timeout_enter(timeout, when);
        return aw_timeout_exit(timeout, await(aw_sleep(duration)));
}

static async int
a_timeout_ends_what_takes_longer(NOTHING)
{
        struct aw_timeout timeout;

        expect_error(await(sleep_under(&timeout, aw_loop_now() + 500, AW_NEVER)), ETIMEDOUT);
        expect_error(await(sleep_under(&timeout, PASSED, AW_NEVER)), ETIMEDOUT);
        /* One turn of the others would be enough for this. */
        expect_error(await(sleep_under(&timeout, PASSED, 0)), ETIMEDOUT);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
a_timeout_leaves_alone_what_is_in_time(NOTHING)
{
        struct aw_timeout timeout;

        expect_int(await(sleep_under(&timeout, LATER, 100)), 0);
        expect_int(await(sleep_under(&timeout, AW_NEVER, 100)), 0);
        aw_timeout_enter(&timeout, LATER);
        errno = EIO;
        expect_error(aw_timeout_exit(&timeout, -1), EIO);
        aw_timeout_enter(&timeout, PASSED);
        expect_int(aw_timeout_exit(&timeout, 12), 12);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
cleaned_under(struct aw_timeout *timeout)
{
        aw_timeout_enter(timeout, aw_loop_now() + 500);
        return aw_timeout_exit(timeout, await(clean_up(NULL)));
}

static async int
what_times_out_can_clean_up(NOTHING)
{
        struct aw_timeout timeout;

        expect_error(await(cleaned_under(&timeout)), ETIMEDOUT);
        expect_trace("cancelled cleaned");
        return 0;
}

/* It fires while the task runs, or is ready, and finds nothing to end. */
static async int
a_timeout_that_meets_no_await_leaves_nothing_behind(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_timeout timeout;
        struct aw_handle set = {.state = 0};
        aw_time when = aw_loop_now();

        aw_call_at(&set, when, set_event, &event);
        aw_timeout_enter(&timeout, when);
        /* Woken in the same turn in which the timeout fires, just before. */
        expect_error(aw_timeout_exit(&timeout, await(aw_event_wait(&event, AW_NEVER))), ETIMEDOUT);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

struct nest {
        struct aw_timeout inner, outer;
        aw_time inner_when, outer_when;
        int inner_result, inner_error;
};

static async int
sleep_nested(struct nest *nest)
{
        int result;

        aw_timeout_enter(&nest->outer, nest->outer_when);
        errno = 0;
        result = await(sleep_under(&nest->inner, nest->inner_when, AW_NEVER));
        nest->inner_error = errno;
        nest->inner_result = result;
        return aw_timeout_exit(&nest->outer, result);
}

static async int
the_inner_of_two_timeouts_may_fire_first(NOTHING)
{
        struct nest nest = {.inner_when = aw_loop_now() + 200, .outer_when = LATER};

        expect_error(await(sleep_nested(&nest)), ETIMEDOUT);
        expect_int(nest.inner_error, ETIMEDOUT);
        expect(nest.inner.fired);
        expect(!nest.outer.fired);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
the_outer_of_two_timeouts_may_fire_first(NOTHING)
{
        struct nest nest = {.outer_when = aw_loop_now() + 200, .inner_when = LATER};

        expect_error(await(sleep_nested(&nest)), ETIMEDOUT);
        /* To the inner one this is a cancellation from outside. */
        expect_int(nest.inner_error, ECANCELED);
        expect(!nest.inner.fired);
        expect(nest.outer.fired);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
both_timeouts_may_fire_in_one_turn(NOTHING)
{
        struct nest nest = {.outer_when = PASSED, .inner_when = PASSED};

        expect_error(await(sleep_nested(&nest)), ETIMEDOUT);
        expect_int(nest.inner_error, ECANCELED);
        expect(nest.inner.fired && nest.outer.fired);
        expect_int(await(aw_sleep(0)), 0);
        /* And in the other order. */
        nest = (struct nest){.outer_when = PASSED + 1, .inner_when = PASSED};
        expect_error(await(sleep_nested(&nest)), ETIMEDOUT);
        expect(nest.inner.fired && nest.outer.fired);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

/* The inner one was handled; the outer one is for the rest. */
static async int
an_outer_timeout_fires_after_the_inner_one_was_handled(NOTHING)
{
        struct aw_timeout inner, outer;
        int result;

        aw_timeout_enter(&outer, LATER);
        expect_error(await(sleep_under(&inner, PASSED, AW_NEVER)), ETIMEDOUT);
        clock_ahead += 3600 * AW_SECOND;
        result = await(aw_sleep(AW_NEVER));
        expect_error(result, ECANCELED);
        expect_error(aw_timeout_exit(&outer, result), ETIMEDOUT);
        return 0;
}

/* Real cancellations. */

struct under {
        struct aw_timeout timeout;
        aw_time when;
};

static async int
sleep_under_a_timeout(void *argument)
{
        struct under *under = argument;
        int result = await(sleep_under(&under->timeout, under->when, AW_NEVER));

        trace(errno == ETIMEDOUT ? "timed-out" : "cancelled");
        return result;
}

static async int
a_cancellation_under_a_timeout_stays_one(NOTHING)
{
        struct under under = {.when = LATER};
        struct aw_task *task = aw_spawn("under", sleep_under_a_timeout, &under);

        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
a_cancellation_beats_a_timeout_that_has_fired(NOTHING)
{
        struct under under = {.when = PASSED};
        struct aw_task *task = aw_spawn("under", sleep_under_a_timeout, &under);
        int i;

        /* The timer fires in one of these turns; the task runs in the one after that. */
        for (i = 0; i < 10 && !under.timeout.fired; i++)
                await(aw_sleep(0));
        expect(under.timeout.fired);
        expect(aw_cancel(task));
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
a_timeout_that_fires_after_a_cancellation_changes_nothing(NOTHING)
{
        struct under under = {.when = aw_loop_now()};
        struct aw_task *task = aw_spawn("under", sleep_under_a_timeout, &under);

        await(aw_sleep(0));
        expect(!under.timeout.fired);
        expect(aw_cancel(task));
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

/* Cancelled while it cleans up after its time-out: that is delivered too, once. */
static async int
time_out_and_clean_up(void *argument)
{
        struct under *under = argument;

        expect_error(await(sleep_under(&under->timeout, PASSED, AW_NEVER)), ETIMEDOUT);
        trace("timed-out");
        return await(clean_up(NULL));
}

static async int
a_cancellation_during_the_clean_up_after_a_timeout_is_delivered(NOTHING)
{
        struct under under;
        struct aw_task *task = aw_spawn("under", time_out_and_clean_up, &under);

        await(yield(5));
        expect_trace("timed-out");
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled cleaned");
        return 0;
}

static async int
clean_up_under_a_timeout(NOTHING)
{
        struct aw_timeout timeout;

        expect_error(await(aw_sleep(AW_NEVER)), ECANCELED);
        expect_error(await(sleep_under(&timeout, aw_loop_now() + 200, AW_NEVER)), ETIMEDOUT);
        expect_int(await(aw_sleep(0)), 0);
        return 8;
}

static async int
the_clean_up_after_a_cancellation_can_have_a_timeout(NOTHING)
{
        struct aw_task *task = aw_spawn("cleaner", clean_up_under_a_timeout, NULL);

        await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), 8);
        return 0;
}

static async int
be_cancelled_before_the_timeout(void *argument)
{
        struct under *under = argument;

        aw_cancel(aw_task_current());
        return await(sleep_under(&under->timeout, under->when, AW_NEVER));
}

static async int
a_cancellation_pending_before_the_timeout_is_not_taken_for_it(NOTHING)
{
        struct under under = {.when = PASSED};

        expect_error(await(aw_join(aw_spawn("self", be_cancelled_before_the_timeout, &under))),
                     ECANCELED);
        return 0;
}

/* The join leaves the cancellation pending, for the task ignores it; meanwhile the timeout fires. */
static async int
join_under_a_timeout(void *argument)
{
        struct aw_timeout timeout;
        int result;

        aw_cancel(aw_task_current());
        aw_timeout_enter(&timeout, PASSED);
        result = aw_timeout_exit(&timeout, await(aw_join(argument)));
        expect(timeout.fired);
        expect_error(await(aw_sleep(0)), ECANCELED);
        return result;
}

static async int
a_timeout_does_not_swallow_a_cancellation_that_is_pending(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *stubborn = aw_spawn("stubborn", be_stubborn, &event);
        struct aw_task *joiner = aw_spawn("joiner", join_under_a_timeout, stubborn);

        await(yield(5));
        aw_event_set(&event);
        expect_int(await(aw_join(joiner)), 7);
        /* It was cancelled twice before it could run, and hears of it once, as in asyncio. */
        expect_trace("ignored");
        return 0;
}

static async int
a_timeout_of_a_join_cancels_the_task_and_waits_for_it(NOTHING)
{
        struct aw_timeout timeout;
        struct aw_task *task = aw_spawn("cleaner", clean_up, NULL);

        aw_timeout_enter(&timeout, aw_loop_now() + 500);
        expect_error(aw_timeout_exit(&timeout, await(aw_join(task))), ETIMEDOUT);
        expect_trace("cancelled cleaned");
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

/* A cancellation that a join leaves pending is the time-out's, and ends with it. */
static async int
a_timeout_that_a_stubborn_task_ignored_leaves_nothing_behind(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_handle handle = {.callback = NULL};
        struct aw_timeout timeout;
        struct aw_task *task = aw_spawn("stubborn", be_stubborn, &event);

        aw_timeout_enter(&timeout, aw_loop_now() + 200);
        aw_call_later(&handle, 2000, set_event, &event);
        expect_int(aw_timeout_exit(&timeout, await(aw_join(task))), 7);
        expect_trace("ignored");
        expect_int(await(aw_sleep(0)), 0);
        expect_int(await(aw_sleep(1)), 0);
        return 0;
}

/* The task that is joined ends, and in the same turn the time comes: nothing waits any more. */
static async int
a_timeout_that_fires_when_the_task_is_ready_leaves_nothing_behind(NOTHING)
{
        struct aw_timeout timeout;
        struct aw_task *task;

        aw_timeout_enter(&timeout, aw_loop_now());
        task = aw_spawn("give", give, NUMBER(5));
        expect_int(await(aw_join(task)), 5);
        expect(timeout.fired);
        expect_int(aw_timeout_exit(&timeout, 5), 5);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

/* One wait. */

static async int
the_deadline_of_a_wait_may_have_passed(NOTHING)
{
        struct aw_event event = {.set = false};

        expect_error(await(aw_event_wait(&event, PASSED)), ETIMEDOUT);
        expect_error(await(aw_event_wait(&event, aw_loop_now() + 200)), ETIMEDOUT);
        aw_event_set(&event);
        expect_int(await(aw_event_wait(&event, PASSED)), 0);
        return 0;
}

/* Both are due in the same turn, in the order in which they were asked for. */
static async int
when_the_event_and_the_deadline_come_together_the_first_one_counts(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_handle set = {.state = 0};
        aw_time when = aw_loop_now() + 300;

        aw_call_at(&set, when, set_event, &event);
        expect_int(await(aw_event_wait(&event, when)), 0);
        expect_int(await(aw_sleep(0)), 0);
        aw_event_clear(&event);
        when = aw_loop_now() + 300;
        aw_call_at(&set, when + 1, set_event, &event);
        expect_error(await(aw_event_wait(&event, when)), ETIMEDOUT);
        await(aw_sleep_until(when + 2));
        expect(aw_event_is_set(&event));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_timeout_ends_what_takes_longer),
                on_loop(a_timeout_leaves_alone_what_is_in_time),
                on_loop(what_times_out_can_clean_up),
                on_loop(a_timeout_that_meets_no_await_leaves_nothing_behind),
                on_loop(the_inner_of_two_timeouts_may_fire_first),
                on_loop(the_outer_of_two_timeouts_may_fire_first),
                on_loop(both_timeouts_may_fire_in_one_turn),
                on_loop(an_outer_timeout_fires_after_the_inner_one_was_handled),
                on_loop(a_cancellation_under_a_timeout_stays_one),
                on_loop(a_cancellation_beats_a_timeout_that_has_fired),
                on_loop(a_timeout_that_fires_after_a_cancellation_changes_nothing),
                on_loop(a_cancellation_during_the_clean_up_after_a_timeout_is_delivered),
                on_loop(the_clean_up_after_a_cancellation_can_have_a_timeout),
                on_loop(a_cancellation_pending_before_the_timeout_is_not_taken_for_it),
                on_loop(a_timeout_does_not_swallow_a_cancellation_that_is_pending),
                on_loop(a_timeout_of_a_join_cancels_the_task_and_waits_for_it),
                on_loop(a_timeout_that_a_stubborn_task_ignored_leaves_nothing_behind),
                on_loop(a_timeout_that_fires_when_the_task_is_ready_leaves_nothing_behind),
                on_loop(the_deadline_of_a_wait_may_have_passed),
                on_loop(when_the_event_and_the_deadline_come_together_the_first_one_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
