/* SPDX-License-Identifier: MIT */
/*
 * With --rate: has the messages of a worker sent when they are due, whatever became of those before
 * (an open loop). What is due is a number that follows from the clock, so a rate that is out of
 * reach costs no more than one that is not, and the loop has its turn after each look at the clock.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdint.h>

#include "await/task.h"

struct worker;

/* The schedule, once it is known when measuring begins and ends. */
void generator_prepare(struct worker *worker);

/*
 * The task's function; the argument is the worker. It returns when nothing more will be due, and of a
 * number of messages all are sent, as far as they can be.
 */
async int generator_run(void *argument);

/*
 * After that task, however it ended: all that was due by the end counts as due, and unless the run was
 * interrupted what may be sent at once is.
 */
async void generator_finish(struct worker *worker);

/*
 * Once all connections are closed: counts what has not been sent of what was due by the end, or before
 * `over` if that was earlier, and with --messages all that has not.
 */
void generator_count(struct worker *worker, int64_t over);

#endif
