/* SPDX-License-Identifier: MIT */
/* The command line, taken apart by getopt_long() as the table says. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "cli/opt.h"

#include "await/log.h"
#include "cli/private.h"

#define OPTIONS_MAX 128

/*
 * What getopt_long() returns: LONG and the place in the table, a letter, OPERAND, MISSING or
 * WRONG.
 */
enum { LONG = 256, OPERAND = 1, MISSING = ':', WRONG = '?' };

struct parser {
        const struct aw_opt_program *program;
        void *values;
        const struct aw_opt *options[OPTIONS_MAX];
        size_t count;
        struct option names[OPTIONS_MAX + 1]; /* of the same options */
        char letters[2 * OPTIONS_MAX + 3];
        struct aw_opt_config *config; /* NULL: the program has no files of options */
        bool earlier[OPTIONS_MAX];    /* a list that what comes now has not replaced yet */
};

/* A hidden option is known only where it is written out: it is nobody's rival. */
static bool
is_written_out(const char *name, int argc, char **argv)
{
        size_t length = strlen(name);

        for (int i = 1; i < argc; i++)
                if (strncmp(argv[i], "--", 2) == 0 && strncmp(argv[i] + 2, name, length) == 0 &&
                    (argv[i][2 + length] == '\0' || argv[i][2 + length] == '='))
                        return true;
        return false;
}

static void
add_option(struct parser *parser, const struct aw_opt *option)
{
        bool flag = option->argument == NULL;
        char letter[] = {option->letter, flag ? '\0' : ':', '\0'};

        if (parser->count == OPTIONS_MAX)
                aw_log_abort("aw_opt_parse(): more than %d options", OPTIONS_MAX);
        parser->options[parser->count] = option;
        parser->names[parser->count] =
                (struct option){.name = option->name,
                                .has_arg = flag                      ? no_argument
                                           : option->implied != NULL ? optional_argument
                                                                     : required_argument,
                                .val = LONG + (int)parser->count};
        parser->count++;
        strcat(parser->letters, letter);
}

static void
read_table(struct parser *parser, int argc, char **argv)
{
        const struct aw_opt *option = NULL;

        /* Operands in their places among the options, and a missing argument told apart. */
        strcpy(parser->letters, "-:");
        while ((option = aw_opt_next(parser->program, option)) != NULL)
                if (option->help != NULL || is_written_out(option->name, argc, argv))
                        add_option(parser, option);
}

/* The option that getopt_long() means; NULL: none. */
static const struct aw_opt *
option_of(const struct parser *parser, int code)
{
        if (code >= LONG)
                return parser->options[code - LONG];
        for (size_t i = 0; i < parser->count; i++)
                if (parser->options[i]->letter == code && code != 0)
                        return parser->options[i];
        return NULL;
}

static enum aw_opt_status
refuse_unknown(const struct aw_opt_program *program, const char *name, int length)
{
        const char *meant = aw_opt_nearest(program, name, (size_t)length);

        return aw_opt_usage_error(program, "unknown option '--%.*s'%s%s%s", length, name,
                                  meant == NULL ? "" : ": did you mean '--",
                                  meant == NULL ? "" : meant, meant == NULL ? "" : "'?");
}

/* `name` is no option's, or the beginning of several. */
static enum aw_opt_status
refuse_name(const struct parser *parser, const char *name)
{
        const char *rivals[2] = {NULL, NULL};
        int length = (int)strcspn(name, "=");

        for (size_t i = 0; i < parser->count && length > 0; i++)
                if (strncmp(parser->names[i].name, name, (size_t)length) == 0)
                        rivals[rivals[0] != NULL] = parser->names[i].name;
        if (rivals[1] == NULL)
                return refuse_unknown(parser->program, name, length);
        return aw_opt_usage_error(parser->program, "option '--%.*s' may be '--%s' or '--%s'",
                                  length, name, rivals[0], rivals[1]);
}

/* Says what is wrong with the word, of which getopt_long() made WRONG. */
static enum aw_opt_status
refuse_word(const struct parser *parser, const char *word)
{
        if (optopt >= LONG)
                return aw_opt_usage_error(parser->program, "option '--%s' takes no argument",
                                          option_of(parser, optopt)->name);
        if (strncmp(word, "--", 2) == 0)
                return refuse_name(parser, word + 2);
        /* All that is left: the letter may be the first byte of several. */
        return aw_opt_usage_error(parser->program, "unknown option '-%s'",
                                  strchr(word + 1, (char)optopt));
}

/* The lists begin anew where somebody who comes later has the word. */
static void
replace_list(struct parser *parser, const struct aw_opt *option)
{
        for (size_t i = 0; i < parser->count && option->kind == AW_OPT_STRINGS; i++) {
                if (!parser->earlier[i] || parser->options[i]->offset != option->offset)
                        continue;
                parser->earlier[i] = false;
                aw_opt_strings_free((void *)((char *)parser->values + option->offset));
        }
}

static enum aw_opt_status
take_code(struct parser *parser, int code, const char *word, const char *next)
{
        const struct aw_opt *option = option_of(parser, code == MISSING ? optopt : code);
        const char *text;

        if (code == WRONG)
                return refuse_word(parser, word);
        if (code == MISSING)
                return aw_opt_usage_error(parser->program, "option '--%s' needs an argument: %s",
                                          option->name, option->argument);
        if (option == &aw_opt_builtin[AW_OPT_HELP])
                return aw_opt_store(parser->program, option, next, parser->values);
        replace_list(parser, option);
        text = optarg == NULL ? option->implied : optarg;
        if (parser->config != NULL &&
            aw_opt_note_origin(parser->config, option, text, AW_OPT_COMMAND_LINE) == -1)
                return AW_OPT_FAILED;
        return aw_opt_store(parser->program, option, text, parser->values);
}

void
aw_opt_keep_standard(void)
{
        int fd;

        for (fd = 0; fd <= 2; fd++)
                /* The lowest one that is free; reading from it, or writing to it, fails. */
                if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
                        open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static void
free_lists(const struct parser *parser)
{
        const struct aw_opt *option = parser->program->options;

        for (; option->name != NULL; option++)
                if (option->kind == AW_OPT_STRINGS)
                        aw_opt_strings_free((void *)((char *)parser->values + option->offset));
}

/* Where the table has a place for a file of options. */
static void
find_config(struct parser *parser)
{
        const struct aw_opt *option = parser->program->options;

        while (option->name != NULL && option->kind != AW_OPT_CONFIG)
                option++;
        if (option->name == NULL)
                return;
        parser->config = (void *)((char *)parser->values + option->offset);
        parser->config->path = aw_opt_environment(parser->program, option);
}

/* Finds out which file the command line names. False: whatever it says, it is only to print. */
static bool
look_ahead(const struct parser *parser, int argc, char **argv)
{
        const struct aw_opt *option;
        int code;

        optind = 0;
        while ((code = getopt_long(argc, argv, parser->letters, parser->names, NULL)) != -1) {
                option = code == OPERAND ? NULL : option_of(parser, code);
                if (option != NULL && aw_opt_is_builtin(option))
                        return false;
                if (option != NULL && option->kind == AW_OPT_CONFIG)
                        parser->config->path = optarg;
        }
        return true;
}

/* What was said so far gives way to what comes now. */
static void
begin_source(struct parser *parser)
{
        for (size_t i = 0; i < parser->count; i++)
                parser->earlier[i] = parser->options[i]->kind == AW_OPT_STRINGS;
}

static enum aw_opt_status
read_environment(struct parser *parser)
{
        enum aw_opt_status status = AW_OPT_RUN;

        for (size_t i = 0; i < parser->count && status == AW_OPT_RUN; i++) {
                if (aw_opt_is_builtin(parser->options[i]))
                        continue;
                if (aw_opt_environment(parser->program, parser->options[i]) != NULL)
                        replace_list(parser, parser->options[i]);
                status = aw_opt_take_environment(parser->program, parser->config,
                                                 parser->options[i], parser->values);
        }
        return status;
}

/* The file, then the environment, each of which wins over what came before. */
static enum aw_opt_status
read_other_sources(struct parser *parser, int argc, char **argv)
{
        enum aw_opt_status status = AW_OPT_RUN;

        find_config(parser);
        if (parser->config == NULL || !look_ahead(parser, argc, argv))
                return AW_OPT_RUN;
        if (parser->config->path != NULL)
                status = aw_opt_read_config(parser->program, parser->config, parser->values);
        begin_source(parser);
        if (status == AW_OPT_RUN)
                status = read_environment(parser);
        begin_source(parser);
        return status;
}

enum aw_opt_status
aw_opt_parse(const struct aw_opt_program *program, int argc, char **argv, void *values,
             int *operands)
{
        struct parser parser = {.program = program, .values = values};
        enum aw_opt_status status;
        const char *word;
        int count = 0, code = 0;

        read_table(&parser, argc, argv);
        opterr = 0;
        status = read_other_sources(&parser, argc, argv);
        optind = 0; /* begins anew, at 1 */
        while (status == AW_OPT_RUN && code != -1) {
                word = argc > 1 ? argv[optind == 0 ? 1 : optind] : "";
                code = getopt_long(argc, argv, parser.letters, parser.names, NULL);
                /* Operands move to the front, never ahead of the word being read. */
                if (code == OPERAND)
                        argv[1 + count++] = optarg;
                else if (code != -1)
                        status =
                                take_code(&parser, code, word, optind < argc ? argv[optind] : NULL);
        }
        /* Those behind "--". */
        while (status == AW_OPT_RUN && optind < argc && argc > 0)
                argv[1 + count++] = argv[optind++];
        if (status != AW_OPT_RUN) {
                free_lists(&parser);
                count = 0;
        }
        if (1 + count < argc)
                argv[1 + count] = NULL;
        *operands = count;
        return status;
}
