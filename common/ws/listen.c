/* SPDX-License-Identifier: MIT */
/* Listening, accepting, and the end of both. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "net/resolve.h"
#include "ws/listener_private.h"

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

/* TLS has no words for it before its handshake. */
static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n";

static int
open_listener(struct ws_listener *listener, const struct ws_listen_options *options,
              const struct aw_url *url, struct aw_addresses *addresses, struct aw_error *error)
{
        listener->ports.busy = url->scheme == AW_URL_WSS ? NULL : busy;
        if (aw_ports_open(&listener->ports, url, addresses, error) == -1)
                return -1;
        if (url->scheme == AW_URL_WSS)
                listener->tls = aw_tls_context_ref(options->tls);
        return 0;
}

static async int
listen_on(struct ws_listener *listener, const struct ws_listen_options *options,
          struct aw_error *error)
{
        struct aw_url *url = malloc(sizeof(*url));
        struct aw_addresses addresses = {.count = 0};
        struct aw_error url_error;
        const char *reason;
        int result = -1;

        if (url == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        if (options->url == NULL)
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "no URL is given");
        else if (aw_url_parse_listen(options->url, url, &url_error) == -1)
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "'%.150s%s': %s", options->url,
                             strlen(options->url) > 150 ? "..." : "", url_error.text);
        else if (url->scheme == AW_URL_WSS && options->tls == NULL)
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "wss needs a certificate");
        else if (await(aw_resolve(url, true, &addresses, &reason)) == -1 && errno == ECANCELED)
                aw_error_set(error, AW_ERROR_CANCELLED, ECANCELED,
                             "cancelled while resolving the name of %s", url->host_header);
        else if (addresses.count == 0)
                aw_error_set(error, AW_ERROR_RESOLVE, errno, "cannot listen on %s: %s",
                             url->host_header, reason);
        else
                result = open_listener(listener, options, url, &addresses, error);
        aw_addresses_free(&addresses);
        free(url);
        return result;
}

static void
listener_turned_away(void *owner)
{
        const struct ws_watch *watch = ((struct ws_listener *)owner)->watch;

        if (watch != NULL && watch->event != NULL)
                watch->event(watch->argument, WS_EVENT_TURNED_AWAY, NULL);
}

async struct ws_listener *
ws_listen(const struct ws_listen_options *options, struct aw_error *error)
{
        struct ws_listener *listener = calloc(1, sizeof(*listener));
        int number;

        aw_error_clear(error);
        if (listener == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        listener->accept_last = &listener->accept_first;
        listener->max_message = options->max_message;
        listener->subprotocol = options->subprotocol;
        listener->ping_interval = options->ping_interval;
        listener->ping_timeout = options->ping_timeout;
        listener->origins = options->origins;
        listener->origin_count = options->origin_count;
        listener->ports.socket_mode = options->socket_mode;
        listener->ports.accepted = ws_server_begin;
        listener->ports.owner = listener;
        listener->handler = options->handler;
        listener->argument = options->argument;
        listener->watch = options->watch;
        listener->ports.turned_away = listener_turned_away;
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
        return index < listener->ports.count ? listener->ports.items[index].url : NULL;
}

void
ws_listener_drain(struct ws_listener *listener)
{
        struct ws *ws;

        if (listener->draining)
                return;
        listener->draining = true;
        aw_ports_close(&listener->ports);
        for (ws = listener->connections; ws != NULL; ws = ws->next) {
                ws->draining = true;
                if (ws->in.state == WS_IN_HEAD) {
                        ws_watch_end(ws, WS_SIDE_SERVER, "the server ends");
                        aw_transport_close(ws->transport);
                }
                ws_connection_wake(ws);
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
