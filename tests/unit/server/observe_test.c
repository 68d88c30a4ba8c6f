/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Texts of clients in lines of the log and of the list of connections. */
#include "observe.h"
#include "unit/support.h"

static void
assert_shown(const char *text, size_t most, const char *shown)
{
        json_t *object = json_object();

        observe_set_text(object, "text", text, most);
        assert_string_equal(json_string_value(json_object_get(object, "text")), shown);
        json_decref(object);
}

static void
a_text_is_cut_at_its_bound_and_says_so(void **state)
{
        (void)state;
        assert_shown("", 5, "");
        assert_shown("abcde", 5, "abcde");
        assert_shown("abcdef", 5, "abcde...");
        /* Whole characters, and what is escaped counts as it is written. */
        assert_shown("abcd\xc3\xa4", 5, "abcd...");
        assert_shown("abc\xc3\xa4", 5, "abc\xc3\xa4");
        assert_shown("a\x01", 5, "a\\x01");
        assert_shown("ab\x01", 5, "ab...");
}

static void
there_is_no_text_where_there_is_none(void **state)
{
        json_t *object = json_object();

        (void)state;
        observe_set_text(object, "text", NULL, 5);
        assert_int_equal(json_object_size(object), 0);
        json_decref(object);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_is_cut_at_its_bound_and_says_so),
                cmocka_unit_test(there_is_no_text_where_there_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
