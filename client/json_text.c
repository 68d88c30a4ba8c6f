/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "json_text.h"

#include "base/utf8.h"

/* What is not UTF-8 was ISO 8859-1 once, in HTTP's fields at least; so nothing is lost. */
static json_t *
text_of_bytes(const uint8_t *bytes, size_t length)
{
        char *text = malloc(2 * length + 1), *to = text;
        json_t *string;
        size_t size;

        if (text == NULL)
                return NULL;
        for (size_t i = 0; i < length; i += size) {
                size = aw_utf8_character(bytes + i, length - i);
                if (size > 0) {
                        to = mempcpy(to, bytes + i, size);
                } else {
                        *to++ = (char)(0xc0 | bytes[i] >> 6);
                        *to++ = (char)(0x80 | (bytes[i] & 0x3f));
                        size = 1;
                }
        }
        string = json_stringn(text, (size_t)(to - text));
        free(text);
        return string;
}

json_t *
json_any_text(const char *text, size_t length)
{
        json_t *string = json_stringn(text, length);

        return string != NULL ? string : text_of_bytes((const uint8_t *)text, length);
}
