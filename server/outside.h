/* SPDX-License-Identifier: MIT */
/* What a process does, as far as others see it: for one that cannot say it itself. */
#ifndef OUTSIDE_H
#define OUTSIDE_H

#include <stddef.h>
#include <sys/types.h>

/* Words behind "it": "runs", "is stopped (SIGSTOP)", "waits in the kernel (io_schedule)". */
const char *outside_describe(pid_t process, char *out, size_t size);

#endif
