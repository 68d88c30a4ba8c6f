/* SPDX-License-Identifier: MIT */
/* What aborts with a sentence: awaits outside of tasks, joins, time-outs, groups. */
#include "await/task_wait.h"
#include "unit/task/task_test.h"

/* Misuse. */

static async int
await_outside_a_task(void)
{
        struct aw_event event = {.set = false};

        return await(aw_event_wait(&event, AW_NEVER));
}

static async void
await_in_a_callback(NOTHING)
{
        await(await_outside_a_task());
}

static async int
await_in_a_callback_of_the_loop(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon(&handle, await_in_a_callback, NULL);
        return await(aw_sleep(0));
}

static async void *
await_in_a_thread(NOTHING)
{
        await(await_outside_a_task());
        return NULL;
}

static int
await_in_a_thread_without_a_loop(NOTHING)
{
        pthread_t thread;

        pthread_create(&thread, NULL, await_in_a_thread, NULL);
        return pthread_join(thread, NULL);
}

static void *
spawn_in_a_thread(void *argument)
{
        aw_spawn("task", sleep_long, NULL);
        return argument;
}

static int
spawn_in_a_thread_without_a_loop(NOTHING)
{
        pthread_t thread;

        pthread_create(&thread, NULL, spawn_in_a_thread, NULL);
        return pthread_join(thread, NULL);
}

static async int
join_oneself(NOTHING)
{
        return await(aw_join(aw_task_current()));
}

static async int
gather_oneself(NOTHING)
{
        struct aw_task *tasks[] = {aw_task_current()};

        return await(aw_gather(tasks, 1, NULL));
}

static async int
join_it(void *argument)
{
        return await(aw_join(argument));
}

static async int
join_a_task_twice(NOTHING)
{
        struct aw_task *task = aw_spawn("task", sleep_long, NULL);

        aw_spawn("joiner", join_it, task);
        await(aw_sleep(0));
        return await(aw_join(task));
}

/* The first one to join has been woken, and has not run yet. */
static async int
join_a_task_that_another_is_about_to_take(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("task", be_stubborn, &event);

        aw_spawn("joiner", join_it, task);
        await(aw_sleep(0));
        aw_event_set(&event);
        await(aw_sleep(0));
        return await(aw_join(task));
}

static async int
join_a_task_in_two_lists(NOTHING)
{
        struct aw_task *task = aw_spawn("task", sleep_long, NULL);
        struct aw_task *tasks[] = {task, task};

        return await(aw_gather(tasks, 2, NULL));
}

static async int
join_main(NOTHING)
{
        aw_spawn("joiner", join_it, aw_task_current());
        return await(aw_sleep(100));
}

static async int
join_a_detached_task(NOTHING)
{
        struct aw_task *task = aw_spawn("task", sleep_long, NULL);

        aw_task_detach(task);
        return await(aw_join(task));
}

static async int
detach_a_task_that_is_joined(NOTHING)
{
        struct aw_task *task = aw_spawn("task", sleep_long, NULL);

        aw_spawn("joiner", join_it, task);
        await(aw_sleep(0));
        aw_task_detach(task);
        return 0;
}

static async int
look_at_a_result_too_early(NOTHING)
{
        return aw_task_result(aw_spawn("task", sleep_long, NULL));
}

static async int
join_the_group_of_another(void *argument)
{
        return await(aw_group_join(argument));
}

static async int
let_another_join_the_group(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        return await(aw_join(aw_spawn("other", join_the_group_of_another, &group)));
}

static struct aw_task *circle[2];

static async int
join_the_other(void *argument)
{
        return await(aw_join(*(struct aw_task **)argument));
}

static async int
join_in_a_circle(NOTHING)
{
        circle[0] = aw_spawn("A", join_the_other, &circle[1]);
        circle[1] = aw_spawn("B", join_the_other, &circle[0]);
        return await(sleep_long(NULL));
}

static async int
end_in_a_timeout(NOTHING)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
        await(aw_sleep(0));
        return -1;
}

static async int
end_in_a_group(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
        aw_group_spawn(&group, "member", sleep_long, NULL);
        return -1;
}

static __attribute__((noinline)) void
leave_a_timeout(NOTHING)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
}

static async int
leave_a_timeout_and_go_on(NOTHING)
{
        leave_a_timeout(NULL);
        await(aw_sleep(0));
        return 0;
}

static async int
leave_a_timeout_in_a_timeout(NOTHING)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
        leave_a_timeout(NULL);
        return aw_timeout_exit(&timeout, 0);
}

static async int
exit_a_timeout_twice(NOTHING)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
        aw_timeout_exit(&timeout, 0);
        return aw_timeout_exit(&timeout, 0);
}

/* What a careless function left is where the next one has its variables. */
static __attribute__((noinline)) void
write_over(NOTHING)
{
        volatile char frame[1000];

        for (size_t i = 0; i < sizeof(frame); i++)
                frame[i] = 'A';
}

static async int
leave_a_timeout_that_is_written_over(NOTHING)
{
        leave_a_timeout(NULL);
        write_over(NULL);
        await(aw_sleep(AW_MILLISECOND));
        trace("went on");
        return 0;
}

static async int
gather_a_task_twice(NOTHING)
{
        struct aw_task *task = aw_spawn("task", give, NUMBER(1));
        struct aw_task *tasks[] = {task, task};

        await(aw_sleep(0));
        return await(aw_gather(tasks, 2, NULL));
}

/* Behind one that is still to be waited for, and one that was taken. */
static async int
gather_a_task_twice_behind_others(NOTHING)
{
        struct aw_task *task = aw_spawn("task", give, NUMBER(1));
        struct aw_task *tasks[] = {aw_spawn("late", sleep_long, NULL), NULL, task, task};

        await(aw_sleep(0));
        return await(aw_gather(tasks, 4, NULL));
}

static void
begin_a_group(NOTHING)
{
        struct aw_group group;

        aw_group_init(&group);
}

static async void
acquire_a_lock(NOTHING)
{
        struct aw_lock lock = {.owner = NULL};

        await(aw_lock_acquire(&lock, AW_NEVER));
}

static async int
begin_a_group_in_a_callback(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon(&handle, begin_a_group, NULL);
        return await(aw_sleep(AW_MILLISECOND));
}

static async int
acquire_a_lock_in_a_callback(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon(&handle, acquire_a_lock, NULL);
        return await(aw_sleep(AW_MILLISECOND));
}

static async int
wait_for_it(void *argument)
{
        return await(aw_event_wait(argument, AW_NEVER));
}

static void *
set_it_in_another_loop(void *argument)
{
        struct aw_loop *loop = test_loop();

        aw_event_set(argument);
        aw_loop_destroy(loop);
        return NULL;
}

static async int
share_an_event_between_loops(NOTHING)
{
        struct aw_event event = {.set = false};
        pthread_t thread;

        aw_spawn("waiter", wait_for_it, &event);
        await(aw_sleep(0));
        pthread_create(&thread, NULL, set_it_in_another_loop, &event);
        return pthread_join(thread, NULL);
}

static void
misuse_aborts(void **state)
{
        (void)state;
        test_aborts(await_in_a_callback_of_the_loop, "await outside a task");
        test_aborts(await_in_a_thread_without_a_loop, "await outside a task");
        test_aborts(spawn_in_a_thread_without_a_loop, "aw_spawn() outside aw_run()");
        test_aborts(join_oneself, "task 'main' joins itself");
        test_aborts(gather_oneself, "task 'main' joins itself");
        test_aborts(join_a_task_twice, "task 'task' is waited for by another task");
        test_aborts(join_a_task_that_another_is_about_to_take,
                    "task 'task' is waited for by another task");
        test_aborts(join_a_task_in_two_lists, "task 'task' is waited for by another task");
        test_aborts(join_main, "task 'main' is waited for by another task");
        test_aborts(join_a_detached_task, "task 'task' is detached");
        test_aborts(detach_a_task_that_is_joined, "task 'task' is waited for by another task");
        test_aborts(look_at_a_result_too_early, "task 'task' is not done");
        test_aborts(let_another_join_the_group, "a task that is not the group's parent");
        test_aborts(join_in_a_circle, "task 'B' joins task 'A', which waits for it in turn: at "
                                      "tests/unit/task/abort_test.c:");
        test_aborts(end_in_a_timeout, "task 'main' ended in the middle of a time-out or a group, "
                                      "its last await was at tests/unit/task/abort_test.c:");
        test_aborts(end_in_a_group, "task 'main' ended in the middle of a time-out or a group");
        test_aborts(leave_a_timeout_and_go_on, "in the middle of a time-out or a group");
        test_aborts(leave_a_timeout_in_a_timeout, "in the middle of a time-out or a group");
        test_aborts(leave_a_timeout_that_is_written_over,
                    "task 'main' left a function in the middle of a time-out or a group");
        test_aborts(exit_a_timeout_twice, "aw_timeout_exit() without aw_timeout_enter()");
        test_aborts(gather_a_task_twice, "task 'task' is listed twice");
        test_aborts(gather_a_task_twice_behind_others, "task 'task' is listed twice");
        test_aborts(begin_a_group_in_a_callback, "aw_group_init() outside a task");
        test_aborts(acquire_a_lock_in_a_callback, "aw_lock_acquire() outside a task");
        test_aborts(share_an_event_between_loops,
                    "task 'waiter', which waits at tests/unit/task/abort_test.c:");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(misuse_aborts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
