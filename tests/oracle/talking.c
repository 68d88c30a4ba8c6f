/* SPDX-License-Identifier: MIT */
/* Streams and child processes. */
#include <signal.h>

#include "await/process.h"
#include "await/stream.h"
#include "oracle/oracle.h"

static struct aw_stream_listener *listener;
static struct aw_stream *here, *there;

/* A connection: `here` is the client's end, `there` the server's. */
static async int
open_pair(size_t limit)
{
        struct aw_stream_listen_options on = {.address = "127.0.0.1:0"};
        struct aw_stream_connect_options to = {.bounds = {.limit = limit}};

        listener = await(aw_stream_listen(&on, NULL));
        if (listener == NULL)
                return -1;
        to.address = aw_stream_listener_address(listener, 0);
        here = await(aw_stream_connect(&to, NULL, AW_NEVER));
        there = here == NULL ? NULL : await(aw_stream_accept(listener, AW_NEVER));
        return there == NULL ? -1 : 0;
}

static async void
close_pair(void)
{
        await(aw_stream_close(here, AW_NEVER));
        await(aw_stream_close(there, AW_NEVER));
        aw_stream_listener_close(listener);
}

static async int
write_text(struct aw_stream *stream, const char *text)
{
        return await(aw_stream_write(stream, text, strlen(text), AW_NEVER));
}

static async void
say_line(aw_time deadline)
{
        char *text;
        ssize_t length = await(aw_stream_read_line(here, &text, deadline));

        if (length == -1)
                say_outcome(-1);
        else
                say("'%.*s'", (int)strcspn(text, "\n"), text);
}

/* test_streams: test_readexactly_eof. */
static async int
the_end_comes_too_early(void *unused)
{
        char data[6] = "";
        size_t got;

        (void)unused;
        if (await(open_pair(0)) == -1 || await(write_text(there, "abc")) == -1)
                return -1;
        aw_stream_shutdown(there);
        say_outcome(await(aw_stream_read_exactly(here, data, 5, &got, AW_NEVER)));
        say("%zu %s", got, data);
        await(close_pair());
        return 0;
}

/* test_streams: test_readuntil_limit_found_sep. */
static async int
a_line_that_is_too_long_stays(void *unused)
{
        char *text, data[41] = "";

        (void)unused;
        if (await(open_pair(16)) == -1 ||
            await(write_text(there, "0123456789012345678901234567890123456789\nnext\n")) == -1)
                return -1;
        say_outcome((int)await(aw_stream_read_until(here, "\n", 1, &text, AW_NEVER)));
        say_outcome(await(aw_stream_read_exactly(here, data, 40, NULL, AW_NEVER)));
        say("%s", data);
        await(say_line(AW_NEVER));
        await(say_line(AW_NEVER));
        await(close_pair());
        return 0;
}

/* test_streams: test_readline_eof. */
static async int
the_last_line_may_lack_its_end(void *unused)
{
        (void)unused;
        if (await(open_pair(0)) == -1 || await(write_text(there, "one\ntwo")) == -1)
                return -1;
        aw_stream_shutdown(there);
        for (int i = 0; i < 3; i++)
                await(say_line(AW_NEVER));
        await(close_pair());
        return 0;
}

static async int
one_direction_ends(void *unused)
{
        char data[100];
        ssize_t length;

        (void)unused;
        if (await(open_pair(0)) == -1 || await(write_text(here, "question")) == -1)
                return -1;
        aw_stream_shutdown(here);
        while ((length = await(aw_stream_read(there, data, sizeof(data), AW_NEVER))) > 0)
                say("%.*s", (int)length, data);
        if (await(write_text(there, "answer\n")) == -1)
                return -1;
        await(say_line(AW_NEVER));
        await(close_pair());
        return 0;
}

/* test_streams: test_readline_limit_with_existing_data, in time instead of length. */
static async int
a_read_that_is_late_loses_nothing(void *unused)
{
        (void)unused;
        if (await(open_pair(0)) == -1 || await(write_text(there, "half ")) == -1)
                return -1;
        await(say_line(within(20)));
        if (await(write_text(there, "whole\n")) == -1)
                return -1;
        await(say_line(AW_NEVER));
        await(close_pair());
        return 0;
}

/* test_server: test_close. */
static async int
a_server_closes_and_its_connections_live(void *unused)
{
        struct aw_stream_connect_options to = {.address = NULL};
        char address[64];

        (void)unused;
        if (await(open_pair(0)) == -1)
                return -1;
        snprintf(address, sizeof(address), "%s", aw_stream_listener_address(listener, 0));
        aw_stream_listener_close(listener);
        listener = NULL;
        to.address = address;
        if (await(aw_stream_connect(&to, NULL, AW_NEVER)) == NULL)
                say_outcome(-1);
        if (await(write_text(there, "still here\n")) == -1)
                return -1;
        await(say_line(AW_NEVER));
        await(close_pair());
        return 0;
}

/* Processes. */

static struct aw_process *
start(const char *script)
{
        const char *const words[] = {"/bin/sh", "-c", script, NULL};
        struct aw_process_options options = {.argv = words,
                                             .input = {.kind = AW_STDIO_PIPE},
                                             .output = {.kind = AW_STDIO_PIPE},
                                             .error = {.kind = AW_STDIO_OUTPUT}};

        return aw_process_start(&options, NULL);
}

/* As Process.returncode: negative for a signal. */
static async int
say_status(struct aw_process *process, aw_time deadline)
{
        struct aw_process_status status;

        if (await(aw_process_wait(process, &status, deadline)) == -1)
                say_outcome(-1);
        else
                say("%d", status.signal != 0 ? -status.signal : status.code);
        return 0;
}

/* test_subprocess: test_shell, test_terminate. */
static async int
how_a_process_ended(void *unused)
{
        struct aw_process *process = start("exit 3");

        (void)unused;
        await(say_status(process, AW_NEVER));
        aw_process_free(process);
        process = start("kill -TERM $$");
        await(say_status(process, AW_NEVER));
        aw_process_free(process);
        return 0;
}

/* test_subprocess: test_kill. */
static async int
a_process_that_takes_too_long(void *unused)
{
        struct aw_process *process = start("exec sleep 1000");

        (void)unused;
        await(say_status(process, within(5)));
        say_outcome(aw_process_signal(process, SIGKILL));
        await(say_status(process, AW_NEVER));
        say_outcome(aw_process_signal(process, SIGKILL));
        aw_process_free(process);
        return 0;
}

/* test_subprocess: test_stdin_stdout. */
static async int
a_process_reads_and_writes(void *unused)
{
        struct aw_process *process = start("cat; echo error >&2; exit 1");

        (void)unused;
        if (await(write_text(aw_process_input(process), "some data\n")) == -1)
                return -1;
        aw_stream_shutdown(aw_process_input(process));
        here = aw_process_output(process);
        for (int i = 0; i < 3; i++)
                await(say_line(AW_NEVER));
        await(say_status(process, AW_NEVER));
        aw_process_free(process);
        return 0;
}

/* test_subprocess: test_exec_loop_deprecated's neighbours; asyncio: FileNotFoundError. */
static async int
a_program_that_is_not_there(void *unused)
{
        static const char *const words[] = {"/nonexistent/program", NULL};
        struct aw_process_options options = {.argv = words};

        (void)unused;
        if (aw_process_start(&options, NULL) == NULL)
                say_outcome(-1);
        return 0;
}

static async int
wait_for_the_process(void *process)
{
        return await(say_status(process, AW_NEVER));
}

static async int
two_wait_for_one_process(void *unused)
{
        struct aw_process *process = start("read line; exit 4");
        struct aw_task *tasks[] = {aw_spawn("a", wait_for_the_process, process),
                                   aw_spawn("b", wait_for_the_process, process)};

        (void)unused;
        await(nap(2));
        aw_stream_shutdown(aw_process_input(process));
        await(aw_gather(tasks, 2, NULL));
        aw_process_free(process);
        return 0;
}

static const struct scenario scenarios[] = {
        SCENARIO(the_end_comes_too_early),
        SCENARIO(a_line_that_is_too_long_stays),
        SCENARIO(the_last_line_may_lack_its_end),
        SCENARIO(one_direction_ends),
        SCENARIO(a_read_that_is_late_loses_nothing),
        SCENARIO(a_server_closes_and_its_connections_live),
        SCENARIO(how_a_process_ended),
        SCENARIO(a_process_that_takes_too_long),
        SCENARIO(a_process_reads_and_writes),
        SCENARIO(a_program_that_is_not_there),
        SCENARIO(two_wait_for_one_process),
};

ORACLE_MAIN(scenarios)
