/* SPDX-License-Identifier: MIT */
/* One end of a connection that is on the loop, and the other as a plain descriptor. */
#ifndef AW_NET_TRANSPORT_TEST_H
#define AW_NET_TRANSPORT_TEST_H

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/transport.h"
#include "unit/loop/loop_test.h"

struct end {
        struct aw_transport *transport; /* NULL once it is closed */
        uint8_t *output;                /* what is to be sent */
        size_t length, sent;
        uint8_t last[64]; /* of what came */
        size_t received, pieces;
        int established, ended, closed, writable;
        int error;
        bool truncated;
        char text[128];       /* that closed() came with */
        bool held;            /* the last write was not taken whole */
        bool stays;           /* does not end its direction when the peer does */
        bool shuts_down;      /* ends its direction when all is sent */
        bool close_when_data; /* closes itself then */
        struct end *victim;   /* closes that one then, or when it is established */
        bool close_when_established, close_when_writable;
        bool in_pieces; /* writes several at once */
};

#define PIECE 5000

/* Writes what is left, or some of it in pieces. */
static inline void
end_write(struct end *end)
{
        struct iovec pieces[AW_TRANSPORT_LARGE / PIECE];
        size_t left = end->length - end->sent, tried = 0, count = 0;
        ssize_t taken;

        for (; count < sizeof(pieces) / sizeof(pieces[0]) && tried < left; count++) {
                pieces[count].iov_base = end->output + end->sent + tried;
                pieces[count].iov_len = left - tried < PIECE ? left - tried : PIECE;
                tried += pieces[count].iov_len;
        }
        if (end->in_pieces) {
                taken = aw_transport_write_pieces(end->transport, pieces, count);
        } else {
                tried = left;
                taken = aw_transport_write(end->transport, end->output + end->sent, left);
        }
        if (taken >= 0)
                end->sent += (size_t)taken;
        end->held = taken < (ssize_t)tried || (end->in_pieces && aw_transport_full(end->transport));
}

static inline void
end_kill_victim(struct end *end)
{
        if (end->victim != NULL && end->victim->transport != NULL)
                aw_transport_close(end->victim->transport);
}

static inline void
end_data(void *owner, const uint8_t *data, size_t length)
{
        struct end *end = owner;
        size_t kept = length < sizeof(end->last) ? length : sizeof(end->last);

        memcpy(end->last, data + length - kept, kept);
        end->received += length;
        end->pieces++;
        if (end->close_when_data)
                aw_transport_close(end->transport);
        end_kill_victim(end);
        came();
}

static inline void
end_writable(void *owner)
{
        struct end *end = owner;

        end->writable++;
        end->held = false;
        if (end->close_when_writable)
                aw_transport_close(end->transport);
        while (end->sent < end->length && !end->held && !end->close_when_writable)
                end_write(end);
        if (end->sent == end->length && end->shuts_down)
                aw_transport_shutdown(end->transport);
        came();
}

static inline void
end_established(void *owner)
{
        struct end *end = owner;

        end->established++;
        if (end->close_when_established)
                aw_transport_close(end->transport);
        end_kill_victim(end);
        came();
}

static inline void
end_ended(void *owner, bool truncated)
{
        struct end *end = owner;

        end->ended++;
        end->truncated = truncated;
        if (!end->stays)
                aw_transport_shutdown(end->transport);
        came();
}

static inline void
end_closed(void *owner, int error, const char *text)
{
        struct end *end = owner;

        end->transport = NULL;
        end->closed++;
        end->error = error;
        if (text != NULL)
                snprintf(end->text, sizeof(end->text), "%s", text);
        came();
}

static const struct aw_transport_callbacks end_callbacks = {
        .established = end_established,
        .data = end_data,
        .ended = end_ended,
        .writable = end_writable,
        .closed = end_closed,
};

/* Puts one end of a new connection on the loop; returns the other. */
static inline int
connect_end(struct end *end)
{
        int ends[2];

        *end = (struct end){.transport = NULL};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                         0);
        end->transport =
                aw_transport_open(ends[0], AW_TRANSPORT_CONNECTED, NULL, &end_callbacks, end);
        assert_non_null(end->transport);
        return ends[1];
}

static inline void
put(int fd, const char *text)
{
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Far more than the kernel takes at once. */
#define BIG ((size_t)4 << 20)

static inline uint8_t *
make_big(void)
{
        uint8_t *data = malloc(BIG);
        size_t i;

        assert_non_null(data);
        for (i = 0; i < BIG; i++)
                data[i] = (uint8_t)(i * 7 + i / 251);
        return data;
}

static inline void
send_all(struct end *end, uint8_t *data, size_t length)
{
        end->output = data;
        end->length = length;
        end->sent = 0;
        aw_transport_want_write(end->transport);
}

/* Long enough for whatever is ready to be seen. */
static inline void
some_turns(struct aw_loop *loop)
{
        int i;

        for (i = 0; i < 10; i++)
                aw_loop_turn(loop, false);
}

static inline void
turn_until_closed(struct aw_loop *loop, struct end *end)
{
        while (end->closed == 0)
                aw_loop_turn(loop, true);
        assert_null(end->transport);
}

/* Closes it, if it is not closed, and waits for that. */
static inline void
close_end(struct aw_loop *loop, struct end *end)
{
        if (end->transport != NULL)
                aw_transport_close(end->transport);
        turn_until_closed(loop, end);
        some_turns(loop);
        assert_int_equal(end->closed, 1);
}

/* How often the loop turns until 10 ms have passed. */
static inline int
count_turns(struct aw_loop *loop)
{
        struct aw_handle timer = {.state = 0};
        bool fired = false;
        int turns = 0;

        aw_call_later(&timer, 10 * AW_MILLISECOND, set_flag, &fired);
        while (!fired) {
                aw_loop_turn(loop, true);
                turns++;
        }
        return turns;
}

#endif
