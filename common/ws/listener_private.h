/* SPDX-License-Identifier: MIT */
/*
 * A listener, which three files share: listen.c has its life, port.c its sockets and what they
 * accept, server.c the handshakes.
 */
#ifndef AW_WS_LISTENER_PRIVATE_H
#define AW_WS_LISTENER_PRIVATE_H

#include <sys/socket.h>
#include <sys/types.h>

#include "net/url.h"
#include "ws/private.h"

#define WS_ADDRESSES 16 /* that one name may stand for */

struct aw_addresses;

/* One listening socket. */
struct ws_port {
        struct ws_listener *listener;
        int fd;
        struct aw_watch *watch;
        struct aw_handle resume;
        bool out_of_descriptors; /* that was logged */
        dev_t device;            /* of a Unix socket's file, which is removed at the end */
        ino_t inode;
        char url[AW_URL_HOST_MAX + 32];
};

struct ws_listener {
        struct ws_port ports[WS_ADDRESSES];
        size_t count;
        struct aw_tls_context *tls;
        uint64_t max_message;
        const char *subprotocol; /* these four as in ws_listen_options */
        unsigned socket_mode;
        void (*handler)(const struct ws_request *request, struct ws_answer *answer, void *argument);
        void *argument;
        bool draining;
        struct ws *connections;
        struct ws *accept_first, **accept_last; /* open, for ws_accept() */
        struct aw_waiters acceptors;
        unsigned accepting;                 /* tasks that are among them, or were just woken */
        char socket[AW_URL_SOCKET_MAX + 1]; /* of unix: */
};

/*
 * Binds all of the addresses, or none, and begins to accept. An address of a family that the
 * machine lacks is left out, as long as another one works. 0, or -1 with errno and *error.
 */
int ws_ports_open(struct ws_listener *listener, const struct aw_url *url,
                  struct aw_addresses *addresses, struct ws_error *error);

/* Stops listening: the addresses are free when it returns. */
void ws_ports_close(struct ws_listener *listener);

/*
 * A connection that was accepted begins; the descriptor is its own now. When its handshake is
 * complete it is put into the listener's list for ws_accept(). 0, or -1 with errno ENOMEM or
 * EMFILE.
 */
int ws_server_begin(struct ws_listener *listener, int fd, const struct sockaddr_storage *address);

/* The listener's connections go on without it. */
void ws_server_forget(struct ws_listener *listener);

#endif
