/* SPDX-License-Identifier: MIT */
/* Options from the environment; and where each value came from, for whoever finds it wrong later. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/private.h"

#define SPACE    " \t\r\n"
#define NAME_MAX 100

/* Where values come from. */

int
aw_opt_note_origin(struct aw_opt_config *config, const struct aw_opt *option, const char *value,
                   int line)
{
        struct aw_opt_origin *origins =
                realloc(config->origins, (config->origin_count + 1) * sizeof(*origins));

        if (origins == NULL)
                return -1;
        config->origins = origins;
        origins[config->origin_count++] = (struct aw_opt_origin){option, value, line};
        return 0;
}

/* The last one that is of the value itself, or if there is none of the option. */
static const struct aw_opt_origin *
find_origin(const struct aw_opt_config *config, const char *name, const char *value)
{
        const struct aw_opt_origin *last = NULL;

        for (size_t i = config->origin_count; i-- > 0;) {
                const struct aw_opt_origin *origin = &config->origins[i];

                if (strcmp(origin->option->name, name) != 0)
                        continue;
                if (last == NULL)
                        last = origin;
                if (origin->value == value)
                        return origin;
        }
        return last;
}

/* The variable's name: PREFIX_MAX_MESSAGE. */
static const char *
variable_of(const char *prefix, const struct aw_opt *option, char out[NAME_MAX])
{
        int length = snprintf(out, NAME_MAX, "%s%s", prefix, option->name);

        for (int i = (int)strlen(prefix); i < length && i < NAME_MAX; i++)
                out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
        return out;
}

const char *
aw_opt_place(const struct aw_opt_config *config, const char *name, const char *value,
             char out[AW_OPT_PLACE_SIZE])
{
        const struct aw_opt_origin *origin = find_origin(config, name, value);
        char variable[NAME_MAX];

        out[0] = '\0';
        if (origin != NULL && origin->line > 0)
                snprintf(out, AW_OPT_PLACE_SIZE, "%.470s:%d: ", config->path, origin->line);
        else if (origin != NULL && origin->line == AW_OPT_ENVIRONMENT)
                snprintf(out, AW_OPT_PLACE_SIZE,
                         "%s: ", variable_of(config->prefix, origin->option, variable));
        return out;
}

enum aw_opt_status
aw_opt_value_error(const struct aw_opt_program *program, const struct aw_opt_config *config,
                   const char *name, const char *value, const char *format, ...)
{
        struct aw_opt_program placed = *program;
        char place[AW_OPT_PLACE_SIZE], *sentence;
        enum aw_opt_status status;
        va_list arguments;

        placed.place = aw_opt_place(config, name, value, place);
        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) == -1)
                sentence = NULL;
        va_end(arguments);
        status = aw_opt_usage_error(&placed, "%s", sentence == NULL ? "out of memory" : sentence);
        free(sentence);
        return status;
}

/* The environment. */

static enum aw_opt_status
lacks_memory(const struct aw_opt_program *program)
{
        fprintf(stderr, "%s: out of memory\n", program->name);
        return AW_OPT_FAILED;
}

static enum aw_opt_status
keep_value(const struct aw_opt_program *placed, struct aw_opt_config *config,
           const struct aw_opt *option, const char *text, void *values)
{
        enum aw_opt_status status = aw_opt_store(placed, option, text, values);

        if (status == AW_OPT_RUN &&
            aw_opt_note_origin(config, option, text, AW_OPT_ENVIRONMENT) == -1)
                return lacks_memory(placed);
        return status;
}

/* A list's words are separated by white space. */
static enum aw_opt_status
take_words(const struct aw_opt_program *placed, struct aw_opt_config *config,
           const struct aw_opt *option, const char *text, void *values)
{
        char **copies = realloc(config->copies, (config->copy_count + 1) * sizeof(*copies));
        enum aw_opt_status status = AW_OPT_RUN;
        char *word, *rest = copies == NULL ? NULL : strdup(text);

        if (copies != NULL)
                config->copies = copies;
        if (rest == NULL)
                return lacks_memory(placed);
        /* The configuration now owns the copy. */
        config->copies[config->copy_count++] = rest;
        while (status == AW_OPT_RUN && (word = strsep(&rest, SPACE)) != NULL)
                if (*word != '\0')
                        status = keep_value(placed, config, option, word, values);
        return status;
}

/* 1 or 0, or -1: it is neither. */
static int
truth_of(const char *text)
{
        static const char *const words[2][4] = {{"0", "no", "false", "off"},
                                                {"1", "yes", "true", "on"}};

        for (int truth = 0; truth < 2; truth++)
                for (size_t i = 0; i < 4; i++)
                        if (strcmp(text, words[truth][i]) == 0)
                                return truth;
        return -1;
}

static enum aw_opt_status
take_flag(const struct aw_opt_program *placed, struct aw_opt_config *config,
          const struct aw_opt *option, const char *text, void *values)
{
        int truth = truth_of(text);

        if (truth == -1)
                return aw_opt_usage_error(placed, "this is a switch: 1 or 0, not '%s'", text);
        aw_opt_unset(option, values);
        if (truth == 1)
                return keep_value(placed, config, option, NULL, values);
        return aw_opt_note_origin(config, option, NULL, AW_OPT_ENVIRONMENT) == -1
                       ? lacks_memory(placed)
                       : AW_OPT_RUN;
}

const char *
aw_opt_environment(const struct aw_opt_program *program, const struct aw_opt *option)
{
        char variable[NAME_MAX];
        const char *text = program->environment == NULL || option->help == NULL
                                   ? NULL
                                   : getenv(variable_of(program->environment, option, variable));

        return text == NULL || *text == '\0' ? NULL : text;
}

enum aw_opt_status
aw_opt_take_environment(const struct aw_opt_program *program, struct aw_opt_config *config,
                        const struct aw_opt *option, void *values)
{
        const char *text = aw_opt_environment(program, option);
        struct aw_opt_program placed = *program;
        char variable[NAME_MAX], place[AW_OPT_PLACE_SIZE];

        if (text == NULL || option->kind == AW_OPT_CONFIG)
                return AW_OPT_RUN;
        config->prefix = program->environment;
        snprintf(place, sizeof(place), "%s: ", variable_of(program->environment, option, variable));
        placed.place = place;
        if (option->argument == NULL)
                return take_flag(&placed, config, option, text, values);
        if (option->kind == AW_OPT_STRINGS)
                return take_words(&placed, config, option, text, values);
        return keep_value(&placed, config, option, text, values);
}

/* Variables of no option. */

static bool
is_variable(const struct aw_opt_program *program, const char *name)
{
        const struct aw_opt *option = NULL;
        char variable[NAME_MAX];

        while ((option = aw_opt_next(program, option)) != NULL)
                if (option->help != NULL &&
                    strcmp(variable_of(program->environment, option, variable), name) == 0)
                        return true;
        return false;
}

/* What Kubernetes tells every container of a Service that has the program's name. */
static bool
is_of_service(const char *rest)
{
        return strcmp(rest, "PORT") == 0 || strncmp(rest, "PORT_", strlen("PORT_")) == 0 ||
               strncmp(rest, "SERVICE_", strlen("SERVICE_")) == 0;
}

static void
tell_ignored(const struct aw_opt_program *program, const char *name,
             void (*warn)(const char *sentence))
{
        char word[NAME_MAX], variable[NAME_MAX], sentence[3 * NAME_MAX + 100];
        int length = snprintf(word, sizeof(word), "%s", name + strlen(program->environment));
        struct aw_opt meant = {.name = word};

        for (int i = 0; i < length && i < NAME_MAX; i++)
                word[i] = word[i] == '_' ? '-' : (char)tolower((unsigned char)word[i]);
        /* It may be right but for its case. */
        if (!is_variable(program, variable_of(program->environment, &meant, variable)))
                meant.name = aw_opt_nearest(program, word, strlen(word));
        if (meant.name != NULL)
                variable_of(program->environment, &meant, variable);
        snprintf(sentence, sizeof(sentence), "%s is ignored: no option has this name%s%s%s", name,
                 meant.name == NULL ? "" : ": did you mean ", meant.name == NULL ? "" : variable,
                 meant.name == NULL ? "" : "?");
        warn(sentence);
}

void
aw_opt_tell_ignored(const struct aw_opt_program *program, void (*warn)(const char *sentence))
{
        size_t length = strlen(program->environment), name_length;

        for (char *const *at = environ; *at != NULL; at++) {
                char name[2 * NAME_MAX];

                name_length = strcspn(*at, "=");
                if (strncmp(*at, program->environment, length) != 0 || name_length <= length ||
                    (*at)[name_length] == '\0' || (*at)[name_length + 1] == '\0')
                        continue;
                snprintf(name, sizeof(name), "%.*s", (int)name_length, *at);
                if (!is_variable(program, name) && !is_of_service(name + length))
                        tell_ignored(program, name, warn);
        }
}

void
aw_opt_config_free(struct aw_opt_config *config)
{
        while (config->copy_count > 0)
                free(config->copies[--config->copy_count]);
        free(config->copies);
        free(config->origins);
        free(config->text);
        *config = (struct aw_opt_config){.path = NULL};
}
