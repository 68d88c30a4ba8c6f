/* SPDX-License-Identifier: MIT */
/*
 * A descriptor on the loop: it is ready, or not. Reading and writing are the owner's business.
 *
 * libwebsockets polls the set of them, in its raw file role: its raw socket role reads by itself,
 * takes the end of one direction as the end of both, and does not read while it holds output.
 *
 * A stranger is a socket whose peer has yet to show that it is a client: a handshake is the dearest that
 * can be had for a few bytes. Strangers are served in the order in which they become ready, once in a
 * turn, for so long and one at least, but not too many, so that others wait for a few of them, however
 * many come at once.
 *
 * A heavy socket is one of which much came when it was read last, or whose peer has ended. Heavy ones
 * are served behind all others, for so long in a turn and one at least, who was served longest ago
 * first: so who sends little does not wait for floods, however many there are, and who sends much but
 * seldom waits for few of them.
 *
 * Unless said otherwise these are for the loop's stack (a handle's callback, a flush, a callback
 * below); those that may be called in a task as well only take a note, which this turn's flush
 * carries out.
 */
#ifndef AW_LOOP_SOCKET_H
#define AW_LOOP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "loop/private.h"

struct aw_socket;

/* Strangers' time in a turn, in microseconds, and that of heavy sockets. */
#define AW_SOCKET_STRANGERS (AW_MILLISECOND / 8)
#define AW_SOCKET_HEAVY     (AW_MILLISECOND / 8)

/*
 * So many strangers, and so many whose peer has ended, have it: what such an event brings about takes
 * time in the flush.
 */
#define AW_SOCKET_AT_ONCE 4

/* None may be NULL. */
struct aw_socket_callbacks {
        /* There is something to read, or the end of it, or an error. As long as that is so. */
        void (*readable)(struct aw_socket *socket);

        /* The kernel takes output again, or there is an error. Once for each time it was asked. */
        void (*writable)(struct aw_socket *socket);

        /* In the flush of the turn in which aw_socket_ask() was called. */
        void (*flush)(struct aw_socket *socket);

        /* The descriptor is closed, and the loop has forgotten the socket: the last call. */
        void (*closed)(struct aw_socket *socket);
};

/* Part of its owner, who finds itself by it. The fields are socket.c's. */
struct aw_socket {
        const struct aw_socket_callbacks *callbacks;
        struct aw_flush flush;
        struct {
                struct aw_socket *next, *previous;
        } link;                /* all of this thread's */
        int fd;                /* -1: closed already */
        uint32_t polled;       /* what the kernel was asked for */
        bool reading, writing; /* what the owner wants to know */
        bool stranger;         /* is to be among them */
        int set;               /* in which it is */
        bool heavy;            /* is one */
        uint64_t served;       /* as a stranger or a heavy one: the loop's count of these then */
        bool asked;            /* for flush() */
        bool closing;
};

/*
 * Takes a descriptor, which is closed with the socket; not if this fails: -1 with errno EPERM (it
 * cannot be polled), EBADF, EEXIST, ENOMEM or ENOSPC (the system watches too many). readable() is wanted.
 * Also in a task.
 */
int aw_socket_open(struct aw_socket *socket, int fd, bool stranger,
                   const struct aw_socket_callbacks *callbacks);

/* It is no stranger any more. Also in a task. */
void aw_socket_befriend(struct aw_socket *socket);

/* Whether readable() is wanted. Also in a task. */
void aw_socket_read(struct aw_socket *socket, bool wanted);

/* Whether it is heavy: the owner says so of each read. */
static inline void
aw_socket_weigh(struct aw_socket *socket, bool heavy)
{
        socket->heavy = heavy;
}

/* Asks for writable(), once. Also in a task. */
void aw_socket_want_writable(struct aw_socket *socket);

/* Asks for flush() in this turn, once. Also in a task. */
static inline void
aw_socket_ask(struct aw_socket *socket)
{
        if (socket->asked)
                return;
        socket->asked = true;
        aw_loop_flush(&socket->flush);
}

/* Closes in this turn's flush: closed() comes then, and nothing else before. Also in a task. */
void aw_socket_close(struct aw_socket *socket);

/* The same, but the descriptor is closed at once. */
void aw_socket_close_descriptor(struct aw_socket *socket);

/*
 * For loop/create.c and loop/loop.c. open_set: when the vhost is there; 0, or -1 with errno.
 * serve_set: calls those that are ready now, does not wait; false: there were none.
 */
struct lws_protocols;
extern const struct lws_protocols *const aw_socket_protocols;
int aw_socket_open_set(struct aw_loop *loop);
bool aw_socket_serve_set(struct aw_loop *loop);
void aw_socket_close_all(void);

/* Whether this thread has any. */
bool aw_socket_any(void);

#endif
