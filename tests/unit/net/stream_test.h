/* SPDX-License-Identifier: MIT */
/* What the tests of the streams share. */
#ifndef STREAM_TEST_H
#define STREAM_TEST_H

#include <fcntl.h>

#include "await/stream.h"
#include "unit/task/task_test.h"

#define SOON (aw_loop_now() + 500)

/* That the next line is this one. */
#define expect_line(stream, text) await(test_expect_line((stream), (text), __FILE__, __LINE__))

static inline async bool
test_expect_line(struct aw_stream *stream, const char *text, const char *file, int line)
{
        char *got = NULL;
        ssize_t length = await(aw_stream_read_line(stream, &got, AW_NEVER));

        return test_expect(length == (ssize_t)strlen(text) && length >= 0 && strcmp(got, text) == 0,
                           file, line, "the line is '%s' (it is %zd, '%s', '%s')", text, length,
                           length >= 0 ? got : "", strerror(errno));
}

/* A task that reads a line. */
struct line_reader {
        struct aw_stream *stream;
        aw_time deadline;
        char line[100];
};

static inline async int
read_a_line(void *argument)
{
        struct line_reader *reader = argument;
        char *line;
        ssize_t length = await(aw_stream_read_line(reader->stream, &line, reader->deadline));

        if (length >= 0)
                snprintf(reader->line, sizeof(reader->line), "%s", line);
        return (int)length;
}

/* Bytes that differ from place to place. */
static inline uint8_t
pattern(size_t i)
{
        return (uint8_t)(i * 7 + i / 251);
}

/* A task that writes so many of them. */
struct pattern_writer {
        struct aw_stream *stream;
        size_t length;
};

static inline async int
write_pattern(void *argument)
{
        struct pattern_writer *writer = argument;
        uint8_t *data = malloc(writer->length);
        size_t i;
        int result;

        for (i = 0; i < writer->length; i++)
                data[i] = pattern(i);
        result = await(aw_stream_write(writer->stream, data, writer->length, AW_NEVER));
        free(data);
        return result;
}

/* Reads so many of them, and checks each. */
static inline async void
expect_pattern(struct aw_stream *stream, size_t length)
{
        uint8_t data[10007];
        size_t i = 0, j, wrong = 0;
        ssize_t got;

        while (i < length) {
                got = length - i < sizeof(data) ? (ssize_t)(length - i) : (ssize_t)sizeof(data);
                got = await(aw_stream_read(stream, data, (size_t)got, AW_NEVER));
                if (!expect(got > 0))
                        return;
                for (j = 0; j < (size_t)got; j++)
                        wrong += data[j] != pattern(i++);
        }
        expect_int(i, length);
        expect_int(wrong, 0);
}

#endif
