/* SPDX-License-Identifier: MIT */
/*
 * A transport is the owner's from aw_transport_open() to closed(). Whatever ends it asks for the
 * close of the socket, which calls back in the flush: only there is it freed.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "await/log.h"
#include "net/transport_private.h"

#define FAREWELL_TIME (2 * AW_SECOND) /* for the peer to take the alert that says why TLS failed */

_Thread_local struct aw_transport_scratch *aw_transport_scratch;

static int
scratch_ref(void)
{
        if (aw_transport_scratch == NULL)
                aw_transport_scratch = calloc(1, sizeof(*aw_transport_scratch));
        if (aw_transport_scratch == NULL)
                return -1;
        aw_transport_scratch->users++;
        return 0;
}

static void
scratch_unref(void)
{
        if (--aw_transport_scratch->users > 0)
                return;
        free(aw_transport_scratch->output.data);
        free(aw_transport_scratch);
        aw_transport_scratch = NULL;
}

/* The owner of one that has none (any more). */

static void
nobody_established(void *owner)
{
        (void)owner;
}

static void
nobody_data(void *owner, const uint8_t *data, size_t length)
{
        (void)owner;
        (void)data;
        (void)length;
}

static void
nobody_ended(void *owner, bool truncated)
{
        (void)owner;
        (void)truncated;
}

static void
nobody_closed(void *owner, int error, const char *text)
{
        (void)owner;
        (void)error;
        (void)text;
}

static const struct aw_transport_callbacks nobody = {
        .established = nobody_established,
        .data = nobody_data,
        .ended = nobody_ended,
        .writable = nobody_established,
        .closed = nobody_closed,
};

/* Ends. */

void
aw_transport_free(struct aw_transport *transport)
{
        aw_handle_cancel(&transport->farewell);
        aw_share_cancel(&transport->sending);
        aw_tls_free(transport->tls);
        aw_tls_free(transport->tls_next);
        aw_transport_forget_held(transport);
        free(transport);
        scratch_unref();
}

void
aw_transport_end(struct aw_transport *transport, int error)
{
        if (!transport->socket.closing)
                transport->error = error;
        aw_socket_close(&transport->socket);
}

/* When both directions have ended there is nothing left to do. */
void
aw_transport_end_if_over(struct aw_transport *transport)
{
        if (transport->in == WAY_ENDED && transport->out == WAY_ENDED && transport->held == NULL)
                aw_transport_end(transport, 0);
}

void
aw_transport_update_reading(struct aw_transport *transport)
{
        aw_socket_read(&transport->socket, !transport->paused &&
                                                   transport->phase != PHASE_CONNECTING &&
                                                   transport->in == WAY_OPEN &&
                                                   transport->held_length <= AW_TRANSPORT_HOLD);
}

/*
 * Nothing can be sent any more. Before it went away the peer may have said why, unless it was our
 * memory that ran out.
 */
void
aw_transport_break(struct aw_transport *transport, int error)
{
        if (transport->broken)
                return;
        transport->broken = true;
        transport->error = error;
        aw_transport_forget_held(transport);
        if (error == ENOMEM || transport->paused || transport->in == WAY_ENDED)
                aw_transport_end(transport, error);
        else
                aw_transport_update_reading(transport);
}

static void
farewell_over(void *argument)
{
        struct aw_transport *transport = argument;

        aw_transport_end(transport, 0);
}

/* The owner is told why, and is rid of it; the alert, or what the owner wrote, still goes out. */
void
aw_transport_fail_tls(struct aw_transport *transport)
{
        if (transport->socket.closing)
                return;
        /* From here on it is plain. */
        transport->tls_next = transport->tls;
        transport->tls = NULL;
        transport->phase = PHASE_FAREWELL;
        transport->callbacks->closed(transport->owner, EPROTO,
                                     aw_tls_error_text(transport->tls_next));
        aw_tls_free(transport->tls_next);
        transport->tls_next = NULL;
        aw_transport_disown(transport);
        transport->paused = false;
        transport->out = WAY_ENDING;
        aw_call_later(&transport->farewell, FAREWELL_TIME, farewell_over, transport);
        aw_transport_update_reading(transport);
        aw_socket_ask(&transport->socket);
}

/* Opening. */

void
aw_transport_set_options(int fd)
{
        static const int on = 1, idle = AW_TRANSPORT_SILENCE / 2,
                         interval = AW_TRANSPORT_SILENCE / 6, count = 3,
                         silence = AW_TRANSPORT_SILENCE * 1000;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof(silence));
}

struct aw_transport *
aw_transport_open(int fd, enum aw_transport_start start, struct aw_tls *tls,
                  const struct aw_transport_callbacks *callbacks, void *owner)
{
        struct aw_transport *transport = calloc(1, sizeof(*transport));
        int error = ENOMEM;

        if (transport == NULL || scratch_ref() == -1)
                goto fail;
        transport->callbacks = callbacks;
        transport->owner = owner;
        transport->read_size = AW_TRANSPORT_READ;
        /* The others have what their listener's socket has. */
        if (start == AW_TRANSPORT_CONNECTING)
                aw_transport_set_options(fd);
        if (aw_socket_open(&transport->socket, fd, start == AW_TRANSPORT_STRANGER,
                           &aw_transport_socket_callbacks) == -1)
                goto fail_scratch;
        transport->tls_next = tls;
        if (start == AW_TRANSPORT_CONNECTING) {
                aw_transport_update_reading(transport);
                aw_socket_want_writable(&transport->socket);
        } else {
                transport->phase = PHASE_READY;
                aw_socket_ask(&transport->socket);
        }
        return transport;
fail_scratch:
        error = errno;
        scratch_unref();
fail:
        free(transport);
        aw_tls_free(tls);
        close(fd);
        errno = error;
        return NULL;
}

void
aw_transport_befriend(struct aw_transport *transport)
{
        aw_socket_befriend(&transport->socket);
}

void
aw_transport_set_owner(struct aw_transport *transport,
                       const struct aw_transport_callbacks *callbacks, void *owner)
{
        transport->callbacks = callbacks;
        transport->owner = owner;
        if (transport->phase != PHASE_OPEN)
                return;
        transport->phase = PHASE_READY;
        aw_socket_ask(&transport->socket);
}

void
aw_transport_disown(struct aw_transport *transport)
{
        transport->callbacks = &nobody;
        transport->owner = NULL;
}

void
aw_transport_start_tls(struct aw_transport *transport, struct aw_tls *tls)
{
        if ((transport->phase != PHASE_OPEN && transport->phase != PHASE_READY) ||
            aw_transport_tls(transport) != NULL || transport->held != NULL)
                aw_log_abort("aw_transport_start_tls(): not an established plain transport");
        transport->tls_next = tls;
        transport->paused = false;
        aw_socket_ask(&transport->socket);
}

void
aw_transport_set_preface(struct aw_transport *transport, aw_transport_preface *take)
{
        transport->preface = take;
}

/* What the owner asks for. */

void
aw_transport_want_write(struct aw_transport *transport)
{
        transport->wants_write = true;
        if (transport->held == NULL && !transport->socket.writing)
                aw_socket_ask(&transport->socket);
}

int
aw_transport_error(const struct aw_transport *transport)
{
        if (!transport->broken && !transport->socket.closing)
                return 0;
        return transport->error == 0 ? EPIPE : transport->error;
}

size_t
aw_transport_held(const struct aw_transport *transport)
{
        return transport->held_length;
}

size_t
aw_transport_outstanding(const struct aw_transport *transport)
{
        int queued = 0;

        if (ioctl(transport->socket.fd, SIOCOUTQ, &queued) == -1)
                queued = 0;
        return transport->held_length - transport->held_sent + (size_t)queued;
}

bool
aw_transport_has_input(const struct aw_transport *transport)
{
        int queued = 0;

        return ioctl(transport->socket.fd, FIONREAD, &queued) == 0 && queued > 0;
}

uint64_t
aw_transport_delivered(const struct aw_transport *transport)
{
        return transport->taken + transport->held_length - transport->held_sent -
               aw_transport_outstanding(transport);
}

uint64_t
aw_transport_written(const struct aw_transport *transport)
{
        return transport->taken + transport->held_length - transport->held_sent;
}

void
aw_transport_pause(struct aw_transport *transport, bool pause)
{
        transport->paused = pause;
        if (pause && transport->broken)
                aw_transport_end(transport, transport->error);
        aw_transport_update_reading(transport);
}

void
aw_transport_shutdown(struct aw_transport *transport)
{
        if (transport->out == WAY_OPEN)
                transport->out = WAY_ENDING;
        aw_socket_ask(&transport->socket);
}

void
aw_transport_shutdown_passive(struct aw_transport *transport)
{
        transport->passive = true;
        aw_transport_shutdown(transport);
}

void
aw_transport_close(struct aw_transport *transport)
{
        aw_transport_end(transport, 0);
}

void
aw_transport_reset(struct aw_transport *transport)
{
        static const struct linger now = {.l_onoff = 1, .l_linger = 0};

        setsockopt(transport->socket.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        aw_transport_end(transport, 0);
}

int
aw_transport_fd(const struct aw_transport *transport)
{
        return transport->socket.fd;
}

const struct aw_tls *
aw_transport_tls(const struct aw_transport *transport)
{
        return transport->tls != NULL ? transport->tls : transport->tls_next;
}
