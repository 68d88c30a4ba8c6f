/* SPDX-License-Identifier: MIT */
/*
 * What the library's operations cost. await_bench.py does the same on asyncio; both print a line for
 * each, its name and nanoseconds (or bytes), and await.py compares them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "await/executor.h"
#include "await/sync.h"
#include "await/task.h"
#include "await/task_wait.h"
#include "coro/coro.h"

#define SWITCHES 20000000L
#define ROUNDS   1000000L
#define JOBS     20000L
#define PENDING  100000L
#define BATCH    100L
#define FAR      (1000 * AW_SECOND)

static double
now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
report(const char *name, double begin, long count)
{
        printf("%s %.2f\n", name, (now_ns() - begin) / (double)count);
        fflush(stdout);
}

static void
need(bool condition, const char *what)
{
        if (condition)
                return;
        fprintf(stderr, "await_bench: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* From one stack to another, without a loop. */

static void
suspend_often(void *argument)
{
        struct aw_coro **self = argument;

        for (long i = 0; i < SWITCHES / 2; i++)
                aw_coro_suspend(*self);
}

static void
measure_switch(void)
{
        struct aw_coro_pool *pool = aw_coro_pool_create(0);
        struct aw_coro *coro;
        double begin;

        need(pool != NULL, "aw_coro_pool_create");
        coro = aw_coro_create(pool, suspend_often, &coro, 0);
        need(coro != NULL, "aw_coro_create");
        begin = now_ns();
        while (!aw_coro_finished(coro))
                aw_coro_resume(coro);
        report("switch", begin, SWITCHES);
        aw_coro_destroy(coro);
        aw_coro_pool_destroy(pool);
}

/* A task lets the others run. */

static async int
give_way(void *argument)
{
        (void)argument;
        for (long i = 0; i < ROUNDS; i++)
                await(aw_sleep(0));
        return 0;
}

static async void
measure_give_way(void)
{
        struct aw_task *tasks[2];
        double begin = now_ns();

        for (size_t i = 0; i < 2; i++)
                tasks[i] = aw_spawn("give way", give_way, NULL);
        await(aw_gather(tasks, 2, NULL));
        report("sleep0", begin, 2 * ROUNDS);
}

static async int
do_nothing(void *argument)
{
        (void)argument;
        return 0;
}

static async void
measure_spawn(void)
{
        double begin = now_ns();

        for (long i = 0; i < ROUNDS; i++)
                await(aw_join(aw_spawn("", do_nothing, NULL)));
        report("spawn", begin, ROUNDS);
}

static async void
measure_spawn_many(void)
{
        static struct aw_task *tasks[BATCH];
        double begin = now_ns();

        for (long k = 0; k < ROUNDS / BATCH; k++) {
                for (long i = 0; i < BATCH; i++)
                        tasks[i] = aw_spawn("", do_nothing, NULL);
                await(aw_gather(tasks, BATCH, NULL));
        }
        report("gather", begin, ROUNDS);
}

/* Two tasks and an event for each. */

static async int
ping_pong(void *argument)
{
        struct aw_event *events = argument;

        for (long i = 0; i < ROUNDS; i++) {
                await(aw_event_wait(&events[1], AW_NEVER));
                aw_event_clear(&events[1]);
                aw_event_set(&events[0]);
        }
        return 0;
}

static async void
measure_events(void)
{
        struct aw_event events[2] = {0};
        struct aw_task *task = aw_spawn("ping-pong", ping_pong, events);
        double begin = now_ns();

        for (long i = 0; i < ROUNDS; i++) {
                aw_event_set(&events[1]);
                await(aw_event_wait(&events[0], AW_NEVER));
                aw_event_clear(&events[0]);
        }
        report("event", begin, 2 * ROUNDS);
        await(aw_join(task));
}

/* A queue of one place: each item is handed over by a switch. */

static async int
produce(void *argument)
{
        for (long i = 0; i < ROUNDS; i++)
                await(aw_queue_put(argument, argument, AW_NEVER));
        return 0;
}

static async void
measure_queue(void)
{
        struct aw_queue queue;
        struct aw_task *task;
        void *item;
        double begin;

        aw_queue_init(&queue, 1);
        task = aw_spawn("produce", produce, &queue);
        begin = now_ns();
        for (long i = 0; i < ROUNDS; i++)
                await(aw_queue_get(&queue, &item, AW_NEVER));
        report("queue", begin, ROUNDS);
        await(aw_join(task));
        aw_queue_free(&queue);
}

static int
job_nothing(void *argument, void **result)
{
        (void)argument;
        (void)result;
        return 0;
}

static async void
measure_executor(void)
{
        const struct aw_job job = {.run = job_nothing};
        double begin;

        need(await(aw_run_in_executor(NULL, &job, NULL)) == 0, "aw_run_in_executor");
        begin = now_ns();
        for (long i = 0; i < JOBS; i++)
                await(aw_run_in_executor(NULL, &job, NULL));
        report("executor", begin, JOBS);
}

/* Timers in no order: the same numbers in each language. */

struct timers {
        struct aw_handle *handles;
        long left;
        struct aw_event done;
};

static aw_time
scattered(long i)
{
        return i * 7919 % PENDING;
}

static void
on_timer(void *argument)
{
        struct timers *timers = argument;

        if (--timers->left == 0)
                aw_event_set(&timers->done);
}

static async void
measure_timers(void)
{
        struct timers timers = {.handles = calloc(PENDING, sizeof(struct aw_handle)),
                                .left = PENDING};
        double begin;
        aw_time now = aw_loop_now();

        need(timers.handles != NULL, "timers");
        memset(timers.handles, 0, PENDING * sizeof(struct aw_handle));
        begin = now_ns();
        for (long i = 0; i < PENDING; i++)
                aw_call_at(&timers.handles[i], now + FAR + scattered(i), on_timer, &timers);
        for (long i = 0; i < PENDING; i++)
                aw_handle_cancel(&timers.handles[i]);
        await(aw_sleep(0));
        report("timer_cancel", begin, PENDING);

        /* All are due when the last is in. */
        now = aw_loop_now() - 2 * PENDING;
        begin = now_ns();
        for (long i = 0; i < PENDING; i++)
                aw_call_at(&timers.handles[i], now + scattered(i), on_timer, &timers);
        await(aw_event_wait(&timers.done, AW_NEVER));
        report("timer_fire", begin, PENDING);
        free(timers.handles);
}

static long
resident_bytes(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        long size, resident = 0;

        need(file != NULL && fscanf(file, "%ld %ld", &size, &resident) == 2, "/proc/self/statm");
        fclose(file);
        return resident * sysconf(_SC_PAGESIZE);
}

static async int
sleep_long(void *argument)
{
        (void)argument;
        return await(aw_sleep(FAR));
}

static async void
measure_sleepers(void)
{
        struct aw_task **tasks = malloc(PENDING * sizeof(struct aw_task *));
        long before;

        need(tasks != NULL, "sleepers");
        memset(tasks, 1, PENDING * sizeof(struct aw_task *));
        before = resident_bytes();
        for (long i = 0; i < PENDING; i++) {
                tasks[i] = aw_spawn("sleeper", sleep_long, NULL);
                need(tasks[i] != NULL, "aw_spawn");
        }
        await(aw_sleep(AW_MILLISECOND));
        printf("memory %.0f\n", (double)(resident_bytes() - before) / PENDING);
        fflush(stdout);
        for (long i = 0; i < PENDING; i++)
                aw_cancel(tasks[i]);
        for (long i = 0; i < PENDING; i++)
                await(aw_join(tasks[i]));
        free(tasks);
}

static async int
measure(void *argument)
{
        (void)argument;
        /* First, while the process is small. */
        await(measure_sleepers());
        await(measure_give_way());
        await(measure_spawn());
        await(measure_spawn_many());
        await(measure_events());
        await(measure_queue());
        await(measure_executor());
        await(measure_timers());
        return 0;
}

/* Usage: await_bench [BACK-END] */
int
main(int argc, char **argv)
{
        struct aw_loop_options options = {.backend = argc > 1 ? argv[1] : NULL, .slow = -1};

        measure_switch();
        return aw_run(&options, measure, NULL) == 0 ? 0 : 1;
}
