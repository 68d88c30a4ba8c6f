/* SPDX-License-Identifier: MIT */
/* The end of aw_run(): what becomes of the tasks that are left then. */
/* Threads: ThreadSanitizer must not take a process that was forked for one that races. */
#include "unit/clock.h"
#include "unit/task/task_test.h"

static struct aw_event let_it_end;

/* Is cancelled when main ends, and has so much time pass, in the last second of which the event comes. */
static async int
let_time_pass(void *seconds)
{
        static struct aw_handle handle;
        aw_time time = (intptr_t)seconds * AW_SECOND;

        await(sleep_long(NULL));
        aw_call_later(&handle, time - AW_SECOND / 2, set_event, &let_it_end);
        clock_ahead += time;
        return 0;
}

static async int
leave_a_stubborn_task(void *seconds)
{
        let_it_end.set = false;
        aw_task_detach(aw_spawn("stubborn", be_stubborn, &let_it_end));
        aw_task_detach(aw_spawn("time", let_time_pass, seconds));
        await(yield(2));
        return 3;
}

static void
a_task_that_does_not_let_itself_be_cancelled_is_told_of(void **state)
{
        test_begin();
        expect_int(test_run(leave_a_stubborn_task, NUMBER(12)), 3);
        expect_trace("ignored cancelled");
        expect_log("task 'stubborn' was cancelled 10 seconds ago, after main ended, and has "
                   "not ended: it awaits at tests/unit/task/task_test.h:");
        test_end();
        (void)state;
}

static async int
leave_one_that_is_done_too(NOTHING)
{
        aw_spawn("done", give, NUMBER(1));
        return await(leave_a_stubborn_task(NUMBER(12)));
}

static void
one_that_is_done_does_not_hide_it(void **state)
{
        test_begin();
        expect_int(test_run(leave_one_that_is_done_too, NULL), 3);
        expect_trace("ignored cancelled");
        expect_log("task 'stubborn' was cancelled 10 seconds ago");
        expect_log("warning: task 'done' was never joined");
        test_end();
        (void)state;
}

static void
one_that_takes_its_time_is_not(void **state)
{
        test_begin();
        expect_int(test_run(leave_a_stubborn_task, NUMBER(9)), 3);
        expect_trace("ignored cancelled");
        test_end();
        (void)state;
}

/* At most eight lines, however many there are. */
static async int
leave_many(NOTHING)
{
        for (int i = 0; i < 12; i++)
                aw_task_detach(aw_spawn("stubborn", be_stubborn, &let_it_end));
        return await(leave_a_stubborn_task(NUMBER(12)));
}

static void
not_all_of_many_are_told_of(void **state)
{
        test_begin();
        expect_int(test_run(leave_many, NULL), 3);
        for (int i = 0; i < 8; i++)
                expect_log("task 'stubborn' was cancelled 10 seconds ago");
        test_end();
        (void)state;
}

static async int
sleep_shortly(NOTHING)
{
        trace(await(aw_sleep(1000)) == 0 ? "slept" : "cancelled");
        return 0;
}

/* Its clean-up needs a task, and another is left behind. */
static async int
spawn_at_the_end(NOTHING)
{
        await(sleep_long(NULL));
        aw_task_detach(aw_spawn("left", sleep_long, NULL));
        await(aw_join(aw_spawn("helper", sleep_shortly, NULL)));
        trace("cleaned");
        return 0;
}

static async int
leave_one_that_spawns(NOTHING)
{
        aw_task_detach(aw_spawn("spawner", spawn_at_the_end, NULL));
        await(yield(2));
        return 3;
}

static void
those_that_are_spawned_at_the_end_come_to_theirs(void **state)
{
        test_begin();
        expect_int(test_run(leave_one_that_spawns, NULL), 3);
        expect_trace("cancelled slept cleaned cancelled");
        test_end();
        (void)state;
}

static pid_t child;

static async int
fork_and_return(NOTHING)
{
        int status = -1;

        await(yield(2));
        child = fork();
        if (child == 0)
                return 5;
        expect_int(waitpid(child, &status, 0), child);
        expect(WIFEXITED(status) && WEXITSTATUS(status) == 5);
        await(aw_sleep(1000));
        return 0;
}

/* Exits as programs do: that is when the sanitizers have their say. */
static void
a_forked_process_comes_to_the_end_of_its_main(void **state)
{
        int result;

        test_begin();
        result = test_run(fork_and_return, NULL);
        if (child == 0)
                exit(result);
        expect_int(result, 0);
        test_end();
        (void)state;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_task_that_does_not_let_itself_be_cancelled_is_told_of),
                cmocka_unit_test(one_that_is_done_does_not_hide_it),
                cmocka_unit_test(one_that_takes_its_time_is_not),
                cmocka_unit_test(not_all_of_many_are_told_of),
                cmocka_unit_test(those_that_are_spawned_at_the_end_come_to_theirs),
                cmocka_unit_test(a_forked_process_comes_to_the_end_of_its_main),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
