/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "net/resolve.h"

#include "await/executor.h"
#include "net/url.h"

/* A question for a thread, and its answer. */
struct query {
        char host[AW_URL_HOST_MAX + AW_URL_ZONE_MAX + 2];
        char port[6];
        struct addrinfo hints;
        int code; /* of getaddrinfo() */
        int error;
        struct addrinfo *found;
};

uint16_t
aw_address_port(const struct sockaddr_storage *address)
{
        if (address->ss_family == AF_INET)
                return ntohs(((const struct sockaddr_in *)address)->sin_port);
        if (address->ss_family == AF_INET6)
                return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
        return 0;
}

void
aw_address_set_port(struct aw_address *address, uint16_t port)
{
        if (address->storage.ss_family == AF_INET)
                ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
        else if (address->storage.ss_family == AF_INET6)
                ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
}

bool
aw_is_number(const char *host)
{
        struct in6_addr unused;

        return inet_pton(AF_INET, host, &unused) == 1 || inet_pton(AF_INET6, host, &unused) == 1;
}

size_t
aw_address_bytes(const struct sockaddr_storage *address, uint8_t *out)
{
        bool v4 = address->ss_family == AF_INET;
        size_t length = v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);

        memcpy(out,
               v4 ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                  : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr,
               length);
        return length;
}

void
aw_address_format(const struct sockaddr_storage *address, char *out, size_t size)
{
        char text[INET6_ADDRSTRLEN];
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        if (address->ss_family == AF_INET)
                snprintf(out, size, "%s:%u", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)),
                         ntohs(v4->sin_port));
        else if (address->ss_family == AF_INET6)
                snprintf(out, size, "[%s]:%u",
                         inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)),
                         ntohs(v6->sin6_port));
        else
                snprintf(out, size, "unix");
}

void
aw_addresses_free(struct aw_addresses *addresses)
{
        free(addresses->items);
        *addresses = (struct aw_addresses){.items = NULL};
}

static void
add_address(struct aw_addresses *addresses, const void *address, socklen_t length)
{
        struct aw_address *item = &addresses->items[addresses->count++];

        memcpy(&item->storage, address, length);
        item->length = length;
}

/* Two lines of a hosts file may say the same. */
static bool
has_address(const struct aw_addresses *addresses, const struct addrinfo *info)
{
        size_t i;

        for (i = 0; i < addresses->count; i++)
                if (addresses->items[i].length == info->ai_addrlen &&
                    memcmp(&addresses->items[i].storage, info->ai_addr, info->ai_addrlen) == 0)
                        return true;
        return false;
}

static int
copy_found(const struct addrinfo *found, struct aw_addresses *addresses)
{
        const struct addrinfo *info;
        size_t count = 1; /* there is at least one */

        for (info = found; info->ai_next != NULL; info = info->ai_next)
                count++;
        addresses->items = calloc(count, sizeof(*addresses->items));
        if (addresses->items == NULL)
                return -1;
        for (info = found; info != NULL; info = info->ai_next)
                if (!has_address(addresses, info))
                        add_address(addresses, info->ai_addr, info->ai_addrlen);
        return 0;
}

/* All addresses of the machine, of both families. */
static int
any_addresses(uint16_t port, struct aw_addresses *addresses)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};

        v4.sin_addr.s_addr = htonl(INADDR_ANY);
        v4.sin_port = v6.sin6_port = htons(port);
        addresses->items = calloc(2, sizeof(*addresses->items));
        if (addresses->items == NULL)
                return -1;
        add_address(addresses, &v4, sizeof(v4));
        add_address(addresses, &v6, sizeof(v6));
        return 0;
}

static int
unix_address(const char *path, struct aw_addresses *addresses)
{
        struct sockaddr_un *address;
        size_t length = strlen(path);

        addresses->items = calloc(1, sizeof(*addresses->items));
        if (addresses->items == NULL)
                return -1;
        address = (struct sockaddr_un *)&addresses->items[0].storage;
        address->sun_family = AF_UNIX;
        snprintf(address->sun_path, sizeof(address->sun_path), "%s", path);
        addresses->items[0].length = sizeof(*address);
        /* An abstract name is all that there is, with a NUL in front. */
        if (path[0] == '@') {
                address->sun_path[0] = '\0';
                addresses->items[0].length =
                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
        }
        addresses->count = 1;
        return 0;
}

static void
query_free(void *argument)
{
        struct query *query = argument;

        if (query->found != NULL)
                freeaddrinfo(query->found);
        free(query);
}

/* In a thread. */
static int
query_run(void *argument, void **result)
{
        struct query *query = argument;

        query->code = getaddrinfo(query->host, query->port, &query->hints, &query->found);
        query->error = errno;
        *result = query;
        return 0;
}

/* Takes the answer to pieces; frees it. */
static int
query_finish(struct query *query, struct aw_addresses *addresses, const char **reason)
{
        int result = -1, error = EADDRNOTAVAIL;

        *reason = gai_strerror(query->code);
        if (query->code == EAI_SYSTEM)
                error = query->error;
        else if (query->code == EAI_MEMORY)
                error = ENOMEM;
        else if (query->code == 0)
                result = copy_found(query->found, addresses);
        if (query->code == 0 && result == -1) {
                error = ENOMEM;
                *reason = "out of memory";
        }
        query_free(query);
        errno = error;
        return result;
}

/* getaddrinfo() takes an interface's name for link-local addresses only, but its number for all. */
static void
add_zone(struct query *query, const char *zone)
{
        size_t length = strlen(query->host);
        unsigned number = if_nametoindex(zone);

        if (number > 0)
                snprintf(query->host + length, sizeof(query->host) - length, "%%%u", number);
        else
                snprintf(query->host + length, sizeof(query->host) - length, "%%%s", zone);
}

static struct query *
query_create(const struct aw_url *url, bool passive)
{
        struct query *query = calloc(1, sizeof(*query));

        if (query == NULL)
                return NULL;
        strcpy(query->host, url->host);
        if (url->zone[0] != '\0')
                add_zone(query, url->zone);
        /* No name server may be asked for it (RFC 6761 section 6.3), and no hosts file has the dot. */
        if (strcasecmp(query->host, "localhost.") == 0)
                query->host[strlen("localhost")] = '\0';
        snprintf(query->port, sizeof(query->port), "%u", url->port);
        query->hints.ai_socktype = SOCK_STREAM;
        query->hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) |
                                (aw_is_number(url->host) ? AI_NUMERICHOST : 0);
        return query;
}

async int
aw_resolve(const struct aw_url *url, bool passive, struct aw_addresses *addresses,
           const char **reason)
{
        struct aw_job job = {.run = query_run, .discard = query_free, .drop = query_free};
        void *answer;
        int result;

        *addresses = (struct aw_addresses){.items = NULL};
        *reason = "out of memory";
        if (url->scheme == AW_URL_UNIX)
                return unix_address(url->socket, addresses);
        if (passive && strcmp(url->host, AW_URL_ANY_HOST) == 0)
                return any_addresses(url->port, addresses);
        job.argument = query_create(url, passive);
        if (job.argument == NULL)
                return -1;
        if (aw_is_number(url->host)) {
                query_run(job.argument, &answer);
        } else if (await(aw_run_in_executor(NULL, &job, &answer)) == -1) {
                *reason = strerror(errno);
                return -1;
        }
        result = query_finish(answer, addresses, reason);
        if (result == -1 && errno != ENOMEM && url->zone[0] != '\0')
                *reason = "its zone is no interface here";
        return result;
}
