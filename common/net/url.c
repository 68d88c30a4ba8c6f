/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "net/url.h"

_Static_assert(AW_URL_SOCKET_MAX + 1 == sizeof((struct sockaddr_un *)0)->sun_path,
               "a socket's path fits its address");

/* A piece of the text that is being parsed; not terminated. */
struct span {
        const char *data;
        size_t length;
};

static int
url_refuse(struct aw_error *error, const char *sentence)
{
        return aw_error_set(error, AW_ERROR_USAGE, EINVAL, "%s", sentence);
}

/* ctype.h would depend on the locale. */
static bool
is_digit(char byte)
{
        return byte >= '0' && byte <= '9';
}

static char
url_lower(char byte)
{
        return byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
}

static bool
is_ascii(struct span span)
{
        for (size_t i = 0; i < span.length; i++)
                if ((unsigned char)span.data[i] > 0x7f)
                        return false;
        return true;
}

/* The first part of the span, which ends before any of `stops`. */
static struct span
until(struct span span, const char *stops)
{
        for (size_t i = 0; i < span.length; i++)
                if (strchr(stops, span.data[i]) != NULL)
                        return (struct span){span.data, i};
        return span;
}

static struct span
after(struct span span, size_t length)
{
        return (struct span){span.data + length, span.length - length};
}

static bool
begins_with(struct span span, const char *prefix)
{
        size_t i = 0;

        while (i < span.length && prefix[i] != '\0' && url_lower(span.data[i]) == prefix[i])
                i++;
        return prefix[i] == '\0';
}

static bool
contains(struct span span, char byte)
{
        return memchr(span.data, byte, span.length) != NULL;
}

static void
copy(char *to, struct span span)
{
        memcpy(to, span.data, span.length);
        to[span.length] = '\0';
}

/* What is refused wherever it stands. */
static int
check_text(struct span text, struct aw_error *error)
{
        for (size_t i = 0; i < text.length; i++) {
                unsigned char byte = (unsigned char)text.data[i];

                if (byte <= ' ' || byte == 0x7f)
                        return url_refuse(error, "a URL has no spaces and no control characters");
                if (byte == '#')
                        return url_refuse(error,
                                          "a WebSocket URL has no fragment: write %23 for #");
        }
        return 0;
}

static int
take_target(struct span rest, struct aw_url *url, struct aw_error *error)
{
        size_t slash = begins_with(rest, "/") ? 0 : 1;

        if (!is_ascii(rest))
                return url_refuse(error,
                                  "what is not ASCII must be percent-encoded in path and query");
        if (slash + rest.length > AW_URL_TARGET_MAX)
                return url_refuse(error, "path and query are longer than 8,000 bytes");
        url->target[0] = '/';
        copy(url->target + slash, rest);
        return 0;
}

/* Follows the host: nothing, a colon, or a colon and a number. */
static int
url_take_port(struct span rest, struct aw_url *url, struct aw_error *error)
{
        unsigned port = 0;

        if (rest.length > 0 && rest.data[0] != ':')
                return url_refuse(error, "only a port may follow the IPv6 address");
        if (rest.length < 2)
                return 0;
        for (size_t i = 1; i < rest.length; i++) {
                if (is_digit(rest.data[i]))
                        port = port * 10 + (unsigned)(rest.data[i] - '0');
                if (!is_digit(rest.data[i]) || port > UINT16_MAX)
                        return url_refuse(error, "the port is not a number from 0 to 65535");
        }
        url->port = (uint16_t)port;
        return 0;
}

static bool
is_name_byte(char byte)
{
        byte = url_lower(byte);
        return (byte >= 'a' && byte <= 'z') || is_digit(byte) || byte == '-' || byte == '_';
}

/* Letters, digits and so on between dots; the last label is returned by its length. */
static int
check_labels(struct span host, size_t *last, struct aw_error *error)
{
        struct span label;

        for (;; host = after(host, label.length + 1)) {
                label = until(host, ".");
                if (label.length == 0)
                        return url_refuse(error, "the host name has an empty label");
                if (label.length > 63)
                        return url_refuse(error,
                                          "a label of the host name is longer than 63 bytes");
                for (size_t i = 0; i < label.length; i++)
                        if (!is_name_byte(label.data[i]))
                                return url_refuse(error,
                                                  "a host name has letters, digits, '-', '_' "
                                                  "and dots only");
                *last = label.length;
                if (label.length == host.length)
                        return 0;
        }
}

/* Digits, or hexadecimal ones after 0x: inet_aton() takes such a label as a part of an address. */
static bool
is_number_label(struct span label)
{
        bool hexadecimal = begins_with(label, "0x");

        for (size_t i = hexadecimal ? 2 : 0; i < label.length; i++) {
                char byte = url_lower(label.data[i]);

                if (!is_digit(byte) && !(hexadecimal && byte >= 'a' && byte <= 'f'))
                        return false;
        }
        return true;
}

/* A name or an IPv4 address. */
static int
check_host(struct span host, struct aw_error *error)
{
        char address[INET_ADDRSTRLEN];
        struct in_addr binary;
        struct span last = {.length = 0};
        bool dot = host.length > 1 && host.data[host.length - 1] == '.';

        if (host.length == 0)
                return url_refuse(error, "the URL names no host");
        if (host.length > AW_URL_HOST_MAX)
                return url_refuse(error, "the host name is longer than 253 bytes");
        /* The dot of the root, which only keeps the resolver from trying its own domains. */
        host.length -= dot;
        if (check_labels(host, &last.length, error) == -1)
                return -1;
        last = after(host, host.length - last.length);
        if (!is_number_label(last))
                return 0;
        if (!dot && host.length < sizeof(address)) {
                copy(address, host);
                if (inet_pton(AF_INET, address, &binary) == 1)
                        return 0;
        }
        return url_refuse(error, "the host is neither a name nor an IPv4 address");
}

/* Splits ADDRESS%ZONE or ADDRESS%25ZONE. */
static int
take_zone(struct span *host, struct span *zone, struct aw_error *error)
{
        struct span address = until(*host, "%");

        *zone = after(*host, address.length);
        *host = address;
        if (zone->length == 0)
                return 0;
        *zone = after(*zone, begins_with(*zone, "%25") ? 3 : 1);
        if (zone->length == 0 || zone->length > AW_URL_ZONE_MAX || contains(*zone, '%'))
                return url_refuse(error, "the zone of the IPv6 address is no interface's name");
        return 0;
}

static int
check_ipv6(struct span host, struct aw_error *error)
{
        char address[INET6_ADDRSTRLEN];
        struct in6_addr binary;

        if (host.length < sizeof(address)) {
                copy(address, host);
                if (inet_pton(AF_INET6, address, &binary) == 1)
                        return 0;
        }
        return url_refuse(error, "what stands in brackets is no IPv6 address");
}

/* [ADDRESS], and what follows it. */
static int
take_ipv6(struct span *authority, struct aw_url *url, struct span *host, struct aw_error *error)
{
        struct span zone;

        *host = until(after(*authority, 1), "]");
        if (host->length + 1 == authority->length)
                return url_refuse(error, "the bracket before the IPv6 address is not closed");
        *authority = after(*authority, host->length + 2);
        if (take_zone(host, &zone, error) == -1)
                return -1;
        copy(url->zone, zone);
        return check_ipv6(*host, error);
}

/* Two colons or more, and for the rest what stands in such an address. */
static bool
looks_like_ipv6(struct span span)
{
        size_t colons = 0;

        for (size_t i = 0; i < span.length; i++) {
                char byte = url_lower(span.data[i]);

                colons += byte == ':';
                if (byte != ':' && byte != '.' && !is_digit(byte) && !(byte >= 'a' && byte <= 'f'))
                        return false;
        }
        return colons > 1;
}

/* The ASCII form of an international name, in the place where the host will be. */
static int
internationalise(struct span *host, struct aw_url *url, struct aw_error *error)
{
        char name[4 * AW_URL_HOST_MAX + 1];

        if (host->length >= sizeof(name))
                return url_refuse(error, "the host name is longer than 253 bytes");
        copy(name, *host);
        if (aw_url_to_ascii(name, url->host, error) == -1)
                return -1;
        *host = (struct span){url->host, strlen(url->host)};
        return 0;
}

static int
take_host(struct span *authority, struct aw_url *url, struct span *host, struct aw_error *error)
{
        struct span whole = *authority;

        *host = until(whole, ":");
        *authority = after(whole, host->length);
        if (!is_ascii(*host) && internationalise(host, url, error) == -1)
                return -1;
        if (looks_like_ipv6(whole))
                return url_refuse(error,
                                  "an IPv6 address in a URL stands in brackets, as in [::1]");
        return check_host(*host, error);
}

static void
write_host(struct aw_url *url, struct span host, bool ipv6, uint16_t default_port)
{
        char port[sizeof ":65535"] = "";

        memmove(url->host, host.data, host.length);
        url->host[host.length] = '\0';
        for (char *at = url->host; *at != '\0'; at++)
                *at = url_lower(*at);
        if (url->port != default_port)
                snprintf(port, sizeof(port), ":%u", (unsigned)url->port);
        snprintf(url->host_header, sizeof(url->host_header), "%s%s%s%s", ipv6 ? "[" : "", url->host,
                 ipv6 ? "]" : "", port);
}

/* "*" or nothing in front of the port. */
static bool
take_any(struct span *authority, struct span *host)
{
        struct span colon = after(*authority, begins_with(*authority, "*") ? 1 : 0);

        if (colon.length == authority->length ? !begins_with(colon, ":")
                                              : colon.length > 0 && colon.data[0] != ':')
                return false;
        if (colon.length > 1 && contains(after(colon, 1), ':'))
                return false;
        *authority = colon;
        *host = (struct span){AW_URL_ANY_HOST, strlen(AW_URL_ANY_HOST)};
        return true;
}

/* What follows ws:// or wss://. */
static int
parse_inet(struct span rest, struct aw_url *url, bool listening, struct aw_error *error)
{
        uint16_t default_port = url->scheme == AW_URL_WSS ? 443 : 80;
        struct span authority = until(rest, "/?"), target = after(rest, authority.length), host;
        bool ipv6 = begins_with(authority, "[");
        int result = 0;

        if (contains(authority, '@'))
                return url_refuse(error, "a user name or password in a URL is not supported: give "
                                         "them in the field Authorization");
        if (ipv6)
                result = take_ipv6(&authority, url, &host, error);
        else if (!listening || !take_any(&authority, &host))
                result = take_host(&authority, url, &host, error);
        if (result == -1)
                return -1;
        url->port = default_port;
        if (url_take_port(authority, url, error) == -1)
                return -1;
        write_host(url, host, ipv6, default_port);
        return take_target(target, url, error);
}

/* What follows unix: or ws+unix: up to the target. */
static int
parse_socket(struct span path, struct aw_url *url, bool listening, struct aw_error *error)
{
        (void)listening;
        if (begins_with(path, "//"))
                path = after(path, 2);
        /* Or it could not be written as a URL. */
        while (begins_with(path, "//"))
                path = after(path, 1);
        if (begins_with(path, "@") ? path.length == 1 : !begins_with(path, "/"))
                return url_refuse(error, "a Unix socket is given by its absolute path, or if it is "
                                         "an abstract one by @NAME");
        if (path.length > AW_URL_SOCKET_MAX)
                return url_refuse(error, "the path of the Unix socket is longer than 107 bytes");
        copy(url->socket, path);
        strcpy(url->host_header, "localhost");
        strcpy(url->target, "/");
        return 0;
}

/* What follows ws+unix:. */
static int
parse_socket_and_target(struct span rest, struct aw_url *url, bool listening,
                        struct aw_error *error)
{
        struct span path = until(rest, ":"), target = after(rest, path.length);

        if (parse_socket(path, url, listening, error) == -1)
                return -1;
        if (target.length < 2)
                return 0;
        if (target.data[1] != '/')
                return url_refuse(error, "the path after the Unix socket and ':' begins with '/'");
        return take_target(after(target, 1), url, error);
}

static const struct {
        const char *prefix;
        enum aw_url_scheme scheme;
        int (*parse)(struct span rest, struct aw_url *url, bool listening, struct aw_error *error);
} schemes[] = {
        {"ws://", AW_URL_WS, parse_inet},
        {"wss://", AW_URL_WSS, parse_inet},
        {"unix:", AW_URL_UNIX, parse_socket},
        {"ws+unix:", AW_URL_UNIX, parse_socket_and_target},
};

static int
parse_url(const char *text, struct aw_url *url, bool listening, struct aw_error *error)
{
        struct span rest = {text, strlen(text)};

        if (check_text(rest, error) == -1)
                return -1;
        for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
                if (begins_with(rest, schemes[i].prefix)) {
                        memset(url, 0, sizeof *url);
                        url->scheme = schemes[i].scheme;
                        rest = after(rest, strlen(schemes[i].prefix));
                        return schemes[i].parse(rest, url, listening, error);
                }
        if (begins_with(rest, "http://") || begins_with(rest, "https://"))
                return url_refuse(error,
                                  "write ws:// instead of http://, wss:// instead of https://");
        return url_refuse(error, "the URL begins with none of ws://, wss://, unix:/ and ws+unix:/: "
                                 "write wss:// before a host");
}

int
aw_url_parse(const char *text, struct aw_url *url, struct aw_error *error)
{
        return parse_url(text, url, false, error);
}

int
aw_url_parse_listen(const char *text, struct aw_url *url, struct aw_error *error)
{
        if (parse_url(text, url, true, error) == -1)
                return -1;
        if (strcmp(url->target, "/") != 0)
                return url_refuse(error, "a URL to listen on has no path and no query: all of them "
                                         "are served");
        return 0;
}
