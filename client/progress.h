/* SPDX-License-Identifier: MIT */
/* How far a file has been sent: a line on standard error, if that is a terminal. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/loop.h"

struct progress {
        const char *name;
        uint64_t done, size; /* bytes; size 0: nobody knows */
        aw_time begin, shown;
        bool silent; /* there is nobody to see it */
        bool visible;
};

void progress_begin(struct progress *progress, int fd, const char *name, bool quiet);

/* So many bytes more. The line appears once it takes longer than a second. */
void progress_step(struct progress *progress, size_t bytes);

/* Wipes it. */
void progress_end(struct progress *progress);

#endif
