/* SPDX-License-Identifier: MIT */
/*
 * Descriptors from whoever started this process: listening sockets of a service manager
 * ($LISTEN_FDS, sd_listen_fds(3)), or all that a server hands over to its successor.
 */
#ifndef INHERIT_H
#define INHERIT_H

#include <stdbool.h>
#include <stddef.h>

#include "socket_file.h"
#include "ws/places.h"

/* Whose a listening socket is, and what for. */
enum socket_kind {
        SOCKET_OWN,
        SOCKET_LENT,  /* the service manager's: it listens for longer than we do */
        SOCKET_ADMIN, /* of --admin: not for WebSockets */
};

struct inherited_socket {
        int fd; /* -1: somebody took it */
        unsigned slot;
        enum socket_kind kind;
        char *url;                 /* what is spoken, and where: "wss://127.0.0.1:7681" */
        char place[WS_PLACE_SIZE]; /* where it is bound */
        struct socket_file file;
};

struct inherited {
        struct inherited_socket *sockets;
        size_t count;
        int ready;   /* the predecessor waits for a byte here; -1: there is none */
        bool asked;  /* it did not start us: see handover.h */
        int pidfile; /* locked; or -1 */
        int tickets; /* see tickets.h; or -1 */
};

/*
 * The variable in which a server hands over: lines "socket FD SLOT KIND URL", "ready FD", "pidfile FD",
 * "tickets FD".
 */
#define INHERIT_VARIABLE "WSECHOD_HANDED_OVER"

/*
 * Reads the environment, and empties it of this. First of all: before other descriptors are opened.
 * To be freed whatever it returns. 0, or -1 after having logged what is wrong.
 */
int inherit(struct inherited *inherited);

/*
 * One of these lines. The descriptor, now owned, is that one rather than what the line says, unless it
 * is -1. 0, or -1 after having logged why.
 */
int inherit_entry(struct inherited *inherited, const char *line, int fd);

/* Removes the files of the sockets that nobody took, once the predecessor is done with them. */
void inherit_remove_files(struct inherited *inherited);

/* Closes the sockets that nobody took. */
void inherit_drop_sockets(struct inherited *inherited);

/* The same, and lets go of the rest. */
void inherit_free(struct inherited *inherited);

#endif
