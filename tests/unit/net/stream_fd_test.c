/* SPDX-License-Identifier: MIT */
/* Threads: it has several, so ThreadSanitizer checks it too. */
#include <sys/stat.h>

#include "unit/net/stream_kinds.h"

static void
make_pipe_nonblocking(int ends[2])
{
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
}

static void
make_fifo(int ends[2])
{
        char path[] = "/tmp/await-XXXXXX", fifo[40];

        assert_non_null(mkdtemp(path));
        snprintf(fifo, sizeof(fifo), "%s/fifo", path);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        ends[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        ends[1] = open(fifo, O_WRONLY | O_CLOEXEC);
        assert_true(ends[0] != -1 && ends[1] != -1);
        fcntl(ends[0], F_SETFL, 0);
        unlink(fifo);
        rmdir(path);
}

/* The terminal is read, its other side written; and the other way round. */
static void
make_terminal(int ends[2])
{
        ends[0] = open_terminal(&ends[1]);
}

static void
make_terminal_master(int ends[2])
{
        ends[1] = open_terminal(&ends[0]);
}

static const struct kind {
        const char *name;
        void (*make)(int ends[2]);
        int gone; /* what a read says when the other end is closed: 0 or errno */
} kinds[] = {
        {"pipe", make_pipe, 0},           {"non-blocking pipe", make_pipe_nonblocking, 0},
        {"sockets", make_sockets, 0},     {"fifo", make_fifo, 0},
        {"terminal", make_terminal, EIO}, {"terminal's master", make_terminal_master, EIO},
};

/* A pair of streams of each kind, used in each way. */
static async void
for_each_kind(async void (*test)(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                                 const struct kind *kind))
{
        struct aw_stream *streams[2];
        int ends[2], flags[2], failures = test_failures;
        size_t i, way;

        for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                for (way = 0; way < 4; way++) {
                        kinds[i].make(ends);
                        refuse_reopen = (way & 1) != 0;
                        refuse_nowait = (way & 2) != 0;
                        flags[0] = fcntl(ends[0], F_GETFL);
                        flags[1] = fcntl(ends[1], F_GETFL);
                        streams[0] = aw_stream_open(ends[0], NULL);
                        streams[1] = aw_stream_open(ends[1], NULL);
                        if (expect(streams[0] != NULL && streams[1] != NULL))
                                await(test(streams[0], streams[1], ends, &kinds[i]));
                        if (ends[0] != -1)
                                expect_int(fcntl(ends[0], F_GETFL), flags[0]);
                        if (ends[1] != -1)
                                expect_int(fcntl(ends[1], F_GETFL), flags[1]);
                        close(ends[0]);
                        close(ends[1]);
                        if (test_failures > failures)
                                print_error("that was with: %s, way %zu\n", kinds[i].name, way);
                        failures = test_failures;
                }
        refuse_reopen = refuse_nowait = false;
}

static async void
lines_go_through(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                 const struct kind *kind)
{
        struct line_reader line = {.stream = reader, .deadline = AW_NEVER};
        struct aw_task *task = aw_spawn("reader", read_a_line, &line);

        (void)ends;
        (void)kind;
        /* It waits, and the loop goes on. */
        await(yield(30));
        expect(!aw_task_done(task));
        expect_int(await(aw_stream_write(writer, "one\ntw", 6, AW_NEVER)), 0);
        expect_int(await(aw_join(task)), 4);
        expect(strcmp(line.line, "one\n") == 0);
        expect_int(await(aw_stream_write(writer, "o\n", 2, AW_NEVER)), 0);
        expect_line(reader, "two\n");
        expect_int(await(aw_stream_close(writer, AW_NEVER)), 0);
        expect_int(await(aw_stream_close(reader, AW_NEVER)), 0);
}

static async int
lines_go_through_each_kind(NOTHING)
{
        await(for_each_kind(lines_go_through));
        return 0;
}

static async void
reading_is_given_up(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                    const struct kind *kind)
{
        struct line_reader line = {.stream = reader, .deadline = AW_NEVER};
        struct aw_task *task;
        char *unused;

        (void)ends;
        (void)kind;
        /* Half a line is not lost. */
        expect_int(await(aw_stream_write(writer, "ha", 2, AW_NEVER)), 0);
        expect_error(await(aw_stream_read_line(reader, &unused, SOON)), ETIMEDOUT);
        task = aw_spawn("reader", read_a_line, &line);
        await(yield(5));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(await(aw_stream_write(writer, "lf\n", 3, AW_NEVER)), 0);
        expect_line(reader, "half\n");
        aw_stream_drop(reader);
        expect_int(await(aw_stream_close(writer, AW_NEVER)), 0);
}

static async int
a_read_that_is_given_up_loses_nothing(NOTHING)
{
        await(for_each_kind(reading_is_given_up));
        return 0;
}

static async void
much_goes_through(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                  const struct kind *kind)
{
        struct pattern_writer writing = {writer, test_many(1000000)};
        struct aw_task *task;

        (void)ends;
        if (kind->gone == EIO)
                writing.length = test_many(100000);
        task = aw_spawn("writer", write_pattern, &writing);
        /* It waits for the reader, and the loop goes on. */
        await(yield(50));
        expect(!aw_task_done(task) || writing.length < 300000);
        await(expect_pattern(reader, writing.length));
        expect_int(await(aw_join(task)), 0);
        expect_int(await(aw_stream_close(writer, AW_NEVER)), 0);
        aw_stream_drop(reader);
}

static async int
much_goes_through_each_kind(NOTHING)
{
        await(for_each_kind(much_goes_through));
        return 0;
}

static async void
writing_is_given_up(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                    const struct kind *kind)
{
        static const char data[600000];
        struct pattern_writer writing = {writer, sizeof(data)};
        struct aw_task *task;

        (void)ends;
        (void)kind;
        expect_error(await(aw_stream_write(writer, data, sizeof(data), SOON)), ETIMEDOUT);
        task = aw_spawn("writer", write_pattern, &writing);
        await(yield(5));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_error(await(aw_stream_flush(writer, SOON)), ETIMEDOUT);
        /* What nobody reads is not waited for any longer than is asked. */
        expect_error(await(aw_stream_close(writer, SOON)), ETIMEDOUT);
        aw_stream_drop(reader);
}

static async int
a_reader_that_stops_stops_its_writer_alone(NOTHING)
{
        await(for_each_kind(writing_is_given_up));
        return 0;
}

static async void
the_end_is_read(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                const struct kind *kind)
{
        char data[10], *line;
        ssize_t length;

        expect_int(await(aw_stream_write(writer, "last", 4, AW_NEVER)), 0);
        expect_int(await(aw_stream_close(writer, AW_NEVER)), 0);
        if (kind->gone == 0) {
                close(ends[1]);
                ends[1] = -1;
                expect_line(reader, "last");
                expect_int(await(aw_stream_read_line(reader, &line, AW_NEVER)), 0);
                expect_int(await(aw_stream_read(reader, data, sizeof(data), AW_NEVER)), 0);
        } else {
                expect_int(await(aw_stream_read_exactly(reader, data, 4, NULL, AW_NEVER)), 0);
                close(ends[1]);
                ends[1] = -1;
                length = await(aw_stream_read(reader, data, sizeof(data), AW_NEVER));
                expect(length == 0 || (length == -1 && errno == kind->gone));
        }
        aw_stream_drop(reader);
}

static async int
the_end_of_each_kind_is_read(NOTHING)
{
        await(for_each_kind(the_end_is_read));
        return 0;
}

/* Tasks that wait in a stream that is dropped get EPIPE. */
static async void
waiting_calls_are_ended(struct aw_stream *reader, struct aw_stream *writer, int ends[2],
                        const struct kind *kind)
{
        struct line_reader line = {.stream = reader, .deadline = AW_NEVER};
        struct pattern_writer writing = {writer, 600000};
        struct aw_task *first, *second, *reading;
        char data[1000];

        (void)ends;
        (void)kind;
        first = aw_spawn("first", write_pattern, &writing);
        second = aw_spawn("second", write_pattern, &writing);
        expect_int(await(aw_stream_read_exactly(reader, data, sizeof(data), NULL, AW_NEVER)), 0);
        await(yield(5));
        aw_stream_drop(writer);
        expect_error(await(aw_join(first)), EPIPE);
        expect_error(await(aw_join(second)), EPIPE);
        reading = aw_spawn("reader", read_a_line, &line);
        await(yield(5));
        aw_stream_drop(reader);
        if (aw_task_done(reading))
                await(aw_join(reading)); /* much was in it, and no line's end */
        else
                expect_error(await(aw_join(reading)), EPIPE);
}

static async int
dropping_a_stream_ends_the_calls_in_it(NOTHING)
{
        await(for_each_kind(waiting_calls_are_ended));
        return 0;
}

/* In a thread it goes on, and what it read is there for the next one. */
static async int
a_read_of_a_file_that_is_given_up_loses_nothing(NOTHING)
{
        struct line_reader line = {.deadline = AW_NEVER};
        struct aw_task *task;
        int fd = temporary_file();

        refuse_nowait = true;
        expect_int(write(fd, "one\ntwo\n", 8), 8);
        lseek(fd, 0, SEEK_SET);
        line.stream = aw_stream_open(fd, NULL);
        task = aw_spawn("reader", read_a_line, &line);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_line(line.stream, "one\n");
        expect_line(line.stream, "two\n");
        expect_line(line.stream, "");
        /* Dropped while a thread is at it. */
        lseek(fd, 0, SEEK_SET);
        aw_stream_drop(line.stream);
        line.stream = aw_stream_open(fd, NULL);
        task = aw_spawn("reader", read_a_line, &line);
        await(aw_sleep(0));
        aw_stream_drop(line.stream);
        await(aw_join(task));
        refuse_nowait = false;
        close(fd);
        return 0;
}

/* Nothing that was opened, and no reference, is left. */
static async int
everything(NOTHING)
{
        await(lines_go_through_each_kind(NULL));
        await(dropping_a_stream_ends_the_calls_in_it(NULL));
        await(a_read_of_a_file_that_is_given_up_loses_nothing(NULL));
        return 0;
}

static void
nothing_is_left_open(void **state)
{
        size_t before = test_count_descriptors();

        (void)state;
        test_begin();
        expect_int(test_run(everything, NULL), 0);
        test_end();
        assert_int_equal(test_count_descriptors(), before);
}

/* Written in the turn in which it is dropped: nothing is sent. */
static async int
a_stream_dropped_at_once_sends_nothing(NOTHING)
{
        int ends[2];
        struct aw_stream *writer;
        char byte;

        make_pipe(ends);
        writer = aw_stream_open(ends[1], NULL);
        expect_int(await(aw_stream_write(writer, "x", 1, AW_NEVER)), 0);
        aw_stream_drop(writer);
        await(yield(5));
        close(ends[1]);
        expect_int(read(ends[0], &byte, 1), 0);
        close(ends[0]);
        return 0;
}

static async int
read_twice(NOTHING)
{
        int ends[2];
        struct line_reader line = {.deadline = AW_NEVER};

        make_pipe(ends);
        line.stream = aw_stream_open(ends[0], NULL);
        aw_spawn("first", read_a_line, &line);
        aw_spawn("second", read_a_line, &line);
        await(yield(3));
        return 0;
}

static void
two_readers_abort(void **state)
{
        (void)state;
        test_aborts(read_twice, "task 'second' reads a stream that another task waits for");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(lines_go_through_each_kind),
                on_loop(a_read_that_is_given_up_loses_nothing),
                on_loop(much_goes_through_each_kind),
                on_loop(a_reader_that_stops_stops_its_writer_alone),
                on_loop(the_end_of_each_kind_is_read),
                on_loop(dropping_a_stream_ends_the_calls_in_it),
                on_loop(a_read_of_a_file_that_is_given_up_loses_nothing),
                on_loop(a_stream_dropped_at_once_sends_nothing),
                cmocka_unit_test(nothing_is_left_open),
                cmocka_unit_test(two_readers_abort),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
