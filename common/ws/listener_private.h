/* SPDX-License-Identifier: MIT */
/*
 * A listener, which two files share: listen.c has its life, server.c the handshakes. net/ports.c
 * binds its sockets and accepts from them.
 */
#ifndef AW_WS_LISTENER_PRIVATE_H
#define AW_WS_LISTENER_PRIVATE_H

#include <sys/socket.h>
#include <sys/types.h>

#include "net/ports.h"
#include "ws/private.h"
#include "ws/raw_private.h"

struct ws_listener {
        struct aw_ports ports;
        struct aw_tls_context *tls;
        uint64_t max_message;
        aw_time ping_interval, ping_timeout, handshake_timeout, idle_timeout, max_lifetime;
        uint64_t max_message_rate, max_control_rate, max_buffer;
        const char *const *origins;
        size_t origin_count;
        struct ws_trust trust;
        const char *subprotocol;
        struct ws_deflate_options deflate; /* these as in ws_listen_options */
        void (*handler)(const struct ws_request *request, struct ws_answer *answer, void *argument);
        bool (*admit)(void *argument);
        void *argument;
        const struct ws_watch *watch;
        struct ws_counters gone; /* of connections that have ended, and all echoes */
        aw_time drain_time;
        bool stopped, draining, closed;
        struct ws *drain_next; /* in the drain, of those below; or NULL */
        struct aw_handle drain;
        unsigned references; /* the owner's, and of the tasks that accept, or wait for deciders */
        struct ws *connections;
        struct ws *accept_first, **accept_last; /* open, for ws_accept() */
        struct aw_waiters acceptors;
        struct {
                struct ws_decision *first, *last;
        } decisions;
        struct aw_waiters deciders; /* who waits until there are none */
};

/*
 * A connection that was accepted begins; the descriptor is its own now. When its handshake is
 * complete it is put into the listener's list for ws_accept(). 0, or -1 with errno ENOMEM or
 * ENOSPC.
 */
int ws_server_begin(void *owner, int fd, const struct sockaddr_storage *address);

/* Frees a listener that was closed, when the last one who is busy in it leaves. Keeps errno. */
void ws_listener_unref(struct ws_listener *listener);

/* The listener's connections go on without it. */
void ws_server_forget(struct ws_listener *listener);

/*
 * Does what the answer says to a request with this head; and frees what it has, as the second does
 * to one that is not sent.
 */
void ws_server_answer(struct ws *ws, const struct aw_http_head *head, struct ws_raw_answer *raw);
void ws_server_forget_answer(struct ws_raw_answer *raw);

/*
 * decision.c. begin: a task makes it, and has what *raw had; 0, or -1 with errno ENOMEM. send: on the
 * loop's stack, in the flush; the answer, if there is one. forget: the listener goes.
 */
int ws_decision_begin(struct ws *ws, struct ws_raw_answer *raw);
void ws_decision_forget(struct ws_listener *listener);

#endif
