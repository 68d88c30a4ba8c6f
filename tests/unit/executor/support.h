/* SPDX-License-Identifier: MIT */
/* What the tests of thread pools share. */
#ifndef AW_TEST_EXECUTOR_SUPPORT_H
#define AW_TEST_EXECUTOR_SUPPORT_H

#include <semaphore.h>

#include "await/executor.h"
#include "await/sync.h"
#include "await/task_wait.h"
#include "unit/support.h"

#define NO_RESULT void **no_result __attribute__((unused))

/* A job that tells the loop when it begins, and ends when it is told to. */
struct gate {
        struct aw_loop *loop;
        struct aw_handle handle;
        struct aw_event begun;
        sem_t open;
        atomic_int runs, discards, drops;
        pthread_t ran_on, dropped_on;
        char name[16];
};

static inline void
gate_init(struct gate *gate)
{
        *gate = (struct gate){.loop = aw_loop_get()};
        sem_init(&gate->open, 0, 0);
}

static inline void
gate_begun(void *argument)
{
        struct gate *gate = argument;

        aw_event_set(&gate->begun);
}

/* Its result is the gate itself. */
static inline int
gate_run(void *argument, void **result)
{
        struct gate *gate = argument;

        gate->runs++;
        gate->ran_on = pthread_self();
        pthread_getname_np(gate->ran_on, gate->name, sizeof(gate->name));
        aw_call_soon_threadsafe(gate->loop, &gate->handle, gate_begun, gate);
        while (sem_wait(&gate->open) == -1)
                continue;
        *result = gate;
        return 7;
}

static inline void
gate_discard(void *argument)
{
        struct gate *gate = argument;

        gate->discards++;
}

static inline void
gate_drop(void *result)
{
        struct gate *gate = result;

        gate->drops++;
        gate->dropped_on = pthread_self();
}

static inline struct aw_job
gate_job(struct gate *gate)
{
        return (struct aw_job){
                .run = gate_run, .argument = gate, .discard = gate_discard, .drop = gate_drop};
}

/* That a gate's job came to this: begun, never to be, result dropped. */
#define expect_fate(gate, runs_, discards_, drops_)                                                \
        do {                                                                                       \
                expect_int((gate)->runs, runs_);                                                   \
                expect_int((gate)->discards, discards_);                                           \
                expect_int((gate)->drops, drops_);                                                 \
        } while (0)

/* Tasks that await a job in `pool`. */

static struct aw_executor *pool;

static inline async int
await_gate(void *argument)
{
        struct aw_job job = gate_job(argument);
        void *result = NULL;
        int value = await(aw_run_in_executor(pool, &job, &result));

        if (value != -1)
                expect(result == argument);
        return value;
}

static inline void
make_threads(size_t workers)
{
        pool = aw_thread_pool_create(&(struct aw_thread_pool_options){.max_workers = workers});
        expect(pool != NULL);
}

static inline async struct aw_task *
spawn_begun(struct gate *gate)
{
        struct aw_task *task = aw_spawn("gate", await_gate, gate);

        await(aw_event_wait(&gate->begun, AW_NEVER));
        return task;
}

/* Lets the tasks that were just spawned get as far as they can. */
static inline async void
others_run(void)
{
        await(aw_sleep(0));
        await(aw_sleep(0));
}

#endif
