/* SPDX-License-Identifier: MIT */
/*
 * All descriptors that tasks of a thread wait for are in one epoll set, and that is what the loop
 * watches: so it is the same on each back end, and a wait costs one poll(2) and, if it has to wait,
 * two epoll_ctl(2).
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "await/wait_fd.h"

#include "task/run.h"
#include "task/suspend.h"

#define EVENTS_AT_ONCE 64

/* A task that waits; on its own stack. */
struct fd_wait {
        int fd;
        unsigned events, ready;
        bool queued;
        struct aw_waiters waiters; /* this task alone */
        struct fd_wait *next;      /* those that wait for the same descriptor */
};

static _Thread_local struct {
        int epoll;
        struct aw_watch *watch; /* NULL: not open */
        struct fd_wait **waits; /* by descriptor */
        size_t count;
        struct aw_at_exit exit;
} poller;

static void
wait_unlink(struct fd_wait *wait)
{
        struct fd_wait **link;

        for (link = &poller.waits[wait->fd]; *link != wait; link = &(*link)->next)
                continue;
        *link = wait->next;
        wait->queued = false;
}

static uint32_t
epoll_events(int fd)
{
        const struct fd_wait *wait;
        unsigned events = 0;

        for (wait = poller.waits[fd]; wait != NULL; wait = wait->next)
                events |= wait->events;
        return ((events & AW_READ) != 0 ? EPOLLIN : 0) | ((events & AW_WRITE) != 0 ? EPOLLOUT : 0);
}

/*
 * Tells the kernel what is wanted of the descriptor now. An event disarms its entry, so one whose
 * descriptor was closed under it (the open file may live on elsewhere) fires once at most.
 */
static int
poller_update(int fd)
{
        struct epoll_event event = {.events = epoll_events(fd), .data.fd = fd};

        if (event.events == 0)
                return epoll_ctl(poller.epoll, EPOLL_CTL_DEL, fd, NULL);
        event.events |= EPOLLONESHOT;
        if (epoll_ctl(poller.epoll, EPOLL_CTL_MOD, fd, &event) == 0)
                return 0;
        return errno == ENOENT ? epoll_ctl(poller.epoll, EPOLL_CTL_ADD, fd, &event) : -1;
}

static unsigned
ready_for(uint32_t events)
{
        if ((events & (EPOLLERR | EPOLLHUP)) != 0)
                return AW_READ | AW_WRITE;
        return ((events & EPOLLIN) != 0 ? AW_READ : 0) | ((events & EPOLLOUT) != 0 ? AW_WRITE : 0);
}

static void
poller_event(int fd, unsigned ready)
{
        struct fd_wait *wait, *next;

        for (wait = poller.waits[fd]; wait != NULL; wait = next) {
                next = wait->next;
                if ((wait->events & ready) == 0)
                        continue;
                wait->ready = wait->events & ready;
                wait_unlink(wait);
                aw_wake_all(&wait->waiters);
        }
        poller_update(fd);
}

static void
poller_readable(void *argument)
{
        struct epoll_event events[EVENTS_AT_ONCE];
        int i, count = epoll_wait(poller.epoll, events, EVENTS_AT_ONCE, 0);

        (void)argument;
        for (i = 0; i < count; i++)
                poller_event(events[i].data.fd, ready_for(events[i].events));
}

void
aw_wait_fd_wake(int fd)
{
        if (fd >= 0 && (size_t)fd < poller.count && poller.waits[fd] != NULL)
                poller_event(fd, AW_READ | AW_WRITE);
}

/* At the end of aw_run() nobody waits any more. */
static void
poller_close(void)
{
        aw_watch_close(poller.watch);
        poller.watch = NULL;
        free(poller.waits);
        poller.waits = NULL;
        poller.count = 0;
}

static int
poller_open(void)
{
        int error;

        if (poller.watch != NULL)
                return 0;
        poller.epoll = epoll_create1(EPOLL_CLOEXEC);
        if (poller.epoll == -1)
                return -1;
        poller.watch = aw_watch_open(poller.epoll, poller_readable, NULL);
        if (poller.watch != NULL) {
                poller.exit.leave = poller_close;
                aw_at_exit(&poller.exit);
                return 0;
        }
        error = errno;
        close(poller.epoll);
        errno = error;
        return -1;
}

static int
poller_make_room(int fd)
{
        size_t i, count = poller.count == 0 ? 64 : poller.count;
        struct fd_wait **waits;

        if ((size_t)fd < poller.count)
                return 0;
        while (count <= (size_t)fd)
                count *= 2;
        waits = realloc(poller.waits, count * sizeof(struct fd_wait *));
        if (waits == NULL)
                return -1;
        for (i = poller.count; i < count; i++)
                waits[i] = NULL;
        poller.waits = waits;
        poller.count = count;
        return 0;
}

/* What it is ready for now; 0: nothing. */
static int
poll_now(int fd, unsigned events)
{
        struct pollfd now = {.fd = fd};

        if ((events & (AW_READ | AW_WRITE)) == 0 || (events & ~(AW_READ | AW_WRITE)) != 0) {
                errno = EINVAL;
                return -1;
        }
        now.events = (short)(((events & AW_READ) != 0 ? POLLIN : 0) |
                             ((events & AW_WRITE) != 0 ? POLLOUT : 0));
        if (fd >= 0 && poll(&now, 1, 0) == -1)
                return errno == EINTR ? 0 : -1;
        if (fd < 0 || (now.revents & POLLNVAL) != 0) {
                errno = EBADF;
                return -1;
        }
        if ((now.revents & (POLLERR | POLLHUP)) != 0)
                return (int)events;
        return ((now.revents & POLLIN) != 0 ? AW_READ : 0) |
               ((now.revents & POLLOUT) != 0 ? AW_WRITE : 0);
}

static int
wait_begin(struct fd_wait *wait)
{
        int error;

        if (poller_open() == -1 || poller_make_room(wait->fd) == -1)
                return -1;
        wait->next = poller.waits[wait->fd];
        poller.waits[wait->fd] = wait;
        wait->queued = true;
        if (poller_update(wait->fd) == 0)
                return 0;
        error = errno;
        wait_unlink(wait);
        errno = error;
        return -1;
}

async int
aw_wait_fd(int fd, unsigned events, aw_time deadline)
{
        struct fd_wait wait = {.fd = fd, .events = events};
        int error, ready = poll_now(fd, events);

        if (ready != 0)
                return ready;
        if (wait_begin(&wait) == -1)
                return -1;
        ready = aw_wait_in(&wait.waiters, deadline, NULL);
        error = errno;
        if (wait.queued) {
                wait_unlink(&wait);
                poller_update(fd);
        }
        errno = error;
        return ready == -1 ? -1 : (int)wait.ready;
}
