/* SPDX-License-Identifier: MIT */
/*
 * --takeover: a server that was started by somebody else asks the one that runs for its sockets. It
 * listens at PIDFILE.takeover and sends SIGUSR2; the other one, rather than starting the program anew,
 * connects there and sends the descriptors. From then on it goes as if it had.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <sys/types.h>

#include "await/loop.h"
#include "inherit.h"

/* The new server's side. */

/*
 * Asks the server whose number is in the file, and waits so long for what it hands over. 0, also if
 * there is no such server, or -1 after having logged why.
 */
int handover_ask(const char *pidfile, aw_time longest, struct inherited *inherited);

/* Whether there is a place to ask from, beside the file. 0, or -1 after having logged why. */
int handover_check(const char *pidfile);

/* The number of the server that has handed over. */
pid_t handover_process(const struct inherited *inherited);

/* It serves, and says so. False: the other one has given it up, and goes on. */
bool handover_accept(const struct inherited *inherited);

/* The old server's side. */

/*
 * A channel to the server that waits at this file's side, and that one's number; -1: nobody waits
 * there, or (*process is 0 then) something is wrong, which was logged.
 */
int handover_connect(const char *pidfile, pid_t *process);

/* Sends the lines of INHERIT_VARIABLE, and the descriptors that they name. 0, or -1 with errno. */
int handover_send(int channel, const char *lines);

/* Whether the new server has said that it serves, when something can be read; *process then is its. */
bool handover_is_accepted(int channel, pid_t *process);

/* The same; and if it has not, it is told not to serve. */
bool handover_give_up(int channel, pid_t *process);

#endif
