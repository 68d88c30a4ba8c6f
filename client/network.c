/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"

#include "await/tls.h"

int
network_fail_read(const char *path, const char *why, struct aw_error *error)
{
        return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "cannot read '%s': %s", path, why);
}

int
network_next_line(FILE *file, const char *path, char line[NETWORK_LINE + 1], struct aw_error *error)
{
        size_t length = 0;
        int c;

        while ((c = getc(file)) != EOF && c != '\n' && c != '\0' && length < NETWORK_LINE)
                line[length++] = (char)c;
        if (length > 0 && line[length - 1] == '\r')
                length--;
        line[length] = '\0';
        if (c == EOF && ferror(file))
                return network_fail_read(path, strerror(errno), error);
        if (c == '\0')
                return network_fail_read(path, "it is no text: there is a NUL in it", error);
        if (c != EOF && c != '\n')
                return network_fail_read(path, "it has a line longer than 64 KiB", error);
        return c != EOF || length > 0;
}

char *
network_read_line(const char *path, struct aw_error *error)
{
        char *line = calloc(1, NETWORK_LINE + 1);
        FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
        int found = -1;

        if (file == NULL)
                network_fail_read(path, strerror(errno), error);
        else if (line == NULL)
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        else
                found = network_next_line(file, path, line, error);
        if (found == 0)
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "'%s' has no line", path);
        if (found != 1) {
                if (line != NULL)
                        explicit_bzero(line, NETWORK_LINE);
                free(line);
                line = NULL;
        }
        if (file != NULL && file != stdin)
                fclose(file);
        return line;
}

int
network_deflate(bool compress, const char *mode, struct ws_deflate_options *deflate)
{
        int result = ws_deflate_parse(mode != NULL ? mode : compress ? "context" : "off", deflate);

        /* Whoever names a mode wants one. */
        return mode != NULL && deflate->mode == WS_DEFLATE_OFF ? -1 : result;
}

struct aw_tls_context *
network_tls(const struct tls_options *options, bool own, struct aw_error *error)
{
        struct aw_tls_client_options tls = {.ca_file = options->cacert,
                                            .ca_path = options->capath,
                                            .insecure = options->insecure,
                                            .fingerprint = options->fingerprint,
                                            .pinned_key = options->pinned_key,
                                            .cert_file = own ? options->cert : NULL,
                                            .key_file = own ? options->key : NULL,
                                            .min_version = options->min,
                                            .max_version = options->max,
                                            .ciphers = options->ciphers};
        struct aw_tls_context *context;
        char *passphrase = NULL;

        if (own && options->pass_file != NULL &&
            (passphrase = network_read_line(options->pass_file, error)) == NULL)
                return NULL;
        tls.passphrase = passphrase;
        context = aw_tls_context_client_with(&tls, error);
        if (passphrase != NULL)
                explicit_bzero(passphrase, strlen(passphrase));
        free(passphrase);
        return context;
}

/* Proxies. */

/* The host of a URL, and how long it is. */
static const char *
host_in(const char *url, size_t *length)
{
        const char *host = strstr(url, "://");

        host = host == NULL ? url : host + 3;
        if (*host == '[') {
                host++;
                *length = strcspn(host, "]/");
        } else {
                *length = strcspn(host, ":/?#");
        }
        return host;
}

/* "example.org" and ".example.org" are for that host and all in its domain. */
static bool
is_covered(const char *host, size_t length, const char *entry, size_t entry_length)
{
        bool address = strspn(host, "0123456789.") >= length || memchr(host, ':', length) != NULL;

        if (entry_length > 0 && entry[0] == '.') {
                entry++;
                entry_length--;
        }
        if (entry_length > 2 && entry[0] == '[') {
                entry++;
                entry_length -= 2;
        }
        if (length > 0 && host[length - 1] == '.')
                length--;
        if (entry_length == 0 || entry_length > length ||
            strncasecmp(host + length - entry_length, entry, entry_length) != 0)
                return false;
        return length == entry_length || (!address && host[length - entry_length - 1] == '.');
}

/* Whether the host is one of "a,b c", or all are. */
static bool
goes_straight(const char *list, const char *url)
{
        size_t length, host_length;
        const char *host = host_in(url, &host_length);

        if (list == NULL)
                return false;
        if (strcmp(list, "*") == 0)
                return true;
        for (list += strspn(list, ", "); *list != '\0'; list += strspn(list, ", ")) {
                length = strcspn(list, ", ");
                if (is_covered(host, host_length, list, length))
                        return true;
                list += length;
        }
        return false;
}

/* The first that is set and not empty. */
static const char *
first_set(const char *const *names, size_t count)
{
        const char *value;

        for (size_t i = 0; i < count; i++) {
                value = getenv(names[i]);
                if (value != NULL && value[0] != '\0')
                        return value;
        }
        return NULL;
}

static const char *
environment_proxy(const char *url)
{
        static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                             "ALL_PROXY"};
        static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};

        if (strncasecmp(url, "wss:", 4) == 0)
                return first_set(secure, sizeof(secure) / sizeof(secure[0]));
        if (strncasecmp(url, "ws:", 3) == 0)
                return first_set(plain, sizeof(plain) / sizeof(plain[0]));
        return NULL;
}

static const char *
choose_proxy(const struct network_options *options, const char *url)
{
        static const char *const none[] = {"no_proxy", "NO_PROXY"};
        const char *proxy = options->proxy == NULL ? environment_proxy(url) : options->proxy;
        const char *straight = options->noproxy == NULL ? first_set(none, 2) : options->noproxy;

        if (proxy == NULL || proxy[0] == '\0' || options->unix_socket != NULL)
                return NULL;
        return goes_straight(straight, url) ? NULL : proxy;
}

int
network_connect_options(const struct network_options *options, const char *url,
                        struct aw_connect_options *connect, struct aw_error *error)
{
        *connect = (struct aw_connect_options){.family = options->ipv4   ? AF_INET
                                                         : options->ipv6 ? AF_INET6
                                                                         : AF_UNSPEC,
                                               .interface = options->interface,
                                               .resolve = options->resolve.items,
                                               .resolve_count = options->resolve.count,
                                               .connect_to = options->connect_to.items,
                                               .connect_to_count = options->connect_to.count,
                                               .unix_socket = options->unix_socket,
                                               .proxy = choose_proxy(options, url)};
        if (options->ipv4 && options->ipv6)
                return aw_error_set(
                        error, AW_ERROR_USAGE, EINVAL,
                        "'-4' and '-6' exclude each other: without them both are tried");
        if (options->unix_socket != NULL && options->proxy != NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "'--unix-socket' and '--proxy' exclude each other");
        return 0;
}

static bool
has_https_proxy(const struct network_options *options, const char *url)
{
        const char *proxy = choose_proxy(options, url);

        return proxy != NULL && strncasecmp(proxy, "https:", 6) == 0;
}

/* For some URL: of each scheme, whatever goes straight. */
static bool
may_have_https_proxy(const struct network_options *options)
{
        struct network_options any = *options;

        any.noproxy = "";
        return has_https_proxy(&any, "ws://") || has_https_proxy(&any, "wss://");
}

int
network_proxy_tls(const struct network_options *options, const struct tls_options *tls,
                  const char *url, struct aw_tls_context **context, struct aw_error *error)
{
        const struct tls_options trust = {
                .cacert = tls->cacert, .capath = tls->capath, .insecure = tls->insecure};
        struct aw_connect_options network;

        *context = NULL;
        if (network_connect_options(options, url == NULL ? "" : url, &network, error) == -1)
                return -1;
        if (url == NULL ? !may_have_https_proxy(options) : !has_https_proxy(options, url))
                return 0;
        *context = network_tls(&trust, false, error);
        return *context == NULL ? -1 : 0;
}

const char *
network_cure(const struct aw_error *error)
{
        static const char *const of_peer[] = {
                [AW_CAUSE_ISSUER] = ": --cacert FILE, or --insecure to take any",
                [AW_CAUSE_NAME] = ": use --servername or --resolve",
                [AW_CAUSE_DATES] = ": the server needs a new one, or --insecure to take any",
                [AW_CAUSE_PIN] = ": if that is right, give the new one",
                [AW_CAUSE_PROVE] = ": --cert FILE, --key FILE",
                [AW_CAUSE_PASSPHRASE] = ": --pass-file FILE",
                [AW_CAUSE_POLICY] = ": --ciphers DEFAULT takes older ones too",
                [AW_CAUSE_NOT_TLS] = ": try ws://",
                [AW_CAUSE_SILENT] = ": try wss://",
                [AW_CAUSE_REDIRECTED] = ": use -L",
                [AW_CAUSE_CREDENTIALS] = ": --user NAME, or --bearer-file FILE",
                [AW_CAUSE_PROXY] = ": --proxy USER:PASSWORD@HOST:PORT",
                [AW_CAUSE_NO_KEY] = ": --key FILE, if it is elsewhere",
                [AW_CAUSE_NOT_SWITCHED] = ": not a WebSocket server at this path?",
        };
        /* A proxy is shown no certificate of ours, and asked for no other name than its own. */
        static const char *const of_proxy[sizeof(of_peer) / sizeof(of_peer[0])] = {
                [AW_CAUSE_ISSUER] = ": --cacert FILE, or --insecure to take any",
                [AW_CAUSE_NAME] = ": give --proxy a name that it is for",
                [AW_CAUSE_DATES] = ": the proxy needs a new one, or --insecure to take any",
                [AW_CAUSE_NOT_TLS] = ": try --proxy http://",
        };
        const char *const *cures = error->of_proxy ? of_proxy : of_peer;

        return (size_t)error->cause < sizeof(of_peer) / sizeof(of_peer[0]) &&
                               cures[error->cause] != NULL
                       ? cures[error->cause]
                       : "";
}
