/* SPDX-License-Identifier: MIT */
/* The server: listeners, their connections, and the end of both. */
#ifndef SERVER_H
#define SERVER_H

#include <stdint.h>

#include "await/task.h"
#include "await/tls.h"
#include "cli/opt.h"

struct server_options {
        struct aw_opt_strings listen; /* URLs; none: SERVER_URL */
        const char *cert, *key;       /* files, PEM; NULL: a certificate made at start */
        uint64_t max_message;
        uint64_t max_memory;     /* bytes */
        const char *subprotocol; /* first, none, or a name */
        const char *socket_mode; /* octal, or NULL */
        const char *test;        /* which behaviours: off, safe or all */
        const char *loop;        /* the back end */
        const char *admin;       /* URL, or NULL */
        const char *access_log;  /* file, "-", or NULL */
        const char *log_format;  /* text or json */
        const char *log_level;
        int64_t slow_task;          /* microseconds; 0: off */
        struct aw_tls_context *tls; /* of server_load(), whoever calls that frees it; or NULL */
        /* Of a certificate made at start; "" if there is none. */
        char fingerprint[AW_TLS_FINGERPRINT_SIZE];
};

#define SERVER_URL "wss://localhost:7681"

/* Whether a URL to listen on, or the default one, begins with this ("wss:"); without case. */
bool server_has_scheme(const struct server_options *options, const char *scheme);

/* The mode that is written in octal, 01 to 0777; 0 if it is none. */
unsigned server_socket_mode(const char *text);

/*
 * Loads or makes the certificate, if a URL is wss. Before the loop, on the program's own stack: OpenSSL
 * may need more than a task has. 0, or -1 after having logged why.
 */
int server_load(struct server_options *options);

/*
 * The main task's function; the argument is a struct server_options. Its value is the exit status.
 */
async int server_run(void *options);

#endif
