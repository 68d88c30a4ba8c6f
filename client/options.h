/* SPDX-License-Identifier: MIT */
/* What wsecho was asked to do: one small group of options for each question. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/opt.h"

struct aw_tls_context;

/* How the server is reached. Times are in microseconds; 0: never. */
struct connection_options {
        int64_t timeout; /* without progress, while something is awaited */
        uint64_t max_message;
        const char *loop; /* the back end */
};

/* Whom we trust, and as whom we come. */
struct tls_options {
        const char *cacert; /* PEM, instead of the system's certificates */
        bool insecure;
};

/* What the opening handshake asks for. */
struct handshake_options {
        struct aw_opt_strings headers; /* "Name: value" */
};

/* What is sent. */
struct sending_options {
        char **messages; /* operands, count of them; none: standard input */
        int count;
        bool binary;
};

/* What is printed. */
struct printing_options {
        bool verbose;
};

struct client_options {
        struct connection_options connection;
        struct tls_options tls;
        struct handshake_options handshake;
        struct sending_options sending;
        struct printing_options printing;

        const char *url;
        struct aw_tls_context *tls_context; /* of client_load(); or NULL */
};

/* The command line of wsecho: options.c, a table for each group. */
extern const struct aw_opt_program options_program;

/* The defaults. */
void options_init(struct client_options *options);

/* Takes the operands, `count` of them. False after having said what is missing. */
bool options_take_operands(struct client_options *options, char **operands, int count);

/* Frees what parsing allocated. */
void options_free(struct client_options *options);

#endif
