/* SPDX-License-Identifier: MIT */
/*
 * What the server counts, and how it is shown to Prometheus.
 *
 * The counters are one plain structure of uint64_t, without pointers. Each process adds to its own
 * block, without locks; blocks may lie side by side in shared memory, for whoever shows them all.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdio.h>

#include "await/task.h"
#include "await/watch.h"

#define METRICS_CODES    19 /* of Close frames: see metrics_code_names */
#define METRICS_REASONS  20 /* why connections are refused: see metrics_reason_names */
#define METRICS_LIMITS   10 /* that are exceeded: see metrics_limit_names */
#define METRICS_CLASSES  4  /* of HTTP status: 2xx to 5xx */
#define METRICS_VERSIONS 2  /* of TLS: 1.2 and 1.3 */

/* Those that the library has no word for. */
enum metrics_limit {
        METRICS_MAX_CONNECTIONS = WS_LIMIT_MEMORY,
        METRICS_MAX_PER_ADDRESS,
        METRICS_RATE_PER_ADDRESS,
};

struct metrics {
        uint64_t accepted, opened; /* connections so far */
        uint64_t shaking, open;    /* now: with a handshake to complete, and WebSockets */
        uint64_t refused[METRICS_REASONS];
        uint64_t limits[METRICS_LIMITS];
        uint64_t responses[METRICS_CLASSES];
        uint64_t received_closes[METRICS_CODES], sent_closes[METRICS_CODES];
        uint64_t tls[METRICS_VERSIONS][2]; /* the second of two: resumed */
        uint64_t tls_errors;               /* sessions that broke, in their handshakes or later */
        struct aw_histogram handshake, lifetime;

        /* The rest is looked up: see metrics_sample(). */
        struct ws_counters traffic;
        struct ws_compression compression;
        struct aw_histogram lag;
        uint64_t tasks, stack_space, slow_tasks;
        uint64_t connection_memory, message_memory, resident_memory;
        uint64_t log_lost, log_left_out, access_log_lost;
        uint64_t cpu_time;           /* microseconds */
        uint64_t start_time;         /* microseconds since 1970 */
        uint64_t certificate_expiry; /* likewise; 0: there is none */
} __attribute__((aligned(64)));

/*
 * The block to count in from now on; before the first connection. It may have belonged to a process
 * that is gone: what counts goes on, what is there now begins at 0. Without this call it is one of
 * the process's own.
 */
void metrics_use(struct metrics *block);
void metrics_forget(struct metrics *block); /* what is there now, alone */
struct metrics *metrics_block(void);

/* What messages there were in the block when it became ours: they count, too. */
const struct ws_counters *metrics_found_traffic(void);

/* Something happened to a connection; NULL for one that was turned away. */
void metrics_event(enum ws_event event, const struct ws_info *info);

/* A limit was exceeded; or a connection was turned away, for there are too many. */
void metrics_limit(enum metrics_limit limit);
void metrics_turned_away(void);

/*
 * Looks up what is not counted as it happens: so much for the messages of these listeners. They are
 * there, and their number, until they are NULL.
 */
void metrics_set_listeners(struct ws_listener *const *listeners, const size_t *count);
void metrics_sample(void);

/*
 * A task's function: does that each second, and measures ten times as often how late the loop is,
 * until it is cancelled.
 */
async int metrics_watch_loop(void *unused);

/*
 * Writes the sums of so many blocks, which stand one behind the other, in Prometheus' text format
 * 0.0.4. Of more than one, each of them as well, under names of their own (wsechod_worker_...) with
 * the label "worker": sums over the first kind are right then.
 */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void metrics_render(FILE *out, const struct metrics *blocks, size_t count);

/* metrics_table.c: the rows. */
enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics_row {
        const char *name; /* without "wsechod_", unless it begins with "process_" */
        const char *help;
        enum metrics_type type;
        bool microseconds;  /* shown in seconds */
        bool earliest;      /* of several blocks not the sum but the least that is not 0 */
        const char *labels; /* "direction=\"sent\"", or NULL */
        const char *label;  /* of several values in a row, or NULL */
        const char *const *values;
        size_t count;  /* of them, at least 1 */
        size_t offset; /* in struct metrics */
};
extern const struct metrics_row metrics_table[];
extern const size_t metrics_rows;

extern const char *const metrics_code_names[METRICS_CODES];
extern const char *const metrics_reason_names[METRICS_REASONS];
extern const char *const metrics_limit_names[METRICS_LIMITS];

/* Where in the first a code is; in the second, why a connection was refused, and a name. */
size_t metrics_code_index(unsigned code);
size_t metrics_reason_index(const struct ws_info *info);
size_t metrics_reason_named(const char *name);

#endif
