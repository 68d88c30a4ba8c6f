/* SPDX-License-Identifier: MIT */
/*
 * A session at a terminal: lines are typed on standard error, what comes is printed above the line
 * that is being typed. On a terminal on which no line can be edited, lines are read as they come,
 * with the same prompts.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include "client.h"

struct above;
struct session;
struct terminal;

/* Before the loop. NULL after having said that there is no memory. */
struct terminal *terminal_open(const struct client_options *options);
void terminal_free(struct terminal *terminal); /* NULL does nothing */

/*
 * The session is open, or will be one day: from now on all that is said, printed, and logged goes through here. 0, or
 * -1 after having said why not.
 */
int terminal_begin(struct terminal *terminal, struct session *session);

/* Gives the terminal back, when what was printed is on it, or at the deadline. */
async void terminal_end(struct terminal *terminal, aw_time deadline);

/* For ws_connect(), in the place of this one, which may be NULL: a Pong that was asked for is told. */
const struct ws_observer *terminal_observer(struct terminal *terminal,
                                            const struct ws_observer *observer);

/* The way of sending: a task's function. Its argument is the session. */
async int terminal_send(void *session);

/* Tells how the server has closed. */
void terminal_closed(struct terminal *terminal, const struct ws *ws);

/* Where to print what goes to standard output, if that is this terminal, too. NULL has none. */
struct above *terminal_above(struct terminal *terminal);

/* Prints whole lines above the one that is typed. */
void terminal_tell(struct terminal *terminal, const char *text);

/* Whether a session goes on there. */
bool terminal_is_on(const struct terminal *terminal);

#endif
