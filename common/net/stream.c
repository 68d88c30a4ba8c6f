/* SPDX-License-Identifier: MIT */
/* What all streams have in common: the buffers, and who waits for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "await/stream.h"

#include "await/log.h"
#include "net/stream_private.h"

struct aw_stream *
aw_stream_create(const struct aw_stream_carrier *carrier, size_t limit, size_t high_water)
{
        struct aw_stream *stream = calloc(1, sizeof(*stream));

        if (stream == NULL)
                return NULL;
        stream->carrier = carrier;
        stream->references = 1;
        stream->limit = limit == 0 ? AW_STREAM_LIMIT : limit;
        stream->high_water = high_water == 0 ? AW_STREAM_LIMIT : high_water;
        stream->fd = -1;
        return stream;
}

void
aw_stream_unref(struct aw_stream *stream)
{
        int error = errno;

        if (--stream->references > 0)
                return;
        stream->carrier->release(stream);
        aw_bytes_free(&stream->input);
        aw_bytes_free(&stream->line);
        aw_bytes_free(&stream->output);
        free(stream);
        errno = error;
}

/* Reading */

/* Waits for more input: 1, or 0 at the end, or -1 with errno. */
static async int
more(struct aw_stream *stream, aw_time deadline)
{
        size_t before = stream->input.length;

        while (stream->input.length == before) {
                if (stream->read_error != 0) {
                        errno = stream->read_error;
                        return -1;
                }
                if (stream->ended)
                        return 0;
                if (await(stream->carrier->refill(stream, deadline)) == -1)
                        return -1;
        }
        return 1;
}

static int
begin_reading(struct aw_stream *stream)
{
        if (stream->reading)
                aw_log_abort("task '%s' reads a stream that another task waits for",
                             aw_task_name(aw_task_current()));
        if (!stream->can_read) {
                errno = EBADF;
                return -1;
        }
        stream->reading = true;
        stream->references++;
        return 0;
}

static void
end_reading(struct aw_stream *stream)
{
        stream->reading = false;
        aw_stream_unref(stream);
}

static size_t
take_input(struct aw_stream *stream, void *data, size_t size)
{
        size_t length = stream->input.length < size ? stream->input.length : size;

        if (length > 0)
                memcpy(data, aw_bytes_first(&stream->input), length);
        aw_bytes_consume(&stream->input, length);
        return length;
}

async ssize_t
aw_stream_read(struct aw_stream *stream, void *data, size_t size, aw_time deadline)
{
        ssize_t result = 1;

        if (begin_reading(stream) == -1)
                return -1;
        if (size > 0 && stream->input.length == 0)
                result = await(more(stream, deadline));
        if (result == 1)
                result = (ssize_t)take_input(stream, data, size);
        end_reading(stream);
        return result;
}

async int
aw_stream_read_exactly(struct aw_stream *stream, void *data, size_t size, size_t *got,
                       aw_time deadline)
{
        size_t length = 0;
        int result = 1;

        if (got != NULL)
                *got = 0;
        if (begin_reading(stream) == -1)
                return -1;
        /* What comes together with a cancellation stays: to go on would lose the cancellation. */
        while (result == 1) {
                length += take_input(stream, (uint8_t *)data + length, size - length);
                if (length == size)
                        break;
                result = await(more(stream, deadline));
        }
        if (got != NULL)
                *got = length;
        if (result == 0)
                errno = ENODATA;
        end_reading(stream);
        return result == 1 ? 0 : -1;
}

/*
 * Hands the first bytes of the input out, terminated. What is the smaller part of the buffer is
 * copied.
 */
static ssize_t
hand_out(struct aw_stream *stream, size_t length, char **data)
{
        struct aw_bytes *input = &stream->input, spare = stream->line;
        size_t rest = input->length - length;

        spare.start = spare.length = 0;
        if (rest >= length) {
                if (aw_bytes_append(&spare, aw_bytes_first(input), length) == -1)
                        return -1;
                stream->line = spare;
                aw_bytes_consume(input, length);
        } else {
                if (aw_bytes_append(&spare, aw_bytes_first(input) + length, rest) == -1)
                        return -1;
                stream->line = *input;
                stream->line.length = length;
                *input = spare;
        }
        *data = (char *)aw_bytes_first(&stream->line);
        (*data)[length] = '\0';
        return (ssize_t)length;
}

/*
 * The length of what is there up to and with the separator, or 0. *searched: bytes in which it does
 * not begin.
 */
static size_t
find(const struct aw_stream *stream, const void *separator, size_t separator_length,
     size_t *searched)
{
        const uint8_t *begin = aw_bytes_first(&stream->input), *found = NULL;
        size_t length = stream->input.length;

        if (length > *searched)
                found = memmem(begin + *searched, length - *searched, separator, separator_length);
        if (found != NULL)
                return (size_t)(found - begin) + separator_length;
        *searched = length < separator_length ? 0 : length - separator_length + 1;
        return 0;
}

/* partial: the end ends it as well. */
static async ssize_t
read_until(struct aw_stream *stream, const void *separator, size_t separator_length, char **data,
           bool partial, aw_time deadline)
{
        size_t length, searched = 0;
        int result;

        while ((length = find(stream, separator, separator_length, &searched)) == 0 &&
               stream->input.length < stream->limit) {
                result = await(more(stream, deadline));
                if (result == -1)
                        return -1;
                if (result == 1)
                        continue;
                if (partial || stream->input.length == 0)
                        return hand_out(stream, stream->input.length, data);
                errno = ENODATA;
                return -1;
        }
        if (length > 0 && length <= stream->limit)
                return hand_out(stream, length, data);
        errno = EMSGSIZE;
        return -1;
}

async ssize_t
aw_stream_read_line(struct aw_stream *stream, char **line, aw_time deadline)
{
        ssize_t result;

        if (begin_reading(stream) == -1)
                return -1;
        result = await(read_until(stream, "\n", 1, line, true, deadline));
        end_reading(stream);
        return result;
}

async ssize_t
aw_stream_read_until(struct aw_stream *stream, const void *separator, size_t separator_length,
                     char **data, aw_time deadline)
{
        ssize_t result;

        if (separator_length == 0) {
                errno = EINVAL;
                return -1;
        }
        if (begin_reading(stream) == -1)
                return -1;
        result = await(read_until(stream, separator, separator_length, data, false, deadline));
        end_reading(stream);
        return result;
}

/* Writing */

void
aw_stream_write_failed(struct aw_stream *stream, int error)
{
        if (stream->write_error == 0)
                stream->write_error = error;
        aw_bytes_free(&stream->output);
        aw_wake_all(&stream->writers);
}

void
aw_stream_sent(struct aw_stream *stream, size_t length)
{
        aw_bytes_consume(&stream->output, length);
        /* Not at each byte: many small writes would go out one by one then. */
        if (stream->output.length <= stream->high_water / 4)
                aw_wake_all(&stream->writers);
}

static int
check_writing(const struct aw_stream *stream)
{
        int error = !stream->can_write    ? EBADF
                    : stream->write_error ? stream->write_error
                    : stream->shutdown    ? EPIPE
                                          : 0;

        if (error == 0)
                return 0;
        errno = error;
        return -1;
}

/* How many of the bytes there was room for; -1 with errno. */
static ssize_t
put(struct aw_stream *stream, const uint8_t *data, size_t length)
{
        size_t room = stream->high_water > stream->output.length
                              ? stream->high_water - stream->output.length
                              : 0;

        if (length > room)
                length = room;
        if (length == 0)
                return 0;
        if (aw_bytes_append(&stream->output, data, length) == -1)
                return -1;
        if (stream->carrier->send(stream) == 0)
                return (ssize_t)length;
        stream->output.length -= length;
        return -1;
}

static async int
write_all(struct aw_stream *stream, const uint8_t *data, size_t length, aw_time deadline)
{
        ssize_t taken;

        for (;;) {
                if (check_writing(stream) == -1)
                        return -1;
                taken = put(stream, data, length);
                if (taken == -1)
                        return -1;
                data += taken;
                length -= (size_t)taken;
                if (length == 0)
                        return 0;
                if (aw_wait_in(&stream->writers, deadline, NULL) == -1)
                        return -1;
        }
}

async int
aw_stream_write(struct aw_stream *stream, const void *data, size_t length, aw_time deadline)
{
        int result;

        stream->references++;
        result = await(aw_lock_acquire(&stream->writing, deadline));
        if (result == 0) {
                result = await(write_all(stream, data, length, deadline));
                aw_lock_release(&stream->writing);
        }
        aw_stream_unref(stream);
        return result;
}

static async int
flush(struct aw_stream *stream, aw_time deadline)
{
        while (stream->write_error == 0 && stream->carrier->sending(stream))
                if (aw_wait_in(&stream->writers, deadline, NULL) == -1)
                        return -1;
        if (stream->write_error == 0)
                return 0;
        errno = stream->write_error;
        return -1;
}

async int
aw_stream_flush(struct aw_stream *stream, aw_time deadline)
{
        int result;

        stream->references++;
        result = await(flush(stream, deadline));
        aw_stream_unref(stream);
        return result;
}

void
aw_stream_shutdown(struct aw_stream *stream)
{
        if (stream->shutdown || !stream->can_write || stream->write_error != 0)
                return;
        stream->shutdown = true;
        if (stream->carrier->send(stream) == -1)
                aw_stream_write_failed(stream, errno);
        /* What writers still wait to hand over has no place behind the end. */
        aw_wake_all(&stream->writers);
}

static void
end(struct aw_stream *stream, bool sent)
{
        stream->gone = true;
        stream->read_error = EPIPE;
        aw_bytes_free(&stream->input);
        aw_stream_write_failed(stream, EPIPE);
        stream->carrier->close(stream, sent);
        aw_wake_all(&stream->readers);
        aw_stream_unref(stream);
}

void
aw_stream_drop(struct aw_stream *stream)
{
        if (stream != NULL)
                end(stream, false);
}

async int
aw_stream_close(struct aw_stream *stream, aw_time deadline)
{
        int result, error;

        if (stream == NULL)
                return 0;
        result = await(flush(stream, deadline));
        error = errno;
        end(stream, result == 0);
        errno = error;
        return result;
}

const char *
aw_stream_peer(const struct aw_stream *stream)
{
        return stream->peer;
}
