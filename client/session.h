/* SPDX-License-Identifier: MIT */
/*
 * The two ways of using a connection: messages from the command line, or lines from standard input.
 */
#ifndef SESSION_H
#define SESSION_H

#include "client.h"

struct output;

/* Each connects, sends, prints the replies, and closes. The exit status. */
async enum client_status session_messages(const struct ws_connect_options *to,
                                          const struct client_options *options,
                                          struct output *output);
async enum client_status session_lines(const struct ws_connect_options *to,
                                       const struct client_options *options, struct output *output);

#endif
