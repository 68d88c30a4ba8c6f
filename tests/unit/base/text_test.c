/* SPDX-License-Identifier: MIT */
/* Base64, percent-encoding, and URLs for sentences. */
/* Once: nothing here needs a loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void
base64_is_that_of_the_standard(void **state)
{
        static const char *const cases[][2] = {{"", ""},
                                               {"f", "Zg=="},
                                               {"fo", "Zm8="},
                                               {"foo", "Zm9v"},
                                               {"foob", "Zm9vYg=="},
                                               {"fooba", "Zm9vYmE="},
                                               {"foobar", "Zm9vYmFy"}};
        char out[AW_BASE64_SIZE(6)];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(
                        aw_base64_encode((const uint8_t *)cases[i][0], strlen(cases[i][0]), out),
                        strlen(cases[i][1]));
                assert_string_equal(out, cases[i][1]);
        }
}

static void
percent_encoding_is_decoded_in_place(void **state)
{
        static const char *const right[][2] = {{"", ""},         {"a", "a"},
                                               {"%41%62", "Ab"}, {"%25%25x", "%%x"},
                                               {"a%40b", "a@b"}, {"%C3%bc", "\xc3\xbc"}};
        static const char *const wrong[] = {"%", "%4", "a%4g", "%g4", "%00", "%%"};
        char text[16];

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
                strcpy(text, right[i][0]);
                assert_int_equal(aw_percent_decode(text), 0);
                assert_string_equal(text, right[i][1]);
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                strcpy(text, wrong[i]);
                assert_int_equal(aw_percent_decode(text), -1);
        }
}

static void
a_url_is_cut_in_the_middle_and_keeps_its_secret(void **state)
{
        char url[400], out[64];

        (void)state;
        aw_url_shorten("ws://h/x", out, sizeof(out));
        assert_string_equal(out, "ws://h/x");
        aw_url_shorten("ws://joe:secret@h/a@b", out, sizeof(out));
        assert_string_equal(out, "ws://...@h/a@b");
        aw_url_shorten("joe:secret@h", out, sizeof(out));
        assert_string_equal(out, "...@h");
        aw_url_shorten(" w_s://joe:secret@h", out, sizeof(out));
        assert_string_equal(out, " w_s://...@h");
        aw_url_shorten("joe:secret://secret@h", out, sizeof(out));
        assert_string_equal(out, "...@h");
        aw_url_shorten("joe:secret@h/?a=b://c", out, sizeof(out));
        assert_string_equal(out, "...@h/?a=b://c");
        strcpy(url, "wss://u:p@host.example/?token=");
        memset(url + strlen(url), 'a', 300);
        strcpy(url + 330, "#x");
        aw_url_shorten(url, out, sizeof(out));
        assert_true(strlen(out) < sizeof(out));
        assert_int_equal(strncmp(out, "wss://...@host.example/?token=aa", 32), 0);
        assert_non_null(strstr(out, "a...a"));
        assert_string_equal(out + strlen(out) - 3, "a#x");
}

static void
a_url_that_cannot_be_read_shows_nothing_before_its_last_at(void **state)
{
        static const struct {
                const char *url, *shown;
        } rows[] = {
                {"ws://joe:sec/ret@h:7/", "ws://...@h:7/"},
                {"ws://joe:sec#ret@h", "ws://...@h"},
                {"joe:sec?ret@h/x", "...@h/x"},
                {"ftp://j:s/e@c@h", "ftp://...@h"},
                {"ws://h:99999/x", "ws://h:99999/x"},
        };
        char out[64];

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                aw_url_shorten_wrong(rows[i].url, out, sizeof(out));
                assert_string_equal(out, rows[i].shown);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(base64_is_that_of_the_standard),
                cmocka_unit_test(percent_encoding_is_decoded_in_place),
                cmocka_unit_test(a_url_is_cut_in_the_middle_and_keeps_its_secret),
                cmocka_unit_test(a_url_that_cannot_be_read_shows_nothing_before_its_last_at),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
