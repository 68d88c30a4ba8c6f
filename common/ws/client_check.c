/* SPDX-License-Identifier: MIT */
/* What a client is asked for: whether it makes sense. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/url.h"
#include "ws/deflate_private.h"
#include "ws/http_private.h"
#include "ws/private.h"

static int
read_url(const char *text, struct aw_url *url, struct aw_error *error)
{
        struct aw_error why;
        char shown[160];

        if (text == NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "no URL is given");
        if (aw_url_parse(text, url, &why) == 0)
                return 0;
        aw_url_shorten_wrong(text, shown, sizeof(shown));
        return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "'%s': %s", shown, why.text);
}

/* What is no name may be a secret that stands in its place. */
static int
fail_field(const char *const *fields, size_t which, const char *problem, struct aw_error *error)
{
        const char *field = fields[which];
        size_t length = strcspn(field, ":");

        if (field[length] == ':' && aw_http_is_token(field, length))
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "the header field '%.*s' %s",
                                    length > 100 ? 100 : (int)length, field, problem);
        return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "header field %zu %s", which + 1,
                            problem);
}

static int
check_fields(const char *const *fields, size_t count, struct aw_error *error)
{
        for (size_t i = 0; i < count; i++) {
                const char *problem = ws_handshake_field_problem(fields[i]);

                if (problem == NULL)
                        problem = ws_handshake_field_repeated(fields, i);
                if (problem != NULL)
                        return fail_field(fields, i, problem, error);
        }
        return 0;
}

int
ws_client_check(const struct ws_connect_options *options, struct aw_url *url,
                struct aw_error *error)
{
        const char *name = options->server_name;

        if (read_url(options->url, url, error) == -1)
                return -1;
        if (url->scheme == AW_URL_WSS && options->tls == NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "wss needs a TLS context");
        if (name != NULL && (name[0] == '\0' || strlen(name) > AW_URL_HOST_MAX))
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "the server's name for TLS is empty or too long");
        if (!ws_deflate_options_valid(&options->deflate))
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "%s", ws_deflate_options_wrong);
        return check_fields(options->headers, options->header_count, error);
}

int
ws_connect_check(const struct ws_connect_options *options, struct aw_error *error)
{
        struct aw_url *url = calloc(1, sizeof(*url));
        int result, number;

        if (url == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        result = ws_client_check(options, url, error);
        number = errno;
        free(url);
        errno = number;
        return result;
}
