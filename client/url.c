/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "url.h"

#include "base/text.h"

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

static bool
has_scheme(const char *text)
{
        return strncasecmp(text, "unix:", 5) == 0 || strncasecmp(text, "ws+unix:", 8) == 0 ||
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

/* How much of a URL is scheme, host and port; 0: it has no host, so it is a Unix socket's. */
static size_t
origin_length(const char *url)
{
        int scheme = scheme_of(url);
        size_t host = scheme == -1 ? 0 : strlen(schemes[scheme].given);

        return scheme == -1 ? 0 : host + strcspn(url + host, "/?#");
}

/* A reference that has no scheme of its own, for free(). */
static char *
resolve_reference(const char *from, const char *location)
{
        size_t origin = origin_length(from), path = strcspn(from, "?#");
        char *text = NULL;
        int result;

        if (strncmp(location, "//", 2) == 0)
                result =
                        asprintf(&text, "%.*s%s", (int)(strstr(from, "//") - from), from, location);
        else if (location[0] == '/')
                result = asprintf(&text, "%.*s%s", (int)origin, from, location);
        else if (location[0] == '?')
                result = asprintf(&text, "%.*s%s", (int)path, from, location);
        else {
                /* It replaces what is behind the last slash of the path. */
                while (path > origin && from[path - 1] != '/')
                        path--;
                result = asprintf(&text, "%.*s%s%s", (int)path, from, path == origin ? "/" : "",
                                  location);
        }
        return result == -1 ? NULL : text;
}

/* The one that is there, or the one that comes before the other. */
static char *
nearer(char *one, char *other)
{
        return other == NULL || (one != NULL && one < other) ? one : other;
}

/* As many of "." and ".." as there are at the beginning of a relative reference. */
static char *
without_dots(char *url)
{
        size_t origin = origin_length(url);
        char *found;

        while ((found = nearer(strstr(url + origin, "/../"), strstr(url + origin, "/./"))) !=
               NULL) {
                char *rest = found + (found[2] == '.' ? 3 : 2), *begin = found;

                if (found > url + strcspn(url, "?#"))
                        break;
                while (found[2] == '.' && begin > url + origin && *--begin != '/')
                        ;
                memmove(begin, rest, strlen(rest) + 1);
        }
        return url;
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
        char *whole;
        struct url url = {.text = NULL};

        if (origin_length(from) == 0 || (has_scheme(location) && scheme_of(location) == -1)) {
                refuse_place(location, "where we cannot go", error);
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
        } else if (strncasecmp(from, "wss:", 4) == 0 && strncasecmp(url.text, "ws:", 3) == 0) {
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
        size_t lengths[2], zone = strcspn(one, "%");
        unsigned long ports[2];

        /* A zone is an interface's name. */
        return split_origin(one, &lengths[0], &ports[0]) &&
               split_origin(other, &lengths[1], &ports[1]) && lengths[0] == lengths[1] &&
               ports[0] == ports[1] && strncasecmp(one, other, lengths[0]) == 0 &&
               (zone >= lengths[0] || memcmp(one + zone, other + zone, lengths[0] - zone) == 0);
}
