/* SPDX-License-Identifier: MIT */
/*
 * SIGUSR2: the program is started once more, maybe in a newer version, and given the sockets. When
 * it serves it says so, and this server drains.
 */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "service.h"

struct takeover {
        pid_t process;
        int ready; /* readable when the successor serves, or is gone; -1: there is none */
};

/* A successor that does not serve after this time is given up. */
#define TAKEOVER_TIME (60 * AW_SECOND)

/* Starts it. 0, or -1 after having logged why. */
int takeover_begin(struct takeover *takeover, const struct service *service);

/*
 * `ready` is readable, or, `late`, it took too long. True: the successor serves, and the sockets
 * and files are its own. False, with a line in the log: this server goes on.
 */
bool takeover_end(struct takeover *takeover, struct service *service, bool late);

/* The server ends, and with it the successor that does not serve yet, if there is one. */
void takeover_cancel(struct takeover *takeover);

#endif
