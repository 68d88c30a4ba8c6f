/* SPDX-License-Identifier: MIT */
/* sum_squares() and die() run in other processes. One that dies fails its job, not the program. */
#include <await/executor.h>
#include <await/task_wait.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static ssize_t
sum_squares(const void *request, size_t length, void *reply, size_t size)
{
        long n = *(const long *)request, *sum = reply;

        for (long i = *sum = 0; i < n; i++)
                *sum += i * i;
        return length <= size ? (ssize_t)sizeof(*sum) : -1;
}

static ssize_t
die(const void *request, size_t length, void *reply, size_t size)
{
        (void)request, (void)length, (void)reply, (void)size;
        _exit(7);
}

static struct aw_executor *pool;

static async int
sum_elsewhere(void *n)
{
        return (int)await(aw_run_in_process(pool, sum_squares, n, sizeof(long), n, sizeof(long)));
}

static async int
processes(void *argument)
{
        static long n[] = {10, 100, 1000}; /* each will be replaced by its sum */
        aw_process_function *const functions[] = {sum_squares, die};
        struct aw_process_pool_options options = {2, functions, 2};
        struct aw_task *tasks[3];

        (void)argument;
        pool = await(aw_process_pool_create(&options));
        for (int i = 0; i < 3; i++)
                if ((tasks[i] = aw_spawn("sum", sum_elsewhere, &n[i])) == NULL)
                        return -1;
        if (pool == NULL || await(aw_gather(tasks, 3, NULL)) == -1)
                return -1;
        printf("[%ld, %ld, %ld]\n", n[0], n[1], n[2]);
        if (await(aw_run_in_process(pool, die, NULL, 0, NULL, 0)) == -1 && errno == EPIPE)
                puts("a worker died; the program goes on");
        return await(aw_executor_shutdown(pool, false));
}

int
main(void)
{
        return aw_run(NULL, processes, NULL) == -1;
}
