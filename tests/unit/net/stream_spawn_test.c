/* SPDX-License-Identifier: MIT */
/* Wraps: aw_spawn. */
/* Streams of descriptors for whose task there is no memory. */
#include "unit/net/stream_kinds.h"

static bool failing; /* the task that sends */

struct aw_task *__real_aw_spawn(const char *name, aw_task_function *function, void *argument);
struct aw_task *__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument);

struct aw_task *
__wrap_aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        if (!failing || strcmp(name, "stream send") != 0)
                return __real_aw_spawn(name, function, argument);
        errno = ENOMEM;
        return NULL;
}

static async int
what_could_not_be_written_is_not_sent_later(NOTHING)
{
        int ends[2];
        struct aw_stream *writer;
        char got[20] = "";

        make_pipe(ends);
        writer = aw_stream_open(ends[1], NULL);
        failing = true;
        expect_error(await(aw_stream_write(writer, "lost", 4, AW_NEVER)), ENOMEM);
        failing = false;
        expect_int(await(aw_stream_write(writer, "kept", 4, AW_NEVER)), 0);
        expect_int(await(aw_stream_flush(writer, AW_NEVER)), 0);
        expect_int(read(ends[0], got, sizeof(got)), 4);
        expect(strcmp(got, "kept") == 0);
        expect_int(await(aw_stream_close(writer, AW_NEVER)), 0);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

static async int
an_end_that_could_not_be_sent_is_an_error(NOTHING)
{
        int ends[2];
        struct aw_stream *writer;

        make_sockets(ends);
        writer = aw_stream_open(ends[1], NULL);
        failing = true;
        aw_stream_shutdown(writer);
        failing = false;
        expect_error(await(aw_stream_flush(writer, AW_NEVER)), ENOMEM);
        expect_error(await(aw_stream_write(writer, "x", 1, AW_NEVER)), ENOMEM);
        aw_stream_drop(writer);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_could_not_be_written_is_not_sent_later),
                on_loop(an_end_that_could_not_be_sent_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
