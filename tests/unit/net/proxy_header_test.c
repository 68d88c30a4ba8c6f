/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/proxy_header.h"
#include "net/resolve.h"

#define SIGNATURE    "\r\n\r\n\0\r\nQUIT\n"
#define V4           "\xc0\x00\x02\x07\xc0\x00\x02\x01\x9d\x88\x01\xbb" /* 192.0.2.7:40328 */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A header of version 2: what stands behind the length. */
struct v2 {
        uint8_t command, kind;
        const char *data;
        size_t length;
};
#define BYTES(text) (text), sizeof(text) - 1

static size_t
build(uint8_t *out, const struct v2 *v2)
{
        memcpy(out, SIGNATURE, 12);
        out[12] = v2->command;
        out[13] = v2->kind;
        out[14] = (uint8_t)(v2->length >> 8);
        out[15] = (uint8_t)v2->length;
        memcpy(out + 16, v2->data, v2->length);
        return 16 + v2->length;
}

/*
 * The text comes to `result` when all of it is there, and not before unless it is bad; what follows
 * changes nothing.
 */
static void
assert_result(const uint8_t *data, size_t length, enum aw_proxy_result result,
              struct aw_proxy_header *header)
{
        uint8_t more[512];
        enum aw_proxy_result got = AW_PROXY_INCOMPLETE;
        size_t part;

        for (part = 1; part <= length && got == AW_PROXY_INCOMPLETE; part++) {
                /* On the heap, where one byte too many is seen. */
                uint8_t *copy = malloc(part);

                memcpy(copy, data, part);
                got = aw_proxy_header_parse(copy, part, header);
                free(copy);
        }
        assert_int_equal(got, result);
        if (result == AW_PROXY_OK)
                assert_int_equal(part - 1, length);
        assert_true(length + 5 <= sizeof(more));
        memcpy(more, data, length);
        memcpy(more + length, "\x16more", 5);
        if (result != AW_PROXY_INCOMPLETE)
                assert_int_equal(aw_proxy_header_parse(more, length + 5, header), result);
        if (result == AW_PROXY_OK)
                assert_int_equal(header->length, length);
}

static void
assert_source(const void *data, size_t length, const char *source)
{
        struct aw_proxy_header header;
        char text[64];

        assert_result(data, length, AW_PROXY_OK, &header);
        aw_address_format(&header.source, text, sizeof(text));
        assert_string_equal(header.source.ss_family == AF_UNSPEC ? "none" : text, source);
}

static void
assert_bad(const void *data, size_t length, const char *words)
{
        struct aw_proxy_header header;

        assert_result(data, length, AW_PROXY_BAD, &header);
        if (strstr(header.wrong, words) == NULL)
                fail_msg("no '%s' in '%s'", words, header.wrong);
}

static void
version_1_tells_address_and_port(void **state)
{
        static const char *const cases[][2] = {
                {"PROXY TCP4 192.0.2.7 192.0.2.1 40328 443\r\n", "192.0.2.7:40328"},
                {"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255:65535"},
                {"PROXY TCP6 2001:db8::7 ::1 1 443\r\n", "[2001:db8::7]:1"},
                {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
                 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
                {"PROXY UNKNOWN\r\n", "none"},
                {"PROXY UNKNOWN ffff::1 what ever 65535 65535\r\n", "none"},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_source(cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static void
version_1_is_read_strictly(void **state)
{
        static const char *const cases[][2] = {
                {"PROXY TCP4 192.0.2.7 192.0.2.1 40328 443\n", "CR LF"},
                {"PROXY \n", "CR LF"},
                {"PROXY TCP4 192.0.2.7 192.0.2.1 40328\r\n", "addresses"},
                {"PROXY TCP4 192.0.2.7 192.0.2.1 40328 443 \r\n", "addresses"},
                {"PROXY TCP4 192.0.2.7  192.0.2.1 40328 443\r\n", "addresses"},
                {"PROXY TCP4 192.0.2.7 192.0.2.1 65536 443\r\n", "addresses"},
                {"PROXY TCP4 192.0.2.7 192.0.2.1 040 443\r\n", "addresses"},
                {"PROXY TCP4 192.0.2.7 192.0.2.1 -1 443\r\n", "addresses"},
                {"PROXY TCP4 192.0.2.7 192.0.2.1 1 99999999\r\n", "addresses"},
                {"PROXY TCP4 2001:db8::7 ::1 40328 443\r\n", "addresses"},
                {"PROXY TCP6 192.0.2.7 192.0.2.1 40328 443\r\n", "addresses"},
                {"PROXY TCP4 host.example 192.0.2.1 40328 443\r\n", "addresses"},
                {"PROXY TCP4 \r\n", "addresses"},
                {"PROXY TCP4\r\n", "TCP4"},
                {"PROXY UDP4 192.0.2.7 192.0.2.1 40328 443\r\n", "TCP4"},
                {"PROXY UNKNOWNS\r\n", "TCP4"},
                {"PROXY \r\n", "TCP4"},
        };

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_bad(cases[i][0], strlen(cases[i][0]), cases[i][1]);
        assert_bad(BYTES("PROXY UNKNOWN \0\r\n"), "CR LF");
}

/* The longest has 107 bytes. */
static void
version_1_ends_within_107_bytes(void **state)
{
        uint8_t line[200];

        (void)state;
        memset(line, 'x', sizeof(line));
        memcpy(line, "PROXY UNKNOWN ", 14);
        assert_bad(line, 107, "longer than 107 bytes");
        memcpy(line + 106, "\r\n", 2);
        assert_bad(line, 108, "longer than 107 bytes");
        memcpy(line + 105, "\r\n", 2);
        assert_source(line, 107, "none");
}

static void
version_2_tells_the_address_of_a_stream(void **state)
{
        static const char v6[] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                                 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x01\xbb";
        static const char path[216] = "/run/balancer";
        const struct v2 cases[] = {
                {0x21, 0x11, BYTES(V4)},
                {0x21, 0x21, BYTES(v6)},
                {0x21, 0x31, path, sizeof(path)},
                {0x21, 0x00, BYTES("")},
                {0x20, 0x00, BYTES("")},
                {0x20, 0x11, BYTES(V4)}, /* LOCAL: whatever it says */
                {0x20, 0xff, BYTES("any")},
                {0x20, 0x11, BYTES("any")},
        };
        static const char *const sources[] = {"192.0.2.7:40328",
                                              "[2001:db8::7]:80",
                                              "unix",
                                              "none",
                                              "none",
                                              "none",
                                              "none",
                                              "none"};
        uint8_t data[512];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_source(data, build(data, &cases[i]), sources[i]);
}

static void
what_version_2_has_besides_is_skipped(void **state)
{
        static const struct v2 cases[] = {
                {0x21, 0x11, BYTES(V4 "\x04\0\0")},                         /* NOOP */
                {0x21, 0x11, BYTES(V4 "\x01\0\x08http/1.1\x02\0\x04host")}, /* ALPN, name */
                {0x21, 0x11, BYTES(V4 "\xee\0\x03\0\0\0\x05\0\x02id")},     /* AWS, an id */
                {0x21, 0x00, BYTES("\x04\0\x02xx")},
                /* Addresses of no known family, or of nobody: they are ignored. */
                {0x21, 0x00, BYTES("any")},
                {0x21, 0x00, BYTES(V4)},
                {0x21, 0x00, BYTES("x")},
                {0x20, 0x00, BYTES("any")},
                {0x20, 0x11, BYTES(V4 "\x04\0")},
                {0x20, 0x11, BYTES(V4 "any")},
        };
        uint8_t data[512];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_source(data, build(data, &cases[i]), i >= 3 ? "none" : "192.0.2.7:40328");
}

/* Another implementation, by a table, has computed it. */
static void
a_checksum_must_be_right(void **state)
{
        struct v2 v2 = {0x21, 0x11, BYTES(V4 "\x04\0\x01x\x03\0\x04\x2e\x1e\xd2\x38")};
        uint8_t data[512];
        size_t length = build(data, &v2), i;

        (void)state;
        assert_source(data, length, "192.0.2.7:40328");
        for (i = 16; i < length; i++) {
                /* Those that say how long a value is make another fault. */
                if (i >= 28 && i <= 34)
                        continue;
                data[i] ^= 0x10;
                assert_bad(data, length, "checksum");
                data[i] ^= 0x10;
        }
        v2 = (struct v2){0x21, 0x11, BYTES(V4 "\x03\0\x03\x01\x02\x03")};
        assert_bad(data, build(data, &v2), "checksum");
        /* Also where the addresses do not count. */
        v2 = (struct v2){0x21, 0x00, BYTES("\x03\0\x04\x01\x02\x03\x04")};
        assert_bad(data, build(data, &v2), "checksum");
        v2.command = 0x20;
        assert_bad(data, build(data, &v2), "checksum");
}

static void
a_wrong_header_of_version_2_is_refused(void **state)
{
        static const struct {
                struct v2 v2;
                const char *words;
        } cases[] = {
                {{0x11, 0x11, BYTES(V4)}, "version or a command"},
                {{0x22, 0x11, BYTES(V4)}, "version or a command"},
                {{0x21, 0x12, BYTES(V4)}, "not of a stream"},
                {{0x21, 0x41, BYTES(V4)}, "not of a stream"},
                {{0x21, 0x10, BYTES(V4)}, "not of a stream"},
                {{0x21, 0x11, BYTES("\xc0\x00\x02\x07")}, "too short"},
                {{0x21, 0x21, BYTES(V4)}, "too short"},
                {{0x21, 0x31, BYTES(V4)}, "too short"},
                {{0x21, 0x11, BYTES(V4 "\x04")}, "ends within a TLV"},
                {{0x21, 0x11, BYTES(V4 "\x04\0")}, "ends within a TLV"},
                {{0x21, 0x11, BYTES(V4 "\x04\0\x01")}, "goes on behind"},
                {{0x21, 0x11,
                  BYTES(V4 "\x04\xff\xff"
                           "x")},
                 "goes on behind"},
        };
        uint8_t data[512];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++)
                assert_bad(data, build(data, &cases[i].v2), cases[i].words);
}

/* The longest has 4096 bytes. */
static void
version_2_is_bounded(void **state)
{
        uint8_t data[AW_PROXY_HEADER_MAX] = SIGNATURE;
        struct aw_proxy_header header;

        (void)state;
        memcpy(data + 12, "\x21\x11\x0f\xf0" V4 "\x04\x0f\xe1", 19);
        assert_int_equal(aw_proxy_header_parse(data, sizeof(data) - 1, &header),
                         AW_PROXY_INCOMPLETE);
        assert_int_equal(aw_proxy_header_parse(data, sizeof(data), &header), AW_PROXY_OK);
        assert_int_equal(header.length, sizeof(data));
        data[15]++;
        assert_bad(data, 16, "longer than 4096 bytes");
}

static void
anything_else_is_refused_at_its_first_byte(void **state)
{
        struct aw_proxy_header header;

        (void)state;
        assert_bad(BYTES("\x16\x03\x01"), "TLS");
        assert_bad(BYTES("GET / HTTP/1.1\r\n"), "does not begin");
        assert_bad(BYTES("\r\n\r\n\0\r\nQUIX"), "does not begin");
        assert_bad(BYTES("PROXX"), "does not begin");
        assert_bad(BYTES("proxy "), "does not begin");
        assert_int_equal(aw_proxy_header_parse((const uint8_t *)"\x16", 1, &header), AW_PROXY_BAD);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(version_1_tells_address_and_port),
                cmocka_unit_test(version_1_is_read_strictly),
                cmocka_unit_test(version_1_ends_within_107_bytes),
                cmocka_unit_test(version_2_tells_the_address_of_a_stream),
                cmocka_unit_test(what_version_2_has_besides_is_skipped),
                cmocka_unit_test(a_checksum_must_be_right),
                cmocka_unit_test(a_wrong_header_of_version_2_is_refused),
                cmocka_unit_test(version_2_is_bounded),
                cmocka_unit_test(anything_else_is_refused_at_its_first_byte),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
