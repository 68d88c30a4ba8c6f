/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/child_private.h"
#include "net/spawn_private.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Room for what the C library and a sanitizer put there, besides a system call. */
enum { WATCHER_STACK = 64 << 10 };

/* What the thread owns. It may outlive the struct aw_child, and ends when the child does. */
struct watcher {
        pid_t pid;
        int fd;
};

static void *
watcher_main(void *argument)
{
        struct watcher watcher = *(struct watcher *)argument;
        siginfo_t info;

        free(argument);
        /* Any other failure, ECHILD for one, is met again and told by aw_child_reap(). */
        while (waitid(P_PID, (id_t)watcher.pid, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR)
                continue;
        eventfd_write(watcher.fd, 1);
        close(watcher.fd);
        return NULL;
}

/* An errno value. The thread is detached: nobody could join it without waiting for the child. */
static int
watcher_create(struct watcher *watcher)
{
        pthread_attr_t attributes;
        sigset_t all, before;
        pthread_t thread;
        int error = pthread_attr_init(&attributes);

        if (error != 0)
                return error;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + WATCHER_STACK);
        /* Signals are for other threads. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&thread, &attributes, watcher_main, watcher);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        return error;
}

/* Lets a thread make fd readable at the end of the child. An errno value. */
static int
watcher_start(pid_t pid, int fd)
{
        struct watcher *watcher = malloc(sizeof(*watcher));
        int error = ENOMEM;

        if (watcher == NULL)
                return error;
        *watcher =
                (struct watcher){.pid = pid, .fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
        error = watcher->fd == -1 ? errno : watcher_create(watcher);
        if (error != 0) {
                if (watcher->fd != -1)
                        close(watcher->fd);
                free(watcher);
        }
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): without an error it is the thread's. */
        return error;
}

static int
watch_by_thread(struct aw_child *child)
{
        int error;

        child->threaded = true;
        child->fd = aw_spawn_move_up(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (child->fd == -1)
                return -1;
        error = watcher_start(child->pid, child->fd);
        if (error == 0)
                return 0;
        aw_child_close(child);
        errno = error;
        return -1;
}

int
aw_child_watch(struct aw_child *child, pid_t pid)
{
        *child = (struct aw_child){.pid = pid};
        child->fd = aw_spawn_move_up((int)syscall(SYS_pidfd_open, pid, 0));
        if (child->fd == -1 && errno == ENOSYS)
                return watch_by_thread(child);
        return child->fd == -1 ? -1 : 0;
}

/* 1 it has ended, 0 it runs, or -1 with errno. */
static int
waitid_of(const struct aw_child *child, int flags, siginfo_t *info)
{
        idtype_t type = child->threaded ? P_PID : (idtype_t)P_PIDFD;
        id_t id = child->threaded ? (id_t)child->pid : (id_t)child->fd;

        memset(info, 0, sizeof(*info));
        if (waitid(type, id, info, WEXITED | WNOHANG | flags) == -1)
                return -1;
        return info->si_pid != 0;
}

/*
 * Once the child is reaped its number may be another's, whom the thread must not wait for. What the
 * thread has to do until it has seen an end takes no time.
 */
static void
watcher_wait(const struct aw_child *child)
{
        struct pollfd polled = {.fd = child->fd, .events = POLLIN};

        while (poll(&polled, 1, -1) == -1 && errno == EINTR)
                continue;
}

int
aw_child_reap(const struct aw_child *child, struct aw_process_status *status)
{
        siginfo_t info;
        int result;

        if (child->threaded) {
                result = waitid_of(child, WNOWAIT, &info);
                if (result != 1)
                        return result;
                watcher_wait(child);
        }
        result = waitid_of(child, 0, &info);
        if (result == 1) {
                status->code = info.si_code == CLD_EXITED ? info.si_status : -1;
                status->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
        }
        return result;
}

int
aw_child_signal(const struct aw_child *child, int number)
{
        if (child->threaded)
                return kill(child->pid, number);
        return (int)syscall(SYS_pidfd_send_signal, child->fd, number, NULL, 0);
}

void
aw_child_close(struct aw_child *child)
{
        if (child->fd != -1)
                close(child->fd);
        child->fd = -1;
}
