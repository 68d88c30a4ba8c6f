/* SPDX-License-Identifier: MIT */
/* The figures of a result by their names, as --fail-if and --compare know them. */
#ifndef FIGURES_H
#define FIGURES_H

#include <stdbool.h>
#include <stdint.h>

struct bench_options;
struct result;

/* Whether there is such a figure, and whether it is a duration (in milliseconds). */
bool figures_known(const char *name, bool *is_duration);

/* Why these options leave nothing to tell for it ("needs --server-pid"), or NULL. */
const char *figures_missing(const char *name, const struct bench_options *options);

/* Its value in this result; NAN if it was not measured. Aborts for one that is not known. */
double figures_value(const struct result *result, const char *name);

/* Messages, or with --churn cycles, a second. */
double figures_rate(const struct result *result);
double figures_milliseconds(uint64_t nanoseconds);

/* The server's processor time for each of them, microseconds; 0: not known. */
double figures_server_cpu(const struct result *result);

/* The same for this program. */
double figures_own_cpu(const struct result *result);

/* The share of a core that the busiest thread of this program used, 0 to 1. */
double figures_busy(const struct result *result);

/* The share of the time that a thread of it had to wait for a core, 0 to 1. */
double figures_waited(const struct result *result);

/* Why some messages, or cycles, were never sent; NULL if all were. */
const char *figures_why_unsent(const struct result *result);

/* Bytes of the server's memory for each connection; NAN: not known. */
double figures_server_memory(const struct result *result);

#endif
