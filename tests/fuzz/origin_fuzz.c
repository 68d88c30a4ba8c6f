/* SPDX-License-Identifier: MIT */
/*
 * Where a request says that it comes from, X-Forwarded-For and Forwarded, and the networks that
 * decide whom to trust. The first byte of the input says which; the rest is its text.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "await/network.h"
#include "fuzz.h"
#include "ws/forwarded_private.h"
#include "ws/request_private.h"

const unsigned fuzz_inputs = 100000;

/* The fields of a request. */

enum { ENTRIES_MAX = 64 };

struct entries {
        int results[ENTRIES_MAX];
        struct sockaddr_storage addresses[ENTRIES_MAX];
        size_t count;
};

static bool
same_entry(const struct entries *one, const struct entries *other, size_t at)
{
        return one->results[at] == other->results[at] &&
               (one->results[at] == 0 || memcmp(&one->addresses[at], &other->addresses[at],
                                                sizeof(one->addresses[at])) == 0);
}

/* All entries of a head that has these fields, the last first; false: it is no head. */
static bool
read_entries(const char *name, const char *fields, struct entries *entries)
{
        char *text = NULL;
        int length = asprintf(&text, "GET / HTTP/1.1\r\n%s\r\n", fields), result;
        struct ws_forwarded forwarded;
        struct ws_request *request = NULL;
        struct sockaddr_storage address;
        struct aw_http_head head;

        CHECK(length > 0);
        *entries = (struct entries){.count = 0};
        if (aw_http_parse_request(text, (size_t)length, &head) == AW_HTTP_OK) {
                request = ws_request_create(&head);
                CHECK(request != NULL);
                ws_forwarded_begin(&forwarded, request, name);
                for (size_t i = 0; (result = ws_forwarded_previous(&forwarded, &address)) != -1;
                     i++) {
                        CHECK(result == 0 || address.ss_family == AF_INET ||
                              address.ss_family == AF_INET6);
                        CHECK(i < (size_t)length);
                        if (entries->count == ENTRIES_MAX)
                                continue;
                        entries->results[entries->count] = result;
                        entries->addresses[entries->count++] = address;
                }
                CHECK(ws_forwarded_previous(&forwarded, &address) == -1);
                ws_request_free(request);
        }
        free(text);
        return request != NULL;
}

static bool
entries_of(const char *name, const char *before, const char *value, struct entries *entries)
{
        char *fields = NULL;
        bool is_head;

        CHECK(asprintf(&fields, "%s: %s%s\r\n", name, before, value) > 0);
        is_head = read_entries(name, fields, entries);
        free(fields);
        return is_head;
}

/* Whoever sends what stands before our proxy's entry changes nothing about that. */
static void
check_behind(const char *name, const char *text, const char *ours)
{
        struct entries alone, behind, more;

        CHECK(entries_of(name, "", ours, &alone) && alone.count == 1 && alone.results[0] == 1);
        if (!entries_of(name, text, ours, &behind))
                return;
        CHECK(behind.count >= 1 && same_entry(&alone, &behind, 0));
        /* Nor about any other but the first, which goes on to the left if its quotes do. */
        if (!entries_of(name, "for=\"\\\", 192.0.2.66, ", text, &more) ||
            !entries_of(name, "", text, &behind))
                return;
        for (size_t i = 0; i + 1 < behind.count && behind.count < ENTRIES_MAX; i++)
                CHECK(same_entry(&behind, &more, i));
}

static void
check_forwarded(struct fuzz_input input)
{
        char *text = fuzz_string(input);
        struct entries entries;

        /* A value has one line. */
        if (strpbrk(text, "\r\n") == NULL) {
                check_behind("X-Forwarded-For", text, ", 192.0.2.7");
                check_behind("Forwarded", text,
                             ", by=unknown; For=\"[2001:db8::7]:80\" ;proto=https");
        }
        read_entries("X-Forwarded-For", text, &entries);
        read_entries("Forwarded", text, &entries);
        free(text);
}

/* Networks. */

static int
find_in(const struct aw_network *network, const uint8_t address[16])
{
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        struct sockaddr_in v4 = {.sin_family = AF_INET};

        if (network->family == AF_UNIX)
                return aw_network_find(network, 1, &(struct sockaddr){.sa_family = AF_UNIX});
        memcpy(&v6.sin6_addr, address, sizeof(v6.sin6_addr));
        memcpy(&v4.sin_addr, address, sizeof(v4.sin_addr));
        return network->family == AF_INET ? aw_network_find(network, 1, (void *)&v4)
                                          : aw_network_find(network, 1, (void *)&v6);
}

/* The addresses next to its first one: with a bit changed that counts, or one that does not. */
static void
check_members(const struct aw_network *network)
{
        unsigned most = network->family == AF_INET ? 32 : 128;
        uint8_t address[16];

        CHECK(network->bits <= most);
        CHECK(find_in(network, network->address) == (int)network->bits);
        for (unsigned bit = 0; bit < most && network->family != AF_UNIX; bit++) {
                memcpy(address, network->address, sizeof(address));
                address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
                /* One that is mapped is IPv4's. */
                if (network->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)address))
                        continue;
                CHECK(find_in(network, address) == (bit < network->bits ? -1 : (int)network->bits));
        }
}

static void
check_network(struct fuzz_input input)
{
        char *text = fuzz_string(input), printed[INET6_ADDRSTRLEN + 5] = "unix";
        struct aw_network network, again;
        struct aw_error error = {.kind = AW_ERROR_NONE};

        if (aw_network_parse(text, &network, &error) == -1) {
                CHECK(errno == EINVAL && error.kind == AW_ERROR_USAGE && error.text[0] != '\0');
                free(text);
                return;
        }
        check_members(&network);
        if (network.family != AF_UNIX) {
                inet_ntop(network.family, network.address, printed, INET6_ADDRSTRLEN);
                snprintf(printed + strlen(printed), 5, "/%u", network.bits);
        }
        CHECK(aw_network_parse(printed, &again, NULL) == 0);
        CHECK(memcmp(&network, &again, sizeof(network)) == 0);
        free(text);
}

static void (*const rows[])(struct fuzz_input input) = {check_forwarded, check_network};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fuzz_input input = {data, size};
        uint8_t row = fuzz_byte(&input);

        rows[row % (sizeof(rows) / sizeof(rows[0]))](input);
        return 0;
}
