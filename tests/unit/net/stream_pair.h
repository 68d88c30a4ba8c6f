/* SPDX-License-Identifier: MIT */
/* Streams of connections, joined in pairs in each of the ways there are. */
#ifndef STREAM_PAIR_H
#define STREAM_PAIR_H

#include "await/tls.h"
#include "unit/net/stream_test.h"

/* How two streams are joined. */
static const struct way {
        const char *address;
        bool tls;
} ways[] = {{"127.0.0.1:0", false}, {"127.0.0.1:0", true}, {"unix:", false}, {"unix:", true}};

static struct aw_tls_context *server_tls, *client_tls, *strict_tls;
static char directory[] = "/tmp/await-XXXXXX", socket_address[64], socket_path[40];

static inline int
set_up(void **state)
{
        struct aw_error error;

        (void)state;
        if (mkdtemp(directory) == NULL)
                return -1;
        snprintf(socket_path, sizeof(socket_path), "%s/socket", directory);
        snprintf(socket_address, sizeof(socket_address), "unix:%s", socket_path);
        server_tls = aw_tls_context_server(NULL, NULL, &error);
        client_tls = aw_tls_context_client(NULL, true, &error);
        strict_tls = aw_tls_context_client(NULL, false, &error);
        return server_tls != NULL && client_tls != NULL && strict_tls != NULL ? 0 : -1;
}

static inline int
tear_down(void **state)
{
        (void)state;
        aw_tls_context_unref(server_tls);
        aw_tls_context_unref(client_tls);
        aw_tls_context_unref(strict_tls);
        return rmdir(directory);
}

static inline async struct aw_stream_listener *
listen_on(const struct way *way, const struct aw_stream_options *bounds)
{
        struct aw_stream_listen_options options = {
                .address = strcmp(way->address, "unix:") == 0 ? socket_address : way->address,
                .tls = way->tls ? server_tls : NULL};
        struct aw_error error = {0};
        struct aw_stream_listener *listener;

        if (bounds != NULL)
                options.bounds = *bounds;
        listener = await(aw_stream_listen(&options, &error));
        test_expect(listener != NULL, __FILE__, __LINE__, "it listens (%s)", error.text);
        return listener;
}

static inline async struct aw_stream *
connect_to(const char *address, const struct way *way, const struct aw_stream_options *bounds)
{
        struct aw_stream_connect_options options = {.address = address,
                                                    .tls = way->tls ? client_tls : NULL};
        struct aw_error error = {0};
        struct aw_stream *stream;

        if (bounds != NULL)
                options.bounds = *bounds;
        stream = await(aw_stream_connect(&options, &error, AW_NEVER));
        test_expect(stream != NULL, __FILE__, __LINE__, "it connects (%s)", error.text);
        return stream;
}

/* Streams joined in one of the ways: [0] the client's, [1] the server's. */
static inline async bool
open_way(struct aw_stream *streams[2], const struct way *way,
         const struct aw_stream_options *bounds)
{
        struct aw_stream_listener *listener = await(listen_on(way, bounds));

        if (listener == NULL)
                return false;
        streams[0] = await(connect_to(aw_stream_listener_address(listener, 0), way, bounds));
        streams[1] = await(aw_stream_accept(listener, AW_NEVER));
        aw_stream_listener_close(listener);
        return expect(streams[0] != NULL && streams[1] != NULL);
}

static inline async void
put_line_in(struct aw_stream *stream, const char *text)
{
        expect_int(await(aw_stream_write(stream, text, strlen(text), AW_NEVER)), 0);
}

static inline async void
talk_both_ways(struct aw_stream *client, struct aw_stream *server)
{
        char data[3];
        size_t got;

        await(put_line_in(client, "question\n"));
        expect_line(server, "question\n");
        await(put_line_in(server, "answer\nand more"));
        expect_line(client, "answer\n");
        expect_int(await(aw_stream_read_exactly(client, data, 3, &got, AW_NEVER)), 0);
        expect(got == 3 && memcmp(data, "and", 3) == 0);
        /* The client ends its direction, the server still answers. */
        aw_stream_shutdown(client);
        expect_line(server, "");
        await(put_line_in(server, "\nlast\n"));
        expect_int(await(aw_stream_flush(server, AW_NEVER)), 0);
        expect_int(await(aw_stream_close(server, AW_NEVER)), 0);
        expect_line(client, " more\n");
        expect_line(client, "last\n");
        expect_line(client, "");
        expect_int(await(aw_stream_close(client, AW_NEVER)), 0);
}

#endif
