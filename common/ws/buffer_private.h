/* SPDX-License-Identifier: MIT */
/* Messages in memory, one after the other, and what all of them may take. */
#ifndef AW_WS_BUFFER_H
#define AW_WS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/loop.h"
#include "ws/frame_private.h"

/*
 * One message or control frame. The header is built in front of the payload, so the two go out as
 * one piece.
 */
struct ws_buffer {
        struct ws_buffer *next;
        size_t length, capacity;
        aw_time came; /* with WS_BUFFER_TIMED: when the message was complete */
        unsigned references;
        bool queued;        /* in an outbox: it cannot be in another one */
        uint8_t special;    /* of these two, or 0 */
#define WS_BUFFER_PARTIAL 1 /* further parts of its message follow */
#define WS_BUFFER_TIMED   2 /* see watch.c */
        uint8_t header;     /* bytes of the header, which ends where the payload begins */
        uint8_t opcode;
        uint8_t size; /* which of the sizes that are kept for the next message */
        uint8_t room[WS_FRAME_HEADER_MAX];
        uint8_t data[];
};

/* NULL with errno ENOMEM. The capacity may be larger than asked for. */
struct ws_buffer *ws_buffer_create(uint8_t opcode, size_t capacity);
void ws_buffer_end(struct ws_buffer *buffer); /* that nobody refers to any more */

/* NULL does nothing. */
static inline void
ws_buffer_unref(struct ws_buffer *buffer)
{
        if (buffer != NULL && --buffer->references == 0)
                ws_buffer_end(buffer);
}

/*
 * Another capacity, at least `capacity`, for a buffer that has one reference and is in no queue.
 * The buffer, perhaps in another place; or NULL with errno ENOMEM, and it is as it was.
 */
struct ws_buffer *ws_buffer_resize(struct ws_buffer *buffer, size_t capacity);

/* Gives back what a complete message does not need, if that is much. The buffer. */
struct ws_buffer *ws_buffer_shrink(struct ws_buffer *buffer);

/* Frees those that are kept for the next ones. */
void ws_buffer_forget_spare(void);

/* Where its header begins, which is built. */
static inline uint8_t *
ws_buffer_header(struct ws_buffer *buffer)
{
        return (uint8_t *)buffer + offsetof(struct ws_buffer, data) - buffer->header;
}

/* What it takes in memory. */
static inline size_t
ws_buffer_cost(const struct ws_buffer *buffer)
{
        return offsetof(struct ws_buffer, data) + buffer->capacity;
}

/* Put at the end and taken from the beginning only, so one link is enough. */
struct ws_queue {
        struct ws_buffer *first, *last;
        size_t bytes; /* what it takes in memory */
};

static inline void
ws_queue_put(struct ws_queue *queue, struct ws_buffer *buffer)
{
        buffer->next = NULL;
        if (queue->last != NULL)
                queue->last->next = buffer;
        else
                queue->first = buffer;
        queue->last = buffer;
        queue->bytes += ws_buffer_cost(buffer);
}

/* NULL: it is empty. */
static inline struct ws_buffer *
ws_queue_take(struct ws_queue *queue)
{
        struct ws_buffer *buffer = queue->first;

        if (buffer == NULL)
                return NULL;
        queue->first = buffer->next;
        if (queue->first == NULL)
                queue->last = NULL;
        queue->bytes -= ws_buffer_cost(buffer);
        return buffer;
}

void ws_queue_clear(struct ws_queue *queue);

/*
 * memory.c: what the connections of this process take. Of each, besides messages
 * (WS_CONNECTION_COST): itself, its task's stack and its TLS session (20 KiB), and a TLS record that
 * has come in part (17 KiB).
 */
void ws_memory_charge(ptrdiff_t bytes);

/* A connection begins and ends, on its loop's thread. True: it was the last one there. */
void ws_memory_begin(void);
bool ws_memory_end(void);

#endif
