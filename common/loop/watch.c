/* SPDX-License-Identifier: MIT */
/*
 * Watches (loop.add_reader). A watch polls an epoll of its own, which is readable while the
 * descriptor is ready: so one descriptor can have several watches, one that cannot be polled is
 * refused at once, and one that hangs up (a FIFO without a writer, which may get another one) stays
 * watched. libwebsockets' own poll would close it.
 */
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "await/loop.h"
#include "loop/socket.h"

struct aw_watch {
        struct aw_socket socket; /* of the epoll */
        int fd;                  /* -1: closed already */
        void (*callback)(void *argument);
        void *argument;
};

static struct aw_watch *
watch_of(struct aw_socket *socket)
{
        return lws_container_of(socket, struct aw_watch, socket);
}

static void
watch_readable(struct aw_socket *socket)
{
        struct aw_watch *watch = watch_of(socket);

        watch->callback(watch->argument);
}

static void
watch_nothing(struct aw_socket *socket)
{
        (void)socket;
}

static void
watch_closed(struct aw_socket *socket)
{
        struct aw_watch *watch = watch_of(socket);

        if (watch->fd != -1)
                close(watch->fd);
        free(watch);
}

static const struct aw_socket_callbacks watch_callbacks = {
        .readable = watch_readable,
        .writable = watch_nothing,
        .flush = watch_nothing,
        .closed = watch_closed,
};

/* A descriptor that is readable while fd is readable, or has failed. */
static int
epoll_of(int fd)
{
        struct epoll_event event = {.events = EPOLLIN};
        int epoll = epoll_create1(EPOLL_CLOEXEC), error;

        if (epoll != -1 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1) {
                error = errno;
                close(epoll);
                errno = error;
                return -1;
        }
        return epoll;
}

struct aw_watch *
aw_watch_open(int fd, void (*callback)(void *argument), void *argument)
{
        struct aw_watch *watch = malloc(sizeof(*watch));
        int epoll, error;

        if (watch == NULL)
                return NULL;
        *watch = (struct aw_watch){.fd = fd, .callback = callback, .argument = argument};
        epoll = epoll_of(fd);
        if (epoll == -1)
                goto fail;
        if (aw_socket_open(&watch->socket, epoll, &watch_callbacks) == -1)
                goto fail_epoll;
        return watch;
fail_epoll:
        close(epoll);
        errno = EMFILE;
fail:
        error = errno;
        free(watch);
        errno = error;
        return NULL;
}

void
aw_watch_pause(struct aw_watch *watch, bool pause)
{
        aw_socket_read(&watch->socket, !pause);
}

/* The descriptor is closed at once, so a port that was listened on is free when this returns. */
void
aw_watch_close(struct aw_watch *watch)
{
        if (watch == NULL)
                return;
        if (watch->fd != -1)
                close(watch->fd);
        watch->fd = -1;
        aw_socket_close(&watch->socket);
}
