/* SPDX-License-Identifier: MIT */
/*
 * A listener, which ws_listen.c and ws_server.c share: the one accepts, the other does the
 * handshakes.
 */
#ifndef AW_WS_LISTENER_PRIVATE_H
#define AW_WS_LISTENER_PRIVATE_H

#include <sys/socket.h>

#include "net/url.h"
#include "ws/private.h"

#define WS_ADDRESSES 16 /* that one name may stand for */

/* One listening socket. */
struct ws_port {
        struct ws_listener *listener;
        int fd;
        struct aw_watch *watch;
        struct aw_handle resume;
        bool out_of_descriptors; /* that was logged */
        char url[AW_URL_HOST_MAX + 32];
};

struct ws_listener {
        struct ws_port ports[WS_ADDRESSES];
        size_t count;
        struct aw_tls_context *tls;
        uint64_t max_message;
        void (*answer)(const struct aw_http_head *request, struct ws_answer *answer);
        bool draining;
        struct ws *connections;
        struct ws *accept_first, **accept_last; /* open, for ws_accept() */
        struct aw_waiters acceptors;
        unsigned accepting;                 /* tasks that are among them, or were just woken */
        char socket[AW_URL_SOCKET_MAX + 1]; /* of unix:, to be removed */
};

/*
 * A connection that was accepted begins; the descriptor is its own now. When its handshake is
 * complete it is put into the listener's list for ws_accept(). 0, or -1 with errno ENOMEM or
 * EMFILE.
 */
int ws_server_begin(struct ws_listener *listener, int fd, const struct sockaddr_storage *address);

/* The listener's connections go on without it. */
void ws_server_forget(struct ws_listener *listener);

#endif
