/* SPDX-License-Identifier: MIT */
/* How many connections this system lets one program have. */
#ifndef LIMITS_H
#define LIMITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * 0 if so many connections of so many threads to one address (over TCP, or to a Unix socket) can be
 * had; otherwise -1, and *problem is a sentence that says what is in the way, and the cure.
 */
int limits_check(uint64_t connections, size_t threads, int tcp, char *problem, size_t size);

#endif
