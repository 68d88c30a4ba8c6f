/* SPDX-License-Identifier: MIT */
/* A client: from its URL to an open connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dial.h"
#include "net/url.h"
#include "ws/deflate_private.h"
#include "ws/private.h"
#include "ws/refusal_private.h"

/* What a client needs until it is open. */
struct ws_opening {
        const struct ws_connect_options *options;
        const struct aw_url *url;
        struct aw_error *error;
        char key[WS_KEY_SIZE];
        bool established; /* the request may go out: TLS is up, if there is to be TLS */
        bool spoken;      /* the server has answered with something, if only for the meantime */
        bool failed;      /* *error says why */
        bool open;
        size_t head_length; /* of a response that refuses, once it has come */
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

/* The server stays one of HTTP, and says why in the body. */
static void
opening_refused(struct ws *ws, const struct aw_http_head *head)
{
        struct ws_opening *opening = ws->opening;

        ws_refusal_explain(opening->error, opening->url->host_header, head);
        opening->failed = true;
        opening->head_length = head->length;
        aw_wake_all(&ws->watchers);
}

/* The connection opens, but not as it should: whoever tests the server wants to know. */
static void
observe_faults(const struct ws *ws, const struct aw_http_head *head)
{
        const char *fault;
        size_t i = 0;

        while (ws->observer != NULL && (fault = ws_handshake_fault(head, ws->head, &i)) != NULL)
                ws_observe_step(ws->observer, WS_STEP_FAULT, fault);
}

static void
opening_response(struct ws *ws, const struct aw_http_head *head)
{
        struct ws_opening *opening = ws->opening;
        const struct aw_http_text *protocol;
        struct ws_deflate_agreed agreed;
        char problem[256];

        if (head->status != 101) {
                opening_refused(ws, head);
                return;
        }
        if (ws_handshake_check_response(head, opening->key, opening->options, &agreed, problem,
                                        sizeof(problem)) == -1) {
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
        observe_faults(ws, head);
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

/* More of a refusal's body has come: whoever waits for it looks. */
static void
opening_body(struct ws *ws)
{
        ws->head_parsed = 0; /* all that comes is of interest */
        if (ws->head_length >= ws->opening->head_length + WS_REFUSAL_INPUT)
                aw_transport_pause(ws->transport, true);
        aw_wake_all(&ws->watchers);
}

static void
opening_head(struct ws *ws)
{
        struct ws_opening *opening = ws->opening;
        struct aw_http_head head;
        enum aw_http_result result;
        char problem[400];

        if (opening == NULL || opening->failed) {
                if (opening != NULL && opening->head_length > 0)
                        opening_body(ws);
                return;
        }
        opening->spoken = true;
        forget_interim(ws);
        result = aw_http_parse_response(ws->head, ws->head_length, &head);
        if (result == AW_HTTP_INCOMPLETE)
                return;
        observe_response(ws, result == AW_HTTP_OK ? head.length : ws->head_length);
        if (result == AW_HTTP_OK) {
                opening_response(ws, &head);
                if (opening->head_length > 0)
                        opening_body(ws);
                return;
        }
        opening->error->status = 0;
        ws_refusal_explain_head(ws->head, ws->head_length, result, opening->url->host_header,
                                problem, sizeof(problem));
        opening_failed(ws, AW_ERROR_HANDSHAKE, problem);
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

        ws->opening->established = true;
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
        struct ws_opening *opening = ws->opening;
        bool refused = tls != NULL && aw_tls_refused_peer(tls);
        enum aw_error_cause cause = tls == NULL ? AW_CAUSE_NONE : aw_tls_error_cause(tls);
        char sentence[320];

        if (opening == NULL || opening->failed || opening->open)
                return;
        /* What we refuse is named in the sentence. */
        if (cause == AW_CAUSE_NOT_TLS)
                snprintf(sentence, sizeof(sentence), "%s does not speak TLS",
                         opening->url->host_header);
        else
                snprintf(sentence, sizeof(sentence), "%s%s%s",
                         refused ? "" : opening->url->host_header, refused ? "" : ": ", text);
        opening_failed(ws, refused ? AW_ERROR_CERTIFICATE : AW_ERROR_TLS, sentence);
        opening->error->cause = cause;
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

/* The peer has gone without an answer: a server of TLS does that, when it is not spoken to in it. */
static void
fail_lost(const struct ws_opening *opening)
{
        bool plain = opening->url->scheme == AW_URL_WS;

        if (opening->spoken)
                aw_error_set(opening->error, AW_ERROR_CONNECTION, EPIPE,
                             "%s closed the connection in the middle of its answer",
                             opening->url->host_header);
        else
                aw_error_set(opening->error, AW_ERROR_CONNECTION, EPIPE,
                             "%s closed the connection during the handshake",
                             opening->url->host_header);
        if (plain && !opening->spoken)
                opening->error->cause = AW_CAUSE_SILENT;
}

/* For who looks on: the beginning of what a refusal says besides its head. 0, or -1: cancelled. */
static async int
observe_body(struct ws *ws, aw_time deadline)
{
        struct ws_opening *opening = ws->opening;
        aw_time end = aw_loop_now() + WS_REFUSAL_TIME;
        char body[WS_REFUSAL_BODY + 1];
        int result = 0;

        if (end > deadline)
                end = deadline;
        while (!ws_refusal_body(ws->head, ws->head_length, opening->head_length, body) &&
               ws->transport != NULL && result == 0)
                result = ws_connection_wait(ws, &ws->watchers, end);
        if (result == -1 && errno == ECANCELED)
                return -1;
        if (body[0] != '\0')
                ws_observe_step(ws->observer, WS_STEP_BODY, body);
        return 0;
}

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
        if (result == 0 && opening->head_length > 0 && ws->observer != NULL)
                result = await(observe_body(ws, deadline));
        if (result == -1)
                fail_waiting(opening->error, opening->url,
                             opening->established || opening->url->scheme != AW_URL_WSS
                                     ? "waiting for the handshake of"
                                     : "waiting for the TLS handshake of");
        else if (!opening->failed)
                fail_lost(opening);
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
                tls = aw_tls_create(opening->options->tls, opening->options->server_name == NULL
                                                                   ? url->host
                                                                   : opening->options->server_name);
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

static async struct ws *
connect_url(struct ws_opening *opening, struct aw_url *url, struct aw_dial *dial, aw_time deadline)
{
        const struct ws_connect_options *options = opening->options;
        struct aw_transport *transport;

        opening->url = url;
        if (ws_client_check(options, url, opening->error) == -1 ||
            await(aw_dial_resolve(dial, url, options->network, opening->error, deadline)) == -1)
                return NULL;
        ws_observe_step(options->observer, WS_STEP_RESOLVED, "");
        transport = await(aw_dial_connect(dial, opening->error, deadline));
        if (transport != NULL)
                ws_observe_step(options->observer, WS_STEP_CONNECTED, dial->peer);
        else if (errno == EPIPE && dial->proxy == NULL)
                fail_lost(opening);
        return transport == NULL ? NULL : await(connect_to(opening, transport, deadline));
}

async struct ws *
ws_connect(const struct ws_connect_options *options, struct aw_error *error, aw_time deadline)
{
        struct aw_error own;
        struct ws_opening opening = {.options = options, .error = error == NULL ? &own : error};
        struct aw_url *url = calloc(1, sizeof(*url));
        struct aw_dial *dial = calloc(1, sizeof(*dial));
        struct ws *ws = NULL;
        int number;

        aw_error_clear(opening.error);
        if (url == NULL || dial == NULL)
                aw_error_set(opening.error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        else
                ws = await(connect_url(&opening, url, dial, deadline));
        number = errno;
        if (dial != NULL)
                aw_dial_free(dial);
        free(dial);
        free(url);
        errno = number;
        return ws;
}
