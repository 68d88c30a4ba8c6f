/* SPDX-License-Identifier: MIT */
/* What is printed on standard output, whatever that is: nothing here keeps the loop. */
#ifndef PRINT_H
#define PRINT_H

#include "client.h"

struct above;
struct printer;

/*
 * Above: where a session at the terminal prints, or NULL. NULL after having said why.
 */
struct printer *print_open(const struct printing_options *options, bool null, struct above *above);

/*
 * Prints a message as the options say, and a line's end. Waits while those who read it do not; it
 * goes out at the end of this turn. On a terminal what would steer it is shown instead: \xNN. 0, or
 * -1 with errno.
 */
async int print_received(struct printer *printer, const struct ws_message *message);

/* Prints text as it is. 0, or -1 with errno. */
async int print_text(struct printer *printer, const char *text, size_t length);

/* Whether somebody reads what is printed, at their own speed: not if it is a file. */
bool print_has_reader(const struct printer *printer);

/* Whether they take nothing now: what is printed waits for them. */
bool print_is_blocked(const struct printer *printer);

/* Bytes that were printed so far, but for those that still wait for room. */
uint64_t print_taken(const struct printer *printer);

/* Waits until all of it is written. 0, or -1 with errno. */
async int print_finish(struct printer *printer);

/* Frees it; what is not written yet is lost. NULL does nothing. */
void print_free(struct printer *printer);

/* "23:59:59.123", local time. */
void print_time(char out[32]);

#endif
