/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses, in a thread of the default executor: getaddrinfo() blocks.
 */
#ifndef AW_NET_RESOLVE_H
#define AW_NET_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "await/task.h"

struct aw_url;

struct aw_address {
        struct sockaddr_storage storage;
        socklen_t length;
};

struct aw_addresses {
        struct aw_address *items;
        size_t count;
};

/*
 * The addresses of the URL's host, each once, or the one of its Unix socket, with its port;
 * `passive`: to listen on, which AW_URL_ANY_HOST is for. An address in digits needs no thread. 0 and at least one address, to be freed by
 * aw_addresses_free(); or -1 with errno and *reason, a literal or a static text of the C library's.
 */
async int aw_resolve(const struct aw_url *url, bool passive, struct aw_addresses *addresses,
                     const char **reason);
void aw_addresses_free(struct aw_addresses *addresses);

/* "127.0.0.1:7681", "[::1]:7681", "unix". Cut to size; 64 bytes are enough. */
void aw_address_format(const struct sockaddr_storage *address, char *out, size_t size);

/* Whether the text is an IPv4 or an IPv6 address, as inet_pton() reads it. */
bool aw_is_number(const char *host);

/* The address itself, in the network's order: 4 or 16 bytes; how many. */
size_t aw_address_bytes(const struct sockaddr_storage *address, uint8_t *out);

/* For IPv4 and IPv6; 0 for others. */
uint16_t aw_address_port(const struct sockaddr_storage *address);
void aw_address_set_port(struct aw_address *address, uint16_t port);

#endif
