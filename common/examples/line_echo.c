/* SPDX-License-Identifier: MIT */
/* A line echo, plain and over TLS: line_echo [CERT KEY CA]. Without them it makes a certificate. */
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

/* Plain if it is given no context. */
static async int
talk(void *tls)
{
        struct aw_stream_listen_options on = {.address = "127.0.0.1:0", .tls = tls ? theirs : NULL};
        struct aw_stream_listener *listener = await(aw_stream_listen(&on, NULL));
        struct aw_task *task = listener == NULL ? NULL : aw_spawn("echo", echo, listener);
        struct aw_stream_connect_options there = {.tls = tls};
        struct aw_stream *stream;
        char *reply;

        if (task == NULL)
                return -1;
        there.address = aw_stream_listener_address(listener, 0);
        fprintf(stderr, "listening on %s\n", there.address);
        stream = await(aw_stream_connect(&there, NULL, AW_NEVER));
        if (stream != NULL && await(aw_stream_write(stream, "Hello World!\n", 13, AW_NEVER)) == 0 &&
            await(aw_stream_read_line(stream, &reply, AW_NEVER)) > 0)
                printf("%s: %s", tls == NULL ? "plain" : "TLS", reply);
        await(aw_stream_close(stream, AW_NEVER));
        aw_stream_listener_close(listener);
        return await(aw_join(task));
}

int
main(int argc, char **words)
{
        char *none[4] = {NULL}, **files = argc == 4 ? words : none;
        struct aw_error error;

        theirs = aw_tls_context_server(files[1], files[2], &error);
        ours = theirs ? aw_tls_context_client(files[3], files[3] == NULL, &error) : NULL;
        if (ours != NULL)
                return aw_run(NULL, talk, NULL) == -1 || aw_run(NULL, talk, ours) == -1;
        fprintf(stderr, "%s\n", error.text);
        return 1;
}
