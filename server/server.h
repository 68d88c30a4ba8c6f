/* SPDX-License-Identifier: MIT */
/* The server: listeners, their connections, and the end of both. */
#ifndef SERVER_H
#define SERVER_H

#include "opt.h"
#include "task.h"

#include <stdint.h>

struct server_options {
        struct aw_opt_strings listen; /* URLs; none: SERVER_URL */
        const char *cert, *key;       /* files, PEM; NULL: a certificate made at start */
        uint64_t max_message;         /* bytes */
        const char *loop;             /* the back end */
        const char *log_level;
        int64_t slow_task; /* microseconds; 0: off */
};

#define SERVER_URL "wss://localhost:7681"

/* The main task's function; the argument is a struct server_options. Its value is the exit status.
 */
async int server_run(void *options);

#endif
