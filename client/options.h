/* SPDX-License-Identifier: MIT */
/* What wsecho was asked to do: one small group of options for each question. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "await/ws.h"
#include "cli/opt.h"
#include "network.h"

/* How the server is reached. Times are in microseconds; 0: never. */
struct connection_options {
        const char *url; /* -c, as wscat has it */
        int64_t timeout; /* without progress, while something is awaited */
        int64_t connect_timeout;
        int64_t ping_interval, ping_timeout;
        int64_t reconnect; /* the longest pause between two attempts; 0: none */
        uint64_t max_message;
        const char *loop; /* the back end */
};

/* What the opening handshake asks for. */
struct handshake_options {
        struct aw_opt_strings headers; /* "Name: value", "Name;", "@FILE" */
        struct aw_opt_strings subprotocols, cookies;
        const char *origin;
        const char *user, *bearer_file;
        bool location;
        uint64_t max_redirs;
        bool compress;
        const char *compress_mode; /* or NULL */

        struct ws_deflate_options deflate; /* what options_check() made of them */
};

/* What is sent. */
struct sending_options {
        char **messages; /* operands, count of them */
        int count;
        struct aw_opt_strings parts; /* of -d and -f, in order; they come before the operands */
        bool binary;
        bool lines; /* of standard input, though binary */
        bool null;  /* NUL ends what LF ends otherwise, in and out */
        bool hex, base64;
        bool no_stdin;
        bool echo; /* what comes, and nothing else */
        uint64_t repeat;
        int64_t interval;
};

/* What is printed. */
struct printing_options {
        const char *format; /* of binary messages: auto, hex, base64, raw; NULL: not given */
        bool raw;
        bool json;
        bool timestamps;
        bool ping_pong;
        bool quiet;
        unsigned verbose;
};

/* A session at a terminal. */
struct terminal_options {
        bool on; /* options_check() finds that somebody sits there, and there is nothing else to send */
        bool history;
        bool no_slash;
        bool no_color;
};

/* When it ends, and how. */
struct ending_options {
        const char *wait; /* TIME, replies or forever */
        uint64_t count, skip;
        bool one;
        const char *expect, *reject;
        const char *close, *close_ok;
        int64_t max_time;

        /* What options_check() made of them. */
        bool forever;
        int64_t wait_time; /* -1: for replies */
        regex_t expected, rejected;
        bool has_expected, has_rejected;
        unsigned code;
        const char *reason; /* or NULL */
};

struct client_options {
        struct connection_options connection;
        struct network_options network;
        struct tls_options tls;
        struct handshake_options handshake;
        struct sending_options sending;
        struct printing_options printing;
        struct terminal_options terminal;
        struct ending_options ending;

        const char *url;
        char **copies; /* of words of argv that held secrets */
        size_t copy_count;
};

/* The command line of wsecho: options.c. */
extern const struct aw_opt_program options_program;

/* The defaults. */
void options_init(struct client_options *options);

/*
 * Takes the operands, `count` of them, and checks what the table cannot. False after having said
 * what is wrong: check.c.
 */
bool options_check(struct client_options *options, char **operands, int count);

/* Whether --close-ok names the code of a Close frame. */
bool options_close_ok(const struct ending_options *ending, unsigned code);

/*
 * A code that may stand in a Close frame (section 7.4), at the beginning of the text, or 0. *end
 * points behind it.
 */
unsigned options_read_code(const char *text, char **end);

/* There is a message on the command line, or in a file. */
bool options_have_messages(const struct sending_options *sending);

/* Text is UTF-8 whatever the locale is, and nothing else of that matters. False: it cannot be. */
bool options_use_utf8(void);

/* Frees what parsing and checking allocated. */
void options_free(struct client_options *options);

#endif
