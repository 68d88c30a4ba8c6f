/* SPDX-License-Identifier: MIT */
/*
 * The header of the PROXY protocol, versions 1 and 2: what a load balancer says first of the
 * connection that it passes on (HAProxy's doc/proxy-protocol.txt).
 */
#ifndef AW_NET_PROXY_HEADER_H
#define AW_NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Bytes; version 1 has at most 107. */
#define AW_PROXY_HEADER_MAX 4096

enum aw_proxy_result {
        AW_PROXY_OK,
        AW_PROXY_INCOMPLETE, /* call again with more */
        AW_PROXY_BAD,        /* there is no header, or a wrong one */
};

struct aw_proxy_header {
        size_t length; /* bytes that it has; what follows is the connection's */
        /* Where the connection comes from. AF_UNSPEC: from the balancer itself, or it does not know. */
        struct sockaddr_storage source;
        const char *wrong; /* of a bad one: a literal, the end of a sentence */
};

/*
 * Each call begins anew. What cannot become a header is bad at its first byte that says so, and a
 * result other than AW_PROXY_INCOMPLETE stays the same however much follows. What version 2 has
 * besides addresses is skipped; if a CRC32C is there, it must be right. So is all that stands in a
 * header without addresses that count (LOCAL, or of an unknown family), also if that is no TLV.
 */
enum aw_proxy_result aw_proxy_header_parse(const uint8_t *data, size_t length,
                                           struct aw_proxy_header *header);

#endif
