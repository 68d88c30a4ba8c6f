/* SPDX-License-Identifier: MIT */
/* What tells of tasks: the dump, the slow-task watch, the stacks. */
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

/* What the program has used of its stack. Sanitizers use the rest. */
#if defined(AW_CORO_ASAN) || defined(AW_CORO_TSAN)
#define USED 1
#else
#define USED 5000
#endif

/* As to stderr: without a buffer, for which the C library would take one from the stack. */
static async int
dump_unbuffered(NOTHING)
{
        volatile char used[USED];
        FILE *out = tmpfile();
        char text[400] = "";

        expect(out != NULL);
        setvbuf(out, NULL, _IONBF, 0);
        used[0] = 0;
        aw_task_dump(out);
        rewind(out);
        expect(fgets(text, sizeof(text), out) != NULL);
        expect_in(text, "main (running, stack ");
        fclose(out);
        return used[0];
}

static void
the_smallest_stack_has_room_for_the_dump(void **state)
{
        struct aw_loop_options options = {
                .backend = getenv("AW_TEST_LOOP"), .slow = -1, .stack_size = (size_t)16 << 10};

        (void)state;
        test_begin();
        expect_int(aw_run(&options, dump_unbuffered, NULL), 0);
        test_end();
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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(the_dump_is_a_tree_with_states_ages_and_await_sites),
                on_loop(of_nested_awaits_the_one_that_waits_is_shown),
                on_loop(so_is_the_outer_one),
                on_loop(the_dump_tells_how_deep_each_stack_went),
                cmocka_unit_test(stacks_have_the_size_that_was_asked_for),
                cmocka_unit_test(the_smallest_stack_has_room_for_the_dump),
                cmocka_unit_test(a_task_that_overflows_its_stack_is_named),
                on_loop(the_usage_tells_of_tasks_and_stacks),
                cmocka_unit_test(without_a_loop_nothing_is_used),
                on_loop(orphans_are_shown_under_their_grandparent),
                cmocka_unit_test(a_slow_task_is_reported_with_its_name_and_await_site),
                cmocka_unit_test(a_slow_task_may_not_have_awaited_yet),
                cmocka_unit_test(a_slow_task_is_not_reported_when_the_watch_is_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
