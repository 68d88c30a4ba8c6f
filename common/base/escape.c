/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "await/log.h"
#include "base/utf8.h"

/* Bytes of one character at `s`, of `length` that there are; 0: not UTF-8, or cut. */
static size_t
character(const unsigned char *s, size_t length)
{
        struct aw_utf8 utf8 = {0};
        size_t i;

        for (i = 0; i < length && aw_utf8_feed(&utf8, s + i, 1); i++)
                if (aw_utf8_complete(&utf8))
                        return i + 1;
        return 0;
}

/*
 * What a terminal obeys: control characters, the C1 ones (U+0080 to U+009F) among them, and those
 * that turn the direction of the text around it (U+200E, U+200F, U+202A to U+202E, U+2066 to
 * U+2069).
 */
static bool
steers_terminal(const unsigned char *s, size_t length)
{
        if (length == 1)
                return s[0] < 0x20 || s[0] == 0x7f;
        if (length == 2)
                return s[0] == 0xc2 && s[1] < 0xa0;
        return length == 3 && s[0] == 0xe2 &&
               ((s[1] == 0x80 &&
                 (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xaa && s[2] <= 0xae))) ||
                (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
}

size_t
aw_log_escape(const void *data, size_t length, const char *keep, char *out, size_t size,
              size_t *used)
{
        static const char hex[] = "0123456789abcdef";
        const unsigned char *s = data;
        size_t i = 0, written = 0, shown;

        while (i < length) {
                shown = character(s + i, length - i);
                if (steers_terminal(s + i, shown) && (s[i] == '\0' || strchr(keep, s[i]) == NULL))
                        shown = 0;
                if (written + (shown > 0 ? shown : 4) + 1 > size)
                        break;
                if (shown > 0) {
                        memcpy(out + written, s + i, shown);
                } else {
                        memcpy(out + written, "\\x", 2);
                        out[written + 2] = hex[s[i] >> 4];
                        out[written + 3] = hex[s[i] & 0xf];
                }
                written += shown > 0 ? shown : 4;
                i += shown > 0 ? shown : 1;
        }
        out[written] = '\0';
        *used = i;
        return written;
}
