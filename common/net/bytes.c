/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "net/stream_private.h"

/* An empty buffer of more than this is given back. */
#define KEPT ((size_t)64 << 10)

int
aw_bytes_reserve(struct aw_bytes *bytes, size_t more)
{
        size_t capacity = bytes->capacity < 512 ? 512 : bytes->capacity;
        uint8_t *data;

        if (bytes->data != NULL && bytes->start + bytes->length + more <= bytes->capacity)
                return 0;
        if (bytes->data != NULL && bytes->start > 0)
                memmove(bytes->data, aw_bytes_first(bytes), bytes->length);
        bytes->start = 0;
        if (bytes->data != NULL && bytes->length + more <= bytes->capacity)
                return 0;
        while (capacity < bytes->length + more)
                capacity *= 2;
        data = realloc(bytes->data, capacity + 1);
        if (data == NULL)
                return -1;
        bytes->data = data;
        bytes->capacity = capacity;
        return 0;
}

int
aw_bytes_append(struct aw_bytes *bytes, const void *data, size_t length)
{
        if (aw_bytes_reserve(bytes, length) == -1)
                return -1;
        if (length > 0)
                memcpy(aw_bytes_first(bytes) + bytes->length, data, length);
        bytes->length += length;
        return 0;
}

void
aw_bytes_consume(struct aw_bytes *bytes, size_t length)
{
        bytes->start += length;
        bytes->length -= length;
        if (bytes->length > 0)
                return;
        bytes->start = 0;
        if (bytes->capacity > KEPT)
                aw_bytes_free(bytes);
}

void
aw_bytes_free(struct aw_bytes *bytes)
{
        free(bytes->data);
        *bytes = (struct aw_bytes){.data = NULL};
}
