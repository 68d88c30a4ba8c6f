/* SPDX-License-Identifier: MIT */
/* wsecho: from the options to the exit status. */
#ifndef CLIENT_H
#define CLIENT_H

#include "await/ws.h"
#include "options.h"

enum client_status {
        CLIENT_OK = 0,
        CLIENT_LOCAL = 1, /* standard output cannot be written, no memory */
        CLIENT_USAGE = 2, /* also input that cannot be sent */
        CLIENT_CONNECTION = 3,
        CLIENT_TLS = 4,
        CLIENT_HANDSHAKE = 5,
        CLIENT_CLOSED = 6, /* before everything was replied to */
        CLIENT_TIMEOUT = 7,
};

/*
 * Loads the certificates to trust, if the URL is wss. Before the loop, on the program's own stack: OpenSSL
 * may need more than a task has. 0, or -1 after having said why.
 */
int client_load(struct client_options *options);

/*
 * The main task's function; the argument is a struct client_options. Its value is the exit status.
 */
async int client_run(void *options);

/* Says on standard error why there is no connection, and returns the exit status for that. */
enum client_status client_refused(const struct aw_error *error);

/* With --verbose, tells of the new connection. */
void client_connected(const struct ws *ws, const struct client_options *options);

/*
 * Says on standard error, in one sentence, why an await on the connection failed (errno), and
 * returns the exit status for that.
 */
enum client_status client_failed(const struct ws *ws);

/* Prints "wsecho: sentence" on standard error. */
void client_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
