/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "await/log.h"
#include "base/text.h"
#include "base/utf8.h"

bool
aw_text_steers(const uint8_t *s, size_t length)
{
        if (length == 1)
                return s[0] < 0x20 || s[0] == 0x7f;
        if (length == 2)
                return (s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xd8 && s[1] == 0x9c);
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
                shown = aw_utf8_character(s + i, length - i);
                if (aw_text_steers(s + i, shown) && (s[i] == '\0' || strchr(keep, s[i]) == NULL))
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
