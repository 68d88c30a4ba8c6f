/* SPDX-License-Identifier: MIT */
/*
 * The lines that were typed. In a file, if there is one, each is a line, in which \n is a line's end
 * and \\ a backslash; it is written at once, so that several sessions share it.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <histedit.h>
#include <stdbool.h>

#include "await/task.h"

struct history_lines;

/* A longer line is not kept: bytes. */
#define HISTORY_LINE_MAX ((size_t)8 << 10)

/* How many are. */
#define HISTORY_LINES 500

/*
 * An empty history, or with `keep` that of the user's file, which is read now: before the loop.
 * NULL with errno ENOMEM; a file that cannot be used is told, and done without.
 */
struct history_lines *history_open(bool keep);

/* Before the loop ends: waits until all is in the file, for a short while. */
async void history_flush(struct history_lines *history);
void history_close(struct history_lines *history); /* NULL does nothing */

/* What libedit knows it by: of wide characters. */
HistoryW *history_of(struct history_lines *history);

/* The line becomes the last one, unless it is that already. */
async void history_add(struct history_lines *history, const char *line);

#endif
