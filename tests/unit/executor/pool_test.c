/* SPDX-License-Identifier: MIT */
/* Wraps: sysconf. */
/* Threads: it has several, so ThreadSanitizer checks it too. */
#include "unit/executor/support.h"

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
        make_threads(1);
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
        make_threads(1);
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
        make_threads(1);
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
        make_threads(1);
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
        make_threads(3);
        aw_executor_release(pool);
        make_threads(3);
        expect_int(await(aw_executor_shutdown(pool, true)), 0);
        make_threads(3);
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

/* How many processors the library is told of; 0: as many as there are. */
static long processors;

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long
__wrap_sysconf(int name)
{
        return processors != 0 && name == _SC_NPROCESSORS_ONLN ? processors : __real_sysconf(name);
}

/* Python's rule, with processors and threads. */
static const struct {
        long processors;
        size_t threads;
} machines[] = {{-1, 5}, {1, 5}, {2, 6}, {27, 31}, {28, 32}, {29, 32}, {200, 32}};

static async int
a_pool_has_as_many_threads_as_it_is_told_or_as_python_has(NOTHING)
{
        size_t i, size;

        make_threads(3);
        expect_int((long long)await(crowd_size(pool, 3)), 3);
        await(aw_executor_shutdown(pool, false));
        for (i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
                processors = machines[i].processors;
                size = machines[i].threads;
                pool = aw_thread_pool_create(NULL);
                expect_int((long long)await(crowd_size(pool, size)), (long long)size);
                await(aw_executor_shutdown(pool, false));
        }
        expect_int((long long)await(crowd_size(NULL, 32)), 32);
        processors = 0;
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

        make_threads(8);
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
        expect_int(await(await_name(pool, name)), 0);
        /* Without the one that was set, there is a default again. */
        await(aw_executor_shutdown(pool, false));
        expect_int(await(await_name(NULL, name)), 0);
        expect(strcmp(name, "await_0") == 0);
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
        make_threads(2);
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

        make_threads(1);
        pthread_create(&thread, NULL, use_pool, NULL);
        pthread_join(thread, NULL);
        return 0;
}

static async int
use_after_the_end(NOTHING)
{
        struct aw_job job = {.run = take_name};

        make_threads(1);
        expect_int(await(aw_executor_shutdown(pool, false)), 0);
        return await(aw_run_in_executor(pool, &job, NULL));
}

static async int
shut_down_after_the_end(NOTHING)
{
        make_threads(1);
        expect_int(await(aw_executor_shutdown(pool, false)), 0);
        return await(aw_executor_shutdown(pool, false));
}

static async int
make_default_after_the_end(NOTHING)
{
        make_threads(1);
        expect_int(await(aw_executor_shutdown(pool, false)), 0);
        return aw_set_default_executor(pool);
}

static void
a_pool_belongs_to_its_loops_thread(void **state)
{
        (void)state;
        test_aborts(release_on_another_thread, "another thread");
        test_aborts(use_after_the_end, "this thread pool was used after its end");
        test_aborts(shut_down_after_the_end, "this executor was used after its end");
        test_aborts(make_default_after_the_end, "this executor was used after its end");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(shutdown_waits_for_what_is_queued_and_refuses_more),
                on_loop(shutdown_can_cancel_what_is_queued),
                on_loop(a_cancelled_shutdown_goes_on_by_itself),
                on_loop(a_released_pool_ends_its_jobs),
                on_loop(a_pool_that_was_never_used_ends_too),
                on_loop(a_pool_has_as_many_threads_as_it_is_told_or_as_python_has),
                on_loop(one_thread_is_enough_for_jobs_one_after_the_other),
                on_loop(threads_bear_the_name_of_their_pool),
                on_loop(the_default_executor_can_be_replaced),
                on_loop(without_any_thread_jobs_fail_with_few_they_wait),
                cmocka_unit_test(the_end_of_aw_run_waits_for_a_job_that_runs),
                cmocka_unit_test(a_pool_belongs_to_its_loops_thread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
