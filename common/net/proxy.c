/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "base/text.h"
#include "net/proxy_private.h"
#include "net/resolve.h"
#include "net/stream_private.h"
#include "net/transport.h"

/* What a proxy may say before its tunnel begins. */
#define ANSWER_MAX ((size_t)16 << 10)

#define PROXY_SHOWN 40 /* bytes of what is no answer */

static const struct {
        const char *name;
        enum aw_proxy_kind kind;
        const char *port;
} kinds[] = {
        {"http", AW_PROXY_HTTP, "1080"},
        {"https", AW_PROXY_HTTPS, "443"},
        {"socks5", AW_PROXY_SOCKS5, "1080"},
        {"socks5h", AW_PROXY_SOCKS5H, "1080"},
};

/* Reading what the user says. */

/* Takes USER:PASSWORD, or USER, whose end is at `at`. */
static int
take_proxy_user(struct aw_proxy *proxy, const char *text, const char *at, struct aw_error *error)
{
        const char *colon = memchr(text, ':', (size_t)(at - text));
        const char *end = colon == NULL ? at : colon;

        proxy->user = strndup(text, (size_t)(end - text));
        proxy->password = colon == NULL ? strdup("") : strndup(colon + 1, (size_t)(at - colon - 1));
        if (proxy->user == NULL || proxy->password == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        if (aw_percent_decode(proxy->user) == -1 || aw_percent_decode(proxy->password) == -1)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "a '%%' in the user or the password of the proxy is to be "
                                    "written %%25");
        /* SOCKS has a byte for the length. */
        if (strlen(proxy->user) > 255 || strlen(proxy->password) > 255)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "the user or the password of the proxy is longer than 255 "
                                    "bytes");
        return 0;
}

/* HOST[:PORT], and perhaps a '/'. */
static int
take_place(struct aw_proxy *proxy, const char *text, const char *port, struct aw_error *error)
{
        size_t length = strcspn(text, "/?#");
        const char *host_end = text[0] == '[' ? strchr(text, ']') : text;
        bool has_port =
                host_end != NULL && memchr(host_end, ':', (size_t)(text + length - host_end));
        char url[AW_URL_HOST_MAX + 32];
        struct aw_error why;

        if (length > AW_URL_HOST_MAX + 8 ||
            (text[length] != '\0' && strcmp(text + length, "/") != 0) || host_end == NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "the proxy is not of the form [KIND://][USER:PASSWORD@]HOST[:"
                                    "PORT]");
        snprintf(url, sizeof(url), "ws://%.*s%s%s", (int)length, text, has_port ? "" : ":",
                 has_port ? "" : port);
        if (aw_url_parse(url, &proxy->url, &why) == -1)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "the proxy '%.*s': %s",
                                    (int)length, text, why.text);
        return 0;
}

static int
read_proxy(struct aw_proxy *proxy, const char *text, struct aw_error *error)
{
        size_t scheme = aw_url_scheme_length(text), length = scheme == 0 ? 0 : scheme - 3, i = 0;
        const char *rest = text + scheme, *at;

        if (scheme > 0)
                while (i < 4 && (strlen(kinds[i].name) != length ||
                                 strncasecmp(kinds[i].name, text, length) != 0))
                        i++;
        if (i == 4)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "a proxy is http, https, socks5 or socks5h, not '%.*s'",
                                    length > 40 ? 40 : (int)length, text);
        proxy->kind = kinds[i].kind;
        at = memrchr(rest, '@', strcspn(rest, "/?#"));
        if (at != NULL && take_proxy_user(proxy, rest, at, error) == -1)
                return -1;
        return take_place(proxy, at == NULL ? rest : at + 1, kinds[i].port, error);
}

struct aw_proxy *
aw_proxy_parse(const struct aw_connect_options *options, struct aw_error *error)
{
        struct aw_proxy *proxy = calloc(1, sizeof(*proxy));
        int number;

        if (proxy == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        proxy->tls = options->proxy_tls;
        if (read_proxy(proxy, options->proxy, error) == 0) {
                if (proxy->kind != AW_PROXY_HTTPS || proxy->tls != NULL)
                        return proxy;
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "an https proxy needs a TLS context");
        }
        number = errno;
        aw_proxy_free(proxy);
        errno = number;
        return NULL;
}

void
aw_proxy_free(struct aw_proxy *proxy)
{
        if (proxy == NULL)
                return;
        free(proxy->user);
        free(proxy->password);
        free(proxy);
}

/* Asking the proxy. */

/* An await on the proxy's stream has failed. */
static int
fail_talk(const struct aw_proxy *proxy, struct aw_error *error)
{
        const char *host = proxy->url.host_header;

        if (errno == ETIMEDOUT || errno == ECANCELED || errno == ENOMEM)
                return aw_error_set(error, AW_ERROR_NONE, errno, "%s while asking the proxy %s",
                                    errno == ETIMEDOUT   ? "time-out"
                                    : errno == ECANCELED ? "cancelled"
                                                         : "out of memory",
                                    host);
        if (errno == EMSGSIZE)
                return aw_error_set(error, AW_ERROR_CONNECTION, EPROTO,
                                    "the proxy %s sent more than 16 KiB before its tunnel", host);
        if (errno == ENODATA || errno == EPIPE || errno == ECONNRESET)
                return aw_error_set(error, AW_ERROR_CONNECTION, EPIPE,
                                    "the proxy %s closed the connection", host);
        return aw_error_set(error, AW_ERROR_CONNECTION, errno, "the proxy %s: %s", host,
                            strerror(errno));
}

static int
refuse_user(const struct aw_proxy *proxy, struct aw_error *error)
{
        aw_error_set(error, AW_ERROR_CONNECTION, EACCES,
                     proxy->user == NULL ? "the proxy %s wants a user and a password"
                                         : "the proxy %s does not take the user or the password",
                     proxy->url.host_header);
        error->cause = AW_CAUSE_PROXY;
        return -1;
}

/* HTTP. */

static char *
connect_request(const struct aw_proxy *proxy, const struct aw_url *target)
{
        bool ipv6 = strchr(target->host, ':') != NULL;
        char *text = NULL, basic[AW_BASE64_SIZE(512)], user[512];
        size_t size, length;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        for (int i = 0; i < 2; i++)
                fprintf(out, "%s%s%s%s:%u%s", i == 0 ? "CONNECT " : "Host: ", ipv6 ? "[" : "",
                        target->host, ipv6 ? "]" : "", (unsigned)target->port,
                        i == 0 ? " HTTP/1.1\r\n" : "\r\n");
        if (proxy->user != NULL) {
                length =
                        (size_t)snprintf(user, sizeof(user), "%s:%s", proxy->user, proxy->password);
                aw_base64_encode((const uint8_t *)user, length, basic);
                fprintf(out, "Proxy-Authorization: Basic %s\r\n", basic);
        }
        fputs("\r\n", out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

/* The status of an answer, and how much of its head is before the reason. */
static bool
read_status(const char *head, int *status, int *used)
{
        return sscanf(head, "HTTP/1.%*1[0-9] %3d%n", status, used) == 1 && *status >= 100 &&
               *status <= 599 && strchr(" \r\n", head[*used]) != NULL;
}

/* One that is not the last word (RFC 9110 section 15.2). Nobody asked for another protocol. */
static bool
is_interim(const char *head)
{
        int status = 0, used = 0;

        return read_status(head, &status, &used) && status < 200 && status != 101;
}

/* 2xx makes it a tunnel; all that comes behind the head is the server's. */
static int
judge_connect(const struct aw_proxy *proxy, const struct aw_url *target, const char *head,
              size_t length, struct aw_error *error)
{
        char shown[4 * PROXY_SHOWN + 1];
        int status = 0, used = 0;
        size_t taken;

        if (!read_status(head, &status, &used) || status < 200) {
                aw_log_escape(head, length < PROXY_SHOWN ? length : PROXY_SHOWN, "", shown,
                              sizeof(shown), &taken);
                return aw_error_set(error, AW_ERROR_CONNECTION, EPROTO,
                                    "the proxy %s does not speak HTTP: it sent \"%s\"",
                                    proxy->url.host_header, shown);
        }
        if (status < 300)
                return 0;
        /* Some proxies say 401 when they do not like what they were told. */
        if (status == 407 || (status == 401 && proxy->user != NULL))
                refuse_user(proxy, error);
        else
                aw_error_set(error, AW_ERROR_CONNECTION, ECONNREFUSED,
                             "the proxy %s does not connect to %s: it answered %d%.*s",
                             proxy->url.host_header, target->host_header, status,
                             (int)strcspn(head + used, "\r\n"), head + used);
        error->status = status;
        return -1;
}

/* The head of the last word, all that comes before it included in the bound. Its length, or -1. */
static async ssize_t
hear_answer(struct aw_stream *stream, char **head, aw_time deadline)
{
        size_t heard = 0;
        ssize_t length;

        do {
                length = await(aw_stream_read_until(stream, "\r\n\r\n", strlen("\r\n\r\n"), head,
                                                    deadline));
                heard += length > 0 ? (size_t)length : 0;
                if (length == 0 || heard > ANSWER_MAX) {
                        errno = length == 0 ? ENODATA : EMSGSIZE;
                        return -1;
                }
        } while (length > 0 && is_interim(*head));
        return length;
}

static async int
ask_http(const struct aw_proxy *proxy, struct aw_stream *stream, const struct aw_url *target,
         struct aw_error *error, aw_time deadline)
{
        char *request = connect_request(proxy, target), *head;
        ssize_t length = -1;

        if (request == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        if (await(aw_stream_write(stream, request, strlen(request), deadline)) == 0)
                length = await(hear_answer(stream, &head, deadline));
        free(request);
        if (length == -1)
                return fail_talk(proxy, error);
        return judge_connect(proxy, target, head, (size_t)length, error);
}

/* SOCKS version 5: RFC 1928, and RFC 1929 for user and password. */

enum { SOCKS = 5, NO_USER = 0, WITH_USER = 2, CONNECT = 1, IPV4 = 1, NAME = 3, IPV6 = 4 };

/* Sends so many bytes, and reads as many as the answer has. */
static async int
ask_and_hear(struct aw_stream *stream, const uint8_t *request, size_t length, uint8_t *answer,
             size_t size, aw_time deadline)
{
        if (await(aw_stream_write(stream, request, length, deadline)) == -1)
                return -1;
        return await(aw_stream_read_exactly(stream, answer, size, NULL, deadline));
}

static int
fail_socks(const struct aw_proxy *proxy, struct aw_error *error)
{
        return aw_error_set(error, AW_ERROR_CONNECTION, EPROTO,
                            "the proxy %s does not speak SOCKS version 5", proxy->url.host_header);
}

static async int
log_in(const struct aw_proxy *proxy, struct aw_stream *stream, struct aw_error *error,
       aw_time deadline)
{
        size_t user = strlen(proxy->user), password = strlen(proxy->password);
        uint8_t request[3 + 255 + 255] = {1, (uint8_t)user}, answer[2];

        memcpy(request + 2, proxy->user, user);
        request[2 + user] = (uint8_t)password;
        memcpy(request + 3 + user, proxy->password, password);
        if (await(ask_and_hear(stream, request, 3 + user + password, answer, sizeof(answer),
                               deadline)) == -1)
                return fail_talk(proxy, error);
        return answer[1] == 0 ? 0 : refuse_user(proxy, error);
}

static async int
greet_socks(const struct aw_proxy *proxy, struct aw_stream *stream, struct aw_error *error,
            aw_time deadline)
{
        uint8_t request[] = {SOCKS, 1, NO_USER, WITH_USER}, answer[2];

        request[1] = proxy->user == NULL ? 1 : 2;
        if (await(ask_and_hear(stream, request, 2 + (size_t)request[1], answer, sizeof(answer),
                               deadline)) == -1)
                return fail_talk(proxy, error);
        if (answer[0] != SOCKS)
                return fail_socks(proxy, error);
        if (answer[1] == NO_USER)
                return 0;
        if (answer[1] == WITH_USER && proxy->user != NULL)
                return await(log_in(proxy, stream, error, deadline));
        return refuse_user(proxy, error);
}

/* The target as SOCKS writes it: its length. */
static size_t
write_target(const struct aw_url *target, const struct aw_addresses *addresses, uint8_t *out)
{
        size_t length = strlen(target->host), end;

        if (addresses == NULL) {
                out[0] = NAME;
                out[1] = (uint8_t)length;
                memcpy(out + 2, target->host, length);
                end = 2 + length;
        } else {
                end = 1 + aw_address_bytes(&addresses->items[0].storage, out + 1);
                out[0] = end == 5 ? IPV4 : IPV6;
        }
        out[end] = (uint8_t)(target->port >> 8);
        out[end + 1] = (uint8_t)target->port;
        return end + 2;
}

static const char *
socks_reason(uint8_t code)
{
        static const char *const reasons[] = {
                [1] = "general failure",     [2] = "not allowed",
                [3] = "network unreachable", [4] = "host unreachable",
                [5] = "connection refused",  [6] = "time to live expired",
                [7] = "unknown command",     [8] = "unknown type of address",
        };

        return code < sizeof(reasons) / sizeof(reasons[0]) && reasons[code] != NULL
                       ? reasons[code]
                       : "unknown reason";
}

static async int
ask_socks(const struct aw_proxy *proxy, struct aw_stream *stream, const struct aw_url *target,
          const struct aw_addresses *addresses, struct aw_error *error, aw_time deadline)
{
        uint8_t request[3 + 2 + AW_URL_HOST_MAX + 2] = {SOCKS, CONNECT, 0}, answer[256 + 2];
        size_t length = 3 + write_target(target, addresses, request + 3);

        if (await(greet_socks(proxy, stream, error, deadline)) == -1)
                return -1;
        /* The fifth byte is the length of a name, or the first one of an address. */
        if (await(ask_and_hear(stream, request, length, answer, 5, deadline)) == -1)
                return fail_talk(proxy, error);
        if (answer[0] != SOCKS)
                return fail_socks(proxy, error);
        if (answer[1] != 0)
                return aw_error_set(error, AW_ERROR_CONNECTION, ECONNREFUSED,
                                    "the proxy %s does not connect to %s: %s",
                                    proxy->url.host_header, target->host_header,
                                    socks_reason(answer[1]));
        /* Where it comes from is nobody's business. */
        length = answer[3] == IPV4 ? 4 : answer[3] == IPV6 ? 16 : 1 + (size_t)answer[4];
        if (await(aw_stream_read_exactly(stream, answer, length - 1 + 2, NULL, deadline)) == -1)
                return fail_talk(proxy, error);
        return 0;
}

/* The tunnel. */

static async int
ask(const struct aw_proxy *proxy, struct aw_stream *stream, const struct aw_url *target,
    const struct aw_addresses *addresses, struct aw_error *error, aw_time deadline)
{
        int result;

        if (proxy->tls != NULL && proxy->kind == AW_PROXY_HTTPS &&
            await(aw_stream_start_tls(stream, proxy->tls, proxy->url.host, error, deadline)) ==
                    -1) {
                error->of_proxy = true;
                return -1;
        }
        if (proxy->kind == AW_PROXY_HTTP || proxy->kind == AW_PROXY_HTTPS)
                result = await(ask_http(proxy, stream, target, error, deadline));
        else
                result = await(ask_socks(proxy, stream, target, addresses, error, deadline));
        if (result == 0 && await(aw_stream_flush(stream, deadline)) == -1)
                return fail_talk(proxy, error);
        return result;
}

/* TLS may go through a tunnel that is TLS itself. */
static struct aw_transport *
become_transport(const struct aw_proxy *proxy, struct aw_stream *stream, struct aw_error *error)
{
        struct aw_transport *transport = proxy->kind == AW_PROXY_HTTPS
                                                 ? aw_proxy_relay(stream)
                                                 : aw_stream_take_transport(stream);

        if (transport == NULL && errno == EPROTO)
                aw_error_set(error, AW_ERROR_CONNECTION, EPROTO,
                             "the proxy %s sent more than its answer", proxy->url.host_header);
        else if (transport == NULL)
                aw_error_set(error, AW_ERROR_CONNECTION, errno, "the tunnel through %s: %s",
                             proxy->url.host_header, strerror(errno));
        return transport;
}

async struct aw_transport *
aw_proxy_tunnel(const struct aw_proxy *proxy, struct aw_transport *transport,
                const struct aw_url *target, const struct aw_addresses *addresses,
                struct aw_error *error, aw_time deadline)
{
        struct aw_stream_options bounds = {.limit = ANSWER_MAX};
        struct aw_stream *stream = aw_stream_of_transport(transport, NULL, &bounds);
        int number;

        if (stream == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        snprintf(stream->peer, sizeof(stream->peer), "the proxy %.50s", proxy->url.host_header);
        if (await(aw_stream_wait_established(stream, error, deadline)) == 0 &&
            await(ask(proxy, stream, target, addresses, error, deadline)) == 0)
                /* The stream is that of the tunnel now, or dropped. */
                return become_transport(proxy, stream, error);
        number = errno;
        aw_stream_drop(stream);
        errno = number;
        return NULL;
}
