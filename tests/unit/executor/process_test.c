/* SPDX-License-Identifier: MIT */
#include "unit/executor/process_support.h"

static async int
a_request_gets_its_reply_from_another_process(NOTHING)
{
        char reply[8] = "........";
        struct about worker;

        await(make_pool(1));
        expect_int(await(aw_run_in_process(pool, copy, "hello", 5, reply, sizeof(reply))), 5);
        expect(memcmp(reply, "hello...", 8) == 0);
        worker = await(ask());
        expect(worker.pid != getpid() && worker.parent != getpid());
        expect_int(await(end_pool()), 0);
        expect_gone(worker.pid);
        expect_gone(worker.parent);
        return 0;
}

static async int
an_error_arrives_with_its_errno(NOTHING)
{
        int error = ENOTDIR, none = 0;

        await(make_pool(1));
        expect_error(await(aw_run_in_process(pool, refuse, &error, sizeof(error), NULL, 0)),
                     ENOTDIR);
        expect_error(await(aw_run_in_process(pool, refuse, &none, sizeof(none), NULL, 0)), EIO);
        return await(end_pool());
}

static async int
requests_and_replies_may_be_empty(NOTHING)
{
        await(make_pool(1));
        expect_int(await(aw_run_in_process(pool, copy, NULL, 0, NULL, 0)), 0);
        expect_int(await(aw_run_in_process(pool, copy, NULL, 0, NULL, 0)), 0);
        return await(end_pool());
}

static unsigned char *
make_large(void)
{
        unsigned char *bytes = malloc(LARGE);
        size_t i;

        for (i = 0; i < LARGE; i++)
                bytes[i] = (unsigned char)(i * 2654435761U >> 24);
        return bytes;
}

static async int
ten_megabytes_go_there_and_back(NOTHING)
{
        unsigned char *request = make_large(), *reply = calloc(1, LARGE);

        await(make_pool(1));
        expect_int(await(aw_run_in_process(pool, copy, request, LARGE, reply, LARGE)), LARGE);
        expect(memcmp(request, reply, LARGE) == 0);
        free(request);
        free(reply);
        return await(end_pool());
}

static async int
what_is_too_large_is_refused(NOTHING)
{
        char *huge = calloc(1, AW_PROCESS_MESSAGE_MAX + 1);

        await(make_pool(1));
        expect_error(await(aw_run_in_process(pool, copy, huge, AW_PROCESS_MESSAGE_MAX + 1, huge,
                                             AW_PROCESS_MESSAGE_MAX)),
                     EMSGSIZE);
        expect_error(
                await(aw_run_in_process(pool, copy, huge, 0, huge, AW_PROCESS_MESSAGE_MAX + 1)),
                EMSGSIZE);
        expect_error(await(aw_run_in_process(pool, copy, huge, 5, huge, 4)), EMSGSIZE);
        expect_int(await(aw_run_in_process(pool, copy, "hello", 5, huge, 5)), 5);
        free(huge);
        return await(end_pool());
}

static async int
a_hundred_jobs_on_two_workers(NOTHING)
{
        struct aw_task *tasks[100];
        uintptr_t i;

        await(make_pool(2));
        for (i = 0; i < 100; i++)
                tasks[i] = aw_spawn("copy", copy_number, (void *)i);
        expect_int(await(aw_gather(tasks, 100, NULL)), 0);
        return await(end_pool());
}

static async int
a_pool_has_as_many_workers_as_it_is_told_or_as_there_are_cores(NOTHING)
{
        int cores = (int)sysconf(_SC_NPROCESSORS_ONLN), round, size, i;
        struct aw_group group;

        for (round = 0; round < 2; round++) {
                size = round == 0 ? 3 : cores;
                await(make_pool(round == 0 ? 3 : 0));
                aw_group_init(&group);
                for (i = 0; i < size + 2; i++)
                        aw_group_spawn(&group, "block", await_block, NULL);
                await(wait_begun(size));
                for (i = 0; i < size + 2; i++)
                        sem_post(&shared->open);
                expect_int(await(aw_group_join(&group)), 0);
                expect_int(shared->most, size);
                await(end_pool());
        }
        return 0;
}

static async int
cancelled_while_queued_a_job_never_begins(NOTHING)
{
        struct aw_task *first, *second, *third;

        await(make_pool(1));
        first = await(spawn_block());
        second = aw_spawn("second", await_block, NULL);
        third = aw_spawn("third", copy_number, (void *)3);
        await(others_run());
        aw_cancel(second);
        expect_error(await(aw_join(second)), ECANCELED);
        sem_post(&shared->open);
        expect_int(await(aw_join(first)), 1);
        expect_int(await(aw_join(third)), 0);
        expect_int(shared->begun, 1);
        return await(end_pool());
}

/* The worker replies with 'x'. */
static async int
await_block_into(void *argument)
{
        return (int)await(aw_run_in_process(pool, block, NULL, 0, argument, 1));
}

static async int
cancelled_while_it_runs_a_job_goes_on_and_its_reply_is_dropped(NOTHING)
{
        struct about before, after;
        struct aw_task *task;
        char reply = '.';

        await(make_pool(1));
        before = await(ask());
        task = aw_spawn("block", await_block_into, &reply);
        await(wait_begun(1));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(shared->now, 1);
        sem_post(&shared->open);
        after = await(ask());
        expect(before.pid == after.pid);
        expect(reply == '.');
        return await(end_pool());
}

static async int
copy_large(void *argument)
{
        unsigned char *reply = malloc(LARGE);
        ssize_t length = await(aw_run_in_process(pool, copy, argument, LARGE, reply, LARGE));

        free(reply);
        return (int)length;
}

/* Request and reply are both gone from here long before they have passed the socket. */
static async int
a_large_job_may_be_cancelled_on_the_way(NOTHING)
{
        unsigned char *large = make_large();
        struct aw_task *task = NULL;
        struct about before, after;

        await(make_pool(1));
        before = await(ask());
        task = aw_spawn("large", copy_large, large);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        free(large);
        after = await(ask());
        expect(before.pid == after.pid);
        return await(end_pool());
}

static async int
shut_down(void *argument)
{
        return await(aw_executor_shutdown(pool, argument != NULL));
}

static async int
shutdown_waits_for_what_is_queued_and_refuses_more(NOTHING)
{
        struct aw_task *tasks[4];

        await(make_pool(1));
        tasks[0] = await(spawn_block());
        tasks[1] = aw_spawn("second", await_block, NULL);
        await(others_run());
        tasks[2] = aw_spawn("shutdown", shut_down, NULL);
        tasks[3] = aw_spawn("shutdown", shut_down, NULL);
        await(others_run());
        expect_error(await(await_block(NULL)), ESHUTDOWN);
        sem_post(&shared->open);
        sem_post(&shared->open);
        expect_int(await(aw_join(tasks[0])), 1);
        expect_int(await(aw_join(tasks[1])), 1);
        expect_int(await(aw_join(tasks[2])), 0);
        expect_int(await(aw_join(tasks[3])), 0);
        return 0;
}

static async int
shutdown_can_cancel_what_is_queued(NOTHING)
{
        struct aw_task *tasks[3];

        await(make_pool(1));
        tasks[0] = await(spawn_block());
        tasks[1] = aw_spawn("second", await_block, NULL);
        await(others_run());
        tasks[2] = aw_spawn("shutdown", shut_down, pool);
        expect_error(await(aw_join(tasks[1])), ECANCELED);
        sem_post(&shared->open);
        expect_int(await(aw_join(tasks[0])), 1);
        expect_int(await(aw_join(tasks[2])), 0);
        expect_int(shared->begun, 1);
        return 0;
}

static async int
a_pool_may_end_before_it_has_begun(NOTHING)
{
        await(make_pool(4));
        return await(end_pool());
}

static ssize_t
unknown(const void *request, size_t length, void *reply, size_t reply_size)
{
        return copy(request, length, reply, reply_size);
}

/* In a program that runs a loop without tasks. */
static async void
a_pool_may_be_made_and_released_outside_of_tasks(void **state)
{
        struct aw_loop *loop;

        (void)state;
        test_begin();
        loop = test_loop();
        await(make_pool(2));
        aw_executor_release(pool);
        while (waitpid(-1, NULL, WNOHANG) != -1)
                aw_loop_turn(loop, true);
        expect_int(errno, ECHILD);
        aw_loop_turn(loop, false);
        aw_loop_destroy(loop);
        test_end();
}

static async int
call_unknown(NOTHING)
{
        await(make_pool(1));
        return (int)await(aw_run_in_process(pool, unknown, NULL, 0, NULL, 0));
}

static async int
run_job_in_processes(NOTHING)
{
        await(make_pool(1));
        expect_error(aw_set_default_executor(pool), EINVAL);
        return await(aw_run_in_executor(pool, &(struct aw_job){.run = post_when_begun}, NULL));
}

static void
misuse_aborts(void **state)
{
        (void)state;
        test_aborts(call_unknown, "not in the pool's table");
        test_aborts(run_job_in_processes, "a job for a thread pool was given to a process pool");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_request_gets_its_reply_from_another_process),
                on_loop(an_error_arrives_with_its_errno),
                on_loop(requests_and_replies_may_be_empty),
                on_loop(ten_megabytes_go_there_and_back),
                on_loop(what_is_too_large_is_refused),
                on_loop(a_hundred_jobs_on_two_workers),
                on_loop(a_pool_has_as_many_workers_as_it_is_told_or_as_there_are_cores),
                on_loop(cancelled_while_queued_a_job_never_begins),
                on_loop(cancelled_while_it_runs_a_job_goes_on_and_its_reply_is_dropped),
                on_loop(a_large_job_may_be_cancelled_on_the_way),
                on_loop(shutdown_waits_for_what_is_queued_and_refuses_more),
                on_loop(shutdown_can_cancel_what_is_queued),
                cmocka_unit_test(a_pool_may_be_made_and_released_outside_of_tasks),
                on_loop(a_pool_may_end_before_it_has_begun),
                cmocka_unit_test(misuse_aborts),
        };

        return cmocka_run_group_tests(tests, share, NULL);
}
