/* SPDX-License-Identifier: MIT */
/* Small things done to texts. */
#ifndef AW_BASE_TEXT_H
#define AW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What base64 takes (RFC 4648), with the NUL at its end. */
#define AW_BASE64_SIZE(length) (4 * (((length) + 2) / 3) + 1)

/* Writes the bytes as terminated text; its length. */
size_t aw_base64_encode(const uint8_t *data, size_t length, char *out);

/*
 * Replaces each %XX by its byte, in place. 0, or -1 if a '%' has not two hexadecimal digits behind it
 * or stands for a NUL.
 */
int aw_percent_decode(char *text);

/*
 * How many bytes a URL's scheme has with its "://", or 0: what stands further behind is of a user, a
 * path or a query. Whether it is a scheme that there may be is not looked at.
 */
size_t aw_url_scheme_length(const char *text);

/*
 * A URL for a sentence: what is long is cut in the middle, and what stands before an '@' in its
 * authority is not shown. Terminated; of at most `size` bytes, which are no fewer than 64.
 */
void aw_url_shorten(const char *url, char *out, size_t size);

/*
 * The same for what cannot be read as a URL: its authority may end within a password, at a '/', so
 * nothing before the last '@' is shown.
 */
void aw_url_shorten_wrong(const char *url, char *out, size_t size);

/*
 * Whether a terminal obeys the character of UTF-8 at `s`, which has `length` bytes: control characters,
 * the C1 ones (U+0080 to U+009F) among them, and all that turn the direction of the text around them
 * (Bidi_Control: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069).
 */
bool aw_text_steers(const uint8_t *s, size_t length);

#endif
