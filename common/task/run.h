/* SPDX-License-Identifier: MIT */
/* What is to be done at the end of aw_run(). */
#ifndef AW_TASK_RUN_H
#define AW_TASK_RUN_H

#include "await/task.h"

/*
 * Once no task is left, and before the loop goes, leave() is called on the loop's stack; it may
 * turn the loop. Zero it to begin.
 */
struct aw_at_exit {
        void (*leave)(void);
        struct {
                struct aw_at_exit *next, *previous;
        } link;
        bool queued;
};

/* For the end of the aw_run() of this thread, once, however often it is asked for. */
void aw_at_exit(struct aw_at_exit *exit);

#endif
