/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ws/buffer_private.h"
#include "ws/pages.h"

/*
 * Small buffers come in sizes, and those that are freed wait on a list for the next message: that
 * is a tenth of what malloc() and free() cost. They stay charged.
 */
#define HEAD (offsetof(struct ws_buffer, data))
#define KEEP ((size_t)256 << 10) /* bytes of each size that wait at most */

static const size_t sizes[] = {192, 1024, 4096 + HEAD, 16384 + HEAD};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* The length of each is what it and those behind it take. */
static _Thread_local struct ws_buffer *spare[SIZES];

/* The size that so many bytes fit in; SIZES: none. */
static uint8_t
size_of(size_t bytes)
{
        size_t i;

        for (i = 0; i < SIZES && sizes[i] < bytes; i++)
                continue;
        return (uint8_t)i;
}

static size_t
bytes_of(uint8_t size, size_t bytes)
{
        return size < SIZES ? sizes[size] : bytes;
}

static inline struct ws_buffer *
take_spare(size_t size)
{
        struct ws_buffer *buffer = spare[size];

        if (buffer != NULL)
                spare[size] = buffer->next;
        return buffer;
}

/* AddressSanitizer should see each one freed. */
static bool
keep_spare(struct ws_buffer *buffer)
{
#ifdef __SANITIZE_ADDRESS__
        (void)buffer;
        return false;
#else
        struct ws_buffer **first;

        if (buffer->size == SIZES)
                return false;
        first = &spare[buffer->size];
        buffer->length = ws_buffer_cost(buffer) + (*first == NULL ? 0 : (*first)->length);
        if (buffer->length > KEEP)
                return false;
        buffer->next = *first;
        *first = buffer;
        return true;
#endif
}

/* Memory for a buffer, charged. */

static void *
memory_take(size_t bytes)
{
        void *memory;

        if (bytes >= WS_PAGES_LEAST)
                return ws_pages_take(bytes);
        memory = malloc(bytes);
        if (memory != NULL)
                ws_memory_charge((ptrdiff_t)bytes);
        return memory;
}

static void
memory_free(void *memory, size_t bytes)
{
        if (bytes >= WS_PAGES_LEAST) {
                ws_pages_give_back(memory, bytes);
                return;
        }
        free(memory);
        ws_memory_charge(-(ptrdiff_t)bytes);
}

/* From one kind to the other: `used` bytes are of interest. */
static void *
memory_move(void *memory, size_t before, size_t used, size_t bytes)
{
        void *moved = memory_take(bytes);

        if (moved == NULL)
                return NULL;
        memcpy(moved, memory, used);
        memory_free(memory, before);
        return moved;
}

static void *
memory_resize(void *memory, size_t before, size_t used, size_t bytes)
{
        void *moved;

        if ((before >= WS_PAGES_LEAST) != (bytes >= WS_PAGES_LEAST))
                return memory_move(memory, before, used, bytes);
        if (before >= WS_PAGES_LEAST)
                return ws_pages_resize(memory, before, bytes);
        moved = realloc(memory, bytes);
        if (moved != NULL)
                ws_memory_charge((ptrdiff_t)bytes - (ptrdiff_t)before);
        return moved;
}

static void
buffer_free(struct ws_buffer *buffer)
{
        memory_free(buffer, ws_buffer_cost(buffer));
}

void
ws_buffer_forget_spare(void)
{
        struct ws_buffer *buffer;
        size_t i;

        for (i = 0; i < SIZES; i++)
                while ((buffer = take_spare(i)) != NULL)
                        buffer_free(buffer);
        ws_pages_give_back_all();
}

static __attribute__((noinline)) struct ws_buffer *
buffer_new(uint8_t size, size_t least)
{
        size_t bytes = bytes_of(size, least);
        struct ws_buffer *buffer = memory_take(bytes);

        if (buffer == NULL)
                return NULL;
        buffer->size = size;
        buffer->capacity = bytes - HEAD;
        return buffer;
}

struct ws_buffer *
ws_buffer_create(uint8_t opcode, size_t capacity)
{
        uint8_t size = size_of(HEAD + capacity);
        struct ws_buffer *buffer = size < SIZES ? take_spare(size) : NULL;

        if (buffer == NULL)
                buffer = buffer_new(size, HEAD + capacity);
        if (buffer == NULL)
                return NULL;
        buffer->references = 1;
        buffer->queued = false;
        buffer->special = 0;
        buffer->header = 0;
        buffer->opcode = opcode;
        buffer->length = 0;
        return buffer;
}

void
ws_buffer_end(struct ws_buffer *buffer)
{
        if (!keep_spare(buffer))
                buffer_free(buffer);
}

struct ws_buffer *
ws_buffer_resize(struct ws_buffer *buffer, size_t capacity)
{
        size_t before = ws_buffer_cost(buffer);
        uint8_t size = size_of(HEAD + capacity);
        size_t bytes = bytes_of(size, HEAD + capacity);

        buffer = memory_resize(buffer, before, HEAD + buffer->length, bytes);
        if (buffer == NULL)
                return NULL;
        buffer->size = size;
        buffer->capacity = bytes - HEAD;
        return buffer;
}

/* What it would save has to be worth the trouble. */
struct ws_buffer *
ws_buffer_shrink(struct ws_buffer *buffer)
{
        size_t cost = ws_buffer_cost(buffer), least = HEAD + buffer->length;
        struct ws_buffer *smaller;

        if (least + cost / 8 >= cost || buffer->size == 0 ||
            bytes_of(size_of(least), least) + cost / 8 >= cost)
                return buffer;
        smaller = ws_buffer_resize(buffer, buffer->length);
        return smaller == NULL ? buffer : smaller;
}

void
ws_queue_clear(struct ws_queue *queue)
{
        struct ws_buffer *buffer;

        while ((buffer = ws_queue_take(queue)) != NULL)
                ws_buffer_unref(buffer);
}
