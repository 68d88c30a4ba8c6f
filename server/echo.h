/* SPDX-License-Identifier: MIT */
/* What a connection does: sends back what it receives, until one side closes. */
#ifndef ECHO_H
#define ECHO_H

#include <stdint.h>

#include "await/task.h"

/* What this process has echoed, and over how many connections that are open now. */
struct echo_counts {
        size_t open;
        uint64_t messages;
};
extern struct echo_counts echo_counts;

/*
 * A task's function; the argument is a struct ws, which it closes. Always 0: a connection that
 * breaks off is no failure of the server's.
 */
async int echo(void *ws);

#endif
