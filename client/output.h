/* SPDX-License-Identifier: MIT */
/* Replies, printed on standard output, whatever that is: nothing here keeps the loop. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "client.h"

struct output;

/* NULL after having said why. */
struct output *output_open(void);

/*
 * Prints a message and a line's end. Waits while those who read it do not; it goes out at the end
 * of this turn. On a terminal what would steer it is shown instead: \xNN. 0, or -1 with errno.
 */
async int output_print(struct output *output, const struct ws_message *message, aw_time deadline);

/* Waits until all of it is written. 0, or -1 with errno. */
async int output_finish(struct output *output, aw_time deadline);

/* Frees it; what is not written yet is lost. NULL does nothing. */
void output_free(struct output *output);

/* Says on standard error why one of these failed (errno), and returns the exit status for that. */
enum client_status output_failed(void);

#endif
