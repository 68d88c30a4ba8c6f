/* SPDX-License-Identifier: MIT */
/* Many tasks: none is lost, and none costs too much. */
#include "unit/task/task_test.h"

/* Bytes of memory in use. */
static size_t
resident(void)
{
        FILE *file = fopen("/proc/self/statm", "r");
        size_t pages = 0;

        expect(file != NULL);
        expect_int(fscanf(file, "%*u %zu", &pages), 1);
        fclose(file);
        return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static async void
spawn_and_join(size_t count)
{
        size_t i, wrong = 0;

        for (i = 0; i < count; i++)
                wrong += await(aw_join(aw_spawn("task", give, NUMBER(i % 100)))) != (int)(i % 100);
        expect_int(wrong, 0);
}

static async int
a_million_tasks_come_and_go_without_growth(NOTHING)
{
        size_t before;

        await(spawn_and_join(10000));
        before = resident();
        await(spawn_and_join(test_many(1000000)));
        expect(resident() < before + (1 << 20));
        return 0;
}

/* All there at once, again and again. */
static async int
crowds_come_and_go_without_growth(NOTHING)
{
        enum { CROWD = 2000 };
        struct aw_task **tasks = calloc(CROWD, sizeof(struct aw_task *));
        size_t before = 0, round, i;

        for (round = 0; round < 3 + test_many(50); round++) {
                for (i = 0; i < CROWD; i++)
                        tasks[i] = aw_spawn("task", give, NUMBER(1));
                for (i = 0; i < CROWD; i++)
                        expect_int(await(aw_join(tasks[i])), 1);
                if (round == 2)
                        before = resident();
        }
        expect(resident() < before + (1 << 20));
        free(tasks);
        return 0;
}

struct sleepers {
        struct aw_event begin;
        aw_time start;
        aw_time asleep; /* when all of them were */
        aw_time last;   /* of those that woke after that */
        size_t count;
        bool disordered;
};

static async int
sleep_a_while(void *argument)
{
        struct sleepers *sleepers = argument;
        /* One of 256 times, scattered. */
        aw_time when = (aw_time)(sleepers->count++ * 40503 % 256) * 100;

        expect_int(await(aw_event_wait(&sleepers->begin, AW_NEVER)), 0);
        when += sleepers->start;
        expect_int(await(aw_sleep_until(when)), 0);
        if (when > sleepers->asleep) {
                sleepers->disordered |= when < sleepers->last;
                sleepers->last = when;
        }
        return 0;
}

static async int
a_hundred_thousand_tasks_sleep_at_once(NOTHING)
{
        size_t count = test_many(100000), i, before = resident();
        struct aw_task **tasks = calloc(count, sizeof(*tasks));
        struct sleepers sleepers = {.asleep = AW_NEVER};

        for (i = 0; i < count; i++)
                if (!expect((tasks[i] = aw_spawn("sleeper", sleep_a_while, &sleepers)) != NULL))
                        return -1;
        await(aw_sleep(0));
        expect_int(sleepers.count, count);
        /* Elsewhere the tools that watch the memory need some themselves. */
        if (count == 100000)
                expect((resident() - before) / count < 10000);
        sleepers.start = aw_loop_now() + 50 * AW_MILLISECOND;
        aw_event_set(&sleepers.begin);
        await(aw_sleep(0));
        sleepers.asleep = aw_loop_now();
        for (i = 0; i < count; i++)
                expect_int(await(aw_join(tasks[i])), 0);
        expect(!sleepers.disordered);
        free(tasks);
        return 0;
}

/* Each joins the next one. */
static async int
join_the_next(void *argument)
{
        size_t *left = argument;

        if ((*left)-- == 0)
                return await(sleep_long(NULL));
        return await(aw_join(aw_spawn("link", join_the_next, left)));
}

static async int
a_cancellation_goes_through_a_very_long_chain_of_joins(NOTHING)
{
        size_t left = test_many(5000);
        struct aw_task *first = aw_spawn("first", join_the_next, &left);

        while (left != SIZE_MAX)
                await(aw_sleep(0));
        await(aw_sleep(0));
        aw_cancel(first);
        expect_error(await(aw_join(first)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_million_tasks_come_and_go_without_growth),
                on_loop(crowds_come_and_go_without_growth),
                on_loop(a_hundred_thousand_tasks_sleep_at_once),
                on_loop(a_cancellation_goes_through_a_very_long_chain_of_joins),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
