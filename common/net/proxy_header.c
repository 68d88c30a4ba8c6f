/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/proxy_header.h"

#define V1_MAX  107 /* "\r\n" included */
#define V2_HEAD 16  /* signature, version and command, family and protocol, length */

#define TLV_HEAD   3
#define TLV_CRC32C 0x03

static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
#define SIGNATURE (sizeof(signature) - 1)

static const char v1_start[] = "PROXY ";

static enum aw_proxy_result
bad(struct aw_proxy_header *header, const char *wrong)
{
        header->wrong = wrong;
        return AW_PROXY_BAD;
}

static size_t
smaller_of(size_t one, size_t other)
{
        return one < other ? one : other;
}

/* Version 1: "PROXY TCP4 192.0.2.7 192.0.2.1 40312 443\r\n". */

/* The next word of the line, which a space ends, or the line does; false: it is too long. */
static bool
next_word(const char **line, char *word, size_t size)
{
        size_t length = strcspn(*line, " ");

        if (length == 0 || length >= size)
                return false;
        memcpy(word, *line, length);
        word[length] = '\0';
        *line += length + ((*line)[length] == ' ');
        return true;
}

/* A decimal number up to 65535, without zeros in front. */
static bool
read_port(const char *word, in_port_t *port)
{
        size_t length = strspn(word, "0123456789");
        unsigned long number = strtoul(word, NULL, 10);

        *port = htons((uint16_t)number);
        return word[length] == '\0' && length >= 1 && length <= 5 && number <= 65535 &&
               (word[0] != '0' || length == 1);
}

/* The rest of the line: two addresses and two ports. */
static bool
read_addresses(const char *line, int family, struct sockaddr_storage *source)
{
        struct sockaddr_in *v4 = (void *)source;
        struct sockaddr_in6 *v6 = (void *)source;
        void *address = family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr;
        char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], from_port[8], to_port[8];
        struct in6_addr unused;
        in_port_t port;
        size_t i, spaces = 0;

        for (i = 0; line[i] != '\0'; i++)
                spaces += line[i] == ' ';
        source->ss_family = (sa_family_t)family;
        return spaces == 3 && next_word(&line, from, sizeof(from)) &&
               next_word(&line, to, sizeof(to)) && next_word(&line, from_port, sizeof(from_port)) &&
               next_word(&line, to_port, sizeof(to_port)) &&
               inet_pton(family, from, address) == 1 && inet_pton(family, to, &unused) == 1 &&
               read_port(to_port, &port) &&
               read_port(from_port, family == AF_INET ? &v4->sin_port : &v6->sin6_port);
}

static enum aw_proxy_result
parse_v1(const uint8_t *data, size_t length, struct aw_proxy_header *header)
{
        const uint8_t *end = memchr(data, '\n', smaller_of(length, V1_MAX));
        const char *rest;
        char line[V1_MAX + 1];
        int family;

        if (end == NULL)
                return length < V1_MAX ? AW_PROXY_INCOMPLETE
                                       : bad(header, "the first line of its PROXY header is longer "
                                                     "than 107 bytes");
        header->length = (size_t)(end - data) + 1;
        if (end[-1] != '\r' || memchr(data, '\0', header->length) != NULL)
                return bad(header, "its PROXY header does not end in CR LF");
        snprintf(line, sizeof(line), "%.*s", (int)header->length - 2, (const char *)data);
        rest = line + strlen(v1_start);
        if (strncmp(rest, "UNKNOWN", 7) == 0 && (rest[7] == ' ' || rest[7] == '\0'))
                return AW_PROXY_OK;
        family = strncmp(rest, "TCP4 ", 5) == 0   ? AF_INET
                 : strncmp(rest, "TCP6 ", 5) == 0 ? AF_INET6
                                                  : AF_UNSPEC;
        if (family == AF_UNSPEC)
                return bad(header, "its PROXY header is neither of TCP4, of TCP6 nor UNKNOWN");
        return read_addresses(rest + 5, family, &header->source)
                       ? AW_PROXY_OK
                       : bad(header, "the addresses in its PROXY header are not right");
}

/* Version 2: binary. */

/* The checksum of Castagnoli, of bytes of which four in the middle count as zeros. */
static uint32_t
crc32c(const uint8_t *data, size_t length, size_t zeros)
{
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < length; i++) {
                crc ^= i >= zeros && i < zeros + 4 ? 0 : data[i];
                for (int bit = 0; bit < 8; bit++)
                        crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
        }
        return ~crc;
}

static unsigned
two_bytes(const uint8_t *data)
{
        return (unsigned)data[0] << 8 | data[1];
}

/* What stands behind the addresses: type, length, value. What is wrong with it, or NULL. */
static const char *
check_lengths(const uint8_t *data, size_t length, size_t at)
{
        for (size_t size; at < length; at += TLV_HEAD + size) {
                if (length - at < TLV_HEAD)
                        return "its PROXY header ends within a TLV";
                size = two_bytes(data + at + 1);
                if (size > length - at - TLV_HEAD)
                        return "a TLV of its PROXY header goes on behind the header";
        }
        return NULL;
}

/* In such values, of which each is as long as it says. */
static const char *
check_checksum(const uint8_t *data, size_t length, size_t at)
{
        for (size_t size; at < length; at += TLV_HEAD + size) {
                size = two_bytes(data + at + 1);
                if (data[at] != TLV_CRC32C)
                        continue;
                if (size != 4 || crc32c(data, length, at + TLV_HEAD) !=
                                         ((uint32_t)two_bytes(data + at + TLV_HEAD) << 16 |
                                          two_bytes(data + at + TLV_HEAD + 2)))
                        return "the checksum of its PROXY header is not right";
        }
        return NULL;
}

static void
read_source(const uint8_t *data, int family, struct sockaddr_storage *source)
{
        struct sockaddr_in *v4 = (void *)source;
        struct sockaddr_in6 *v6 = (void *)source;

        source->ss_family = (sa_family_t)family;
        if (family == AF_INET) {
                memcpy(&v4->sin_addr, data, 4);
                memcpy(&v4->sin_port, data + 8, 2);
        } else if (family == AF_INET6) {
                memcpy(&v6->sin6_addr, data, 16);
                memcpy(&v6->sin6_port, data + 32, 2);
        }
}

/* All of the header is there. */
static enum aw_proxy_result
read_v2(const uint8_t *data, struct aw_proxy_header *header)
{
        static const struct {
                uint8_t byte;  /* family and protocol */
                int family;    /* of a stream */
                size_t length; /* of two addresses and ports */
        } kinds[] = {{0x00, AF_UNSPEC, 0},
                     {0x11, AF_INET, 12},
                     {0x21, AF_INET6, 36},
                     {0x31, AF_UNIX, 216}};
        bool local = (data[12] & 0x0f) == 0;
        size_t i = 0, values;

        while (i < sizeof(kinds) / sizeof(kinds[0]) && kinds[i].byte != data[13])
                i++;
        if (i == sizeof(kinds) / sizeof(kinds[0]))
                return local ? AW_PROXY_OK
                             : bad(header, "its PROXY header is not of a stream of IPv4, IPv6 or a "
                                           "Unix socket");
        if (header->length < V2_HEAD + kinds[i].length)
                return local ? AW_PROXY_OK
                             : bad(header, "its PROXY header is too short for its addresses");
        values = V2_HEAD + kinds[i].length;
        header->wrong = check_lengths(data, header->length, values);
        if (header->wrong == NULL)
                header->wrong = check_checksum(data, header->length, values);
        else if (local || kinds[i].family == AF_UNSPEC)
                /* Addresses of whatever kind, which are to be ignored (section 2.2). */
                header->wrong = NULL;
        if (header->wrong != NULL)
                return AW_PROXY_BAD;
        if (!local)
                read_source(data + V2_HEAD, kinds[i].family, &header->source);
        return AW_PROXY_OK;
}

static enum aw_proxy_result
parse_v2(const uint8_t *data, size_t length, struct aw_proxy_header *header)
{
        if (length > 12 && (data[12] != 0x20 && data[12] != 0x21))
                return bad(header, "its PROXY header has a version or a command that nobody knows");
        if (length < V2_HEAD)
                return AW_PROXY_INCOMPLETE;
        header->length = V2_HEAD + two_bytes(data + 14);
        if (header->length > AW_PROXY_HEADER_MAX)
                return bad(header, "its PROXY header is longer than 4096 bytes");
        return length < header->length ? AW_PROXY_INCOMPLETE : read_v2(data, header);
}

enum aw_proxy_result
aw_proxy_header_parse(const uint8_t *data, size_t length, struct aw_proxy_header *header)
{
        *header = (struct aw_proxy_header){.source = {.ss_family = AF_UNSPEC}};
        if (memcmp(data, signature, smaller_of(length, SIGNATURE)) == 0)
                return length < SIGNATURE ? AW_PROXY_INCOMPLETE : parse_v2(data, length, header);
        if (memcmp(data, v1_start, smaller_of(length, strlen(v1_start))) == 0)
                return length < strlen(v1_start) ? AW_PROXY_INCOMPLETE
                                                 : parse_v1(data, length, header);
        return bad(header, data[0] == 0x16 ? "it begins with TLS, not with a PROXY header"
                                           : "it does not begin with a PROXY header");
}
