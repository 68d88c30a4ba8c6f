/* SPDX-License-Identifier: MIT */
/* Threads: it has several, so ThreadSanitizer checks it too. */
#include <signal.h>

#include "unit/executor/support.h"

static int
add_one(void *argument, void **result)
{
        int *number = malloc(sizeof(*number));

        *number = *(int *)argument + 1;
        *result = number;
        return 0;
}

static async int
a_result_arrives_on_the_loop(NOTHING)
{
        struct gate gate;
        struct aw_task *task;

        gate_init(&gate);
        make_threads(0);
        task = await(spawn_begun(&gate));
        expect(!pthread_equal(gate.ran_on, pthread_self()));
        sem_post(&gate.open);
        expect_int(await(aw_join(task)), 7);
        expect_fate(&gate, 1, 0, 0);
        return await(aw_executor_shutdown(pool, false));
}

static int
fail_with_enoent(NOTHING, void **result)
{
        *result = &pool;
        errno = ENOENT;
        return -1;
}

static int
fail_with_nothing(NOTHING, void **result)
{
        (void)result;
        return -1;
}

static void
must_not_drop(NOTHING)
{
        expect(false);
}

static async int
an_error_arrives_with_its_errno_and_no_result(NOTHING)
{
        struct aw_job job = {.run = fail_with_enoent, .drop = must_not_drop};
        void *result = &job;

        expect_error(await(aw_run_in_executor(NULL, &job, &result)), ENOENT);
        expect(result == &job);
        job.run = fail_with_nothing;
        expect_error(await(aw_run_in_executor(NULL, &job, &result)), EIO);
        return 0;
}

static async int
a_result_that_is_not_wanted_is_dropped(NOTHING)
{
        int number = 1;
        struct gate gate;
        struct aw_job job = gate_job(&gate);

        gate_init(&gate);
        sem_post(&gate.open);
        expect_int(await(aw_run_in_executor(NULL, &job, NULL)), 7);
        expect_fate(&gate, 1, 0, 1);
        job = (struct aw_job){.run = add_one, .argument = &number, .drop = free};
        expect_int(await(aw_run_in_executor(NULL, &job, NULL)), 0);
        return 0;
}

static async int
a_job_cancelled_before_it_begins_never_begins(NOTHING)
{
        struct gate first, second, third;
        struct aw_task *tasks[3];

        gate_init(&first), gate_init(&second), gate_init(&third);
        make_threads(1);
        tasks[0] = await(spawn_begun(&first));
        tasks[1] = aw_spawn("second", await_gate, &second);
        tasks[2] = aw_spawn("third", await_gate, &third);
        await(others_run());
        aw_cancel(tasks[1]);
        expect_error(await(aw_join(tasks[1])), ECANCELED);
        expect_fate(&second, 0, 1, 0);
        sem_post(&first.open);
        sem_post(&third.open);
        expect_int(await(aw_join(tasks[0])), 7);
        expect_int(await(aw_join(tasks[2])), 7);
        await(aw_executor_shutdown(pool, false));
        expect_fate(&second, 0, 1, 0);
        return 0;
}

static async int
a_job_cancelled_while_it_runs_goes_on_and_its_result_is_dropped(NOTHING)
{
        struct gate gate;
        struct aw_task *task;

        gate_init(&gate);
        make_threads(1);
        task = await(spawn_begun(&gate));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_fate(&gate, 1, 0, 0);
        sem_post(&gate.open);
        await(aw_executor_shutdown(pool, false));
        expect_fate(&gate, 1, 0, 1);
        expect(pthread_equal(gate.dropped_on, pthread_self()));
        return 0;
}

/* Cancels a task by way of the loop, just before it ends. */
struct late {
        struct gate gate;
        struct aw_task *task;
        struct aw_handle handle;
};

static void
late_cancel(void *argument)
{
        struct late *late = argument;

        aw_cancel(late->task);
}

static int
late_run(void *argument, void **result)
{
        struct late *late = argument;

        gate_run(&late->gate, result);
        aw_call_soon_threadsafe(late->gate.loop, &late->handle, late_cancel, late);
        return 7;
}

static async int
await_late(void *argument)
{
        struct late *late = argument;
        struct aw_job job = gate_job(&late->gate);
        void *result = NULL;
        int value;

        job.run = late_run;
        job.argument = late;
        value = await(aw_run_in_executor(pool, &job, &result));
        expect(result == NULL);
        return value;
}

static int
post(void *argument, NO_RESULT)
{
        sem_post(argument);
        return 0;
}

static async int
await_post(void *argument)
{
        return await(aw_run_in_executor(pool, &(struct aw_job){.run = post, .argument = argument},
                                        NULL));
}

/* The loop sees both in one turn, for this task keeps it from looking before. */
static async int
a_cancellation_and_a_result_in_one_turn_drop_the_result(NOTHING)
{
        struct late late = {.task = NULL};
        struct aw_task *next;
        sem_t passed;

        sem_init(&passed, 0, 0);
        gate_init(&late.gate);
        make_threads(1);
        late.task = aw_spawn("late", await_late, &late);
        await(aw_event_wait(&late.gate.begun, AW_NEVER));
        next = aw_spawn("next", await_post, &passed);
        await(others_run());
        sem_post(&late.gate.open);
        while (sem_wait(&passed) == -1)
                continue;
        expect_error(await(aw_join(late.task)), ECANCELED);
        expect_fate(&late.gate, 1, 0, 1);
        expect_int(await(aw_join(next)), 0);
        return await(aw_executor_shutdown(pool, false));
}

static async int
a_task_that_is_cancelled_already_awaits_nothing(NOTHING)
{
        struct gate gate;

        gate_init(&gate);
        sem_post(&gate.open);
        make_threads(1);
        aw_cancel(aw_task_current());
        expect_error(await(await_gate(&gate)), ECANCELED);
        await(aw_executor_shutdown(pool, false));
        expect_int(gate.runs + gate.discards, 1);
        expect_int(gate.runs, gate.drops);
        return 0;
}

static async int
add_many(void *argument)
{
        int number = 0, i;
        void *result;

        for (i = 0; i < 100; i++) {
                struct aw_job job = {.run = add_one, .argument = &number, .drop = free};

                if (await(aw_run_in_executor(argument, &job, &result)) == -1)
                        return -1;
                number = *(int *)result;
                free(result);
        }
        return number;
}

static async int
ten_thousand_jobs_from_a_hundred_tasks(NOTHING)
{
        struct aw_task *tasks[100];
        int results[100];
        size_t i;

        make_threads(4);
        for (i = 0; i < 100; i++)
                tasks[i] = aw_spawn("add", add_many, pool);
        expect_int(await(aw_gather(tasks, 100, results)), 0);
        for (i = 0; i < 100; i++)
                expect_int(results[i], 100);
        return await(aw_executor_shutdown(pool, false));
}

static async int
the_loop_ticks_while_a_function_blocks(NOTHING)
{
        struct gate gate;
        struct aw_task *task;
        int i;

        gate_init(&gate);
        make_threads(1);
        task = await(spawn_begun(&gate));
        for (i = 0; i < 3; i++)
                expect_int(await(aw_sleep(AW_MILLISECOND)), 0);
        expect(!aw_task_done(task));
        sem_post(&gate.open);
        expect_int(await(aw_join(task)), 7);
        return 0;
}

static int
look_at_mask(void *argument, NO_RESULT)
{
        return pthread_sigmask(SIG_SETMASK, NULL, argument) == 0 ? 0 : -1;
}

static async int
threads_leave_signals_to_the_loop(NOTHING)
{
        sigset_t mask;
        struct aw_job job = {.run = look_at_mask, .argument = &mask};

        expect_int(await(aw_run_in_executor(NULL, &job, NULL)), 0);
        expect(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD));
        expect(!sigismember(&mask, SIGSEGV));
        look_at_mask(&mask, NULL);
        expect(!sigismember(&mask, SIGTERM));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_result_arrives_on_the_loop),
                on_loop(an_error_arrives_with_its_errno_and_no_result),
                on_loop(a_result_that_is_not_wanted_is_dropped),
                on_loop(a_job_cancelled_before_it_begins_never_begins),
                on_loop(a_job_cancelled_while_it_runs_goes_on_and_its_result_is_dropped),
                on_loop(a_cancellation_and_a_result_in_one_turn_drop_the_result),
                on_loop(a_task_that_is_cancelled_already_awaits_nothing),
                on_loop(ten_thousand_jobs_from_a_hundred_tasks),
                on_loop(the_loop_ticks_while_a_function_blocks),
                on_loop(threads_leave_signals_to_the_loop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
