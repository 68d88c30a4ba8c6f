/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Where libedit draws what, on a screen of ten columns behind a prompt of two. */
#include <locale.h>
#include <wchar.h>

#include "layout.h"
#include "unit/support.h"

#define COLUMNS 10

static const struct {
        const wchar_t *text;
        int row, column; /* behind it */
} rows[] = {
        {L"", 0, 2},
        {L"a", 0, 3},
        {L"1234567", 0, 9},
        {L"12345678", 1, 0}, /* a full row goes on in the next one */
        {L"123456789", 1, 1},
        {L"123456781234567890", 2, 0},
        {L"ab\n", 1, 0},
        {L"ab\ncd", 1, 2},
        {L"\n\n", 2, 0},
        {L"12345678\n", 2, 0}, /* the row is full, and the next one empty */
        {L"\t", 0, 8},
        {L"123456\t", 1, 0}, /* column 8, two more to the next row, which is a stop */
        {L"12345\t", 0, 8},
        {L"\xe9", 0, 3},
        {L"\x4e2d", 0, 4},        /* a wide one */
        {L"123456\x4e2d", 1, 0},  /* fits just so */
        {L"1234567\x4e2d", 1, 2}, /* does not, and goes to the next row whole */
        {L"\x01", 0, 4},          /* ^A */
        {L"\x7f", 0, 4},          /* ^? */
        {L"1234567\x01", 1, 1},   /* which is divided */
        {L"\x9f", 0, 4},          /* the last control character */
        {L"\x301", 0, 3},         /* libedit has one column even for what has no width */
        {L"\x2028", 0, 9},        /* not printable: \U+2028 */
        {L"\xffff", 0, 9},        /* \U+FFFF */
        {L"\x1ffff", 1, 0},       /* five digits take eight */
        {L"1\xffff", 1, 0},       /* as many columns as there are */
        {L"12\xffff", 1, 1},      /* and divided */
};

static void
each_text_ends_where_libedit_puts_the_cursor(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct layout_place place = {.row = 0, .column = 2};

                layout_advance(&place, rows[i].text, wcslen(rows[i].text), COLUMNS);
                print_message("row %zu\n", i);
                assert_int_equal(place.row, rows[i].row);
                assert_int_equal(place.column, rows[i].column);
        }
}

static void
no_more_than_the_length_is_looked_at(void **state)
{
        struct layout_place place = {.row = 3, .column = 0};

        (void)state;
        layout_advance(&place, L"abc", 2, COLUMNS);
        assert_int_equal(place.row, 3);
        assert_int_equal(place.column, 2);
}

static void
the_cursor_stands_in_the_next_row_before_what_is_too_wide(void **state)
{
        struct layout_place last = {.column = 9}, wide = last, before = {.column = 8};

        (void)state;
        layout_before(&last, L'a', COLUMNS);
        assert_int_equal(last.row, 0);
        assert_int_equal(last.column, 9);
        layout_before(&wide, L'\x4e2d', COLUMNS);
        assert_int_equal(wide.row, 1);
        assert_int_equal(wide.column, 0);
        layout_before(&before, L'\x4e2d', COLUMNS);
        assert_int_equal(before.row, 0);
        assert_int_equal(before.column, 8);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_text_ends_where_libedit_puts_the_cursor),
                cmocka_unit_test(no_more_than_the_length_is_looked_at),
                cmocka_unit_test(the_cursor_stands_in_the_next_row_before_what_is_too_wide),
        };

        if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
