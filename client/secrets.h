/* SPDX-License-Identifier: MIT */
/* What is secret: on the command line, which everybody on the machine can read, and in heads. */
#ifndef SECRETS_H
#define SECRETS_H

#include "options.h"

/*
 * Replaces the secrets among the options by copies, and overwrites them where they came from. 0, or
 * -1: no memory. The copies are options_free()'s.
 */
int secrets_hide(struct client_options *options);

/* Whether the value of a head's line is secret: a field with credentials or cookies. */
bool secrets_in_line(const char *line);

#endif
