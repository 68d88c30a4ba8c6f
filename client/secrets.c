/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "secrets.h"

#include "base/text.h"

/* The word becomes a copy, and what is secret of it, so many bytes from there on, is overwritten. */
static int
hide(struct client_options *options, const char **word, size_t from, size_t length)
{
        char **copies = realloc(options->copies, (options->copy_count + 1) * sizeof(*copies));
        char *copy = copies == NULL ? NULL : strdup(*word);
        union {
                const char *given;
                char *ours; /* argv is */
        } text = {.given = *word};

        if (copies != NULL)
                options->copies = copies;
        if (copy == NULL)
                return -1;
        copies[options->copy_count++] = copy;
        memset(text.ours + from, '*', length);
        *word = copy;
        return 0;
}

/* USER:PASSWORD@ in a URL. */
static int
hide_in_url(struct client_options *options, const char **url)
{
        const char *begin, *at;

        if (*url == NULL)
                return 0;
        begin = *url + aw_url_scheme_length(*url);
        at = memrchr(begin, '@', strcspn(begin, "/?#"));
        return at == NULL ? 0 : hide(options, url, (size_t)(begin - *url), (size_t)(at - begin));
}

/* What is behind the first colon. */
static int
hide_after_colon(struct client_options *options, const char **text)
{
        const char *colon = *text == NULL ? NULL : strchr(*text, ':');

        return colon == NULL ? 0
                             : hide(options, text, (size_t)(colon + 1 - *text), strlen(colon + 1));
}

/* Blanks before the colon are wrong, and make a secret none the less. */
bool
secrets_in_line(const char *line)
{
        static const char *const names[] = {"Authorization", "Proxy-Authorization", "Cookie",
                                            "Set-Cookie"};
        size_t length = strcspn(line, " \t:");

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strlen(names[i]) == length && strncasecmp(line, names[i], length) == 0)
                        return line[length + strspn(line + length, " \t")] == ':';
        return false;
}

int
secrets_hide(struct client_options *options)
{
        struct handshake_options *handshake = &options->handshake;

        if (hide_in_url(options, &options->url) == -1 ||
            hide_in_url(options, &options->network.proxy) == -1 ||
            hide_after_colon(options, &handshake->user) == -1)
                return -1;
        for (size_t i = 0; i < handshake->headers.count; i++)
                if (secrets_in_line(handshake->headers.items[i]) &&
                    hide_after_colon(options, &handshake->headers.items[i]) == -1)
                        return -1;
        for (size_t i = 0; i < handshake->cookies.count; i++)
                if (hide(options, &handshake->cookies.items[i], 0,
                         strlen(handshake->cookies.items[i])) == -1)
                        return -1;
        return 0;
}
