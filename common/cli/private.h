/* SPDX-License-Identifier: MIT */
/* What the files behind opt.h share. */
#ifndef AW_CLI_PRIVATE_H
#define AW_CLI_PRIVATE_H

#include "cli/opt.h"

/* The program's options, then the built-in ones; begins with and ends in NULL. */
const struct aw_opt *aw_opt_next(const struct aw_opt_program *program, const struct aw_opt *option);

/* True for the options that every program has. */
bool aw_opt_is_builtin(const struct aw_opt *option);

/* Does what a built-in option says: AW_OPT_DONE, or what went wrong. */
enum aw_opt_status aw_opt_run_builtin(const struct aw_opt_program *program,
                                      const struct aw_opt *option, const char *text);

/* Checks the text (NULL for a flag) and stores what it says in the option's field. */
enum aw_opt_status aw_opt_store(const struct aw_opt_program *program, const struct aw_opt *option,
                                const char *text, void *values);

#endif
