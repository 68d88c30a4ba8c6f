/* SPDX-License-Identifier: MIT */
/* What tells of tasks: the dump, the slow-task watch; and what aborts. */
#include "await/sync.h"
#include "await/task_wait.h"
#include "unit/task/task_test.h"

static char *
dump(void)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        expect(out != NULL);
        aw_task_dump(out);
        fclose(out);
        return text;
}

static void
expect_in(const char *text, const char *part)
{
        test_expect(strstr(text, part) != NULL, __FILE__, __LINE__, "'%s' is in '%s'", part, text);
}

static async int
wait_deep(void *argument)
{
        struct aw_task *child = aw_spawn("grandchild", sleep_long, NULL);

        await(aw_event_wait(argument, AW_NEVER));
        aw_cancel(child);
        await(aw_join(child));
        return 0;
}

static async int
the_dump_is_a_tree_with_states_ages_and_await_sites(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *child = aw_spawn("child", wait_deep, &event);
        struct aw_task *second = aw_spawn("second", give, NUMBER(1));
        struct aw_task *third;
        char *text, *line, *rest;
        int lines = 0;

        await(yield(2));
        third = aw_spawn("third", give, NUMBER(1));
        text = dump();
        for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
                switch (lines++) {
                case 0:
                        expect(strncmp(line, "main (running, ", 15) == 0);
                        expect_in(line, " s) at ");
                        expect_in(line, "task_test.h:");
                        expect_in(line, ": aw_sleep(0)");
                        break;
                case 1:
                        expect(strncmp(line, "  child (waiting, stack ", 24) == 0);
                        expect_in(line, " KiB, 0.0 s) at ");
                        expect_in(line, "report_test.c:");
                        expect_in(line, ": aw_event_wait(argument, AW_NEVER)");
                        break;
                case 2:
                        expect(strncmp(line, "    grandchild (waiting, ", 25) == 0);
                        expect_in(line, ": aw_sleep(24 * 3600 * AW_SECOND)");
                        break;
                case 3:
                        expect(strncmp(line, "  second (done, not joined, ", 28) == 0);
                        expect(strstr(line, " at ") == NULL);
                        break;
                case 4:
                        expect(strncmp(line, "  third (ready, ", 16) == 0);
                        break;
                }
        expect_int(lines, 5);
        free(text);
        aw_event_set(&event);
        expect_int(await(aw_join(child)), 0);
        expect_int(await(aw_join(second)), 1);
        expect_int(await(aw_join(third)), 1);
        return 0;
}

static async int
the_usage_tells_of_tasks_and_stacks(NOTHING)
{
        struct aw_task_usage before, during, after;
        struct aw_task *tasks[3];
        size_t i;

        aw_task_usage(&before);
        expect_int((long long)before.tasks, 1);
        for (i = 0; i < 3; i++)
                tasks[i] = aw_spawn("task", give, NUMBER(1));
        await(yield(2));
        aw_task_usage(&during);
        /* Those that are done and not joined have their stacks still. */
        expect_int((long long)during.tasks, 4);
        expect(during.stacks >= 4 && during.space >= 4 * 4096);
        for (i = 0; i < 3; i++)
                expect_int(await(aw_join(tasks[i])), 1);
        aw_task_usage(&after);
        expect_int((long long)after.tasks, 1);
        expect(after.stacks == during.stacks && after.space == during.space);
        return 0;
}

static void
without_a_loop_nothing_is_used(void **state)
{
        struct aw_task_usage usage;

        (void)state;
        aw_task_usage(&usage);
        assert_int_equal(usage.tasks + usage.stacks + usage.space, 0);
}

/* The orphans go to where their parent was, in the order of their births. */
static async int
spawn_orphans(NOTHING)
{
        aw_task_detach(aw_spawn("orphan a", sleep_long, NULL));
        aw_task_detach(aw_spawn("orphan b", sleep_long, NULL));
        return 0;
}

static async int
orphans_are_shown_under_their_grandparent(NOTHING)
{
        struct aw_task *before = aw_spawn("before", sleep_long, NULL);
        struct aw_task *parent = aw_spawn("parent", spawn_orphans, NULL);
        struct aw_task *after = aw_spawn("after", sleep_long, NULL);
        char *text;

        expect_int(await(aw_join(parent)), 0);
        text = dump();
        expect_in(text, "\n  before (");
        expect(strstr(text, "  after (") < strstr(text, "  orphan a ("));
        expect(strstr(text, "  orphan a (") < strstr(text, "  orphan b ("));
        free(text);
        aw_cancel(before);
        aw_cancel(after);
        expect_error(await(aw_join(before)), ECANCELED);
        expect_error(await(aw_join(after)), ECANCELED);
        return 0;
}

static async int
sleep_for(aw_time duration, int times)
{
        return times > 0 ? await(aw_sleep(duration)) : 0;
}

static async int
nest_awaits(NOTHING)
{
        return await(sleep_for(await(aw_join(aw_spawn("inner", give, NUMBER(3)))) * AW_SECOND, 1));
}

/* One in the arguments of another is over when that begins. */
static async int
of_nested_awaits_the_one_that_waits_is_shown(NOTHING)
{
        struct aw_task *task = aw_spawn("nested", nest_awaits, NULL);
        char *text;

        await(yield(4));
        text = dump();
        expect_in(text, ": aw_sleep(duration)");
        free(text);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        return 0;
}

static async int
nest_awaits_of_one_function(void *argument)
{
        return await(aw_event_wait(
                argument,
                aw_loop_now() + await(aw_join(aw_spawn("inner", give, NUMBER(3)))) * AW_SECOND));
}

static async int
so_is_the_outer_one(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("nested", nest_awaits_of_one_function, &event);
        char *text;

        await(yield(4));
        text = dump();
        expect_in(text, "aw_event_wait(");
        free(text);
        aw_event_set(&event);
        expect_int(await(aw_join(task)), 0);
        return 0;
}

/* The slow-task watch. */

static async int
hog(NOTHING)
{
        await(aw_sleep(0));
        busy_until(aw_loop_now() + 3 * AW_MILLISECOND);
        await(aw_sleep(0));
        return 0;
}

/* Stacks. */

#define DEEP (150 * 1024)

static async int
stay_flat(void *argument)
{
        return await(aw_event_wait(argument, AW_NEVER));
}

static async int
go_deep(void *argument)
{
        char array[DEEP];

        memset(array, 1, sizeof(array));
        /* No compiler may keep less of it than all. */
        __asm__ volatile("" : : "r"(array) : "memory");
        return await(aw_event_wait(argument, AW_NEVER)) + array[0] - 1;
}

/* Of the task whose line this is, in the dump. */
static int
stack_of(const char *text, const char *name)
{
        const char *line = strstr(text, name);

        return line == NULL ? -1 : atoi(strstr(line, "stack ") + strlen("stack "));
}

static async int
the_dump_tells_how_deep_each_stack_went(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *flat = aw_spawn("flat", stay_flat, &event);
        struct aw_task *deep = aw_spawn("deep", go_deep, &event);
        char *text;

        await(aw_sleep(0));
        text = dump();
        expect(stack_of(text, "flat (") > 0 && stack_of(text, "flat (") < DEEP / 1024);
        expect(stack_of(text, "deep (") >= DEEP / 1024 && stack_of(text, "deep (") < 256);
        free(text);
        aw_event_set(&event);
        expect_int(await(aw_join(flat)), 0);
        expect_int(await(aw_join(deep)), 0);
        return 0;
}

static async int
go_very_deep(NOTHING)
{
        volatile char array[900 * 1024];

        array[0] = 1;
        return await(aw_sleep(0)) + array[0] - 1;
}

static void
stacks_have_the_size_that_was_asked_for(void **state)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = -1};

        (void)state;
        test_begin();
        options.stack_size = (size_t)1 << 20;
        expect_int(aw_run(&options, go_very_deep, NULL), 0);
        options.stack_size = 1000;
        expect_error(aw_run(&options, go_very_deep, NULL), EINVAL);
        test_end();
}

/* The whole of it, page by page. */
static __attribute__((noinline)) int
fill_stack(const void *argument)
{
        volatile char array[4096];

        array[0] = 1;
        return argument == NULL ? 0 : fill_stack(argument) + array[0];
}

static async int
overflow(void *argument)
{
        return fill_stack(argument);
}

static async int
run_an_overflow(NOTHING)
{
        return await(aw_join(aw_spawn("greedy", overflow, NUMBER(1))));
}

static void
a_task_that_overflows_its_stack_is_named(void **state)
{
        (void)state;
        test_dies(run_an_overflow, SIGSEGV, "the stack of 'greedy' has overflowed: ");
}

static async int
run_a_hog(NOTHING)
{
        return await(aw_join(aw_spawn("hog", hog, NULL)));
}

static void
run_with_a_slow_limit(aw_time limit)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = limit};

        expect_int(aw_run(&options, run_a_hog, NULL), 0);
}

static async int
begin_with_work(NOTHING)
{
        busy_until(aw_loop_now() + 3 * AW_MILLISECOND);
        return 0;
}

static void
a_slow_task_may_not_have_awaited_yet(void **state)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"),
                                          .slow = 2 * AW_MILLISECOND};

        (void)state;
        test_begin();
        expect_int(aw_run(&options, begin_with_work, NULL), 0);
        expect_in(test_log_find("Executing"),
                  "warning: Executing <Task 'main', no await yet> took ");
        test_end();
}

/* It is the await before the work that is told of. */
static void
a_slow_task_is_reported_with_its_name_and_await_site(void **state)
{
        const char *line;

        (void)state;
        test_begin();
        run_with_a_slow_limit(2 * AW_MILLISECOND);
        line = test_log_find("Executing <Task 'hog', last await at ");
        expect_in(line, "report_test.c:");
        expect_in(line, ": aw_sleep(0)> took ");
        test_end();
}

static void
a_slow_task_is_not_reported_when_the_watch_is_off(void **state)
{
        (void)state;
        test_begin();
        run_with_a_slow_limit(-1);
        test_end();
}

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
                                      "tests/unit/task/report_test.c:");
        test_aborts(end_in_a_timeout, "task 'main' ended in the middle of a time-out or a group, "
                                      "its last await was at tests/unit/task/report_test.c:");
        test_aborts(end_in_a_group, "task 'main' ended in the middle of a time-out or a group");
        test_aborts(leave_a_timeout_and_go_on, "in the middle of a time-out or a group");
        test_aborts(leave_a_timeout_in_a_timeout, "in the middle of a time-out or a group");
        test_aborts(leave_a_timeout_that_is_written_over,
                    "task 'main' left a function in the middle of a time-out or a group");
        test_aborts(exit_a_timeout_twice, "aw_timeout_exit() without aw_timeout_enter()");
        test_aborts(gather_a_task_twice, "task 'task' is listed twice");
        test_aborts(share_an_event_between_loops,
                    "task 'waiter', which waits at tests/unit/task/report_test.c:");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(the_dump_is_a_tree_with_states_ages_and_await_sites),
                on_loop(of_nested_awaits_the_one_that_waits_is_shown),
                on_loop(so_is_the_outer_one),
                on_loop(the_dump_tells_how_deep_each_stack_went),
                cmocka_unit_test(stacks_have_the_size_that_was_asked_for),
                cmocka_unit_test(a_task_that_overflows_its_stack_is_named),
                on_loop(the_usage_tells_of_tasks_and_stacks),
                cmocka_unit_test(without_a_loop_nothing_is_used),
                on_loop(orphans_are_shown_under_their_grandparent),
                cmocka_unit_test(a_slow_task_is_reported_with_its_name_and_await_site),
                cmocka_unit_test(a_slow_task_may_not_have_awaited_yet),
                cmocka_unit_test(a_slow_task_is_not_reported_when_the_watch_is_off),
                cmocka_unit_test(misuse_aborts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
