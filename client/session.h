/* SPDX-License-Identifier: MIT */
/* The two ways of using a connection: messages from the command line, or lines from standard input. */
#ifndef SESSION_H
#define SESSION_H

#include "client.h"

/* Each sends, prints the replies on standard output, and leaves the connection open. The exit status. */
async enum client_status session_messages(struct ws *ws, const struct client_options *options);
async enum client_status session_lines(struct ws *ws, const struct client_options *options);

#endif
