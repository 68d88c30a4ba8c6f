/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of streams in threads, for what might block. One that was begun goes on though
 * the task that awaits it be cancelled, so it works on memory of its own and holds the stream; what
 * was read is not lost but goes into the input all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "await/executor.h"
#include "net/stream_private.h"

struct transfer {
        struct aw_stream *stream;
        int fd;
        size_t size;
        ssize_t length; /* what the call returned */
        int error;
        uint8_t data[];
};

static struct transfer *
transfer_create(struct aw_stream *stream, size_t size)
{
        struct transfer *transfer = malloc(sizeof(*transfer) + size);

        if (transfer == NULL)
                return NULL;
        *transfer = (struct transfer){.stream = stream, .fd = stream->fd, .size = size};
        stream->references++;
        return transfer;
}

static void
transfer_free(void *argument)
{
        struct transfer *transfer = argument;

        aw_stream_unref(transfer->stream);
        free(transfer);
}

/* In a thread. */
static int
transfer_read(void *argument, void **result)
{
        struct transfer *transfer = *result = argument;

        transfer->length = read(transfer->fd, transfer->data, transfer->size);
        transfer->error = errno;
        return 0;
}

/* In a thread; these have all signals blocked, SIGPIPE too. */
static int
transfer_write(void *argument, void **result)
{
        struct transfer *transfer = *result = argument;

        transfer->length = write(transfer->fd, transfer->data, transfer->size);
        transfer->error = errno;
        return 0;
}

static void
read_ended(void *argument)
{
        struct transfer *transfer = argument;
        struct aw_stream *stream = transfer->stream;

        stream->reading_elsewhere = false;
        if (stream->gone)
                ;
        else if (transfer->length > 0 &&
                 aw_bytes_append(&stream->input, transfer->data, (size_t)transfer->length) == -1)
                stream->read_error = ENOMEM;
        else if (transfer->length == 0)
                stream->ended = true;
        else if (transfer->length == -1 && transfer->error != EAGAIN && transfer->error != EINTR)
                stream->read_error = transfer->error;
        aw_wake_all(&stream->readers);
        transfer_free(transfer);
}

static void
read_discarded(void *argument)
{
        struct transfer *transfer = argument;

        transfer->stream->reading_elsewhere = false;
        transfer_free(transfer);
}

async int
aw_stream_read_elsewhere(struct aw_stream *stream, size_t size, aw_time deadline)
{
        struct transfer *transfer = transfer_create(stream, size);
        struct aw_job job = {.run = transfer_read,
                             .argument = transfer,
                             .discard = read_discarded,
                             .drop = read_ended};
        struct aw_timeout timeout;
        void *done = NULL;
        int result;

        if (transfer == NULL)
                return -1;
        stream->reading_elsewhere = true;
        aw_timeout_enter(&timeout, deadline);
        result = await(aw_run_in_executor(NULL, &job, &done));
        result = aw_timeout_exit(&timeout, result);
        if (result == 0)
                read_ended(done);
        return result;
}

async ssize_t
aw_stream_write_elsewhere(struct aw_stream *stream, size_t size)
{
        size_t length = stream->output.length < size ? stream->output.length : size;
        struct transfer *transfer = transfer_create(stream, length);
        struct aw_job job = {.run = transfer_write,
                             .argument = transfer,
                             .discard = transfer_free,
                             .drop = transfer_free};
        void *done = NULL;
        ssize_t sent;

        if (transfer == NULL)
                return -1;
        memcpy(transfer->data, aw_bytes_first(&stream->output), length);
        if (await(aw_run_in_executor(NULL, &job, &done)) == -1)
                return -1;
        transfer = done;
        sent = transfer->length;
        errno = transfer->error;
        if (sent == -1 && (errno == EAGAIN || errno == EINTR))
                sent = 0;
        transfer_free(transfer);
        return sent;
}
