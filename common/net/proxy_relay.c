/* SPDX-License-Identifier: MIT */
/*
 * A transport has at most one TLS session. To carry another one inside, the bytes of the outer one go
 * through a pair of sockets, moved by two tasks.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/proxy_private.h"
#include "net/stream_private.h"
#include "net/transport.h"

#define PIECE ((size_t)16 << 10)

/* For what is on its way when our side has closed. */
#define LAST_TIME (2 * AW_SECOND)

struct relay {
        struct aw_stream *ours, *proxy;
};

/* Moves bytes until there are no more, or nobody takes them. */
static async int
move_bytes(struct aw_stream *from, struct aw_stream *to)
{
        char *piece = malloc(PIECE);
        ssize_t length = piece == NULL ? -1 : 1;

        while (length > 0) {
                length = await(aw_stream_read(from, piece, PIECE, AW_NEVER));
                if (length > 0 && await(aw_stream_write(to, piece, (size_t)length, AW_NEVER)) == -1)
                        length = -1;
        }
        free(piece);
        aw_stream_shutdown(to);
        return 0;
}

static async int
relay_down(void *argument)
{
        struct relay *relay = argument;

        return await(move_bytes(relay->proxy, relay->ours));
}

/* Our side never ends one direction alone: its end is the end. */
static async int
relay_up(void *argument)
{
        struct relay *relay = argument;
        struct aw_task *down = aw_spawn("proxy to us", relay_down, relay);

        if (down != NULL) {
                await(move_bytes(relay->ours, relay->proxy));
                aw_cancel(down);
                await(aw_join(down));
        }
        await(aw_stream_close(relay->proxy, aw_loop_now() + LAST_TIME));
        aw_stream_drop(relay->ours);
        free(relay);
        return 0;
}

static void
silent(void *owner)
{
        (void)owner;
}

static void
silent_data(void *owner, const uint8_t *data, size_t length)
{
        (void)owner;
        (void)data;
        (void)length;
}

static void
silent_end(void *owner, bool truncated)
{
        (void)owner;
        (void)truncated;
}

static void
silent_close(void *owner, int error, const char *text)
{
        (void)owner;
        (void)error;
        (void)text;
}

struct aw_transport *
aw_proxy_relay(struct aw_stream *stream)
{
        /* Until the transport has its owner, which is before anything is awaited. */
        static const struct aw_transport_callbacks nothing = {.established = silent,
                                                              .data = silent_data,
                                                              .ended = silent_end,
                                                              .writable = silent,
                                                              .closed = silent_close};
        struct relay *relay = malloc(sizeof(*relay));
        struct aw_transport *transport;
        struct aw_task *task = NULL;
        int ends[2], error;

        if (relay == NULL ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == -1)
                goto fail;
        relay->proxy = stream;
        relay->ours = aw_stream_of_socket(ends[0], NULL, &(struct aw_stream_options){.limit = 0});
        transport = aw_transport_open(ends[1], AW_TRANSPORT_CONNECTED, NULL, &nothing, NULL);
        if (relay->ours != NULL && transport != NULL)
                task = aw_spawn("us to proxy", relay_up, relay);
        if (task != NULL) {
                /* The task owns the relay and the streams now. */
                aw_task_detach(task);
                aw_transport_pause(transport, true);
                return transport;
        }
        error = errno;
        aw_stream_drop(relay->ours);
        if (transport != NULL)
                aw_transport_close(transport);
        errno = error;
fail:
        error = errno;
        free(relay);
        aw_stream_drop(stream);
        errno = error;
        return NULL;
}
