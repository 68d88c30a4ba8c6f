/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "await/signals.h"

#include "await/log.h"
#include "base/list.h"
#include "task/run.h"

struct aw_signals {
        struct {
                struct aw_signals *next, *previous;
        } link;
        int fd;
        struct aw_watch *watch;
        sigset_t set;
        struct aw_waiters waiters;
        size_t waiting;
        bool closed; /* the last of the tasks that wait frees it */
};

static _Thread_local struct {
        struct aw_signals *first, *last;
} opened;
static _Thread_local unsigned users[NSIG]; /* of each signal, among those that are open */
static _Thread_local sigset_t blocked;     /* by us: they were not before */
static _Thread_local struct aw_at_exit exit_hook;

/* A program that leaves aw_run() with them open would find its signals blocked for good. */
static void
close_left(void)
{
        while (opened.first != NULL) {
                aw_log(AW_LOG_WARNING, "signals were never closed: see aw_signals_close()");
                aw_signals_close(opened.first);
        }
}

static void
block(const sigset_t *set)
{
        sigset_t before;

        pthread_sigmask(SIG_BLOCK, set, &before);
        for (int number = 1; number < NSIG; number++)
                if (sigismember(set, number) == 1 && users[number]++ == 0 &&
                    sigismember(&before, number) == 0)
                        sigaddset(&blocked, number);
}

/* Those that nobody else has open act again. */
static void
unblock(const sigset_t *set)
{
        sigset_t left;

        sigemptyset(&left);
        for (int number = 1; number < NSIG; number++)
                if (sigismember(set, number) == 1 && --users[number] == 0 &&
                    sigismember(&blocked, number) == 1) {
                        sigaddset(&left, number);
                        sigdelset(&blocked, number);
                }
        /* What has come and was not read was meant for us: it must not act now. */
        while (sigtimedwait(&left, NULL, &(struct timespec){0, 0}) > 0 || errno == EINTR)
                continue;
        pthread_sigmask(SIG_UNBLOCK, &left, NULL);
}

/* Nobody reads while nobody waits: the kernel keeps what arrives meanwhile. */
static void
signals_readable(void *argument)
{
        struct aw_signals *signals = argument;

        if (!aw_wake_one(&signals->waiters))
                aw_watch_pause(signals->watch, true);
}

/* Nobody can wait for the two that end or stop a process whatever it does. */
static int
make_set(const int numbers[], size_t count, sigset_t *set)
{
        sigemptyset(set);
        for (size_t i = 0; i < count; i++)
                if (numbers[i] == SIGKILL || numbers[i] == SIGSTOP ||
                    sigaddset(set, numbers[i]) == -1) {
                        errno = EINVAL;
                        return -1;
                }
        return 0;
}

struct aw_signals *
aw_signals_open(const int numbers[], size_t count)
{
        struct aw_signals *signals;
        sigset_t set;

        if (make_set(numbers, count, &set) == -1)
                return NULL;
        signals = calloc(1, sizeof(*signals));
        if (signals == NULL)
                return NULL;
        signals->set = set;
        signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        if (signals->fd == -1)
                goto fail;
        signals->watch = aw_watch_open(signals->fd, signals_readable, signals);
        if (signals->watch == NULL)
                goto fail_fd;
        block(&set);
        aw_list_append(&opened, signals, link);
        exit_hook.leave = close_left;
        aw_at_exit(&exit_hook);
        return signals;
fail_fd:
        close(signals->fd);
fail:
        free(signals);
        return NULL;
}

static int
take_one(struct aw_signals *signals, struct signalfd_siginfo *info, aw_time deadline)
{
        while (!signals->closed) {
                if (read(signals->fd, info, sizeof(*info)) == (ssize_t)sizeof(*info))
                        return (int)info->ssi_signo;
                if (errno != EAGAIN && errno != EINTR)
                        return -1;
                aw_watch_pause(signals->watch, false);
                if (aw_wait_in(&signals->waiters, deadline, NULL) == -1)
                        return -1;
        }
        errno = ESHUTDOWN;
        return -1;
}

static async int
wait_for_one(struct aw_signals *signals, struct signalfd_siginfo *info, aw_time deadline)
{
        int number, error;

        signals->waiting++;
        number = take_one(signals, info, deadline);
        error = errno;
        signals->waiting--;
        if (signals->closed && signals->waiting == 0)
                free(signals);
        errno = error;
        return number;
}

async int
aw_signals_wait(struct aw_signals *signals, aw_time deadline)
{
        struct signalfd_siginfo info;

        return await(wait_for_one(signals, &info, deadline));
}

/* Some members share their place with others, which another kind of signal has. */
async int
aw_signals_wait_info(struct aw_signals *signals, siginfo_t *info, aw_time deadline)
{
        struct signalfd_siginfo got;
        int number = await(wait_for_one(signals, &got, deadline));
        uintptr_t value;

        if (number == -1 || info == NULL)
                return number;
        memset(info, 0, sizeof(*info));
        info->si_signo = number;
        info->si_code = got.ssi_code;
        info->si_pid = (pid_t)got.ssi_pid;
        info->si_uid = (uid_t)got.ssi_uid;
        value = (uintptr_t)got.ssi_ptr;
        if (number == SIGCHLD)
                info->si_status = got.ssi_status;
        else
                memcpy(&info->si_value.sival_ptr, &value, sizeof(value));
        return number;
}

void
aw_signals_close(struct aw_signals *signals)
{
        if (signals == NULL)
                return;
        aw_watch_close(signals->watch);
        aw_list_remove(&opened, signals, link);
        unblock(&signals->set);
        signals->closed = true;
        if (signals->waiting == 0)
                free(signals);
        else
                aw_wake_all(&signals->waiters);
}
