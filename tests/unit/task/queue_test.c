/* SPDX-License-Identifier: MIT */
#include "unit/task/task_test.h"

#define PASSED ((aw_time)1)

static char items[] = "abcdefghijklmnopqrstuvwxyz";

static async int
get_and_say(void *argument)
{
        char letter[2] = "";
        void *item;

        if (await(aw_queue_get(argument, &item, AW_NEVER)) == -1) {
                trace("cancelled");
                return -1;
        }
        letter[0] = *(char *)item;
        trace(letter);
        return 0;
}

struct put {
        struct aw_queue *queue;
        void *item;
        aw_time deadline;
};

static async int
put_it(void *argument)
{
        struct put *put = argument;
        int result = await(aw_queue_put(put->queue, put->item, put->deadline));

        trace(result == 0 ? "put" : errno == ETIMEDOUT ? "late" : "cancelled");
        return result;
}

static async int
items_come_out_in_the_order_in_which_they_were_put(NOTHING)
{
        struct aw_queue queue;
        void *item = NULL;
        size_t in = 0, out = 0, round;

        /* The ring wraps around and grows again and again. */
        aw_queue_init(&queue, 0);
        for (round = 0; round < 1000; round++) {
                expect_int(await(aw_queue_put(&queue, NUMBER(in++), PASSED)), 0);
                expect_int(aw_queue_put_nowait(&queue, NUMBER(in++)), 0);
                if (round % 3 > 0) {
                        expect_int(await(aw_queue_get(&queue, &item, PASSED)), 0);
                        expect(item == NUMBER(out++));
                }
        }
        expect_int(aw_queue_size(&queue), in - out);
        while (aw_queue_get_nowait(&queue, &item) == 0)
                expect(item == NUMBER(out++));
        expect_int(errno, EAGAIN);
        expect_int(out, 2000);
        aw_queue_free(&queue);
        return 0;
}

static async int
getters_are_served_in_order(NOTHING)
{
        struct aw_queue queue;
        struct aw_task *tasks[3];
        int i;

        aw_queue_init(&queue, 0);
        for (i = 0; i < 3; i++)
                tasks[i] = aw_spawn("getter", get_and_say, &queue);
        await(aw_sleep(0));
        for (i = 0; i < 3; i++)
                expect_int(aw_queue_put_nowait(&queue, &items[i]), 0);
        /* They are for those who wait, who have not run yet. */
        expect_int(aw_queue_size(&queue), 0);
        expect_error(aw_queue_get_nowait(&queue, NULL), EAGAIN);
        for (i = 0; i < 3; i++)
                expect_int(await(aw_join(tasks[i])), 0);
        expect_trace("a b c");
        aw_queue_free(&queue);
        return 0;
}

static async int
a_cancelled_getter_is_passed_over(NOTHING)
{
        struct aw_queue queue;
        struct aw_task *tasks[2];
        int i;

        aw_queue_init(&queue, 0);
        for (i = 0; i < 2; i++)
                tasks[i] = aw_spawn("getter", get_and_say, &queue);
        await(aw_sleep(0));
        aw_cancel(tasks[0]);
        expect_error(await(aw_join(tasks[0])), ECANCELED);
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        expect_int(await(aw_join(tasks[1])), 0);
        expect_trace("cancelled a");
        aw_queue_free(&queue);
        return 0;
}

static async int
a_getter_cancelled_when_it_was_served_leaves_the_item_to_the_next(NOTHING)
{
        struct aw_queue queue;
        struct aw_task *tasks[2];
        void *item = NULL;
        int i;

        aw_queue_init(&queue, 0);
        for (i = 0; i < 2; i++)
                tasks[i] = aw_spawn("getter", get_and_say, &queue);
        await(aw_sleep(0));
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        aw_cancel(tasks[0]);
        expect_error(await(aw_join(tasks[0])), ECANCELED);
        expect_int(await(aw_join(tasks[1])), 0);
        expect_trace("cancelled a");
        /* And to whoever comes if there is no next. */
        tasks[0] = aw_spawn("getter", get_and_say, &queue);
        await(aw_sleep(0));
        expect_int(aw_queue_put_nowait(&queue, &items[1]), 0);
        aw_cancel(tasks[0]);
        expect_error(await(aw_join(tasks[0])), ECANCELED);
        expect_int(aw_queue_get_nowait(&queue, &item), 0);
        expect(item == &items[1]);
        aw_queue_free(&queue);
        return 0;
}

static async int
the_wait_for_an_item_times_out(NOTHING)
{
        struct aw_queue queue;
        void *item = items;

        aw_queue_init(&queue, 0);
        expect_error(await(aw_queue_get(&queue, &item, aw_loop_now() + 200)), ETIMEDOUT);
        expect_error(await(aw_queue_get(&queue, &item, PASSED)), ETIMEDOUT);
        expect(item == items);
        aw_queue_free(&queue);
        return 0;
}

/* Bounded ones. */

static async int
a_put_waits_for_room_in_order(NOTHING)
{
        struct aw_queue queue;
        struct put puts[] = {{&queue, &items[2], AW_NEVER}, {&queue, &items[3], AW_NEVER}};
        struct aw_task *tasks[2];
        int i;

        aw_queue_init(&queue, 2);
        expect_int(await(aw_queue_put(&queue, &items[0], PASSED)), 0);
        expect_int(aw_queue_put_nowait(&queue, &items[1]), 0);
        expect_error(aw_queue_put_nowait(&queue, &items[2]), EAGAIN);
        for (i = 0; i < 2; i++)
                tasks[i] = aw_spawn("putter", put_it, &puts[i]);
        await(yield(2));
        expect_trace("");
        for (i = 0; i < 4; i++)
                expect_int(await(get_and_say(&queue)), 0);
        expect_trace("a b put put c d");
        for (i = 0; i < 2; i++)
                expect_int(await(aw_join(tasks[i])), 0);
        expect_int(aw_queue_size(&queue), 0);
        aw_queue_free(&queue);
        return 0;
}

static async int
the_wait_for_room_times_out(NOTHING)
{
        struct aw_queue queue;
        struct put late = {&queue, &items[1], aw_loop_now() + 300};

        aw_queue_init(&queue, 1);
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        expect_error(await(put_it(&late)), ETIMEDOUT);
        expect_error(await(aw_queue_put(&queue, items, PASSED)), ETIMEDOUT);
        expect_trace("late");
        expect_int(aw_queue_size(&queue), 1);
        aw_queue_free(&queue);
        return 0;
}

static async int
a_putter_cancelled_when_it_was_given_room_passes_it_on(NOTHING)
{
        struct aw_queue queue;
        struct put puts[] = {{&queue, &items[1], AW_NEVER}, {&queue, &items[2], AW_NEVER}};
        struct aw_task *tasks[2];
        void *item = NULL;
        int i;

        aw_queue_init(&queue, 1);
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        for (i = 0; i < 2; i++)
                tasks[i] = aw_spawn("putter", put_it, &puts[i]);
        await(aw_sleep(0));
        expect_int(aw_queue_get_nowait(&queue, &item), 0);
        aw_cancel(tasks[0]);
        /* The room is promised to those who wait. */
        expect_error(aw_queue_put_nowait(&queue, items), EAGAIN);
        expect_error(await(aw_join(tasks[0])), ECANCELED);
        expect_int(await(aw_join(tasks[1])), 0);
        expect_trace("cancelled put");
        expect_int(aw_queue_get_nowait(&queue, &item), 0);
        expect(item == &items[2]);
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        aw_queue_free(&queue);
        return 0;
}

static async int
a_cancelled_putter_leaves_no_item(NOTHING)
{
        struct aw_queue queue;
        struct put put = {&queue, &items[1], AW_NEVER};
        struct aw_task *task;

        aw_queue_init(&queue, 1);
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        task = aw_spawn("putter", put_it, &put);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(await(get_and_say(&queue)), 0);
        expect_int(aw_queue_size(&queue), 0);
        expect_int(aw_queue_put_nowait(&queue, items), 0);
        expect_trace("cancelled a");
        aw_queue_free(&queue);
        return 0;
}

struct pipeline {
        struct aw_queue queue;
        size_t count, sum;
};

static async int
consume(void *argument)
{
        struct pipeline *pipeline = argument;
        void *item = NULL;

        while (await(aw_queue_get(&pipeline->queue, &item, AW_NEVER)) == 0 && item != NULL) {
                pipeline->sum += (size_t)item;
                pipeline->count++;
        }
        return 0;
}

static async int
producers_and_consumers_lose_nothing(NOTHING)
{
        struct pipeline pipeline = {.count = 0};
        struct aw_task *tasks[4];
        size_t i, many = test_many(20000);

        aw_queue_init(&pipeline.queue, 3);
        for (i = 0; i < 4; i++)
                tasks[i] = aw_spawn("consumer", consume, &pipeline);
        for (i = 1; i <= many; i++)
                expect_int(await(aw_queue_put(&pipeline.queue, NUMBER(i), AW_NEVER)), 0);
        for (i = 0; i < 4; i++)
                expect_int(await(aw_queue_put(&pipeline.queue, NULL, AW_NEVER)), 0);
        for (i = 0; i < 4; i++)
                expect_int(await(aw_join(tasks[i])), 0);
        expect_int(pipeline.count, many);
        expect_int(pipeline.sum, many * (many + 1) / 2);
        aw_queue_free(&pipeline.queue);
        return 0;
}

static async int
free_a_queue_in_which_a_task_waits(NOTHING)
{
        struct aw_queue queue;

        aw_queue_init(&queue, 0);
        aw_spawn("getter", get_and_say, &queue);
        await(aw_sleep(0));
        aw_queue_free(&queue);
        return 0;
}

/* It has its item, and has not run yet. */
static async int
free_a_queue_in_which_a_task_was_woken(NOTHING)
{
        struct aw_queue queue;

        aw_queue_init(&queue, 0);
        aw_spawn("getter", get_and_say, &queue);
        await(aw_sleep(0));
        aw_queue_put_nowait(&queue, items);
        aw_queue_free(&queue);
        return 0;
}

static async int
free_a_queue_that_a_task_was_given_a_place_in(NOTHING)
{
        struct aw_queue queue;
        struct put put = {&queue, items, AW_NEVER};
        void *item;

        aw_queue_init(&queue, 1);
        aw_queue_put_nowait(&queue, items);
        aw_spawn("putter", put_it, &put);
        await(aw_sleep(0));
        aw_queue_get_nowait(&queue, &item);
        aw_queue_free(&queue);
        return 0;
}

static void
misuse_aborts(void **state)
{
        (void)state;
        test_aborts(free_a_queue_in_which_a_task_waits, "a task waits in the queue");
        test_aborts(free_a_queue_in_which_a_task_was_woken, "a task waits in the queue");
        test_aborts(free_a_queue_that_a_task_was_given_a_place_in, "a task waits in the queue");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(items_come_out_in_the_order_in_which_they_were_put),
                on_loop(getters_are_served_in_order),
                on_loop(a_cancelled_getter_is_passed_over),
                on_loop(a_getter_cancelled_when_it_was_served_leaves_the_item_to_the_next),
                on_loop(the_wait_for_an_item_times_out),
                on_loop(a_put_waits_for_room_in_order),
                on_loop(the_wait_for_room_times_out),
                on_loop(a_putter_cancelled_when_it_was_given_room_passes_it_on),
                on_loop(a_cancelled_putter_leaves_no_item),
                on_loop(producers_and_consumers_lose_nothing),
                cmocka_unit_test(misuse_aborts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
