/* SPDX-License-Identifier: MIT */
/* The question for a password, before there is a loop. */
#ifndef CLIENT_PASSWORD_H
#define CLIENT_PASSWORD_H

#include "await/error.h"

/*
 * Asks on the controlling terminal, which does not show what is typed. If a signal stops or ends us
 * meanwhile, the terminal is as it was; who is continued asks again. For free(), or NULL with *error:
 * there is no terminal, or no answer.
 */
char *password_ask(const char *user, struct aw_error *error);

#endif
