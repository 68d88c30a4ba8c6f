/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/url.h"

/* What a URL of a host is expected to be: text, then its parts. */
struct expected {
        const char *text;
        enum aw_url_scheme scheme;
        const char *host;
        uint16_t port;
        const char *target, *host_header;
};

static void
assert_parsed(const char *text, struct aw_url *url)
{
        struct aw_error error = {.text = "none"};

        memset(url, 0x5a, sizeof *url);
        if (aw_url_parse(text, url, &error) != 0)
                fail_msg("%s: %s", text, error.text);
}

static void
assert_all_parsed(const struct expected *cases, size_t count)
{
        struct aw_url url;

        for (size_t i = 0; i < count; i++) {
                assert_parsed(cases[i].text, &url);
                assert_int_equal(url.scheme, cases[i].scheme);
                assert_string_equal(url.host, cases[i].host);
                assert_int_equal(url.port, cases[i].port);
                assert_string_equal(url.target, cases[i].target);
                assert_string_equal(url.host_header, cases[i].host_header);
                assert_string_equal(url.socket, "");
        }
}

static void
assert_refused(const char *text, const char *words)
{
        struct aw_url url;
        struct aw_error error = {.text = "none"};

        errno = 0;
        if (aw_url_parse(text, &url, &error) != -1)
                fail_msg("%s was not refused", text);
        assert_int_equal(errno, EINVAL);
        if (strstr(error.text, words) == NULL)
                fail_msg("%s: %s", text, error.text);
}

static void
the_scheme_gives_the_default_port(void **state)
{
        static const struct expected cases[] = {
                {"ws://example.com", AW_URL_WS, "example.com", 80, "/", "example.com"},
                {"wss://example.com", AW_URL_WSS, "example.com", 443, "/", "example.com"},
                {"wss://example.com:/", AW_URL_WSS, "example.com", 443, "/", "example.com"},
                {"ws://h:443", AW_URL_WS, "h", 443, "/", "h:443"},
                {"wss://h:443", AW_URL_WSS, "h", 443, "/", "h"},
                {"wss://h:80", AW_URL_WSS, "h", 80, "/", "h:80"},
                {"ws://h:080", AW_URL_WS, "h", 80, "/", "h"},
                {"wss://h:8443/", AW_URL_WSS, "h", 8443, "/", "h:8443"},
                {"ws://h:65535", AW_URL_WS, "h", 65535, "/", "h:65535"},
                {"ws://h:0", AW_URL_WS, "h", 0, "/", "h:0"},
        };

        (void)state;
        assert_all_parsed(cases, sizeof cases / sizeof cases[0]);
}

static void
path_and_query_are_kept_as_they_are(void **state)
{
        static const struct expected cases[] = {
                {"ws://h/chat", AW_URL_WS, "h", 80, "/chat", "h"},
                {"ws://h/a/../b//?x=1&y=%zz%20", AW_URL_WS, "h", 80, "/a/../b//?x=1&y=%zz%20", "h"},
                {"ws://h:9?x=/y", AW_URL_WS, "h", 9, "/?x=/y", "h:9"},
                {"ws://h?", AW_URL_WS, "h", 80, "/?", "h"},
                {"ws://h/a@b:c[d]?e@f", AW_URL_WS, "h", 80, "/a@b:c[d]?e@f", "h"},
                {"ws://h/MixedCase", AW_URL_WS, "h", 80, "/MixedCase", "h"},
        };

        (void)state;
        assert_all_parsed(cases, sizeof cases / sizeof cases[0]);
}

static void
schemes_and_hosts_are_read_without_case(void **state)
{
        static const struct expected cases[] = {
                {"WsS://Aa-Zz.COM:8443/A", AW_URL_WSS, "aa-zz.com", 8443, "/A", "aa-zz.com:8443"},
                {"ws://[2001:DB8::A]", AW_URL_WS, "2001:db8::a", 80, "/", "[2001:db8::a]"},
        };

        (void)state;
        assert_all_parsed(cases, sizeof cases / sizeof cases[0]);
}

static void
a_host_is_a_name_or_an_address(void **state)
{
        static const struct expected cases[] = {
                {"ws://localhost", AW_URL_WS, "localhost", 80, "/", "localhost"},
                {"ws://a_b-c.1x.example", AW_URL_WS, "a_b-c.1x.example", 80, "/",
                 "a_b-c.1x.example"},
                {"wss://xn--bcher-kva.example", AW_URL_WSS, "xn--bcher-kva.example", 443, "/",
                 "xn--bcher-kva.example"},
                {"ws://127.0.0.1:9000", AW_URL_WS, "127.0.0.1", 9000, "/", "127.0.0.1:9000"},
                {"ws://0.0.0.0:0", AW_URL_WS, "0.0.0.0", 0, "/", "0.0.0.0:0"},
                {"wss://[::1]:8443/x", AW_URL_WSS, "::1", 8443, "/x", "[::1]:8443"},
                {"wss://[::1]:443", AW_URL_WSS, "::1", 443, "/", "[::1]"},
                {"wss://[::]?q", AW_URL_WSS, "::", 443, "/?q", "[::]"},
                {"ws://[::ffff:1.2.3.4]", AW_URL_WS, "::ffff:1.2.3.4", 80, "/", "[::ffff:1.2.3.4]"},
        };

        (void)state;
        assert_all_parsed(cases, sizeof cases / sizeof cases[0]);
}

static void
bad_hosts_are_refused(void **state)
{
        (void)state;
        assert_refused("ws://", "no host");
        assert_refused("ws:///path", "no host");
        assert_refused("ws://:80", "no host");
        assert_refused("wss://?x", "no host");
        assert_refused("ws://a..b", "empty label");
        assert_refused("ws://.a", "empty label");
        assert_refused("ws://.", "empty label");
        assert_refused("ws://a..", "empty label");
        assert_refused("ws://a*b", "letters, digits");
        assert_refused("ws://a%62", "letters, digits");
        assert_refused("ws://a\\b", "letters, digits");
        assert_refused("ws://a]", "letters, digits");
        assert_refused("ws://\xe2\x98\x83-.example", "no international name");
        assert_refused("ws://b\xc3"
                       "cher.example",
                       "no international name");
        assert_refused("ws://256.1.1.1", "neither a name nor an IPv4");
        assert_refused("ws://1.2.3", "neither a name nor an IPv4");
        assert_refused("ws://a.1", "neither a name nor an IPv4");
        /* These are numbers, too, for the resolver. */
        assert_refused("ws://0x7f000001/", "neither a name nor an IPv4");
        assert_refused("ws://a.0X1f", "neither a name nor an IPv4");
        assert_refused("ws://127.0.0.1./", "neither a name nor an IPv4");
        assert_refused("ws://*:80", "letters, digits");
        assert_refused("ws://:80", "names no host");
        assert_refused("ws://1111.2222.3333.4", "neither a name nor an IPv4");
}

static void
bad_ipv6_addresses_are_refused(void **state)
{
        (void)state;
        assert_refused("ws://::1", "stands in brackets");
        assert_refused("ws://fe80::1:80/x", "stands in brackets");
        assert_refused("ws://[::1", "not closed");
        assert_refused("ws://[::1/]", "not closed");
        assert_refused("ws://[]", "no IPv6");
        assert_refused("ws://[::1::]", "no IPv6");
        assert_refused("ws://[127.0.0.1]", "no IPv6");
        assert_refused("ws://[localhost]", "no IPv6");
        assert_refused("ws://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0]", "no IPv6");
        assert_refused("ws://[\xc3\xbc]", "no IPv6");
        assert_refused("ws://[fe80::1%25]", "zone");
        assert_refused("ws://[fe80::1%]", "zone");
        assert_refused("ws://[fe80::1%eth0%1]", "zone");
        assert_refused("ws://[fe80::1%abcdefghijklmnopqrstuvwxyz0123456]", "zone");
        assert_refused("ws://[::1]80", "only a port");
        assert_refused("ws://[::1]]", "only a port");
}

static void
bad_ports_are_refused(void **state)
{
        static const char *const texts[] = {
                "ws://h:65536",  "ws://h:99999999999999999999",
                "ws://h:-1",     "ws://h:+1",
                "ws://h:80x",    "ws://[::1]:x",
                "ws://h:0x50",   "ws://[::1]:1:2",
                "ws://h:80:80/",
        };

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
                assert_refused(texts[i], "not a number from 0 to 65535");
}

static void
other_schemes_are_refused(void **state)
{
        static const char *const texts[] = {
                "", "ws", "ws:", "ws:/h", "ws:h", "//h", "h:80", "localhost", "wsx://h", "ftp://h",
        };

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
                assert_refused(
                        texts[i],
                        "begins with none of ws://, wss://, unix:/ and ws+unix:/: write wss://");
        assert_refused("http://h", "instead of http://");
        assert_refused("HTTPS://h", "instead of https://");
}

static void
what_a_websocket_url_never_has_is_refused(void **state)
{
        (void)state;
        assert_refused("ws://h/#top", "fragment");
        assert_refused("ws://h#", "fragment");
        assert_refused("unix:/a#b", "fragment");
        assert_refused("ws://user@h", "user name");
        assert_refused("ws://user:secret@h:80/", "the field Authorization");
        assert_refused("ws://@[::1]", "user name");
        assert_refused("ws://h/a b", "no spaces");
        assert_refused(" ws://h", "no spaces");
        assert_refused("ws://h/\r\nX: y", "no spaces");
        assert_refused("ws://h\x7f", "no spaces");
        assert_refused("ws+unix:/a\t", "no spaces");
        assert_refused("ws://h/\xc3\xbc", "percent-encoded");
        assert_refused("ws+unix:/a:/?\xc3\xbc", "percent-encoded");
}

static void
unix_sockets_have_a_path(void **state)
{
        static const struct {
                const char *text, *socket, *target;
        } cases[] = {
                {"unix:/run/ws.sock", "/run/ws.sock", "/"},
                {"unix:/run/a:/b?c", "/run/a:/b?c", "/"},
                {"UNIX:///Run/ws", "/Run/ws", "/"},
                {"ws+unix:/run/ws.sock", "/run/ws.sock", "/"},
                {"ws+unix:/run/ws.sock:", "/run/ws.sock", "/"},
                {"ws+unix:/run/ws.sock:/", "/run/ws.sock", "/"},
                {"ws+unix:/run/ws.sock:/a:b?c=d", "/run/ws.sock", "/a:b?c=d"},
                {"ws+unix:///run/a@b:/x", "/run/a@b", "/x"},
                {"unix:////run//x", "/run//x", "/"},
                {"unix://///run/x", "/run/x", "/"},
                {"unix:@wsechod", "@wsechod", "/"},
                {"ws+unix:@wsechod:/x", "@wsechod", "/x"},
                {"unix:/home/j\xc3\xbcrgen/s", "/home/j\xc3\xbcrgen/s", "/"},
        };
        struct aw_url url;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                assert_parsed(cases[i].text, &url);
                assert_int_equal(url.scheme, AW_URL_UNIX);
                assert_string_equal(url.socket, cases[i].socket);
                assert_string_equal(url.target, cases[i].target);
                assert_string_equal(url.host, "");
                assert_int_equal(url.port, 0);
                assert_string_equal(url.host_header, "localhost");
        }
}

static void
bad_unix_sockets_are_refused(void **state)
{
        (void)state;
        assert_refused("unix:", "absolute path");
        assert_refused("unix:run/ws.sock", "absolute path");
        assert_refused("unix://run/ws.sock", "absolute path");
        assert_refused("ws+unix::/x", "absolute path");
        assert_refused("unix:@", "@NAME");
        assert_refused("ws+unix:@:/x", "@NAME");
        assert_refused("ws+unix:ws.sock", "absolute path");
        assert_refused("ws+unix:/ws.sock:x", "begins with '/'");
        assert_refused("ws+unix:/ws.sock::/x", "begins with '/'");
}

static void
a_name_may_end_in_the_dot_of_the_root(void **state)
{
        static const struct expected cases[] = {
                {"ws://localhost./", AW_URL_WS, "localhost.", 80, "/", "localhost."},
                {"wss://A.b.:1", AW_URL_WSS, "a.b.", 1, "/", "a.b.:1"},
                {"wss://0xyz", AW_URL_WSS, "0xyz", 443, "/", "0xyz"},
        };

        (void)state;
        assert_all_parsed(cases, sizeof cases / sizeof cases[0]);
}

/* To listen on. */

static void
all_addresses_have_a_name_to_listen_on(void **state)
{
        static const struct expected cases[] = {
                {"wss://*:7691", AW_URL_WSS, "*", 7691, "/", "*:7691"},
                {"wss://:7691", AW_URL_WSS, "*", 7691, "/", "*:7691"},
                {"ws://*", AW_URL_WS, "*", 80, "/", "*"},
                {"ws://*:0/", AW_URL_WS, "*", 0, "/", "*:0"},
                {"ws://h:1/", AW_URL_WS, "h", 1, "/", "h:1"},
                {"ws://[::]:1", AW_URL_WS, "::", 1, "/", "[::]:1"},
        };
        struct aw_error error;
        struct aw_url url;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                memset(&url, 0x5a, sizeof url);
                if (aw_url_parse_listen(cases[i].text, &url, &error) != 0)
                        fail_msg("%s: %s", cases[i].text, error.text);
                assert_int_equal(url.scheme, cases[i].scheme);
                assert_string_equal(url.host, cases[i].host);
                assert_int_equal(url.port, cases[i].port);
                assert_string_equal(url.host_header, cases[i].host_header);
        }
}

static void
what_cannot_be_listened_on_is_refused(void **state)
{
        static const char *const texts[][2] = {
                {"ws://h:1/path", "no path and no query"},
                {"ws://h:1/?", "no path and no query"},
                {"ws://h:1?query", "no path and no query"},
                {"wss://*:1/x", "no path and no query"},
                {"ws+unix:/a:/x", "no path and no query"},
                {"ws://h:1/#part", "fragment"},
                {"ws://", "names no host"},
                {"ws:///", "names no host"},
                {"ws://**:1", "letters, digits"},
                {"ws://*x:1", "letters, digits"},
                {"ws://*.a:1", "letters, digits"},
                {"ws://::1:1", "in brackets"},
                {"ws://:x", "not a number"},
                {"ws://*:x", "not a number"},
                {"ws://*:1:2", "letters, digits"},
        };
        struct aw_error error;
        struct aw_url url;

        (void)state;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
                errno = 0;
                if (aw_url_parse_listen(texts[i][0], &url, &error) != -1)
                        fail_msg("%s was not refused", texts[i][0]);
                assert_int_equal(errno, EINVAL);
                if (strstr(error.text, texts[i][1]) == NULL)
                        fail_msg("%s: %s", texts[i][0], error.text);
        }
        assert_int_equal(aw_url_parse_listen("unix:/a?b", &url, &error), 0);
        assert_int_equal(aw_url_parse_listen("ws+unix:/a", &url, &error), 0);
        assert_string_equal(url.socket, "/a");
}

/* `before`, then so many times x. */
static const char *
repeat(char *text, size_t size, const char *before, size_t count)
{
        size_t length = strlen(before);

        assert_true(length + count < size);
        memcpy(text, before, length);
        memset(text + length, 'x', count);
        text[length + count] = '\0';
        return text;
}

static void
each_part_has_its_maximum(void **state)
{
        char text[AW_URL_TARGET_MAX + 100], label[] = "ws://h.", host[300];
        struct aw_url url;

        (void)state;
        assert_parsed(repeat(text, sizeof text, label, 63), &url);
        assert_refused(repeat(text, sizeof text, label, 64), "longer than 63");

        repeat(host, sizeof host, "wss://", 49);
        for (int i = 0; i < 4; i++)
                strcat(host, ".a2345678901234567890123456789012345678901234567890");
        assert_int_equal(strlen(host), 6 + AW_URL_HOST_MAX);
        strcat(host, ":12345");
        assert_parsed(host, &url);
        assert_string_equal(url.host_header, host + 6);
        repeat(host, sizeof host, "ws://", AW_URL_HOST_MAX + 1);
        assert_refused(host, "longer than 253");

        assert_parsed(repeat(text, sizeof text, "unix:/", AW_URL_SOCKET_MAX - 1), &url);
        assert_int_equal(strlen(url.socket), AW_URL_SOCKET_MAX);
        assert_refused(repeat(text, sizeof text, "unix:/", AW_URL_SOCKET_MAX), "longer than 107");

        assert_parsed(repeat(text, sizeof text, "ws://h/", AW_URL_TARGET_MAX - 1), &url);
        assert_int_equal(strlen(url.target), AW_URL_TARGET_MAX);
        assert_refused(repeat(text, sizeof text, "ws://h/", AW_URL_TARGET_MAX),
                       "longer than 8,000");
        assert_refused(repeat(text, sizeof text, "ws://h?", AW_URL_TARGET_MAX - 1),
                       "longer than 8,000");
}

static void
international_names_get_their_ascii_form(void **state)
{
        static const char *const names[][2] = {
                {"ws://b\xc3\xbc"
                 "cher.example",
                 "xn--bcher-kva.example"},
                {"ws://B\xc3\x9c"
                 "CHER.example:8080/x",
                 "xn--bcher-kva.example"},
                {"ws://fa\xc3\x9f.de", "xn--fa-hia.de"},
                {"ws://\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
                 "xn--r8jz45g.xn--zckzah"},
        };
        struct aw_url url;

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                assert_parsed(names[i][0], &url);
                assert_string_equal(url.host, names[i][1]);
        }
}

/* RFC 6874: the zone is for the way there, and not for the field Host. */
static void
an_ipv6_address_may_have_a_zone(void **state)
{
        struct aw_url url;

        (void)state;
        assert_parsed("ws://[fe80::1%25eth0]:81/x", &url);
        assert_string_equal(url.host, "fe80::1");
        assert_string_equal(url.zone, "eth0");
        assert_string_equal(url.host_header, "[fe80::1]:81");
        assert_parsed("ws://[fe80::1%lo]", &url);
        assert_string_equal(url.zone, "lo");
        assert_parsed("ws://[fe80::1]", &url);
        assert_string_equal(url.zone, "");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(international_names_get_their_ascii_form),
                cmocka_unit_test(an_ipv6_address_may_have_a_zone),
                cmocka_unit_test(the_scheme_gives_the_default_port),
                cmocka_unit_test(path_and_query_are_kept_as_they_are),
                cmocka_unit_test(schemes_and_hosts_are_read_without_case),
                cmocka_unit_test(a_host_is_a_name_or_an_address),
                cmocka_unit_test(bad_hosts_are_refused),
                cmocka_unit_test(bad_ipv6_addresses_are_refused),
                cmocka_unit_test(bad_ports_are_refused),
                cmocka_unit_test(other_schemes_are_refused),
                cmocka_unit_test(what_a_websocket_url_never_has_is_refused),
                cmocka_unit_test(unix_sockets_have_a_path),
                cmocka_unit_test(bad_unix_sockets_are_refused),
                cmocka_unit_test(a_name_may_end_in_the_dot_of_the_root),
                cmocka_unit_test(all_addresses_have_a_name_to_listen_on),
                cmocka_unit_test(what_cannot_be_listened_on_is_refused),
                cmocka_unit_test(each_part_has_its_maximum),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
