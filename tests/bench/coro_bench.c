/* SPDX-License-Identifier: MIT */
/* What a switch, a coroutine's life and a suspended coroutine's memory cost. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "coro/coro.h"

#define SWITCHES 40000000L
#define LIVES    4000000L
#define MANY     100000

struct job {
        struct aw_coro *self;
        long rounds;
};

static double
now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
suspend_often(void *arg)
{
        struct job *job = arg;

        for (long i = 0; i < job->rounds; i++)
                aw_coro_suspend(job->self);
}

static void
do_nothing(void *arg)
{
        (void)arg;
}

static struct aw_coro *
create(struct aw_coro_pool *pool, void (*entry)(void *), void *arg)
{
        struct aw_coro *coro = aw_coro_create(pool, entry, arg, 0);

        if (coro == NULL) {
                perror("aw_coro_create");
                exit(1);
        }
        return coro;
}

/* `count` coroutines in turn: with many, their stacks no longer fit the nearest cache. */
static double
switch_cost(struct aw_coro_pool *pool, long count)
{
        struct job *jobs = calloc((size_t)count, sizeof(*jobs));
        long rounds = SWITCHES / 2 / count;
        double begin = 0, end = 0;

        if (jobs == NULL)
                exit(1);
        for (long i = 0; i < count; i++)
                jobs[i] = (struct job){create(pool, suspend_often, &jobs[i]), rounds + 1};
        for (long round = 0; round <= rounds + 1; round++) {
                if (round == 1)
                        begin = now_ns();
                for (long i = 0; i < count; i++)
                        aw_coro_resume(jobs[i].self);
                if (round == rounds)
                        end = now_ns();
        }
        for (long i = 0; i < count; i++)
                aw_coro_destroy(jobs[i].self);
        free(jobs);
        return (end - begin) / (double)(rounds * count * 2);
}

static double
life_cost(struct aw_coro_pool *pool)
{
        double begin = now_ns();

        for (long i = 0; i < LIVES; i++) {
                struct aw_coro *coro = create(pool, do_nothing, NULL);

                aw_coro_resume(coro);
                aw_coro_destroy(coro);
        }
        return (now_ns() - begin) / LIVES;
}

static long
resident_bytes(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        long size, resident;

        if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2)
                exit(1);
        fclose(file);
        return resident * sysconf(_SC_PAGESIZE);
}

static void
memory_cost(struct aw_coro_pool *pool)
{
        struct job *jobs = calloc(MANY, sizeof(*jobs));
        long before, during;
        double begin, end;

        if (jobs == NULL)
                exit(1);
        for (long i = 0; i < MANY; i++)
                jobs[i].rounds = 1;
        before = resident_bytes();
        begin = now_ns();
        for (long i = 0; i < MANY; i++) {
                jobs[i].self = create(pool, suspend_often, &jobs[i]);
                aw_coro_resume(jobs[i].self);
        }
        end = now_ns();
        during = resident_bytes();
        printf("first use of a stack: %.0f ns\n", (end - begin) / MANY);
        printf("suspended coroutine, of %d: %.0f bytes\n", MANY, (double)(during - before) / MANY);
        begin = now_ns();
        for (long i = 0; i < MANY; i++) {
                aw_coro_resume(jobs[i].self);
                aw_coro_destroy(jobs[i].self);
        }
        printf("end of each: %.0f ns\n", (now_ns() - begin) / MANY);
        printf("left of it once all have ended: %.0f bytes\n",
               (double)(resident_bytes() - before) / MANY);
        free(jobs);
}

int
main(void)
{
        struct aw_coro_pool *pool = aw_coro_pool_create(0);

        if (pool == NULL)
                return 1;
        memory_cost(pool);
        printf("create, resume, finish, destroy: %.1f ns\n", life_cost(pool));
        printf("switch, 1 coroutine: %.2f ns\n", switch_cost(pool, 1));
        printf("switch, 1,000 in turn: %.2f ns\n", switch_cost(pool, 1000));
        printf("switch, 10,000 in turn: %.2f ns\n", switch_cost(pool, 10000));
        aw_coro_pool_destroy(pool);
        return 0;
}
