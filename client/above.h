/* SPDX-License-Identifier: MIT */
/* Printing on a terminal, above the line that is being typed. */
#ifndef ABOVE_H
#define ABOVE_H

#include <stdbool.h>
#include <stddef.h>

#include "await/sync.h"

struct editor;
struct screen;

/* Zeroed but for the first three. */
struct above {
        struct screen *screen;
        struct editor *editor; /* or NULL: lines are read as they come */
        bool color;
        bool output;             /* what goes to standard output is printed here, too */
        bool editing;            /* lines are being read */
        bool prompted;           /* without an editor: the last thing on the screen is a prompt */
        struct aw_lock printing; /* held by whoever prints in pieces; the line is hidden */
        bool message;            /* what it prints is one */
        char last;               /* byte that it has printed */
        char *later;             /* said meanwhile; for free() */
        size_t later_length;
        unsigned long lost; /* what was said and the terminal did not take */
};

/* It, if what goes to standard output is printed there now; or NULL. So is `above`, perhaps. */
static inline struct above *
above_of_output(struct above *above)
{
        return above != NULL && above->output ? above : NULL;
}

/* Shows the line, or the prompt, unless somebody prints, who will do it. */
void above_show(struct above *above);

/*
 * Prints whole lines at once. Does not wait: if somebody prints in pieces, they come behind that; if
 * the terminal takes nothing, they are lost, which is told later.
 */
void above_tell(struct above *above, const char *text);

/*
 * Prints in pieces: begin, which fails with ECANCELED only; any number of pieces; end, which does
 * not fail. A message gets its mark, and its further lines are indented, so that none can be taken
 * for another thing. 0, or -1 with errno.
 */
async int above_begin(struct above *above, bool message);
async int above_print(struct above *above, const char *text, size_t length);
void above_end(struct above *above);

#endif
