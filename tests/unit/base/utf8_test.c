/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

/*
 * What is valid, by definition and not by rules: every Unicode scalar value is encoded, and its
 * code and the beginnings of its code are marked. Nothing else is UTF-8.
 */
enum { NOTHING, BEGINNING, CHARACTER };
static uint8_t *known[4]; /* of sequences of 1, 2 and 3 bytes, read as a number */

static size_t
encode(uint32_t scalar, uint8_t out[4])
{
        size_t size = scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
        static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};

        for (size_t i = size; i-- > 1; scalar >>= 6)
                out[i] = (uint8_t)(0x80 | (scalar & 0x3f));
        out[0] = (uint8_t)(first[size] | scalar);
        return size;
}

static uint32_t
number_of(const uint8_t *bytes, size_t size)
{
        uint32_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | bytes[i];
        return number;
}

static int
know_all_characters(void **state)
{
        uint8_t code[4];

        (void)state;
        for (size_t size = 1; size <= 3; size++)
                if ((known[size] = calloc((size_t)1 << 8 * size, 1)) == NULL)
                        return -1;
        for (uint32_t scalar = 0; scalar <= 0x10ffff; scalar++) {
                size_t size;

                if (scalar >= 0xd800 && scalar <= 0xdfff)
                        continue;
                size = encode(scalar, code);
                for (size_t i = 1; i < size; i++)
                        known[i][number_of(code, i)] = BEGINNING;
                if (size < 4)
                        known[size][number_of(code, size)] = CHARACTER;
        }
        return 0;
}

static int
forget_all_characters(void **state)
{
        (void)state;
        for (size_t size = 1; size <= 3; size++)
                free(known[size]);
        return 0;
}

/* A character of 4 bytes is a beginning of 3 bytes and any continuation byte. */
static int
kind_of(const uint8_t *bytes, size_t size)
{
        if (size < 4)
                return known[size][number_of(bytes, size)];
        return known[3][number_of(bytes, 3)] == BEGINNING && (bytes[3] & 0xc0) == 0x80 ? CHARACTER
                                                                                       : NOTHING;
}

/* How the text ends: after a CHARACTER, at a BEGINNING of one, or with NOTHING valid. */
static int
judge(const uint8_t *bytes, size_t size)
{
        int kind = CHARACTER;
        size_t start = 0;

        for (size_t end = 1; end <= size; end++) {
                kind = kind_of(bytes + start, end - start);
                if (kind == NOTHING)
                        return NOTHING;
                if (kind == CHARACTER)
                        start = end;
        }
        return kind;
}

static bool
agrees(const struct aw_utf8 *utf8, bool fed, int expected)
{
        return fed == (expected != NOTHING) && aw_utf8_complete(utf8) == (expected == CHARACTER);
}

/* The text at once, and in two pieces split at every position, the first of them judged too. */
static void
check_splits(const uint8_t *bytes, size_t size)
{
        int expected = judge(bytes, size);

        for (size_t split = 0; split <= size; split++) {
                struct aw_utf8 utf8 = {0};
                bool fed = aw_utf8_feed(&utf8, bytes, split);

                if (!agrees(&utf8, fed, judge(bytes, split)))
                        fail_msg("%08x: the first %zu of %zu bytes", number_of(bytes, size), split,
                                 size);
                fed = aw_utf8_feed(&utf8, bytes + split, size - split);
                if (!agrees(&utf8, fed, expected))
                        fail_msg("%08x: %zu bytes split at %zu", number_of(bytes, size), size,
                                 split);
        }
}

static void
every_sequence_of_up_to_two_bytes_is_judged_as_defined(void **state)
{
        (void)state;
        check_splits((const uint8_t *)"", 0);
        for (unsigned i = 0; i < 0x100; i++)
                check_splits((const uint8_t[4]){(uint8_t)i}, 1);
        for (unsigned i = 0; i < 0x10000; i++)
                check_splits((const uint8_t[4]){(uint8_t)(i >> 8), (uint8_t)i}, 2);
}

/* What the states are after one or two bytes is known to be right: the test above has seen it. */
static void
check_third_bytes(uint8_t first, uint8_t second)
{
        struct aw_utf8 after_first = {0}, after_second = {0}, whole, tail, last;
        uint8_t bytes[4] = {first, second};

        aw_utf8_feed(&after_first, bytes, 1);
        aw_utf8_feed(&after_second, bytes, 2);
        for (unsigned third = 0; third < 0x100; third++) {
                int expected;

                bytes[2] = (uint8_t)third;
                expected = judge(bytes, 3);
                whole = (struct aw_utf8){0};
                tail = after_first;
                last = after_second;
                if (!agrees(&whole, aw_utf8_feed(&whole, bytes, 3), expected) ||
                    !agrees(&tail, aw_utf8_feed(&tail, bytes + 1, 2), expected) ||
                    !agrees(&last, aw_utf8_feed(&last, bytes + 2, 1), expected))
                        fail_msg("%06x", number_of(bytes, 3));
        }
}

static void
every_sequence_of_three_bytes_is_judged_as_defined(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 0x10000; i++)
                check_third_bytes((uint8_t)(i >> 8), (uint8_t)i);
}

static void
sequences_of_four_bytes_are_judged_as_defined_at_the_boundaries(void **state)
{
        static const uint8_t ends[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90,
                                       0x9f, 0xa0, 0xbf, 0xc0, 0xf4, 0xff};
        uint8_t bytes[4];

        (void)state;
        for (unsigned first = 0xed; first < 0x100; first++)
                for (unsigned second = 0; second < 0x100; second++)
                        for (size_t i = 0; i < sizeof ends * sizeof ends; i++) {
                                bytes[0] = (uint8_t)first;
                                bytes[1] = (uint8_t)second;
                                bytes[2] = ends[i / sizeof ends];
                                bytes[3] = ends[i % sizeof ends];
                                check_splits(bytes, 4);
                        }
}

static void
every_character_of_four_bytes_is_valid(void **state)
{
        uint8_t bytes[4];
        struct aw_utf8 utf8 = {0};

        (void)state;
        for (uint32_t scalar = 0x10000; scalar <= 0x10ffff; scalar++) {
                assert_int_equal(encode(scalar, bytes), 4);
                if (!aw_utf8_feed(&utf8, bytes, 3) || aw_utf8_complete(&utf8) ||
                    !aw_utf8_feed(&utf8, bytes + 3, 1) || !aw_utf8_complete(&utf8))
                        fail_msg("U+%X", scalar);
        }
}

enum { LONGEST = 100 };

/* So that sequences lie at the beginning, at the end and across what is judged in one go. */
static void
a_sequence_is_judged_alike_wherever_it_lies_in_a_long_text(void **state)
{
        static const char *const sequences[] = {"\xc3\xa9",
                                                "\xe2\x82\xac",
                                                "\xf0\x9f\x98\x80",
                                                "\xf4\x8f\xbf\xbf",
                                                "\x7f",
                                                "\xc3",
                                                "\xe2\x82",
                                                "\xf0\x9f\x98",
                                                "\x80",
                                                "\xff",
                                                "\xc0\x80",
                                                "\xed\xa0\x80",
                                                "\xf4\x90\x80\x80",
                                                "\xe2\x82\x41",
                                                "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"};
        uint8_t text[LONGEST];

        (void)state;
        for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
                size_t size = strlen(sequences[i]);

                for (size_t at = 0; at + size <= LONGEST; at++) {
                        memset(text, 'x', LONGEST);
                        memcpy(text + at, sequences[i], size);
                        check_splits(text, LONGEST);
                }
        }
}

static void
a_text_that_went_wrong_stays_wrong(void **state)
{
        static const uint8_t good[LONGEST] = "good";
        struct aw_utf8 utf8 = {0};

        (void)state;
        assert_false(aw_utf8_feed(&utf8, (const uint8_t *)"\xff", 1));
        assert_false(aw_utf8_feed(&utf8, good, 0));
        assert_false(aw_utf8_feed(&utf8, good, 4));
        assert_false(aw_utf8_feed(&utf8, good, LONGEST));
        assert_false(aw_utf8_complete(&utf8));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_sequence_of_up_to_two_bytes_is_judged_as_defined),
                cmocka_unit_test(every_sequence_of_three_bytes_is_judged_as_defined),
                cmocka_unit_test(sequences_of_four_bytes_are_judged_as_defined_at_the_boundaries),
                cmocka_unit_test(every_character_of_four_bytes_is_valid),
                cmocka_unit_test(a_sequence_is_judged_alike_wherever_it_lies_in_a_long_text),
                cmocka_unit_test(a_text_that_went_wrong_stays_wrong),
        };

        return cmocka_run_group_tests(tests, know_all_characters, forget_all_characters);
}
