/* SPDX-License-Identifier: MIT */
/* The server's processes, if they are on this machine and known: what they use, from /proc. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/opt.h"

#define TARGET_MAX 256

struct target {
        pid_t pids[TARGET_MAX]; /* those given, and their descendants */
        size_t count;
        int64_t cpu;      /* nanoseconds used while measuring */
        int64_t empty;    /* bytes of memory before the connections were opened, */
        int64_t occupied; /* and once they were; -1: not known */
};

/* The first of these that is no process on this machine, or NULL. */
const char *target_missing(const struct aw_opt_strings *pids);

/* Finds the processes. 0, or -1 with the number of the one that is not there in *missing. */
int target_find(struct target *target, const struct aw_opt_strings *pids, const char **missing);

/* Processor time used so far, nanoseconds; -1: not known. */
int64_t target_cpu(const struct target *target);

/* Memory in use, bytes, what processes share counted once; -1: not known. */
int64_t target_memory(const struct target *target);

#endif
