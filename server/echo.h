/* SPDX-License-Identifier: MIT */
/* What a connection does: sends back what it receives, until one side closes. */
#ifndef ECHO_H
#define ECHO_H

#include "await/task.h"

/*
 * A task's function; the argument is a struct ws, which it closes. Always 0: a connection that
 * breaks off is no failure of the server's.
 */
async int echo(void *ws);

#endif
