/* SPDX-License-Identifier: MIT */
/* STARTTLS. */
#include "unit/net/stream_pair.h"

/* STARTTLS */

struct upgrading {
        struct aw_stream *stream;
        aw_time deadline;
        struct aw_error error;
};

/* The server's side: a word, then TLS. */
static async int
upgrade(void *argument)
{
        struct upgrading *upgrading = argument;

        if (!expect_line(upgrading->stream, "STARTTLS\n"))
                return -1;
        await(put_line_in(upgrading->stream, "go ahead\n"));
        return await(aw_stream_start_tls(upgrading->stream, server_tls, NULL, &upgrading->error,
                                         upgrading->deadline));
}

static async int
tls_begins_in_the_middle(NOTHING)
{
        struct aw_stream *streams[2];
        struct upgrading upgrading = {.deadline = AW_NEVER};
        struct aw_error error;
        struct aw_task *task;
        char text[100];
        size_t i;

        for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i += 2) {
                if (!await(open_way(streams, &ways[i], NULL)))
                        continue;
                upgrading.stream = streams[1];
                task = aw_spawn("server", upgrade, &upgrading);
                aw_stream_describe(streams[0], text, sizeof(text));
                expect(strcmp(text, "plain") == 0);
                await(put_line_in(streams[0], "STARTTLS\n"));
                expect_line(streams[0], "go ahead\n");
                expect_int(await(aw_stream_start_tls(streams[0], client_tls, "localhost", &error,
                                                     AW_NEVER)),
                           0);
                expect_int(await(aw_join(task)), 0);
                aw_stream_describe(streams[0], text, sizeof(text));
                expect(strncmp(text, "TLSv1.3", 7) == 0);
                expect_error(await(aw_stream_start_tls(streams[0], client_tls, "localhost", NULL,
                                                       AW_NEVER)),
                             EINVAL);
                await(talk_both_ways(streams[0], streams[1]));
        }
        return 0;
}

static async int
tls_that_does_not_begin(NOTHING)
{
        struct aw_stream *streams[2];
        struct upgrading upgrading = {.deadline = AW_NEVER};
        struct aw_task *task;
        struct aw_error error;
        char byte;

        /* The certificate is not trusted. */
        if (!await(open_way(streams, &ways[0], NULL)))
                return 0;
        upgrading.stream = streams[1];
        task = aw_spawn("server", upgrade, &upgrading);
        await(put_line_in(streams[0], "STARTTLS\n"));
        expect_line(streams[0], "go ahead\n");
        expect_error(
                await(aw_stream_start_tls(streams[0], strict_tls, "localhost", &error, AW_NEVER)),
                EPROTO);
        expect_int(error.kind, AW_ERROR_CERTIFICATE);
        expect_error(await(aw_join(task)), EPROTO);
        expect_error(await(aw_stream_write(streams[0], "x", 1, AW_NEVER)), EPROTO);
        aw_stream_drop(streams[0]);
        aw_stream_drop(streams[1]);
        /* The client says nothing: time-out, and cancelled. */
        for (upgrading.deadline = 1; upgrading.deadline != 0;
             upgrading.deadline = upgrading.deadline == 1 ? AW_NEVER : 0) {
                if (!await(open_way(streams, &ways[0], NULL)))
                        return 0;
                upgrading.stream = streams[1];
                task = aw_spawn("server", upgrade, &upgrading);
                await(put_line_in(streams[0], "STARTTLS\n"));
                expect_line(streams[0], "go ahead\n");
                if (upgrading.deadline == AW_NEVER) {
                        await(yield(5));
                        aw_cancel(task);
                }
                expect_error(await(aw_join(task)),
                             upgrading.deadline == AW_NEVER ? ECANCELED : ETIMEDOUT);
                expect(await(aw_stream_read(streams[0], &byte, 1, AW_NEVER)) <= 0);
                aw_stream_drop(streams[0]);
                aw_stream_drop(streams[1]);
        }
        return 0;
}

/* What was sent in the clear is not read as if TLS had protected it. */
static async int
plain_text_is_not_smuggled_into_tls(NOTHING)
{
        struct aw_stream *streams[2];
        struct upgrading upgrading = {.deadline = AW_NEVER};
        struct aw_task *task;

        if (!await(open_way(streams, &ways[0], NULL)))
                return 0;
        upgrading.stream = streams[1];
        await(put_line_in(streams[0], "STARTTLS\nsmuggled\n"));
        expect_int(await(aw_stream_flush(streams[0], AW_NEVER)), 0);
        task = aw_spawn("server", upgrade, &upgrading);
        expect_error(await(aw_join(task)), EPROTO);
        expect_int(upgrading.error.kind, AW_ERROR_PROTOCOL);
        aw_stream_drop(streams[0]);
        aw_stream_drop(streams[1]);
        return 0;
}

/* The connection is as it was, but for a peer that is gone. */
static async int
before_tls_there_is_the_plain_stream(NOTHING)
{
        static const char much[600000];
        struct aw_stream *streams[2];
        struct aw_error error;
        char name[300] = "";

        if (!await(open_way(streams, &ways[0], NULL)))
                return 0;
        memset(name, 'a', sizeof(name) - 1);
        expect_error(await(aw_stream_start_tls(streams[0], client_tls, name, &error, AW_NEVER)),
                     EINVAL);
        expect_int(error.kind, AW_ERROR_USAGE);
        expect(strncmp(error.text, "no TLS session for 'aaaa", 24) == 0);
        while (await(aw_stream_write(streams[0], much, sizeof(much), SOON)) == 0)
                continue;
        expect_int(errno, ETIMEDOUT);
        expect_error(await(aw_stream_start_tls(streams[0], client_tls, "localhost", &error, SOON)),
                     ETIMEDOUT);
        expect_int(error.kind, AW_ERROR_TIMEOUT);
        expect(strcmp(error.text, "before TLS: Connection timed out") == 0);
        aw_stream_drop(streams[0]);
        aw_stream_drop(streams[1]);
        if (!await(open_way(streams, &ways[0], NULL)))
                return 0;
        expect_int(await(aw_stream_close(streams[1], AW_NEVER)), 0);
        await(yield(30));
        expect_error(
                await(aw_stream_start_tls(streams[0], client_tls, "localhost", &error, AW_NEVER)),
                EPIPE);
        expect_int(error.kind, AW_ERROR_CONNECTION);
        expect(strstr(error.text, " closed the connection before TLS") != NULL);
        aw_stream_drop(streams[0]);
        return 0;
}

static async int
tls_needs_a_connection(NOTHING)
{
        struct aw_stream *stream = aw_stream_open(STDERR_FILENO, NULL);
        struct aw_error error;

        expect_error(await(aw_stream_start_tls(stream, client_tls, "localhost", &error, AW_NEVER)),
                     EINVAL);
        expect_int(error.kind, AW_ERROR_USAGE);
        aw_stream_drop(stream);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(tls_begins_in_the_middle),
                on_loop(tls_that_does_not_begin),
                on_loop(plain_text_is_not_smuggled_into_tls),
                on_loop(before_tls_there_is_the_plain_stream),
                on_loop(tls_needs_a_connection),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
