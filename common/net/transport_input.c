/* SPDX-License-Identifier: MIT */
/* The socket's events: what comes from the peer, and when there is room for more to it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/transport_private.h"

/*
 * A read is heavy from here on: as small messages that is as much work as a larger read is. Sixteen
 * messages of 128 bytes are not.
 */
#define HEAVY_LEAST ((size_t)3 << 10)

/* A read is not made smaller for its time. */
#define READ_LEAST ((size_t)4 << 10)

static struct aw_transport *
transport_of(struct aw_socket *socket)
{
        return (struct aw_transport *)((char *)socket - offsetof(struct aw_transport, socket));
}

/* Input. */

static void
transport_ended(struct aw_transport *transport, bool truncated)
{
        struct aw_transport *before = aw_transport_gather_begin(transport);

        transport->in = WAY_ENDED;
        aw_transport_update_reading(transport);
        transport->callbacks->ended(transport->owner, truncated);
        aw_transport_gather_end(transport, before);
        aw_transport_end_if_over(transport);
}

static void
transport_established(struct aw_transport *transport)
{
        transport->phase = PHASE_OPEN;
        transport->callbacks->established(transport->owner);
}

/* Decrypts all that there is; the input must be used up before there can be more. */
static __attribute__((noinline)) void
input_tls(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        struct aw_transport *before = aw_transport_gather_begin(transport);
        struct aw_tls *tls = transport->tls;
        ssize_t result = 0;

        aw_tls_input(tls, data, length);
        if (transport->phase == PHASE_HANDSHAKE) {
                result = aw_tls_handshake(tls);
                if (result == 0)
                        transport_established(transport);
                /* What was asked for before is due now. */
                if (transport->out == WAY_ENDING)
                        aw_socket_ask(&transport->socket);
        }
        while (result >= 0 && !transport->socket.closing) {
                result = aw_tls_read(tls, aw_transport_scratch->plain,
                                     sizeof(aw_transport_scratch->plain));
                if (result > 0)
                        transport->callbacks->data(transport->owner, aw_transport_scratch->plain,
                                                   (size_t)result);
        }
        aw_transport_gather_end(transport, before);
        if (result == AW_TLS_FAILED)
                aw_transport_fail_tls(transport);
        else if (result == AW_TLS_CLOSED && !transport->socket.closing)
                transport_ended(transport, false);
}

static inline void
hand_on(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        if (transport->tls != NULL)
                input_tls(transport, data, length);
        else
                transport->callbacks->data(transport->owner, data, length);
        aw_socket_weigh(&transport->socket, length >= HEAVY_LEAST);
}

/* A peer whose bytes take long to handle is read in smaller pieces. */
static __attribute__((noinline)) void
input_timed(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        aw_time start = aw_loop_now(), took;

        hand_on(transport, data, length);
        took = aw_loop_now() - start;
        if (took > AW_TRANSPORT_TURN && transport->read_size > READ_LEAST)
                transport->read_size /= 2;
        else if (took < AW_TRANSPORT_TURN / 2 && length == transport->read_size &&
                 transport->read_size < AW_TRANSPORT_READ)
                transport->read_size *= 2;
}

static void
transport_input(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        if (length < READ_LEAST)
                hand_on(transport, data, length);
        else
                input_timed(transport, data, length);
}

/* What comes before anything else has come, maybe whole, maybe with more behind it. */
static __attribute__((noinline)) void
input_preface(struct aw_transport *transport, size_t length)
{
        const uint8_t *data = aw_transport_scratch->input;
        ssize_t taken = transport->preface(transport->owner, data, length);

        if (taken == -1)
                return;
        transport->preface = NULL;
        if (!transport->socket.closing && (size_t)taken < length)
                transport_input(transport, data + taken, length - (size_t)taken);
}

static void
transport_eof(struct aw_transport *transport)
{
        if (transport->broken)
                aw_transport_end(transport, transport->error);
        else if (transport->phase == PHASE_HANDSHAKE)
                aw_transport_end(transport, ECONNABORTED);
        else if (transport->phase == PHASE_FAREWELL)
                aw_transport_end(transport, 0);
        else
                transport_ended(transport, transport->tls != NULL);
}

/* The TLS handshake begins: a client speaks first. */
static __attribute__((noinline)) void
transport_start(struct aw_transport *transport)
{
        struct aw_transport *before;

        transport->phase = PHASE_HANDSHAKE;
        transport->tls = transport->tls_next;
        transport->tls_next = NULL;
        aw_transport_update_reading(transport);
        if (!aw_tls_is_client(transport->tls))
                return;
        before = aw_transport_gather_begin(transport);
        if (aw_tls_handshake(transport->tls) == AW_TLS_FAILED)
                aw_transport_break(transport, ENOMEM);
        aw_transport_gather_end(transport, before);
}

/* What is due before anything else. */
static inline void
transport_begin(struct aw_transport *transport)
{
        if (transport->tls_next != NULL)
                transport_start(transport);
        if (transport->phase == PHASE_READY)
                transport_established(transport);
}

static void
transport_readable(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);
        ssize_t length;

        transport_begin(transport);
        if (socket->closing || !socket->reading)
                return;
        length = recv(socket->fd, aw_transport_scratch->input, transport->read_size, 0);
        if (length > 0 && transport->preface != NULL)
                input_preface(transport, (size_t)length);
        else if (length > 0)
                transport_input(transport, aw_transport_scratch->input, (size_t)length);
        else if (length == 0)
                transport_eof(transport);
        else if (errno != EAGAIN && errno != EINTR)
                aw_transport_end(transport, transport->broken ? transport->error : errno);
}

/* The socket's events. */

static void
transport_flush(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);

        if (transport->phase == PHASE_CONNECTING)
                return;
        transport_begin(transport);
        aw_transport_serve(transport);
}

/* The connection in progress has come to its end, good or bad. */
static void
transport_connected(struct aw_transport *transport)
{
        int error = 0;
        socklen_t size = sizeof(error);

        if (getsockopt(transport->socket.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
                error = errno;
        if (error != 0) {
                aw_transport_end(transport, error);
                return;
        }
        transport->phase = PHASE_READY;
        transport_begin(transport);
        aw_transport_update_reading(transport);
}

static void
transport_writable(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);
        ssize_t sent;

        if (transport->phase == PHASE_CONNECTING) {
                transport_connected(transport);
        } else if (transport->held != NULL) {
                sent = aw_transport_send(transport, transport->held + transport->held_sent,
                                         transport->held_length - transport->held_sent);
                if (sent < 0)
                        return;
                transport->held_sent += (size_t)sent;
                if (transport->held_sent < transport->held_length) {
                        aw_socket_want_writable(socket);
                        return;
                }
                aw_transport_forget_held(transport);
                aw_transport_update_reading(transport);
        }
        if (!socket->closing)
                aw_transport_serve(transport);
}

static void
transport_closed(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);

        transport->callbacks->closed(transport->owner, transport->error, NULL);
        aw_transport_free(transport);
}

const struct aw_socket_callbacks aw_transport_socket_callbacks = {
        .readable = transport_readable,
        .writable = transport_writable,
        .flush = transport_flush,
        .closed = transport_closed,
};
