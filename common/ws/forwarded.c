/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ws/forwarded_private.h"

#define NODE_MAX 64 /* bytes of an entry's address; no right one is longer */

void
ws_forwarded_begin(struct ws_forwarded *forwarded, const struct ws_request *request,
                   const char *name)
{
        *forwarded = (struct ws_forwarded){.request = request, .name = name};
        while (ws_request_field(request, name, forwarded->left) != NULL)
                forwarded->left++;
}

/* A quoted string has \ before a quote that does not end it. */
static bool
is_quote(const char *start, size_t at)
{
        size_t before = at;

        while (before > 0 && start[before - 1] == '\\')
                before--;
        return start[at] == '"' && (at - before) % 2 == 0;
}

/* Where the last piece begins that a separator outside of quotes divides off. */
static size_t
last_piece(const char *start, size_t length, char separator)
{
        bool quoted = false;

        for (; length > 0 && (quoted || start[length - 1] != separator); length--)
                if (is_quote(start, length - 1))
                        quoted = !quoted;
        return length;
}

/* Leaves out white space on both sides. */
static const char *
trim_entry(const char *start, size_t *length)
{
        while (*length > 0 && (start[0] == ' ' || start[0] == '\t')) {
                start++;
                --*length;
        }
        while (*length > 0 && (start[*length - 1] == ' ' || start[*length - 1] == '\t'))
                --*length;
        return start;
}

/* Copies a token or a quoted string; false: it is too long. */
static bool
unquote(const char *start, size_t length, char out[NODE_MAX])
{
        bool quoted = length >= 2 && start[0] == '"' && start[length - 1] == '"';
        size_t used = 0;

        for (size_t i = quoted; i < length - quoted && used < NODE_MAX; i++) {
                if (quoted && start[i] == '\\' && i + 1 < length - quoted)
                        i++;
                out[used++] = start[i];
        }
        if (used == NODE_MAX)
                return false;
        out[used] = '\0';
        return true;
}

/* The value of for=, among the pairs of a Forwarded entry; false: there is none. */
static bool
find_for(const char *start, size_t length, char out[NODE_MAX])
{
        while (length > 0) {
                size_t at = last_piece(start, length, ';'), size = length - at;
                const char *pair = trim_entry(start + at, &size);

                if (size > 4 && strncasecmp(pair, "for=", 4) == 0)
                        return unquote(pair + 4, size - 4, out);
                length = at == 0 ? 0 : at - 1;
        }
        return false;
}

/* What follows an address: nothing, ":PORT", or what hides the port. */
static bool
read_node_port(const char *text, in_port_t *port)
{
        size_t length;

        *port = 0;
        if (text[0] == '\0')
                return true;
        if (text[0] != ':')
                return false;
        if (text[1] == '_')
                return true;
        length = strspn(text + 1, "0123456789");
        *port = htons((uint16_t)strtoul(text + 1, NULL, 10));
        return length >= 1 && length <= 5 && text[1 + length] == '\0' &&
               strtoul(text + 1, NULL, 10) <= 65535;
}

/* "192.0.2.7", "192.0.2.7:80", "2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:80". */
static bool
read_node(char *text, struct sockaddr_storage *address)
{
        struct sockaddr_in *v4 = (void *)address;
        struct sockaddr_in6 *v6 = (void *)address;
        char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
        char rest[NODE_MAX] = "";

        *address = (struct sockaddr_storage){.ss_family = AF_INET6};
        if (text[0] != '[' && inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
                return true;
        if (text[0] == '[' && end == NULL)
                return false;
        if (end != NULL) {
                snprintf(rest, sizeof(rest), "%s", end + (*end == ']'));
                *end = '\0';
        }
        if (text[0] == '[')
                return inet_pton(AF_INET6, text + 1, &v6->sin6_addr) == 1 &&
                       read_node_port(rest, &v6->sin6_port);
        address->ss_family = AF_INET;
        return inet_pton(AF_INET, text, &v4->sin_addr) == 1 && read_node_port(rest, &v4->sin_port);
}

static bool
read_entry(const struct ws_forwarded *forwarded, const char *entry, size_t length,
           struct sockaddr_storage *address)
{
        bool pairs = strcasecmp(forwarded->name, "Forwarded") == 0;
        char node[NODE_MAX];

        return (pairs ? find_for(entry, length, node) : unquote(entry, length, node)) &&
               read_node(node, address);
}

int
ws_forwarded_previous(struct ws_forwarded *forwarded, struct sockaddr_storage *address)
{
        const char *entry;
        size_t at, length = 0;

        /* An empty entry is none (RFC 9110 section 5.6.1). */
        while (length == 0) {
                if (forwarded->length == 0) {
                        if (forwarded->left == 0)
                                return -1;
                        forwarded->start = ws_request_field(forwarded->request, forwarded->name,
                                                            --forwarded->left);
                        forwarded->length = strlen(forwarded->start);
                }
                at = last_piece(forwarded->start, forwarded->length, ',');
                length = forwarded->length - at;
                entry = trim_entry(forwarded->start + at, &length);
                forwarded->length = at == 0 ? 0 : at - 1;
        }
        return read_entry(forwarded, entry, length, address) ? 1 : 0;
}
