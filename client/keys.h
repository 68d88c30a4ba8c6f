/* SPDX-License-Identifier: MIT */
/* What keys do in a line that libedit edits, besides what it does by itself. */
#ifndef KEYS_H
#define KEYS_H

#include <histedit.h>
#include <stdbool.h>
#include <stddef.h>

#define KEYS_CHOICES_SIZE 256

/*
 * What to add to the text before the cursor, or NULL: then `choices` may say what could follow.
 * Borrowed.
 */
typedef const wchar_t *keys_complete(const wchar_t *text, size_t length,
                                     char choices[KEYS_CHOICES_SIZE]);

/* libedit's client data. */
struct keys {
        void *editor;        /* whose they are */
        size_t max;          /* characters of a line, at most */
        wchar_t end_of_file; /* the terminal's character for that */
        keys_complete *complete;
        /* To be told when the line is on the screen again: */
        const char *complaint;           /* or NULL */
        char choices[KEYS_CHOICES_SIZE]; /* or "" */
};

/*
 * Binds them. The structure stays the caller's, and must stay. False: in the user's editor, vi, ESC is
 * a key, so a paste cannot be told by its marks.
 */
bool keys_bind(EditLine *el, struct keys *keys);

/*
 * Whether there is room for what the key adds to the line. Whoever reads keys for libedit leaves the
 * others out; only a key with a repeat count, of which libedit takes one up to ten million, adds
 * more than keys->max.
 */
bool keys_fit(EditLine *el, wchar_t key);

#endif
