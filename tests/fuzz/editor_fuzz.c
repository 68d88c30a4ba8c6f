/* SPDX-License-Identifier: MIT */
/*
 * What is typed, and pasted, at wsecho's prompt. Wherever text is cut it takes the same place on the
 * screen; whatever keys are pressed, a line stays within its bounds. The input is bytes of UTF-8.
 */
#include <locale.h>

#include "command.h"
#include "fuzz.h"
#include "keys.h"
#include "layout.h"

enum { LINE_MAX_LENGTH = 200, TEXT_MAX = 4000, REPEAT_MAX = 1000000 };

const unsigned fuzz_inputs = 5000;

/* Layout. */

static size_t
to_wide(const uint8_t *data, size_t size, wchar_t out[TEXT_MAX])
{
        mbstate_t state = {0};
        size_t count = 0, used;

        for (size_t i = 0; i < size && count < TEXT_MAX; i += used) {
                used = mbrtowc(&out[count], (const char *)data + i, size - i, &state);
                if (used > size) {
                        out[count] = 0xfffd;
                        state = (mbstate_t){0};
                        used = 1;
                }
                /* As the editor's own way to a key does. */
                if (out[count] > 0x10ffff)
                        out[count] = 0xfffd;
                used += used == 0;
                count++;
        }
        return count;
}

static void
check_layout(const wchar_t *text, size_t length, size_t split, int columns)
{
        struct layout_place whole = {0, 2}, pieces = {0, 2}, before;

        layout_advance(&whole, text, length, columns);
        layout_advance(&pieces, text, split, columns);
        CHECK(pieces.row <= whole.row);
        layout_advance(&pieces, text + split, length - split, columns);
        CHECK(whole.row == pieces.row && whole.column == pieces.column);
        CHECK(whole.column >= 0 && whole.column < columns);
        /* No character takes more than eight columns, or more rows than these need. */
        CHECK(whole.row <= (int)length * 8 + 1);
        for (size_t i = 0; i < length && i < 50; i++) {
                before = whole;
                layout_before(&before, text[i], columns);
                CHECK(before.row >= whole.row && before.column < columns);
        }
}

/* Keys. */

static struct {
        const wchar_t *text;
        size_t left;
        size_t longest;
} typed;

/* The editor's own way to a key leaves out what would make the line too long, as this does. */
static int
next_key(EditLine *el, wchar_t *out)
{
        const LineInfoW *line = el_wline(el);
        size_t length = (size_t)(line->lastchar - line->buffer);

        if (length > typed.longest)
                typed.longest = length;
        while (typed.left > 0) {
                *out = *typed.text++;
                typed.left--;
                if (keys_fit(el, *out))
                        return 1;
        }
        return 0;
}

static EditLine *
open_editor(struct keys *keys)
{
        FILE *nowhere = fopen("/dev/null", "r+");
        EditLine *el;

        CHECK(nowhere != NULL && setenv("TERM", "xterm", 1) == 0);
        el = el_init("fuzz", nowhere, nowhere, nowhere);
        CHECK(el != NULL && el_wset(el, EL_EDITOR, L"emacs") == 0);
        CHECK(el_wset(el, EL_GETCFN, next_key) == 0);
        CHECK(keys_bind(el, keys));
        return el;
}

static void
check_keys(const wchar_t *text, size_t length)
{
        static struct keys keys = {
                .max = LINE_MAX_LENGTH, .end_of_file = 4, .complete = command_complete};
        static EditLine *el;
        int count;

        if (el == NULL)
                el = open_editor(&keys);
        typed.text = text;
        typed.left = length;
        typed.longest = 0;
        while (typed.left > 0)
                if (el_wgets(el, &count) == NULL)
                        break;
        /* What comes on top is a name that Tab completes, or a character so many times. */
        CHECK(typed.longest <= LINE_MAX_LENGTH + REPEAT_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static wchar_t text[TEXT_MAX];
        static bool begun;
        size_t length;

        if (!begun)
                CHECK(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
        begun = true;
        if (size < 2)
                return 0;
        length = to_wide(data + 2, size - 2, text);
        check_layout(text, length, length == 0 ? 0 : data[0] % length, 3 + data[1]);
        check_keys(text, length);
        return 0;
}
