/* SPDX-License-Identifier: MIT */
/* Listening, accepting, and the end of both. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "await/log.h"
#include "net/resolve.h"
#include "ws/listener_private.h"

#define ACCEPT_BATCH 64 /* connections accepted at a time, then the others have their turn */
#define ACCEPT_PAUSE (AW_SECOND / 4) /* when there are no descriptors left */
#define BACKLOG      4096

static void
port_resume(void *argument)
{
        struct ws_port *port = argument;

        aw_watch_pause(port->watch, false);
}

/* Nothing can be accepted for now, and the poller would tell us of it without end. */
static void
port_pause(struct ws_port *port, int error)
{
        if (!port->out_of_descriptors)
                aw_log(AW_LOG_WARNING, "%s: cannot accept connections for now: %s", port->url,
                       strerror(error));
        port->out_of_descriptors = true;
        aw_watch_pause(port->watch, true);
        aw_call_later(&port->resume, ACCEPT_PAUSE, port_resume, port);
}

static void
port_recovered(struct ws_port *port)
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
        struct ws_port *port = argument;
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
                if (fd == -1 || ws_server_begin(port->listener, fd, &address) == -1) {
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
        int result;

        while ((ws = listener->accept_first) == NULL) {
                if (listener->draining) {
                        errno = ESHUTDOWN;
                        return NULL;
                }
                listener->accepting++;
                result = aw_wait_in(&listener->acceptors, deadline, &woken);
                listener->accepting--;
                if (result == -1) {
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
take_port(const struct ws_port *first, struct aw_address *address)
{
        struct sockaddr_storage bound;
        socklen_t size = sizeof(bound);

        if (getsockname(first->fd, (struct sockaddr *)&bound, &size) == 0)
                aw_address_set_port(address, aw_address_port(&bound));
}

static void
name_port(struct ws_port *port, const struct aw_url *url)
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
        aw_address_format(&bound, text, sizeof(text));
        snprintf(port->url, sizeof(port->url), "%s://%s", url->scheme == AW_URL_WSS ? "wss" : "ws",
                 text);
}

static int
add_port(struct ws_listener *listener, const struct aw_url *url, struct aw_address *address)
{
        struct ws_port *port = &listener->ports[listener->count];

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

        for (i = 0; i < addresses->count && listener->count < WS_ADDRESSES; i++) {
                if (add_port(listener, url, &addresses->items[i]) == 0)
                        continue;
                reason = errno;
                if (reason != EAFNOSUPPORT && reason != EADDRNOTAVAIL)
                        break;
        }
        if (i == addresses->count && listener->count > 0)
                return 0;
        return ws_error_set(error, WS_FAILED_CONNECTION, reason, "cannot listen on %s: %s",
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
                return ws_error_set(error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
        if (aw_url_parse(options->url, url, &url_error) == -1)
                ws_error_set(error, WS_FAILED_URL, EINVAL, "'%s': %s", options->url,
                             url_error.text);
        else if (url->scheme == AW_URL_WSS && options->tls == NULL)
                ws_error_set(error, WS_FAILED_URL, EINVAL, "wss needs a certificate");
        else if (await(aw_resolve(url, true, &addresses, &reason)) == -1)
                ws_error_set(error, WS_FAILED_CONNECTION, errno, "cannot listen on %s: %s",
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

        *error = (struct ws_error){.status = 0};
        if (listener == NULL) {
                ws_error_set(error, WS_FAILED_MEMORY, ENOMEM, "out of memory");
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
        if (listener->accepting > 0)
                aw_log_abort("ws_listener_close() while a task waits in ws_accept()");
        ws_listener_drain(listener);
        drop_unaccepted(listener);
        ws_server_forget(listener);
        aw_tls_context_unref(listener->tls);
        free(listener);
}
