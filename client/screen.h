/* SPDX-License-Identifier: MIT */
/*
 * What goes to the terminal on standard error. What is put here is written by a task of its own, so
 * a terminal that is stopped, or gone, keeps nobody; what it does not take is bounded.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "await/task.h"

struct screen;

/* Needs no loop. What is put now is written once it has begun. NULL with errno ENOMEM. */
struct screen *screen_create(void);

/* From now on there is a loop to write with. 0, or -1 with errno. */
int screen_begin(struct screen *screen);

/* Stops writing, and writes directly, what there is, as far as the terminal takes it at once. */
async void screen_end(struct screen *screen);
void screen_free(struct screen *screen); /* NULL does nothing */

/* To print into it, as with screen_put(). */
FILE *screen_file(struct screen *screen);

/* Does not wait. Once the terminal is gone, it does nothing. */
void screen_put(struct screen *screen, const char *text, size_t length);
void screen_puts(struct screen *screen, const char *text);

/* What was put and is not written is too much, for those who can do without. */
bool screen_is_full(const struct screen *screen);

/* Waits while that is so. 0, or -1 with errno, EIO: the terminal is gone. */
async int screen_room(struct screen *screen);

/* Waits until all of it is written. 0, or -1 with errno. */
async int screen_flush(struct screen *screen, aw_time deadline);

/* Forgets what was put and is not written. */
void screen_discard(struct screen *screen);

#endif
