/* SPDX-License-Identifier: MIT */
/* Where libedit draws what: its own count of rows and columns, which it does not tell. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <wchar.h>

/* From the first column of the prompt's row, both from 0. */
struct layout_place {
        int row, column;
};

/* Behind the text, which begins at *place, on a screen of so many columns. */
void layout_advance(struct layout_place *place, const wchar_t *text, size_t length, int columns);

/* Where the cursor stands before a character that may be too wide for the rest of the row. */
void layout_before(struct layout_place *place, wchar_t next, int columns);

#endif
