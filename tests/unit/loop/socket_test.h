/* SPDX-License-Identifier: MIT */
/* One end of a connection that is on the loop, and the other as a plain descriptor. */
#ifndef AW_LOOP_SOCKET_TEST_H
#define AW_LOOP_SOCKET_TEST_H

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "loop/socket.h"
#include "unit/loop/loop_test.h"

struct end {
        struct aw_socket *socket; /* NULL once it is closed */
        uint8_t *output;          /* what is to be sent */
        size_t length, sent;
        uint8_t last[64]; /* of what came */
        size_t received, pieces;
        int connected, closed, writable;
        int error;
        bool held;            /* the last write did not go through */
        bool close_when_data; /* closes itself then */
        struct end *victim;   /* closes that one then, or when it is connected */
        bool close_when_connected, close_when_writable;
};

static inline void
end_data(void *owner, const uint8_t *data, size_t length)
{
        struct end *end = owner;
        size_t kept = length < sizeof(end->last) ? length : sizeof(end->last);

        memcpy(end->last, data + length - kept, kept);
        end->received += length;
        end->pieces++;
        if (end->close_when_data)
                aw_socket_close(end->socket);
        if (end->victim != NULL && end->victim->socket != NULL)
                aw_socket_close(end->victim->socket);
        came();
}

static inline void
end_writable(void *owner)
{
        struct end *end = owner;
        int result = 0;

        end->writable++;
        if (end->close_when_writable)
                aw_socket_close(end->socket);
        if (end->sent < end->length) {
                result = aw_socket_write(end->socket, end->output + end->sent,
                                         end->length - end->sent);
                end->sent = end->length;
        }
        end->held = result == 1;
        came();
}

static inline void
end_connected(void *owner)
{
        struct end *end = owner;

        end->connected++;
        if (end->close_when_connected)
                aw_socket_close(end->socket);
        if (end->victim != NULL && end->victim->socket != NULL)
                aw_socket_close(end->victim->socket);
        came();
}

static inline void
end_closed(void *owner, int error)
{
        struct end *end = owner;

        end->socket = NULL;
        end->closed++;
        end->error = error;
        came();
}

static const struct aw_socket_callbacks end_callbacks = {
        .data = end_data,
        .writable = end_writable,
        .connected = end_connected,
        .closed = end_closed,
};

/* Puts one end of a new connection on the loop; returns the other. */
static inline int
connect_end(struct end *end)
{
        int ends[2];

        *end = (struct end){.socket = NULL};
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
                         0);
        end->socket = aw_socket_adopt(ends[0], false, &end_callbacks, end);
        assert_non_null(end->socket);
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
        aw_socket_want_write(end->socket);
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
        assert_null(end->socket);
}

/* Closes it, if it is not closed, and waits for that. */
static inline void
close_end(struct aw_loop *loop, struct end *end)
{
        if (end->socket != NULL)
                aw_socket_close(end->socket);
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
