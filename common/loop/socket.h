/* SPDX-License-Identifier: MIT */
/*
 * Stream sockets on the loop: libwebsockets polls and reads them (its raw role), the owner is
 * called back on the loop's own stack. What is read is plain bytes; TLS is put on top by the owner.
 *
 * Call these on the loop's stack only (a handle's callback, a flush, a callback below), never in a
 * coroutine.
 */
#ifndef AW_LOOP_SOCKET_H
#define AW_LOOP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aw_socket;

struct aw_socket_callbacks {
        /* Bytes came; they are valid during the call. */
        void (*data)(void *owner, const uint8_t *data, size_t length);

        /*
         * Time to write, with aw_socket_write(): after aw_socket_want_write(), and when what was
         * held has gone out.
         */
        void (*writable)(void *owner);

        /* A connection in progress is established. */
        void (*connected)(void *owner);

        /*
         * The socket is gone, and with it the struct aw_socket: the last call. error is an errno
         * value: 0 end of stream or closed by aw_socket_close(), ECONNREFUSED and the like for a
         * connection in progress.
         */
        void (*closed)(void *owner, int error);
};

/*
 * Takes a connected (or, with `connecting`, connecting) non-blocking stream socket; its descriptor
 * is the socket's now, and is closed even if this fails: NULL with errno ENOMEM or EMFILE.
 */
struct aw_socket *aw_socket_adopt(int fd, bool connecting,
                                  const struct aw_socket_callbacks *callbacks, void *owner);

/* Another owner, on the loop's stack or in a coroutine. */
void aw_socket_set_owner(struct aw_socket *socket, const struct aw_socket_callbacks *callbacks,
                         void *owner);

/*
 * Asks for callbacks->writable() in this turn's flush, on the loop's stack. May be called in a
 * coroutine.
 */
void aw_socket_want_write(struct aw_socket *socket);

/*
 * Writes. What the kernel does not take is copied and held until it does; reading goes on
 * meanwhile. 0: all is with the kernel; 1: some is held, stop writing and wait for writable(); -1:
 * broken, closed() will come, after data() with what the peer had sent before.
 */
int aw_socket_write(struct aw_socket *socket, const uint8_t *data, size_t length);

/* Stops and resumes reading. May be called in a coroutine. */
void aw_socket_pause(struct aw_socket *socket, bool pause);

/*
 * Closes in this turn's flush: closed() comes then, data() and writable() no more. May be called in
 * a coroutine.
 */
void aw_socket_close(struct aw_socket *socket);

/* Ends the sending direction (FIN), once what is held has gone out. */
void aw_socket_shutdown(struct aw_socket *socket);

int aw_socket_fd(const struct aw_socket *socket);

/* For loop.c. */
struct lws_protocols;
extern const struct lws_protocols *const aw_socket_protocols;
void aw_socket_close_all(void);

#endif
