/* SPDX-License-Identifier: MIT */
/* The tree of tasks, for those who ask with SIGUSR1. */
#ifndef AW_CLI_DUMP_H
#define AW_CLI_DUMP_H

/* The tree as it is now, as text for free(); NULL with errno. */
char *aw_dump_text(void);

/*
 * Prints the tree as it is now on standard error. A task of its own writes it, as fast as somebody
 * reads; until it is done, calling this again does nothing.
 */
void aw_dump_print(void);

/* From now on SIGABRT prints it first, as well as that can be done then. */
void aw_dump_at_abort(void);

#endif
