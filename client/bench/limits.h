/* SPDX-License-Identifier: MIT */
/* How many connections this system lets one program have. */
#ifndef LIMITS_H
#define LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* From how many addresses so many connections to one server must come; 0: the system gives no ports. */
uint64_t limits_sources(uint64_t connections);

/*
 * 0 if so many connections of so many threads from so many addresses (0: over a Unix socket) to one
 * can be had; otherwise -1, and *problem is a sentence that says what is in the way, and the cure.
 */
int limits_check(uint64_t connections, size_t threads, uint64_t sources, char *problem,
                 size_t size);

#endif
