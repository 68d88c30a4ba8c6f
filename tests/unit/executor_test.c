/* SPDX-License-Identifier: MIT */
#include "executor.h"
#include "support.h"
#include "sync.h"
#include "task_wait.h"

#include <semaphore.h>
#include <signal.h>

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

static void
gate_init(struct gate *gate)
{
        *gate = (struct gate){.loop = aw_loop_get()};
        sem_init(&gate->open, 0, 0);
}

static void
gate_begun(void *argument)
{
        struct gate *gate = argument;

        aw_event_set(&gate->begun);
}

/* Its result is the gate itself. */
static int
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

static void
gate_discard(void *argument)
{
        struct gate *gate = argument;

        gate->discards++;
}

static void
gate_drop(void *result)
{
        struct gate *gate = result;

        gate->drops++;
        gate->dropped_on = pthread_self();
}

static struct aw_job
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

static async int
await_gate(void *argument)
{
        struct aw_job job = gate_job(argument);
        void *result = NULL;
        int value = await(aw_run_in_executor(pool, &job, &result));

        if (value != -1)
                expect(result == argument);
        return value;
}

static void
make_pool(size_t workers)
{
        pool = aw_thread_pool_create(&(struct aw_thread_pool_options){.max_workers = workers});
        expect(pool != NULL);
}

static async struct aw_task *
spawn_begun(struct gate *gate)
{
        struct aw_task *task = aw_spawn("gate", await_gate, gate);

        await(aw_event_wait(&gate->begun, AW_NEVER));
        return task;
}

/* Lets the tasks that were just spawned get as far as they can. */
static async void
others_run(void)
{
        await(aw_sleep(0));
        await(aw_sleep(0));
}

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
        make_pool(0);
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
        make_pool(1);
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
        make_pool(1);
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
        make_pool(1);
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
        make_pool(1);
        aw_cancel(aw_task_current());
        expect_error(await(await_gate(&gate)), ECANCELED);
        await(aw_executor_shutdown(pool, false));
        expect_int(gate.runs + gate.discards, 1);
        expect_int(gate.runs, gate.drops);
        return 0;
}

static async int
shut_down(void *argument)
{
        return await(aw_executor_shutdown(pool, argument != NULL));
}

static async int
shutdown_waits_for_what_is_queued_and_refuses_more(NOTHING)
{
        struct gate first, second, refused;
        struct aw_task *tasks[4];

        gate_init(&first), gate_init(&second), gate_init(&refused);
        make_pool(1);
        tasks[0] = await(spawn_begun(&first));
        tasks[1] = aw_spawn("second", await_gate, &second);
        await(others_run());
        tasks[2] = aw_spawn("shutdown", shut_down, NULL);
        tasks[3] = aw_spawn("shutdown", shut_down, NULL);
        await(others_run());
        expect_error(await(await_gate(&refused)), ESHUTDOWN);
        expect_fate(&refused, 0, 1, 0);
        expect_error(aw_set_default_executor(pool), ESHUTDOWN);
        expect(!aw_task_done(tasks[2]));
        sem_post(&first.open);
        sem_post(&second.open);
        expect_int(await(aw_join(tasks[0])), 7);
        expect_int(await(aw_join(tasks[1])), 7);
        expect_int(await(aw_join(tasks[2])), 0);
        expect_int(await(aw_join(tasks[3])), 0);
        return 0;
}

static async int
shutdown_can_cancel_what_is_queued(NOTHING)
{
        struct gate first, second;
        struct aw_task *tasks[3];

        gate_init(&first), gate_init(&second);
        make_pool(1);
        tasks[0] = await(spawn_begun(&first));
        tasks[1] = aw_spawn("second", await_gate, &second);
        await(others_run());
        tasks[2] = aw_spawn("shutdown", shut_down, &first);
        expect_error(await(aw_join(tasks[1])), ECANCELED);
        expect_fate(&second, 0, 1, 0);
        sem_post(&first.open);
        expect_int(await(aw_join(tasks[0])), 7);
        expect_int(await(aw_join(tasks[2])), 0);
        return 0;
}

static async int
a_cancelled_shutdown_goes_on_by_itself(NOTHING)
{
        struct gate gate;
        struct aw_task *task, *shutdown;

        gate_init(&gate);
        make_pool(1);
        task = await(spawn_begun(&gate));
        shutdown = aw_spawn("shutdown", shut_down, NULL);
        await(others_run());
        aw_cancel(shutdown);
        expect_error(await(aw_join(shutdown)), ECANCELED);
        sem_post(&gate.open);
        return await(aw_join(task)) == 7 ? 0 : -1;
}

static async int
a_released_pool_ends_its_jobs(NOTHING)
{
        struct gate first, second;
        struct aw_task *tasks[2];

        gate_init(&first), gate_init(&second);
        make_pool(1);
        tasks[0] = await(spawn_begun(&first));
        tasks[1] = aw_spawn("second", await_gate, &second);
        await(others_run());
        aw_executor_release(pool);
        sem_post(&first.open);
        sem_post(&second.open);
        expect_int(await(aw_join(tasks[0])), 7);
        expect_int(await(aw_join(tasks[1])), 7);
        aw_executor_release(NULL);
        return 0;
}

static async int
a_pool_that_was_never_used_ends_too(NOTHING)
{
        make_pool(3);
        aw_executor_release(pool);
        make_pool(3);
        expect_int(await(aw_executor_shutdown(pool, true)), 0);
        make_pool(3);
        return 0;
}

/* Counts how many of it run at the same time. */
struct crowd {
        struct aw_loop *loop;
        struct aw_handle full;
        struct aw_event is_full;
        pthread_mutex_t lock;
        size_t now, most, wanted;
        sem_t leave;
};

static void
crowd_full(void *argument)
{
        struct crowd *crowd = argument;

        aw_event_set(&crowd->is_full);
}

static int
crowd_enter(void *argument, NO_RESULT)
{
        struct crowd *crowd = argument;

        pthread_mutex_lock(&crowd->lock);
        if (++crowd->now > crowd->most)
                crowd->most = crowd->now;
        if (crowd->most == crowd->wanted) {
                aw_call_soon_threadsafe(crowd->loop, &crowd->full, crowd_full, crowd);
                crowd->wanted = 0;
        }
        pthread_mutex_unlock(&crowd->lock);
        while (sem_wait(&crowd->leave) == -1)
                continue;
        pthread_mutex_lock(&crowd->lock);
        crowd->now--;
        pthread_mutex_unlock(&crowd->lock);
        return 0;
}

static async int
await_crowd(void *argument)
{
        return await(aw_run_in_executor(
                pool, &(struct aw_job){.run = crowd_enter, .argument = argument}, NULL));
}

/* How many run at once of 5 more than `wanted`. */
static async size_t
crowd_size(struct aw_executor *executor, size_t wanted)
{
        struct crowd crowd = {.loop = aw_loop_get(), .wanted = wanted};
        struct aw_group group;
        size_t i;

        pool = executor;
        pthread_mutex_init(&crowd.lock, NULL);
        sem_init(&crowd.leave, 0, 0);
        aw_group_init(&group);
        for (i = 0; i < wanted + 5; i++)
                aw_group_spawn(&group, "crowd", await_crowd, &crowd);
        await(aw_event_wait(&crowd.is_full, AW_NEVER));
        for (i = 0; i < wanted + 5; i++)
                sem_post(&crowd.leave);
        expect_int(await(aw_group_join(&group)), 0);
        return crowd.most;
}

static async int
a_pool_has_as_many_threads_as_it_is_told_or_as_python_has(NOTHING)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        size_t size = cores + 4 > 32 ? 32 : (size_t)cores + 4;

        make_pool(3);
        expect_int((long long)await(crowd_size(pool, 3)), 3);
        await(aw_executor_shutdown(pool, false));
        expect_int((long long)await(crowd_size(NULL, size)), (long long)size);
        pool = aw_thread_pool_create(NULL);
        expect_int((long long)await(crowd_size(pool, size)), (long long)size);
        return 0;
}

static int
take_name(void *argument, NO_RESULT)
{
        return pthread_getname_np(pthread_self(), argument, 16) == 0 ? 0 : -1;
}

static async int
await_name(struct aw_executor *executor, char name[16])
{
        return await(aw_run_in_executor(
                executor, &(struct aw_job){.run = take_name, .argument = name}, NULL));
}

static async int
one_thread_is_enough_for_jobs_one_after_the_other(NOTHING)
{
        char first[16], next[16];
        int i;

        make_pool(8);
        expect_int(await(await_name(pool, first)), 0);
        for (i = 0; i < 100; i++) {
                expect_int(await(await_name(pool, next)), 0);
                expect(strcmp(first, next) == 0);
        }
        return 0;
}

/* The name of the first thread of a new pool. */
static async void
first_name(const char *prefix, char name[16])
{
        struct aw_thread_pool_options options = {.thread_name_prefix = prefix};

        name[0] = '\0';
        pool = aw_thread_pool_create(&options);
        await(await_name(pool, name));
}

static async int
threads_bear_the_name_of_their_pool(NOTHING)
{
        struct gate first, second;
        struct aw_task *tasks[2];
        unsigned one = 0, other = 0;
        char name[16];

        await(first_name("a prefix that is too long", name));
        expect(strcmp(name, "a prefix that_0") == 0);
        await(first_name("", name));
        expect(strcmp(name, "_0") == 0);
        await(first_name(NULL, name));
        expect(sscanf(name, "pool-%u_0", &one) == 1);
        await(first_name(NULL, name));
        expect(sscanf(name, "pool-%u_0", &other) == 1 && other == one + 1);
        await(await_name(NULL, name));
        expect(strcmp(name, "await_0") == 0);
        await(first_name("mine", name));
        gate_init(&first), gate_init(&second);
        tasks[0] = await(spawn_begun(&first));
        tasks[1] = await(spawn_begun(&second));
        expect(strcmp(first.name, "mine_0") == 0);
        expect(strcmp(second.name, "mine_1") == 0);
        sem_post(&first.open), sem_post(&second.open);
        return await(aw_gather(tasks, 2, NULL));
}

static async int
the_default_executor_can_be_replaced(NOTHING)
{
        struct aw_thread_pool_options options = {.max_workers = 1, .thread_name_prefix = "mine"};
        struct gate gate;
        struct aw_task *task;
        char name[16];

        expect_error(aw_set_default_executor(NULL), EINVAL);
        /* The job that runs in the old one is left in peace. */
        gate_init(&gate);
        pool = NULL;
        task = await(spawn_begun(&gate));
        expect_int(aw_set_default_executor(aw_thread_pool_create(&options)), 0);
        expect_int(await(await_name(NULL, name)), 0);
        expect(strcmp(name, "mine_0") == 0);
        sem_post(&gate.open);
        expect_int(await(aw_join(task)), 7);
        pool = aw_thread_pool_create(NULL);
        expect_int(aw_set_default_executor(pool), 0);
        expect_int(aw_set_default_executor(pool), 0);
        /* Without the one that was set, there is a default again. */
        await(aw_executor_shutdown(pool, false));
        expect_int(await(await_name(NULL, name)), 0);
        expect(strcmp(name, "await_0") == 0);
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

        make_pool(4);
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
        make_pool(1);
        task = await(spawn_begun(&gate));
        for (i = 0; i < 3; i++)
                expect_int(await(aw_sleep(AW_MILLISECOND)), 0);
        expect(!aw_task_done(task));
        sem_post(&gate.open);
        expect_int(await(aw_join(task)), 7);
        return 0;
}

static async int
await_gate_and_open_it(void *argument)
{
        struct gate *gate = argument;
        int value = await(await_gate(gate));

        sem_post(&gate->open);
        return value;
}

static async int
leave_gate(void *argument)
{
        struct gate *gate = argument;

        gate_init(gate);
        pool = NULL;
        aw_task_detach(aw_spawn("left", await_gate_and_open_it, gate));
        await(aw_event_wait(&gate->begun, AW_NEVER));
        return 0;
}

static void
the_end_of_aw_run_waits_for_a_job_that_runs(void **state)
{
        struct gate gate;

        (void)state;
        test_begin();
        expect_int(test_run(leave_gate, &gate), 0);
        expect_fate(&gate, 1, 0, 1);
        expect_int(test_run(leave_gate, &gate), 0);
        expect_fate(&gate, 1, 0, 1);
        test_end();
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

static void
set_stack_size(size_t size)
{
        pthread_attr_t attributes;

        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, size);
        pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
}

/* No stack can be so large, so no thread can be made. */
static async int
without_any_thread_jobs_fail_with_few_they_wait(NOTHING)
{
        struct gate refused, first, second;
        struct aw_task *tasks[2];
        pthread_attr_t attributes;
        size_t size;

        pthread_getattr_default_np(&attributes);
        pthread_attr_getstacksize(&attributes, &size);
        gate_init(&refused), gate_init(&first), gate_init(&second);
        make_pool(2);
        set_stack_size((size_t)1 << 46);
        expect_error(await(await_gate(&refused)), EAGAIN);
        expect_fate(&refused, 0, 1, 0);
        set_stack_size(size);
        tasks[0] = await(spawn_begun(&first));
        set_stack_size((size_t)1 << 46);
        tasks[1] = aw_spawn("second", await_gate, &second);
        await(others_run());
        set_stack_size(size);
        sem_post(&first.open), sem_post(&second.open);
        expect_int(await(aw_gather(tasks, 2, NULL)), 0);
        expect(strcmp(first.name, second.name) == 0);
        return 0;
}

static void *
use_pool(NOTHING)
{
        aw_executor_release(pool);
        return NULL;
}

static async int
release_on_another_thread(NOTHING)
{
        pthread_t thread;

        make_pool(1);
        pthread_create(&thread, NULL, use_pool, NULL);
        pthread_join(thread, NULL);
        return 0;
}

static void
a_pool_belongs_to_its_loops_thread(void **state)
{
        (void)state;
        test_aborts(release_on_another_thread, "another thread");
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
                on_loop(shutdown_waits_for_what_is_queued_and_refuses_more),
                on_loop(shutdown_can_cancel_what_is_queued),
                on_loop(a_cancelled_shutdown_goes_on_by_itself),
                on_loop(a_released_pool_ends_its_jobs),
                on_loop(a_pool_that_was_never_used_ends_too),
                on_loop(a_pool_has_as_many_threads_as_it_is_told_or_as_python_has),
                on_loop(one_thread_is_enough_for_jobs_one_after_the_other),
                on_loop(threads_bear_the_name_of_their_pool),
                on_loop(the_default_executor_can_be_replaced),
                on_loop(ten_thousand_jobs_from_a_hundred_tasks),
                on_loop(the_loop_ticks_while_a_function_blocks),
                on_loop(threads_leave_signals_to_the_loop),
                on_loop(without_any_thread_jobs_fail_with_few_they_wait),
                cmocka_unit_test(the_end_of_aw_run_waits_for_a_job_that_runs),
                cmocka_unit_test(a_pool_belongs_to_its_loops_thread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
