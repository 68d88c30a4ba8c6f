/* SPDX-License-Identifier: MIT */
/* Wraps: waitpid. */
#include <poll.h>
#include <sys/prctl.h>

#include "unit/executor/process_support.h"

static int interruptions; /* of those who wait for one child */

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
        if (pid <= 0 || interruptions == 0)
                return __real_waitpid(pid, status, options);
        interruptions--;
        errno = EINTR;
        return -1;
}

static async int
a_worker_that_is_killed_fails_its_job_and_no_other(NOTHING)
{
        struct aw_task *undisturbed, *queued;

        await(make_pool(2));
        undisturbed = await(spawn_block());
        queued = aw_spawn("copy", copy_number, (void *)5);
        expect_error(await(aw_run_in_process(pool, die, NULL, 0, NULL, 0)), EPIPE);
        expect_log("was killed by signal 9 (Killed)");
        expect_int(await(aw_join(queued)), 0);
        /* There is one in its place: the other one is still busy. */
        expect(await(ask()).pid != 0);
        sem_post(&shared->open);
        expect_int(await(aw_join(undisturbed)), 1);
        return await(end_pool());
}

static async int
a_worker_that_exits_fails_its_job(NOTHING)
{
        int status = 7;
        struct about before, after;

        await(make_pool(1));
        before = await(ask());
        expect_error(await(aw_run_in_process(pool, die, &status, sizeof(status), NULL, 0)), EPIPE);
        expect_log("ended with status 7");
        after = await(ask());
        expect(before.pid != after.pid && before.parent == after.parent);
        return await(end_pool());
}

static async int
await_last_answer(NOTHING)
{
        char reply[4] = "";
        ssize_t length = await(aw_run_in_process(pool, answer_last, NULL, 0, reply, sizeof(reply)));

        expect(memcmp(reply, "xxxx", 4) == 0);
        return (int)length;
}

/* The report of its end is read first, for another one was there before the reply came. */
static async int
the_last_reply_of_a_worker_counts(NOTHING)
{
        const struct aw_process_pool *inside;
        struct pollfd control = {.events = POLLIN};
        struct aw_task *last;
        pid_t idle, answering = 0;

        await(make_pool(2));
        inside = (const struct aw_process_pool *)pool;
        control.fd = inside->control;
        last = aw_spawn("last", await_last_answer, NULL);
        await(wait_begun(1));
        idle = await(ask()).pid;
        for (size_t i = 0; i < 2; i++)
                if (inside->workers[i].pid != idle)
                        answering = inside->workers[i].pid;
        /* Meanwhile the loop stands still. */
        kill(idle, SIGKILL);
        expect_int(poll(&control, 1, -1), 1);
        sem_post(&shared->open);
        while (kill(answering, 0) == 0)
                usleep(1000);
        expect_int(await(aw_join(last)), 4);
        await(wait_logged(2));
        expect_log("was killed by signal 9");
        expect_log("ended with status 0");
        return await(end_pool());
}

static async int
a_worker_that_dies_idle_is_replaced(NOTHING)
{
        struct about before, after;

        await(make_pool(1));
        before = await(ask());
        kill(before.pid, SIGTERM);
        await(wait_logged(1));
        expect_log("was killed by signal 15");
        after = await(ask());
        expect(before.pid != after.pid);
        return await(end_pool());
}

static async int
a_worker_that_loses_its_socket_is_killed(NOTHING)
{
        await(make_pool(1));
        expect_error(await(aw_run_in_process(pool, close_socket, NULL, 0, NULL, 0)), EPIPE);
        expect_log("was killed by signal 9");
        expect(await(ask()).pid != 0);
        return await(end_pool());
}

static async int
a_worker_that_talks_nonsense_is_killed(NOTHING)
{
        char reply[8] = "........";

        await(make_pool(1));
        expect_error(await(aw_run_in_process(pool, babble, NULL, 0, reply, sizeof(reply))), EPIPE);
        expect_log("was killed by signal 9");
        expect(memcmp(reply, "........", 8) == 0);
        expect(await(ask()).pid != 0);
        return await(end_pool());
}

static async int
a_worker_that_says_more_than_it_announced_is_killed(NOTHING)
{
        char reply[80];

        memset(reply, '.', sizeof(reply));
        await(make_pool(1));
        expect_int(await(aw_run_in_process(pool, chatter, NULL, 0, reply, 4)), 4);
        expect(memcmp(reply, "xxxx....", 8) == 0);
        await(wait_logged(1));
        expect_log("was killed by signal 9");
        expect(await(ask()).pid != 0);
        return await(end_pool());
}

/* The pool is made while a thread runs, and the thread holds what it holds. */
static async int
await_thread(NOTHING)
{
        return await(aw_run_in_executor(NULL, &(struct aw_job){.run = post_when_begun}, NULL));
}

static async int
a_pool_may_be_made_when_there_are_threads(NOTHING)
{
        struct aw_task *thread;

        shared->begun = 0;
        thread = aw_spawn("thread", await_thread, NULL);
        await(others_run());
        await(make_pool(2));
        expect_int(await(await_block(NULL)), 1);
        expect_int(await(aw_join(thread)), 0);
        return await(end_pool());
}

static async int
workers_begin_with_a_clean_slate(NOTHING)
{
        sigset_t blocked, before;
        struct about worker;
        int extra = memfd_create("extra", 0);

        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR2);
        sigprocmask(SIG_BLOCK, &blocked, &before);
        signal(SIGUSR1, SIG_IGN);
        remember_descriptors();
        await(make_pool(1));
        signal(SIGUSR1, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        worker = await(ask());
        expect(!worker.blocked);
        expect(!worker.ignored);
        expect_int(worker.sockets, 1);
        expect_int(worker.inherited, 0);
        expect(worker.group == worker.parent && worker.group != getpgrp());
        close(extra);
        return await(end_pool());
}

static async int
without_the_server_the_pool_is_broken(NOTHING)
{
        struct aw_task *running, *queued;
        struct about worker;
        char line[100];

        await(make_pool(1));
        worker = await(ask());
        running = await(spawn_block());
        queued = aw_spawn("queued", await_block, NULL);
        await(others_run());
        interruptions = 2;
        kill(worker.parent, SIGKILL);
        expect_error(await(aw_join(running)), EPIPE);
        expect_error(await(aw_join(queued)), EPIPE);
        expect_int(interruptions, 0);
        snprintf(line, sizeof(line),
                 "the process that starts process workers, %d was killed by signal 9 (Killed)",
                 (int)worker.parent);
        expect_log(line);
        snprintf(line, sizeof(line), "process worker %d was killed by signal 9", (int)worker.pid);
        expect_log(line);
        expect_error(await(await_block(NULL)), EPIPE);
        return await(end_pool());
}

/* It has ideas of its own of the limit of open files. */
static bool
on_valgrind(void)
{
#ifdef AW_CORO_VALGRIND
        return RUNNING_ON_VALGRIND;
#else
        return false;
#endif
}

static async int
a_worker_whose_socket_cannot_be_taken_fails_the_job_for_now(NOTHING)
{
        struct rlimit none, before;
        struct about worker;

        if (on_valgrind())
                return 0;
        await(make_pool(1));
        worker = await(ask());
        kill(worker.pid, SIGKILL);
        await(wait_logged(1));
        expect_log("was killed by signal 9");
        getrlimit(RLIMIT_NOFILE, &before);
        none = (struct rlimit){4, before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
        expect_error(await(await_block(NULL)), EMFILE);
        expect_log("no process worker can be started: Too many open files");
        setrlimit(RLIMIT_NOFILE, &before);
        expect(await(ask()).pid != worker.pid);
        return await(end_pool());
}

static async int
a_worker_that_cannot_be_started_fails_the_job_for_now(NOTHING)
{
        struct rlimit none, before;
        struct about worker;

        if (on_valgrind())
                return 0;
        await(make_pool(1));
        worker = await(ask());
        kill(worker.pid, SIGKILL);
        await(wait_logged(1));
        expect_log("was killed by signal 9");
        getrlimit(RLIMIT_NOFILE, &before);
        none = (struct rlimit){4, before.rlim_max};
        prlimit(worker.parent, RLIMIT_NOFILE, &none, NULL);
        expect_error(await(await_block(NULL)), EMFILE);
        expect_log("no process worker can be started: Too many open files");
        prlimit(worker.parent, RLIMIT_NOFILE, &before, NULL);
        expect(await(ask()).pid != worker.pid);
        return await(end_pool());
}

static async int
options_that_make_no_sense_are_refused(NOTHING)
{
        struct aw_process_pool_options options = {.functions = functions};

        expect(await(aw_process_pool_create(&options)) == NULL && errno == EINVAL);
        options.function_count = 1;
        options.max_workers = AW_PROCESS_WORKERS_MAX + 1;
        expect(await(aw_process_pool_create(&options)) == NULL && errno == EINVAL);
        return 0;
}

/* Room for no descriptor, for one more, and one more, and at last for all. */
static async int
a_pool_that_cannot_be_made_leaves_nothing(NOTHING)
{
        struct aw_process_pool_options options = {.functions = functions, .function_count = 1};
        struct rlimit limit, before;
        int failures = 0;

        if (on_valgrind())
                return 0;
        getrlimit(RLIMIT_NOFILE, &before);
        limit = before;
        limit.rlim_cur = (rlim_t)dup(STDIN_FILENO);
        close((int)limit.rlim_cur);
        for (pool = NULL; pool == NULL && failures < 10; limit.rlim_cur++) {
                setrlimit(RLIMIT_NOFILE, &limit);
                pool = await(aw_process_pool_create(&options));
                setrlimit(RLIMIT_NOFILE, &before);
                if (pool == NULL) {
                        expect_int(errno, EMFILE);
                        failures++;
                }
        }
        expect(failures >= 3 && pool != NULL);
        if (pool == NULL)
                return 0;
        expect_int(await(copy_number((void *)5)), 0);
        return await(end_pool());
}

static async int
leave_block(NOTHING)
{
        await(make_pool(2));
        aw_task_detach(aw_spawn("left", await_block, NULL));
        await(wait_begun(1));
        sem_post(&shared->open);
        return 0;
}

static void
the_end_of_aw_run_ends_the_pool(void **state)
{
        (void)state;
        test_begin();
        expect_int(test_run(leave_block, NULL), 0);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        expect_int(shared->now, 0);
        test_end();
}

static async int
die_with_a_job(NOTHING)
{
        await(make_pool(2));
        aw_task_detach(await(spawn_block()));
        aw_task_detach(await(spawn_block()));
        kill(getpid(), SIGKILL);
        return 0;
}

/* Orphans become children of this process, so it sees them end. */
static void
workers_die_with_their_parent(void **state)
{
        pid_t pid;
        int status, ends = 0;

        (void)state;
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid = fork();
        if (pid == 0) {
                test_run(die_with_a_job, NULL);
                _exit(0);
        }
        while (waitpid(-1, &status, 0) > 0) {
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
                ends++;
        }
        assert_int_equal(errno, ECHILD);
        assert_int_equal(ends, 4);
        prctl(PR_SET_CHILD_SUBREAPER, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_worker_that_is_killed_fails_its_job_and_no_other),
                on_loop(a_worker_that_exits_fails_its_job),
                on_loop(the_last_reply_of_a_worker_counts),
                on_loop(a_worker_that_dies_idle_is_replaced),
                on_loop(a_worker_that_loses_its_socket_is_killed),
                on_loop(a_worker_that_talks_nonsense_is_killed),
                on_loop(a_worker_that_says_more_than_it_announced_is_killed),
                on_loop(a_pool_may_be_made_when_there_are_threads),
                on_loop(workers_begin_with_a_clean_slate),
                on_loop(without_the_server_the_pool_is_broken),
                on_loop(a_worker_whose_socket_cannot_be_taken_fails_the_job_for_now),
                on_loop(a_worker_that_cannot_be_started_fails_the_job_for_now),
                on_loop(options_that_make_no_sense_are_refused),
                on_loop(a_pool_that_cannot_be_made_leaves_nothing),
                cmocka_unit_test(the_end_of_aw_run_ends_the_pool),
                cmocka_unit_test(workers_die_with_their_parent),
        };

        return cmocka_run_group_tests(tests, share, NULL);
}
