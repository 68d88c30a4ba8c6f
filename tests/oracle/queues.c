/* SPDX-License-Identifier: MIT */
/* Queues. */
#include "await/sync.h"
#include "oracle/oracle.h"

static struct aw_queue queue;
static struct aw_task *tasks[3];

static async void
end(size_t count)
{
        for (size_t i = 0; i < count; i++)
                aw_cancel(tasks[i]);
        await(aw_gather_all(tasks, count, NULL, (int[3]){0}));
        aw_queue_free(&queue);
}

static async int
get_one(void *name)
{
        void *item;

        if (await(aw_queue_get(&queue, &item, AW_NEVER)) == -1) {
                say("%s!", (const char *)name);
                return -1;
        }
        say("%s%s", (const char *)name, (const char *)item);
        return 0;
}

static async int
put_one(void *name)
{
        if (await(aw_queue_put(&queue, name, AW_NEVER)) == -1) {
                say("%s!", (const char *)name);
                return -1;
        }
        say("%s", (const char *)name);
        return 0;
}

static void
say_next(void)
{
        void *item;

        if (aw_queue_get_nowait(&queue, &item) == -1)
                say("empty");
        else
                say("n%s", (const char *)item);
}

static async int
who_gets_and_is_cancelled_loses_nothing(void *unused)
{
        (void)unused;
        aw_queue_init(&queue, 0);
        tasks[0] = aw_spawn("a", get_one, "a");
        tasks[1] = aw_spawn("b", get_one, "b");
        await(nap(1));
        aw_queue_put_nowait(&queue, "1");
        aw_cancel(tasks[0]);
        await(nap(5));
        say("%zu", aw_queue_size(&queue));
        await(end(2));
        return 0;
}

static async int
who_puts_and_is_cancelled_leaves_his_place(void *unused)
{
        void *item;

        (void)unused;
        aw_queue_init(&queue, 1);
        aw_queue_put_nowait(&queue, "0");
        tasks[0] = aw_spawn("a", put_one, "a");
        tasks[1] = aw_spawn("b", put_one, "b");
        await(nap(1));
        aw_queue_get_nowait(&queue, &item);
        aw_cancel(tasks[0]);
        await(nap(5));
        say("%zu", aw_queue_size(&queue));
        say_next();
        await(end(2));
        return 0;
}

static async int
an_item_is_taken_before_the_getter_runs(void *unused)
{
        (void)unused;
        aw_queue_init(&queue, 0);
        tasks[0] = aw_spawn("g", get_one, "g");
        await(nap(1));
        aw_queue_put_nowait(&queue, "1");
        say_next();
        await(nap(5));
        await(end(1));
        return 0;
}

/* test_queues: test_putters_cancelled_properly, test_why_are_putters_waiting. */
static async int
putters_come_in_their_order(void *unused)
{
        static char *const names[] = {"a", "b", "c"};

        (void)unused;
        aw_queue_init(&queue, 1);
        aw_queue_put_nowait(&queue, "0");
        for (size_t i = 0; i < 3; i++)
                tasks[i] = aw_spawn(names[i], put_one, names[i]);
        await(nap(1));
        for (int i = 0; i < 4; i++) {
                say_next();
                await(nap(1));
        }
        say_next();
        await(end(3));
        return 0;
}

/* test_queues: test_cancelled_getters_not_being_held_in_self_getters. */
static async int
a_get_that_is_late_takes_nothing(void *unused)
{
        void *item;

        (void)unused;
        aw_queue_init(&queue, 0);
        say_outcome(await(aw_queue_get(&queue, &item, within(2))));
        aw_queue_put_nowait(&queue, "1");
        aw_queue_put_nowait(&queue, "2");
        say("%zu", aw_queue_size(&queue));
        say_outcome(await(aw_queue_get(&queue, &item, within(2))));
        say("%s", (const char *)item);
        say_next();
        say_next();
        await(end(0));
        return 0;
}

/* test_queues: test_nonblocking_put_exception. */
static async int
a_full_queue_takes_no_more(void *unused)
{
        (void)unused;
        aw_queue_init(&queue, 2);
        say_outcome(aw_queue_put_nowait(&queue, "1"));
        say_outcome(aw_queue_put_nowait(&queue, "2"));
        say_outcome(aw_queue_put_nowait(&queue, "3"));
        say_outcome(await(aw_queue_put(&queue, "4", within(2))));
        say_next();
        say_outcome(aw_queue_put_nowait(&queue, "5"));
        say_next();
        say_next();
        await(end(0));
        return 0;
}

static async int
work_until_the_end(void *name)
{
        void *item;

        while (await(aw_queue_get(&queue, &item, AW_NEVER)) == 0 && item != NULL)
                say("%s%s", (const char *)name, (const char *)item);
        say("%s ends", (const char *)name);
        return 0;
}

/* test_queues: test_shutdown_nonempty. One NULL for each getter tells of the end. */
static async int
a_queue_is_shut_down(void *unused)
{
        (void)unused;
        aw_queue_init(&queue, 0);
        tasks[0] = aw_spawn("a", work_until_the_end, "a");
        tasks[1] = aw_spawn("b", work_until_the_end, "b");
        await(nap(1));
        for (int i = 0; i < 3; i++)
                aw_queue_put_nowait(&queue, (char *[]){"1", "2", "3"}[i]);
        for (int i = 0; i < 2; i++)
                aw_queue_put_nowait(&queue, NULL);
        await(aw_wait(tasks, 2, AW_ALL_COMPLETED, AW_NEVER));
        await(end(2));
        return 0;
}

/* test_queues: test_task_done. A count of what is not done yet, and an event. */
static struct {
        int left;
        struct aw_event done;
} work;

static async int
do_the_work(void *name)
{
        void *item;

        while (await(aw_queue_get(&queue, &item, AW_NEVER)) == 0) {
                await(nap(2));
                say("%s%s", (const char *)name, (const char *)item);
                if (--work.left == 0)
                        aw_event_set(&work.done);
        }
        return -1;
}

static async int
a_queue_is_joined(void *unused)
{
        (void)unused;
        aw_queue_init(&queue, 0);
        work.left = 3;
        work.done = (struct aw_event){.set = false};
        tasks[0] = aw_spawn("a", do_the_work, "a");
        for (int i = 0; i < 3; i++)
                aw_queue_put_nowait(&queue, (char *[]){"1", "2", "3"}[i]);
        say_outcome(await(aw_event_wait(&work.done, AW_NEVER)));
        await(end(1));
        return 0;
}

static const struct scenario scenarios[] = {
        SCENARIO(who_gets_and_is_cancelled_loses_nothing),
        SCENARIO(who_puts_and_is_cancelled_leaves_his_place),
        SCENARIO(an_item_is_taken_before_the_getter_runs),
        SCENARIO(putters_come_in_their_order),
        SCENARIO(a_get_that_is_late_takes_nothing),
        SCENARIO(a_full_queue_takes_no_more),
        SCENARIO(a_queue_is_shut_down),
        SCENARIO(a_queue_is_joined),
};

ORACLE_MAIN(scenarios)
