/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "tls.h"

#include "await/log.h"
#include "options.h"

#define DAY ((int64_t)24 * 60 * 60)

enum aw_opt_status
tls_settings_check(const struct aw_opt_program *said, const struct server_options *options)
{
        const struct tls_settings *settings = &options->tls_settings;
        bool more = settings->cert.count > settings->key.count;
        const struct aw_opt_strings *list = more ? &settings->cert : &settings->key;

        if (settings->cert.count != settings->key.count)
                return aw_opt_value_error(said, &options->config, more ? "cert" : "key",
                                          list->items[list->count - 1],
                                          "--cert and --key go together: %s--%s is missing",
                                          list->count > 1 ? "a " : "", more ? "key" : "cert");
        if (settings->ocsp.count > 0 && settings->cert.count == 0)
                return aw_opt_value_error(said, &options->config, "ocsp-file",
                                          settings->ocsp.items[0],
                                          "--ocsp-file goes with a --cert");
        if (settings->client_verify != NULL && settings->client_ca == NULL)
                return aw_opt_value_error(said, &options->config, "client-verify", NULL,
                                          "--client-verify goes with a --client-ca");
        return AW_OPT_RUN;
}

void
tls_settings_free(struct tls_settings *settings)
{
        aw_opt_strings_free(&settings->cert);
        aw_opt_strings_free(&settings->key);
        aw_opt_strings_free(&settings->ocsp);
}

const char *
tls_first_cert(const struct tls_settings *settings)
{
        return settings->cert.count == 0 ? NULL : settings->cert.items[0];
}

/* Loading. */

/* It is the option's value that is wrong. */
static int
refuse_setting(const struct server_options *options, const char *name, const char *value,
               const struct aw_error *error)
{
        options_refuse_value(options, name, value, "%s", error->text);
        return -1;
}

/* The first file that it names is the one that is wrong. */
static bool
is_about(const struct aw_error *error, const char *file)
{
        const char *quote = strchr(error->text, '\'');

        return quote != NULL && strncmp(quote + 1, file, strlen(file)) == 0;
}

static int
load_pair(struct server_options *options, size_t index, struct aw_error *error)
{
        const char *cert = options->tls_settings.cert.items[index];
        const char *key = options->tls_settings.key.items[index];
        int result = 0;

        if (index == 0)
                options->tls = aw_tls_context_server(cert, key, error);
        else
                result = aw_tls_context_add(options->tls, cert, key, error);
        if (result == 0 && options->tls != NULL)
                return 0;
        return is_about(error, key) ? refuse_setting(options, "key", key, error)
                                    : refuse_setting(options, "cert", cert, error);
}

static int
load_certificates(struct server_options *options, struct aw_error *error)
{
        if (options->tls_settings.cert.count == 0) {
                options->tls = aw_tls_context_server(NULL, NULL, error);
                if (options->tls == NULL)
                        return refuse_setting(options, "cert", NULL, error);
                aw_tls_context_fingerprint(options->tls, options->fingerprint);
        }
        for (size_t i = 0; i < options->tls_settings.cert.count; i++)
                if (load_pair(options, i, error) == -1)
                        return -1;
        return 0;
}

static int
load_rest(struct server_options *options, struct aw_error *error)
{
        const struct tls_settings *settings = &options->tls_settings;
        bool required =
                settings->client_verify == NULL || strcmp(settings->client_verify, "require") == 0;

        if (aw_tls_context_restrict(options->tls, settings->min, NULL, error) == -1)
                return refuse_setting(options, "tls-min", settings->min, error);
        if (aw_tls_context_restrict(options->tls, settings->min, settings->ciphers, error) == -1)
                return refuse_setting(options, "tls-ciphers", settings->ciphers, error);
        if (settings->client_ca != NULL &&
            aw_tls_context_ask_clients(options->tls, settings->client_ca, required, error) == -1)
                return refuse_setting(options, "client-ca", settings->client_ca, error);
        for (size_t i = 0; i < settings->ocsp.count; i++)
                if (aw_tls_context_staple(options->tls, settings->ocsp.items[i], error) == -1)
                        return refuse_setting(options, "ocsp-file", settings->ocsp.items[i], error);
        return 0;
}

int
tls_load(struct server_options *options, bool needed)
{
        struct aw_error error;

        if (!needed) {
                if (options->tls_settings.cert.count > 0)
                        aw_log(AW_LOG_WARNING,
                               "--cert and --key are not used: no --listen is wss://");
                return 0;
        }
        return load_certificates(options, &error) == 0 ? load_rest(options, &error) : -1;
}

int
tls_reload(struct server_options *fresh, const struct server_options *now)
{
        bool made = fresh->tls_settings.cert.count == 0 && now->tls_settings.cert.count == 0;
        struct aw_error error;

        if (now->tls == NULL)
                return 0;
        if (!made)
                return tls_load(fresh, true) == 0 ? tls_check(fresh, now) : -1;
        memcpy(fresh->fingerprint, now->fingerprint, sizeof(fresh->fingerprint));
        fresh->tls = aw_tls_context_again(now->tls, &error);
        return fresh->tls == NULL ? refuse_setting(fresh, "cert", NULL, &error)
                                  : load_rest(fresh, &error);
}

/* Their time. */

/* Whether it is in use, from the same file. */
static bool
has_already(const struct server_options *now, const char *file, int64_t begin, int64_t end)
{
        int64_t other_begin, other_end;

        for (size_t i = 0; now != NULL && i < now->tls_settings.cert.count; i++)
                if (strcmp(now->tls_settings.cert.items[i], file) == 0 &&
                    aw_tls_context_validity(now->tls, i, &other_begin, &other_end) == 0 &&
                    other_begin == begin && other_end == end)
                        return true;
        return false;
}

int
tls_check(const struct server_options *options, const struct server_options *now)
{
        const struct aw_opt_strings *certs = &options->tls_settings.cert;
        int64_t begin, end;
        int result = 0;

        for (size_t i = 0; i < certs->count && options->tls != NULL; i++) {
                if (aw_tls_context_validity(options->tls, i, &begin, &end) == -1 ||
                    end >= (int64_t)time(NULL) || has_already(now, certs->items[i], begin, end))
                        continue;
                options_refuse_value(options, "cert", certs->items[i],
                                     "the certificate in '%s' has expired: it is not used",
                                     certs->items[i]);
                result = -1;
        }
        return result;
}

int64_t
tls_expiry(const struct server_options *options)
{
        int64_t begin, end, first = 0;

        for (size_t i = 0;
             options->tls != NULL && aw_tls_context_validity(options->tls, i, &begin, &end) == 0;
             i++)
                if (first == 0 || end < first)
                        first = end;
        return first;
}

/* `file` is NULL for the certificate that was made at the start. */
static void
warn_of_end(const char *file, int64_t end, int64_t left)
{
        char name[300] = "that was made at the start", date[16];
        struct tm tm;
        time_t at = (time_t)end;

        if (file != NULL)
                snprintf(name, sizeof(name), "in '%.280s'", file);
        gmtime_r(&at, &tm);
        strftime(date, sizeof(date), "%Y-%m-%d", &tm);
        aw_log(AW_LOG_WARNING, "the certificate %s %s on %s: %s", name,
               left < 0 ? "has expired" : "expires", date,
               file == NULL ? "a restart makes a new one" : "renew it, and send SIGHUP");
}

void
tls_warn(const struct server_options *options)
{
        const struct aw_opt_strings *certs = &options->tls_settings.cert;
        int64_t begin, end, left;

        for (size_t i = 0;
             options->tls != NULL && aw_tls_context_validity(options->tls, i, &begin, &end) == 0;
             i++) {
                left = end - (int64_t)time(NULL);
                if (left < TLS_SOON && left < (end - begin) / 5)
                        warn_of_end(i < certs->count ? certs->items[i] : NULL, end, left);
        }
}

static void
warn_daily(void *argument)
{
        struct tls_watch *watch = argument;

        tls_warn(watch->options);
        tls_watch_begin(watch, watch->options);
}

void
tls_watch_begin(struct tls_watch *watch, const struct server_options *options)
{
        watch->options = options;
        aw_call_later(&watch->handle, DAY * AW_SECOND, warn_daily, watch);
}

void
tls_watch_end(struct tls_watch *watch)
{
        aw_handle_cancel(&watch->handle);
}
