/* SPDX-License-Identifier: MIT */
/* Who looks on at the connections: the metrics, the access log, and /connections of --admin. */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <jansson.h>

#include "await/watch.h"
#include "behave/plan.h"

/*
 * For struct ws_listen_options. The limits say which behaviours there are, and
 * are copied. It is good until the process ends.
 */
const struct ws_watch *observe_connections(const struct behave_limits *limits);

/*
 * What is known of a connection, the texts escaped as in the log and cut; or NULL. The names of its
 * members are those that wsechod(8) lists.
 */
json_t *observe_describe(const struct ws_info *info);

/* Sets a member to a text that a client may have written, escaped and cut to `most` bytes. */
void observe_set_text(json_t *object, const char *name, const char *text, size_t most);

#endif
