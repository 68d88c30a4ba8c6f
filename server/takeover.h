/* SPDX-License-Identifier: MIT */
/*
 * SIGUSR2: the program is started once more, maybe in a newer version, and given the sockets; or one
 * that waits for them is. When it serves it says so, and this server drains.
 */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "service.h"

struct takeover {
        pid_t process;
        bool asked; /* somebody else has started it: see handover.h */
        int ready;  /* readable when the successor serves, or is gone; -1: there is none */
};

/* Whether one may be started now; if not, the log says why. */
bool takeover_may_begin(const struct service *service, bool ending, bool under_way);

/*
 * Starts it, or hands over to who waits. 0, or -1 after having logged why. One that does not serve
 * after the option's time is given up.
 */
int takeover_begin(struct takeover *takeover, const struct service *service);

/*
 * `ready` is readable, or, `late`, it took too long. True: the successor serves, and the sockets
 * and files are its own. False, with a line in the log: this server goes on.
 */
bool takeover_end(struct takeover *takeover, struct service *service, bool late);

/* The server ends, and with it the successor that does not serve yet, if there is one. */
void takeover_cancel(struct takeover *takeover, struct service *service);

#endif
