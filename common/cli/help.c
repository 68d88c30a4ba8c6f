/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cli/private.h"

/* The Makefile says which version this is. */
#ifndef AW_VERSION
#define AW_VERSION "unknown"
#endif

#define HELP_WIDTH 80
#define LABEL_MAX  26 /* a longer label has its line to itself */

enum { HELP, VERSION, COMPLETION, BUILTINS };

static const struct aw_opt builtin_options[] = {
        [HELP] = {"help", 'h', AW_OPT_FLAG, NULL, "print this help and exit", 0, 0, 0},
        [VERSION] = {"version", 0, AW_OPT_FLAG, NULL, "print the version and exit", 0, 0, 0},
        [COMPLETION] = {"completion", 0, AW_OPT_CHOICE, "bash", NULL, 0, 0, 0},
        [BUILTINS] = {NULL, 0, AW_OPT_FLAG, NULL, NULL, 0, 0, 0},
};

const struct aw_opt *
aw_opt_next(const struct aw_opt_program *program, const struct aw_opt *option)
{
        option = option == NULL ? program->options : option + 1;
        if (option->name == NULL && option != &builtin_options[BUILTINS])
                option = builtin_options;
        return option->name != NULL ? option : NULL;
}

bool
aw_opt_is_builtin(const struct aw_opt *option)
{
        for (int i = 0; i < BUILTINS; i++)
                if (option == &builtin_options[i])
                        return true;
        return false;
}

/* Prints text from `column` on, broken at spaces so that lines end before HELP_WIDTH. */
static void
print_wrapped(FILE *out, const char *text, int column)
{
        int at = column;

        while (*text != '\0') {
                int length = (int)strcspn(text, " ");

                if (at > column && at + 1 + length >= HELP_WIDTH) {
                        fprintf(out, "\n%*s", column, "");
                        at = column;
                }
                at += fprintf(out, "%s%.*s", at > column ? " " : "", length, text);
                text += length;
                text += strspn(text, " ");
        }
        fputc('\n', out);
}

/*
 * Prints " -n, --name ARGUMENT" and spaces up to `column`, on a line of its own if it is longer.
 */
static void
print_label(FILE *out, const struct aw_opt *option, int length, int column)
{
        if (option->letter != 0)
                fprintf(out, "  -%c, --%s", option->letter, option->name);
        else
                fprintf(out, "      --%s", option->name);
        if (option->argument != NULL)
                fprintf(out, " %s", option->argument);
        if (length + 2 > column) {
                fputc('\n', out);
                length = 0;
        }
        fprintf(out, "%*s", column - length, "");
}

static int
label_length(const struct aw_opt *option)
{
        size_t argument = option->argument != NULL ? 1 + strlen(option->argument) : 0;

        return (int)(strlen("  -n, --") + strlen(option->name) + argument);
}

void
aw_opt_help(const struct aw_opt_program *program, FILE *out)
{
        const struct aw_opt *option = NULL;
        int column = 0;

        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL && label_length(option) <= LABEL_MAX &&
                    label_length(option) + 2 > column)
                        column = label_length(option) + 2;
        fprintf(out, "usage: %s %s\n\n", program->name, program->synopsis);
        print_wrapped(out, program->summary, 0);
        fputs("\noptions:\n", out);
        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL) {
                        print_label(out, option, label_length(option), column);
                        print_wrapped(out, option->help, column);
                }
        if (program->epilogue != NULL)
                fprintf(out, "\n%s\n", program->epilogue);
}

/* The arm of the script's `case` for what follows an option. */
static void
print_completion_arm(const struct aw_opt *option)
{
        fputs("    ", stdout);
        if (option->letter != 0)
                printf("-%c | ", option->letter);
        printf("--%s)", option->name);
        if (option->kind == AW_OPT_CHOICE) {
                fputs(" COMPREPLY=($(compgen -W '", stdout);
                for (const char *c = option->argument; *c != '\0'; c++)
                        putchar(*c == '|' ? ' ' : *c);
                fputs("' -- \"$word\"));", stdout);
        }
        puts(" return ;;");
}

/*
 * A script for bash. It leaves all but options and choices to the completion of file names. bash
 * takes '=' for a word, so with --name=VALUE the name is two words back.
 */
static void
print_completion(const struct aw_opt_program *program)
{
        const struct aw_opt *option = NULL;

        printf("_%s() {\n"
               "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
               "    if [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
               "    if [ \"$word\" = = ]; then word=; fi\n"
               "    COMPREPLY=()\n"
               "    case $before in\n",
               program->name);
        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL && option->kind != AW_OPT_FLAG)
                        print_completion_arm(option);
        fputs("    esac\n"
              "    case $word in -*) ;; *) return ;; esac\n"
              "    COMPREPLY=($(compgen -W '",
              stdout);
        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL)
                        printf("--%s ", option->name);
        printf("' -- \"$word\"))\n"
               "}\n"
               "complete -o default -F _%s %s\n",
               program->name, program->name);
}

/* Whether all that was printed on standard output got there, as far as can be known here. */
static enum aw_opt_status
finish_output(const struct aw_opt_program *program)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return AW_OPT_DONE;
        fprintf(stderr, "%s: standard output: %s\n", program->name, strerror(errno));
        return AW_OPT_FAILED;
}

enum aw_opt_status
aw_opt_run_builtin(const struct aw_opt_program *program, const struct aw_opt *option,
                   const char *text)
{
        if (text != NULL && strcmp(text, option->argument) != 0)
                return aw_opt_usage_error(program, "option '--%s' must be %s, not '%s'",
                                          option->name, option->argument, text);
        if (option == &builtin_options[HELP])
                aw_opt_help(program, stdout);
        else if (option == &builtin_options[VERSION])
                printf("%s %s\n", program->name, AW_VERSION);
        else
                print_completion(program);
        return finish_output(program);
}
