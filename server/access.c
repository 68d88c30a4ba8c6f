/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "access.h"

#include "await/ws.h"
#include "options.h"
#include "passwords.h"

/* SCHEME://HOST[:PORT], as browsers write it: there is no path. */
static bool
is_origin(const char *text)
{
        size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
        const char *host = text + scheme + 3;

        if (strcmp(text, WS_ORIGIN_SELF) == 0 || strcmp(text, "null") == 0)
                return true;
        if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0 || *host == '\0')
                return false;
        for (; *host != '\0'; host++)
                if (!isgraph((unsigned char)*host) || strchr("/?#@,", *host) != NULL)
                        return false;
        return true;
}

enum aw_opt_status
access_settings_check(const struct aw_opt_program *said, const struct server_options *options)
{
        const struct aw_opt_strings *origins = &options->access.origins;

        for (size_t i = 0; i < origins->count; i++)
                if (!is_origin(origins->items[i]))
                        return aw_opt_value_error(said, &options->config, "origin",
                                                  origins->items[i],
                                                  "--origin: '%s' is not SCHEME://HOST[:PORT], "
                                                  "self or null",
                                                  origins->items[i]);
        return AW_OPT_RUN;
}

void
access_settings_free(struct access_settings *settings)
{
        aw_opt_strings_free(&settings->origins);
        passwords_free(settings->passwords);
        settings->passwords = NULL;
}

int
access_load(struct server_options *options)
{
        struct access_settings *access = &options->access;
        char sentence[PASSWORDS_SENTENCE];

        if (access->basic_auth == NULL)
                return 0;
        access->passwords = passwords_read(access->basic_auth, sentence);
        if (access->passwords != NULL)
                return 0;
        options_refuse_value(options, "basic-auth", access->basic_auth, "--basic-auth: %s",
                             sentence);
        return -1;
}
