/* SPDX-License-Identifier: MIT */
/* What the tests of process pools share. */
#ifndef AW_TEST_PROCESS_SUPPORT_H
#define AW_TEST_PROCESS_SUPPORT_H

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "await/executor.h"
#include "await/task_wait.h"
#include "executor/process_private.h"
#include "unit/support.h"

#define LARGE ((size_t)10 << 20)

/* What the test and its workers both see; set anew by make_pool(). */
struct shared {
        atomic_int begun, now, most;
        sem_t open;
};
static struct shared *shared;

/* The functions of the workers. */

static inline ssize_t
copy(const void *request, size_t length, void *reply, size_t reply_size)
{
        if (length <= reply_size && length > 0)
                memcpy(reply, request, length);
        return (ssize_t)length;
}

static inline ssize_t
refuse(const void *request, size_t length, void *reply, size_t reply_size)
{
        (void)length, (void)reply, (void)reply_size;
        memcpy(&errno, request, sizeof(errno));
        return -1;
}

struct about {
        pid_t pid, parent, group;
        int sockets, inherited;
        bool blocked, ignored;
};

/* The descriptors of the process that made the pool: what they are, not their numbers. */
static struct stat parents[100];

static inline void
remember_descriptors(void)
{
        int descriptor;

        memset(parents, 0, sizeof(parents));
        for (descriptor = 3; descriptor < 100; descriptor++)
                fstat(descriptor, &parents[descriptor]);
}

static inline bool
is_inherited(const struct stat *descriptor)
{
        int i;

        for (i = 3; i < 100; i++)
                if (parents[i].st_ino == descriptor->st_ino &&
                    parents[i].st_dev == descriptor->st_dev)
                        return true;
        return false;
}

/* Those of a worker, but for the standard streams. The worker's own socket is `*socket`. */
static inline void
look_at_descriptors(int *sockets, int *inherited, int *socket)
{
        struct stat status;
        int descriptor;

        *sockets = *inherited = 0;
        for (descriptor = 3; descriptor < 100; descriptor++) {
                if (fstat(descriptor, &status) == -1)
                        continue;
                *inherited += is_inherited(&status);
                *sockets += S_ISSOCK(status.st_mode);
                if (S_ISSOCK(status.st_mode))
                        *socket = descriptor;
        }
}

static inline int
own_socket(void)
{
        int sockets, inherited, socket = -1;

        look_at_descriptors(&sockets, &inherited, &socket);
        return socket;
}

static inline ssize_t
about(const void *request, size_t length, void *reply, size_t reply_size)
{
        struct about *about = reply;
        struct sigaction action;
        sigset_t mask;
        int socket;

        (void)request, (void)length, (void)reply_size;
        sigprocmask(SIG_SETMASK, NULL, &mask);
        sigaction(SIGUSR1, NULL, &action);
        *about = (struct about){.pid = getpid(),
                                .parent = getppid(),
                                .group = getpgrp(),
                                .blocked =
                                        sigismember(&mask, SIGUSR2) || sigismember(&mask, SIGCHLD),
                                .ignored = action.sa_handler != SIG_DFL};
        look_at_descriptors(&about->sockets, &about->inherited, &socket);
        return sizeof(*about);
}

/* Blocks until the test lets it go. */
static inline ssize_t
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

static inline ssize_t
die(const void *request, size_t length, void *reply, size_t reply_size)
{
        int status;

        (void)reply, (void)reply_size;
        if (length == 0)
                kill(getpid(), SIGKILL);
        memcpy(&status, request, sizeof(status));
        _exit(status);
}

static inline ssize_t
close_socket(const void *request, size_t length, void *reply, size_t reply_size)
{
        (void)request, (void)length;
        close(own_socket());
        return block(NULL, 0, reply, reply_size);
}

/* Answers before it was asked to, out of all bounds. */
static inline ssize_t
babble(const void *request, size_t length, void *reply, size_t reply_size)
{
        char noise[64];

        (void)request, (void)length;
        memset(noise, 0x11, sizeof(noise));
        send(own_socket(), noise, sizeof(noise), MSG_NOSIGNAL);
        return block(NULL, 0, reply, reply_size);
}

/* Answers with four bytes, and then with more than it said. */
static inline ssize_t
chatter(const void *request, size_t length, void *reply, size_t reply_size)
{
        struct {
                struct aw_process_reply head;
                char bytes[64];
        } answer = {.head = {.result = 4}};

        (void)request, (void)length;
        memset(answer.bytes, 'x', sizeof(answer.bytes));
        send(own_socket(), &answer, sizeof(answer), MSG_NOSIGNAL);
        return block(NULL, 0, reply, reply_size);
}

/* Answers by itself once it is let go, and is gone. */
static inline ssize_t
answer_last(const void *request, size_t length, void *reply, size_t reply_size)
{
        struct aw_process_reply head = {.result = (ssize_t)reply_size};

        block(request, length, reply, reply_size);
        send(own_socket(), &head, sizeof(head), MSG_NOSIGNAL);
        send(own_socket(), reply, reply_size, MSG_NOSIGNAL);
        _exit(0);
}

static aw_process_function *const functions[] = {copy,         refuse, about,   block,      die,
                                                 close_socket, babble, chatter, answer_last};

static struct aw_executor *pool;

static inline async void
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
static inline async void
wait_begun(int count)
{
        while (shared->begun < count)
                await(aw_sleep(AW_MILLISECOND));
}

static inline async void
wait_logged(size_t count)
{
        while (test_log.count < count)
                await(aw_sleep(AW_MILLISECOND));
}

static inline async struct about
ask(void)
{
        struct about answer = {.pid = 0};

        expect_int(await(aw_run_in_process(pool, about, NULL, 0, &answer, sizeof(answer))),
                   sizeof(answer));
        return answer;
}

static inline async int
await_block(NOTHING)
{
        char reply = 0;
        ssize_t length = await(aw_run_in_process(pool, block, NULL, 0, &reply, 1));

        expect(length == -1 || reply == 'x');
        return (int)length;
}

static inline async struct aw_task *
spawn_block(void)
{
        int begun = shared->begun;
        struct aw_task *task = aw_spawn("block", await_block, NULL);

        await(wait_begun(begun + 1));
        return task;
}

/* Lets the tasks that were just spawned get as far as they can. */
static inline async void
others_run(void)
{
        await(aw_sleep(0));
        await(aw_sleep(0));
}

/* Awaits the end of all there is. No process is left then, not even a dead one. */
static inline async int
end_pool(void)
{
        int value = await(aw_executor_shutdown(pool, false));

        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return value;
}

static inline void
expect_gone(pid_t pid)
{
        expect_error(kill(pid, 0), ESRCH);
}

static inline async int
copy_number(void *argument)
{
        size_t number = (size_t)(uintptr_t)argument, reply = 0;

        if (await(aw_run_in_process(pool, copy, &number, sizeof(number), &reply, sizeof(reply))) ==
            -1)
                return -1;
        return reply == number ? 0 : -1;
}

static inline int
post_when_begun(NOTHING, void **result)
{
        (void)result;
        while (shared->begun == 0)
                sched_yield();
        sem_post(&shared->open);
        return 0;
}

/* For cmocka_run_group_tests(). */
static inline int
share(void **state)
{
        (void)state;
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        return shared == MAP_FAILED ? -1 : 0;
}

#endif
