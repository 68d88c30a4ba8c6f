/* SPDX-License-Identifier: MIT */
/*
 * What the library's operations cost. await_bench.py does the same on asyncio; both print a line for
 * each, its name and nanoseconds (or bytes), and await.py compares them. await_instructions.py runs
 * one row at a time, with a number of rounds of its own.
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

#define BATCH   100L
#define SCATTER 100000L
#define FAR     (1000 * AW_SECOND)

/* How often each row does what it measures; those of timers and sleepers have so many at once. */
static long rounds;

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

        for (long i = 0; i < rounds / 2; i++)
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
        report("switch", begin, rounds);
        aw_coro_destroy(coro);
        aw_coro_pool_destroy(pool);
}

/* A task lets the others run. */

static async int
give_way(void *argument)
{
        (void)argument;
        for (long i = 0; i < rounds; i++)
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
        report("sleep0", begin, 2 * rounds);
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

        for (long i = 0; i < rounds; i++)
                await(aw_join(aw_spawn("", do_nothing, NULL)));
        report("spawn", begin, rounds);
}

static async void
measure_spawn_many(void)
{
        static struct aw_task *tasks[BATCH];
        double begin = now_ns();

        for (long k = 0; k < rounds / BATCH; k++) {
                for (long i = 0; i < BATCH; i++)
                        tasks[i] = aw_spawn("", do_nothing, NULL);
                await(aw_gather(tasks, BATCH, NULL));
        }
        report("gather", begin, rounds);
}

/* Two tasks and an event for each. */

static async int
ping_pong(void *argument)
{
        struct aw_event *events = argument;

        for (long i = 0; i < rounds; i++) {
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

        for (long i = 0; i < rounds; i++) {
                aw_event_set(&events[1]);
                await(aw_event_wait(&events[0], AW_NEVER));
                aw_event_clear(&events[0]);
        }
        report("event", begin, 2 * rounds);
        await(aw_join(task));
}

/* A queue of one place: each item is handed over by a switch. */

static async int
produce(void *argument)
{
        for (long i = 0; i < rounds; i++)
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
        for (long i = 0; i < rounds; i++)
                await(aw_queue_get(&queue, &item, AW_NEVER));
        report("queue", begin, rounds);
        await(aw_join(task));
        aw_queue_free(&queue);
}

/* Two tasks that want it; each time it is handed over. */

static async int
contend(void *lock)
{
        for (long i = 0; i < rounds; i++) {
                await(aw_lock_acquire(lock, AW_NEVER));
                await(aw_sleep(0));
                aw_lock_release(lock);
        }
        return 0;
}

static async void
measure_lock(void)
{
        struct aw_lock lock = {0};
        struct aw_task *tasks[2];
        double begin = now_ns();

        for (size_t i = 0; i < 2; i++)
                tasks[i] = aw_spawn("contend", contend, &lock);
        await(aw_gather(tasks, 2, NULL));
        report("lock", begin, 2 * rounds);
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
        for (long i = 0; i < rounds; i++)
                await(aw_run_in_executor(NULL, &job, NULL));
        report("executor", begin, rounds);
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
        return i * 7919 % SCATTER;
}

static void
on_timer(void *argument)
{
        struct timers *timers = argument;

        if (--timers->left == 0)
                aw_event_set(&timers->done);
}

static void
timers_create(struct timers *timers)
{
        size_t size = (size_t)rounds * sizeof(struct aw_handle);

        *timers = (struct timers){.handles = malloc(size), .left = rounds};
        need(timers->handles != NULL, "timers");
        /* memset() and malloc() would be made one calloc(), and the pages come while it is timed. */
        explicit_bzero(timers->handles, size);
}

static async void
measure_timer_cancel(void)
{
        struct timers timers;
        double begin;
        aw_time now = aw_loop_now();

        timers_create(&timers);
        begin = now_ns();
        for (long i = 0; i < rounds; i++)
                aw_call_at(&timers.handles[i], now + FAR + scattered(i), on_timer, &timers);
        for (long i = 0; i < rounds; i++)
                aw_handle_cancel(&timers.handles[i]);
        await(aw_sleep(0));
        report("timer_cancel", begin, rounds);
        free(timers.handles);
}

/* All are due when the last is in. */
static async void
measure_timer_fire(void)
{
        struct timers timers;
        double begin;
        aw_time now = aw_loop_now() - 2 * SCATTER;

        timers_create(&timers);
        begin = now_ns();
        for (long i = 0; i < rounds; i++)
                aw_call_at(&timers.handles[i], now + scattered(i), on_timer, &timers);
        await(aw_event_wait(&timers.done, AW_NEVER));
        report("timer_fire", begin, rounds);
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
        struct aw_task **tasks = malloc((size_t)rounds * sizeof(struct aw_task *));
        long before;

        need(tasks != NULL, "sleepers");
        memset(tasks, 1, (size_t)rounds * sizeof(struct aw_task *));
        before = resident_bytes();
        for (long i = 0; i < rounds; i++) {
                tasks[i] = aw_spawn("sleeper", sleep_long, NULL);
                need(tasks[i] != NULL, "aw_spawn");
        }
        await(aw_sleep(AW_MILLISECOND));
        printf("memory %.0f\n", (double)(resident_bytes() - before) / (double)rounds);
        fflush(stdout);
        for (long i = 0; i < rounds; i++)
                aw_cancel(tasks[i]);
        for (long i = 0; i < rounds; i++)
                await(aw_join(tasks[i]));
        free(tasks);
}

/* In this order: sleepers first, while the process is small. */
static const struct row {
        const char *name;
        async void (*measure)(void);
        long rounds;
} rows[] = {
        {"memory", measure_sleepers, 100000},
        {"sleep0", measure_give_way, 1000000},
        {"spawn", measure_spawn, 1000000},
        {"gather", measure_spawn_many, 1000000},
        {"event", measure_events, 1000000},
        {"queue", measure_queue, 1000000},
        {"lock", measure_lock, 1000000},
        {"executor", measure_executor, 20000},
        {"timer_cancel", measure_timer_cancel, 100000},
        {"timer_fire", measure_timer_fire, 100000},
};

static async int
measure(void *name)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (name != NULL && strcmp(name, rows[i].name) != 0)
                        continue;
                if (name == NULL)
                        rounds = rows[i].rounds;
                await(rows[i].measure());
        }
        return 0;
}

/* Usage: await_bench [BACK-END [ROW ROUNDS]] */
int
main(int argc, char **argv)
{
        struct aw_loop_options options = {.backend = argc > 1 ? argv[1] : NULL, .slow = -1};
        char *name = argc > 3 ? argv[2] : NULL;

        rounds = name == NULL ? 20000000 : strtol(argv[3], NULL, 10);
        if (name == NULL || strcmp(name, "switch") == 0)
                measure_switch();
        return aw_run(&options, measure, name) == 0 ? 0 : 1;
}
