/* SPDX-License-Identifier: MIT */
/* One run: the workers, the clock, Ctrl-C, the live line; and what came of it. */
#ifndef CONDUCTOR_H
#define CONDUCTOR_H

#include "bench.h"
#include "record.h"
#include "target.h"

/*
 * A second of measuring; the last one may be shorter, and has the errors that were found after it.
 */
struct result_second {
        double seconds; /* how long it was */
        uint64_t received, received_bytes, errors;
        uint64_t p50, p99, max; /* nanoseconds */
};

/* Times are nanoseconds. */
struct result {
        const struct bench_options *options;
        const char *url;
        char description[256]; /* "TLSv1.3, ...", or "plain"; "" if no connection came up */
        struct record record;
        struct result_second *seconds; /* of measuring */
        size_t second_count;
        int64_t opening;       /* how long it took to open the connections */
        int64_t duration;      /* of measuring */
        int64_t cpu, cpu_most; /* of this program while measuring, and of its busiest thread */
        int64_t waited;        /* the longest that one of its threads had no core to run on */
        struct target target;
        uint64_t resumed; /* TLS sessions, of all connections */
        int64_t wall;     /* when measuring began, CLOCK_REALTIME */
        bool interrupted;
        const char *missing; /* the process that was not there to look at, or NULL */
        int error;           /* this side could not go on, or 0 */
};

/* SIGINT and SIGTERM. */
extern const int conductor_interrupts[2];

/*
 * Loads the server at the URL as the options say. `live` says whether a line on standard error
 * shows how it goes. A new result, or NULL: no memory; the caller frees it.
 */
struct result *conductor_run(const struct bench_options *options, const char *url,
                             const struct aw_opt_strings *server_pids, bool live);

/*
 * Why there is nothing to tell, after a sentence on standard error: this side could not go on, or not one
 * connection came up, perhaps for want of time. BENCH_OK if there is something.
 */
enum bench_status conductor_failure(const struct result *result);
void conductor_free(struct result *result); /* NULL does nothing */

#endif
