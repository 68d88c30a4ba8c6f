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
        async int (*refill)(struct aw_stream *stream, aw_time deadline);

        /* There is output, or the end of it: sees to it that it goes out. 0, or -1 with errno. */
        int (*send)(struct aw_stream *stream);

        /*
         * True while something that was written is not with the kernel yet; the writers are woken
         * when that may have changed.
         */
        bool (*sending)(struct aw_stream *stream);

        /*
         * The stream is closed: ends all that is under way. sent: all output was sent, and the
         * other side may take its time to read it.
         */
        void (*close)(struct aw_stream *stream, bool sent);

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

struct aw_tls;
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

        /* A connection's. */
        struct aw_transport *transport;      /* NULL: it is over */
        bool established;                    /* the TLS handshake too */
        bool ending;                         /* the transport was told to end our direction */
        struct aw_error *why;                /* for the sentence when that fails, or NULL */
        struct aw_handle late;               /* for the handshake, or for the end */
        struct aw_stream_listener *listener; /* until it is accepted, or NULL */
        struct {
                struct aw_stream *next, *previous;
        } link; /* of the listener's */

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

/*
 * The stream of a transport, which it owns from now on, or of a descriptor that was accepted, which
 * it owns even if this fails: NULL with errno. tls: its session, or NULL; the same holds for it.
 */
struct aw_stream *aw_stream_of_transport(struct aw_transport *transport, struct aw_tls *tls,
                                         const struct aw_stream_options *bounds);
struct aw_stream *aw_stream_of_socket(int fd, struct aw_tls *tls,
                                      const struct aw_stream_options *bounds);

/*
 * Takes the transport out of a plain stream, whose output is flushed, and frees that: as from
 * aw_connect(). NULL with errno, EPROTO if there is input that nobody read; the stream is dropped.
 */
struct aw_transport *aw_stream_take_transport(struct aw_stream *stream);

/* Waits until the connection is established, TLS and all. 0, or -1 with errno and *error. */
async int aw_stream_wait_established(struct aw_stream *stream, struct aw_error *error,
                                     aw_time deadline);

/* Of a listener's stream: it is established, or gone before it was accepted. */
void aw_stream_listener_established(struct aw_stream *stream);
void aw_stream_listener_lost(struct aw_stream *stream);

/*
 * Resolves "HOST:PORT", "unix:/PATH" and the like. *url and *addresses are written: the latter to
 * be freed by the caller. 0, or -1 with errno and *error.
 */
struct aw_url;
struct aw_addresses;
async int aw_stream_resolve(const char *address, bool passive, struct aw_url *url,
                            struct aw_addresses *addresses, struct aw_error *error,
                            aw_time deadline);

#endif
