/* SPDX-License-Identifier: MIT */
/* The making of a child process. */
#ifndef AW_NET_SPAWN_PRIVATE_H
#define AW_NET_SPAWN_PRIVATE_H

#include "await/process.h"

/* The three standard streams of a child. */
enum { AW_SPAWN_INPUT, AW_SPAWN_OUTPUT, AW_SPAWN_ERROR, AW_SPAWN_COUNT };

/*
 * Starts the program. ours[]: our ends of the pipes, or -1. The process' number, or -1 with errno;
 * nothing is left open then.
 */
pid_t aw_spawn_process(const struct aw_process_options *options, int ours[AW_SPAWN_COUNT]);

/*
 * The descriptor, above the standard ones, which are dealt out one by one in the child; -1 with
 * errno if it is -1 or cannot be moved, which closes it.
 */
int aw_spawn_move_up(int fd);

#endif
