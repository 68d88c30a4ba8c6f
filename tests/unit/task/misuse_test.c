/* SPDX-License-Identifier: MIT */
/* What aborts with a sentence: missing functions, tasks that are gone, two loops, crossed time-outs. */
#include "await/executor.h"
#include "await/sync.h"
#include "await/task_wait.h"
#include "unit/task/task_test.h"

/* NULL. */

static async int
a_task_that_could_not_be_spawned_has_a_name(NOTHING)
{
        expect(strcmp(aw_task_name(NULL), "none") == 0);
        return 0;
}

static async int
a_task_without_a_name_gets_one(NOTHING)
{
        struct aw_task *task = aw_spawn(NULL, give, NUMBER(3));

        expect(strcmp(aw_task_name(task), "task") == 0);
        expect_int(await(aw_join(task)), 3);
        return 0;
}

static async int
spawn_nothing(NOTHING)
{
        return await(aw_join(aw_spawn("x", NULL, NULL)));
}

static async int
spawn_nothing_in_a_group(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        aw_group_spawn(&group, "member", NULL, NULL);
        return await(aw_group_join(&group));
}

static int
run_nothing_in_a_thread(void *argument, void **result)
{
        (void)argument, (void)result;
        return aw_run(NULL, NULL, NULL);
}

static async int
run_nothing(NOTHING)
{
        struct aw_job job = {.run = run_nothing_in_a_thread};

        return await(aw_run_in_executor(NULL, &job, NULL));
}

static async int
execute_no_job(NOTHING)
{
        return await(aw_run_in_executor(NULL, NULL, NULL));
}

static async int
execute_a_job_without_a_function(NOTHING)
{
        struct aw_job job = {.run = NULL};

        return await(aw_run_in_executor(NULL, &job, NULL));
}

static void
what_has_no_function_aborts(void **state)
{
        (void)state;
        test_aborts(spawn_nothing, "error: task 'x' was given no function to run");
        test_aborts(spawn_nothing_in_a_group, "task 'member' was given no function to run");
        test_aborts(run_nothing, "task 'main' was given no function to run");
        test_aborts(execute_no_job, "aw_run_in_executor(): the job has no function to run");
        test_aborts(execute_a_job_without_a_function,
                    "aw_run_in_executor(): the job has no function to run");
}

/* Tasks that are gone. */

static async struct aw_task *
joined_task(void)
{
        struct aw_task *task = aw_spawn("gone", give, NUMBER(1));

        expect_int(await(aw_join(task)), 1);
        return task;
}

static async int
join_again(NOTHING)
{
        return await(aw_join(await(joined_task())));
}

static async int
wait_for_it_again(NOTHING)
{
        return await(aw_wait_for(await(joined_task()), AW_NEVER));
}

static async int
gather_it_again(NOTHING)
{
        struct aw_task *tasks[] = {await(joined_task())};

        return await(aw_gather(tasks, 1, NULL));
}

static async int
detach_it_then(NOTHING)
{
        aw_task_detach(await(joined_task()));
        return 0;
}

static async int
cancel_it_then(NOTHING)
{
        return aw_cancel(await(joined_task()));
}

static async int
look_at_its_result_then(NOTHING)
{
        return aw_task_result(await(joined_task()));
}

static async int
ask_whether_it_is_done(NOTHING)
{
        return aw_task_done(await(joined_task()));
}

static async int
ask_for_its_name(NOTHING)
{
        return aw_task_name(await(joined_task())) != NULL;
}

/* The pointer is of a task that is no more, and so many have been on its stack since. */
static int tasks_since;

static async int
join_it_when_others_have_come(NOTHING)
{
        struct aw_task *gone = await(joined_task()), *last = NULL;

        for (int i = 0; i < tasks_since; i++) {
                expect_int(await(aw_join(last)), i == 0 ? -1 : 2);
                last = aw_spawn("another", give, NUMBER(2));
                await(aw_sleep(0));
        }
        return await(aw_join(gone));
}

static async int
join_a_detached_one_that_has_ended(NOTHING)
{
        struct aw_task *task = aw_spawn("gone", give, NUMBER(1));

        aw_task_detach(task);
        await(yield(2));
        return await(aw_join(task));
}

static void
a_task_that_is_gone_is_told_of_with_its_name_and_the_place(void **state)
{
        static const char sentence[] =
                "error: task 'gone' was joined or detached before, and is used "
                "again, by task 'main' at tests/unit/task/misuse_test.c:";

        (void)state;
        test_aborts(join_again, sentence);
        test_aborts(wait_for_it_again, sentence);
        test_aborts(gather_it_again, sentence);
        test_aborts(detach_it_then, sentence);
        test_aborts(cancel_it_then, sentence);
        test_aborts(look_at_its_result_then, sentence);
        test_aborts(join_a_detached_one_that_has_ended, sentence);
        test_aborts(ask_whether_it_is_done, sentence);
        test_aborts(ask_for_its_name, sentence);
}

/* Each has the same memory, but not the same place in it. */
static void
a_task_that_is_gone_is_not_taken_for_the_next_ones(void **state)
{
        (void)state;
        for (tasks_since = 1; tasks_since < 16; tasks_since++)
                test_aborts(join_it_when_others_have_come,
                            " was joined or detached before, and is used again, by task 'main' at "
                            "tests/unit/task/misuse_test.c:");
}

static struct aw_task *left_behind;

static void
cancel_in_a_callback(void *argument)
{
        aw_cancel(left_behind);
        (void)argument;
}

static async int
use_it_in_a_callback(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        left_behind = await(joined_task());
        aw_call_soon(&handle, cancel_in_a_callback, NULL);
        await(yield(2));
        return 0;
}

/* The await() is forgotten, so nobody knows the line. */
static async int
join_oneself_without_await(NOTHING)
{
        int (*join)(struct aw_task * task) = aw_join;

        return join(aw_task_current());
}

static void
what_has_no_place_is_told_of_all_the_same(void **state)
{
        (void)state;
        test_aborts(use_it_in_a_callback, "and is used again, by a callback");
        test_aborts(join_oneself_without_await,
                    "task 'main' joins itself, at a call without await()");
}

/* Two loops. */

static async int
wait_for_it(void *argument)
{
        return await(aw_event_wait(argument, AW_NEVER));
}

static void *
wait_in_another_loop(void *argument)
{
        test_run(wait_for_it, argument);
        return NULL;
}

static async int
wait_for_an_event_in_two_loops(NOTHING)
{
        struct aw_event event = {.set = false};
        pthread_t thread;

        aw_spawn("waiter", wait_for_it, &event);
        await(aw_sleep(0));
        pthread_create(&thread, NULL, wait_in_another_loop, &event);
        return pthread_join(thread, NULL);
}

static void
waiting_where_a_task_of_another_loop_waits_aborts(void **state)
{
        (void)state;
        test_aborts(wait_for_an_event_in_two_loops,
                    "task 'main' waits at tests/unit/task/misuse_test.c:");
        test_aborts(wait_for_an_event_in_two_loops,
                    "where task 'waiter' of the loop of another thread waits already, at "
                    "tests/unit/task/misuse_test.c:");
}

/* Time-outs and groups. */

static async int
cross_timeouts(NOTHING)
{
        struct aw_timeout outer, inner;

        aw_timeout_enter(&outer, aw_loop_now() + AW_SECOND);
        aw_timeout_enter(&inner, aw_loop_now() + AW_SECOND);
        await(aw_sleep(0));
        aw_timeout_exit(&outer, 0);
        return aw_timeout_exit(&inner, 0);
}

static async int
cross_timeouts_in_a_third_one(NOTHING)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
        return aw_timeout_exit(&timeout, await(cross_timeouts(NULL)));
}

static void
timeouts_that_are_left_crosswise_abort(void **state)
{
        static const char sentence[] =
                "task 'main' left an outer time-out in the middle of a time-out "
                "or a group, its last await was at tests/unit/task/"
                "misuse_test.c:";

        (void)state;
        test_aborts(cross_timeouts, sentence);
        test_aborts(cross_timeouts, ": time-outs nest, and ");
        test_aborts(cross_timeouts_in_a_third_one, sentence);
}

/* A group's scope begins with its first task, wherever that is spawned. */
static async int
a_group_may_overlap_a_timeout(NOTHING)
{
        struct aw_timeout timeout;
        struct aw_group group, other;

        aw_group_init(&group);
        aw_group_init(&other);
        aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
        expect_int(aw_group_spawn(&group, "member", give, NUMBER(1)), 0);
        expect_int(aw_group_spawn(&other, "member", give, NUMBER(1)), 0);
        await(aw_sleep(0));
        expect_int(aw_timeout_exit(&timeout, 5), 5);
        expect_int(await(aw_group_join(&group)), 0);
        expect_int(await(aw_group_join(&other)), 0);
        return 0;
}

static async int
leave_a_group_without_an_await(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        aw_group_spawn(&group, "member", sleep_long, NULL);
        return 0;
}

static void
who_never_awaited_has_no_last_await(void **state)
{
        (void)state;
        test_aborts(leave_a_group_without_an_await,
                    "task 'main' ended in the middle of a time-out or a group: ");
}

/* The form of all the sentences. */

static void
every_sentence_begins_with_the_program_if_that_has_a_name(void **state)
{
        (void)state;
        aw_log_set_program("tester");
        test_dies(run_an_overflow, SIGSEGV,
                  "tester: error: the stack of 'greedy' has overflowed: ");
        test_aborts(spawn_nothing, "tester: error: task 'x' was given no function to run");
        aw_log_set_program(NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_task_that_could_not_be_spawned_has_a_name),
                on_loop(a_task_without_a_name_gets_one),
                cmocka_unit_test(what_has_no_function_aborts),
                cmocka_unit_test(a_task_that_is_gone_is_told_of_with_its_name_and_the_place),
                cmocka_unit_test(a_task_that_is_gone_is_not_taken_for_the_next_ones),
                cmocka_unit_test(what_has_no_place_is_told_of_all_the_same),
                cmocka_unit_test(waiting_where_a_task_of_another_loop_waits_aborts),
                cmocka_unit_test(timeouts_that_are_left_crosswise_abort),
                on_loop(a_group_may_overlap_a_timeout),
                cmocka_unit_test(who_never_awaited_has_no_last_await),
                cmocka_unit_test(every_sentence_begins_with_the_program_if_that_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
