/* SPDX-License-Identifier: MIT */
/* What a program prints about its options. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "await/log.h"
#include "cli/private.h"

#define HELP_WIDTH   80
#define SENTENCE_MAX 4096
#define LABEL_MAX    26 /* a longer label has its line to itself */

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
                fprintf(out, option->implied == NULL ? " %s" : "[=%s]", option->argument);
        if (length + 2 > column) {
                fputc('\n', out);
                length = 0;
        }
        fprintf(out, "%*s", column - length, "");
}

static int
label_length(const struct aw_opt *option)
{
        size_t argument = option->argument == NULL
                                  ? 0
                                  : strlen(option->argument) + (option->implied == NULL ? 1 : 3);

        return (int)(strlen("  -n, --") + strlen(option->name) + argument);
}

static bool
is_shown(const struct aw_opt *option, bool all)
{
        return option->help != NULL && (all || !option->seldom);
}

/* Some of the options are seldom used. */
static bool
has_more(const struct aw_opt_program *program)
{
        const struct aw_opt *option = program->options;

        while (option->name != NULL && !option->seldom)
                option++;
        return option->name != NULL;
}

/* In the row of --help, so that the short help fits a screen beside two prompts. */
static const char *
help_of(const struct aw_opt_program *program, const struct aw_opt *option, bool all)
{
        if (!all && strcmp(option->name, "help") == 0 && has_more(program))
                return "print this help and exit; --help all: of all options";
        return option->help;
}

void
aw_opt_help(const struct aw_opt_program *program, bool all, FILE *out)
{
        const struct aw_opt *option = NULL;
        int column = 0;

        while ((option = aw_opt_next(program, option)) != NULL)
                if (is_shown(option, all) && label_length(option) <= LABEL_MAX &&
                    label_length(option) + 2 > column)
                        column = label_length(option) + 2;
        fprintf(out, "usage: %s %s\n\n", program->name, program->synopsis);
        print_wrapped(out, program->summary, 0);
        fputs(all && program->options->topic != NULL ? "" : "\noptions:\n", out);
        while ((option = aw_opt_next(program, option)) != NULL) {
                if (all && option->topic != NULL && program->options->topic != NULL)
                        fprintf(out, "\n%s:\n", option->topic);
                if (is_shown(option, all)) {
                        print_label(out, option, label_length(option), column);
                        print_wrapped(out, help_of(program, option, all), column);
                }
        }
        if (program->epilogue != NULL)
                fprintf(out, "\n%s\n", program->epilogue);
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
        if (option == &aw_opt_builtin[AW_OPT_HELP])
                aw_opt_help(program, text != NULL && strcmp(text, "all") == 0, stdout);
        else if (option == &aw_opt_builtin[AW_OPT_VERSION])
                aw_opt_version(program, stdout);
        else
                aw_opt_completion(program, text);
        return finish_output(program);
}

enum aw_opt_status
aw_opt_usage_error(const struct aw_opt_program *program, const char *format, ...)
{
        const char *place = program->place != NULL ? program->place : "";
        char raw[SENTENCE_MAX], sentence[SENTENCE_MAX];
        size_t used;
        va_list arguments;
        int length = snprintf(raw, sizeof(raw), "%s", place);

        va_start(arguments, format);
        vsnprintf(raw + length, sizeof(raw) - (size_t)length, format, arguments);
        va_end(arguments);
        /* It quotes what was given, which a terminal is not to obey. */
        aw_log_escape(raw, strlen(raw), "", sentence, sizeof(sentence), &used);
        if (program->complain != NULL)
                program->complain(sentence);
        else if (place[0] != '\0')
                fprintf(stderr, "%s: %s\n", program->name, sentence);
        else
                fprintf(stderr, "%s: %s\ntry '%s --help'\n", program->name, sentence,
                        program->name);
        return AW_OPT_USAGE;
}
