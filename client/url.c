/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "url.h"

#include "base/text.h"

#define SOCKET "ws+unix:"

/* Schemes, and what they are to us. */
static const struct {
        const char *given, *ours;
} schemes[] = {
        {"ws://", "ws://"},
        {"wss://", "wss://"},
        {"http://", "ws://"},
        {"https://", "wss://"},
};

/* Which one the text begins with, or -1. */
static int
scheme_of(const char *text)
{
        for (int i = 0; i < 4; i++)
                if (strncasecmp(text, schemes[i].given, strlen(schemes[i].given)) == 0)
                        return i;
        return -1;
}

/* A socket with a path behind it. */
static bool
is_socket_url(const char *url)
{
        return strncasecmp(url, SOCKET, strlen(SOCKET)) == 0;
}

static bool
has_scheme(const char *text)
{
        return strncasecmp(text, "unix:", 5) == 0 || is_socket_url(text) ||
               aw_url_scheme_length(text) > 0;
}

static int
take_user(struct url *url, const char *text, size_t length, struct aw_error *error)
{
        const char *colon = memchr(text, ':', length);

        url->user = strndup(text, colon == NULL ? length : (size_t)(colon - text));
        if (colon != NULL)
                url->password = strndup(colon + 1, length - (size_t)(colon + 1 - text));
        if (url->user == NULL || (colon != NULL && url->password == NULL))
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        if (aw_percent_decode(url->user) == -1 ||
            (url->password != NULL && aw_percent_decode(url->password) == -1))
                return aw_error_set(
                        error, AW_ERROR_USAGE, EINVAL,
                        "a '%%' in the user or the password of the URL is to be written "
                        "%%25");
        return 0;
}

int
url_read(struct url *url, const char *text, struct aw_error *error)
{
        int scheme = scheme_of(text);
        const char *ours = scheme >= 0 ? schemes[scheme].ours : has_scheme(text) ? "" : "ws://";
        const char *rest = text + (scheme >= 0 ? strlen(schemes[scheme].given) : 0), *at;

        *url = (struct url){.text = NULL};
        at = ours[0] == '\0' ? NULL : memrchr(rest, '@', strcspn(rest, "/?#"));
        if (at != NULL) {
                if (take_user(url, rest, (size_t)(at - rest), error) == -1)
                        return -1;
                rest = at + 1;
        }
        if (asprintf(&url->text, "%s%s", ours, rest) != -1)
                return 0;
        url->text = NULL;
        return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
}

void
url_free(struct url *url)
{
        if (url->password != NULL)
                explicit_bzero(url->password, strlen(url->password));
        free(url->text);
        free(url->user);
        free(url->password);
        *url = (struct url){.text = NULL};
}

/* Redirects. */

/* How much of a URL is before its path: scheme, host and port, or a socket; 0: it has no path. */
static size_t
origin_length(const char *url)
{
        int scheme = scheme_of(url);
        size_t host = scheme == -1 ? 0 : strlen(schemes[scheme].given);

        if (is_socket_url(url))
                return strlen(SOCKET) + strcspn(url + strlen(SOCKET), ":");
        return scheme == -1 ? 0 : host + strcspn(url + host, "/?#");
}

/* How much of it stays before a reference without a scheme (RFC 3986 section 5.2.2). */
static size_t
kept_length(const char *target, const char *reference)
{
        size_t path = strcspn(target, "?#");

        switch (reference[0]) {
        case '/':
                return 0;
        case '?':
                return path;
        case '#':
        case '\0':
                return strcspn(target, "#");
        default:
                /* It replaces what is behind the last slash of the path. */
                while (path > 0 && target[path - 1] != '/')
                        path--;
                return path;
        }
}

/* A reference that has no scheme of its own, for free(). */
static char *
resolve_reference(const char *from, const char *location)
{
        size_t origin = origin_length(from), kept;
        const char *target = from + origin + (from[origin] == ':'), *slash;
        char *text = NULL;
        int result;

        if (strncmp(location, "//", 2) == 0) {
                result =
                        asprintf(&text, "%.*s%s", (int)(strstr(from, "//") - from), from, location);
        } else {
                kept = kept_length(target, location);
                slash = kept == 0 && strchr("/?#", location[0]) == NULL ? "/" : "";
                result = asprintf(&text, "%.*s%s%.*s%s%s", (int)origin, from,
                                  is_socket_url(from) ? ":" : "", (int)kept, target, slash,
                                  location);
        }
        return result == -1 ? NULL : text;
}

/* "." and ".." are taken out of the path (RFC 3986 section 5.2.4), in place. */
static char *
without_dots(char *url)
{
        size_t origin = origin_length(url), length;
        char *path = url + origin + (url[origin] == ':'), *out = path;
        char *end = path + strcspn(path, "?#");

        for (char *in = path; in < end; in += length) {
                bool dot = in[0] == '/' && in[1] == '.', two = dot && in[2] == '.';

                length = 1 + strcspn(in + 1, "/?#");
                if (!dot || length != (two ? 3 : 2)) {
                        memmove(out, in, length);
                        out += length;
                        continue;
                }
                while (two && out > path && *--out != '/')
                        continue;
                if (in + length == end)
                        *out++ = '/';
        }
        memmove(out, end, strlen(end) + 1);
        return url;
}

/* Why we do not go there, or NULL. */
static const char *
problem_of(const char *from, const char *location)
{
        bool absolute = location[strcspn(location, ":/?#")] == ':';

        if (origin_length(from) == 0 ||
            (is_socket_url(from) && (absolute || strncmp(location, "//", 2) == 0)))
                return "where we cannot go";
        return absolute && scheme_of(location) == -1 ? "whose scheme we cannot follow" : NULL;
}

static void
refuse_place(const char *place, const char *what, struct aw_error *error)
{
        char shown[200];

        aw_url_shorten(place, shown, sizeof(shown));
        aw_error_set(error, AW_ERROR_HANDSHAKE, EINVAL, "the server sends us to '%s', %s", shown,
                     what);
}

char *
url_follow(const char *from, const char *location, struct aw_error *error)
{
        const char *problem = problem_of(from, location);
        struct url url = {.text = NULL};
        char *whole;

        if (problem != NULL) {
                refuse_place(location, problem, error);
                return NULL;
        }
        whole = scheme_of(location) == -1 ? resolve_reference(from, location) : strdup(location);
        if (whole == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        whole[strcspn(whole, "#")] = '\0';
        if (url_read(&url, without_dots(whole), error) == -1) {
                if (error->kind == AW_ERROR_USAGE)
                        refuse_place(whole, "whose user or password has a wrong '%'", error);
        } else if (url.text != NULL && strncasecmp(from, "wss:", 4) == 0 &&
                   strncasecmp(url.text, "ws:", 3) == 0) {
                refuse_place(url.text, "which is not encrypted: give that URL if you want it",
                             error);
                free(url.text);
                url.text = NULL;
        }
        free(whole);
        whole = url.text;
        /* A password that a server sends us is none of ours. */
        url.text = NULL;
        url_free(&url);
        return whole;
}

/* Scheme and host, then the port, which is that of the scheme if there is none, also behind a colon. */
static bool
split_origin(const char *url, size_t *host_length, unsigned long *port)
{
        size_t length = origin_length(url), colon = length;

        while (colon > 0 && url[colon - 1] >= '0' && url[colon - 1] <= '9')
                colon--;
        if (colon == 0 || url[colon - 1] != ':')
                colon = length + 1;
        *host_length = colon - 1;
        *port = colon >= length ? (strncasecmp(url, "wss:", 4) == 0 ? 443 : 80)
                                : strtoul(url + colon, NULL, 10);
        return length > 0;
}

bool
url_same_origin(const char *one, const char *other)
{
        size_t lengths[2], zone = is_socket_url(one) ? 0 : strcspn(one, "%");
        unsigned long ports[2];

        /* A zone is an interface's name, a socket's path a file's. */
        return split_origin(one, &lengths[0], &ports[0]) &&
               split_origin(other, &lengths[1], &ports[1]) && lengths[0] == lengths[1] &&
               ports[0] == ports[1] && strncasecmp(one, other, lengths[0]) == 0 &&
               (zone >= lengths[0] || memcmp(one + zone, other + zone, lengths[0] - zone) == 0);
}
