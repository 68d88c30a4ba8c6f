/* SPDX-License-Identifier: MIT */
/* A line echo, server and client: start_server and open_connection, plain and over TLS. */
#include <await/stream.h>
#include <await/tls.h>
#include <stdio.h>

static struct aw_tls_context *theirs, *ours;

static async int
echo(void *listener)
{
        struct aw_stream *stream = await(aw_stream_accept(listener, AW_NEVER));
        char *line;
        ssize_t length;

        while (stream != NULL && (length = await(aw_stream_read_line(stream, &line, AW_NEVER))) > 0)
                if (await(aw_stream_write(stream, line, (size_t)length, AW_NEVER)) == -1)
                        break;
        return await(aw_stream_close(stream, AW_NEVER));
}

static async int
talk(const char *name, bool tls)
{
        struct aw_stream_listen_options on = {.address = "127.0.0.1:0", .tls = tls ? theirs : NULL};
        struct aw_stream_listener *listener = await(aw_stream_listen(&on, NULL));
        struct aw_task *task = listener == NULL ? NULL : aw_spawn("echo", echo, listener);
        struct aw_stream_connect_options there = {.tls = tls ? ours : NULL};
        if (task == NULL)
                return -1;
        there.address = aw_stream_listener_address(listener, 0);
        struct aw_stream *stream = await(aw_stream_connect(&there, NULL, AW_NEVER));
        char *reply;

        if (stream != NULL && await(aw_stream_write(stream, "Hello World!\n", 13, AW_NEVER)) == 0 &&
            await(aw_stream_read_line(stream, &reply, AW_NEVER)) > 0)
                printf("%s: %s", name, reply);
        await(aw_stream_close(stream, AW_NEVER));
        aw_stream_listener_close(listener);
        return await(aw_join(task));
}

static async int
line_echo(void *unused)
{
        (void)unused;
        return await(talk("plain", false)) == -1 ? -1 : await(talk("TLS", true));
}

int
main(int argc, char **files)
{
        struct aw_error error;

        if (argc != 4 || (theirs = aw_tls_context_server(files[1], files[2], &error)) == NULL ||
            (ours = aw_tls_context_client(files[3], false, &error)) == NULL)
                return 1;
        return aw_run(NULL, line_echo, NULL) == -1;
}
