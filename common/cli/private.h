/* SPDX-License-Identifier: MIT */
/* What the files behind opt.h share; each may call those above it here. */
#ifndef AW_CLI_PRIVATE_H
#define AW_CLI_PRIVATE_H

#include "cli/opt.h"

/* table.c: the options that every program has. */
enum { AW_OPT_HELP, AW_OPT_VERSION, AW_OPT_COMPLETION, AW_OPT_BUILTINS };
extern const struct aw_opt aw_opt_builtin[];
bool aw_opt_is_builtin(const struct aw_opt *option);

/* The program's options, then the built-in ones; begins with and ends in NULL. */
const struct aw_opt *aw_opt_next(const struct aw_opt_program *program, const struct aw_opt *option);

/*
 * nearest.c: the name of the option that somebody may have meant who wrote this; NULL if it is like
 * none, or like several.
 */
const char *aw_opt_nearest(const struct aw_opt_program *program, const char *word, size_t length);

/* completion.c: prints the script for a shell of the option's choice on standard output. */
void aw_opt_completion(const struct aw_opt_program *program, const char *shell);

/* version.c: prints the program's version, and those of the libraries that it runs with. */
void aw_opt_version(const struct aw_opt_program *program, FILE *out);

/*
 * help.c: does what a built-in option says, whose argument is a right one: AW_OPT_DONE or
 * AW_OPT_FAILED.
 */
enum aw_opt_status aw_opt_run_builtin(const struct aw_opt_program *program,
                                      const struct aw_opt *option, const char *text);

/*
 * config.c: stores what the file config->path says. Anything but AW_OPT_RUN: it was said what is
 * wrong.
 */
enum aw_opt_status aw_opt_read_config(const struct aw_opt_program *program,
                                      struct aw_opt_config *config, void *values);

/*
 * origin.c. note_origin: who said this; 0, or -1 with errno ENOMEM. environment: what a variable says
 * of the option, or NULL. take_environment: stores that.
 */
int aw_opt_note_origin(struct aw_opt_config *config, const struct aw_opt *option, const char *value,
                       int line);
const char *aw_opt_environment(const struct aw_opt_program *program, const struct aw_opt *option);
enum aw_opt_status aw_opt_take_environment(const struct aw_opt_program *program,
                                           struct aw_opt_config *config,
                                           const struct aw_opt *option, void *values);

/*
 * value.c: checks the text (NULL for a flag) and stores what it says in the option's field, or does
 * what a built-in option says.
 */
enum aw_opt_status aw_opt_store(const struct aw_opt_program *program, const struct aw_opt *option,
                                const char *text, void *values);

/* value.c: a switch, or one that is counted, is as if it had not been given. */
void aw_opt_unset(const struct aw_opt *option, void *values);

#endif
