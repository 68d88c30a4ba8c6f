/* SPDX-License-Identifier: MIT */
/* A client: from its URL to an open connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/connect.h"
#include "net/resolve.h"
#include "net/transport.h"
#include "net/url.h"
#include "ws/deflate_private.h"

/* What a client needs until it is open. */
struct ws_opening {
        const struct ws_connect_options *options;
        const struct aw_url *url;
        struct aw_error *error;
        char key[WS_KEY_SIZE];
        bool failed; /* *error says why */
        bool open;
};

/* What an await that did not succeed says about the whole. */
static void
fail_waiting(struct aw_error *error, const struct aw_url *url, const char *doing)
{
        if (errno == ETIMEDOUT)
                aw_error_set(error, AW_ERROR_TIMEOUT, ETIMEDOUT, "time-out while %s %s", doing,
                             url->host_header);
        else if (errno == ECANCELED)
                aw_error_set(error, AW_ERROR_CANCELLED, ECANCELED, "cancelled while %s %s", doing,
                             url->host_header);
        else
                aw_error_set(error, AW_ERROR_MEMORY, errno, "%s %s: %s", doing, url->host_header,
                             strerror(errno));
}

static async struct aw_transport *
connect_any(const struct aw_url *url, struct aw_addresses *addresses, struct aw_error *error,
            aw_time deadline)
{
        struct aw_transport *transport = await(aw_connect(addresses, deadline));

        if (transport != NULL)
                return transport;
        if (errno == ETIMEDOUT || errno == ECANCELED)
                fail_waiting(error, url, "connecting to");
        else
                aw_error_set(error, AW_ERROR_CONNECTION, errno, "cannot connect to %s: %s",
                             url->scheme == AW_URL_UNIX ? url->socket : url->host_header,
                             strerror(errno));
        return NULL;
}

/* The opening handshake. */

static void
opening_failed(struct ws *ws, enum aw_error_kind failure, const char *text)
{
        struct ws_opening *opening = ws->opening;

        if (opening == NULL || opening->failed || opening->open)
                return;
        opening->failed = true;
        aw_error_set(opening->error, failure, failure == AW_ERROR_MEMORY ? ENOMEM : EPROTO, "%s",
                     text);
        aw_wake_all(&ws->watchers);
}

static void
opening_response(struct ws *ws, const struct aw_http_head *head)
{
        struct ws_opening *opening = ws->opening;
        const struct aw_http_text *protocol;
        struct ws_deflate_agreed agreed;
        const char *problem;
        char text[256];

        if (head->status != 101) {
                snprintf(text, sizeof(text), "the server refused the handshake: HTTP %d%s%.*s",
                         head->status, head->reason.length > 0 ? " " : "", (int)head->reason.length,
                         head->reason.data);
                opening_failed(ws, AW_ERROR_HANDSHAKE, text);
                opening->error->status = head->status;
                return;
        }
        problem = ws_handshake_check_response(head, opening->key, opening->options, &agreed);
        if (problem != NULL) {
                opening_failed(ws, AW_ERROR_HANDSHAKE, problem);
                return;
        }
        protocol = aw_http_field(head, "Sec-WebSocket-Protocol");
        if (protocol != NULL)
                ws->subprotocol = strndup(protocol->data, protocol->length);
        if ((protocol != NULL && ws->subprotocol == NULL) ||
            (agreed.text[0] != '\0' &&
             ws_deflate_begin(ws, &opening->options->deflate, &agreed) == -1)) {
                opening_failed(ws, AW_ERROR_MEMORY, "out of memory");
                return;
        }
        opening->open = true;
        ws_connection_open(ws, head->length);
        aw_wake_all(&ws->watchers);
}

/* Interim responses may come before the one that counts (RFC 9110 section 15.2). */
static void
forget_interim(struct ws *ws)
{
        struct aw_http_head head;
        size_t length = 0;

        while (aw_http_parse_response(ws->head + length, ws->head_length - length, &head) ==
                       AW_HTTP_OK &&
               head.status < 200 && head.status != 101)
                length += head.length;
        if (length == 0)
                return;
        ws->head_length -= length;
        ws->head_parsed = 0;
        memmove(ws->head, ws->head + length, ws->head_length);
}

static void
observe_tls(const struct ws *ws)
{
        const struct aw_tls *tls = aw_transport_tls(ws->transport);
        char *text;

        if (ws->observer == NULL || tls == NULL)
                return;
        text = aw_tls_describe_peer(tls);
        ws_observe_step(ws->observer, WS_STEP_SECURE, text == NULL ? "" : text);
        free(text);
}

static void
observe_response(const struct ws *ws, size_t length)
{
        char *text;

        if (ws->observer == NULL)
                return;
        text = strndup(ws->head, length);
        ws_observe_step(ws->observer, WS_STEP_RESPONSE, text == NULL ? "" : text);
        free(text);
}

static void
opening_head(struct ws *ws)
{
        struct aw_http_head head;

        forget_interim(ws);
        switch (aw_http_parse_response(ws->head, ws->head_length, &head)) {
        case AW_HTTP_OK:
                observe_response(ws, head.length);
                opening_response(ws, &head);
                break;
        case AW_HTTP_INCOMPLETE:
                break;
        default:
                observe_response(ws, ws->head_length);
                opening_failed(ws, AW_ERROR_HANDSHAKE, "the server does not speak HTTP/1.1");
                break;
        }
}

static bool
has_header(const struct ws_connect_options *options, const char *name)
{
        size_t length = strlen(name), i;

        for (i = 0; i < options->header_count; i++)
                if (strncasecmp(options->headers[i], name, length) == 0 &&
                    options->headers[i][length] == ':')
                        return true;
        return false;
}

/* The request (section 4.1). A malloc'ed text, or NULL. */
static char *
build_request(const struct ws_opening *opening)
{
        const struct ws_connect_options *options = opening->options;
        char *text = NULL, offer[WS_DEFLATE_TEXT_MAX];
        size_t size, i;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        fprintf(out, "GET %s HTTP/1.1\r\n", opening->url->target);
        if (!has_header(options, "Host"))
                fprintf(out, "Host: %s\r\n", opening->url->host_header);
        fprintf(out,
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                "Sec-WebSocket-Version: 13\r\n",
                opening->key);
        if (options->deflate.mode != WS_DEFLATE_OFF) {
                ws_deflate_offer(&options->deflate, offer);
                fprintf(out, "Sec-WebSocket-Extensions: %s\r\n", offer);
        }
        for (i = 0; i < options->header_count; i++)
                fprintf(out, "%s\r\n", options->headers[i]);
        fputs("\r\n", out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static void
opening_established(struct ws *ws)
{
        char *request = NULL;

        if (ws_handshake_key(ws->opening->key) == 0)
                request = build_request(ws->opening);
        if (request == NULL)
                opening_failed(ws, AW_ERROR_MEMORY, "out of memory");
        else
                ws_connection_send_head(ws, request, strlen(request));
        observe_tls(ws);
        if (request != NULL)
                ws_observe_step(ws->observer, WS_STEP_REQUEST, request);
        free(request);
}

static void
opening_tls_failed(struct ws *ws, const char *text)
{
        const struct aw_tls *tls = aw_transport_tls(ws->transport);

        opening_failed(
                ws, tls != NULL && aw_tls_refused_peer(tls) ? AW_ERROR_CERTIFICATE : AW_ERROR_TLS,
                text);
}

/* Whoever waits for the connection sees that it is dead. */
static void
opening_lost(struct ws *ws)
{
        (void)ws;
}

static const struct ws_role opening_role = {
        .established = opening_established,
        .head = opening_head,
        .tls_failed = opening_tls_failed,
        .lost = opening_lost,
};

/* Waits until the connection is open, has failed or is lost. */
static async int
opening_wait(struct ws *ws, aw_time deadline)
{
        struct ws_opening *opening = ws->opening;
        int result = 0;

        while (result == 0 && !opening->open && !opening->failed && ws->transport != NULL)
                result = ws_connection_wait(ws, &ws->watchers, deadline);
        /* A cancellation that comes together with the answer is not lost. */
        if (opening->open && (result == 0 || errno != ECANCELED))
                return 0;
        if (result == -1)
                fail_waiting(opening->error, opening->url, "waiting for the handshake of");
        else if (!opening->failed)
                aw_error_set(opening->error, AW_ERROR_CONNECTION, EPIPE,
                             "%s closed the connection during the handshake",
                             opening->url->host_header);
        else
                errno = opening->error->number;
        return -1;
}

/* The transport becomes the connection's. */
static struct ws *
opening_begin(struct ws_opening *opening, struct aw_transport *transport)
{
        const struct aw_url *url = opening->url;
        struct ws *ws = ws_connection_create(true, opening->options->max_message);
        struct aw_tls *tls;

        if (ws == NULL)
                return NULL;
        ws->app = true;
        ws->opening = opening;
        ws->alive.interval = opening->options->ping_interval;
        ws->alive.timeout = opening->options->ping_timeout;
        ws->role = &opening_role;
        ws->observer = opening->options->observer;
        ws->in.watched = ws->observer != NULL;
        snprintf(ws->peer, sizeof(ws->peer), "%.63s", url->host_header);
        if (url->scheme == AW_URL_WSS) {
                tls = aw_tls_create(opening->options->tls, url->host);
                if (tls == NULL) {
                        ws_drop(ws);
                        return NULL;
                }
                /* The transport now owns it. */
                aw_transport_start_tls(transport, tls);
        }
        ws->transport = transport;
        aw_transport_set_owner(transport, &ws_connection_callbacks, ws);
        aw_transport_pause(transport, false);
        return ws;
}

static async struct ws *
connect_to(struct ws_opening *opening, struct aw_transport *transport, aw_time deadline)
{
        struct ws *ws = opening_begin(opening, transport);
        int error;

        if (ws == NULL) {
                aw_transport_close(transport);
                aw_error_set(opening->error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        if (await(opening_wait(ws, deadline)) == -1) {
                error = errno;
                ws_drop(ws);
                errno = error;
                return NULL;
        }
        ws->opening = NULL;
        return ws;
}

/* Name, value and nothing that ends the line too early. */
static bool
headers_valid(const struct ws_connect_options *options)
{
        size_t i;

        for (i = 0; i < options->header_count; i++)
                if (strpbrk(options->headers[i], "\r\n") != NULL ||
                    strcspn(options->headers[i], ": \t") == 0 ||
                    options->headers[i][strcspn(options->headers[i], ": \t")] != ':')
                        return false;
        return true;
}

static void
observe_address(const struct ws_observer *observer, const struct aw_transport *transport)
{
        struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof(address);
        char text[64];

        getpeername(aw_transport_fd(transport), (struct sockaddr *)&address, &length);
        aw_address_format(&address, text, sizeof(text));
        ws_observe_step(observer, WS_STEP_CONNECTED, text);
}

static async struct ws *
connect_url(struct ws_opening *opening, struct aw_url *url, aw_time deadline)
{
        const struct ws_connect_options *options = opening->options;
        struct aw_addresses addresses = {.items = NULL};
        struct aw_error url_error;
        struct aw_timeout timeout;
        struct aw_transport *transport;
        const char *reason;
        int result;

        opening->url = url;
        if (options->url == NULL) {
                aw_error_set(opening->error, AW_ERROR_USAGE, EINVAL, "no URL is given");
                return NULL;
        }
        if (aw_url_parse(options->url, url, &url_error) == -1) {
                aw_error_set(opening->error, AW_ERROR_USAGE, EINVAL, "'%s': %s", options->url,
                             url_error.text);
                return NULL;
        }
        if (url->scheme == AW_URL_WSS && options->tls == NULL) {
                aw_error_set(opening->error, AW_ERROR_USAGE, EINVAL, "wss needs a TLS context");
                return NULL;
        }
        if (has_header(options, "Upgrade") || has_header(options, "Connection") ||
            has_header(options, "Sec-WebSocket-Key") ||
            has_header(options, "Sec-WebSocket-Version") ||
            has_header(options, "Sec-WebSocket-Extensions")) {
                aw_error_set(opening->error, AW_ERROR_USAGE, EINVAL,
                             "a header field is one that the handshake itself sets");
                return NULL;
        }
        if (!ws_deflate_options_valid(&options->deflate)) {
                aw_error_set(opening->error, AW_ERROR_USAGE, EINVAL, "%s",
                             ws_deflate_options_wrong);
                return NULL;
        }
        if (!headers_valid(options)) {
                aw_error_set(opening->error, AW_ERROR_USAGE, EINVAL,
                             "a header field is not 'Name: value'");
                return NULL;
        }
        aw_timeout_enter(&timeout, deadline);
        result = aw_timeout_exit(&timeout, await(aw_resolve(url, false, &addresses, &reason)));
        if (result == -1 && (errno == ETIMEDOUT || errno == ECANCELED)) {
                fail_waiting(opening->error, url, "resolving the name of");
                return NULL;
        }
        if (result == -1) {
                aw_error_set(opening->error, AW_ERROR_RESOLVE, errno, "cannot resolve %s: %s",
                             url->host, reason);
                return NULL;
        }
        ws_observe_step(options->observer, WS_STEP_RESOLVED, "");
        transport = await(connect_any(url, &addresses, opening->error, deadline));
        aw_addresses_free(&addresses);
        if (transport != NULL && options->observer != NULL)
                observe_address(options->observer, transport);
        return transport == NULL ? NULL : await(connect_to(opening, transport, deadline));
}

async struct ws *
ws_connect(const struct ws_connect_options *options, struct aw_error *error, aw_time deadline)
{
        struct aw_error own;
        struct ws_opening opening = {.options = options, .error = error == NULL ? &own : error};
        struct aw_url *url = malloc(sizeof(*url));
        struct ws *ws = NULL;
        int number;

        aw_error_clear(opening.error);
        if (url == NULL)
                aw_error_set(opening.error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        else
                ws = await(connect_url(&opening, url, deadline));
        number = errno;
        free(url);
        errno = number;
        return ws;
}
