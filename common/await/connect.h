/* SPDX-License-Identifier: MIT */
/*
 * How a client gets to a server, if not straight: through a proxy, from a certain interface, to
 * other addresses than the name has. For ws_connect() and aw_stream_connect().
 */
#ifndef AW_CONNECT_H
#define AW_CONNECT_H

#include <stddef.h>

struct aw_tls_context;

/* Zeroed, it means: straight. All texts are borrowed until there is a connection. */
struct aw_connect_options {
        int family; /* AF_INET or AF_INET6 only; AF_UNSPEC (0): both */

        /* Where to come from: a device ("eth0"; SO_BINDTODEVICE) or an address of ours. */
        const char *interface;

        /*
         * "HOST:PORT:ADDRESS[,ADDRESS...]": these are the addresses of HOST, whatever the resolver
         * says, when it is asked for that port. HOST may be "*", an IPv6 ADDRESS may be in brackets.
         */
        const char *const *resolve;
        size_t resolve_count;

        /*
         * "HOST1:PORT1:HOST2:PORT2": connect to HOST2:PORT2 instead of HOST1:PORT1; nothing else
         * changes, neither the name that TLS asks for nor the field Host. What is empty on the left
         * fits all, on the right it changes nothing.
         */
        const char *const *connect_to;
        size_t connect_to_count;

        /*
         * Connect to this Unix socket, whatever the URL says; "@NAME" is an abstract one. Without a
         * proxy.
         */
        const char *unix_socket;

        /*
         * "[KIND://][USER:PASSWORD@]HOST[:PORT]". KIND is http (CONNECT, RFC 9110 section 9.3.6;
         * what it is if there is none), https (the same over TLS), socks5 (RFC 1928; the server's
         * name is resolved here) or socks5h (the proxy resolves it). PORT is 1080, for https 443.
         * User and password (Basic, or RFC 1929) are percent-decoded.
         */
        const char *proxy;
        struct aw_tls_context *proxy_tls; /* from aw_tls_context_client(), for https */
};

#endif
