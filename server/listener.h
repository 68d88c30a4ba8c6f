/* SPDX-License-Identifier: MIT */
/*
 * The sockets that the server listens on. They are opened before any worker begins, and stay open
 * here whatever becomes of the workers, so that connections wait for the next one.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "await/ws.h"
#include "inherit.h"
#include "options.h"

/* What one worker accepts from: a socket for each address. Of a TCP port each worker has its own. */
struct listener_slot {
        int fds[WS_ADDRESSES_MAX];
        int count;
};

/* Of one URL. */
struct listener {
        char *url;
        enum socket_kind kind;
        bool shared; /* all workers accept from its only slot */
        struct listener_slot *slots;
        unsigned slot_count;
        char *addresses[WS_ADDRESSES_MAX + 1]; /* with real ports; ends with NULL */
        struct socket_file file;               /* of a Unix socket */
};

struct listeners {
        struct listener *items;
        size_t count;
};

/*
 * Opens all that the options name, or takes it from what was inherited, for so many workers. Within
 * a loop. The exit status; anything but 0 was logged, unless it was cancelled.
 */
async int listeners_open(struct listeners *listeners, const struct server_options *options,
                         struct inherited *inherited, unsigned workers);

/* The files of Unix sockets that were inherited are as the options say, too. */
void listeners_settle_files(const struct listeners *listeners,
                            const struct server_options *options);

/* Looks at the URLs and names alone. The exit status, as above. */
async int listeners_check(const struct server_options *options);

/* Whether the worker of this number, from 0, accepts from the slot. */
bool listener_is_for(const struct listener *listener, unsigned slot, unsigned worker,
                     unsigned workers);

/* What is the same for all of them in struct ws_listen_options. */
struct ws_listen_options listener_options(const struct server_options *options);

/* "listening on ..." for each address, whatever the level of the log. */
void listeners_tell(const struct listeners *listeners);

/* Nobody listens any more, but on what is lent: also no worker. The files of Unix sockets go. */
void listeners_shut(struct listeners *listeners);

/* Removes the files of Unix sockets, unless another process has put its own there since. */
void listeners_remove_files(struct listeners *listeners);

/* Closes this process's descriptors, but not those of the workers. */
void listeners_close(struct listeners *listeners);

/* The same, and frees. */
void listeners_free(struct listeners *listeners);

#endif
