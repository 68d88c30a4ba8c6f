/* SPDX-License-Identifier: MIT */
/* What wsbench was asked to do, and how it can end. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "await/tls.h"
#include "await/ws.h"
#include "cli/opt.h"
#include "network.h"
#include "sizes.h"

enum bench_status {
        BENCH_OK = 0,
        BENCH_LOCAL = 1, /* trouble here: a file cannot be written, no memory */
        BENCH_USAGE = 2,
        BENCH_CONNECTION = 3, /* not one connection came up, and why */
        BENCH_TLS = 4,
        BENCH_HANDSHAKE = 5,
        BENCH_ERRORS = 6, /* a connection was cut or refused, an echo lost or not right */
        BENCH_TIMEOUT = 7,
        BENCH_MISSED = 8, /* --fail-if */
};

/* What each connection does. */
enum bench_work {
        BENCH_ECHO,    /* sends, and checks what comes back */
        BENCH_NO_ECHO, /* sends, and counts what comes */
        BENCH_CHURN,   /* one echo, then a new connection, over and over */
        BENCH_IDLE,    /* nothing */
};

/* Durations are in microseconds, -1: not given. */
struct bench_options {
        uint64_t connections, messages, in_flight, rate, connect_rate, rounds, sources;
        int64_t duration, warm_up, ramp, timeout;
        const char *size, *message, *threads, *loop, *csv, *hdr, *report, *compress_mode;
        bool binary, compress, churn, resume, idle, no_echo, json, compare;
        struct aw_opt_strings headers, server_pids, fail_if;
        struct network_options network;
        struct tls_options trust;

        /* What bench_prepare() makes of them. */
        enum bench_work work;
        struct sizes sizes;
        void *text; /* of the message, if one was given, malloc'ed */
        size_t text_length;
        size_t thread_count;
        struct aw_tls_context *tls, *proxy_tls;
        struct ws_deflate_options deflate;
};

/*
 * Checks the options and reads what they name, before the loop and on the program's own stack.
 * BENCH_OK, or after a sentence on standard error the exit status.
 */
enum bench_status bench_prepare(struct bench_options *options, const struct aw_opt_program *program,
                                char *const *urls);
void bench_release(struct bench_options *options);

/*
 * What may be done about it, to be put behind the sentence; "" if we know nothing. As network_cure(),
 * but for what wsbench has no option for.
 */
const char *bench_cure(const struct aw_error *error);

/* Prints "wsbench: sentence" on standard error. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
