/* SPDX-License-Identifier: MIT */
/* Bytes as text, and back: hexadecimal, and base64 (RFC 4648). */
#ifndef CODEC_H
#define CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the text takes, with the NUL at its end. */
#define CODEC_HEX_SIZE(length) (2 * (length) + 1)

/* Writes the bytes as terminated text; its length. */
size_t codec_to_hex(const uint8_t *data, size_t length, char *out);

/*
 * Reads text, in which white space does not count, into `out`, which may be the text itself. The
 * number of bytes, or -1: it is not of the form.
 */
ssize_t codec_from_hex(const char *text, size_t length, uint8_t *out);
ssize_t codec_from_base64(const char *text, size_t length, uint8_t *out);

#endif
