/* SPDX-License-Identifier: MIT */
/* URLs as people write them, and as servers send us elsewhere. */
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include <stdbool.h>

#include "await/error.h"

/* A URL for ws_connect(), and what it said besides. */
struct url {
        char *text;
        char *user, *password; /* or NULL */
};

/*
 * Reads what the user wrote: http: is ws:, https: is wss:, and without a scheme it is ws://. A user and
 * a password in it are taken out, and percent-decoded. 0, or -1 with *error; for url_free() in any case.
 */
int url_read(struct url *url, const char *text, struct aw_error *error);
void url_free(struct url *url);

/*
 * Where the field Location sends us from the URL (RFC 9110 section 10.2.2): for free(). NULL with
 * *error, which blames the server: to another scheme, from wss to ws, or out of a Unix socket. It need
 * not be right in all.
 */
char *url_follow(const char *from, const char *location, struct aw_error *error);

/* Whether both have the same scheme, host and port, or socket: whoever may know a secret there. */
bool url_same_origin(const char *one, const char *other);

#endif
