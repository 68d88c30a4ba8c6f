/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Bytes as people write them: hexadecimal, and base64. */
#include "codec.h"
#include "unit/support.h"

#define NONE SIZE_MAX

struct row {
        const char *text;
        size_t length; /* of the bytes; NONE: it is not that */
        const char *bytes;
};

static void
each_is(const struct row *rows, size_t count,
        ssize_t (*decode)(const char *text, size_t length, uint8_t *out))
{
        uint8_t out[64];
        ssize_t length;

        for (size_t i = 0; i < count; i++) {
                print_message("'%s'\n", rows[i].text);
                memset(out, 0xee, sizeof(out));
                length = decode(rows[i].text, strlen(rows[i].text), out);
                assert_int_equal(length, rows[i].length == NONE ? -1 : (ssize_t)rows[i].length);
                if (length == -1)
                        continue;
                assert_memory_equal(out, rows[i].bytes, (size_t)length);
                assert_int_equal(out[length], 0xee);
        }
}

static void
hex_is_pairs_of_digits_with_blanks_anywhere(void **state)
{
        static const struct row rows[] = {
                {"", 0, ""},
                {"00", 1, "\0"},
                {"09af", 2, "\x09\xaf"},
                {"AF90", 2, "\xaf\x90"},
                {" 1\t2 \n3 4 ", 2, "\x12\x34"},
                {"ff00ff", 3, "\xff\0\xff"},
                {"1", NONE, NULL},
                {"123", NONE, NULL},
                {"1g", NONE, NULL},
                {"g1", NONE, NULL},
                {"0x", NONE, NULL},
                {"/0", NONE, NULL},
                {":0", NONE, NULL},
        };
        uint8_t out[4];

        (void)state;
        each_is(rows, sizeof(rows) / sizeof(rows[0]), codec_from_hex);
        assert_int_equal(codec_from_hex("4\0", 2, out), -1);
        assert_int_equal(codec_from_hex("4142", 2, out), 1);
}

static void
base64_may_lack_its_padding_but_has_it_whole_or_not_at_all(void **state)
{
        static const struct row rows[] = {
                {"", 0, ""},
                {"QUJD", 3, "ABC"},
                {"QUI=", 2, "AB"},
                {"QUI", 2, "AB"},
                {"QQ==", 1, "A"},
                {"QQ", 1, "A"},
                {"QUJDRA==", 4, "ABCD"},
                {"QUJDREU=", 5, "ABCDE"},
                {"QUJDREVG", 6, "ABCDEF"},
                {" QU\nJ D\t", 3, "ABC"},
                {"QQ = =", 1, "A"},
                {"+/+/", 3, "\xfb\xff\xbf"},
                {"AAAA", 3, "\0\0\0"},
                {"az09", 3, "\x6b\x3d\x3d"},
                {"Q", NONE, NULL},
                {"QUJDR", NONE, NULL},
                {"QQ=", NONE, NULL},
                {"QQ===", NONE, NULL},
                {"QUI==", NONE, NULL},
                {"QUJD=", NONE, NULL},
                {"QUJD====", NONE, NULL},
                {"====", NONE, NULL},
                {"=", NONE, NULL},
                {"QQ=Q", NONE, NULL},
                {"=QUI", NONE, NULL},
                {"Q-_Q", NONE, NULL},
                {"QU!D", NONE, NULL},
        };
        uint8_t out[4];

        (void)state;
        each_is(rows, sizeof(rows) / sizeof(rows[0]), codec_from_base64);
        assert_int_equal(codec_from_base64("QQ\0=", 4, out), -1);
        assert_int_equal(codec_from_base64("QUJD", 3, out), 2);
}

static void
bytes_are_written_in_lower_case_and_end_in_a_nul(void **state)
{
        static const uint8_t bytes[] = {0x00, 0x09, 0x0a, 0xf0, 0xff, 0x5b};
        char out[CODEC_HEX_SIZE(sizeof(bytes))];

        (void)state;
        assert_int_equal(sizeof(out), 2 * sizeof(bytes) + 1);
        assert_int_equal(codec_to_hex(bytes, sizeof(bytes), out), 12);
        assert_string_equal(out, "00090af0ff5b");
        assert_int_equal(codec_to_hex(bytes, 0, out), 0);
        assert_string_equal(out, "");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hex_is_pairs_of_digits_with_blanks_anywhere),
                cmocka_unit_test(base64_may_lack_its_padding_but_has_it_whole_or_not_at_all),
                cmocka_unit_test(bytes_are_written_in_lower_case_and_end_in_a_nul),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
