/* SPDX-License-Identifier: MIT */
/* What all streams have in common, tried on pipes and sockets. */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "unit/net/stream_test.h"

/* Two streams, joined to each other. */
static void
open_pair(struct aw_stream *streams[2], const struct aw_stream_options *options)
{
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        streams[0] = aw_stream_open(ends[0], options);
        streams[1] = aw_stream_open(ends[1], options);
        assert_true(streams[0] != NULL && streams[1] != NULL);
        close(ends[0]);
        close(ends[1]);
}

static async void
send_text(struct aw_stream *stream, const char *text)
{
        expect_int(await(aw_stream_write(stream, text, strlen(text), AW_NEVER)), 0);
}

static async void
close_pair(struct aw_stream *streams[2])
{
        expect_int(await(aw_stream_close(streams[0], AW_NEVER)), 0);
        expect_int(await(aw_stream_close(streams[1], AW_NEVER)), 0);
}

static async int
read_takes_what_there_is(NOTHING)
{
        struct aw_stream *streams[2];
        char data[10];

        open_pair(streams, NULL);
        await(send_text(streams[0], "abcde"));
        expect_int(await(aw_stream_read(streams[1], data, 2, AW_NEVER)), 2);
        expect_int(await(aw_stream_read(streams[1], data + 2, 8, AW_NEVER)), 3);
        expect(memcmp(data, "abcde", 5) == 0);
        expect_int(await(aw_stream_read(streams[1], data, 0, AW_NEVER)), 0);
        expect_error(await(aw_stream_read(streams[1], data, 1, SOON)), ETIMEDOUT);
        await(close_pair(streams));
        return 0;
}

static async int
read_exactly_goes_on_where_it_stopped(NOTHING)
{
        struct aw_stream *streams[2];
        char data[10];
        size_t got = 77, done = 0;

        open_pair(streams, NULL);
        await(send_text(streams[0], "abc"));
        /* What comes may take longer than this. */
        while (done < 3) {
                expect_error(await(aw_stream_read_exactly(streams[1], data + done, 5 - done, &got,
                                                          SOON)),
                             ETIMEDOUT);
                done += got;
        }
        expect_int(done, 3);
        await(send_text(streams[0], "defgh"));
        expect_int(await(aw_stream_read_exactly(streams[1], data + 3, 2, &got, AW_NEVER)), 0);
        expect_int(got, 2);
        expect(memcmp(data, "abcde", 5) == 0);
        aw_stream_shutdown(streams[0]);
        expect_error(await(aw_stream_read_exactly(streams[1], data, 5, &got, AW_NEVER)), ENODATA);
        expect_int(got, 3);
        expect(memcmp(data, "fgh", 3) == 0);
        expect_int(await(aw_stream_read_exactly(streams[1], data, 0, NULL, AW_NEVER)), 0);
        await(close_pair(streams));
        return 0;
}

static async int
lines_end_where_they_should(NOTHING)
{
        struct aw_stream *streams[2];
        char *line;

        open_pair(streams, NULL);
        await(send_text(streams[0], "one\n\nthree\r\nl"));
        expect_line(streams[1], "one\n");
        expect_line(streams[1], "\n");
        expect_line(streams[1], "three\r\n");
        expect_error(await(aw_stream_read_line(streams[1], &line, SOON)), ETIMEDOUT);
        await(send_text(streams[0], "ast"));
        aw_stream_shutdown(streams[0]);
        expect_line(streams[1], "last");
        expect_line(streams[1], "");
        expect_line(streams[1], "");
        await(close_pair(streams));
        return 0;
}

static async int
a_line_over_the_limit_stays_to_be_read(NOTHING)
{
        struct aw_stream *streams[2];
        char *line, data[20];

        open_pair(streams, &(struct aw_stream_options){.limit = 8});
        await(send_text(streams[0], "1234567\n12345678\nxyz\n"));
        expect_line(streams[1], "1234567\n");
        expect_error(await(aw_stream_read_line(streams[1], &line, AW_NEVER)), EMSGSIZE);
        expect_int(await(aw_stream_read(streams[1], data, sizeof(data), AW_NEVER)), 8);
        expect(memcmp(data, "12345678", 8) == 0);
        expect_line(streams[1], "\n");
        expect_line(streams[1], "xyz\n");
        await(close_pair(streams));
        return 0;
}

static async int
separators_are_found_wherever_they_are_cut(NOTHING)
{
        static const char text[] = "a\r\r\nb\r\n\r\nc\r\n";
        struct aw_stream *streams[2];
        char *data;
        size_t i;

        open_pair(streams, NULL);
        for (i = 0; i < strlen(text); i++) {
                await(send_text(streams[0], (const char[]){text[i], '\0'}));
                await(aw_stream_flush(streams[0], AW_NEVER));
                if (i == 8)
                        break;
                expect_error(await(aw_stream_read_until(streams[1], "\r\n\r\n", 4, &data, 1)),
                             ETIMEDOUT);
        }
        expect_int(await(aw_stream_read_until(streams[1], "\r\n\r\n", 4, &data, AW_NEVER)), 9);
        expect(strcmp(data, "a\r\r\nb\r\n\r\n") == 0);
        await(send_text(streams[0], "c\r\n"));
        aw_stream_shutdown(streams[0]);
        expect_error(await(aw_stream_read_until(streams[1], "\r\n\r\n", 4, &data, AW_NEVER)),
                     ENODATA);
        expect_line(streams[1], "c\r\n");
        expect_int(await(aw_stream_read_until(streams[1], "\r\n\r\n", 4, &data, AW_NEVER)), 0);
        expect_error(await(aw_stream_read_until(streams[1], "", 0, &data, AW_NEVER)), EINVAL);
        await(close_pair(streams));
        return 0;
}

/* Bytes that are zero are bytes like others. */
static async int
a_line_may_hold_any_bytes(NOTHING)
{
        struct aw_stream *streams[2];
        char *line;

        open_pair(streams, NULL);
        expect_int(await(aw_stream_write(streams[0], "a\0b\n", 4, AW_NEVER)), 0);
        expect_int(await(aw_stream_read_line(streams[1], &line, AW_NEVER)), 4);
        expect(memcmp(line, "a\0b\n", 5) == 0);
        await(close_pair(streams));
        return 0;
}

/* The line handed out stays while more comes. */
static async int
lines_of_all_lengths_go_through(NOTHING)
{
        struct aw_stream *streams[2];
        char *line, *text = malloc(70000);
        size_t length, wrong = 0;

        open_pair(streams, &(struct aw_stream_options){.limit = 70000});
        memset(text, 'x', 70000);
        for (length = 1; length < 70000; length += 1 + length / 3) {
                text[length - 1] = '\n';
                expect_int(await(aw_stream_write(streams[0], text, length, AW_NEVER)), 0);
                await(send_text(streams[0], "next\n"));
                if (!expect_int(await(aw_stream_read_line(streams[1], &line, AW_NEVER)),
                                (long long)length))
                        break;
                wrong += memcmp(line, text, length) != 0 || line[length] != '\0';
                expect_line(streams[1], "next\n");
                text[length - 1] = 'x';
        }
        expect_int(wrong, 0);
        free(text);
        await(close_pair(streams));
        return 0;
}

/* What one task writes is not mixed with what another one does. */
static async int
two_writers_take_turns(NOTHING)
{
        struct aw_stream *streams[2];
        struct pattern_writer writing;
        struct aw_task *first, *second;

        open_pair(streams, NULL);
        writing = (struct pattern_writer){streams[0], 500000};
        first = aw_spawn("first", write_pattern, &writing);
        second = aw_spawn("second", write_pattern, &writing);
        await(expect_pattern(streams[1], 500000));
        await(expect_pattern(streams[1], 500000));
        expect_int(await(aw_join(first)), 0);
        expect_int(await(aw_join(second)), 0);
        await(close_pair(streams));
        return 0;
}

/* What is written in one turn is one write of the kernel's. */
static async int
small_writes_go_out_together(NOTHING)
{
        struct aw_stream *streams[2];
        int ends[2], count = 0, i;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        streams[0] = aw_stream_open(ends[0], NULL);
        for (i = 0; i < 10; i++)
                await(send_text(streams[0], "word "));
        expect_int(ioctl(ends[1], FIONREAD, &count), 0);
        expect_int(count, 0);
        expect_int(await(aw_stream_flush(streams[0], AW_NEVER)), 0);
        expect_int(ioctl(ends[1], FIONREAD, &count), 0);
        expect_int(count, 50);
        expect_int(await(aw_stream_close(streams[0], AW_NEVER)), 0);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

/* A writer takes no more memory than it may. */
static async int
output_waits_at_the_high_water_mark(NOTHING)
{
        static const char data[1000];
        struct aw_stream *streams[2];
        int i;

        open_pair(streams, &(struct aw_stream_options){.high_water = 4000});
        for (i = 0; i < 4; i++)
                expect_int(await(aw_stream_write(streams[0], data, sizeof(data), 1)), 0);
        /* The next one has to wait, or it would not see that. */
        aw_cancel(aw_task_current());
        expect_error(await(aw_stream_write(streams[0], data, sizeof(data), AW_NEVER)), ECANCELED);
        expect_int(await(aw_stream_write(streams[0], data, sizeof(data), AW_NEVER)), 0);
        expect_int(await(aw_stream_write(streams[0], data, 0, AW_NEVER)), 0);
        await(close_pair(streams));
        return 0;
}

static async int
one_direction_ends_and_the_other_goes_on(NOTHING)
{
        struct aw_stream *streams[2];

        open_pair(streams, NULL);
        await(send_text(streams[0], "question\n"));
        aw_stream_shutdown(streams[0]);
        aw_stream_shutdown(streams[0]);
        expect_error(await(aw_stream_write(streams[0], "x", 1, AW_NEVER)), EPIPE);
        expect_line(streams[1], "question\n");
        expect_line(streams[1], "");
        await(send_text(streams[1], "answer\n"));
        expect_line(streams[0], "answer\n");
        await(close_pair(streams));
        return 0;
}

static async int
flush_it(void *stream)
{
        return await(aw_stream_flush(stream, AW_NEVER));
}

/* They would wait for a peer that may never read, and then for nothing. */
static async int
an_end_ends_the_writers_that_wait(NOTHING)
{
        struct aw_stream *streams[2];
        struct pattern_writer writing;
        struct aw_task *first, *second, *flusher;
        char data[4096];
        ssize_t got;

        open_pair(streams, NULL);
        /* More than the kernel takes, and the buffer. */
        writing = (struct pattern_writer){streams[0], 8 << 20};
        first = aw_spawn("first", write_pattern, &writing);
        second = aw_spawn("second", write_pattern, &writing);
        flusher = aw_spawn("flusher", flush_it, streams[0]);
        await(yield(20));
        expect(!aw_task_done(first));
        aw_stream_shutdown(streams[0]);
        expect_error(await(aw_join(first)), EPIPE);
        expect_error(await(aw_join(second)), EPIPE);
        /* What was taken still goes out. */
        expect(!aw_task_done(flusher));
        await(expect_pattern(streams[1], 64 << 10));
        while ((got = await(aw_stream_read(streams[1], data, sizeof(data), AW_NEVER))) > 0)
                continue;
        expect_int(got, 0);
        expect_int(await(aw_join(flusher)), 0);
        await(close_pair(streams));
        return 0;
}

static async int
an_ended_pipe_is_closed(NOTHING)
{
        struct aw_stream *streams[2];
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        streams[0] = aw_stream_open(ends[1], NULL);
        streams[1] = aw_stream_open(ends[0], NULL);
        close(ends[0]);
        close(ends[1]);
        await(send_text(streams[0], "last"));
        aw_stream_shutdown(streams[0]);
        expect_line(streams[1], "last");
        expect_line(streams[1], "");
        await(close_pair(streams));
        return 0;
}

/* Cancelled in close, it is dropped. */
static async int
close_it(void *stream)
{
        return await(aw_stream_close(stream, AW_NEVER));
}

static async int
a_close_is_cancelled(NOTHING)
{
        struct aw_stream *streams[2];
        struct pattern_writer writing;
        struct aw_task *task;

        open_pair(streams, NULL);
        writing = (struct pattern_writer){streams[0], 600000};
        task = aw_spawn("writer", write_pattern, &writing);
        await(yield(20));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        task = aw_spawn("closer", close_it, streams[0]);
        await(yield(5));
        expect(!aw_task_done(task));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        aw_stream_drop(streams[1]);
        return 0;
}

static async int
the_other_side_has_a_name(NOTHING)
{
        struct aw_stream *stream = aw_stream_open(STDERR_FILENO, NULL);

        expect(strcmp(aw_stream_peer(stream), "descriptor 2") == 0);
        expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(read_takes_what_there_is),
                on_loop(read_exactly_goes_on_where_it_stopped),
                on_loop(lines_end_where_they_should),
                on_loop(a_line_over_the_limit_stays_to_be_read),
                on_loop(separators_are_found_wherever_they_are_cut),
                on_loop(a_line_may_hold_any_bytes),
                on_loop(lines_of_all_lengths_go_through),
                on_loop(two_writers_take_turns),
                on_loop(small_writes_go_out_together),
                on_loop(output_waits_at_the_high_water_mark),
                on_loop(one_direction_ends_and_the_other_goes_on),
                on_loop(an_end_ends_the_writers_that_wait),
                on_loop(an_ended_pipe_is_closed),
                on_loop(a_close_is_cancelled),
                on_loop(the_other_side_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
