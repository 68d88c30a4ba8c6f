/* SPDX-License-Identifier: MIT */
/*
 * Included first in each file of the coverage flavour: what a process has run that ends without
 * exit(3) is counted too. That is all of a process pool's, and of what is to abort; but gcov counts
 * no line that calls what does not return.
 */
#ifndef __ASSEMBLER__
#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);

#define _exit(status) (__gcov_dump(), _exit(status))
#define abort()       (__gcov_dump(), abort())
#endif
