/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/override_private.h"

/* A part of the text: up to the next colon outside of brackets, which it does not have any more. */
struct part {
        char text[AW_URL_HOST_MAX + 1];
};

/* Takes a part, and the colon behind it. NULL: there is none, or it is too long. */
static const char *
take_part(const char *text, struct part *part, bool last)
{
        bool bracket = text[0] == '[';
        const char *end = bracket ? strchr(text, ']') : text + strcspn(text, ":");
        const char *begin = text + bracket;

        if (end == NULL || (size_t)(end - begin) > AW_URL_HOST_MAX)
                return NULL;
        memcpy(part->text, begin, (size_t)(end - begin));
        part->text[end - begin] = '\0';
        end += bracket;
        if (*end != (last ? '\0' : ':'))
                return NULL;
        return end + !last;
}

/* 0 to 65535, or -1. */
static int
port_of(const char *text)
{
        char *end;
        unsigned long port = strtoul(text, &end, 10);

        return *text >= '0' && *text <= '9' && *end == '\0' && port <= UINT16_MAX ? (int)port : -1;
}

static int
refuse_form(struct aw_error *error, const char *text, const char *form)
{
        return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "'%.150s' is not of the form %s", text,
                            form);
}

/* Puts so many bytes there, as text. 0, or -1: they are too many. */
static int
put_text(char *to, size_t size, const char *text, size_t length)
{
        if (length >= size)
                return -1;
        memcpy(to, text, length);
        to[length] = '\0';
        return 0;
}

/* Another host, which may be an IPv6 address with a zone. 0, or -1: it is too long, or a zone alone. */
static int
put_host(struct aw_url *url, const char *host, size_t length)
{
        const char *zone = memchr(host, '%', length);
        size_t address = zone == NULL ? length : (size_t)(zone - host);
        size_t mark = zone == NULL ? 0 : strncmp(zone, "%25", 3) == 0 ? 3 : 1;

        if (address == 0 || put_text(url->host, sizeof(url->host), host, address) == -1)
                return -1;
        return put_text(url->zone, sizeof(url->zone), host + address + mark,
                        length - address - mark);
}

/* Adds one address, in digits, of so many bytes, to those of the URL's host. */
static async int
add_digits(const struct aw_url *url, const char *digits, size_t length,
           struct aw_addresses *addresses)
{
        struct aw_url *one = calloc(1, sizeof(*one));
        struct aw_addresses found = {.items = NULL};
        struct aw_address *items;
        const char *reason;
        int result = -1;

        if (length > 1 && digits[0] == '[' && digits[length - 1] == ']') {
                digits++;
                length -= 2;
        }
        if (one != NULL && put_host(one, digits, length) == 0) {
                one->scheme = url->scheme;
                one->port = url->port;
                errno = EINVAL;
                /* Digits need no thread and no waiting. */
                if (aw_is_number(one->host))
                        result = await(aw_resolve(one, false, &found, &reason));
        }
        free(one);
        if (result == -1)
                return -1;
        items = realloc(addresses->items, (addresses->count + 1) * sizeof(*items));
        if (items != NULL) {
                addresses->items = items;
                items[addresses->count++] = found.items[0];
        }
        aw_addresses_free(&found);
        return items == NULL ? -1 : 0;
}

static async int
add_addresses(const struct aw_url *url, const char *list, struct aw_addresses *addresses)
{
        size_t length;

        for (;; list += length + 1) {
                length = strcspn(list, ",");
                if (await(add_digits(url, list, length, addresses)) == -1)
                        return -1;
                if (list[length] == '\0')
                        return 0;
        }
}

async int
aw_override_resolve(const struct aw_connect_options *options, const struct aw_url *url,
                    struct aw_addresses *addresses, struct aw_error *error)
{
        static const char form[] = "HOST:PORT:ADDRESS[,ADDRESS...]";
        struct part host, port;

        *addresses = (struct aw_addresses){.items = NULL};
        for (size_t i = 0; i < options->resolve_count; i++) {
                const char *text = options->resolve[i], *rest = take_part(text, &host, false);

                if (rest != NULL)
                        rest = take_part(rest, &port, false);
                if (rest == NULL || port_of(port.text) == -1)
                        return refuse_form(error, text, form);
                if (url->scheme == AW_URL_UNIX || port_of(port.text) != url->port ||
                    (strcmp(host.text, "*") != 0 && strcasecmp(host.text, url->host) != 0))
                        continue;
                if (await(add_addresses(url, rest, addresses)) == 0)
                        return 1;
                aw_addresses_free(addresses);
                return refuse_form(error, text, form);
        }
        return 0;
}

/* What is empty fits. */
static bool
part_fits(const char *text, const char *value)
{
        return *text == '\0' || strcasecmp(text, value) == 0;
}

int
aw_override_target(const struct aw_connect_options *options, struct aw_url *url,
                   struct aw_error *error)
{
        static const char form[] = "HOST1:PORT1:HOST2:PORT2";
        struct part parts[4];
        char own_port[8];
        bool ipv6;

        snprintf(own_port, sizeof(own_port), "%u", (unsigned)url->port);
        for (size_t i = 0; i < options->connect_to_count; i++) {
                const char *text = options->connect_to[i], *rest = text;

                for (int j = 0; j < 4 && rest != NULL; j++)
                        rest = take_part(rest, &parts[j], j == 3);
                if (rest == NULL || (parts[1].text[0] != '\0' && port_of(parts[1].text) == -1) ||
                    (parts[3].text[0] != '\0' && port_of(parts[3].text) == -1))
                        return refuse_form(error, text, form);
                if (!part_fits(parts[0].text, url->host) || !part_fits(parts[1].text, own_port))
                        continue;
                if (parts[2].text[0] != '\0' &&
                    put_host(url, parts[2].text, strlen(parts[2].text)) == -1)
                        return refuse_form(error, text, form);
                if (parts[3].text[0] != '\0')
                        url->port = (uint16_t)port_of(parts[3].text);
                ipv6 = strchr(url->host, ':') != NULL;
                snprintf(url->host_header, sizeof(url->host_header), "%s%s%s:%u", ipv6 ? "[" : "",
                         url->host, ipv6 ? "]" : "", (unsigned)url->port);
                return 0;
        }
        return 0;
}
