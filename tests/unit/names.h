/* SPDX-License-Identifier: MIT */
/* A resolver whose answers the test chooses. Addresses in digits mean what they say. */
#ifndef NAMES_TEST_H
#define NAMES_TEST_H

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What names stand for now: up to four addresses, or an error such as EAI_NONAME. */
static const char *names_addresses[5];
static int names_error;
static sem_t *names_gate;        /* a question waits for this first, if there is one */
static atomic_int names_waiting; /* questions that have come as far as this */
static char *names_asked;        /* where a question is noted, or NULL: of one at a time */

static inline void
names_are(const char *first, const char *second, const char *third, const char *fourth)
{
        names_addresses[0] = first;
        names_addresses[1] = second;
        names_addresses[2] = third;
        names_addresses[3] = fourth;
        names_error = 0;
}

struct names_entry {
        struct addrinfo info;
        struct sockaddr_storage address;
};

static struct addrinfo *
names_entry(const char *text, uint16_t port, struct addrinfo *next)
{
        struct names_entry *entry = calloc(1, sizeof(*entry));
        struct sockaddr_in *v4 = (struct sockaddr_in *)&entry->address;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&entry->address;
        bool is_v4 = inet_pton(AF_INET, text, &v4->sin_addr) == 1;

        if (is_v4) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
        } else {
                inet_pton(AF_INET6, text, &v6->sin6_addr);
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(port);
        }
        entry->info = (struct addrinfo){.ai_family = is_v4 ? AF_INET : AF_INET6,
                                        .ai_socktype = SOCK_STREAM,
                                        .ai_addrlen = is_v4 ? sizeof(*v4) : sizeof(*v6),
                                        .ai_addr = (struct sockaddr *)&entry->address,
                                        .ai_next = next};
        return &entry->info;
}

/* These two stand in for the C library's. */

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **found)
{
        uint16_t port = (uint16_t)atoi(service);
        size_t count = 0;

        *found = NULL;
        if (names_asked != NULL)
                strcpy(names_asked, name);
        if (hints->ai_flags & AI_NUMERICHOST) {
                *found = names_entry(name, port, NULL);
                return 0;
        }
        names_waiting += names_gate != NULL;
        while (names_gate != NULL && sem_wait(names_gate) == -1)
                continue;
        if (names_error != 0)
                return names_error;
        while (names_addresses[count] != NULL)
                count++;
        while (count > 0)
                *found = names_entry(names_addresses[--count], port, *found);
        return *found == NULL ? EAI_NODATA : 0;
}

void
freeaddrinfo(struct addrinfo *info)
{
        struct addrinfo *next;

        for (; info != NULL; info = next) {
                next = info->ai_next;
                free(info);
        }
}

#endif
