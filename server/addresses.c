/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "addresses.h"

#define ROWS  2
#define SLOTS 65536

struct row {
        atomic_uint slots[SLOTS];
};

struct addresses {
        uint64_t secret[3]; /* for IPv4, for IPv6, and for both */
        size_t workers;
        /* When the connections so far would have been made at the highest rate, in microseconds. */
        _Atomic(int64_t) due[ROWS][SLOTS];
        struct row counts[]; /* ROWS for each worker */
};

size_t
addresses_size(size_t workers)
{
        return sizeof(struct addresses) + workers * ROWS * sizeof(struct row);
}

int
addresses_begin(struct addresses *addresses, size_t workers)
{
        ssize_t size = sizeof(addresses->secret);

        addresses->workers = workers;
        return getrandom(addresses->secret, (size_t)size, 0) == size ? 0 : -1;
}

void
addresses_forget(struct addresses *addresses, size_t worker)
{
        for (size_t row = 0; row < ROWS; row++)
                for (size_t slot = 0; slot < SLOTS; slot++)
                        if (atomic_load(&addresses->counts[worker * ROWS + row].slots[slot]) != 0)
                                atomic_store(&addresses->counts[worker * ROWS + row].slots[slot],
                                             0);
}

/* Each bit of the result depends on each one of the input (the finalizer of MurmurHash3). */
static uint64_t
mix(uint64_t value)
{
        value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
        value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
        return value ^ value >> 33;
}

/* The address alone: without brackets, port and interface. */
static bool
cut_address(const char *peer, char out[INET6_ADDRSTRLEN])
{
        size_t length;

        if (*peer == '[')
                length = strcspn(++peer, "]%");
        else if (strchr(peer, ':') == strrchr(peer, ':'))
                length = strcspn(peer, ":");
        else
                length = strcspn(peer, "%");
        if (length >= INET6_ADDRSTRLEN)
                return false;
        memcpy(out, peer, length);
        out[length] = '\0';
        return true;
}

bool
addresses_key(const struct addresses *addresses, const char *peer, uint64_t *key)
{
        char text[INET6_ADDRSTRLEN];
        struct in6_addr address;
        uint32_t number;

        if (!cut_address(peer, text))
                return false;
        if (inet_pton(AF_INET, text, &number) == 1) {
                *key = number ^ addresses->secret[0];
        } else if (inet_pton(AF_INET6, text, &address) != 1) {
                return false;
        } else if (IN6_IS_ADDR_V4MAPPED(&address)) {
                memcpy(&number, address.s6_addr + 12, sizeof(number));
                *key = number ^ addresses->secret[0];
        } else {
                memcpy(key, &address, sizeof(*key));
                *key ^= addresses->secret[1];
        }
        *key = mix(mix(*key) + addresses->secret[2]);
        return true;
}

static size_t
slot_of(uint64_t key, size_t row)
{
        return (size_t)(key >> 16 * row) % SLOTS;
}

void
addresses_add(struct addresses *addresses, size_t worker, uint64_t key)
{
        for (size_t row = 0; row < ROWS; row++)
                atomic_fetch_add(&addresses->counts[worker * ROWS + row].slots[slot_of(key, row)],
                                 1);
}

void
addresses_remove(struct addresses *addresses, size_t worker, uint64_t key)
{
        for (size_t row = 0; row < ROWS; row++)
                atomic_fetch_sub(&addresses->counts[worker * ROWS + row].slots[slot_of(key, row)],
                                 1);
}

unsigned
addresses_count(const struct addresses *addresses, uint64_t key)
{
        unsigned least = 0;

        for (size_t row = 0; row < ROWS; row++) {
                size_t slot = slot_of(key, row);
                unsigned sum = 0;

                for (size_t i = 0; i < addresses->workers; i++)
                        sum += atomic_load(&addresses->counts[i * ROWS + row].slots[slot]);
                if (row == 0 || sum < least)
                        least = sum;
        }
        return least;
}

/* Counts one more. */
static void
postpone(_Atomic(int64_t) *due, aw_time now, aw_time interval)
{
        int64_t before = atomic_load(due), after;

        do
                after = (before > now ? before : now) + interval;
        while (!atomic_compare_exchange_weak(due, &before, after));
}

/*
 * The generic cell rate algorithm: one that comes is `interval` after the one before it, and may be
 * early by as many intervals as the burst has.
 */
bool
addresses_allow(struct addresses *addresses, uint64_t key, uint64_t rate, uint64_t burst,
                aw_time now)
{
        aw_time interval = AW_SECOND / (aw_time)rate, early = (aw_time)(burst - 1) * interval;
        bool allowed = false;

        for (size_t row = 0; row < ROWS; row++)
                allowed |= atomic_load(&addresses->due[row][slot_of(key, row)]) - now <= early;
        for (size_t row = 0; row < ROWS && allowed; row++)
                postpone(&addresses->due[row][slot_of(key, row)], now, interval);
        return allowed;
}
