/* SPDX-License-Identifier: MIT */
/*
 * A line that is edited at a terminal, by libedit, in a task: it waits for keys like any other
 * task for its input. While it waits, others can hide the line, print, and show it again.
 */
#ifndef EDITOR_H
#define EDITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "await/stream.h"
#include "await/sync.h"
#include "keys.h"

struct editor;
struct history_lines;
struct screen;

/* A longer line cannot be typed, nor pasted: characters. Each takes up to 40 bytes. */
#define EDITOR_LINE_MAX ((size_t)1 << 20)

struct editor_options {
        struct screen *screen;
        struct history_lines *history;
        bool color;
        keys_complete *complete; /* TAB */
        /* Says why something was not done. */
        void (*complain)(const char *why);
        /* Tells what somebody asked for. */
        void (*tell)(const char *line);
};

/*
 * Before the loop, for it may wait for the terminal. Reads the user's ~/.editrc. NULL: no memory, or
 * a terminal on which no line can be edited.
 */
struct editor *editor_open(const struct editor_options *options);
void editor_free(struct editor *editor); /* NULL does nothing */

/*
 * Makes the terminal ours, if we are in its foreground: single keys, pastes that are marked. May be
 * done again. False: we are in the background.
 */
bool editor_prepare(struct editor *editor);
bool editor_is_prepared(const struct editor *editor);

/* The screen is another one now, or was used by others: draws the line where the cursor is. */
void editor_redraw(struct editor *editor);

/* Gives it back as it was, and leaves the line that was typed where it is. */
void editor_release(struct editor *editor);
void editor_restore_modes(struct editor *editor);

/*
 * Reads a line: *line is UTF-8 without its end, for free(), and may have line ends in it if it was
 * pasted. 1; 0 at the end; -1 with errno. `lock` is held by whoever has hidden the line.
 */
async int editor_read(struct editor *editor, struct aw_stream *input, struct aw_lock *lock,
                      char **line);

/* Makes room at the place where the line is; then one prints whole lines. */
void editor_hide(struct editor *editor);
void editor_show(struct editor *editor);

/* The terminal has another size. */
void editor_resize(struct editor *editor);

#endif
