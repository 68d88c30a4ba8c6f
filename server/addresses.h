/* SPDX-License-Identifier: MIT */
/*
 * How many connections each address has, and how fast it makes new ones: a table in memory that all
 * workers share.
 *
 * It is bounded, whatever peers do: 1 MiB, and 512 KiB for each worker. An address is not kept; it
 * has two places of 65,536 in each table, by a hash with a secret key, and the lower of the two
 * counts is taken. So an address is never counted too low, and too high only where others share both
 * of its places: with 10,000 addresses about one in fifty has one other's connections added to its
 * own.
 *
 * Nothing is locked, so a worker that is killed leaves no lock behind; and each counts connections
 * in a table of its own, which whoever is left clears.
 */
#ifndef ADDRESSES_H
#define ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/loop.h"

struct addresses;

/* Bytes that it takes for so many workers. */
size_t addresses_size(size_t workers);

/* Makes one of zeroed memory. 0, or -1 with errno: there are no random bytes. */
int addresses_begin(struct addresses *addresses, size_t workers);

/* The connections of a worker that is gone are. */
void addresses_forget(struct addresses *addresses, size_t worker);

/*
 * What an address goes by. The peer is as ws_peer() says it: "192.0.2.1:40312", "[2001:db8::1]:40312",
 * or without a port. Of IPv6 all of a /64 is one; an IPv4 address mapped into IPv6 is that address.
 * False: it has none ("unix").
 */
bool addresses_key(const struct addresses *addresses, const char *peer, uint64_t *key);

/* One more connection of a worker's, or one less; how many there are, of all workers. */
void addresses_add(struct addresses *addresses, size_t worker, uint64_t key);
void addresses_remove(struct addresses *addresses, size_t worker, uint64_t key);
unsigned addresses_count(const struct addresses *addresses, uint64_t key);

/*
 * Whether the address may make one more connection now, if it may make `rate` in a second, and up to
 * `burst` at once (both at least 1): then that one is counted.
 */
bool addresses_allow(struct addresses *addresses, uint64_t key, uint64_t rate, uint64_t burst,
                     aw_time now);

#endif
