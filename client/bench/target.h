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
        struct target_process {
                pid_t pid;
                int64_t used,
                        base; /* nanoseconds of a processor, as last seen, and at the beginning */
                bool ended;
        } processes[TARGET_MAX]; /* those given, and their descendants */
        size_t count;
        size_t ended;     /* of them, by the last look */
        int64_t cpu;      /* nanoseconds used while measuring */
        int64_t empty;    /* bytes of memory before the connections were opened, */
        int64_t occupied; /* and once they were; -1: not known */
};

/* The first of these that is no process on this machine, or NULL. */
const char *target_missing(const struct aw_opt_strings *pids);

/* Finds the processes. 0, or -1 with the number of the one that is not there in *missing. */
int target_find(struct target *target, const struct aw_opt_strings *pids, const char **missing);

/* Measuring begins: what was used so far does not count. */
void target_begin(struct target *target);

/*
 * Sums up what was used since then. To be called now and then, because a process that ends keeps what
 * it was last seen to have used; and at the end thoroughly, so that all that came new are found.
 */
void target_look(struct target *target, bool thoroughly);

/* Memory in use, bytes, what processes share counted once; -1: not known. */
int64_t target_memory(const struct target *target);

#endif
