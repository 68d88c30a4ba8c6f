/* SPDX-License-Identifier: MIT */
/* --fail-if: "p99>10ms", "lost>0", "rate<40000". */
#ifndef CONDITION_H
#define CONDITION_H

#include "bench.h"

struct result;

/*
 * BENCH_OK if all of --fail-if are conditions, of what is measured, or BENCH_USAGE after having said
 * which is not.
 */
enum bench_status condition_check(const struct bench_options *options,
                                  const struct aw_opt_program *program);

/* BENCH_OK if none holds; BENCH_MISSED after having said which do, and what was measured. */
enum bench_status condition_judge(const struct aw_opt_strings *conditions,
                                  const struct result *result);

#endif
