/* SPDX-License-Identifier: MIT */
/* What the files of the streams share. */
#ifndef AW_NET_STREAM_PRIVATE_H
#define AW_NET_STREAM_PRIVATE_H

#include <stdbool.h>

#include "await/stream.h"
#include "await/sync.h"

/* Bytes that wait. Zeroed: none. One byte more than `capacity` is allocated. */
struct aw_bytes {
        uint8_t *data;
        size_t start, length, capacity; /* what is there begins at start */
};
int aw_bytes_reserve(struct aw_bytes *bytes, size_t more); /* -1 with ENOMEM */
int aw_bytes_append(struct aw_bytes *bytes, const void *data, size_t length);
void aw_bytes_consume(struct aw_bytes *bytes, size_t length);
void aw_bytes_free(struct aw_bytes *bytes);
static inline uint8_t *
aw_bytes_first(const struct aw_bytes *bytes)
{
        return bytes->data + bytes->start;
}

/* What carries a stream's bytes. */
struct aw_stream_carrier {
        /*
         * Gets more input, or waits until there may be some: stream->input, `ended` and read_error
         * tell what came of it. 0, or -1 with errno.
         */
        async int (*fill)(struct aw_stream *stream, aw_time deadline);

        /* There is output, or the end of it: sees to it that it goes out. 0, or -1 with errno. */
        int (*send)(struct aw_stream *stream);

        /* True while something that was written is not with the kernel yet. */
        bool (*sending)(const struct aw_stream *stream);

        /* The stream is closed: ends all that is under way. What is not sent is lost. */
        void (*close)(struct aw_stream *stream);

        /* Nobody uses the stream any more: frees what is the carrier's. */
        void (*release)(struct aw_stream *stream);
};

/* How a descriptor is read or written without blocking, best first. */
enum aw_stream_method {
        AW_STREAM_SOCKET,   /* MSG_DONTWAIT */
        AW_STREAM_NONBLOCK, /* an open file of our own, O_NONBLOCK */
        AW_STREAM_NOWAIT,   /* RWF_NOWAIT */
        AW_STREAM_THREAD,   /* in a thread, once it is ready */
};

struct aw_transport;

struct aw_stream {
        const struct aw_stream_carrier *carrier;
        unsigned references; /* the owner's, and of whoever is at work here */
        size_t limit, high_water;
        bool gone; /* closed by its owner */

        struct aw_bytes input;
        struct aw_bytes line; /* handed out */
        bool reading;         /* a task is */
        bool can_read;
        bool ended;     /* no more will come */
        int read_error; /* or this */
        struct aw_waiters readers;

        struct aw_bytes output;
        struct aw_lock writing; /* one write at a time */
        bool can_write;
        bool shutdown;   /* the end is to be sent behind the output */
        int write_error; /* nothing can be sent any more */
        struct aw_waiters writers;

        /* A descriptor's. */
        int fd;
        bool pollable;
        enum aw_stream_method read_method, write_method;
        size_t unwaited; /* bytes read since a task last waited */
        bool reading_elsewhere;
        struct aw_task *sender;
        bool sender_began;

        /* A connection's. */
        struct aw_transport *transport;

        char peer[64];
};

/* With one reference; NULL with ENOMEM. */
struct aw_stream *aw_stream_create(const struct aw_stream_carrier *carrier, size_t limit,
                                   size_t high_water);

/* Gives a reference back; the last one frees it. errno is preserved. */
void aw_stream_unref(struct aw_stream *stream);

/* Nothing can be sent any more, and what waits to be is dropped. The first error counts. */
void aw_stream_write_failed(struct aw_stream *stream, int error);

/* So many bytes of the output have gone. */
void aw_stream_sent(struct aw_stream *stream, size_t length);

/*
 * A stream that takes over a descriptor that nobody shares, of a pipe or the like: it is made
 * O_NONBLOCK, and closed even if this fails.
 */
struct aw_stream *aw_stream_adopt(int fd, const struct aw_stream_options *options);

/*
 * Reads at most `size` bytes in a thread, into the input; writes at most `size` bytes of output and
 * tells how many. The stream, or what is left of it, learns later what came of a call that was
 * given up.
 */
async int aw_stream_read_elsewhere(struct aw_stream *stream, size_t size, aw_time deadline);
async ssize_t aw_stream_write_elsewhere(struct aw_stream *stream, size_t size);

#endif
