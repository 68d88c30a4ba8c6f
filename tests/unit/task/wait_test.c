/* SPDX-License-Identifier: MIT */
/* asyncio's gather and wait. */
#include "await/task_wait.h"
#include "unit/task/task_test.h"

#define PASSED ((aw_time)1)

static async int
finish_when_cancelled(void *argument)
{
        expect_error(await(aw_sleep(AW_NEVER)), ECANCELED);
        return argument == NULL ? 9 : await(give_error(argument));
}

/* gather */

static async int
gather_gives_all_results_in_order(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("a", give, NUMBER(1)), aw_spawn("b", give, NUMBER(2)),
                                   aw_spawn("c", give, NUMBER(3))};
        int results[3];

        expect_int(await(aw_gather(tasks, 3, results)), 0);
        expect(results[0] == 1 && results[1] == 2 && results[2] == 3);
        expect(tasks[0] == NULL && tasks[1] == NULL && tasks[2] == NULL);
        return 0;
}

static async int
gather_of_nothing_or_of_what_is_done_does_not_wait(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("a", give, NUMBER(1))};

        expect_int(await(aw_gather(NULL, 0, NULL)), 0);
        await(aw_sleep(0));
        expect_int(await(aw_gather(tasks, 1, NULL)), 0);
        expect(tasks[0] == NULL);
        return 0;
}

static async int
gather_hands_on_the_first_error_and_lets_the_others_run(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("given", give, NUMBER(2)),
                                   aw_spawn("fail", give_error, NUMBER(EPROTO))};
        int results[3] = {11, 12, 13};

        expect_error(await(aw_gather(tasks, 3, results)), EPROTO);
        expect(results[0] == 11 && results[1] == 2 && results[2] == -1);
        expect(tasks[0] != NULL && tasks[1] == NULL && tasks[2] == NULL);
        expect_trace("");
        aw_cancel(tasks[0]);
        expect_error(await(aw_join(tasks[0])), ECANCELED);
        return 0;
}

/* What succeeded earlier, and stands behind it, does not excuse it. */
static async int
gather_of_what_is_done_hands_on_the_failure(NOTHING)
{
        struct aw_task *given = aw_spawn("given", give, NUMBER(2));
        struct aw_task *tasks[] = {aw_spawn("fail", give_error, NUMBER(EPROTO)), given};

        await(aw_sleep(0));
        expect(aw_task_done(tasks[0]) && aw_task_done(tasks[1]));
        expect_error(await(aw_gather(tasks, 2, NULL)), EPROTO);
        return 0;
}

/* In one list, the one that is spawned first fails first, wherever it is in the list. */
static async int
the_order_of_the_list_is_not_the_order_of_the_errors(NOTHING)
{
        struct aw_task *first = aw_spawn("first", give_error, NUMBER(EPROTO));
        struct aw_task *second = aw_spawn("second", give_error, NUMBER(EIO));
        struct aw_task *tasks[] = {second, first};

        expect_error(await(aw_gather(tasks, 2, NULL)), EPROTO);
        expect(tasks[0] == NULL && tasks[1] == NULL);
        expect_log("task 'second' ended with an error nobody looked at: Input/output error");
        return 0;
}

static async int
to_gather_a_cancelled_task_is_an_error(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("given", give, NUMBER(2))};

        aw_cancel(tasks[0]);
        expect_error(await(aw_gather(tasks, 2, NULL)), ECANCELED);
        expect_int(await(aw_sleep(0)), 0);
        if (tasks[1] != NULL)
                expect_int(await(aw_join(tasks[1])), 2);
        return 0;
}

struct gathering {
        struct aw_task *tasks[3];
        int results[3];
};

static async int
gather_three(void *argument)
{
        struct gathering *gathering = argument;

        return await(aw_gather(gathering->tasks, 3, gathering->results));
}

static async int
a_cancelled_gather_cancels_all_and_waits_for_them(NOTHING)
{
        struct gathering gathering = {{aw_spawn("cleaner", clean_up, NULL),
                                       aw_spawn("finisher", finish_when_cancelled, NULL),
                                       aw_spawn("given", give, NUMBER(1))},
                                      {0, 0, 0}};
        struct aw_task *caller = aw_spawn("caller", gather_three, &gathering);

        await(yield(2));
        aw_cancel(caller);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect_trace("cancelled cleaned");
        expect_int(gathering.results[0], -1);
        expect_int(gathering.results[1], 9);
        expect_int(gathering.results[2], 1);
        expect(gathering.tasks[0] == NULL && gathering.tasks[1] == NULL);
        return 0;
}

static async int
gather_stubborn_ones(void *event)
{
        struct aw_task *tasks[] = {aw_spawn("one", be_stubborn, event),
                                   aw_spawn("other", be_stubborn, event)};
        int results[2];

        expect_error(await(aw_gather(tasks, 2, results)), ECANCELED);
        expect_int(results[0], 7);
        expect_int(results[1], 7);
        expect_int(await(aw_sleep(0)), 0);
        return 0;
}

static async int
each_cancellation_of_a_gather_reaches_its_tasks(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *caller = aw_spawn("caller", gather_stubborn_ones, &event);

        for (int i = 0; i < 3; i++) {
                await(yield(3));
                aw_cancel(caller);
        }
        await(yield(3));
        expect_trace("ignored ignored ignored ignored ignored ignored");
        aw_event_set(&event);
        expect_int(await(aw_join(caller)), 0);
        return 0;
}

static async int
gather_what_fails_when_cancelled(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("a", finish_when_cancelled, NUMBER(EIO)),
                                   aw_spawn("b", finish_when_cancelled, NUMBER(EPROTO))};

        expect_error(await(aw_gather(tasks, 3, NULL)), EIO);
        expect_log("task 'b' ended with an error nobody looked at: the peer broke the protocol");
        return await(aw_sleep(0));
}

static async int
a_failure_of_a_gather_that_is_cancelled_goes_before_the_cancellation(NOTHING)
{
        struct aw_task *caller = aw_spawn("caller", gather_what_fails_when_cancelled, NULL);

        await(yield(2));
        aw_cancel(caller);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

/* It is still the list for the clean-up. */
static async int
after_a_gather_that_failed_the_rest_can_be_waited_for(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("fail", give_error, NUMBER(EPROTO)),
                                   aw_spawn("sleeper", sleep_long, NULL)};

        expect_error(await(aw_gather(tasks, 2, NULL)), EPROTO);
        aw_cancel(tasks[0]);
        aw_cancel(tasks[1]);
        expect_int(await(aw_wait(tasks, 2, AW_ALL_COMPLETED, AW_NEVER)), 2);
        expect_int(await(aw_gather_all(tasks, 2, NULL, NULL)), 2);
        expect(tasks[0] == NULL && tasks[1] == NULL);
        expect_trace("cancelled");
        return 0;
}

static async int
gather_all_tells_what_came_of_each(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("fail", give_error, NUMBER(EPROTO)), NULL,
                                   aw_spawn("given", give, NUMBER(3)),
                                   aw_spawn("sleeper", sleep_long, NULL)};
        int results[4], errors[4];

        aw_cancel(tasks[3]);
        expect_int(await(aw_gather_all(tasks, 4, results, errors)), 3);
        expect(results[0] == -1 && results[1] == -1 && results[2] == 3 && results[3] == -1);
        expect(errors[0] == EPROTO && errors[1] == ENOMEM && errors[2] == 0 &&
               errors[3] == ECANCELED);
        tasks[0] = aw_spawn("fail", give_error, NUMBER(EIO));
        expect_int(await(aw_gather_all(tasks, 1, NULL, NULL)), 1);
        expect_log("task 'fail' ended with an error nobody looked at: Input/output error");
        expect_int(await(aw_gather_all(NULL, 0, NULL, NULL)), 0);
        return 0;
}

static async int
gather_all_three(void *argument)
{
        struct gathering *gathering = argument;

        return await(aw_gather_all(gathering->tasks, 3, gathering->results, NULL));
}

static async int
a_cancelled_gather_all_cancels_all_and_waits_for_them(NOTHING)
{
        struct gathering gathering = {{aw_spawn("cleaner", clean_up, NULL),
                                       aw_spawn("finisher", finish_when_cancelled, NULL),
                                       aw_spawn("given", give, NUMBER(1))},
                                      {0, 0, 0}};
        struct aw_task *caller = aw_spawn("caller", gather_all_three, &gathering);

        await(yield(2));
        aw_cancel(caller);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect_trace("cancelled cleaned");
        expect(gathering.results[0] == -1 && gathering.results[1] == 9 &&
               gathering.results[2] == 1);
        return 0;
}

/* wait */

static async void
join_all(struct aw_task *tasks[], size_t count)
{
        size_t i;

        for (i = 0; i < count; i++) {
                aw_cancel(tasks[i]);
                await(aw_join(tasks[i]));
        }
}

static async int
yield_and_fail(void *argument)
{
        await(aw_sleep(0));
        return await(give_error(argument));
}

static async int
wait_for_all_completed_waits_for_failures_too(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("fail", give_error, NUMBER(EIO)),
                                   aw_spawn("given", give, NUMBER(2)),
                                   aw_spawn("late", yield_and_fail, NUMBER(EPROTO))};

        expect_int(await(aw_wait(tasks, 3, AW_ALL_COMPLETED, AW_NEVER)), 3);
        expect_int(await(aw_wait(tasks, 3, AW_ALL_COMPLETED, PASSED)), 3);
        expect_error(aw_task_result(tasks[0]), EIO);
        expect_int(aw_task_result(tasks[1]), 2);
        await(join_all(tasks, 3));
        return 0;
}

static async int
wait_for_the_first_completed_leaves_the_others_alone(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("given", give, NUMBER(2))};

        expect_int(await(aw_wait(tasks, 2, AW_FIRST_COMPLETED, AW_NEVER)), 1);
        expect(!aw_task_done(tasks[0]) && aw_task_done(tasks[1]));
        expect_trace("");
        await(join_all(tasks, 2));
        expect_trace("cancelled");
        return 0;
}

static async int
wait_for_the_first_exception_takes_no_cancellation_for_one(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("given", give, NUMBER(2)),
                                   aw_spawn("cancelled", sleep_long, NULL)};

        aw_cancel(tasks[2]);
        expect_int(await(aw_wait(tasks, 3, AW_FIRST_EXCEPTION, aw_loop_now() + 500)), 2);
        expect(!aw_task_done(tasks[0]));
        await(join_all(tasks, 3));
        return 0;
}

static async int
sleep_and_give(void *argument)
{
        expect_int(await(aw_sleep(200)), 0);
        return await(give(argument));
}

/* The cancelled one has long ended when the other one does. */
static async int
a_cancelled_task_does_not_end_the_wait_for_an_exception(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("cancelled", sleep_long, NULL),
                                   aw_spawn("late", sleep_and_give, NUMBER(2))};

        aw_cancel(tasks[0]);
        expect_int(await(aw_wait(tasks, 2, AW_FIRST_EXCEPTION, AW_NEVER)), 2);
        expect_error(await(aw_join(tasks[0])), ECANCELED);
        expect_int(await(aw_join(tasks[1])), 2);
        expect_trace("cancelled");
        return 0;
}

static async int
wait_ends_at_the_first_exception(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("late", yield_and_fail, NUMBER(EPROTO)),
                                   aw_spawn("given", give, NUMBER(2))};

        expect_int(await(aw_wait(tasks, 3, AW_FIRST_EXCEPTION, AW_NEVER)), 2);
        expect(!aw_task_done(tasks[0]));
        await(join_all(tasks, 3));
        return 0;
}

static async int
wait_ends_at_its_deadline(NOTHING)
{
        struct aw_task *tasks[] = {aw_spawn("sleeper", sleep_long, NULL),
                                   aw_spawn("given", give, NUMBER(2))};

        expect_int(await(aw_wait(tasks, 1, AW_ALL_COMPLETED, PASSED)), 0);
        expect_int(await(aw_wait(tasks, 2, AW_ALL_COMPLETED, aw_loop_now() + 300)), 1);
        expect_trace("");
        await(join_all(tasks, 2));
        return 0;
}

static async int
wait_three(void *argument)
{
        struct gathering *gathering = argument;

        return await(aw_wait(gathering->tasks, 3, AW_ALL_COMPLETED, AW_NEVER));
}

static async int
a_cancelled_wait_cancels_nothing(NOTHING)
{
        struct gathering gathering = {{aw_spawn("sleeper", sleep_long, NULL),
                                       aw_spawn("sleeper", sleep_long, NULL),
                                       aw_spawn("given", give, NUMBER(1))},
                                      {0, 0, 0}};
        struct aw_task *caller = aw_spawn("caller", wait_three, &gathering);

        await(yield(2));
        aw_cancel(caller);
        expect_error(await(aw_join(caller)), ECANCELED);
        expect(!aw_task_done(gathering.tasks[0]) && !aw_task_done(gathering.tasks[1]));
        expect_trace("");
        await(join_all(gathering.tasks, 3));
        expect_trace("cancelled cancelled");
        return 0;
}

static async int
a_wait_that_is_woken_and_cancelled_in_one_turn_is_cancelled(NOTHING)
{
        struct gathering gathering = {{aw_spawn("given", give, NUMBER(1)),
                                       aw_spawn("given", give, NUMBER(2)),
                                       aw_spawn("late", yield_and_fail, NUMBER(EIO))},
                                      {0, 0, 0}};
        struct aw_task *caller = aw_spawn("caller", wait_three, &gathering);

        while (!aw_task_done(gathering.tasks[2]))
                await(aw_sleep(0));
        expect(aw_cancel(caller));
        expect_error(await(aw_join(caller)), ECANCELED);
        await(join_all(gathering.tasks, 3));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(gather_gives_all_results_in_order),
                on_loop(gather_of_nothing_or_of_what_is_done_does_not_wait),
                on_loop(gather_hands_on_the_first_error_and_lets_the_others_run),
                on_loop(gather_of_what_is_done_hands_on_the_failure),
                on_loop(the_order_of_the_list_is_not_the_order_of_the_errors),
                on_loop(to_gather_a_cancelled_task_is_an_error),
                on_loop(a_cancelled_gather_cancels_all_and_waits_for_them),
                on_loop(each_cancellation_of_a_gather_reaches_its_tasks),
                on_loop(a_failure_of_a_gather_that_is_cancelled_goes_before_the_cancellation),
                on_loop(after_a_gather_that_failed_the_rest_can_be_waited_for),
                on_loop(gather_all_tells_what_came_of_each),
                on_loop(a_cancelled_gather_all_cancels_all_and_waits_for_them),
                on_loop(wait_for_all_completed_waits_for_failures_too),
                on_loop(wait_for_the_first_completed_leaves_the_others_alone),
                on_loop(wait_for_the_first_exception_takes_no_cancellation_for_one),
                on_loop(a_cancelled_task_does_not_end_the_wait_for_an_exception),
                on_loop(wait_ends_at_the_first_exception),
                on_loop(wait_ends_at_its_deadline),
                on_loop(a_cancelled_wait_cancels_nothing),
                on_loop(a_wait_that_is_woken_and_cancelled_in_one_turn_is_cancelled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
