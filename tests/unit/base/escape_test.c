/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "await/log.h"

#define assert_shown(data, keep, shown) assert_shown_at((data), sizeof(data) - 1, (keep), (shown))

static void
assert_shown_at(const char *data, size_t length, const char *keep, const char *shown)
{
        char out[200];
        size_t used;

        assert_int_equal(aw_log_escape(data, length, keep, out, sizeof(out), &used), strlen(shown));
        assert_string_equal(out, shown);
        assert_int_equal(used, length);
}

static void
text_is_shown_as_it_is(void **state)
{
        (void)state;
        assert_shown("", "", "");
        assert_shown("plain text ~", "", "plain text ~");
        assert_shown("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "",
                     "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
        assert_shown("\xc2\xa0", "", "\xc2\xa0");
}

static void
control_characters_are_escaped(void **state)
{
        (void)state;
        assert_shown("\33]0;title\a", "", "\\x1b]0;title\\x07");
        assert_shown("a\0b", "", "a\\x00b");
        assert_shown("a\177\n", "", "a\\x7f\\x0a");
        assert_shown("\xc2\x9b\xc2\x80", "", "\\xc2\\x9b\\xc2\\x80");
}

static void
characters_that_turn_the_text_are_escaped(void **state)
{
        (void)state;
        assert_shown("\xe2\x80\xae", "", "\\xe2\\x80\\xae");
        assert_shown("\xe2\x80\x8e\xe2\x80\x8f", "", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f");
        assert_shown("\xe2\x81\xa6\xe2\x81\xa9", "", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
        assert_shown("\xd8\x9b\xd8\x9c\xd8\x9d", "", "\xd8\x9b\\xd8\\x9c\xd8\x9d");
        assert_shown("\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", "",
                     "\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa");
}

static void
bytes_that_are_not_utf8_are_escaped(void **state)
{
        (void)state;
        assert_shown("\xff\xc0\x80", "", "\\xff\\xc0\\x80");
        assert_shown("\xed\xa0\x80", "", "\\xed\\xa0\\x80");
        assert_shown("cut \xe2\x82", "", "cut \\xe2\\x82");
}

static void
some_may_be_kept(void **state)
{
        (void)state;
        assert_shown("a\tb\r\n", "\n\t", "a\tb\\x0d\n");
        assert_shown("\0", "\n\t", "\\x00");
}

/* It goes on behind what there was room for, and cuts no character. */
static void
it_is_done_in_pieces(void **state)
{
        static const char data[] = "ab\xe2\x82\xac\33z";
        char out[6], all[100] = "";
        size_t used, done, rounds = 0;

        (void)state;
        for (done = 0; done < sizeof(data) - 1; done += used, rounds++) {
                assert_true(aw_log_escape(data + done, sizeof(data) - 1 - done, "", out,
                                          sizeof(out), &used) < sizeof(out));
                assert_true(used > 0);
                strcat(all, out);
        }
        assert_string_equal(all, "ab\xe2\x82\xac\\x1bz");
        assert_int_equal(rounds, 2);
        /* No room at all for the first. */
        assert_int_equal(aw_log_escape("\33", 1, "", out, 4, &used), 0);
        assert_int_equal(used, 0);
        assert_string_equal(out, "");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_is_shown_as_it_is),
                cmocka_unit_test(control_characters_are_escaped),
                cmocka_unit_test(characters_that_turn_the_text_are_escaped),
                cmocka_unit_test(bytes_that_are_not_utf8_are_escaped),
                cmocka_unit_test(some_may_be_kept),
                cmocka_unit_test(it_is_done_in_pieces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
