/* SPDX-License-Identifier: MIT */
/* Tunnels through proxies: HTTP's CONNECT, and SOCKS version 5. */
#ifndef AW_NET_PROXY_PRIVATE_H
#define AW_NET_PROXY_PRIVATE_H

#include "await/connect.h"
#include "await/task.h"
#include "net/url.h"

struct aw_addresses;
struct aw_transport;

enum aw_proxy_kind { AW_PROXY_HTTP, AW_PROXY_HTTPS, AW_PROXY_SOCKS5, AW_PROXY_SOCKS5H };

struct aw_proxy {
        enum aw_proxy_kind kind;
        struct aw_url url;     /* its host and port */
        char *user, *password; /* malloc'ed, or NULL */
        struct aw_tls_context *tls;
};

/* Reads what aw_connect_options.proxy says. For aw_proxy_free(); NULL with errno and *error. */
struct aw_proxy *aw_proxy_parse(const struct aw_connect_options *options, struct aw_error *error);
void aw_proxy_free(struct aw_proxy *proxy); /* NULL does nothing */

/*
 * Makes a connection to the proxy one to the target: its host and port, or, if `addresses` is not
 * NULL, the first of them. The transport is that of aw_connect(), and so is the one that is
 * returned: established, paused, without an owner. NULL with errno and *error; the given one is
 * closed then.
 */
async struct aw_transport *aw_proxy_tunnel(const struct aw_proxy *proxy,
                                           struct aw_transport *transport,
                                           const struct aw_url *target,
                                           const struct aw_addresses *addresses,
                                           struct aw_error *error, aw_time deadline);

/*
 * proxy_relay.c: a transport whose bytes go through the stream, which is closed when that is. Takes
 * the stream over; NULL with errno, and then it is dropped. As from aw_connect().
 */
struct aw_stream;
struct aw_transport *aw_proxy_relay(struct aw_stream *stream);

#endif
