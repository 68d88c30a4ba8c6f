/* SPDX-License-Identifier: MIT */
/* Listening, accepting, and the server's side of the opening handshake. */
#include "log.h"
#include "loop_private.h"
#include "resolve.h"
#include "url.h"
#include "ws_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ACCEPT_BATCH 64 /* connections accepted at a time, then the others have their turn */
#define ACCEPT_PAUSE (AW_SECOND / 4) /* when there are no descriptors left */
#define BACKLOG      4096
#define ADDRESSES    16 /* that one name may stand for */

/* One listening socket. */
struct port {
        struct ws_listener *listener;
        int fd;
        struct aw_watch *watch;
        struct aw_handle resume;
        bool out_of_descriptors; /* that was logged */
        char url[AW_URL_HOST_MAX + 32];
};

struct ws_listener {
        struct port ports[ADDRESSES];
        size_t count;
        struct aw_tls_context *tls;
        uint64_t max_message;
        void (*answer)(const struct aw_http_head *request, struct ws_answer *answer);
        bool draining;
        struct ws *connections;
        struct ws *accept_first, **accept_last; /* open, for ws_accept() */
        struct aw_waiters acceptors;
        char socket[AW_URL_SOCKET_MAX + 1]; /* of unix:, to be removed */
};

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

        aw_log(AW_LOG_INFO, "%s: refused with %d: %s", ws->peer, status, reason);
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
opened(struct ws *ws)
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
        opened(ws);
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

void
ws_server_lost(struct ws *ws)
{
        *ws->link = ws->next;
        if (ws->next != NULL)
                ws->next->link = ws->link;
        ws->listener = NULL;
}

static void
handshake_late(void *argument)
{
        struct ws *ws = argument;

        aw_log(AW_LOG_INFO, "%s: no complete handshake in %d s", ws->peer,
               (int)(WS_HANDSHAKE_TIME / AW_SECOND));
        ws_abort(ws);
}

static void
format_peer(const struct sockaddr_storage *address, char *out, size_t size)
{
        char text[INET6_ADDRSTRLEN];
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        if (address->ss_family == AF_INET)
                snprintf(out, size, "%s:%u", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)),
                         ntohs(v4->sin_port));
        else if (address->ss_family == AF_INET6)
                snprintf(out, size, "[%s]:%u",
                         inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)),
                         ntohs(v6->sin6_port));
        else
                snprintf(out, size, "unix");
}

/* Takes the descriptor. */
static int
begin_connection(struct ws_listener *listener, int fd, const struct sockaddr_storage *address)
{
        struct ws *ws = ws_create(false, listener->tls, NULL, listener->max_message);
        int on = 1;

        if (ws == NULL) {
                close(fd);
                return -1;
        }
        /* Has no meaning, and no effect, on a Unix socket. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        format_peer(address, ws->peer, sizeof(ws->peer));
        ws->http = server_http;
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

/* Accepting. */

static void
port_resume(void *argument)
{
        struct port *port = argument;

        aw_watch_pause(port->watch, false);
}

/* Nothing can be accepted for now, and the poller would tell us of it without end. */
static void
port_pause(struct port *port, int error)
{
        if (!port->out_of_descriptors)
                aw_log(AW_LOG_WARNING, "%s: cannot accept connections for now: %s", port->url,
                       strerror(error));
        port->out_of_descriptors = true;
        aw_watch_pause(port->watch, true);
        aw_call_later(&port->resume, ACCEPT_PAUSE, port_resume, port);
}

static void
port_recovered(struct port *port)
{
        if (port->out_of_descriptors)
                aw_log(AW_LOG_INFO, "%s: accepting again", port->url);
        port->out_of_descriptors = false;
}

/* Errors that concern one connection only, which is gone, or nothing at all. */
static bool
is_harmless(int error)
{
        return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == EPROTO ||
               error == ENETDOWN || error == EHOSTUNREACH || error == ENETUNREACH ||
               error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EPERM;
}

static void
port_readable(void *argument)
{
        struct port *port = argument;
        struct sockaddr_storage address;
        socklen_t size;
        int fd, i;

        for (i = 0; i < ACCEPT_BATCH; i++) {
                address.ss_family = AF_UNSPEC;
                size = sizeof(address);
                fd = accept4(port->fd, (struct sockaddr *)&address, &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd == -1 && is_harmless(errno))
                        return;
                if (fd == -1 || begin_connection(port->listener, fd, &address) == -1) {
                        port_pause(port, errno);
                        return;
                }
                port_recovered(port);
        }
}

async struct ws *
ws_accept(struct ws_listener *listener, aw_time deadline)
{
        struct ws *ws;
        bool woken = false;

        while ((ws = listener->accept_first) == NULL) {
                if (listener->draining) {
                        errno = ESHUTDOWN;
                        return NULL;
                }
                if (aw_wait_in(&listener->acceptors, deadline, &woken) == -1) {
                        if (woken && listener->accept_first != NULL)
                                aw_wake_one(&listener->acceptors);
                        return NULL;
                }
        }
        listener->accept_first = ws->accept_next;
        if (listener->accept_first == NULL)
                listener->accept_last = &listener->accept_first;
        return ws;
}

/* Listening. */

static int failed(struct ws_error *error, enum ws_failure failure, int number, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

static int
failed(struct ws_error *error, enum ws_failure failure, int number, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        error->failure = failure;
        error->status = 0;
        errno = number;
        return -1;
}

/* A socket that nobody answers on was left behind by a process that is gone. */
static void
remove_stale_socket(const struct sockaddr_un *address)
{
        struct stat status;
        int fd;

        if (stat(address->sun_path, &status) == -1 || !S_ISSOCK(status.st_mode))
                return;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd == -1)
                return;
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == -1 &&
            errno == ECONNREFUSED)
                unlink(address->sun_path);
        close(fd);
}

static int
bind_address(const struct aw_address *address)
{
        int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1, error;

        if (fd == -1)
                return -1;
        if (address->storage.ss_family == AF_UNIX)
                remove_stale_socket((const struct sockaddr_un *)&address->storage);
        else
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (address->storage.ss_family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (bind(fd, (const struct sockaddr *)&address->storage, address->length) == 0 &&
            listen(fd, BACKLOG) == 0)
                return fd;
        error = errno;
        close(fd);
        errno = error;
        return -1;
}

/* With port 0 the first address gets a free one, and the others take the same. */
static void
take_port(const struct port *first, struct aw_address *address)
{
        struct sockaddr_storage bound;
        socklen_t size = sizeof(bound);

        if (getsockname(first->fd, (struct sockaddr *)&bound, &size) == 0)
                aw_address_set_port(address, aw_address_port(&bound));
}

static void
name_port(struct port *port, const struct aw_url *url)
{
        struct sockaddr_storage bound;
        socklen_t size = sizeof(bound);
        char text[64];

        if (url->scheme == AW_URL_UNIX) {
                snprintf(port->url, sizeof(port->url), "unix:%s", url->socket);
                return;
        }
        if (getsockname(port->fd, (struct sockaddr *)&bound, &size) == -1)
                return;
        format_peer(&bound, text, sizeof(text));
        snprintf(port->url, sizeof(port->url), "%s://%s", url->scheme == AW_URL_WSS ? "wss" : "ws",
                 text);
}

static int
add_port(struct ws_listener *listener, const struct aw_url *url, struct aw_address *address)
{
        struct port *port = &listener->ports[listener->count];

        if (listener->count > 0 && url->port == 0)
                take_port(&listener->ports[0], address);
        port->listener = listener;
        port->fd = bind_address(address);
        if (port->fd == -1)
                return -1;
        name_port(port, url);
        port->watch = aw_watch_open(port->fd, port_readable, port);
        if (port->watch == NULL) {
                close(port->fd);
                errno = ENOMEM;
                return -1;
        }
        listener->count++;
        return 0;
}

/* An address family that the machine lacks is no failure as long as another address works. */
static int
add_ports(struct ws_listener *listener, const struct aw_url *url, struct aw_addresses *addresses,
          struct ws_error *error)
{
        size_t i;
        int reason = EADDRNOTAVAIL;

        for (i = 0; i < addresses->count && listener->count < ADDRESSES; i++) {
                if (add_port(listener, url, &addresses->items[i]) == 0)
                        continue;
                reason = errno;
                if (reason != EAFNOSUPPORT && reason != EADDRNOTAVAIL)
                        break;
        }
        if (i == addresses->count && listener->count > 0)
                return 0;
        return failed(error, WS_FAILED_CONNECTION, reason, "cannot listen on %s: %s",
                      url->scheme == AW_URL_UNIX ? url->socket : url->host_header,
                      strerror(reason));
}

static async int
listen_on(struct ws_listener *listener, const struct ws_listen_options *options,
          struct ws_error *error)
{
        struct aw_url *url = malloc(sizeof(*url));
        struct aw_addresses addresses = {.count = 0};
        struct aw_url_error url_error;
        const char *reason;
        int result = -1;

        if (url == NULL)
                return failed(error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
        if (aw_url_parse(options->url, url, &url_error) == -1)
                failed(error, WS_FAILED_URL, EINVAL, "'%s': %s", options->url, url_error.text);
        else if (url->scheme == AW_URL_WSS && options->tls == NULL)
                failed(error, WS_FAILED_URL, EINVAL, "wss needs a certificate");
        else if (await(aw_resolve(url, true, &addresses, &reason)) == -1)
                failed(error, WS_FAILED_CONNECTION, errno, "cannot listen on %s: %s",
                       url->host_header, reason);
        else
                result = add_ports(listener, url, &addresses, error);
        if (result == 0 && url->scheme == AW_URL_WSS)
                listener->tls = aw_tls_context_ref(options->tls);
        if (result == 0)
                memcpy(listener->socket, url->socket, sizeof(listener->socket));
        aw_addresses_free(&addresses);
        free(url);
        return result;
}

async struct ws_listener *
ws_listen(const struct ws_listen_options *options, struct ws_error *error)
{
        struct ws_listener *listener = calloc(1, sizeof(*listener));
        int number;

        if (listener == NULL) {
                failed(error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        listener->accept_last = &listener->accept_first;
        listener->max_message = options->max_message;
        listener->answer = options->answer;
        if (await(listen_on(listener, options, error)) == 0)
                return listener;
        number = errno;
        ws_listener_close(listener);
        errno = number;
        return NULL;
}

const char *
ws_listener_url(const struct ws_listener *listener, size_t index)
{
        return index < listener->count ? listener->ports[index].url : NULL;
}

static void
close_ports(struct ws_listener *listener)
{
        size_t i;

        for (i = 0; i < listener->count; i++) {
                aw_handle_cancel(&listener->ports[i].resume);
                aw_watch_close(listener->ports[i].watch);
        }
        listener->count = 0;
        if (listener->socket[0] != '\0')
                unlink(listener->socket);
}

void
ws_listener_drain(struct ws_listener *listener)
{
        struct ws *ws;

        if (listener->draining)
                return;
        listener->draining = true;
        close_ports(listener);
        for (ws = listener->connections; ws != NULL; ws = ws->next) {
                ws->draining = true;
                if (!ws->app && (ws->state == WS_STATE_TLS || ws->state == WS_STATE_HTTP))
                        ws_abort(ws);
                aw_wake_all(&ws->receiver);
        }
        aw_wake_all(&listener->acceptors);
}

/* Those that were never accepted have no task to close them. */
static void
drop_unaccepted(struct ws_listener *listener)
{
        struct ws *ws, *next;

        for (ws = listener->accept_first; ws != NULL; ws = next) {
                next = ws->accept_next;
                ws_drop(ws);
        }
}

void
ws_listener_close(struct ws_listener *listener)
{
        if (listener == NULL)
                return;
        if (listener->acceptors.first != NULL && !listener->draining)
                aw_log_abort("ws_listener_close() while a task waits in ws_accept()");
        ws_listener_drain(listener);
        drop_unaccepted(listener);
        while (listener->connections != NULL)
                ws_server_lost(listener->connections);
        aw_tls_context_unref(listener->tls);
        free(listener);
}
