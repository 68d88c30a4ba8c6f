/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What keys make of a line: those that are bound here, pastes, and the bounds of a line. */
#include <fcntl.h>
#include <locale.h>
#include <wchar.h>

#include "command.h"
#include "keys.h"
#include "unit/client/balance.h"
#include "unit/support.h"

#define LINE 40

static EditLine *el; /* one for all: libtinfo leaks a piece for each */
static struct keys keys;
static const wchar_t *typed; /* what is left of it */
static size_t left;

/* As the editor's: what does not fit is left out. */
static int
next_key(EditLine *of, wchar_t *out)
{
        (void)of;
        while (left > 0) {
                *out = *typed++;
                left--;
                if (keys_fit(el, *out))
                        return 1;
        }
        return 0;
}

static int
begin(void **state)
{
        (void)state;
        assert_int_equal(el_wset(el, EL_EDITOR, L"emacs"), 0);
        assert_int_equal(el_wset(el, EL_GETCFN, next_key), 0);
        keys = (struct keys){.max = LINE, .end_of_file = 4, .complete = command_complete};
        assert_true(keys_bind(el, &keys));
        return 0;
}

/* These keys make this line; NULL: the end of the input. */
static void
make_of(const wchar_t *text, size_t length, const wchar_t *wanted)
{
        const wchar_t *line;
        int count = 0;

        typed = text;
        left = length;
        line = el_wgets(el, &count);
        if (wanted == NULL) {
                assert_null(line);
                return;
        }
        assert_non_null(line);
        if (count > 0 && line[count - 1] == L'\n')
                count--;
        assert_int_equal(count, wcslen(wanted));
        assert_int_equal(wmemcmp(line, wanted, (size_t)count), 0);
}

#define make(text, wanted) make_of((text), sizeof(text) / sizeof(wchar_t) - 1, (wanted))

static void
keys_of_all_terminals_move_and_delete(void **state)
{
        static const wchar_t *const homes[] = {L"\033[1~", L"\033[7~", L"\x01"},
                                    *const ends[] = {L"\033[4~", L"\033[8~", L"\x05"},
                                    *const backs[] = {L"\033[1;5D", L"\033[1;3D"},
                                    *const forwards[] = {L"\033[1;5C", L"\033[1;3C"};
        wchar_t text[100];

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                swprintf(text, 100, L"bc%lsa%lsd\r", homes[i], ends[i]);
                make_of(text, wcslen(text), L"abcd");
        }
        for (size_t i = 0; i < 2; i++) {
                swprintf(text, 100, L"ab cd%lsX\r", backs[i]);
                make_of(text, wcslen(text), L"ab Xcd");
                swprintf(text, 100, L"ab cd\x01%lsX\r", forwards[i]);
                make_of(text, wcslen(text), L"abX cd");
        }
        make(L"abc\x01\033[3~\r", L"bc");
        make(L"ab\n", L"ab");
        make(L"ab\r", L"ab");
}

static void
the_end_of_the_file_deletes_within_a_line(void **state)
{
        (void)state;
        make(L"\x04", NULL);
        make(L"abc\x01\x04\r", L"bc");
        make(L"abc\x02\x04\r", L"ab");
        make(L"abc\x04\r", L"abc");
        make(L"a\x01\x04\x04", NULL);
        /* Another key is that, if the terminal says so; or none. */
        keys.end_of_file = 24;
        assert_true(keys_bind(el, &keys));
        make(L"\x18", NULL);
        keys.end_of_file = 0;
        assert_true(keys_bind(el, &keys));
        make(L"a\r", L"a");
}

static void
the_next_key_is_quoted(void **state)
{
        (void)state;
        make(L"a\x16\x04"
             L"b\r",
             L"a\x04"
             L"b");
        make(L"a\x16\rb\r", L"a\rb");
        make(L"a\x16\0b\r", L"ab");
        make(L"a\x16", NULL);
}

static void
tab_completes_or_tells(void **state)
{
        (void)state;
        make(L"/p\t"
             L"x\r",
             L"/ping x");
        assert_string_equal(keys.choices, "");
        make(L"a\t\r", L"a\t");
        make(L"/x\t\r", L"/x");
        assert_string_equal(keys.choices, "");
        make(L"/\t\r", L"/");
        assert_string_equal(keys.choices, "/ping  /close  /binary  /file  /stats  /help");
        /* What stands before the cursor counts. */
        make(L"/pz\x02\t\r", L"/ping z");
}

static void
a_paste_is_text_whatever_is_in_it(void **state)
{
        size_t before;

        (void)state;
        make(L"a\033[200~b\x04\x01\t\033[A\033[201~c\r", L"ab\x04\x01\t\033[Ac");
        make(L"\033[200~a\r\nb\rc\nd\033[201~\r", L"a\nb\nc\nd");
        make(L"\033[200~a\r\n\r\r\n\n\033[201~\r", L"a");
        make(L"\033[200~\r\033[201~\r", L"");
        make(L"\033[200~\r\na\033[201~\r", L"\na");
        make(L"\033[200~\033[201~\r", L"");
        make(L"\033[200~a\0b\033[201~\r", L"ab");
        make(L"\033[200~a\033[201\033[201~\r", L"a\033[201");
        make(L"xy\x02\033[200~a\033[201~\r", L"xay");
        before = balance_used();
        make(L"\033[200~a\033[201~\r", L"a");
        assert_int_equal(balance_used(), before);
        assert_null(keys.complaint);
        /* It has no end. */
        make(L"a\033[200~b", NULL);
}

#define TEN L"0123456789"

static void
a_line_has_so_many_characters_and_a_longer_paste_is_refused(void **state)
{
        static const char complaint[] =
                "what was pasted is too long for a line: send it with /file";

        (void)state;
        make(TEN TEN TEN TEN L"x\r", TEN TEN TEN TEN);
        make(TEN TEN TEN TEN L"\x7fx\r", TEN TEN TEN L"012345678x");
        make(TEN TEN TEN TEN L"\x01\x16x\x19\t\r", TEN TEN TEN TEN);
        make(TEN TEN TEN L"012345678\x16\x16x\r", TEN TEN TEN L"012345678\x16");
        make(L"\033[200~" TEN TEN TEN TEN L"\033[201~x\r", TEN TEN TEN TEN);
        assert_null(keys.complaint);
        make(L"a\033[200~" TEN TEN TEN TEN L"\033[201~x\r", L"ax");
        assert_string_equal(keys.complaint, complaint);
        keys.complaint = NULL;
        make(L"\033[200~" TEN TEN TEN TEN L"x\033[201~y\r", L"y");
        assert_string_equal(keys.complaint, complaint);
        keys.complaint = NULL;
        make(L"a\033[200~" TEN TEN TEN L"012345678\033[201~x\r", L"a" TEN TEN TEN L"012345678");
        assert_null(keys.complaint);
        make(L"\033[200~" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN L"\033[201~y\r", L"y");
        assert_string_equal(keys.complaint, complaint);
}

static void
a_paste_may_be_long(void **state)
{
        static wchar_t text[5100], wanted[5001];

        (void)state;
        keys.max = 5000;
        wmemset(wanted, L'x', 5000);
        swprintf(text, 5100, L"\033[200~%ls\033[201~\r", wanted);
        make_of(text, wcslen(text), wanted);
        assert_null(keys.complaint);
}

static void
in_vi_escape_is_a_key(void **state)
{
        struct keys others = {.max = LINE, .end_of_file = 4, .complete = command_complete};

        (void)state;
        assert_int_equal(el_wset(el, EL_EDITOR, L"vi"), 0);
        assert_false(keys_bind(el, &others));
        make(L"abc\0330x\r", L"bc");
        make(L"/p\t\r", L"/ping ");
        make(L"\x04", NULL);
}

static void
keys_fit_if_they_add_nothing_or_there_is_room(void **state)
{
        (void)state;
        make(L"\r", L"");
        keys.max = 0;
        assert_false(keys_fit(el, L'a'));
        assert_false(keys_fit(el, L' '));
        assert_true(keys_fit(el, 0x1f));
        assert_true(keys_fit(el, 0x7f));
        assert_false(keys_fit(el, 0x80));
        assert_false(keys_fit(el, 0x16));
        assert_false(keys_fit(el, 0x09));
        assert_false(keys_fit(el, 0x19));
        assert_true(keys_fit(el, 0x15));
        assert_true(keys_fit(el, 0x17));
        assert_true(keys_fit(el, 0x08));
        assert_true(keys_fit(el, 0x18));
        /* The line that was typed, and its end, are still there. */
        keys.max = 1;
        assert_false(keys_fit(el, L'a'));
        keys.max = 2;
        assert_true(keys_fit(el, L'a'));
}

#define on_line(test) cmocka_unit_test_setup(test, begin)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_line(keys_of_all_terminals_move_and_delete),
                on_line(the_end_of_the_file_deletes_within_a_line),
                on_line(the_next_key_is_quoted),
                on_line(tab_completes_or_tells),
                on_line(a_paste_is_text_whatever_is_in_it),
                on_line(a_line_has_so_many_characters_and_a_longer_paste_is_refused),
                on_line(a_paste_may_be_long),
                on_line(in_vi_escape_is_a_key),
                on_line(keys_fit_if_they_add_nothing_or_there_is_room),
        };

        int host, terminal, failed;
        FILE *nowhere;

        balance_begin();
        host = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        nowhere = fopen("/dev/null", "r+");
        if (host == -1 || grantpt(host) == -1 || unlockpt(host) == -1 || nowhere == NULL ||
            setlocale(LC_CTYPE, "C.UTF-8") == NULL)
                return 1;
        /* libedit edits at a terminal only: it is one, but what is drawn goes nowhere. */
        terminal = open(ptsname(host), O_RDWR | O_NOCTTY | O_CLOEXEC);
        setenv("TERM", "xterm", 1);
        el = el_init_fd("unit", nowhere, nowhere, nowhere, terminal, terminal, terminal);
        if (terminal == -1 || el == NULL)
                return 1;
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        el_end(el);
        return failed;
}
