/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "await/network.h"

#define MAPPED_BITS 96 /* of the prefix that IPv4 addresses have in IPv6 */

static const uint8_t mapped_prefix[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};

static unsigned
bits_of_family(int family)
{
        return family == AF_INET ? 32 : 128;
}

/* Takes an IPv4 address that is mapped for what it is. */
static void
unmap(struct aw_network *network)
{
        if (network->family != AF_INET6 || network->bits < MAPPED_BITS ||
            memcmp(network->address, mapped_prefix, sizeof(mapped_prefix)) != 0)
                return;
        network->family = AF_INET;
        network->bits -= MAPPED_BITS;
        memmove(network->address, network->address + sizeof(mapped_prefix), 4);
        memset(network->address + 4, 0, sizeof(network->address) - 4);
}

/* Clears the bits that do not count; true if there were any. */
static bool
clear_rest(struct aw_network *network)
{
        bool were = false;

        for (unsigned bit = network->bits; bit < bits_of_family(network->family); bit++) {
                uint8_t mask = (uint8_t)(0x80 >> bit % 8);

                were |= (network->address[bit / 8] & mask) != 0;
                network->address[bit / 8] &= (uint8_t)~mask;
        }
        return were;
}

static int
parse_bits(const char *text, const char *digits, struct aw_network *network, struct aw_error *error)
{
        unsigned most = bits_of_family(network->family);
        size_t length = strspn(digits, "0123456789");

        network->bits = length == 0 || length > 3 ? most + 1 : (unsigned)strtoul(digits, NULL, 10);
        if (digits[length] == '\0' && network->bits <= most)
                return 0;
        return aw_error_set(
                error, AW_ERROR_USAGE, EINVAL,
                "'%.80s': behind the / stands how many bits of the address count, from 0 "
                "to %u",
                text, most);
}

int
aw_network_parse(const char *text, struct aw_network *network, struct aw_error *error)
{
        size_t length = strcspn(text, "/");
        char address[INET6_ADDRSTRLEN] = "", shown[INET6_ADDRSTRLEN];
        unsigned bits;

        *network = (struct aw_network){.family = AF_UNIX, .bits = 128};
        if (strcmp(text, "unix") == 0)
                return 0;
        if (length < sizeof(address))
                memcpy(address, text, length);
        network->family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;
        if (inet_pton(network->family, address, network->address) != 1)
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "'%.80s' is no network: write an address in digits, without "
                                    "brackets or port (192.0.2.7, 2001:db8::7), the beginning of "
                                    "some (192.0.2.0/24, 2001:db8::/32), or unix",
                                    text);
        network->bits = bits_of_family(network->family);
        if (text[length] == '/' && parse_bits(text, text + length + 1, network, error) == -1)
                return -1;
        bits = network->bits;
        if (clear_rest(network)) {
                inet_ntop(network->family, network->address, shown, sizeof(shown));
                return aw_error_set(error, AW_ERROR_USAGE, EINVAL,
                                    "'%.80s' is no network, for it goes on behind its first %u "
                                    "bits: write %s/%u, or the address alone",
                                    text, bits, shown, bits);
        }
        unmap(network);
        return 0;
}

/* As a network of its own; false: it is in none. */
static bool
network_of(const struct sockaddr *address, struct aw_network *network)
{
        const struct sockaddr_in *v4 = (const void *)address;
        const struct sockaddr_in6 *v6 = (const void *)address;

        *network = (struct aw_network){.family = address->sa_family, .bits = 128};
        if (address->sa_family == AF_INET)
                memcpy(network->address, &v4->sin_addr, sizeof(v4->sin_addr));
        else if (address->sa_family == AF_INET6)
                memcpy(network->address, &v6->sin6_addr, sizeof(v6->sin6_addr));
        unmap(network);
        return address->sa_family == AF_INET || address->sa_family == AF_INET6 ||
               address->sa_family == AF_UNIX;
}

static bool
has(const struct aw_network *network, const struct aw_network *one)
{
        unsigned bytes = network->bits / 8, rest = network->bits % 8;

        if (network->family != one->family)
                return false;
        return memcmp(network->address, one->address, bytes) == 0 &&
               (rest == 0 ||
                (one->address[bytes] >> (8 - rest)) == (network->address[bytes] >> (8 - rest)));
}

int
aw_network_find(const struct aw_network *list, size_t count, const struct sockaddr *address)
{
        struct aw_network one;
        int bits = -1;

        if (!network_of(address, &one))
                return -1;
        for (size_t i = 0; i < count; i++)
                if (has(&list[i], &one) && (int)list[i].bits > bits)
                        bits = (int)list[i].bits;
        return bits;
}
