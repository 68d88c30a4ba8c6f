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
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/transport.h"

#include "await/log.h"
#include "loop/socket.h"
#include "tls/session.h"

#define RECORD_SIZE ((size_t)16 << 10)  /* payload of a TLS record at most */
#define DIRECT_SIZE ((size_t)4 << 10)   /* so much is encrypted from where it is */
#define WRITE_SIZE  ((size_t)256 << 10) /* bytes for one write of the kernel's, about */
#define TAIL_SIZE   ((size_t)16 << 10)  /* so little goes out with the write before */

/* For one connection in a turn, then the others have theirs: a message of 1 MiB fits. */
#define TURN_SIZE  ((size_t)1088 << 10)
#define TURN_TIME  AW_MILLISECOND
#define READ_LEAST ((size_t)4 << 10) /* a read is not made smaller for its time */

#define FAREWELL_TIME (2 * AW_SECOND) /* for the peer to take the alert that says why TLS failed */

enum phase {
        PHASE_CONNECTING,
        PHASE_HANDSHAKE, /* TLS */
        PHASE_READY,     /* established() is due */
        PHASE_OPEN,
        PHASE_FAREWELL, /* TLS failed: the owner is told, the alert is on its way */
};

/* A direction: the peer's, or ours. */
enum way {
        WAY_OPEN,
        WAY_ENDING, /* ours: to be ended when all that is held has gone out */
        WAY_ENDED,
};

struct aw_transport {
        struct aw_socket socket;
        const struct aw_transport_callbacks *callbacks;
        void *owner;
        struct aw_tls *tls;
        struct aw_tls *tls_next; /* whose handshake is to begin */
        enum phase phase;
        enum way in, out;
        bool paused;       /* by the owner */
        bool passive;      /* our direction ends without a FIN */
        bool wants_write;  /* writable() is due */
        bool broken;       /* nothing can be sent any more */
        int error;         /* what closed() will be told */
        size_t read_size;  /* of the next read */
        size_t share;      /* bytes taken in this turn */
        aw_time share_end; /* 0: not known yet */
        uint64_t taken;    /* bytes that the kernel took */

        /*
         * Output that the kernel did not take. libwebsockets could hold it too, but does not read
         * while it does: two such peers, each waiting for the other one to read, would wait for
         * ever.
         */
        uint8_t *held;
        size_t held_length, held_sent;

        struct aw_handle farewell;
};

/* What the transports of a thread share, because each needs it for a moment only. */
struct scratch {
        size_t users;
        struct aw_transport *gatherer; /* whose output this is */
        struct aw_tls_buffer output;   /* for the kernel */
        size_t small_length;
        uint8_t small[RECORD_SIZE]; /* small writes, put together for one record */
        uint8_t plain[RECORD_SIZE];
        uint8_t input[AW_TRANSPORT_READ];
};
static _Thread_local struct scratch *scratch;

static int
scratch_ref(void)
{
        if (scratch == NULL)
                scratch = calloc(1, sizeof(*scratch));
        if (scratch == NULL)
                return -1;
        scratch->users++;
        return 0;
}

static void
scratch_unref(void)
{
        if (--scratch->users > 0)
                return;
        free(scratch->output.data);
        free(scratch);
        scratch = NULL;
}

static struct aw_transport *
transport_of(struct aw_socket *socket)
{
        return (struct aw_transport *)((char *)socket - offsetof(struct aw_transport, socket));
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

static void
transport_free(struct aw_transport *transport)
{
        aw_handle_cancel(&transport->farewell);
        aw_tls_free(transport->tls);
        aw_tls_free(transport->tls_next);
        free(transport->held);
        free(transport);
        scratch_unref();
}

static void
transport_end(struct aw_transport *transport, int error)
{
        if (!transport->socket.closing)
                transport->error = error;
        aw_socket_close(&transport->socket);
}

/* When both directions have ended there is nothing left to do. */
static void
transport_end_if_over(struct aw_transport *transport)
{
        if (transport->in == WAY_ENDED && transport->out == WAY_ENDED && transport->held == NULL)
                transport_end(transport, 0);
}

static void
transport_update_reading(struct aw_transport *transport)
{
        aw_socket_read(&transport->socket, !transport->paused &&
                                                   transport->phase != PHASE_CONNECTING &&
                                                   transport->in == WAY_OPEN &&
                                                   transport->held_length <= AW_TRANSPORT_HOLD);
}

/* Nothing can be sent any more. Before it went away the peer may have said why. */
static void
transport_break(struct aw_transport *transport, int error)
{
        if (transport->broken)
                return;
        transport->broken = true;
        transport->error = error;
        free(transport->held);
        transport->held = NULL;
        transport->held_length = transport->held_sent = 0;
        if (transport->paused || transport->in == WAY_ENDED)
                transport_end(transport, error);
        else
                transport_update_reading(transport);
}

static void
farewell_over(void *argument)
{
        struct aw_transport *transport = argument;

        transport_end(transport, 0);
}

/* The owner is told why, and is rid of it; the alert, or what the owner wrote, still goes out. */
static void
transport_fail_tls(struct aw_transport *transport)
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
        transport_update_reading(transport);
        aw_socket_ask(&transport->socket);
}

/* Output. */

/* How much the kernel took, which may be nothing; -1: broken. */
static ssize_t
transport_send(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        ssize_t sent = send(transport->socket.fd, data, length, MSG_NOSIGNAL);

        if (sent >= 0) {
                transport->taken += (size_t)sent;
                return sent;
        }
        if (errno == EAGAIN || errno == EINTR)
                return 0;
        transport_break(transport, errno);
        return -1;
}

/* Keeps a copy for when the kernel takes more. */
static void
transport_hold(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        size_t left = transport->held_length - transport->held_sent;
        uint8_t *held;

        /* What went out makes room first, so that not more is kept than is counted. */
        if (transport->held != NULL && transport->held_sent > 0)
                memmove(transport->held, transport->held + transport->held_sent, left);
        held = realloc(transport->held, left + length);
        if (held == NULL) {
                transport_break(transport, ENOMEM);
                return;
        }
        memcpy(held + left, data, length);
        transport->held = held;
        transport->held_length = left + length;
        transport->held_sent = 0;
        aw_socket_want_writable(&transport->socket);
        if (transport->held_length > AW_TRANSPORT_HOLD)
                transport_update_reading(transport);
}

/* What was put together goes out in one write. */
static void
output_flush(struct aw_transport *transport)
{
        struct aw_tls_buffer *output = &scratch->output;
        size_t length = output->length;
        ssize_t sent = 0;

        if (length == 0)
                return;
        output->length = 0;
        if (transport->broken)
                return;
        if (transport->held == NULL)
                sent = transport_send(transport, output->data, length);
        if (sent >= 0 && (size_t)sent < length)
                transport_hold(transport, output->data + sent, length - (size_t)sent);
}

/* Makes one record, or one piece, of the small writes so far. 0, or -1 if it is broken. */
static int
small_flush(struct aw_transport *transport)
{
        size_t length = scratch->small_length;
        int result;

        scratch->small_length = 0;
        if (length == 0)
                return 0;
        result = transport->tls != NULL
                         ? aw_tls_write(transport->tls, scratch->small, length)
                         : aw_tls_buffer_append(&scratch->output, scratch->small, length);
        if (result < 0)
                transport_break(transport, ENOMEM);
        return result < 0 ? -1 : 0;
}

/* From here on output is put together, until it is stopped; then it goes out. */
static void
gather_start(struct aw_transport *transport)
{
        scratch->gatherer = transport;
        scratch->output.length = 0;
        if (transport->tls != NULL)
                aw_tls_output_begin(transport->tls, &scratch->output);
}

static void
gather_stop(struct aw_transport *transport)
{
        small_flush(transport);
        if (transport->tls != NULL && aw_tls_output_end(transport->tls) < 0)
                transport_break(transport, ENOMEM);
        output_flush(transport);
        scratch->gatherer = NULL;
}

/*
 * The same for a call that may come within such a time, of this transport or of another one (whose
 * output goes out first). Returns what gather_end() has to be given.
 */
static struct aw_transport *
gather_begin(struct aw_transport *transport)
{
        struct aw_transport *before = scratch->gatherer;

        if (before == transport)
                return before;
        if (before != NULL)
                gather_stop(before);
        transport->share = 0;
        transport->share_end = 0;
        gather_start(transport);
        return before;
}

/* An owner that was told to stop is told when to go on. */
static void
gather_end(struct aw_transport *transport, struct aw_transport *before)
{
        if (before == transport)
                return;
        gather_stop(transport);
        if (before != NULL)
                gather_start(before);
        if (aw_transport_full(transport)) {
                transport->wants_write = true;
                if (transport->held == NULL && !transport->socket.writing)
                        aw_socket_ask(&transport->socket);
        }
}

bool
aw_transport_full(const struct aw_transport *transport)
{
        return transport->held != NULL || transport->socket.writing ||
               transport->share >= TURN_SIZE;
}

/* What is in the way of one write grows too large: it goes out, and the share is looked at. */
static void
gather_cut(struct aw_transport *transport)
{
        aw_time now = aw_loop_now();

        gather_stop(transport);
        gather_start(transport);
        if (transport->share_end == 0)
                transport->share_end = now + TURN_TIME;
        else if (now >= transport->share_end)
                transport->share = TURN_SIZE;
}

/* Taken whole in any case. */
static void
write_small(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        size_t room;
        uint8_t *to = aw_transport_room(transport, length, &room);

        if (to == NULL)
                return;
        memcpy(to, data, length);
        aw_transport_put(transport, length);
}

uint8_t *
aw_transport_room(struct aw_transport *transport, size_t least, size_t *room)
{
        if (scratch->gatherer != transport || transport->broken || transport->socket.closing)
                return NULL;
        if (scratch->small_length + least > RECORD_SIZE && small_flush(transport) == -1)
                return NULL;
        *room = RECORD_SIZE - scratch->small_length;
        return scratch->small + scratch->small_length;
}

void
aw_transport_put(struct aw_transport *transport, size_t length)
{
        scratch->small_length += length;
        transport->share += length;
        if (scratch->output.length >= WRITE_SIZE)
                gather_cut(transport);
}

/* How much of `left` bytes goes into the write that is being put together. */
static size_t
slice_of(size_t left)
{
        size_t room = WRITE_SIZE > scratch->output.length + RECORD_SIZE
                              ? WRITE_SIZE - scratch->output.length
                              : RECORD_SIZE;

        return left <= room + TAIL_SIZE ? left : room;
}

static size_t
write_records(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        size_t done = 0, slice;

        do {
                slice = slice_of(length - done);
                if (small_flush(transport) == -1)
                        break;
                if (aw_tls_write(transport->tls, data + done, slice) < 0) {
                        transport_break(transport, ENOMEM);
                        break;
                }
                done += slice;
                transport->share += slice;
                if (scratch->output.length >= WRITE_SIZE)
                        gather_cut(transport);
        } while (done < length && !transport->broken && !aw_transport_full(transport));
        return done;
}

/* Plain bytes go out from where they are; only a small rest is held. */
static size_t
write_plain(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        size_t done = 0, slice;
        ssize_t sent;

        gather_cut(transport);
        while (done < length && !transport->broken && !aw_transport_full(transport)) {
                slice = length - done < TURN_SIZE ? length - done : TURN_SIZE;
                sent = transport_send(transport, data + done, slice);
                if (sent < 0)
                        break;
                done += (size_t)sent;
                transport->share += (size_t)sent;
                if ((size_t)sent < slice)
                        aw_socket_want_writable(&transport->socket);
        }
        if (length <= AW_TRANSPORT_WHOLE && done < length && !transport->broken) {
                transport_hold(transport, data + done, length - done);
                done = length;
        }
        return done;
}

ssize_t
aw_transport_write(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        struct aw_transport *before;
        size_t done = length;

        if (transport->phase < PHASE_OPEN || transport->out != WAY_OPEN)
                aw_log_abort("aw_transport_write(): the transport is not open");
        if (transport->broken || transport->socket.closing)
                return -1;
        if (length > AW_TRANSPORT_WHOLE && aw_transport_full(transport)) {
                transport->wants_write = true;
                return 0;
        }
        before = gather_begin(transport);
        if (length < DIRECT_SIZE)
                write_small(transport, data, length);
        else if (transport->tls != NULL)
                done = write_records(transport, data, length);
        else
                done = write_plain(transport, data, length);
        gather_end(transport, before);
        return transport->broken ? -1 : (ssize_t)done;
}

/* Input. */

static void
transport_ended(struct aw_transport *transport, bool truncated)
{
        struct aw_transport *before = gather_begin(transport);

        transport->in = WAY_ENDED;
        transport_update_reading(transport);
        transport->callbacks->ended(transport->owner, truncated);
        gather_end(transport, before);
        transport_end_if_over(transport);
}

static void
transport_established(struct aw_transport *transport)
{
        transport->phase = PHASE_OPEN;
        transport->callbacks->established(transport->owner);
}

/* Decrypts all that there is; the input must be used up before there can be more. */
static void
input_tls(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        struct aw_transport *before = gather_begin(transport);
        struct aw_tls *tls = transport->tls;
        ssize_t result = 0;

        aw_tls_input(tls, data, length);
        if (transport->phase == PHASE_HANDSHAKE) {
                result = aw_tls_handshake(tls);
                if (result == 0)
                        transport_established(transport);
        }
        while (result >= 0 && !transport->socket.closing) {
                result = aw_tls_read(tls, scratch->plain, sizeof(scratch->plain));
                if (result > 0)
                        transport->callbacks->data(transport->owner, scratch->plain,
                                                   (size_t)result);
        }
        gather_end(transport, before);
        if (result == AW_TLS_FAILED)
                transport_fail_tls(transport);
        else if (result == AW_TLS_CLOSED && !transport->socket.closing)
                transport_ended(transport, false);
}

static void
input_plain(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        struct aw_transport *before = gather_begin(transport);

        transport->callbacks->data(transport->owner, data, length);
        gather_end(transport, before);
}

/* A peer whose bytes take long to handle is read in smaller pieces. */
static void
transport_input(struct aw_transport *transport, size_t length)
{
        aw_time start = length < READ_LEAST ? 0 : aw_loop_now(), took;

        if (transport->tls != NULL)
                input_tls(transport, scratch->input, length);
        else
                input_plain(transport, scratch->input, length);
        if (length < READ_LEAST)
                return;
        took = aw_loop_now() - start;
        if (took > TURN_TIME && transport->read_size > READ_LEAST)
                transport->read_size /= 2;
        else if (took < TURN_TIME / 4 && length == transport->read_size &&
                 transport->read_size < AW_TRANSPORT_READ)
                transport->read_size *= 2;
}

static void
transport_eof(struct aw_transport *transport)
{
        if (transport->broken)
                transport_end(transport, transport->error);
        else if (transport->phase == PHASE_HANDSHAKE)
                transport_end(transport, ECONNABORTED);
        else if (transport->phase == PHASE_FAREWELL)
                transport_end(transport, 0);
        else
                transport_ended(transport, transport->tls != NULL);
}

/* The TLS handshake begins: a client speaks first. */
static void
transport_start(struct aw_transport *transport)
{
        struct aw_transport *before;

        transport->phase = PHASE_HANDSHAKE;
        transport->tls = transport->tls_next;
        transport->tls_next = NULL;
        transport_update_reading(transport);
        if (!aw_tls_is_client(transport->tls))
                return;
        before = gather_begin(transport);
        if (aw_tls_handshake(transport->tls) == AW_TLS_FAILED)
                transport_break(transport, ENOMEM);
        gather_end(transport, before);
}

/* What is due before anything else. */
static void
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
        length = recv(socket->fd, scratch->input, transport->read_size, 0);
        if (length > 0)
                transport_input(transport, (size_t)length);
        else if (length == 0)
                transport_eof(transport);
        else if (errno != EAGAIN && errno != EINTR)
                transport_end(transport, transport->broken ? transport->error : errno);
}

/* The socket's events. */

/* Ends our direction, as far as it is time for it. */
static void
transport_finish(struct aw_transport *transport)
{
        struct aw_transport *before;

        if (transport->tls != NULL) {
                before = gather_begin(transport);
                aw_tls_shutdown(transport->tls);
                gather_end(transport, before);
        }
        if (transport->held != NULL || transport->broken)
                return;
        transport->out = WAY_ENDED;
        if (!transport->passive)
                shutdown(transport->socket.fd, SHUT_WR);
        transport_end_if_over(transport);
}

static void
transport_serve(struct aw_transport *transport)
{
        struct aw_transport *before;

        if (transport->socket.closing || transport->broken || transport->held != NULL ||
            transport->socket.writing)
                return;
        if (transport->wants_write && transport->phase == PHASE_OPEN &&
            transport->out == WAY_OPEN) {
                transport->wants_write = false;
                before = gather_begin(transport);
                transport->callbacks->writable(transport->owner);
                gather_end(transport, before);
        }
        if (transport->out == WAY_ENDING && transport->phase >= PHASE_OPEN)
                transport_finish(transport);
        transport_update_reading(transport);
}

static void
transport_flush(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);

        if (transport->phase == PHASE_CONNECTING)
                return;
        transport_begin(transport);
        transport_serve(transport);
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
                transport_end(transport, error);
                return;
        }
        transport->phase = PHASE_READY;
        transport_begin(transport);
        transport_update_reading(transport);
}

static void
transport_writable(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);
        ssize_t sent;

        if (transport->phase == PHASE_CONNECTING) {
                transport_connected(transport);
        } else if (transport->held != NULL) {
                sent = transport_send(transport, transport->held + transport->held_sent,
                                      transport->held_length - transport->held_sent);
                if (sent < 0)
                        return;
                transport->held_sent += (size_t)sent;
                if (transport->held_sent < transport->held_length) {
                        aw_socket_want_writable(socket);
                        return;
                }
                free(transport->held);
                transport->held = NULL;
                transport->held_length = transport->held_sent = 0;
        }
        if (!socket->closing)
                transport_serve(transport);
}

static void
transport_closed(struct aw_socket *socket)
{
        struct aw_transport *transport = transport_of(socket);

        if (!socket->closing)
                transport->error = errno;
        transport->callbacks->closed(transport->owner, transport->error, NULL);
        transport_free(transport);
}

static const struct aw_socket_callbacks socket_callbacks = {
        .readable = transport_readable,
        .writable = transport_writable,
        .flush = transport_flush,
        .closed = transport_closed,
};

/* Opening. */

/* None of this has a meaning, or an effect, on a Unix socket. */
static void
set_options(int fd)
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
aw_transport_open(int fd, bool connecting, struct aw_tls *tls,
                  const struct aw_transport_callbacks *callbacks, void *owner)
{
        struct aw_transport *transport = calloc(1, sizeof(*transport));
        int error = ENOMEM;

        if (transport == NULL || scratch_ref() == -1)
                goto fail;
        transport->callbacks = callbacks;
        transport->owner = owner;
        transport->read_size = AW_TRANSPORT_READ;
        set_options(fd);
        if (aw_socket_open(&transport->socket, fd, &socket_callbacks) == -1)
                goto fail_scratch;
        transport->tls_next = tls;
        if (connecting) {
                transport_update_reading(transport);
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
                transport_end(transport, transport->error);
        transport_update_reading(transport);
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
        transport_end(transport, 0);
}

void
aw_transport_reset(struct aw_transport *transport)
{
        static const struct linger now = {.l_onoff = 1, .l_linger = 0};

        setsockopt(transport->socket.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        transport_end(transport, 0);
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
