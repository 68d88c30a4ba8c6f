/* SPDX-License-Identifier: MIT */
/* A server's connection: its opening handshake, and its place in its listener's list. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "await/log.h"
#include "net/resolve.h"
#include "ws/listener.h"

/* The opening handshake. */

static void
refuse(struct ws *ws, int status, const char *content_type, const char *more, const char *body,
       bool with_body)
{
        char head[512];
        int length = snprintf(head, sizeof(head),
                              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                              "%sConnection: close\r\n\r\n",
                              status, aw_http_reason(status), content_type, strlen(body), more);

        if (ws_send_raw(ws, head, (size_t)length) == 0 && with_body)
                ws_send_raw(ws, body, strlen(body));
        ws->state = WS_STATE_FAILED;
        ws_finish(ws);
}

static void
refuse_text(struct ws *ws, int status, const char *reason)
{
        char body[256];

        aw_log_limited(AW_LOG_INFO, "%s: refused with %d: %s", ws->peer, status, reason);
        snprintf(body, sizeof(body), "%d %s: %s\n", status, aw_http_reason(status), reason);
        refuse(ws, status, "text/plain; charset=utf-8",
               status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "", body,
               true);
}

/* A request for something else than a WebSocket. */
static void
answer_plain(struct ws *ws, const struct aw_http_head *request)
{
        struct ws_answer answer = {.status = 0};

        if (ws->listener->answer != NULL)
                ws->listener->answer(request, &answer);
        if (answer.status == 0)
                refuse_text(ws, 426, "this is a WebSocket server");
        else
                refuse(ws, answer.status, answer.content_type, "", answer.body,
                       !aw_http_text_is(&request->method, "HEAD"));
}

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

static void
upgrade(struct ws *ws, const struct aw_http_head *request)
{
        const struct aw_http_text *key = aw_http_field(request, "Sec-WebSocket-Key");
        char accept[WS_ACCEPT_SIZE], head[256];
        int length;

        if (ws_handshake_accept(key->data, key->length, accept) == -1) {
                refuse_text(ws, 500, "out of memory");
                return;
        }
        length = snprintf(head, sizeof(head),
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
        if (ws_send_raw(ws, head, (size_t)length) == -1)
                return;
        server_opened(ws);
        ws_opened(ws, request->length);
}

static void
server_request(struct ws *ws, const struct aw_http_head *request)
{
        const char *reason = NULL;
        int status = ws_handshake_check_request(request, &reason);

        if (status == 0)
                upgrade(ws, request);
        else if (status == -1)
                answer_plain(ws, request);
        else
                refuse_text(ws, status, reason);
}

static void
server_http(struct ws *ws)
{
        struct aw_http_head head;

        switch (aw_http_parse_request(ws->head, ws->head_length, &head)) {
        case AW_HTTP_OK:
                server_request(ws, &head);
                break;
        case AW_HTTP_INCOMPLETE:
                break;
        case AW_HTTP_TOO_LARGE:
                refuse_text(ws, 431, "the head of the request is too large");
                break;
        case AW_HTTP_BAD_VERSION:
                refuse_text(ws, 505, "the HTTP version is neither 1.0 nor 1.1");
                break;
        case AW_HTTP_BAD:
                refuse_text(ws, 400, "this is not an HTTP request");
                break;
        }
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
        *ws->link = ws->next;
        if (ws->next != NULL)
                ws->next->link = ws->link;
        ws->listener = NULL;
}

static void
handshake_late(void *argument)
{
        struct ws *ws = argument;

        aw_log_limited(AW_LOG_INFO, "%s: no complete handshake in %d s", ws->peer,
                       (int)(WS_HANDSHAKE_TIME / AW_SECOND));
        ws_abort(ws);
}

/* A server waits for the client's request. */
static void
server_ready(struct ws *ws)
{
        (void)ws;
}

static void
server_tls_failed(struct ws *ws, const char *text)
{
        aw_log_limited(AW_LOG_INFO, "%s: TLS: %s", ws->peer, text);
}

static const struct ws_role server_role = {
        .ready = server_ready,
        .http = server_http,
        .tls_failed = server_tls_failed,
        .lost = server_lost,
};

void
ws_server_forget(struct ws_listener *listener)
{
        while (listener->connections != NULL)
                server_lost(listener->connections);
}

int
ws_server_begin(struct ws_listener *listener, int fd, const struct sockaddr_storage *address)
{
        struct ws *ws = ws_create(false, listener->tls, NULL, listener->max_message);
        int on = 1;

        if (ws == NULL) {
                close(fd);
                return -1;
        }
        /* Has no meaning, and no effect, on a Unix socket. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        aw_address_format(address, ws->peer, sizeof(ws->peer));
        ws->role = &server_role;
        ws->socket = aw_socket_adopt(fd, false, &ws_io_callbacks, ws);
        if (ws->socket == NULL) {
                ws_drop(ws);
                errno = EMFILE;
                return -1;
        }
        server_link(listener, ws);
        aw_call_later(&ws->timer, WS_HANDSHAKE_TIME, handshake_late, ws);
        return 0;
}
