/* SPDX-License-Identifier: MIT */
/* What coro.c and overflow.c share. */
#ifndef AW_CORO_OVERFLOW_PRIVATE_H
#define AW_CORO_OVERFLOW_PRIVATE_H

#include <stdint.h>

#include "coro/coro.h"

#define AW_CORO_OVERFLOW_CURE                                                                      \
        ": large arrays belong on the heap, or aw_loop_options.stack_size must be larger"

/*
 * The name of the coroutine that runs, if the address lies in the guard page of its stack; else
 * NULL. Safe in a signal handler.
 */
const char *aw_coro_overflowed(const struct aw_coro_pool *pool, uintptr_t address);

#endif
