/* SPDX-License-Identifier: MIT */
/* What is secret on the command line. Everybody on the machine can read that: ps(1) shows it. */
#ifndef SECRETS_H
#define SECRETS_H

#include "options.h"

/*
 * Replaces the secrets among the options by copies, and overwrites them where they came from. 0, or
 * -1: no memory. The copies are options_free()'s.
 */
int secrets_hide(struct client_options *options);

#endif
