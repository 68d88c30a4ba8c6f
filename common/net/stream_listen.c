/* SPDX-License-Identifier: MIT */
/* Connections that others make to us. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "net/ports.h"
#include "net/resolve.h"
#include "net/stream_private.h"
#include "net/transport.h"
#include "tls/session.h"

#define HANDSHAKE_TIME (10 * AW_SECOND)

/* Connections that wait to be accepted, or are in the handshake; further ones wait in the kernel. */
#define WAITING_MAX 64
#define SHAKING_MAX 1024

struct streams {
        struct aw_stream *first, *last;
};

struct aw_stream_listener {
        struct aw_ports ports;
        struct aw_tls_context *tls;
        struct aw_stream_options bounds;
        struct streams shaking, ready;
        size_t shaking_count, ready_count;
        struct aw_waiters acceptors;
        bool closed;
        unsigned references; /* the owner's, and of the tasks that accept */
};

static void
listener_unref(struct aw_stream_listener *listener)
{
        if (--listener->references > 0)
                return;
        aw_tls_context_unref(listener->tls);
        free(listener);
}

static void
listener_update(struct aw_stream_listener *listener)
{
        bool full = listener->ready_count >= WAITING_MAX || listener->shaking_count >= SHAKING_MAX;

        if (!listener->closed && full != listener->ports.paused)
                aw_ports_pause(&listener->ports, full);
}

static void
shaking_late(void *argument)
{
        struct aw_stream *stream = argument;

        aw_transport_close(stream->transport);
}

static int
accepted(void *owner, int fd, const struct sockaddr_storage *address)
{
        struct aw_stream_listener *listener = owner;
        struct aw_tls *tls = NULL;
        struct aw_stream *stream;

        if (listener->tls != NULL && (tls = aw_tls_create(listener->tls, NULL)) == NULL) {
                close(fd);
                errno = ENOMEM;
                return -1;
        }
        stream = aw_stream_of_socket(fd, tls, &listener->bounds);
        if (stream == NULL)
                return -1;
        aw_address_format(address, stream->peer, sizeof(stream->peer));
        stream->listener = listener;
        aw_list_append(&listener->shaking, stream, link);
        listener->shaking_count++;
        aw_call_later(&stream->late, HANDSHAKE_TIME, shaking_late, stream);
        listener_update(listener);
        return 0;
}

/* Takes it out of the list in which it is. */
static void
stream_leave(struct aw_stream *stream, bool ready)
{
        struct aw_stream_listener *listener = stream->listener;

        if (ready) {
                aw_list_remove(&listener->ready, stream, link);
                listener->ready_count--;
        } else {
                aw_list_remove(&listener->shaking, stream, link);
                listener->shaking_count--;
        }
        listener_update(listener);
}

void
aw_stream_listener_established(struct aw_stream *stream)
{
        struct aw_stream_listener *listener = stream->listener;

        aw_handle_cancel(&stream->late);
        aw_transport_befriend(stream->transport);
        stream_leave(stream, false);
        aw_list_append(&listener->ready, stream, link);
        listener->ready_count++;
        listener_update(listener);
        aw_wake_one(&listener->acceptors);
}

/* One that is established is accepted all the same: it may have said something before it went. */
void
aw_stream_listener_lost(struct aw_stream *stream)
{
        if (stream->established)
                return;
        stream_leave(stream, false);
        stream->listener = NULL;
        stream->gone = true;
        aw_stream_unref(stream);
}

async struct aw_stream *
aw_stream_accept(struct aw_stream_listener *listener, aw_time deadline)
{
        struct aw_stream *stream;
        bool woken = false;
        int result = 0;

        listener->references++;
        while (result == 0 && !listener->closed && listener->ready.first == NULL)
                result = aw_wait_in(&listener->acceptors, deadline, &woken);
        /* What it was woken for is passed on. */
        if (result == -1 && woken && listener->ready.first != NULL)
                aw_wake_one(&listener->acceptors);
        if (result == 0 && listener->closed) {
                errno = ESHUTDOWN;
                result = -1;
        }
        stream = result == -1 ? NULL : listener->ready.first;
        if (stream != NULL) {
                stream_leave(stream, true);
                stream->listener = NULL;
        }
        listener_unref(listener);
        return stream;
}

static async int
listen_at(struct aw_stream_listener *listener, const struct aw_stream_listen_options *options,
          struct aw_error *error)
{
        struct aw_url *url = malloc(sizeof(*url));
        struct aw_addresses addresses = {.items = NULL};
        int result, number;

        if (url == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        result = await(aw_stream_resolve(options->address, true, url, &addresses, error, AW_NEVER));
        if (result == 0)
                result = aw_ports_open(&listener->ports, url, &addresses, error);
        number = errno;
        aw_addresses_free(&addresses);
        free(url);
        errno = number;
        return result;
}

async struct aw_stream_listener *
aw_stream_listen(const struct aw_stream_listen_options *options, struct aw_error *error)
{
        struct aw_stream_listener *listener = calloc(1, sizeof(*listener));
        int number;

        if (listener == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        listener->references = 1;
        listener->bounds = options->bounds;
        listener->ports.bare = true;
        listener->ports.socket_mode = options->socket_mode;
        listener->ports.accepted = accepted;
        listener->ports.owner = listener;
        if (options->tls != NULL)
                listener->tls = aw_tls_context_ref(options->tls);
        if (await(listen_at(listener, options, error)) == 0)
                return listener;
        number = errno;
        listener_unref(listener);
        errno = number;
        return NULL;
}

const char *
aw_stream_listener_address(const struct aw_stream_listener *listener, size_t index)
{
        return index < listener->ports.count ? listener->ports.items[index].url : NULL;
}

static void
drop_all(struct streams *streams)
{
        struct aw_stream *stream;

        while ((stream = aw_list_take(streams, link)) != NULL) {
                stream->listener = NULL;
                aw_handle_cancel(&stream->late);
                aw_stream_drop(stream);
        }
}

void
aw_stream_listener_close(struct aw_stream_listener *listener)
{
        if (listener == NULL)
                return;
        listener->closed = true;
        aw_ports_close(&listener->ports);
        drop_all(&listener->shaking);
        drop_all(&listener->ready);
        aw_wake_all(&listener->acceptors);
        listener_unref(listener);
}
