/* SPDX-License-Identifier: MIT */
#include "executor.h"
#include "support.h"
#include "task_wait.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* The worker's own socket. */
#define SOCKET 3

#define LARGE ((size_t)10 << 20)

/* What the test and its workers both see; made anew by each test, before its pool. */
static struct shared {
        atomic_int begun, now, most;
        sem_t open;
} * shared;

/* The functions of the workers. */

static ssize_t
copy(const void *request, size_t length, void *reply, size_t reply_size)
{
        if (length <= reply_size && length > 0)
                memcpy(reply, request, length);
        return (ssize_t)length;
}

static ssize_t
refuse(const void *request, size_t length, void *reply, size_t reply_size)
{
        (void)length, (void)reply, (void)reply_size;
        memcpy(&errno, request, sizeof(errno));
        return -1;
}

struct about {
        pid_t pid, parent, group;
        int descriptors;
        bool blocked, ignored;
};

static int
count_descriptors(void)
{
        int count = 0, descriptor;

        for (descriptor = 0; descriptor < 100; descriptor++)
                count += fcntl(descriptor, F_GETFD) != -1;
        return count;
}

static ssize_t
about(const void *request, size_t length, void *reply, size_t reply_size)
{
        struct about *about = reply;
        struct sigaction action;
        sigset_t mask;

        (void)request, (void)length, (void)reply_size;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        sigaction(SIGUSR1, NULL, &action);
        *about = (struct about){.pid = getpid(),
                                .parent = getppid(),
                                .group = getpgrp(),
                                .descriptors = count_descriptors(),
                                .blocked =
                                        sigismember(&mask, SIGUSR2) || sigismember(&mask, SIGCHLD),
                                .ignored = action.sa_handler != SIG_DFL};
        return sizeof(*about);
}

/* Blocks until the test lets it go. */
static ssize_t
block(const void *request, size_t length, void *reply, size_t reply_size)
{
        int now = ++shared->now, most = shared->most;

        (void)request, (void)length, (void)reply_size;
        while (now > most && !atomic_compare_exchange_weak(&shared->most, &most, now))
                continue;
        shared->begun++;
        while (sem_wait(&shared->open) == -1)
                continue;
        shared->now--;
        memset(reply, 'x', reply_size);
        return (ssize_t)reply_size;
}

static ssize_t
die(const void *request, size_t length, void *reply, size_t reply_size)
{
        int status;

        (void)reply, (void)reply_size;
        if (length == 0)
                kill(getpid(), SIGKILL);
        memcpy(&status, request, sizeof(status));
        _exit(status);
}

static ssize_t
close_socket(const void *request, size_t length, void *reply, size_t reply_size)
{
        (void)request, (void)length;
        close(SOCKET);
        return block(NULL, 0, reply, reply_size);
}

/* Answers before it was asked to, out of all bounds. */
static ssize_t
babble(const void *request, size_t length, void *reply, size_t reply_size)
{
        char noise[64];

        (void)request, (void)length;
        memset(noise, 0x11, sizeof(noise));
        send(SOCKET, noise, sizeof(noise), MSG_NOSIGNAL);
        return block(NULL, 0, reply, reply_size);
}

static aw_process_function *const functions[] = {copy, refuse,       about, block,
                                                 die,  close_socket, babble};

static struct aw_executor *pool;

static async void
make_pool(size_t workers)
{
        struct aw_process_pool_options options = {.max_workers = workers,
                                                  .functions = functions,
                                                  .function_count =
                                                          sizeof(functions) / sizeof(functions[0])};

        shared->begun = shared->now = shared->most = 0;
        sem_init(&shared->open, 1, 0);
        pool = await(aw_process_pool_create(&options));
        expect(pool != NULL);
}

/* Turns the loop until the workers have begun so many jobs. */
static async void
wait_begun(int count)
{
        while (shared->begun < count)
                await(aw_sleep(AW_MILLISECOND));
}

static async void
wait_logged(size_t count)
{
        while (test_log.count < count)
                await(aw_sleep(AW_MILLISECOND));
}

static async struct about
ask(void)
{
        struct about answer = {.pid = 0};

        expect_int(await(aw_run_in_process(pool, about, NULL, 0, &answer, sizeof(answer))),
                   sizeof(answer));
        return answer;
}

static async int
await_block(NOTHING)
{
        char reply = 0;
        ssize_t length = await(aw_run_in_process(pool, block, NULL, 0, &reply, 1));

        expect(length == -1 || reply == 'x');
        return (int)length;
}

static async struct aw_task *
spawn_block(void)
{
        int begun = shared->begun;
        struct aw_task *task = aw_spawn("block", await_block, NULL);

        await(wait_begun(begun + 1));
        return task;
}

/* Lets the tasks that were just spawned get as far as they can. */
static async void
others_run(void)
{
        await(aw_sleep(0));
        await(aw_sleep(0));
}

/* Awaits the end of all there is. No process is left then, not even a dead one. */
static async int
end_pool(void)
{
        int value = await(aw_executor_shutdown(pool, false));

        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return value;
}

static void
expect_gone(pid_t pid)
{
        expect_error(kill(pid, 0), ESRCH);
}

/* The tests. */

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
        int error = ENOTDIR;

        await(make_pool(1));
        expect_error(await(aw_run_in_process(pool, refuse, &error, sizeof(error), NULL, 0)),
                     ENOTDIR);
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
        char *huge = calloc(1, AW_PROCESS_MESSAGE_MOST + 1);

        await(make_pool(1));
        expect_error(await(aw_run_in_process(pool, copy, huge, AW_PROCESS_MESSAGE_MOST + 1, huge,
                                             AW_PROCESS_MESSAGE_MOST)),
                     EMSGSIZE);
        expect_error(
                await(aw_run_in_process(pool, copy, huge, 0, huge, AW_PROCESS_MESSAGE_MOST + 1)),
                EMSGSIZE);
        expect_error(await(aw_run_in_process(pool, copy, huge, 5, huge, 4)), EMSGSIZE);
        expect_int(await(aw_run_in_process(pool, copy, "hello", 5, huge, 5)), 5);
        free(huge);
        return await(end_pool());
}

static async int
copy_number(void *argument)
{
        size_t number = (size_t)(uintptr_t)argument, reply = 0;

        if (await(aw_run_in_process(pool, copy, &number, sizeof(number), &reply, sizeof(reply))) ==
            -1)
                return -1;
        return reply == number ? 0 : -1;
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

static async int
cancelled_while_it_runs_a_job_goes_on_and_its_reply_is_dropped(NOTHING)
{
        struct about before, after;
        struct aw_task *task;

        await(make_pool(1));
        before = await(ask());
        task = await(spawn_block());
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(shared->now, 1);
        sem_post(&shared->open);
        after = await(ask());
        expect(before.pid == after.pid);
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

static int
post_when_begun(NOTHING, void **result)
{
        (void)result;
        while (shared->begun == 0)
                sched_yield();
        sem_post(&shared->open);
        return 0;
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
        struct aw_task *thread = aw_spawn("thread", await_thread, NULL);

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
        int extra = dup(STDOUT_FILENO);

        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR2);
        sigprocmask(SIG_BLOCK, &blocked, &before);
        signal(SIGUSR1, SIG_IGN);
        await(make_pool(1));
        signal(SIGUSR1, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        worker = await(ask());
        expect(!worker.blocked);
        expect(!worker.ignored);
        expect_int(worker.descriptors, 4);
        expect(worker.group == worker.parent && worker.group != getpgrp());
        close(extra);
        return await(end_pool());
}

static async int
without_the_server_the_pool_is_broken(NOTHING)
{
        struct aw_task *running, *queued;
        struct about worker;

        await(make_pool(1));
        worker = await(ask());
        running = await(spawn_block());
        queued = aw_spawn("queued", await_block, NULL);
        await(others_run());
        kill(worker.parent, SIGKILL);
        expect_error(await(aw_join(running)), EPIPE);
        expect_error(await(aw_join(queued)), EPIPE);
        expect_log("was killed by signal 9");
        expect_log("was killed by signal 9");
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
        options.max_workers = AW_PROCESS_WORKERS_MOST + 1;
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

static ssize_t
unknown(const void *request, size_t length, void *reply, size_t reply_size)
{
        return copy(request, length, reply, reply_size);
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
                on_loop(a_worker_that_is_killed_fails_its_job_and_no_other),
                on_loop(a_worker_that_exits_fails_its_job),
                on_loop(a_worker_that_dies_idle_is_replaced),
                on_loop(a_worker_that_loses_its_socket_is_killed),
                on_loop(a_worker_that_talks_nonsense_is_killed),
                on_loop(cancelled_while_queued_a_job_never_begins),
                on_loop(cancelled_while_it_runs_a_job_goes_on_and_its_reply_is_dropped),
                on_loop(a_large_job_may_be_cancelled_on_the_way),
                on_loop(shutdown_waits_for_what_is_queued_and_refuses_more),
                on_loop(shutdown_can_cancel_what_is_queued),
                on_loop(a_pool_may_end_before_it_has_begun),
                on_loop(a_pool_may_be_made_when_there_are_threads),
                on_loop(workers_begin_with_a_clean_slate),
                on_loop(without_the_server_the_pool_is_broken),
                on_loop(a_worker_whose_socket_cannot_be_taken_fails_the_job_for_now),
                on_loop(a_worker_that_cannot_be_started_fails_the_job_for_now),
                on_loop(options_that_make_no_sense_are_refused),
                on_loop(a_pool_that_cannot_be_made_leaves_nothing),
                cmocka_unit_test(the_end_of_aw_run_ends_the_pool),
                cmocka_unit_test(workers_die_with_their_parent),
                cmocka_unit_test(misuse_aborts),
        };

        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (shared == MAP_FAILED)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
