/* SPDX-License-Identifier: MIT */
/* A result in its forms. Each writes to a stream, whose state tells whether it could be written. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

struct result;

/* For people: what was done, what came of it, and a histogram. */
void report_table(const struct result *result, FILE *out);

/* One JSON object. -1 with ENOMEM. */
int report_json(const struct result *result, FILE *out);

/* A header, and a row for each second. */
void report_csv(const struct result *result, FILE *out);

/* The percentiles of the latency as HdrHistogram prints them, in milliseconds. */
void report_hdr(const struct result *result, FILE *out);

/* A page that needs nothing else. */
void report_page(const struct result *result, FILE *out);

#endif
