/* SPDX-License-Identifier: MIT */
/* Options from a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/private.h"

#define SIZE_MAX_OF_FILE ((size_t)1 << 20)
#define SPACE            " \t\r"

/* One line, as it is read: "name", "name value" or "name=value". */
struct line {
        char *name, *value; /* NULL: there is none */
};

static enum aw_opt_status
cannot_read(const struct aw_opt_program *program, const char *path, const char *reason)
{
        return aw_opt_usage_error(program, "cannot read '%s': %s", path, reason);
}

static enum aw_opt_status
read_text(const struct aw_opt_program *program, struct aw_opt_config *config)
{
        FILE *file = fopen(config->path, "re");
        enum aw_opt_status status = AW_OPT_RUN;
        size_t length;

        if (file == NULL)
                return cannot_read(program, config->path, strerror(errno));
        config->text = malloc(SIZE_MAX_OF_FILE + 1);
        if (config->text == NULL) {
                fclose(file);
                return cannot_read(program, config->path, strerror(ENOMEM));
        }
        length = fread(config->text, 1, SIZE_MAX_OF_FILE + 1, file);
        if (ferror(file))
                status = cannot_read(program, config->path, strerror(errno));
        else if (length > SIZE_MAX_OF_FILE)
                status = cannot_read(program, config->path, "it is larger than 1 MiB");
        else if (memchr(config->text, '\0', length) != NULL)
                status = cannot_read(program, config->path, "it is no text: there is a NUL in it");
        else
                config->text[length] = '\0';
        fclose(file);
        return status;
}

/* Ends the text before white space at its end. */
static void
trim_end(char *text)
{
        size_t length = strlen(text);

        while (length > 0 && strchr(SPACE, text[length - 1]) != NULL)
                text[--length] = '\0';
}

/* False if there is nothing on the line. The dashes of the command line may stand there, too. */
static bool
split_line(char *text, struct line *line)
{
        text += strspn(text, SPACE);
        if (*text == '#' || *text == '\0')
                return false;
        if (strncmp(text, "--", 2) == 0)
                text += 2;
        trim_end(text);
        line->name = text;
        text += strcspn(text, SPACE "=");
        line->value = *text == '\0' ? NULL : text + 1;
        if (line->value != NULL) {
                line->value += strspn(line->value, SPACE);
                if (*text != '=' && *line->value == '=')
                        line->value += 1 + strspn(line->value + 1, SPACE);
                *text = '\0';
        }
        return true;
}

static const struct aw_opt *
find_option(const struct aw_opt_program *program, const char *name)
{
        const struct aw_opt *option = program->options;

        while (option->name != NULL && strcmp(option->name, name) != 0)
                option++;
        return option->name == NULL || option->kind == AW_OPT_CONFIG ? NULL : option;
}

static enum aw_opt_status
take_config_line(const struct aw_opt_program *program, struct aw_opt_config *config,
                 const struct line *line, int number, void *values)
{
        const struct aw_opt *option = find_option(program, line->name);

        if (option == NULL) {
                const char *meant = aw_opt_nearest(program, line->name, strlen(line->name));

                return aw_opt_usage_error(program, "unknown option '%s'%s%s%s", line->name,
                                          meant == NULL ? "" : ": did you mean '",
                                          meant == NULL ? "" : meant, meant == NULL ? "" : "'?");
        }
        if (option->argument == NULL && line->value != NULL)
                return aw_opt_usage_error(program, "option '--%s' takes no argument", option->name);
        if (option->argument != NULL && line->value == NULL)
                return aw_opt_usage_error(program, "option '--%s' needs an argument: %s",
                                          option->name, option->argument);
        if (aw_opt_note_origin(config, option, line->value, number) == -1)
                return cannot_read(program, config->path, strerror(ENOMEM));
        return aw_opt_store(program, option, line->value, values);
}

enum aw_opt_status
aw_opt_read_config(const struct aw_opt_program *program, struct aw_opt_config *config, void *values)
{
        struct aw_opt_program placed = *program;
        enum aw_opt_status status = read_text(program, config);
        char *at = config->text, *end;
        struct line line;
        char place[512];

        placed.place = place;
        /* What some editors put in front of UTF-8. */
        if (status == AW_OPT_RUN && strncmp(at, "\xef\xbb\xbf", 3) == 0)
                at += 3;
        for (int number = 1; status == AW_OPT_RUN && at != NULL; number++) {
                end = strchr(at, '\n');
                if (end != NULL)
                        *end = '\0';
                snprintf(place, sizeof(place), "%s:%d: ", config->path, number);
                if (split_line(at, &line))
                        status = take_config_line(&placed, config, &line, number, values);
                at = end == NULL ? NULL : end + 1;
        }
        return status;
}
