/* SPDX-License-Identifier: MIT */
/* Listening, accepting, and the end of both. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/resolve.h"
#include "ws/deflate_offer_private.h"
#include "ws/listener_private.h"

_Static_assert(WS_ADDRESSES_MAX == AW_PORTS_MAX && (int)WS_SHARING_FIRST == AW_SHARING_FIRST &&
                       (int)WS_SHARING_JOIN == AW_SHARING_JOIN,
               "ws.h says the same as net/ports.h");

#define DRAIN_BATCH 16 /* connections that are told in a turn that the listener drains */

static bool
has_handshakes(const struct ws_listener *listener)
{
        const struct ws *ws = listener->connections;

        while (ws != NULL && ws->in.state != WS_IN_HEAD)
                ws = ws->next;
        return ws != NULL;
}

static bool
nobody_will_come(const struct ws_listener *listener)
{
        return listener->draining || (listener->stopped && !has_handshakes(listener));
}

void
ws_listener_unref(struct ws_listener *listener)
{
        int number = errno;

        if (--listener->references > 0)
                return;
        aw_tls_context_unref(listener->tls);
        free(listener);
        errno = number;
}

async struct ws *
ws_accept(struct ws_listener *listener, aw_time deadline)
{
        struct ws *ws;
        bool woken = false;
        int result = 0;

        listener->references++;
        while (result == 0 && listener->accept_first == NULL && !nobody_will_come(listener))
                result = aw_wait_in(&listener->acceptors, deadline, &woken);
        /* What it was woken for is passed on. */
        if (result == -1 && woken && listener->accept_first != NULL)
                aw_wake_one(&listener->acceptors);
        ws = result == -1 ? NULL : listener->accept_first;
        if (ws != NULL) {
                listener->accept_first = ws->accept_next;
                if (listener->accept_first == NULL)
                        listener->accept_last = &listener->accept_first;
        } else if (result == 0) {
                errno = ESHUTDOWN;
        }
        ws_listener_unref(listener);
        return ws;
}

/* Listening. */

static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n";
/* TLS has no words for it before its handshake: a fatal alert, internal_error (RFC 8446 section 6). */
static const char alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50};

static int
check_listen_options(const struct ws_listen_options *options, struct aw_url *url,
                     struct aw_error *error)
{
        struct aw_error url_error;

        if (options->url == NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "no URL is given");
        if (!ws_deflate_options_valid(&options->deflate))
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "%s", ws_deflate_options_wrong);
        if (aw_url_parse_listen(options->url, url, &url_error) == -1)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "'%.150s%s': %s", options->url,
                                    strlen(options->url) > 150 ? "..." : "", url_error.text);
        if (url->scheme == AW_URL_WSS && options->tls == NULL)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "wss needs a certificate");
        return 0;
}

/* The addresses of the URL, at least one. */
static async int
find_listen_addresses(const struct aw_url *url, struct aw_addresses *addresses,
                      struct aw_error *error)
{
        const char *reason;

        if (await(aw_resolve(url, true, addresses, &reason)) == -1 && errno == ECANCELED)
                return aw_error_set(error, AW_ERROR_CANCELLED, ECANCELED,
                                    "cancelled while resolving the name of %s", url->host_header);
        if (addresses->count == 0)
                return aw_error_set(error, AW_ERROR_RESOLVE, errno, "cannot listen on %s: %s",
                                    url->host_header, reason);
        return 0;
}

static async int
open_listener(struct ws_listener *listener, const struct ws_listen_options *options,
              const struct aw_url *url, struct aw_error *error)
{
        struct aw_addresses addresses = {.count = 0};
        int result;

        if (options->descriptor_count > 0)
                return aw_ports_adopt(&listener->ports, url, options->descriptors,
                                      options->descriptor_count, error);
        result = await(find_listen_addresses(url, &addresses, error));
        if (result == 0)
                result = aw_ports_open(&listener->ports, url, &addresses, error);
        aw_addresses_free(&addresses);
        return result;
}

static async int
listen_on(struct ws_listener *listener, const struct ws_listen_options *options,
          struct aw_error *error)
{
        struct aw_url *url = calloc(1, sizeof(*url));
        int result;

        if (url == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        result = check_listen_options(options, url, error);
        if (result == 0) {
                if (url->scheme == AW_URL_WSS)
                        listener->tls = aw_tls_context_ref(options->tls);
                listener->ports.busy = listener->tls != NULL ? alert : busy;
                listener->ports.busy_size =
                        listener->tls != NULL ? sizeof(alert) : sizeof(busy) - 1;
                result = await(open_listener(listener, options, url, error));
        }
        free(url);
        return result;
}

async int
ws_listen_check(const struct ws_listen_options *options, struct aw_error *error)
{
        struct aw_url *url = calloc(1, sizeof(*url));
        struct aw_addresses addresses = {.count = 0};
        int result;

        aw_error_clear(error);
        if (url == NULL)
                return aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
        result = check_listen_options(options, url, error);
        if (result == 0)
                result = await(find_listen_addresses(url, &addresses, error));
        if (result == 0)
                result = aw_ports_check(url, error);
        aw_addresses_free(&addresses);
        free(url);
        return result;
}

void
ws_listener_update(struct ws_listener *listener, const struct ws_listen_options *options)
{
        listener->max_message = options->max_message;
        listener->subprotocol = options->subprotocol;
        listener->deflate = options->deflate;
        listener->ping_interval = options->ping_interval;
        listener->ping_timeout = options->ping_timeout;
        listener->handshake_timeout = options->handshake_timeout;
        listener->idle_timeout = options->idle_timeout;
        listener->max_lifetime = options->max_lifetime;
        listener->max_message_rate = options->max_message_rate;
        listener->max_control_rate = options->max_control_rate;
        listener->max_buffer = options->max_buffer;
        listener->drain_time = options->drain_time;
        listener->origins = options->origins;
        listener->origin_count = options->origin_count;
        listener->trust = options->trust;
        listener->handler = options->handler;
        listener->admit = options->admit;
        listener->argument = options->argument;
        if (listener->tls == NULL || options->tls == NULL)
                return;
        aw_tls_context_unref(listener->tls);
        listener->tls = aw_tls_context_ref(options->tls);
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
        listener->references = 1;
        listener->accept_last = &listener->accept_first;
        ws_listener_update(listener, options);
        listener->ports.socket_mode = options->socket_mode;
        listener->ports.socket_group = options->socket_group;
        listener->ports.accepted = ws_server_begin;
        listener->ports.owner = listener;
        listener->ports.sharing = (enum aw_sharing)options->sharing;
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
ws_listener_stop(struct ws_listener *listener)
{
        listener->stopped = true;
        aw_ports_close(&listener->ports);
        aw_wake_all(&listener->acceptors);
}

static void
drain_one(struct ws_listener *listener)
{
        struct ws *ws = listener->drain_next;

        listener->drain_next = ws->next;
        ws->draining = true;
        ws->drain_end = aw_loop_now() + listener->drain_time;
        if (ws->in.state == WS_IN_HEAD) {
                ws_watch_end(ws, WS_SIDE_SERVER, "the server ends");
                aw_transport_close(ws->transport);
        }
        ws_limits_lift(ws);
        ws_connection_wake(ws);
}

/* A Close frame for each of thousands would keep the loop for long. */
static void
drain_some(void *argument)
{
        struct ws_listener *listener = argument;

        for (int left = DRAIN_BATCH; left > 0 && listener->drain_next != NULL; left--)
                drain_one(listener);
        if (listener->drain_next != NULL)
                aw_call_later(&listener->drain, 0, drain_some, listener);
}

void
ws_listener_drain(struct ws_listener *listener)
{
        if (listener->draining)
                return;
        listener->draining = true;
        aw_ports_close(&listener->ports);
        listener->drain_next = listener->connections;
        drain_some(listener);
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
        listener->accept_first = NULL;
}

void
ws_listener_close(struct ws_listener *listener)
{
        if (listener == NULL)
                return;
        ws_listener_drain(listener);
        aw_handle_cancel(&listener->drain);
        while (listener->drain_next != NULL)
                drain_one(listener);
        drop_unaccepted(listener);
        ws_decision_forget(listener);
        ws_server_forget(listener);
        listener->closed = true;
        /* Tasks that wait in it leave first. */
        ws_listener_unref(listener);
}

int
ws_listener_release(struct ws_listener *listener, int descriptors[WS_ADDRESSES_MAX])
{
        int count = aw_ports_release(&listener->ports, descriptors);

        if (count >= 0)
                ws_listener_close(listener);
        return count;
}
