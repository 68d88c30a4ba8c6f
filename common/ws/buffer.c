/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ws/buffer_private.h"

#include "base/list.h"

/*
 * Small buffers come in sizes, and those that are freed wait on a list for the next message: that
 * is a tenth of what malloc() and free() cost.
 */
#define HEAD (offsetof(struct ws_buffer, data))
#define KEEP ((size_t)256 << 10) /* bytes of each size that wait at most */

static const size_t sizes[] = {192, 1024, 4096 + HEAD, 16384 + HEAD};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static _Thread_local struct {
        struct ws_buffer *first;
        size_t count;
} spare[SIZES];

/* The size that so many bytes fit in; SIZES: none. */
static size_t
size_class(size_t bytes)
{
        size_t i;

        for (i = 0; i < SIZES && sizes[i] < bytes; i++)
                continue;
        return i;
}

static size_t
rounded(size_t bytes)
{
        size_t class = size_class(bytes);

        return class < SIZES ? sizes[class] : bytes;
}

size_t
ws_buffer_cost(const struct ws_buffer *buffer)
{
        return HEAD + buffer->capacity;
}

static struct ws_buffer *
take_spare(size_t class)
{
        struct ws_buffer *buffer = spare[class].first;

        if (buffer != NULL) {
                spare[class].first = buffer->link.next;
                spare[class].count--;
        }
        return buffer;
}

void
ws_buffer_forget_spare(void)
{
        struct ws_buffer *buffer;
        size_t i;

        for (i = 0; i < SIZES; i++)
                while ((buffer = take_spare(i)) != NULL)
                        free(buffer);
}

/* AddressSanitizer should see each one freed. */
static bool
keep_spare(struct ws_buffer *buffer)
{
#ifdef __SANITIZE_ADDRESS__
        (void)buffer;
        return false;
#else
        size_t class = size_class(ws_buffer_cost(buffer));

        if (class == SIZES || sizes[class] != ws_buffer_cost(buffer) ||
            spare[class].count * sizes[class] >= KEEP)
                return false;
        buffer->link.next = spare[class].first;
        spare[class].first = buffer;
        spare[class].count++;
        return true;
#endif
}

struct ws_buffer *
ws_buffer_create(uint8_t opcode, size_t capacity)
{
        size_t size = HEAD + capacity, class = size_class(size);
        struct ws_buffer *buffer = class < SIZES ? take_spare(class) : NULL;

        size = rounded(size);
        if (buffer == NULL)
                buffer = malloc(size);
        if (buffer == NULL)
                return NULL;
        buffer->references = 1;
        buffer->opcode = opcode;
        buffer->queued = false;
        buffer->header = 0;
        buffer->length = 0;
        buffer->capacity = size - HEAD;
        ws_memory_charge((ptrdiff_t)size);
        return buffer;
}

void
ws_buffer_unref(struct ws_buffer *buffer)
{
        if (buffer == NULL || --buffer->references > 0)
                return;
        ws_memory_charge(-(ptrdiff_t)ws_buffer_cost(buffer));
        if (!keep_spare(buffer))
                free(buffer);
}

struct ws_buffer *
ws_buffer_resize(struct ws_buffer *buffer, size_t capacity)
{
        size_t before = ws_buffer_cost(buffer), size = rounded(HEAD + capacity);

        buffer = realloc(buffer, size);
        if (buffer == NULL)
                return NULL;
        buffer->capacity = size - HEAD;
        ws_memory_charge((ptrdiff_t)size - (ptrdiff_t)before);
        return buffer;
}

struct ws_buffer *
ws_buffer_shrink(struct ws_buffer *buffer)
{
        struct ws_buffer *smaller;

        if (rounded(HEAD + buffer->length) + ws_buffer_cost(buffer) / 8 >= ws_buffer_cost(buffer))
                return buffer;
        smaller = ws_buffer_resize(buffer, buffer->length);
        return smaller == NULL ? buffer : smaller;
}

void
ws_queue_put(struct ws_queue *queue, struct ws_buffer *buffer)
{
        aw_list_append(queue, buffer, link);
        queue->bytes += ws_buffer_cost(buffer);
}

struct ws_buffer *
ws_queue_take(struct ws_queue *queue)
{
        struct ws_buffer *buffer = aw_list_take(queue, link);

        if (buffer != NULL)
                queue->bytes -= ws_buffer_cost(buffer);
        return buffer;
}

void
ws_queue_clear(struct ws_queue *queue)
{
        struct ws_buffer *buffer;

        while ((buffer = ws_queue_take(queue)) != NULL)
                ws_buffer_unref(buffer);
}
