/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity.h"

#include "base/text.h"
#include "network.h"
#include "password.h"

/* Of a file of fields: one with more has no end. */
#define LINES 10000

static int
out_of_memory(struct aw_error *error)
{
        return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
}

/* Takes the field, which may be NULL: there was no memory for it. */
static int
add_field(struct identity *identity, char *field, struct aw_error *error)
{
        char **fields = realloc(identity->fields, (identity->count + 1) * sizeof(*fields));

        if (fields != NULL)
                identity->fields = fields;
        if (fields == NULL || field == NULL) {
                free(field);
                return out_of_memory(error);
        }
        fields[identity->count++] = field;
        return 0;
}

static int __attribute__((format(printf, 3, 4)))
add_text(struct identity *identity, struct aw_error *error, const char *format, ...)
{
        va_list arguments;
        char *field = NULL;
        int length;

        va_start(arguments, format);
        length = vasprintf(&field, format, arguments);
        va_end(arguments);
        return add_field(identity, length == -1 ? NULL : field, error);
}

/* -H. */

/*
 * "Name: value", or "Name;", a field without a value, as curl has it. What is neither may be a secret
 * in the wrong place.
 */
static bool
is_header(const char *text)
{
        size_t length = strcspn(text, " \t:");

        return text[length] == ':' ||
               (text[length] == '\0' && length > 1 && text[length - 1] == ';');
}

static int
add_header(struct identity *identity, const char *text, struct aw_error *error)
{
        size_t length = strlen(text);

        if (length > 1 && text[length - 1] == ';' && memchr(text, ':', length) == NULL)
                return add_text(identity, error, "%.*s:", (int)length - 1, text);
        return add_field(identity, strdup(text), error);
}

static int
add_header_lines(struct identity *identity, FILE *file, const char *path, struct aw_error *error)
{
        char *line = malloc(NETWORK_LINE + 1), why[64];
        size_t count = 0;
        int result = 1;

        if (line == NULL)
                return out_of_memory(error);
        while (result == 1 && (result = network_next_line(file, path, line, error)) == 1) {
                if (++count > LINES) {
                        result = network_fail_read(path, "it has more than 10,000 lines", error);
                } else if (line[0] == '\0' || line[0] == '#') {
                        continue;
                } else if (!is_header(line)) {
                        snprintf(why, sizeof(why), "line %zu is not 'Name: value'", count);
                        result = network_fail_read(path, why, error);
                } else if (add_header(identity, line, error) == -1) {
                        result = -1;
                }
        }
        free(line);
        return result;
}

/* Each line of the file is a field; empty ones are none, and neither are those that begin with '#'. */
static int
add_header_file(struct identity *identity, const char *path, struct aw_error *error)
{
        FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
        int result;

        if (file == NULL)
                return network_fail_read(path, strerror(errno), error);
        result = add_header_lines(identity, file, path, error);
        if (file != stdin)
                fclose(file);
        return result;
}

static int
add_headers(struct identity *identity, const struct aw_opt_strings *headers, struct aw_error *error)
{
        int result = 0;

        for (size_t i = 0; i < headers->count && result == 0; i++) {
                const char *text = headers->items[i];

                if (text[0] == '@')
                        result = add_header_file(identity, text + 1, error);
                else if (is_header(text))
                        result = add_header(identity, text, error);
                else
                        result = aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                              "option '--header', number %zu: it is not 'Name: "
                                              "value'",
                                              i + 1);
        }
        return result;
}

/* --user. */

static int
add_basic(struct identity *identity, const char *user, const char *password, struct aw_error *error)
{
        char *both = NULL, *encoded = NULL;
        int length = asprintf(&both, "%s:%s", user, password), result;

        if (length == -1)
                return out_of_memory(error);
        encoded = malloc(AW_BASE64_SIZE((size_t)length));
        if (encoded != NULL)
                aw_base64_encode((const uint8_t *)both, (size_t)length, encoded);
        result = encoded == NULL ? out_of_memory(error)
                                 : add_text(identity, error, "Authorization: Basic %s", encoded);
        explicit_bzero(both, (size_t)length);
        free(both);
        free(encoded);
        return result;
}

/* NAME:PASSWORD, or NAME, for which it is asked. */
static int
add_user(struct identity *identity, const char *text, struct aw_error *error)
{
        const char *colon = strchr(text, ':');
        char *user = colon == NULL ? strdup(text) : strndup(text, (size_t)(colon - text));
        char *password = user == NULL    ? NULL
                         : colon == NULL ? password_ask(user, error)
                                         : strdup(colon + 1);
        int result = -1;

        if (user == NULL || (colon != NULL && password == NULL))
                out_of_memory(error);
        else if (password != NULL)
                result = add_basic(identity, user, password, error);
        if (password != NULL)
                explicit_bzero(password, strlen(password));
        free(password);
        free(user);
        return result;
}

static int
add_bearer(struct identity *identity, const char *path, struct aw_error *error)
{
        char *token = network_read_line(path, error);
        int result = -1;

        if (token != NULL && token[0] == '\0')
                network_fail_read(path, "its first line is to be a token, and is empty", error);
        else if (token != NULL)
                result = add_text(identity, error, "Authorization: Bearer %s", token);
        if (token != NULL)
                explicit_bzero(token, strlen(token));
        free(token);
        return result;
}

static int
add_credentials(struct identity *identity, const struct client_options *options, const char *user,
                const char *password, struct aw_error *error)
{
        const struct handshake_options *handshake = &options->handshake;
        int ways = (handshake->user != NULL) + (handshake->bearer_file != NULL);

        if (ways > 1)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "'--user' and '--bearer-file' exclude each other");
        if (handshake->user != NULL)
                return add_user(identity, handshake->user, error);
        if (handshake->bearer_file != NULL)
                return add_bearer(identity, handshake->bearer_file, error);
        if (user != NULL && password == NULL)
                return add_user(identity, user, error);
        return user == NULL ? 0 : add_basic(identity, user, password, error);
}

/* All that is given with an option, or several times, goes into one field, with this between. */
static int
add_list(struct identity *identity, const char *name, const char *between,
         const struct aw_opt_strings *list, struct aw_error *error)
{
        char *text = NULL;
        size_t size;
        FILE *out;

        if (list->count == 0)
                return 0;
        out = open_memstream(&text, &size);
        if (out == NULL)
                return out_of_memory(error);
        fprintf(out, "%s: ", name);
        for (size_t i = 0; i < list->count; i++)
                fprintf(out, "%s%s", i == 0 ? "" : between, list->items[i]);
        if (fclose(out) != 0) {
                free(text);
                text = NULL;
        }
        return add_field(identity, text, error);
}

int
identity_make(struct identity *identity, const struct client_options *options, const char *user,
              const char *password, struct aw_error *error)
{
        const struct handshake_options *handshake = &options->handshake;

        *identity = (struct identity){.fields = NULL};
        if (add_headers(identity, &handshake->headers, error) == -1 ||
            add_credentials(identity, options, user, password, error) == -1 ||
            add_list(identity, "Cookie", "; ", &handshake->cookies, error) == -1)
                return -1;
        identity->own = identity->count;
        if (handshake->origin != NULL &&
            add_text(identity, error, "Origin: %s", handshake->origin) == -1)
                return -1;
        return add_list(identity, "Sec-WebSocket-Protocol", ", ", &handshake->subprotocols, error);
}

void
identity_free(struct identity *identity)
{
        for (size_t i = 0; i < identity->count; i++) {
                explicit_bzero(identity->fields[i], strlen(identity->fields[i]));
                free(identity->fields[i]);
        }
        free(identity->fields);
        *identity = (struct identity){.fields = NULL};
}
