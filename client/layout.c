/* SPDX-License-Identifier: MIT */
#include <wctype.h>

#include "layout.h"

static void
new_row(struct layout_place *place)
{
        place->column = 0;
        place->row++;
}

/* A character goes to the next row as a whole; a full row goes on in the next one at once. */
static void
add_columns(struct layout_place *place, int width, int columns)
{
        if (place->column + width > columns)
                new_row(place);
        place->column += width > 0 ? width : 1;
        if (place->column >= columns)
                new_row(place);
}

/* How many single columns a character takes that is shown by others; 0: it is shown itself. */
static int
shown_width(wchar_t c)
{
        if (c < 0x100 && iswcntrl((wint_t)c))
                return 2; /* ^X */
        if (iswprint((wint_t)c))
                return 0;
        return c > 0xffff ? 8 : 7; /* \U+XXXX, or with five digits */
}

static void
add_character(struct layout_place *place, wchar_t c, int columns)
{
        int width;

        if (c == L'\n') {
                new_row(place);
                return;
        }
        if (c == L'\t') {
                do
                        add_columns(place, 1, columns);
                while (place->column % 8 != 0);
                return;
        }
        width = shown_width(c);
        if (width == 0)
                add_columns(place, wcwidth(c), columns);
        for (; width > 0; width--)
                add_columns(place, 1, columns);
}

void
layout_advance(struct layout_place *place, const wchar_t *text, size_t length, int columns)
{
        for (size_t i = 0; i < length; i++)
                add_character(place, text[i], columns);
}

void
layout_before(struct layout_place *place, wchar_t next, int columns)
{
        if (place->column + wcwidth(next) > columns)
                new_row(place);
}
