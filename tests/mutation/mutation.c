/* SPDX-License-Identifier: MIT */
/*
 * Which mutant is chosen, $MUTANT, and a file of one byte for each mutant, $MUTANTS_REACHED, that
 * notes which places are reached. It is shared memory, so that no process forgets what it reached,
 * however it ends. Nothing here calls what a test may have replaced.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mutation/mutation.h"

#ifndef MUTATION_MAX
#define MUTATION_MAX 1
#endif

static unsigned char nowhere[MUTATION_MAX];
int mutation_chosen = -1;
unsigned char *mutation_reached = nowhere;

static __attribute__((constructor(101))) void
mutation_begin(void)
{
        const char *chosen = getenv("MUTANT"), *path = getenv("MUTANTS_REACHED");
        long fd, shared;

        if (chosen != NULL)
                mutation_chosen = atoi(chosen);
        if (path == NULL)
                return;
        fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
        if (fd == -1)
                return;
        shared =
                syscall(SYS_mmap, NULL, sizeof(nowhere), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != -1)
                mutation_reached = (unsigned char *)shared;
        syscall(SYS_close, fd);
}
