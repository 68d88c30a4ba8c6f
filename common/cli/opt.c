/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "cli/private.h"

struct parser {
        const struct aw_opt_program *program;
        int argc;
        char **argv;
        int next; /* index of the first word not taken yet */
        void *values;
};

enum aw_opt_status
aw_opt_usage_error(const struct aw_opt_program *program, const char *format, ...)
{
        va_list ap;

        fprintf(stderr, "%s: ", program->name);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fprintf(stderr, "\ntry '%s --help'\n", program->name);
        return AW_OPT_USAGE;
}

static enum aw_opt_status
store(const struct parser *parser, const struct aw_opt *option, const char *text)
{
        if (aw_opt_is_builtin(option))
                return aw_opt_run_builtin(parser->program, option, text);
        return aw_opt_store(parser->program, option, text, parser->values);
}

/* Stores `text`, or the next word if it is NULL. */
static enum aw_opt_status
store_argument(struct parser *parser, const struct aw_opt *option, const char *text)
{
        if (text == NULL && parser->next < parser->argc)
                text = parser->argv[parser->next++];
        if (text == NULL)
                return aw_opt_usage_error(parser->program, "option '--%s' needs an argument: %s",
                                          option->name, option->argument);
        return store(parser, option, text);
}

/*
 * The option whose name is the first `length` bytes of `name`, or the only one that begins with
 * them. If there is none, rivals says why: two that begin with them, or NULL.
 */
static const struct aw_opt *
find_long(const struct aw_opt_program *program, const char *name, size_t length,
          const struct aw_opt *rivals[2])
{
        const struct aw_opt *option = NULL;

        rivals[0] = rivals[1] = NULL;
        while ((option = aw_opt_next(program, option)) != NULL) {
                if (strncmp(option->name, name, length) != 0)
                        continue;
                if (option->name[length] == '\0')
                        return option;
                if (option->help == NULL || length == 0)
                        continue;
                rivals[rivals[0] != NULL] = option;
        }
        return rivals[1] == NULL ? rivals[0] : NULL;
}

/* `name` is what follows the two dashes. */
static enum aw_opt_status
take_long(struct parser *parser, const char *name)
{
        const struct aw_opt *option, *rivals[2];
        const char *equals = strchrnul(name, '=');

        option = find_long(parser->program, name, (size_t)(equals - name), rivals);
        if (option == NULL && rivals[0] == NULL)
                return aw_opt_usage_error(parser->program, "unknown option '--%.*s'",
                                          (int)(equals - name), name);
        if (option == NULL)
                return aw_opt_usage_error(
                        parser->program, "option '--%.*s' may be '--%s' or '--%s'",
                        (int)(equals - name), name, rivals[0]->name, rivals[1]->name);
        if (option->kind != AW_OPT_FLAG)
                return store_argument(parser, option, *equals == '=' ? equals + 1 : NULL);
        if (*equals == '=')
                return aw_opt_usage_error(parser->program, "option '--%s' takes no argument",
                                          option->name);
        return store(parser, option, NULL);
}

/* `letters` is what follows the one dash: flags, at most one option with an argument at the end. */
static enum aw_opt_status
take_short(struct parser *parser, const char *letters)
{
        enum aw_opt_status status = AW_OPT_RUN;

        for (const char *letter = letters; *letter != '\0' && status == AW_OPT_RUN; letter++) {
                const struct aw_opt *option = aw_opt_next(parser->program, NULL);

                while (option != NULL && option->letter != *letter)
                        option = aw_opt_next(parser->program, option);
                if (option == NULL)
                        /* All that is left: the letter may be the first byte of several. */
                        return aw_opt_usage_error(parser->program, "unknown option '-%s'", letter);
                if (option->kind != AW_OPT_FLAG)
                        return store_argument(parser, option,
                                              letter[1] != '\0' ? letter + 1 : NULL);
                status = store(parser, option, NULL);
        }
        return status;
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

enum aw_opt_status
aw_opt_parse(const struct aw_opt_program *program, int argc, char **argv, void *values,
             int *operands)
{
        struct parser parser = {program, argc, argv, 1, values};
        enum aw_opt_status status = AW_OPT_RUN;
        bool only_operands = false;
        int count = 0;

        while (parser.next < argc && status == AW_OPT_RUN) {
                char *word = argv[parser.next++];

                if (only_operands || word[0] != '-' || word[1] == '\0')
                        /* Never ahead of the word being read. */
                        argv[1 + count++] = word;
                else if (strcmp(word, "--") == 0)
                        only_operands = true;
                else if (word[1] == '-')
                        status = take_long(&parser, word + 2);
                else
                        status = take_short(&parser, word + 1);
        }
        if (status != AW_OPT_RUN) {
                free_lists(&parser);
                count = 0;
        }
        if (1 + count < argc)
                argv[1 + count] = NULL;
        *operands = count;
        return status;
}
