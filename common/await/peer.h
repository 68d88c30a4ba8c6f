/* SPDX-License-Identifier: MIT */
/* Who the peer of a listener's connection is, when load balancers and proxies stand between. */
#ifndef WS_PEER_H
#define WS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "api.h"
#include "network.h"

struct sockaddr;
struct ws;

/* Whom a listener believes: the trust of struct ws_listen_options. Zeroed: nobody. */
struct ws_trust {
        /*
         * Load balancers and proxies that say for whom they connect, and are believed: see
         * ws_peer_address(). Borrowed for as long as the listener listens.
         */
        const struct aw_network *networks;
        size_t count;

        /*
         * The field in which they say it in a request, of the two the one that they write or add to:
         * "X-Forwarded-For", or "Forwarded" (RFC 7239). The other may be the client's own words. The
         * last entry that is not itself trusted is the peer; one that is "unknown", hidden or wrong
         * ends the search, and so does the 32nd: the peer is then the entry behind it, or who
         * connected. NULL: in none. Borrowed likewise. Behind a header (see below) it is read only if
         * that names one who is trusted himself.
         */
        const char *forwarded;

        /*
         * Every connection begins with a header of the PROXY protocol, version 1 or 2, before TLS.
         * Who is not trusted is dropped at once; who sends no header, a wrong one, or one of more
         * than 4096 bytes (version 1: 107), likewise. It has the time of the handshake to come. One
         * that tells no address (LOCAL, UNKNOWN, UNSPEC) leaves who connected.
         */
        bool proxy_protocol;
};

/*
 * The address of the peer of a listener's connection: of who connected; or, if that is one whom the
 * listener trusts, of the client that it speaks for, from when it has said so: before TLS (the PROXY
 * protocol) or in the request. So a handler and ws_accept() get the client. AF_INET, also for an
 * address that is mapped into IPv6, AF_INET6, or AF_UNIX without a path. Port 0: it is not known. The
 * connection's, as long as it is there. NULL for a client's.
 */
AW_API const struct sockaddr *ws_peer_address(const struct ws *ws);

#endif
