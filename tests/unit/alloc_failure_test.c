/* SPDX-License-Identifier: MIT */
/* Wraps: malloc calloc realloc free mmap munmap sysconf. */
/* LDFLAGS: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=mmap,--wrap=munmap */
/* Tasks, executors and descriptors without memory. */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "await/executor.h"
#include "await/signals.h"
#include "net/transport.h"
#include "unit/alloc_failure.h"

/* What is done without memory. Each step may fail with ENOMEM, and then all that was begun is ended. */

enum { TASKS = 150 }; /* more stacks than are mapped at once */

static async int
sleep_a_little(void *argument)
{
        return await(aw_sleep(argument == NULL ? 0 : 100));
}

static async int
gather_tasks(NOTHING)
{
        struct aw_task *tasks[TASKS];
        size_t i, count;
        int result = 0, error = 0;

        for (count = 0; count < TASKS; count++) {
                tasks[count] = aw_spawn("sleeper", sleep_a_little, NUMBER(count % 2));
                if (tasks[count] == NULL)
                        break;
        }
        if (count < TASKS)
                error = errno;
        for (i = 0; error != 0 && i < count; i++)
                aw_cancel(tasks[i]);
        while (await(aw_gather(tasks, count, NULL)) == -1) {
                /* Those that failed are gone: the rest moves up. */
                size_t left = 0;

                for (i = 0; i < count; i++)
                        if (tasks[i] != NULL)
                                tasks[left++] = tasks[i];
                count = left;
        }
        result = error == 0 ? 0 : -1;
        errno = error;
        return result;
}

static async int
fill_a_queue(NOTHING)
{
        struct aw_queue queue;
        size_t i, put = 0;
        void *item;
        int error = 0;

        aw_queue_init(&queue, 100);
        for (i = 0; i < 100; i++)
                if (await(aw_queue_put(&queue, NUMBER(i), AW_NEVER)) == 0)
                        put++;
                else
                        error = errno;
        expect_int(aw_queue_size(&queue), put);
        /* A put that failed has left its room. */
        for (i = put; i < 100; i++)
                if (aw_queue_put_nowait(&queue, NUMBER(i)) == -1)
                        expect_int(errno, ENOMEM);
        while (aw_queue_get_nowait(&queue, &item) == 0)
                continue;
        aw_queue_free(&queue);
        errno = error;
        return error == 0 ? 0 : -1;
}

static async int
join_a_group(NOTHING)
{
        struct aw_group group;
        int i, error = 0, result;

        aw_group_init(&group);
        for (i = 0; i < TASKS && error == 0; i++)
                if (aw_group_spawn(&group, "sleeper", sleep_a_little, NUMBER(i % 2)) == -1)
                        error = errno;
        if (error != 0)
                aw_group_cancel(&group);
        result = await(aw_group_join(&group));
        expect_int(result, 0);
        errno = error;
        return error == 0 ? 0 : -1;
}

static int
take_argument(void *argument, void **result)
{
        *result = argument;
        return 1;
}

static void
discard_argument(void *argument)
{
        ++*(int *)argument;
}

static async int
run_a_job(struct aw_executor *executor)
{
        int discarded = 0, value, error;
        struct aw_job job = {
                .run = take_argument, .argument = &discarded, .discard = discard_argument};
        void *result = NULL;

        value = await(aw_run_in_executor(executor, &job, &result));
        error = errno;
        /* Either it ran or it was discarded. */
        expect(value == 1 ? result == &discarded && discarded == 0 : discarded == 1);
        errno = error;
        return value == 1 ? 0 : -1;
}

static async int
use_executors(NOTHING)
{
        struct aw_executor *pool = aw_thread_pool_create(NULL);
        int i, result = pool == NULL ? -1 : 0, error = errno;

        for (i = 0; i < 3 && result == 0; i++) {
                result = await(run_a_job(i == 2 ? NULL : pool));
                error = errno;
        }
        if (pool != NULL)
                expect_int(await(aw_executor_shutdown(pool, false)), 0);
        errno = error == EAGAIN ? ENOMEM : error;
        return result;
}

static ssize_t
do_nothing(const void *request, size_t length, void *reply, size_t size)
{
        (void)request, (void)length, (void)reply, (void)size;
        return 0;
}

static async int
make_processes(NOTHING)
{
        static aw_process_function *const table[] = {do_nothing};
        struct aw_process_pool_options options = {
                .functions = table, .function_count = 1, .max_workers = 1};
        struct aw_executor *pool = await(aw_process_pool_create(&options));

        return pool == NULL ? -1 : await(aw_executor_shutdown(pool, false));
}

static void
ignore(void *argument)
{
        (void)argument;
}

static void
ignore_data(void *owner, const uint8_t *data, size_t length)
{
        (void)owner, (void)data, (void)length;
}

static void
ignore_end(void *owner, bool truncated)
{
        (void)owner, (void)truncated;
}

static void
ignore_close(void *owner, int error, const char *text)
{
        (void)owner, (void)error, (void)text;
}

static const struct aw_transport_callbacks ignore_all = {.established = ignore,
                                                         .data = ignore_data,
                                                         .ended = ignore_end,
                                                         .writable = ignore,
                                                         .closed = ignore_close};

static async int
open_much(NOTHING)
{
        static const int numbers[] = {SIGUSR1};
        struct aw_signals *signals = aw_signals_open(numbers, 1);
        int error = signals == NULL ? errno : 0, ends[2], fd = eventfd(0, EFD_CLOEXEC);
        struct aw_watch *watch = aw_watch_open(fd, ignore, NULL);

        if (watch == NULL) {
                error = errno;
                close(fd);
        }
        /* One is closed by its owner, the other by the end of the loop. */
        expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        if (aw_transport_open(ends[0], AW_TRANSPORT_CONNECTED, NULL, &ignore_all, NULL) == NULL)
                error = errno;
        if (aw_transport_open(ends[1], AW_TRANSPORT_CONNECTED, NULL, &ignore_all, NULL) == NULL)
                error = errno;
        await(yield(3));
        aw_watch_close(watch);
        aw_signals_close(signals);
        errno = error;
        return error == 0 ? 0 : -1;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                without_memory(gather_tasks),   without_memory(fill_a_queue),
                without_memory(join_a_group),   without_memory(use_executors),
                without_memory(make_processes), without_memory(open_much),
        };
        if (!ready_for_failures())
                return 0;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
