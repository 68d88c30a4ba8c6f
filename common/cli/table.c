/* SPDX-License-Identifier: MIT */
/* The table of a program's options, and the options that every program has. */
#include "cli/private.h"

const struct aw_opt aw_opt_builtin[] = {
        [AW_OPT_HELP] = {.topic = "Other",
                         .name = "help",
                         .letter = 'h',
                         .kind = AW_OPT_FLAG,
                         .help = "print this help and exit"},
        [AW_OPT_VERSION] = {.name = "version",
                            .kind = AW_OPT_FLAG,
                            .help = "print the versions and exit"},
        [AW_OPT_COMPLETION] = {.name = "completion", .kind = AW_OPT_CHOICE, .argument = "bash|zsh"},
        [AW_OPT_BUILTINS] = {.name = NULL},
};

const struct aw_opt *
aw_opt_next(const struct aw_opt_program *program, const struct aw_opt *option)
{
        option = option == NULL ? program->options : option + 1;
        if (option->name == NULL && option != &aw_opt_builtin[AW_OPT_BUILTINS])
                option = aw_opt_builtin;
        return option->name != NULL ? option : NULL;
}

bool
aw_opt_is_builtin(const struct aw_opt *option)
{
        return option >= aw_opt_builtin && option < aw_opt_builtin + AW_OPT_BUILTINS;
}
