/* SPDX-License-Identifier: MIT */
/*
 * What goes to the peer. Within a callback of the owner's, output is put together: small writes to
 * one record, records to one write of the kernel's. What the kernel does not take is held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "await/log.h"
#include "base/memory.h"
#include "net/transport_private.h"

#define DIRECT_SIZE ((size_t)4 << 10)    /* so much is encrypted from where it is */
#define WRITE_SIZE  ((size_t)256 << 10)  /* bytes for one write of the kernel's, about */
#define TAIL_SIZE   ((size_t)16 << 10)   /* so little goes out with the write before */
#define TURN_SIZE   ((size_t)1088 << 10) /* bytes in a turn: a message of 1 MiB fits */

/* What the kernel said: how much it took, which may be nothing; -1: broken. */
static ssize_t
note_sent(struct aw_transport *transport, ssize_t sent)
{
        if (sent >= 0) {
                transport->taken += (size_t)sent;
                return sent;
        }
        if (errno == EAGAIN || errno == EINTR)
                return 0;
        aw_transport_break(transport, errno);
        return -1;
}

static inline ssize_t
send_bytes(struct aw_transport *transport, const uint8_t *data, size_t length, int flags)
{
        return note_sent(transport, send(transport->socket.fd, data, length, MSG_NOSIGNAL | flags));
}

ssize_t
aw_transport_send(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        return send_bytes(transport, data, length, 0);
}

static void
held_set(struct aw_transport *transport, uint8_t *held, size_t length)
{
        aw_memory_charge((ptrdiff_t)length - (ptrdiff_t)transport->held_length);
        transport->held = held;
        transport->held_length = length;
        transport->held_sent = 0;
}

void
aw_transport_forget_held(struct aw_transport *transport)
{
        free(transport->held);
        held_set(transport, NULL, 0);
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
                aw_transport_break(transport, ENOMEM);
                return;
        }
        memcpy(held + left, data, length);
        held_set(transport, held, left + length);
        aw_socket_want_writable(&transport->socket);
        if (transport->held_length > AW_TRANSPORT_HOLD)
                aw_transport_update_reading(transport);
}

/* What was put together goes out in one write. */
static void
output_flush(struct aw_transport *transport)
{
        struct aw_tls_buffer *output = &aw_transport_scratch->output;
        size_t length = output->length;
        ssize_t sent = 0;
        /* The end of the stream goes with it. */
        bool last = transport->out == WAY_ENDING && transport->phase >= PHASE_OPEN &&
                    !transport->passive;

        output->length = 0;
        if (transport->broken)
                return;
        if (transport->held == NULL)
                sent = send_bytes(transport, output->data, length, last ? MSG_MORE : 0);
        if (sent >= 0 && (size_t)sent < length)
                transport_hold(transport, output->data + sent, length - (size_t)sent);
}

/* Makes one record of the small writes so far. 0, or -1 if it is broken. */
static int
small_flush(struct aw_transport *transport)
{
        size_t length = aw_transport_scratch->small_length;

        if (length == 0)
                return 0;
        aw_transport_scratch->small_length = 0;
        if (aw_tls_write(transport->tls, aw_transport_scratch->small, length) == 0)
                return 0;
        aw_transport_break(transport, ENOMEM);
        return -1;
}

/* From here on output is put together, until it is stopped; then it goes out. */
static void
gather_start(struct aw_transport *transport)
{
        aw_transport_scratch->gatherer = transport;
        if (transport->tls != NULL)
                aw_tls_output_begin(transport->tls, &aw_transport_scratch->output);
}

static __attribute__((noinline)) void
records_stop(struct aw_transport *transport)
{
        small_flush(transport);
        if (aw_tls_output_end(transport->tls) < 0)
                aw_transport_break(transport, ENOMEM);
}

static void
gather_stop(struct aw_transport *transport)
{
        if (transport->tls != NULL)
                records_stop(transport);
        if (aw_transport_scratch->output.length > 0)
                output_flush(transport);
        aw_transport_scratch->gatherer = NULL;
}

/* The kernel takes no more. */
static bool
is_blocked(const struct aw_transport *transport)
{
        return transport->held != NULL || transport->socket.writing;
}

ssize_t
aw_transport_send_now(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        if (transport->tls != NULL || transport->tls_next != NULL || is_blocked(transport) ||
            transport->broken || transport->socket.closing || transport->phase != PHASE_OPEN ||
            transport->out != WAY_OPEN || transport->wants_write)
                return -1;
        return send_bytes(transport, data, length, 0);
}

bool
aw_transport_full(const struct aw_transport *transport)
{
        return is_blocked(transport) || transport->share >= TURN_SIZE;
}

static void
output_begin(struct aw_transport *transport)
{
        transport->share = 0;
        transport->counted = 0;
        transport->begun = false;
        gather_start(transport);
}

static void
output_on(void *argument)
{
        aw_transport_serve(argument);
}

/* An owner that was told to stop is told when to go on. */
static void
output_wait(struct aw_transport *transport)
{
        transport->wants_write = true;
        if (!is_blocked(transport))
                aw_share_wait(&transport->sending, output_on, transport);
}

static void
output_end(struct aw_transport *transport)
{
        gather_stop(transport);
        if (aw_transport_full(transport))
                output_wait(transport);
}

/*
 * For a call that may come while output is put together, of this transport or of another one
 * (whose output goes out first). Returns what aw_transport_gather_end() has to be given.
 */
struct aw_transport *
aw_transport_gather_begin(struct aw_transport *transport)
{
        struct aw_transport *before = aw_transport_scratch->gatherer;

        if (before == transport)
                return before;
        if (before != NULL)
                gather_stop(before);
        output_begin(transport);
        return before;
}

void
aw_transport_gather_end(struct aw_transport *transport, struct aw_transport *before)
{
        if (before == transport)
                return;
        output_end(transport);
        if (before != NULL)
                gather_start(before);
}

/* Work begins that takes long. False: it should not, in this turn. */
static bool
share_begin(struct aw_transport *transport)
{
        if (!transport->begun)
                transport->begun = aw_share_begin(&transport->sending);
        return transport->begun;
}

/* What was sent since then, or since the last call. True: enough for this turn. */
static bool
share_use(struct aw_transport *transport)
{
        size_t bytes = transport->share - transport->counted;

        transport->counted = transport->share;
        return aw_share_use(&transport->sending, bytes);
}

/* What is in the way of one write grows too large: it goes out, and the share is looked at. */
static void
gather_cut(struct aw_transport *transport)
{
        bool enough;

        gather_stop(transport);
        gather_start(transport);
        if (!transport->begun)
                enough = !share_begin(transport);
        else
                enough = transport->share > transport->counted && share_use(transport);
        if (enough)
                transport->share = transport->counted = TURN_SIZE;
}

/* Taken whole in any case. */
static void
write_small(struct aw_transport *transport, const uint8_t *data, size_t length)
{
        struct aw_transport_room room = aw_transport_room(transport, length);

        if (room.data == NULL)
                return;
        memcpy(room.data, data, length);
        aw_transport_put(transport, length);
}

/* False: it is broken. */
static __attribute__((noinline)) bool
make_room(struct aw_transport *transport)
{
        if (aw_tls_buffer_reserve(&aw_transport_scratch->output, AW_TRANSPORT_RECORD) == 0)
                return true;
        aw_transport_break(transport, ENOMEM);
        return false;
}

/* Plain bytes need not be put together for a record first. */
static inline struct aw_transport_room
room_plain(struct aw_transport *transport)
{
        const struct aw_tls_buffer *output = &aw_transport_scratch->output;

        if (output->capacity - output->length < AW_TRANSPORT_RECORD && !make_room(transport))
                return (struct aw_transport_room){.data = NULL};
        return (struct aw_transport_room){output->data + output->length, AW_TRANSPORT_RECORD};
}

static __attribute__((noinline)) struct aw_transport_room
room_record(struct aw_transport *transport, size_t least)
{
        struct aw_transport_room room = {.data = NULL};

        if (aw_transport_scratch->small_length + least > AW_TRANSPORT_RECORD &&
            small_flush(transport) == -1)
                return room;
        room.data = aw_transport_scratch->small + aw_transport_scratch->small_length;
        room.size = AW_TRANSPORT_RECORD - aw_transport_scratch->small_length;
        return room;
}

struct aw_transport_room
aw_transport_room(struct aw_transport *transport, size_t least)
{
        if (aw_transport_scratch->gatherer != transport || transport->broken ||
            transport->socket.closing)
                return (struct aw_transport_room){.data = NULL};
        return transport->tls == NULL ? room_plain(transport) : room_record(transport, least);
}

void
aw_transport_put(struct aw_transport *transport, size_t length)
{
        if (transport->tls == NULL)
                aw_transport_scratch->output.length += length;
        else
                aw_transport_scratch->small_length += length;
        transport->share += length;
        if (aw_transport_scratch->output.length >= WRITE_SIZE)
                gather_cut(transport);
}

/* How much of `left` bytes goes into the write that is being put together. */
static size_t
slice_of(size_t left)
{
        size_t room = WRITE_SIZE > aw_transport_scratch->output.length + AW_TRANSPORT_RECORD
                              ? WRITE_SIZE - aw_transport_scratch->output.length
                              : AW_TRANSPORT_RECORD;

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
                        aw_transport_break(transport, ENOMEM);
                        break;
                }
                done += slice;
                transport->share += slice;
                if (aw_transport_scratch->output.length >= WRITE_SIZE)
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
        while (done < length && !transport->broken && !is_blocked(transport) &&
               (done == 0 || transport->share < TURN_SIZE)) {
                slice = length - done < TURN_SIZE ? length - done : TURN_SIZE;
                sent = aw_transport_send(transport, data + done, slice);
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
        bool large = length > AW_TRANSPORT_LARGE;

        if (transport->phase < PHASE_OPEN || transport->out != WAY_OPEN)
                aw_log_abort("aw_transport_write(): the transport is not open");
        if (transport->broken || transport->socket.closing)
                return -1;
        if (length > AW_TRANSPORT_WHOLE && aw_transport_full(transport)) {
                output_wait(transport);
                return 0;
        }
        before = aw_transport_gather_begin(transport);
        if (large && !share_begin(transport)) {
                output_wait(transport);
                done = 0;
        } else if (length < DIRECT_SIZE)
                write_small(transport, data, length);
        else if (transport->tls != NULL)
                done = write_records(transport, data, length);
        else
                done = write_plain(transport, data, length);
        if (large && transport->begun)
                share_use(transport);
        aw_transport_gather_end(transport, before);
        return transport->broken ? -1 : (ssize_t)done;
}

/* In one call of the kernel's. Returns how much it took. */
static size_t
send_vector(struct aw_transport *transport, struct iovec *pieces, size_t count)
{
        const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
        size_t length = 0;
        ssize_t sent;

        for (size_t i = 0; i < count; i++)
                length += pieces[i].iov_len;
        sent = note_sent(transport, sendmsg(transport->socket.fd, &message, MSG_NOSIGNAL));
        if (sent < 0)
                return 0;
        transport->share += (size_t)sent;
        if ((size_t)sent < length)
                aw_socket_want_writable(&transport->socket);
        return (size_t)sent;
}

ssize_t
aw_transport_write_pieces(struct aw_transport *transport, struct iovec *pieces, size_t count)
{
        size_t done = 0;

        if (transport->tls != NULL || aw_transport_scratch->gatherer != transport)
                aw_log_abort("aw_transport_write_pieces(): not plain, or not inside writable()");
        if (transport->broken || transport->socket.closing)
                return -1;
        gather_cut(transport);
        if (!transport->broken && !is_blocked(transport))
                done = send_vector(transport, pieces, count);
        return transport->broken ? -1 : (ssize_t)done;
}

/* What is due. */

/* What TLS has to say at the end goes with what was written before. */
static void
finish_tls(struct aw_transport *transport)
{
        struct aw_transport *before;

        if (transport->tls == NULL)
                return;
        before = aw_transport_gather_begin(transport);
        if (small_flush(transport) == 0)
                aw_tls_shutdown(transport->tls);
        aw_transport_gather_end(transport, before);
}

/* Ends our direction, as far as it is time for it. */
static void
transport_finish(struct aw_transport *transport)
{
        finish_tls(transport);
        if (transport->held != NULL || transport->broken)
                return;
        transport->out = WAY_ENDED;
        if (!transport->passive)
                shutdown(transport->socket.fd, SHUT_WR);
        aw_transport_end_if_over(transport);
}

void
aw_transport_serve(struct aw_transport *transport)
{
        if (transport->socket.closing || transport->broken || transport->held != NULL ||
            transport->socket.writing)
                return;
        if (transport->wants_write && transport->phase == PHASE_OPEN &&
            transport->out == WAY_OPEN) {
                transport->wants_write = false;
                output_begin(transport);
                transport->callbacks->writable(transport->owner);
                if (transport->out == WAY_ENDING)
                        finish_tls(transport);
                output_end(transport);
        }
        if (transport->out == WAY_ENDING && transport->phase >= PHASE_OPEN)
                transport_finish(transport);
}
