/* SPDX-License-Identifier: MIT */
/*
 * Process pools beside a library that has a fork handler, as libuv is one: in each child it closes
 * its descriptors, by number, and makes new ones.
 */
#include <pthread.h>

#include "unit/executor/process_support.h"

/* They take the lowest numbers of all, as those of a library that is set up first. */
#define PIPES 6
static int pipes[PIPES][2];

static void
make_pipes(void)
{
        size_t i;

        for (i = 0; i < PIPES; i++)
                assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
}

static void
make_pipes_anew(void)
{
        size_t i;

        for (i = 0; i < PIPES; i++) {
                close(pipes[i][0]);
                close(pipes[i][1]);
        }
        make_pipes();
}

/* Whether what is written to each comes out again. */
static bool
pipes_work(void)
{
        bool work = true;
        size_t i;
        char byte;

        for (i = 0; i < PIPES; i++) {
                byte = (char)i;
                work = work && write(pipes[i][1], &byte, 1) == 1;
                work = work && read(pipes[i][0], &byte, 1) == 1 && byte == (char)i;
        }
        return work;
}

/* Whether files that a worker opens are still there in a process that it forks. */
static bool
files_stay(void)
{
        int files[PIPES * 2], status = -1;
        struct stat status_of;
        pid_t child;
        size_t i;

        for (i = 0; i < PIPES * 2; i++)
                files[i] = memfd_create("file", MFD_CLOEXEC);
        child = fork();
        if (child == 0) {
                for (i = 0; i < PIPES * 2; i++) {
                        if (fstat(files[i], &status_of) == -1 || !S_ISREG(status_of.st_mode))
                                _exit(1);
                }
                _exit(pipes_work() ? 0 : 2);
        }
        waitpid(child, &status, 0);
        for (i = 0; i < PIPES * 2; i++)
                close(files[i]);
        return status == 0;
}

static ssize_t
use_descriptors(const void *request, size_t length, void *reply, size_t reply_size)
{
        (void)request, (void)length, (void)reply, (void)reply_size;
        return pipes_work() ? files_stay() ? 1 : 2 : 3;
}

static async int
workers_and_a_librarys_fork_handler_do_not_meet(NOTHING)
{
        aw_process_function *const table[] = {use_descriptors, about, die};
        struct aw_process_pool_options options = {
                .max_workers = 2, .functions = table, .function_count = 3};
        struct about worker;
        int round;
        char reply[4];

        remember_descriptors();
        pool = await(aw_process_pool_create(&options));
        expect(pool != NULL);
        /* Those that are forked later, too. */
        for (round = 0; round < 3; round++) {
                expect_int(await(aw_run_in_process(pool, use_descriptors, NULL, 0, reply, 4)), 1);
                worker = await(ask());
                expect_int(worker.sockets, 1);
                expect_int(worker.inherited, 0);
                expect_error(await(aw_run_in_process(pool, die, NULL, 0, NULL, 0)), EPIPE);
                expect_log("was killed by signal 9 (Killed)");
        }
        expect(pipes_work());
        return await(end_pool());
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(workers_and_a_librarys_fork_handler_do_not_meet),
        };

        make_pipes();
        pthread_atfork(NULL, NULL, make_pipes_anew);
        return cmocka_run_group_tests(tests, share, NULL);
}
