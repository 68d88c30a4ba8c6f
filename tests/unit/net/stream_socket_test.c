/* SPDX-License-Identifier: MIT */
/* Streams of connections: TCP and Unix sockets, plain and over TLS. */
#include "unit/net/stream_pair.h"

static async void
in_each_way(async void (*test)(struct aw_stream *client, struct aw_stream *server))
{
        struct aw_stream *streams[2];
        int failures = test_failures;
        size_t i;

        for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                if (await(open_way(streams, &ways[i], NULL)))
                        await(test(streams[0], streams[1]));
                if (test_failures > failures)
                        print_error("that was with: %s%s\n", ways[i].address,
                                    ways[i].tls ? ", TLS" : "");
                failures = test_failures;
        }
}

static async int
both_sides_talk(NOTHING)
{
        await(in_each_way(talk_both_ways));
        return 0;
}

static async void
give_up_reading(struct aw_stream *client, struct aw_stream *server)
{
        struct line_reader line = {.stream = server, .deadline = AW_NEVER};
        struct aw_task *task;
        char *unused;

        await(put_line_in(client, "ha"));
        expect_error(await(aw_stream_read_line(server, &unused, SOON)), ETIMEDOUT);
        task = aw_spawn("reader", read_a_line, &line);
        await(yield(5));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        await(put_line_in(client, "lf\n"));
        expect_line(server, "half\n");
        aw_stream_drop(client);
        aw_stream_drop(server);
}

static async int
a_read_times_out_and_is_cancelled(NOTHING)
{
        await(in_each_way(give_up_reading));
        return 0;
}

static async void
give_up_writing(struct aw_stream *client, struct aw_stream *server)
{
        static const char data[1000000];
        struct pattern_writer writing = {client, (size_t)64 << 20};
        struct aw_task *task = aw_spawn("writer", write_pattern, &writing);

        /* It waits in the end, for the server does not read. */
        await(yield(3));
        while (await(aw_stream_flush(client, aw_loop_now() + 20 * AW_MILLISECOND)) == 0)
                await(yield(1));
        expect_int(errno, ETIMEDOUT);
        expect(!aw_task_done(task));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_error(await(aw_stream_write(client, data, sizeof(data), 1)), ETIMEDOUT);
        expect_error(await(aw_stream_close(client, SOON)), ETIMEDOUT);
        aw_stream_drop(server);
}

static async int
a_reader_that_stops_stops_its_writer_alone(NOTHING)
{
        await(in_each_way(give_up_writing));
        return 0;
}

static async void
much(struct aw_stream *client, struct aw_stream *server)
{
        struct pattern_writer there = {client, test_many(3000000)},
                              back = {server, test_many(2000000)};
        struct aw_task *first = aw_spawn("there", write_pattern, &there);
        struct aw_task *second = aw_spawn("back", write_pattern, &back);

        await(expect_pattern(server, there.length));
        await(expect_pattern(client, back.length));
        expect_int(await(aw_join(first)), 0);
        expect_int(await(aw_join(second)), 0);
        expect_int(await(aw_stream_close(client, AW_NEVER)), 0);
        expect_int(await(aw_stream_close(server, AW_NEVER)), 0);
}

static async int
much_goes_in_both_directions(NOTHING)
{
        await(in_each_way(much));
        return 0;
}

static async int
write_and_close(void *argument)
{
        struct pattern_writer *writing = argument;

        if (await(write_pattern(writing)) == -1)
                return -1;
        return await(aw_stream_close(writing->stream, AW_NEVER));
}

/* All that was written before a close arrives, though the other side wrote what nobody read. */
static async void
close_behind_much(struct aw_stream *client, struct aw_stream *server)
{
        struct pattern_writer writing = {client, 500000};
        struct aw_task *task = aw_spawn("writer", write_and_close, &writing);
        char byte;

        await(put_line_in(server, "not read\n"));
        expect_int(await(aw_stream_flush(server, AW_NEVER)), 0);
        await(expect_pattern(server, writing.length));
        expect_int(await(aw_stream_read(server, &byte, 1, AW_NEVER)), 0);
        expect_int(await(aw_join(task)), 0);
        expect_int(await(aw_stream_close(server, AW_NEVER)), 0);
}

static async int
a_close_does_not_cut_what_was_written(NOTHING)
{
        await(in_each_way(close_behind_much));
        return 0;
}

static async void
drop_while_others_wait(struct aw_stream *client, struct aw_stream *server)
{
        struct line_reader line = {.stream = client, .deadline = AW_NEVER};
        struct pattern_writer writing = {client, (size_t)64 << 20};
        struct aw_task *reader = aw_spawn("reader", read_a_line, &line);
        struct aw_task *first = aw_spawn("first", write_pattern, &writing);
        struct aw_task *second = aw_spawn("second", write_pattern, &writing);

        await(yield(5));
        aw_stream_drop(client);
        expect_error(await(aw_join(reader)), EPIPE);
        expect_error(await(aw_join(first)), EPIPE);
        expect_error(await(aw_join(second)), EPIPE);
        aw_stream_drop(server);
}

static async int
dropping_a_stream_ends_the_calls_in_it(NOTHING)
{
        await(in_each_way(drop_while_others_wait));
        return 0;
}

/* The other side is gone: what it said before is still read. */
static async void
lose(struct aw_stream *client, struct aw_stream *server)
{
        int i, result = 0;

        await(put_line_in(server, "farewell\n"));
        expect_int(await(aw_stream_close(server, AW_NEVER)), 0);
        expect_line(client, "farewell\n");
        expect_line(client, "");
        for (i = 0; i < 1000 && result == 0; i++) {
                result = await(aw_stream_write(client, "x", 1, AW_NEVER));
                if (result == 0)
                        result = await(aw_stream_flush(client, AW_NEVER));
                if (result == 0)
                        await(aw_sleep(10 * AW_MILLISECOND));
        }
        expect(result == -1 && (errno == EPIPE || errno == ECONNRESET));
        expect_line(client, "");
        aw_stream_drop(client);
}

static async int
a_peer_that_is_gone_breaks_the_stream(NOTHING)
{
        await(in_each_way(lose));
        return 0;
}

/* A client that never reads its end, and sends on, is not waited for without end. */
static async int
memory_is_bounded(NOTHING)
{
        static const struct aw_stream_options bounds = {.limit = 1000, .high_water = 1000};
        struct aw_stream *streams[2];
        struct pattern_writer writing;
        struct aw_task *task;
        char *line;
        size_t i;

        for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                if (!await(open_way(streams, &ways[i], &bounds)))
                        continue;
                writing = (struct pattern_writer){streams[0], (size_t)64 << 20};
                task = aw_spawn("writer", write_pattern, &writing);
                expect_error(
                        await(aw_stream_read_until(streams[1], "nonesuch", 8, &line, AW_NEVER)),
                        EMSGSIZE);
                await(expect_pattern(streams[1], 200000));
                aw_cancel(task);
                expect_error(await(aw_join(task)), ECANCELED);
                aw_stream_drop(streams[0]);
                aw_stream_drop(streams[1]);
        }
        return 0;
}

/* Nothing that was opened is left, whatever stage it was in. */
static async int
leave_in_all_stages(NOTHING)
{
        struct aw_stream *streams[2];
        size_t i;

        for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                struct aw_stream_listener *listener = await(listen_on(&ways[i], NULL));

                streams[0] =
                        await(connect_to(aw_stream_listener_address(listener, 0), &ways[i], NULL));
                streams[1] = await(aw_stream_accept(listener, AW_NEVER));
                await(put_line_in(streams[0], "last words"));
                await(aw_stream_close(streams[0], AW_NEVER));
                aw_stream_drop(streams[1]);
                streams[0] =
                        await(connect_to(aw_stream_listener_address(listener, 0), &ways[i], NULL));
                await(put_line_in(streams[0], "last words"));
                aw_stream_drop(streams[0]);
                aw_stream_listener_close(listener);
        }
        return 0;
}

static void
nothing_is_left_open(void **state)
{
        size_t before = test_count_descriptors();

        (void)state;
        test_begin();
        expect_int(test_run(leave_in_all_stages, NULL), 0);
        test_end();
        assert_int_equal(test_count_descriptors(), before);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(both_sides_talk),
                on_loop(a_read_times_out_and_is_cancelled),
                on_loop(a_reader_that_stops_stops_its_writer_alone),
                on_loop(much_goes_in_both_directions),
                on_loop(a_close_does_not_cut_what_was_written),
                on_loop(dropping_a_stream_ends_the_calls_in_it),
                on_loop(a_peer_that_is_gone_breaks_the_stream),
                on_loop(memory_is_bounded),
                cmocka_unit_test(nothing_is_left_open),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
