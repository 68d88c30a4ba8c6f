/* SPDX-License-Identifier: MIT */
/* The header fields of the handshake, and who we are. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "await/error.h"
#include "options.h"

struct identity {
        char **fields; /* "Name: value", count of them */
        size_t count;
        size_t own; /* of these the first ones: for the URL's own host only */
};

/*
 * Makes the fields that the options ask for: reads files, and asks for a password on the terminal.
 * `user` and `password` are the URL's, or NULL. 0, or -1 with *error; for identity_free() in any case.
 */
int identity_make(struct identity *identity, const struct client_options *options, const char *user,
                  const char *password, struct aw_error *error);
void identity_free(struct identity *identity);

#endif
