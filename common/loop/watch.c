/* SPDX-License-Identifier: MIT */
/* Watches (loop.add_reader): sockets that are only read, by whoever watches. */
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>

#include "await/loop.h"
#include "loop/socket.h"

struct aw_watch {
        struct aw_socket socket;
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
        free(watch_of(socket));
}

static const struct aw_socket_callbacks watch_callbacks = {
        .readable = watch_readable,
        .writable = watch_nothing,
        .flush = watch_nothing,
        .closed = watch_closed,
};

struct aw_watch *
aw_watch_open(int fd, void (*callback)(void *argument), void *argument)
{
        struct aw_watch *watch = malloc(sizeof(*watch));
        int error;

        if (watch == NULL)
                return NULL;
        watch->callback = callback;
        watch->argument = argument;
        if (aw_socket_open(&watch->socket, fd, false, &watch_callbacks) == 0)
                return watch;
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

/* A port that was listened on is free when this returns. */
void
aw_watch_close(struct aw_watch *watch)
{
        if (watch != NULL)
                aw_socket_close_descriptor(&watch->socket);
}
