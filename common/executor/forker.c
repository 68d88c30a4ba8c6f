/* SPDX-License-Identifier: MIT */
/*
 * The other side of process pools: the forker, a copy of the program that has a single thread and
 * forks the workers, and the workers.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/process_private.h"

/*
 * The descriptors of these processes, under numbers that were free in the process that made the
 * pool, and kept for all time. A number that was not free may be remembered: a library's fork
 * handler (libuv has one) closes the descriptors of its own and makes new ones, by number, in each
 * child. What had come to stand there meanwhile would be lost.
 */
enum { CONTROL, DEATHS, POOL_END, WORKER_END, OWN };
static int own[OWN];

/* Exit statuses of a process that could not do its work. */
enum { LOST_MEMORY = 126, LOST_PARENT = 127 };

/*
 * What a new process does first; nothing here takes a lock. It ends when its parent dies, even in
 * the middle of a job. The parent may have died before it could say so.
 */
static void
process_begin(pid_t parent)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(LOST_PARENT);
}

/* Where the system call is missing, the limit of open files tells the last number. */
static void
close_between(unsigned first, unsigned last)
{
        struct rlimit limit;

        if (first > last || close_range(first, last, 0) == 0 ||
            getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return;
        for (; first <= last && first < limit.rlim_cur; first++)
                close((int)first);
}

/* Closes all that was open in the parent, but for the standard streams. */
static void
close_others(void)
{
        unsigned first = STDERR_FILENO + 1, last;

        do {
                last = UINT_MAX;
                for (size_t i = 0; i < OWN; i++)
                        if ((unsigned)own[i] >= first && (unsigned)own[i] <= last)
                                last = (unsigned)own[i];
                close_between(first, last == UINT_MAX ? last : last - 1);
                first = last + 1;
        } while (last != UINT_MAX);
}

/* Puts a descriptor under the number that is kept for it. */
static int
keep(int descriptor, int number)
{
        int result = dup3(descriptor, number, O_CLOEXEC);

        close(descriptor);
        return result;
}

static void
reset_signals(void)
{
        struct sigaction standard = {.sa_handler = SIG_DFL};

        for (int number = 1; number <= SIGRTMAX; number++)
                sigaction(number, &standard, NULL);
}

static void
set_mask(int blocked)
{
        sigset_t set;

        sigemptyset(&set);
        if (blocked != 0)
                sigaddset(&set, blocked);
        pthread_sigmask(SIG_SETMASK, &set, NULL);
}

/* Workers. Their sockets block. */

/* The pool ends its workers by closing their sockets. */
static void
receive_all(void *to, size_t length)
{
        char *at = to;
        ssize_t count;

        while (length > 0) {
                count = recv(own[WORKER_END], at, length, 0);
                if (count == -1 && errno == EINTR)
                        continue;
                if (count <= 0)
                        _exit(0);
                at += count;
                length -= (size_t)count;
        }
}

static void
send_all(const void *from, size_t length)
{
        const char *at = from;
        ssize_t count;

        while (length > 0) {
                count = send(own[WORKER_END], at, length, MSG_NOSIGNAL);
                if (count == -1 && errno == EINTR)
                        continue;
                if (count == -1)
                        _exit(0);
                at += count;
                length -= (size_t)count;
        }
}

/* Zeroed, for a reply may have holes. */
static void *
need_memory(size_t size)
{
        void *memory = calloc(1, size == 0 ? 1 : size);

        if (memory == NULL)
                _exit(LOST_MEMORY);
        return memory;
}

static void
work(const struct aw_process_request *request)
{
        struct aw_process_reply reply = {.error = 0};
        static void *question, *answer; /* a leak checker sees them, should the function exit */

        question = need_memory(request->length);
        answer = need_memory(request->reply_size);
        receive_all(question, request->length);
        errno = 0;
        reply.result = request->function(question, request->length, answer, request->reply_size);
        reply.error = aw_executor_errno();
        if (reply.result > 0 && (size_t)reply.result > request->reply_size) {
                reply.result = -1;
                reply.error = EMSGSIZE;
        }
        /* Or what the function printed would be lost: the process will not exit(). */
        fflush(stdout);
        send_all(&reply, sizeof(reply));
        if (reply.result > 0)
                send_all(answer, (size_t)reply.result);
        free(answer);
        free(question);
}

/*
 * It closes what is the forker's, and nothing else: the fork handlers have run, and what they have
 * opened is theirs.
 */
_Noreturn static void
worker_main(pid_t forker)
{
        struct aw_process_request request;

        process_begin(forker);
        close(own[CONTROL]);
        close(own[DEATHS]);
        close(own[POOL_END]);
        set_mask(0);
        for (;;) {
                receive_all(&request, sizeof(request));
                work(&request);
        }
}

/* The forker. */

/* The pool reads all that is sent here, so this does not block for long. */
static void
forker_report(const struct aw_forker_report *message, int descriptor)
{
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = {.bytes = {0}};
        struct aw_forker_report copy = *message;
        struct iovec vector = {.iov_base = &copy, .iov_len = sizeof(copy)};
        struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
        struct cmsghdr *extra;

        if (descriptor != -1) {
                header.msg_control = control.bytes;
                header.msg_controllen = sizeof(control.bytes);
                extra = CMSG_FIRSTHDR(&header);
                extra->cmsg_level = SOL_SOCKET;
                extra->cmsg_type = SCM_RIGHTS;
                extra->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(extra), &descriptor, sizeof(descriptor));
        }
        while (sendmsg(own[CONTROL], &header, MSG_NOSIGNAL) == -1 && errno == EINTR)
                continue;
}

/* The two ends of a worker's socket under their numbers. 0, or the errno. */
static int
make_pair(void)
{
        int pair[2], error = 0;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
                return errno;
        if (keep(pair[0], own[POOL_END]) == -1)
                error = errno;
        if (keep(pair[1], own[WORKER_END]) == -1)
                error = errno;
        return error;
}

/* The numbers stay taken. */
static void
drop_pair(void)
{
        dup3(own[CONTROL], own[POOL_END], O_CLOEXEC);
        dup3(own[CONTROL], own[WORKER_END], O_CLOEXEC);
}

static void
start_worker(void)
{
        struct aw_forker_report started = {.what = AW_FORKER_STARTED, .pid = -1};
        pid_t forker = getpid();

        started.status = make_pair();
        if (started.status == 0) {
                started.pid = fork();
                started.status = errno;
        }
        if (started.pid == 0)
                worker_main(forker);
        forker_report(&started, started.pid == -1 ? -1 : own[POOL_END]);
        drop_pair();
}

/* What was waited for is no child any more, and its pid may be somebody else's. */
static void
kill_worker(pid_t pid)
{
        siginfo_t info;

        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
                kill(pid, SIGKILL);
}

/* False if there will be no more. */
static bool
take_request(void)
{
        struct aw_forker_request request;
        ssize_t count = recv(own[CONTROL], &request, sizeof(request), 0);

        if (count == -1 && errno == EINTR)
                return true;
        if (count != (ssize_t)sizeof(request))
                return false;
        if (request.kill == 0)
                start_worker();
        else
                kill_worker(request.kill);
        return true;
}

static void
report_ended(int deaths)
{
        struct aw_forker_report ended = {.what = AW_FORKER_ENDED};
        struct signalfd_siginfo info;

        /* One signal may stand for several. */
        if (read(deaths, &info, sizeof(info)) == -1)
                return;
        while ((ended.pid = waitpid(-1, &ended.status, WNOHANG)) > 0)
                forker_report(&ended, -1);
}

_Noreturn static void
forker_main(void)
{
        struct pollfd events[2] = {{.fd = own[CONTROL], .events = POLLIN},
                                   {.fd = own[DEATHS], .events = POLLIN}};
        sigset_t deaths;

        sigemptyset(&deaths);
        sigaddset(&deaths, SIGCHLD);
        if (keep(signalfd(-1, &deaths, SFD_NONBLOCK | SFD_CLOEXEC), own[DEATHS]) == -1)
                _exit(LOST_MEMORY);
        for (;;) {
                if (poll(events, 2, -1) == -1)
                        continue;
                if (events[1].revents != 0)
                        report_ended(events[1].fd);
                if (events[0].revents != 0 && !take_request())
                        break;
        }
        while (wait(NULL) != -1 || errno == EINTR)
                continue;
        _exit(0);
}

/* Takes numbers that are free now. -1 with errno and none taken. */
static int
take_numbers(int numbers[OWN], int control)
{
        int i, error;

        for (i = 0; i < OWN; i++) {
                numbers[i] = fcntl(control, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                if (numbers[i] == -1)
                        break;
        }
        if (i == OWN)
                return 0;
        error = errno;
        while (i > 0)
                close(numbers[--i]);
        errno = error;
        return -1;
}

pid_t
aw_forker_start(int control)
{
        sigset_t all, before;
        pid_t parent = getpid(), pid;
        int numbers[OWN], error;

        if (take_numbers(numbers, control) == -1)
                return -1;
        /* Or it would be printed by the workers once more. */
        fflush(stdout);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid = fork();
        if (pid == 0) {
                process_begin(parent);
                memcpy(own, numbers, sizeof(own));
                close_others();
                setpgid(0, 0);
                reset_signals();
                set_mask(SIGCHLD);
                forker_main();
        }
        error = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        for (size_t i = 0; i < OWN; i++)
                close(numbers[i]);
        errno = error;
        return pid;
}
