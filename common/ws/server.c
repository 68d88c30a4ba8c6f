/* SPDX-License-Identifier: MIT */
/* A server's connection: its opening handshake, and its place in its listener's list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "await/log.h"
#include "base/memory.h"
#include "ws/deflate_private.h"
#include "ws/listener_private.h"
#include "ws/pages.h"
#include "ws/raw_private.h"
#include "ws/request_private.h"
#include "ws/response_private.h"

/* The opening handshake. */

/* Now it can be accepted: ws_accept() has it from here. */
static void
server_opened(struct ws *ws)
{
        struct ws_listener *listener = ws->listener;

        ws->app = true;
        ws->accept_next = NULL;
        *listener->accept_last = ws;
        listener->accept_last = &ws->accept_next;
        aw_wake_one(&listener->acceptors);
}

static bool
is_head(const struct aw_http_head *head)
{
        return aw_http_text_is(&head->method, "HEAD");
}

/* The first offer of compression that can be accepted, if there is one. 0, or -1: no memory. */
static int
choose_deflate(struct ws *ws, const struct ws_answer *answer)
{
        const struct ws_deflate_options *options =
                answer->deflate != NULL ? answer->deflate : &ws->listener->deflate;
        struct ws_deflate_agreed agreed;

        if (options->mode == WS_DEFLATE_OFF || !ws_deflate_accept(ws->request, options, &agreed))
                return 0;
        return ws_deflate_begin(ws, options, &agreed);
}

static void
accept_handshake(struct ws *ws, const struct aw_http_head *head, const struct ws_answer *answer)
{
        const struct aw_http_text *key = aw_http_field(head, "Sec-WebSocket-Key");
        char accept[WS_ACCEPT_SIZE], *subprotocol = NULL;

        /* Nobody accepts any more. It may be among those that were not told yet. */
        if (ws->listener->draining) {
                ws_response_refuse(ws, 503, "the server ends", false);
                return;
        }
        if (answer->subprotocol != NULL)
                subprotocol = strdup(answer->subprotocol);
        if (ws_handshake_accept(key->data, key->length, accept) == -1 ||
            (answer->subprotocol != NULL && subprotocol == NULL)) {
                free(subprotocol);
                ws_response_refuse(ws, 500, "out of memory", false);
                return;
        }
        /* The connection now owns it. */
        ws->subprotocol = subprotocol;
        if (choose_deflate(ws, answer) == -1 ||
            (((const struct ws_raw_answer *)answer)->held && ws_raw_begin(ws) == -1)) {
                ws_response_refuse(ws, 500, "out of memory", false);
                return;
        }
        if (ws_response_switch(ws, accept, answer, ws_request_expects_continue(head)) == -1)
                return;
        ws->seen.status = 101;
        aw_transport_befriend(ws->transport);
        server_opened(ws);
        ws_connection_open(ws, head->length);
}

/* Where a page may come from that connects. Who is no browser sends no Origin (section 10.2). */
static const char forbidden[] = "403 Forbidden: a page from there may not connect to this server\n";
static const char foreign[] = "a page from there may not connect";

/* A browser leaves the port of its scheme out in both fields. */
static bool
is_own_origin(const char *origin, const char *host)
{
        const char *authority = strstr(origin, "://");

        return authority != NULL && host != NULL && strcasecmp(authority + 3, host) == 0;
}

static bool
origin_allowed(const struct ws_listener *listener, const struct ws_request *request)
{
        const char *origin = ws_request_field(request, "Origin", 0);
        const char *host = ws_request_field(request, "Host", 0);
        size_t i;

        if (listener->origin_count == 0 || origin == NULL)
                return true;
        if (ws_request_field(request, "Origin", 1) != NULL)
                return false;
        for (i = 0; i < listener->origin_count; i++)
                if (strcasecmp(listener->origins[i], origin) == 0 ||
                    (strcmp(listener->origins[i], WS_ORIGIN_SELF) == 0 &&
                     is_own_origin(origin, host)))
                        return true;
        return false;
}

/* The answer to what is no handshake, if nobody has another one. */
static const char not_for_us[] = "426 Upgrade Required: this is a WebSocket server\n";

void
ws_server_forget_answer(struct ws_raw_answer *raw)
{
        if (raw->answer.done != NULL)
                raw->answer.done(&raw->answer);
        free(raw->chosen);
}

/* What the peer wrote is shown in part: a line is not its to fill, and a query may have secrets. */
#define PATH_SHOWN   200
#define METHOD_SHOWN 20

static void
log_unsent(const struct ws *ws, const char *wrong)
{
        const char *path = ws->request->path;

        aw_log_limited(AW_LOG_ERROR, "%s: the handler's answer to %.*s %.*s%s cannot be sent: %s",
                       ws->peer, METHOD_SHOWN, ws->request->method, PATH_SHOWN, path,
                       strlen(path) > PATH_SHOWN ? "..." : "", wrong);
}

static void
log_refusal(const struct ws *ws, const struct ws_answer *answer)
{
        const char *why = answer->why != NULL ? answer->why : aw_http_reason(answer->status);

        if (why != foreign)
                aw_log_limited(AW_LOG_INFO, "%s: refused with %d: %s", ws->peer, answer->status,
                               why);
        else
                aw_log_limited(
                        AW_LOG_INFO, "%s: refused with %d: %s: Origin '%.200s'%s", ws->peer,
                        answer->status, why, ws_request_field(ws->request, "Origin", 0),
                        ws_request_field(ws->request, "Origin", 1) == NULL ? "" : ", and another");
}

void
ws_server_answer(struct ws *ws, const struct aw_http_head *head, struct ws_raw_answer *raw)
{
        struct ws_answer *answer = &raw->answer;
        const char *wrong = ws_response_wrong(ws->request, answer);

        if (wrong != NULL) {
                log_unsent(ws, wrong);
                ws_response_refuse(ws, 500, "the answer cannot be sent", is_head(head));
        } else if (answer->status == 101) {
                accept_handshake(ws, head, answer);
        } else {
                if (ws->request->upgrade || answer->body == not_for_us || answer->why != NULL)
                        log_refusal(ws, answer);
                ws_response_send(ws, answer, is_head(head));
        }
}

/* Asks the handler, and does as it says, or as a task will say. */
static void
answer_request(struct ws *ws, const struct aw_http_head *head, struct ws_raw_answer *raw)
{
        const struct ws_listener *listener = ws->listener;

        if (listener->handler != NULL)
                listener->handler(ws->request, &raw->answer, listener->argument);
        if (raw->answer.later == NULL)
                ws_server_answer(ws, head, raw);
        else if (ws_decision_begin(ws, raw) == -1)
                ws_response_refuse(ws, 500, "out of memory", is_head(head));
        ws_server_forget_answer(raw);
}

static void
server_handshake(struct ws *ws, const struct aw_http_head *head)
{
        struct ws_raw_answer raw = {.answer = {.status = 101}};

        ws->request->upgrade = true;
        if (!origin_allowed(ws->listener, ws->request)) {
                ws->seen.foreign_origin = true;
                raw.answer = (struct ws_answer){.status = 403, .body = forbidden, .why = foreign};
        }
        if (ws_subprotocol_choose(ws->request, ws->listener->subprotocol, &raw.chosen) == 0) {
                if (raw.answer.status == 101)
                        raw.answer.subprotocol = raw.chosen;
                answer_request(ws, head, &raw);
        } else if (errno == EINVAL) {
                ws_response_refuse(ws, 400, "the field Sec-WebSocket-Protocol is no list of names",
                                   false);
        } else {
                ws_response_refuse(ws, 500, "out of memory", false);
        }
}

static void
server_request(struct ws *ws, const struct aw_http_head *head)
{
        struct ws_raw_answer plain = {.answer = {.status = 426, .body = not_for_us}};
        const char *reason = NULL;
        int status = ws_request_check(head, &reason);

        if (status == 0)
                status = ws_handshake_check_request(head, &reason);
        if (status == 0 && !ws_pages_room(WS_CONNECTION_COST)) {
                ws->seen.limit = WS_LIMIT_MEMORY;
                status = 503;
                reason = "the server has no memory for another connection: try again later";
        }
        if (status > 0) {
                ws_response_refuse(ws, status, reason, is_head(head));
                return;
        }
        ws->request = ws_request_create(head);
        if (ws->request == NULL) {
                ws_response_refuse(ws, 500, "out of memory", is_head(head));
                return;
        }
        ws_peer_forwarded(ws);
        ws->request->secure = aw_transport_tls(ws->transport) != NULL;
        ws->request->peer = ws->peer;
        ws->request->ws = ws;
        if (status == 0)
                server_handshake(ws, head);
        else
                answer_request(ws, head, &plain);
}

static void
refuse_no_request(struct ws *ws)
{
        char reason[WS_REQUEST_FAULT_SIZE];

        ws_watch_end(ws, WS_SIDE_SERVER, ws_request_fault(ws->head, ws->head_length, reason));
        ws_response_refuse(ws, 400, reason, false);
}

static void
server_head(struct ws *ws)
{
        struct aw_http_head head;

        switch (aw_http_parse_request(ws->head, ws->head_length, &head)) {
        case AW_HTTP_OK:
                server_request(ws, &head);
                break;
        case AW_HTTP_INCOMPLETE:
                break;
        case AW_HTTP_TOO_LARGE:
                ws_response_refuse(ws, 431, "the head of the request is too large", false);
                break;
        case AW_HTTP_BAD_VERSION:
                ws_response_refuse(ws, 505, "the HTTP version is neither 1.0 nor 1.1", false);
                break;
        case AW_HTTP_BAD:
                refuse_no_request(ws);
                break;
        }
}

const struct ws_request *
ws_request(const struct ws *ws)
{
        return ws->request;
}

/* Connections of a listener. */

static void
server_link(struct ws_listener *listener, struct ws *ws)
{
        ws->listener = listener;
        ws->next = listener->connections;
        if (ws->next != NULL)
                ws->next->link = &ws->next;
        ws->link = &listener->connections;
        listener->connections = ws;
}

static void
server_lost(struct ws *ws)
{
        if (ws->listener == NULL)
                return;
        ws_peer_lost(ws);
        /* It may have been the last of the handshakes that ws_accept() waits for. */
        if (ws->listener->stopped)
                aw_wake_all(&ws->listener->acceptors);
        ws_watch_gone(ws);
        if (ws->listener->drain_next == ws)
                ws->listener->drain_next = ws->next;
        *ws->link = ws->next;
        if (ws->next != NULL)
                ws->next->link = ws->link;
        ws->listener = NULL;
}

/* Whether the client would understand an answer: there is no TLS, or its handshake is complete. */
static bool
hears_http(const struct ws *ws)
{
        return aw_transport_tls(ws->transport) == NULL || ws->seen.tls != NULL;
}

static const char too_late[] = "no complete handshake in time";

static void
handshake_late(void *argument)
{
        struct ws *ws = argument;

        /* It has an answer, and would not take it. */
        if (ws->in.state != WS_IN_HEAD) {
                aw_transport_close(ws->transport);
                return;
        }
        ws->seen.limit = WS_LIMIT_HANDSHAKE_TIMEOUT;
        if (ws->decision != NULL) {
                ws_response_refuse(ws, 503, "the server could not decide in time: try again",
                                   strcmp(ws->request->method, "HEAD") == 0);
                ws_decision_drop(ws);
                return;
        }
        if (hears_http(ws)) {
                ws_response_refuse(ws, 408, too_late, false);
                return;
        }
        ws_watch_end(ws, WS_SIDE_SERVER, too_late);
        aw_log_limited(AW_LOG_INFO, "%s: %s", ws->peer, too_late);
        aw_transport_close(ws->transport);
}

/* A server waits for the client's request. */
static void
server_established(struct ws *ws)
{
        const struct aw_tls *tls = aw_transport_tls(ws->transport);
        const char *name;

        if (tls == NULL)
                return;
        name = aw_tls_server_name(tls);
        ws->seen.tls = aw_tls_version(tls);
        ws->seen.resumed = aw_tls_resumed(tls);
        ws->seen.cipher = aw_tls_cipher(tls);
        ws->seen.application = aw_tls_application(tls);
        ws->seen.server_name = name == NULL ? NULL : strdup(name);
        ws->seen.client_subject = aw_tls_peer_subject(tls);
        ws_watch_event(ws, WS_EVENT_SECURE);
}

/* Who speaks plain HTTP understands nothing else: the answer goes out without TLS. */
static void
refuse_plain_http(struct ws *ws)
{
        struct ws_answer answer = {
                .status = 400,
                .body = "400 Bad Request: this is a port for TLS: use https:// or wss://\n"};

        ws_response_send(ws, &answer, false);
}

static void
server_tls_failed(struct ws *ws, const char *text)
{
        ws->seen.client_refused = aw_tls_refused_peer(aw_transport_tls(ws->transport));
        ws_watch_end(ws, WS_SIDE_CLIENT, text);
        aw_log_limited(AW_LOG_INFO, "%s: TLS: %s", ws->peer, text);
        if (aw_tls_peer_sent_http(aw_transport_tls(ws->transport)))
                refuse_plain_http(ws);
}

static const struct ws_role server_role = {
        .established = server_established,
        .head = server_head,
        .tls_failed = server_tls_failed,
        .lost = server_lost,
};

void
ws_server_forget(struct ws_listener *listener)
{
        while (listener->connections != NULL)
                server_lost(listener->connections);
}

/* What the listener's options say of each connection, from now on. */
static void
server_use_options(struct ws *ws, const struct ws_listener *listener)
{
        ws->alive.interval = listener->ping_interval;
        ws->alive.timeout = listener->ping_timeout;
        ws->limits.idle = listener->idle_timeout;
        ws->limits.lifetime = listener->max_lifetime;
        ws->limits.messages.most = listener->max_message_rate;
        ws->limits.trifles.most = listener->max_control_rate;
        if (listener->max_buffer > 0)
                ws->max_buffer = (size_t)listener->max_buffer;
        ws->watch = listener->watch;
}

int
ws_server_begin(void *owner, int fd, const struct sockaddr_storage *address)
{
        struct ws_listener *listener = owner;
        struct aw_tls *tls = NULL;
        struct ws *ws;
        int error;

        if (listener->admit != NULL && !listener->admit(listener->argument)) {
                aw_ports_turn_away(&listener->ports, fd);
                return 0;
        }
        ws = ws_connection_create(false, listener->max_message);
        if (ws != NULL && listener->tls != NULL)
                tls = aw_tls_create(listener->tls, NULL);
        if (ws == NULL || (listener->tls != NULL && tls == NULL)) {
                ws_drop(ws);
                close(fd);
                errno = ENOMEM;
                return -1;
        }
        ws_peer_set(ws, address);
        ws->role = &server_role;
        server_use_options(ws, listener);
        ws->seen.accepted = aw_loop_now();
        ws->transport =
                aw_transport_open(fd, AW_TRANSPORT_STRANGER, tls, &ws_connection_callbacks, ws);
        if (ws->transport == NULL) {
                error = errno;
                ws_drop(ws);
                errno = error;
                return -1;
        }
        server_link(listener, ws);
        ws_watch_event(ws, WS_EVENT_ACCEPTED);
        aw_call_later(&ws->late,
                      listener->handshake_timeout > 0 ? listener->handshake_timeout
                                                      : WS_HANDSHAKE_TIME,
                      handshake_late, ws);
        ws_peer_begin(ws);
        return 0;
}
