/* SPDX-License-Identifier: MIT */
/*
 * What happens, told to those who asked: on standard error with --verbose and --show-ping-pong, on
 * standard output as JSON with --json. Without them messages are printed, and that is all.
 */
#ifndef REPORT_H
#define REPORT_H

#include "client.h"

struct printer;
struct report;
struct session;

/* NULL after having said that there is no memory. */
struct report *report_create(const struct client_options *options);
void report_free(struct report *report); /* NULL does nothing */

/* For ws_connect(); NULL: nobody asked for that. */
const struct ws_observer *report_observer(const struct report *report);

/* We set out to connect: times count from here, and what was before is forgotten. */
void report_start(struct report *report);

/* There was no connection, or it is lost; the next attempt comes after this pause. */
async void report_reconnect(struct report *report, struct printer *printer, const char *why,
                            int64_t pause);

/* There is a connection. */
async void report_open(struct report *report, struct printer *printer, const struct ws *ws,
                       const char *url);

/* The n-th message: it is printed. 0, or -1 with errno. */
async int report_message(struct report *report, struct printer *printer,
                         const struct ws_message *message, uint64_t n);

/* The server has closed, if it has. */
async void report_close(struct report *report, struct printer *printer, const struct ws *ws);

/* The end: always the last. */
async void report_end(struct report *report, struct printer *printer, const struct session *session,
                      enum client_status status);

/* Of a task: prints Pings and Pongs as they come, with --json. */
async int report_pings(struct report *report, struct printer *printer);

#endif
