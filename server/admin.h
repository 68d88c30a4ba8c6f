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

/* /connections lists so many. */
#define ADMIN_CONNECTIONS_MAX 1000

/* The caller's; the first three members are set by it, and stay as long as it is open. */
struct admin {
        struct ws_listener *const *listeners;
        const size_t *count;
        const bool *draining;

        struct ws_listener *listener; /* NULL: not open */
        struct aw_task *watching;
};

/* Whether it is http://HOST:PORT or unix:/PATH, as far as can be seen. */
bool admin_is_url(const char *url);

/* Listens, and prints where /metrics is. 0, or the exit status after having logged why. */
async int admin_open(struct admin *admin, const char *url);

async void admin_close(struct admin *admin);

#endif
