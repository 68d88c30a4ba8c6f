/* SPDX-License-Identifier: MIT */
#include "unit/task/task_test.h"

/* Starting and ending. */

static async int
say(void *argument)
{
        trace(argument);
        return 0;
}

static async int
a_task_starts_on_a_later_turn_never_inline(NOTHING)
{
        struct aw_task *task = aw_spawn("say", say, "started");

        expect_trace("");
        expect(!aw_task_done(task));
        await(aw_sleep(0));
        expect_trace("started");
        expect(aw_task_done(task));
        return await(aw_join(task));
}

static async int
tasks_start_in_the_order_in_which_they_were_spawned(NOTHING)
{
        struct aw_task *a = aw_spawn("a", say, "a");
        struct aw_task *b = aw_spawn("b", say, "b");
        struct aw_task *c = aw_spawn("c", say, "c");

        expect_int(await(aw_join(c)), 0);
        expect_trace("a b c");
        expect_int(await(aw_join(a)), 0);
        expect_int(await(aw_join(b)), 0);
        return 0;
}

static async int
join_gives_the_result_or_the_error_of_the_task(NOTHING)
{
        errno = 0;
        expect_int(await(aw_join(aw_spawn("give", give, NUMBER(42)))), 42);
        expect_error(await(aw_join(aw_spawn("fail", give_error, NUMBER(EPROTO)))), EPROTO);
        expect_int(await(aw_join(aw_spawn("give", give, NUMBER(-2)))), -2);
        return 0;
}

static async int
the_result_of_a_task_that_is_done_can_be_looked_at_and_stays(NOTHING)
{
        struct aw_task *task = aw_spawn("fail", give_error, NUMBER(EIO));

        await(aw_sleep(0));
        expect_error(aw_task_result(task), EIO);
        errno = 0;
        expect_error(aw_task_result(task), EIO);
        errno = 0;
        expect_error(await(aw_join(task)), EIO);
        return 0;
}

static async int
say_the_name(NOTHING)
{
        trace(aw_task_name(aw_task_current()));
        return 0;
}

static async int
the_name_is_copied_and_cut_to_31_bytes(NOTHING)
{
        char name[] = "0123456789012345678901234567890123456789";
        struct aw_task *task = aw_spawn(name, say_the_name, NULL);

        name[0] = 'x';
        expect_int(await(aw_join(task)), 0);
        expect_trace("0123456789012345678901234567890");
        expect_int(strcmp(aw_task_name(aw_task_current()), "main"), 0);
        return 0;
}

static async int
spawn_and_end(NOTHING)
{
        aw_task_detach(aw_spawn("grandchild", sleep_long, NULL));
        return 0;
}

static async int
a_task_outlives_the_one_that_spawned_it(NOTHING)
{
        expect_int(await(aw_join(aw_spawn("child", spawn_and_end, NULL))), 0);
        await(yield(2));
        expect_trace("");
        return 0;
}

/* Sleeping. */

static async int
a_sleep_is_never_shorter_than_told(NOTHING)
{
        aw_time when;
        int i;

        for (i = 0; i < 20; i++) {
                when = aw_loop_now() + 100 * i;
                expect_int(await(aw_sleep(100 * i)), 0);
                expect(aw_loop_now() >= when);
                when = aw_loop_now() + 100 * i;
                expect_int(await(aw_sleep_until(when)), 0);
                expect(aw_loop_now() >= when);
        }
        return 0;
}

static async int
say_three_times(void *argument)
{
        int i;

        for (i = 0; i < 3; i++) {
                trace(argument);
                expect_int(await(aw_sleep(-i)), 0);
        }
        return 0;
}

static async int
sleep_of_nothing_lets_the_others_run_once(NOTHING)
{
        struct aw_task *a = aw_spawn("a", say_three_times, "a");
        struct aw_task *b = aw_spawn("b", say_three_times, "b");

        expect_int(await(aw_join(a)), 0);
        expect_int(await(aw_join(b)), 0);
        expect_trace("a b a b a b");
        expect_int(await(aw_sleep_until(0)), 0);
        return 0;
}

struct sleeper {
        const char *name;
        aw_time when;
        bool late; /* its time had passed before it slept: it waits for its turn alone */
};

static async int
sleep_and_say(void *argument)
{
        struct sleeper *sleeper = argument;

        sleeper->late = aw_loop_now() >= sleeper->when;
        expect_int(await(aw_sleep_until(sleeper->when)), 0);
        trace(sleeper->name);
        return 0;
}

/* With times so far apart. False: the machine was too slow for these. */
static async bool
sleep_in_order(aw_time apart)
{
        aw_time now = aw_loop_now();
        struct sleeper sleepers[] = {{"c", now + 3 * apart, false},
                                     {"a", now + apart, false},
                                     {"d", now + 3 * apart, false},
                                     {"b", now + 2 * apart, false}};
        struct aw_task *tasks[4];
        bool in_time = true;
        int i;

        test_trace[0] = '\0';
        for (i = 0; i < 4; i++)
                tasks[i] = aw_spawn("sleeper", sleep_and_say, &sleepers[i]);
        for (i = 0; i < 4; i++) {
                expect_int(await(aw_join(tasks[i])), 0);
                in_time = in_time && !sleepers[i].late;
        }
        return in_time;
}

static async int
sleepers_wake_in_the_order_of_their_times(NOTHING)
{
        aw_time apart = AW_MILLISECOND;

        while (!await(sleep_in_order(apart)))
                apart *= 2;
        expect_trace("a b c d");
        return 0;
}

/* Detaching. */

static async int
a_detached_task_runs_and_is_freed(NOTHING)
{
        struct aw_task *late = aw_spawn("late", give, NUMBER(1));

        aw_task_detach(aw_spawn("early", say, "ran"));
        await(aw_sleep(0));
        expect_trace("ran");
        aw_task_detach(late);
        return 0;
}

static async int
the_error_of_a_detached_task_is_logged(NOTHING)
{
        struct aw_task *late = aw_spawn("late", give_error, NUMBER(EIO));

        aw_task_detach(aw_spawn("early", give_error, NUMBER(EPROTO)));
        await(aw_sleep(0));
        expect_log(
                "task 'early' ended with an error nobody looked at: the peer broke the protocol");
        aw_task_detach(late);
        expect_log("task 'late' ended with an error nobody looked at: Input/output error");
        aw_task_detach(aw_spawn("cancelled", give_error, NUMBER(ECANCELED)));
        await(aw_sleep(0));
        return 0;
}

static async int
an_error_that_was_looked_at_is_not_logged(NOTHING)
{
        struct aw_task *task = aw_spawn("fail", give_error, NUMBER(EIO));

        await(aw_sleep(0));
        expect_error(aw_task_result(task), EIO);
        aw_task_detach(task);
        return 0;
}

/* Running. */

static void
aw_run_gives_the_result_of_main_and_its_errno(void **state)
{
        (void)state;
        test_begin();
        expect_int(test_run(give, NUMBER(3)), 3);
        errno = 0;
        expect_error(test_run(give_error, NUMBER(EPROTO)), EPROTO);
        expect(aw_loop_get() == NULL);
        expect(aw_task_current() == NULL);
        test_end();
}

static async int
leave_some_behind(NOTHING)
{
        aw_spawn("sleeper", clean_up, NULL);
        aw_spawn("failed", give_error, NUMBER(EIO));
        aw_task_detach(aw_spawn("detached", sleep_long, NULL));
        await(yield(2));
        aw_spawn("late", sleep_long, NULL);
        errno = EPROTO;
        return -1;
}

/* The late one begins, and ends at its first await. */
static void
aw_run_cancels_and_waits_for_the_tasks_that_are_left(void **state)
{
        (void)state;
        test_begin();
        expect_error(test_run(leave_some_behind, NULL), EPROTO);
        expect_trace("cancelled cancelled cancelled cleaned");
        expect_log("task 'sleeper' was never joined");
        expect_log("task 'failed' ended with an error nobody looked at: Input/output error");
        expect_log("task 'failed' was never joined");
        expect_log("task 'late' was never joined");
        test_end();
}

static void
aw_run_without_a_loop_fails(void **state)
{
        struct aw_loop_options options = {.backend = "none"};

        (void)state;
        assert_int_equal(aw_run(&options, give, NULL), -1);
        assert_int_equal(errno, EINVAL);
}

static async int
a_loop_that_runs_cannot_be_run_again(NOTHING)
{
        expect_error(test_run(give, NULL), EBUSY);
        return 0;
}

struct thread_of_tasks {
        pthread_t thread;
        int result;
};

static async int
join_many(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *task;
        int i;

        for (i = 0; i < 200; i++) {
                task = aw_spawn("waiter", be_stubborn, &event);
                await(aw_sleep(i % 10 == 0 ? 200 : 0));
                aw_event_set(&event);
                if (await(aw_join(task)) != 7)
                        return -1;
                aw_event_clear(&event);
        }
        return 5;
}

static void *
run_a_thread(void *argument)
{
        struct thread_of_tasks *thread = argument;

        thread->result = test_run(join_many, NULL);
        return NULL;
}

static void
threads_run_loops_of_their_own_at_once(void **state)
{
        struct thread_of_tasks threads[3];
        int i;

        (void)state;
        for (i = 0; i < 3; i++)
                assert_int_equal(
                        pthread_create(&threads[i].thread, NULL, run_a_thread, &threads[i]), 0);
        for (i = 0; i < 3; i++) {
                pthread_join(threads[i].thread, NULL);
                assert_int_equal(threads[i].result, 5);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_task_starts_on_a_later_turn_never_inline),
                on_loop(tasks_start_in_the_order_in_which_they_were_spawned),
                on_loop(join_gives_the_result_or_the_error_of_the_task),
                on_loop(the_result_of_a_task_that_is_done_can_be_looked_at_and_stays),
                on_loop(the_name_is_copied_and_cut_to_31_bytes),
                on_loop(a_task_outlives_the_one_that_spawned_it),
                on_loop(a_sleep_is_never_shorter_than_told),
                on_loop(sleep_of_nothing_lets_the_others_run_once),
                on_loop(sleepers_wake_in_the_order_of_their_times),
                on_loop(a_detached_task_runs_and_is_freed),
                on_loop(the_error_of_a_detached_task_is_logged),
                on_loop(an_error_that_was_looked_at_is_not_logged),
                cmocka_unit_test(aw_run_gives_the_result_of_main_and_its_errno),
                cmocka_unit_test(aw_run_cancels_and_waits_for_the_tasks_that_are_left),
                cmocka_unit_test(aw_run_without_a_loop_fails),
                on_loop(a_loop_that_runs_cannot_be_run_again),
                cmocka_unit_test(threads_run_loops_of_their_own_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
