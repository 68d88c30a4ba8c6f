/* SPDX-License-Identifier: MIT */
/* Streams of connections: a transport carries the bytes, with TLS or without. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/stream_private.h"
#include "net/transport.h"
#include "tls/session.h"

/* For a peer to read to the end, after we have sent ours. */
#define LINGER (2 * AW_SECOND)

static void
wake_all(struct aw_stream *stream)
{
        aw_wake_all(&stream->readers);
        aw_wake_all(&stream->writers);
}

/* The transport's events. */

static void
socket_established(void *owner)
{
        struct aw_stream *stream = owner;

        stream->established = true;
        if (stream->listener != NULL)
                aw_stream_listener_established(stream);
        wake_all(stream);
}

static void
socket_data(void *owner, const uint8_t *data, size_t length)
{
        struct aw_stream *stream = owner;

        if (stream->gone)
                return;
        if (aw_bytes_append(&stream->input, data, length) == -1) {
                stream->read_error = ENOMEM;
                aw_transport_close(stream->transport);
                return;
        }
        if (stream->input.length >= stream->limit)
                aw_transport_pause(stream->transport, true);
        aw_wake_all(&stream->readers);
}

/* What TLS was to protect may have been cut. */
static void
socket_ended(void *owner, bool truncated)
{
        struct aw_stream *stream = owner;

        if (truncated && stream->read_error == 0)
                stream->read_error = EPROTO;
        stream->ended = true;
        aw_wake_all(&stream->readers);
}

static void
socket_output(void *owner)
{
        struct aw_stream *stream = owner;
        size_t length = stream->output.length;
        ssize_t taken;

        if (length > 0) {
                taken = aw_transport_write(stream->transport, aw_bytes_first(&stream->output),
                                           length);
                if (taken == -1)
                        return;
                aw_stream_sent(stream, (size_t)taken);
                /* The end comes when all is with the kernel, which is known only later. */
                if ((size_t)taken == length && stream->shutdown)
                        aw_transport_want_write(stream->transport);
                return;
        }
        if (stream->shutdown && !stream->ending) {
                stream->ending = true;
                aw_transport_shutdown(stream->transport);
        }
        aw_wake_all(&stream->writers);
}

static void
socket_closed(void *owner, int error, const char *text)
{
        struct aw_stream *stream = owner;
        const struct aw_tls *tls = aw_transport_tls(stream->transport);

        if (stream->why != NULL && text != NULL) {
                aw_error_set(stream->why,
                             tls != NULL && aw_tls_refused_peer(tls) ? AW_ERROR_CERTIFICATE
                                                                     : AW_ERROR_TLS,
                             EPROTO, "%s", text);
                stream->why->cause = tls == NULL ? AW_CAUSE_NONE : aw_tls_error_cause(tls);
        }
        stream->transport = NULL;
        aw_handle_cancel(&stream->late);
        if (!stream->ended && stream->read_error == 0 && error != 0)
                stream->read_error = error;
        stream->ended = true;
        if (error != 0 || !stream->ending)
                aw_stream_write_failed(stream, error == 0 ? EPIPE : error);
        if (stream->listener != NULL)
                aw_stream_listener_lost(stream);
        wake_all(stream);
        aw_stream_unref(stream);
}

static const struct aw_transport_callbacks callbacks = {
        .established = socket_established,
        .data = socket_data,
        .ended = socket_ended,
        .writable = socket_output,
        .closed = socket_closed,
};

/* As the stream sees it. */

static async int
socket_fill(struct aw_stream *stream, aw_time deadline)
{
        if (stream->input.length < stream->limit)
                aw_transport_pause(stream->transport, false);
        return aw_wait_in(&stream->readers, deadline, NULL);
}

/* False if nothing can be sent any more. */
static bool
can_send(struct aw_stream *stream)
{
        int error = stream->transport == NULL ? EPIPE : aw_transport_error(stream->transport);

        if (error == 0)
                return true;
        aw_stream_write_failed(stream, error);
        errno = error;
        return false;
}

static int
socket_send(struct aw_stream *stream)
{
        if (!can_send(stream))
                return -1;
        aw_transport_want_write(stream->transport);
        return 0;
}

static bool
socket_sending(struct aw_stream *stream)
{
        if (stream->ending || !can_send(stream) ||
            (stream->output.length == 0 && aw_transport_held(stream->transport) == 0 &&
             !stream->shutdown))
                return false;
        aw_transport_want_write(stream->transport);
        return true;
}

static void
linger_over(void *argument)
{
        struct aw_stream *stream = argument;

        aw_transport_close(stream->transport);
}

/*
 * A peer that still sends when we close would be sent a reset, which may destroy what it has not
 * read yet. So our direction ends first, and the rest is read and dropped for a while.
 */
static void
socket_close(struct aw_stream *stream, bool sent)
{
        if (stream->transport == NULL)
                return;
        if (!sent || !stream->established) {
                aw_transport_close(stream->transport);
                return;
        }
        stream->ending = true;
        aw_transport_shutdown(stream->transport);
        aw_transport_pause(stream->transport, false);
        aw_call_later(&stream->late, LINGER, linger_over, stream);
}

static void
socket_release(struct aw_stream *stream)
{
        (void)stream;
}

static const struct aw_stream_carrier socket_carrier = {
        .refill = socket_fill,
        .send = socket_send,
        .sending = socket_sending,
        .close = socket_close,
        .release = socket_release,
};

/* Opening */

static struct aw_stream *
create_connection(const struct aw_stream_options *bounds)
{
        struct aw_stream *stream =
                aw_stream_create(&socket_carrier, bounds->limit, bounds->high_water);

        if (stream != NULL)
                stream->can_read = stream->can_write = true;
        return stream;
}

struct aw_stream *
aw_stream_of_transport(struct aw_transport *transport, struct aw_tls *tls,
                       const struct aw_stream_options *bounds)
{
        struct aw_stream *stream = create_connection(bounds);

        if (stream == NULL) {
                aw_tls_free(tls);
                aw_transport_close(transport);
                errno = ENOMEM;
                return NULL;
        }
        stream->transport = transport;
        stream->references++;
        if (tls != NULL)
                aw_transport_start_tls(transport, tls);
        aw_transport_set_owner(transport, &callbacks, stream);
        aw_transport_pause(transport, false);
        return stream;
}

struct aw_stream *
aw_stream_of_socket(int fd, struct aw_tls *tls, const struct aw_stream_options *bounds)
{
        struct aw_stream *stream = create_connection(bounds);
        int error;

        if (stream == NULL) {
                aw_tls_free(tls);
                close(fd);
                errno = ENOMEM;
                return NULL;
        }
        stream->transport =
                aw_transport_open(fd, tls != NULL ? AW_TRANSPORT_STRANGER : AW_TRANSPORT_CONNECTED,
                                  tls, &callbacks, stream);
        if (stream->transport != NULL) {
                stream->references++;
                return stream;
        }
        error = errno;
        aw_stream_unref(stream);
        errno = error;
        return NULL;
}

struct aw_transport *
aw_stream_take_transport(struct aw_stream *stream)
{
        struct aw_transport *transport = stream->transport;
        int error = transport == NULL || stream->ended ? EPIPE
                    : stream->input.length > 0         ? EPROTO
                                                       : 0;

        if (error != 0) {
                aw_stream_drop(stream);
                errno = error;
                return NULL;
        }
        aw_transport_pause(transport, true);
        aw_transport_disown(transport);
        stream->transport = NULL;
        aw_stream_unref(stream);
        aw_stream_drop(stream);
        return transport;
}

static int
tell_failure(const struct aw_stream *stream, struct aw_error *error)
{
        int number = errno;

        if (number == ETIMEDOUT || number == ECANCELED)
                return aw_error_set(error, AW_ERROR_NONE, number,
                                    "%s while waiting for the TLS handshake of %s",
                                    number == ETIMEDOUT ? "time-out" : "cancelled", stream->peer);
        return aw_error_set(error, AW_ERROR_CONNECTION, number,
                            "%s closed the connection during the TLS handshake: %s", stream->peer,
                            strerror(number));
}

async int
aw_stream_wait_established(struct aw_stream *stream, struct aw_error *error, aw_time deadline)
{
        struct aw_error why = {.kind = AW_ERROR_NONE};
        int result = 0;

        stream->why = &why;
        while (result == 0 && !stream->established && stream->transport != NULL)
                result = aw_wait_in(&stream->readers, deadline, NULL);
        stream->why = NULL;
        if (result == 0 && stream->established)
                return 0;
        /* A cancellation that comes together with the failure is not lost. */
        if (why.kind != AW_ERROR_NONE && (result == 0 || errno != ECANCELED)) {
                if (error != NULL)
                        *error = why;
                errno = EPROTO;
                return -1;
        }
        if (result == 0)
                errno = stream->read_error != 0 ? stream->read_error : EPIPE;
        return tell_failure(stream, error);
}

/* What came before TLS must not be taken for what came in it. */
static async int
make_ready_for_tls(struct aw_stream *stream, struct aw_error *error, aw_time deadline)
{
        aw_transport_pause(stream->transport, true);
        if (await(aw_stream_flush(stream, deadline)) == -1)
                return aw_error_set(error, AW_ERROR_NONE, errno, "before TLS: %s", strerror(errno));
        if (stream->transport == NULL || stream->ended)
                return aw_error_set(error, AW_ERROR_CONNECTION, EPIPE,
                                    "%s closed the connection before TLS", stream->peer);
        if (stream->input.length > 0)
                return aw_error_set(error, AW_ERROR_PROTOCOL, EPROTO,
                                    "%s sent more before TLS began", stream->peer);
        return 0;
}

static async int
start_tls(struct aw_stream *stream, struct aw_tls_context *context, const char *server_name,
          struct aw_error *error, aw_time deadline)
{
        struct aw_tls *tls;
        int result = await(make_ready_for_tls(stream, error, deadline));

        if (result == 0) {
                tls = aw_tls_create(context, server_name);
                if (tls == NULL)
                        return aw_error_set(
                                error, AW_ERROR_USAGE, errno, "no TLS session for '%.100s': %s",
                                server_name == NULL ? "" : server_name, strerror(errno));
                stream->established = false;
                aw_transport_start_tls(stream->transport, tls);
                result = await(aw_stream_wait_established(stream, error, deadline));
        }
        if (result == -1 && stream->transport != NULL)
                aw_transport_close(stream->transport);
        return result;
}

async int
aw_stream_start_tls(struct aw_stream *stream, struct aw_tls_context *tls, const char *server_name,
                    struct aw_error *error, aw_time deadline)
{
        int result;

        if (stream->carrier != &socket_carrier || stream->shutdown)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "TLS can only begin on an open connection");
        if (stream->transport == NULL)
                return aw_error_set(error, AW_ERROR_CONNECTION, EPIPE,
                                    "%s closed the connection before TLS", stream->peer);
        if (aw_transport_tls(stream->transport) != NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "there is TLS already");
        stream->references++;
        result = await(start_tls(stream, tls, server_name, error, deadline));
        aw_stream_unref(stream);
        return result;
}

void
aw_stream_describe(const struct aw_stream *stream, char *out, size_t size)
{
        const struct aw_tls *tls =
                stream->transport == NULL ? NULL : aw_transport_tls(stream->transport);

        if (tls != NULL)
                aw_tls_describe(tls, out, size);
        else
                snprintf(out, size, "plain");
}
