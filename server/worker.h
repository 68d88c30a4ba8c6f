/* SPDX-License-Identifier: MIT */
/* The server: listeners, their connections, and the end of both. */
#ifndef WORKER_H
#define WORKER_H

#include "await/task.h"

/*
 * The main task's function; the argument is a struct server_options. Its value is the exit status.
 */
async int worker_run(void *options);

#endif
