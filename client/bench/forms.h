/* SPDX-License-Identifier: MIT */
/* Where a result is written: standard output, and the files that options name. */
#ifndef FORMS_H
#define FORMS_H

#include <stdio.h>

#include "bench.h"

#define FORMS_FILES 3

struct result;

struct forms {
        FILE *files[FORMS_FILES]; /* NULL: not asked for */
};

/*
 * Opens the files, so that a run is not in vain. What is in them stays until a result is written.
 * BENCH_OK, or after a sentence on standard error BENCH_LOCAL, or BENCH_USAGE if two results would go
 * into one file.
 */
enum bench_status forms_open(struct forms *forms, const struct bench_options *options);

/*
 * Writes the result to all of them, also if one fails. BENCH_OK, or after a sentence on standard error
 * for each that failed BENCH_LOCAL.
 */
enum bench_status forms_write(struct forms *forms, const struct result *result);

void forms_close(struct forms *forms);

#endif
