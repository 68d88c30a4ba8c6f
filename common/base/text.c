/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

size_t
aw_base64_encode(const uint8_t *data, size_t length, char *out)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *to = out;

        for (size_t i = 0; i < length; i += 3) {
                size_t rest = length - i;
                unsigned bits = (unsigned)data[i] << 16 |
                                (rest > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                                (rest > 2 ? data[i + 2] : 0);

                *to++ = digits[bits >> 18];
                *to++ = digits[bits >> 12 & 63];
                *to++ = rest > 1 ? digits[bits >> 6 & 63] : '=';
                *to++ = rest > 2 ? digits[bits & 63] : '=';
        }
        *to = '\0';
        return (size_t)(to - out);
}

/* ctype.h would depend on the locale. */
static int
hex_value(char digit)
{
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        digit |= 0x20;
        return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

int
aw_percent_decode(char *text)
{
        char *to = text;
        int high, low;

        for (; *text != '\0'; text++) {
                if (*text != '%') {
                        *to++ = *text;
                        continue;
                }
                high = hex_value(text[1]);
                low = high == -1 ? -1 : hex_value(text[2]);
                if (low == -1 || high + low == 0)
                        return -1;
                *to++ = (char)(high << 4 | low);
                text += 2;
        }
        *to = '\0';
        return 0;
}

/* Without what stands between `start` and `at`, if there is an `at`. */
static void
write_short(const char *url, const char *start, const char *at, char *out, size_t size)
{
        const char *rest = at == NULL ? start : at + 1;
        size_t before = (size_t)(start - url), length = strlen(rest), tail = size / 3;

        if (before + 4 + length < size)
                snprintf(out, size, "%.*s%s%s", (int)before, url, at == NULL ? "" : "...@", rest);
        else
                snprintf(out, size, "%.*s%s%.*s...%s", (int)before, url, at == NULL ? "" : "...@",
                         (int)(size - tail - before - 8), rest, rest + length - tail);
}

size_t
aw_url_scheme_length(const char *text)
{
        size_t length = strcspn(text, ":/?#@");

        return strncmp(text + length, "://", 3) == 0 ? length + 3 : 0;
}

void
aw_url_shorten(const char *url, char *out, size_t size)
{
        const char *start = url + aw_url_scheme_length(url);
        size_t length = strcspn(start, "/?#");

        /* What is no scheme may be meant as one. */
        if (length > 0 && strncmp(start + length - 1, "://", 3) == 0)
                length += 2 + strcspn(start + length + 2, "/?#");
        write_short(url, start, memrchr(start, '@', length), out, size);
}

void
aw_url_shorten_wrong(const char *url, char *out, size_t size)
{
        const char *start = url + aw_url_scheme_length(url);

        write_short(url, start, strrchr(start, '@'), out, size);
}
