/* SPDX-License-Identifier: MIT */
#ifndef DUMP_H
#define DUMP_H

/*
 * Prints the tree of tasks as it is now on standard error. A task of its own writes it, as fast as
 * somebody reads; until it is done, calling this again does nothing.
 */
void dump_tasks(void);

/* From now on SIGABRT prints it first, as well as it can be done. */
void dump_at_abort(void);

#endif
