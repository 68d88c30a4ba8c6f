/* SPDX-License-Identifier: MIT */
/* Threads: it has several, so ThreadSanitizer checks it too. */
/* Streams of files, and the errors of descriptors. */
/* Wraps: aw_run_in_executor. */
#include <signal.h>

#include "await/executor.h"
#include "unit/net/stream_kinds.h"

/* The task is cancelled in the turn in which its job is done. */
static bool cancelled_when_done;

async int __real_aw_run_in_executor(struct aw_executor *executor, const struct aw_job *job,
                                    void **result);
async int __wrap_aw_run_in_executor(struct aw_executor *executor, const struct aw_job *job,
                                    void **result);

async int
__wrap_aw_run_in_executor(struct aw_executor *executor, const struct aw_job *job, void **result)
{
        void *done;

        if (!cancelled_when_done)
                return await(__real_aw_run_in_executor(executor, job, result));
        job->run(job->argument, &done);
        job->drop(done);
        errno = ECANCELED;
        return -1;
}

/* Errors */

static async int
nobody_reads_any_more(NOTHING)
{
        static void (*const makers[])(int[2]) = {make_pipe, make_sockets};
        int ends[2];
        size_t i, way;
        struct aw_stream *writer;

        signal(SIGPIPE, SIG_DFL);
        for (i = 0; i < 2; i++)
                for (way = 0; way < 4; way++) {
                        refuse_reopen = (way & 1) != 0;
                        refuse_nowait = (way & 2) != 0;
                        makers[i](ends);
                        writer = aw_stream_open(ends[1], NULL);
                        close(ends[0]);
                        expect_int(await(aw_stream_write(writer, "x", 1, AW_NEVER)), 0);
                        expect_error(await(aw_stream_flush(writer, AW_NEVER)), EPIPE);
                        expect_error(await(aw_stream_write(writer, "x", 1, AW_NEVER)), EPIPE);
                        expect_error(await(aw_stream_close(writer, AW_NEVER)), EPIPE);
                        close(ends[1]);
                }
        refuse_reopen = refuse_nowait = false;
        signal(SIGPIPE, SIG_IGN);
        return 0;
}

static async int
devices_fail_as_they_do(NOTHING)
{
        size_t way;
        int fd;
        struct aw_stream *stream;
        char byte;

        for (way = 0; way < 2; way++) {
                refuse_nowait = way == 1;
                fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
                stream = aw_stream_open(fd, NULL);
                expect_int(await(aw_stream_write(stream, "x", 1, AW_NEVER)), 0);
                expect_error(await(aw_stream_close(stream, AW_NEVER)), ENOSPC);
                close(fd);
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                stream = aw_stream_open(fd, NULL);
                expect_int(await(aw_stream_write(stream, "x", 1, AW_NEVER)), 0);
                expect_int(await(aw_stream_read(stream, &byte, 1, AW_NEVER)), 0);
                expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
                stream = aw_stream_open(fd, NULL);
                expect_line(stream, "");
                expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
                close(fd);
        }
        refuse_nowait = false;
        return 0;
}

static async int
writing_to_a_terminal_that_is_gone_fails(NOTHING)
{
        int master, slave = open_terminal(&master);
        struct aw_stream *stream = aw_stream_open(slave, NULL);

        close(master);
        expect_int(await(aw_stream_write(stream, "x", 1, AW_NEVER)), 0);
        expect_error(await(aw_stream_close(stream, AW_NEVER)), EIO);
        close(slave);
        return 0;
}

static async int
what_is_not_open_for_it_is_not_used_for_it(NOTHING)
{
        int ends[2];
        struct aw_stream *stream;
        char *line;

        make_pipe(ends);
        stream = aw_stream_open(ends[0], NULL);
        expect_error(await(aw_stream_write(stream, "x", 1, AW_NEVER)), EBADF);
        aw_stream_shutdown(stream);
        expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
        stream = aw_stream_open(ends[1], NULL);
        expect_error(await(aw_stream_read_line(stream, &line, AW_NEVER)), EBADF);
        expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

static async int
what_is_no_stream_is_not_opened(NOTHING)
{
        int directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        expect(aw_stream_open(directory, NULL) == NULL && errno == EISDIR);
        close(directory);
        expect(aw_stream_open(-1, NULL) == NULL && errno == EBADF);
        expect_int(await(aw_stream_close(NULL, AW_NEVER)), 0);
        aw_stream_drop(NULL);
        return 0;
}

static async int
files_are_written_and_read(NOTHING)
{
        size_t way;
        int fd;
        struct aw_stream *stream;
        struct pattern_writer writing = {.length = test_many(500000)};

        for (way = 0; way < 2; way++) {
                refuse_nowait = way == 1;
                fd = temporary_file();
                stream = writing.stream = aw_stream_open(fd, NULL);
                expect_int(await(write_pattern(&writing)), 0);
                expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
                /* The position is the file's. */
                expect_int(lseek(fd, 0, SEEK_CUR), (long long)writing.length);
                lseek(fd, 0, SEEK_SET);
                stream = aw_stream_open(fd, NULL);
                await(expect_pattern(stream, writing.length));
                expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
                close(fd);
        }
        refuse_nowait = false;
        return 0;
}

static async int
count_turns(void *argument)
{
        int *turns = argument;

        while (await(aw_sleep(0)) == 0)
                ++*turns;
        return 0;
}

/* What never makes anyone wait lets the others run all the same. */
static async int
an_endless_input_lets_the_others_run(NOTHING)
{
        int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC), turns = 0, i;
        struct aw_stream *stream = aw_stream_open(fd, NULL);
        struct aw_task *task = aw_spawn("others", count_turns, &turns);
        static char data[65536];

        for (i = 0; i < 1000; i++)
                expect(await(aw_stream_read(stream, data, sizeof(data), AW_NEVER)) > 0);
        expect(turns >= 100);
        aw_cancel(task);
        await(aw_join(task));
        aw_stream_drop(stream);
        close(fd);
        return 0;
}

static async int
read_two_bytes(struct aw_stream *stream)
{
        char data[2];
        size_t got = 9;
        int result = await(aw_stream_read_exactly(stream, data, sizeof(data), &got, AW_NEVER));

        expect_int(got, result == 0 ? 2 : 0);
        return result;
}

static async int
read_up_to_two_bytes(struct aw_stream *stream)
{
        char data[2];

        return (int)await(aw_stream_read(stream, data, sizeof(data), AW_NEVER));
}

static async int
read_one_line(struct aw_stream *stream)
{
        char *line;

        return (int)await(aw_stream_read_line(stream, &line, AW_NEVER));
}

static async int
read_until_a_semicolon(struct aw_stream *stream)
{
        char *data;

        return (int)await(aw_stream_read_until(stream, ";", 1, &data, AW_NEVER));
}

static async int
a_cancellation_counts_though_enough_came_with_it(NOTHING)
{
        static const struct {
                async int (*read)(struct aw_stream *stream);
                int result; /* of the next one, which finds what came */
        } ways[] = {{read_two_bytes, 0},
                    {read_up_to_two_bytes, 2},
                    {read_one_line, 3},
                    {read_until_a_semicolon, 2}};
        struct aw_stream *stream;
        int fd = temporary_file();

        refuse_nowait = true;
        expect_int(write(fd, "a;\nb", 4), 4);
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                lseek(fd, 0, SEEK_SET);
                stream = aw_stream_open(fd, NULL);
                cancelled_when_done = true;
                expect_error(await(ways[i].read(stream)), ECANCELED);
                cancelled_when_done = false;
                expect_int(await(ways[i].read(stream)), ways[i].result);
                aw_stream_drop(stream);
        }
        refuse_nowait = false;
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(nobody_reads_any_more),
                on_loop(devices_fail_as_they_do),
                on_loop(writing_to_a_terminal_that_is_gone_fails),
                on_loop(what_is_not_open_for_it_is_not_used_for_it),
                on_loop(what_is_no_stream_is_not_opened),
                on_loop(files_are_written_and_read),
                on_loop(an_endless_input_lets_the_others_run),
                on_loop(a_cancellation_counts_though_enough_came_with_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
