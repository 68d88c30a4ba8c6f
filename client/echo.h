/* SPDX-License-Identifier: MIT */
/* --echo: sends back what comes, so that a test suite for WebSocket can test a client. */
#ifndef ECHO_H
#define ECHO_H

#include "client.h"

struct printer;
struct report;

/* The await pattern in one function: connect, receive and send, close. The exit status. */
async enum client_status echo_run(struct connector *connector, struct report *report,
                                  struct printer *printer);

#endif
