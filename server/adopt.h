/* SPDX-License-Identifier: MIT */
/* Which of the inherited sockets are for a URL. */
#ifndef ADOPT_H
#define ADOPT_H

#include "await/task.h"
#include "inherit.h"

/*
 * The URL for which they were inherited: the same one, or else one of the same addresses, whatever is
 * spoken there. NULL: there are none. Borrowed.
 */
async const char *adopt_find(const struct inherited *inherited, const char *url,
                             enum socket_kind kind);

/*
 * The URL of a predecessor's sockets that nobody took and that keep others from listening at this URL.
 * NULL: there are none. Borrowed.
 */
async const char *adopt_find_obstacle(const struct inherited *inherited, const char *url);

#endif
