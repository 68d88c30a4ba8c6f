/* SPDX-License-Identifier: MIT */
/* What stands in a request's target. */
#ifndef BEHAVE_TARGET_H
#define BEHAVE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of it, not decoded. */
struct behave_piece {
        const char *data;
        size_t length;
};

/* Up to one of the stops, which is skipped. */
struct behave_piece behave_piece_next(const char **rest, const char *stops);

/* The value of a digit, or -1. */
int behave_hex_digit(char c);

/* The row of that name, in which %XX may stand; or -1. */
int behave_row_named(const char *name, size_t length);

/*
 * Goes through what a target asks for. True: there is another behaviour, with its value; false: that
 * was all.
 */
struct behave_walk {
        const char *rest;
        bool chain; /* in the path, not in the query */
};
struct behave_walk behave_walk_begin(const char *target);
bool behave_walk_next(struct behave_walk *walk, int *id, struct behave_piece *value);

/* The value is nobody's business but the client's. */
bool behave_is_secret(int id);

/* The target with "..." for secrets, for logs; for free(), or NULL: no memory. */
char *behave_target_public(const char *target);

#endif
