/* SPDX-License-Identifier: MIT */
/*
 * A listener for those who run the server: /metrics, /tasks, /connections, /-/healthz and
 * /-/readyz. It answers without asking who asks, so it belongs on the loopback interface or a Unix
 * socket.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>

#include "await/task.h"
#include "await/ws.h"
#include "listing.h"

/* The caller's; the members up to the listener are set by it, and stay as long as it is open. */
struct admin {
        struct ws_listener *const *listeners;
        const size_t *count;
        const bool *draining;
        const struct metrics *metrics; /* one block behind the other */
        size_t blocks;
        struct listing listing; /* for /connections */
        const int *descriptors; /* sockets that listen already */
        size_t descriptor_count;
        bool silent; /* somebody else has said where it is */

        struct ws_listener *listener; /* NULL: not open */
        struct aw_task *watching;
};

/* Whether it is http://HOST:PORT or unix:/PATH, as far as can be seen. */
bool admin_is_url(const char *url);

/* The URL as struct ws_listen_options has it, for free(); or NULL: no memory. */
char *admin_listen_url(const char *url);

/* Accepts, and prints where /metrics is. 0, or the exit status after having logged why. */
async int admin_open(struct admin *admin, const char *url);

async void admin_close(struct admin *admin);

#endif
