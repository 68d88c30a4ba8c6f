/* SPDX-License-Identifier: MIT */
/* The user that the server runs as. */
#ifndef PRIVILEGE_H
#define PRIVILEGE_H

#include "options.h"

/* Whether the system knows a user of this name. 0, or -1 after having logged why. */
int privilege_check(const struct server_options *options);

/*
 * Becomes the user of --user, with its groups, for good, if one is given; and whoever it is, no
 * program that this process starts can gain privileges any more. 0, or -1 after having logged why.
 */
int privilege_drop(const struct server_options *options);

#endif
