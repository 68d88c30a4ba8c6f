/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws/frame_private.h"

/* A fixed sequence of numbers that look random. */
static uint8_t
next_byte(void)
{
        static uint32_t state = 1;

        state = state * 1664525 + 1013904223;
        return (uint8_t)(state >> 24);
}

/* Parses a copy that ends where its memory ends, so that a sanitizer sees a read beyond it. */
static int
parse_copy(const uint8_t *data, size_t available, struct ws_frame_header *header)
{
        uint8_t *copy = malloc(available + 1);
        int result;

        assert_non_null(copy);
        memcpy(copy + 1, data, available);
        result = ws_frame_parse(copy + 1, available, header);
        free(copy);
        return result;
}

static void
headers_of_the_rfc_are_read(void **state)
{
        static const struct {
                uint8_t data[16];
                struct ws_frame_header header;
        } cases[] = {
                {{0x81, 0x05}, {5, 2, WS_OP_TEXT, 0, true, false, {0}}},
                {{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d},
                 {5, 6, WS_OP_TEXT, 0, true, true, {0x37, 0xfa, 0x21, 0x3d}}},
                {{0x01, 0x03}, {3, 2, WS_OP_TEXT, 0, false, false, {0}}},
                {{0x80, 0x02}, {2, 2, WS_OP_CONTINUATION, 0, true, false, {0}}},
                {{0x8a, 0x80, 1, 2, 3, 4}, {0, 6, WS_OP_PONG, 0, true, true, {1, 2, 3, 4}}},
                {{0x82, 0x7e, 0x01, 0x00}, {256, 4, WS_OP_BINARY, 0, true, false, {0}}},
                {{0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0},
                 {65536, 10, WS_OP_BINARY, 0, true, false, {0}}},
                {{0x7f, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 2, 9, 8, 7, 6},
                 {INT64_MAX - 0xfffffffffffffd, 14, 0xf, 0x7, false, true, {9, 8, 7, 6}}},
                {{0xc1, 0x00}, {0, 2, WS_OP_TEXT, 0x4, true, false, {0}}},
                {{0x91, 0x00}, {0, 2, WS_OP_TEXT, 0x1, true, false, {0}}},
        };
        struct ws_frame_header header;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const struct ws_frame_header *expected = &cases[i].header;

                assert_int_equal(parse_copy(cases[i].data, expected->size, &header), 1);
                assert_int_equal(header.length, expected->length);
                assert_int_equal(header.size, expected->size);
                assert_int_equal(header.opcode, expected->opcode);
                assert_int_equal(header.reserved, expected->reserved);
                assert_int_equal(header.final, expected->final);
                assert_int_equal(header.masked, expected->masked);
                assert_memory_equal(header.mask, expected->mask, 4);
        }
}

static void
a_header_is_incomplete_until_its_last_byte(void **state)
{
        static const uint64_t lengths[] = {0, 125, 126, 65535, 65536, INT64_MAX};
        static const uint8_t mask[4] = {1, 2, 3, 4};
        uint8_t data[WS_FRAME_HEADER_MAX];
        struct ws_frame_header header, before;

        (void)state;
        memset(&header, 0x5a, sizeof header);
        before = header;
        for (size_t i = 0; i < 2 * sizeof lengths / sizeof lengths[0]; i++) {
                size_t size = ws_frame_build(data, WS_OP_TEXT, lengths[i / 2], i % 2 ? mask : NULL);

                for (size_t available = 0; available < size; available++)
                        assert_int_equal(parse_copy(data, available, &header), 0);
                assert_memory_equal(&header, &before, sizeof header);
        }
        assert_int_equal(ws_frame_parse(NULL, 0, &header), 0);
}

static void
a_length_not_in_its_shortest_form_is_refused(void **state)
{
        static const struct {
                uint8_t data[10];
                size_t size;
                int result;
        } cases[] = {
                {{0x82, 0x7e, 0x00, 0x7d}, 4, -1},
                {{0x82, 0xfe, 0x00, 0x00}, 4, -1}, /* known before the mask comes */
                {{0x82, 0x7e, 0x00, 0x7e}, 4, 1},
                {{0x82, 0x7e, 0xff, 0xff}, 4, 1},
                {{0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0x00, 0x01}, 10, -1},
                {{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 10, -1},
                {{0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0x00, 0x00}, 10, 1},
        };
        struct ws_frame_header header;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                assert_int_equal(parse_copy(cases[i].data, cases[i].size, &header),
                                 cases[i].result);
}

static void
a_length_of_two_to_the_63_or_more_is_refused(void **state)
{
        uint8_t data[10] = {0x82, 0x7f, 0x80};
        struct ws_frame_header header;

        (void)state;
        assert_int_equal(parse_copy(data, 10, &header), -1);
        memset(data + 2, 0xff, 8);
        assert_int_equal(parse_copy(data, 10, &header), -1);
        data[2] = 0x7f;
        assert_int_equal(parse_copy(data, 10, &header), 1);
        assert_true(header.length == INT64_MAX);
}

static void
what_is_built_is_read_back_and_takes_the_shortest_form(void **state)
{
        static const struct {
                uint64_t length;
                size_t size;
        } cases[] = {{0, 2},     {1, 2},      {125, 2},         {126, 4},       {127, 4},
                     {65535, 4}, {65536, 10}, {1ull << 32, 10}, {INT64_MAX, 10}};
        static const uint8_t mask[4] = {0xde, 0xad, 0xbe, 0xef};
        uint8_t data[WS_FRAME_HEADER_MAX];
        struct ws_frame_header header;

        (void)state;
        for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
                bool masked = i % 2;
                size_t size = cases[i / 2].size + (masked ? 4 : 0);
                uint64_t length = cases[i / 2].length;

                assert_int_equal(ws_frame_build(data, WS_OP_PING, length, masked ? mask : NULL),
                                 size);
                assert_int_equal(ws_frame_parse(data, size, &header), 1);
                assert_true(header.length == length);
                assert_int_equal(header.size, size);
                assert_int_equal(header.opcode, WS_OP_PING);
                assert_int_equal(header.reserved, 0);
                assert_true(header.final);
                assert_int_equal(header.masked, masked);
                assert_memory_equal(header.mask, masked ? mask : (const uint8_t[4]){0}, 4);
        }
}

enum { LONGEST = 150, MARGIN = 8 };

/* Masks at an odd address, in place or not, and compares with the definition. */
static void
check_mask(size_t length, unsigned phase, size_t offset, bool in_place)
{
        uint8_t data[LONGEST + 2 * MARGIN], out[sizeof data], expected[sizeof data], mask[4];
        uint8_t *to = in_place ? data : out;

        for (size_t i = 0; i < 4; i++)
                mask[i] = next_byte();
        for (size_t i = 0; i < sizeof data; i++)
                out[i] = data[i] = next_byte();
        memcpy(expected, to, sizeof expected);
        for (size_t i = 0; i < length; i++)
                expected[MARGIN + i] = data[offset + i] ^ mask[(phase + i) % 4];
        if (in_place)
                offset = MARGIN;
        assert_int_equal(ws_frame_mask(to + MARGIN, data + offset, length, mask, phase),
                         (phase + length) % 4);
        assert_memory_equal(to, expected, sizeof expected);
}

static void
masking_is_as_defined_at_every_length_and_phase(void **state)
{
        (void)state;
        for (size_t length = 0; length <= LONGEST; length++)
                for (unsigned phase = 0; phase < 4; phase++) {
                        check_mask(length, phase, MARGIN, true);
                        for (size_t offset = 0; offset < MARGIN; offset++)
                                check_mask(length, phase, offset, false);
                }
}

static void
masking_in_pieces_is_masking_at_once(void **state)
{
        static const uint8_t mask[4] = {0x11, 0x22, 0x44, 0x88};
        uint8_t whole[LONGEST] = {0}, pieces[LONGEST];

        (void)state;
        ws_frame_mask(whole, whole, LONGEST, mask, 0);
        for (size_t split = 0; split <= LONGEST; split++) {
                unsigned phase;

                memset(pieces, 0, LONGEST);
                phase = ws_frame_mask(pieces, pieces, split, mask, 0);
                phase = ws_frame_mask(pieces + split, pieces + split, LONGEST - split, mask, phase);
                assert_int_equal(phase, LONGEST % 4);
                assert_memory_equal(pieces, whole, LONGEST);
        }
}

static void
only_close_codes_of_the_registry_are_valid(void **state)
{
        (void)state;
        for (unsigned code = 0; code <= 70000; code++) {
                bool reserved = code == 1004 || code == 1005 || code == 1006 || code == 1015;
                bool valid = (code >= 1000 && code <= 1015 && !reserved) || code / 1000 == 3 ||
                             code / 1000 == 4;

                assert_int_equal(ws_close_code_valid(code), valid);
        }
        assert_false(ws_close_code_valid(UINT32_MAX));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(headers_of_the_rfc_are_read),
                cmocka_unit_test(a_header_is_incomplete_until_its_last_byte),
                cmocka_unit_test(a_length_not_in_its_shortest_form_is_refused),
                cmocka_unit_test(a_length_of_two_to_the_63_or_more_is_refused),
                cmocka_unit_test(what_is_built_is_read_back_and_takes_the_shortest_form),
                cmocka_unit_test(masking_is_as_defined_at_every_length_and_phase),
                cmocka_unit_test(masking_in_pieces_is_masking_at_once),
                cmocka_unit_test(only_close_codes_of_the_registry_are_valid),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
