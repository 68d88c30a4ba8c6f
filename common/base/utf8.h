/* SPDX-License-Identifier: MIT */
/* UTF-8, checked as it comes (RFC 3629). */
#ifndef AW_BASE_UTF8_H
#define AW_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Checks text as it comes in pieces (RFC 3629: no overlong forms, no surrogates, nothing over
 * U+10FFFF). Zero it to begin.
 */
struct aw_utf8 {
        uint8_t state;
};

/*
 * False if one of these bytes, or one before them, cannot be part of valid UTF-8: a sequence that
 * went wrong is refused before it is complete. Fast on ASCII: eight bytes or more at a time.
 */
bool aw_utf8_feed(struct aw_utf8 *utf8, const uint8_t *data, size_t length);

/* True if the text may end here. */
bool aw_utf8_complete(const struct aw_utf8 *utf8);

/* True if this, all of it, is a text. */
bool aw_utf8_valid(const uint8_t *data, size_t length);

/* Bytes of the one character at `data`, of `length` that there are; 0: it is not UTF-8, or cut. */
size_t aw_utf8_character(const uint8_t *data, size_t length);

#endif
