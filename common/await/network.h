/* SPDX-License-Identifier: MIT */
/* Networks: lists of addresses, and whether one of them has an address. */
#ifndef AW_NETWORK_H
#define AW_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "error.h"

struct sockaddr;

/* A plain structure of the caller's: nothing to free, and it may be copied. */
struct aw_network {
        int family;          /* AF_INET, AF_INET6, or AF_UNIX: all peers on Unix sockets */
        unsigned bits;       /* of the address that count */
        uint8_t address[16]; /* in the network's order; the other bits are 0 */
};

/*
 * Reads "192.0.2.0/24", "2001:db8::/32", a single address, or "unix". An IPv4 address that is mapped
 * into IPv6 (RFC 4291 section 2.5.5.2) is taken as IPv4, and so is a network of them. Names are not
 * looked up. 0, or -1 with errno EINVAL and *error, which may be NULL: AW_ERROR_USAGE.
 */
AW_API int aw_network_parse(const char *text, struct aw_network *network, struct aw_error *error);

/*
 * The length of the prefix of the narrowest network in the list that has the address, from 0 to 128;
 * or -1: none has it. Mapped addresses count as IPv4. A Unix socket's has 128.
 */
AW_API int aw_network_find(const struct aw_network *list, size_t count,
                           const struct sockaddr *address);

#endif
