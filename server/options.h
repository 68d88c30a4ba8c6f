/* SPDX-License-Identifier: MIT */
/* What the command line says. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>
#include <sys/types.h>

#include "access.h"
#include "await/task.h"
#include "await/tls.h"
#include "cli/opt.h"
#include "limit.h"
#include "networks.h"
#include "tls.h"

struct server_options {
        struct aw_opt_strings listen; /* URLs; none: SERVER_URL */
        struct tls_settings tls_settings;
        struct access_settings access;
        uint64_t max_message;
        struct limit_options limits;
        const char *subprotocol; /* first, none, or a name */
        const char *compress;    /* off, shared, context, context:BITS */
        uint64_t compress_level, compress_min;
        const char *socket_mode; /* octal, or NULL */
        const char *socket_group;
        struct networks_options networks;
        const char *test;       /* which behaviours: off, safe or all */
        const char *loop;       /* the back end */
        const char *admin;      /* URL, or NULL */
        const char *access_log; /* file, "-", or NULL */
        const char *log_format; /* text or json */
        const char *log_level;
        struct aw_opt_config config;
        const char *workers;     /* auto, or a number: see options_workers() */
        int64_t worker_timeout;  /* microseconds; 0: off */
        int64_t ticket_rotation; /* microseconds */
        int64_t drain_timeout, drain_delay;
        bool daemon;
        bool takeover;
        int64_t takeover_timeout;   /* microseconds */
        const char *pidfile, *user; /* or NULL */
        bool check;
        int64_t slow_task;          /* microseconds; 0: off */
        struct aw_tls_context *tls; /* of tls_load(), or NULL */
        /* Of a certificate made at start; "" if there is none. */
        char fingerprint[AW_TLS_FINGERPRINT_SIZE];
};

#define SERVER_URL "wss://localhost:7681"

/*
 * Reads the command line, over what a file says, over the defaults. Anything but AW_OPT_RUN: what is
 * wrong was said to `complain`, or on standard error. The words stay where they are. To be freed
 * whatever it returns.
 */
enum aw_opt_status options_parse(int argc, char **argv, struct server_options *options,
                                 void (*complain)(const char *sentence));
void options_clear(struct server_options *options);

/* Whether a URL to listen on, or the default one, begins with this ("wss:"); without case. */
bool options_has_scheme(const struct server_options *options, const char *scheme);

/*
 * options_verify.c: what is wrong with what was read, which is said, and with its place. AW_OPT_RUN:
 * nothing.
 */
enum aw_opt_status options_verify(const struct aw_opt_program *said,
                                  const struct server_options *options);

/* How many workers that is, on this machine; 0: it is no such number. */
#define OPTIONS_WORKERS_MAX 1024
unsigned options_workers(const char *text);

/* Logs which variables of the environment look like options', but are none's. */
void options_warn_ignored(void);

/* Logs which of the options that hold until the end have changed. */
void options_warn_fixed(const struct server_options *now, const struct server_options *fresh);

/* The mode that is written in octal, 01 to 0777; 0 if it is none. */
unsigned options_socket_mode(const char *text);

/* The group of this name or number, or 0: there is none, or it is root's. */
gid_t options_socket_group(const char *text);

/* Logs what is wrong with an option's value, with the place where it was said in front. */
void options_refuse_value(const struct server_options *options, const char *name, const char *value,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
