/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "codec.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
codec_to_hex(const uint8_t *data, size_t length, char *out)
{
        for (size_t i = 0; i < length; i++) {
                out[2 * i] = hex_digits[data[i] >> 4];
                out[2 * i + 1] = hex_digits[data[i] & 15];
        }
        out[2 * length] = '\0';
        return 2 * length;
}

/* The value of a digit, or -1. */
static int
digit(const char *digits, char c)
{
        const char *found = c == '\0' ? NULL : strchr(digits, c);

        return found == NULL ? -1 : (int)(found - digits);
}

ssize_t
codec_from_hex(const char *text, size_t length, uint8_t *out)
{
        size_t count = 0;
        int half = -1, value;

        for (size_t i = 0; i < length; i++) {
                if (isspace((unsigned char)text[i]))
                        continue;
                value = digit(hex_digits, (char)tolower((unsigned char)text[i]));
                if (value == -1)
                        return -1;
                if (half == -1) {
                        half = value;
                        continue;
                }
                out[count++] = (uint8_t)(half << 4 | value);
                half = -1;
        }
        return half == -1 ? (ssize_t)count : -1;
}

ssize_t
codec_from_base64(const char *text, size_t length, uint8_t *out)
{
        size_t count = 0, digits = 0, padding = 0;
        unsigned bits = 0;

        for (size_t i = 0; i < length; i++) {
                int value = digit(base64_digits, text[i]);

                if (isspace((unsigned char)text[i]))
                        continue;
                if (text[i] == '=') {
                        padding++;
                        continue;
                }
                if (value == -1 || padding > 0)
                        return -1;
                bits = bits << 6 | (unsigned)value;
                if (++digits % 4 != 1)
                        out[count++] = (uint8_t)(bits >> (8 - digits % 4 * 2) % 8);
        }
        if (digits % 4 == 1 || (padding > 0 && (digits + padding) % 4 != 0) || padding > 2)
                return -1;
        return (ssize_t)count;
}
