/* SPDX-License-Identifier: MIT */
/*
 * The URLs of a WebSocket server (RFC 6455 section 3), as both programs take them:
 *
 *     ws://HOST[:PORT][/PATH][?QUERY]      plain; port 80 by default
 *     wss://HOST[:PORT][/PATH][?QUERY]     over TLS; port 443 by default
 *     unix:/SOCKET                         plain, over a Unix socket; all of it is the path
 *     ws+unix:/SOCKET[:/PATH[?QUERY]]      the same with a request target, for clients
 *
 * SOCKET may also be @NAME, an abstract one, which has no file (unix(7)).
 *
 * HOST is a name, an IPv4 address or an [IPv6] address. Schemes and hosts are read without case.
 * unix:///SOCKET is unix:/SOCKET.
 */
#ifndef AW_NET_URL_H
#define AW_NET_URL_H

#include <stdint.h>

#include "await/error.h"

#define AW_URL_HOST_MAX   253  /* bytes in a host */
#define AW_URL_SOCKET_MAX 107  /* bytes in a Unix socket's path */
#define AW_URL_ZONE_MAX   31   /* bytes in an IPv6 zone */
#define AW_URL_TARGET_MAX 8000 /* bytes in a request target */

#define AW_URL_ANY_HOST "*" /* to listen on: all addresses of the machine */

enum aw_url_scheme { AW_URL_WS, AW_URL_WSS, AW_URL_UNIX };

/*
 * All text is terminated and in the structure itself: nothing to free, and it may be copied. It is
 * rather large for a task's stack.
 */
struct aw_url {
        enum aw_url_scheme scheme;
        uint16_t port;                  /* 0: to listen, any; to connect, none. Unix: 0 */
        char host[AW_URL_HOST_MAX + 1]; /* lower case, an IPv6 address without brackets; or "" */
        char zone[AW_URL_ZONE_MAX + 1]; /* of an IPv6 address, "eth0"; or "" */
        char socket[AW_URL_SOCKET_MAX +
                    1]; /* of unix: and ws+unix:, "/..." or "@..."; otherwise "" */
        char target[AW_URL_TARGET_MAX + 1]; /* path and query as they were given, at least "/" */
        /* For the field Host: "example.com:8443", "[::1]", no default port; Unix: "localhost". */
        char host_header[AW_URL_HOST_MAX + sizeof "[]:65535"];
};

/*
 * Parses `text` into *url. -1 with errno EINVAL and *error (which never quotes the URL) if it is no such
 * URL; *url is unspecified then. Refused are
 *
 *   - spaces, control characters and fragments ('#'; RFC 6455 has none) anywhere,
 *   - a user name or password,
 *   - names with other than letters, digits, '-', '_' and '.', with an empty label or one over 63
 *     bytes, or with a last label that is a number unless it is an IPv4 address; one dot at the end
 *     is the root's,
 *   - bytes beyond ASCII in path or query (a socket's path may have them),
 *   - what is longer than the maximums above.
 *
 * Percent-encoding is left as it is, right or wrong. A host name from beyond ASCII, in UTF-8, is turned
 * into its ASCII form (xn--..., IDNA 2008 with the mappings of UTS 46). An IPv6 address may have a zone,
 * as in [fe80::1%25eth0] (RFC 6874) or [fe80::1%eth0].
 */
int aw_url_parse(const char *text, struct aw_url *url, struct aw_error *error);

/*
 * The same for a URL to listen on. The host may also be "*", or empty in front of a port: both are
 * AW_URL_ANY_HOST. A path (but for a single "/") and a query are refused.
 */
int aw_url_parse_listen(const char *text, struct aw_url *url, struct aw_error *error);

/*
 * idna.c: the ASCII form of an international host name. 0, or -1 with errno EINVAL or ENOMEM and
 * *error.
 */
int aw_url_to_ascii(const char *name, char out[AW_URL_HOST_MAX + 1], struct aw_error *error);

#endif
