/* SPDX-License-Identifier: MIT */
/* Streams of connections: TCP and Unix sockets, plain and over TLS. */
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "await/tls.h"
#include "unit/net/stream_test.h"

/* How two streams are joined. */
static const struct way {
        const char *address;
        bool tls;
} ways[] = {{"127.0.0.1:0", false}, {"127.0.0.1:0", true}, {"unix:", false}, {"unix:", true}};

static struct aw_tls_context *server_tls, *client_tls, *strict_tls;
static char directory[] = "/tmp/await-XXXXXX", socket_address[64], socket_path[40];

static int
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

static int
tear_down(void **state)
{
        (void)state;
        aw_tls_context_unref(server_tls);
        aw_tls_context_unref(client_tls);
        aw_tls_context_unref(strict_tls);
        return rmdir(directory);
}

static async struct aw_stream_listener *
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

static async struct aw_stream *
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
static async bool
open_pair(struct aw_stream *streams[2], const struct way *way,
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

static async void
in_each_way(async void (*test)(struct aw_stream *client, struct aw_stream *server))
{
        struct aw_stream *streams[2];
        int failures = test_failures;
        size_t i;

        for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                if (await(open_pair(streams, &ways[i], NULL)))
                        await(test(streams[0], streams[1]));
                if (test_failures > failures)
                        print_error("that was with: %s%s\n", ways[i].address,
                                    ways[i].tls ? ", TLS" : "");
                failures = test_failures;
        }
}

static async void
send_text(struct aw_stream *stream, const char *text)
{
        expect_int(await(aw_stream_write(stream, text, strlen(text), AW_NEVER)), 0);
}

static async void
talk(struct aw_stream *client, struct aw_stream *server)
{
        char data[3];
        size_t got;

        await(send_text(client, "question\n"));
        expect_line(server, "question\n");
        await(send_text(server, "answer\nand more"));
        expect_line(client, "answer\n");
        expect_int(await(aw_stream_read_exactly(client, data, 3, &got, AW_NEVER)), 0);
        expect(got == 3 && memcmp(data, "and", 3) == 0);
        /* The client ends its direction, the server still answers. */
        aw_stream_shutdown(client);
        expect_line(server, "");
        await(send_text(server, "\nlast\n"));
        expect_int(await(aw_stream_flush(server, AW_NEVER)), 0);
        expect_int(await(aw_stream_close(server, AW_NEVER)), 0);
        expect_line(client, " more\n");
        expect_line(client, "last\n");
        expect_line(client, "");
        expect_int(await(aw_stream_close(client, AW_NEVER)), 0);
}

static async int
both_sides_talk(NOTHING)
{
        await(in_each_way(talk));
        return 0;
}

static async void
give_up_reading(struct aw_stream *client, struct aw_stream *server)
{
        struct line_reader line = {.stream = server, .deadline = AW_NEVER};
        struct aw_task *task;
        char *unused;

        await(send_text(client, "ha"));
        expect_error(await(aw_stream_read_line(server, &unused, SOON)), ETIMEDOUT);
        task = aw_spawn("reader", read_a_line, &line);
        await(yield(5));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        await(send_text(client, "lf\n"));
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

        await(send_text(server, "not read\n"));
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

        await(send_text(server, "farewell\n"));
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
                if (!await(open_pair(streams, &ways[i], &bounds)))
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

/* Connecting */

/* A server that accepts into its backlog, and says nothing; its port. */
static int
open_silent(char *address, size_t size)
{
        struct sockaddr_in bound = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(bound);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&bound, sizeof(bound)), 0);
        assert_int_equal(listen(fd, 10), 0);
        getsockname(fd, (struct sockaddr *)&bound, &length);
        snprintf(address, size, "127.0.0.1:%u", ntohs(bound.sin_port));
        return fd;
}

static async void
expect_no_connection(const struct aw_stream_connect_options *options, aw_time deadline,
                     enum aw_error_kind kind, int number, const char *text)
{
        struct aw_error error = {0};
        struct aw_stream *stream = await(aw_stream_connect(options, &error, deadline));
        int got = errno;

        expect(stream == NULL);
        test_expect(error.kind == kind && error.number == number && got == number &&
                            strstr(error.text, text) != NULL,
                    __FILE__, __LINE__, "'%s' (%s, %s)", error.text, aw_error_kind_name(error.kind),
                    strerror(got));
        expect(await(aw_stream_connect(options, NULL, deadline)) == NULL);
}

static async int
addresses_that_cannot_be(NOTHING)
{
        static const char *const addresses[] = {"localhost", "localhost:",   "localhost:http",
                                                "a b:1",     "localhost:1/", "http://localhost:1",
                                                ":",         "unix:",        "[::1]"};
        struct aw_stream_connect_options options = {.address = NULL};
        char name[300] = "";
        size_t i;

        for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                options.address = addresses[i];
                await(expect_no_connection(&options, AW_NEVER, AW_ERROR_USAGE, EINVAL,
                                           addresses[i]));
        }
        options.address = NULL;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_USAGE, EINVAL, "no address"));
        options.address = "localhost:1";
        options.tls = client_tls;
        memset(name, 'x', sizeof(name) - 1);
        options.server_name = name;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_USAGE, EINVAL, "xxx"));
        return 0;
}

static async int
a_connection_fails(NOTHING)
{
        struct aw_stream_connect_options options = {.address = NULL};
        char address[64];
        int fd = open_silent(address, sizeof(address));

        close(fd);
        options.address = address;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CONNECTION, ECONNREFUSED,
                                   "cannot connect to 127.0.0.1:"));
        options.address = socket_address;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CONNECTION, ENOENT, socket_path));
        options.address = "nonesuch.invalid:1";
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_RESOLVE, EADDRNOTAVAIL,
                                   "cannot resolve nonesuch.invalid"));
        return 0;
}

struct connecting {
        struct aw_stream_connect_options options;
        struct aw_error error;
};

static async int
connect_task(void *argument)
{
        struct connecting *connecting = argument;
        struct aw_stream *stream =
                await(aw_stream_connect(&connecting->options, &connecting->error, AW_NEVER));
        int error = errno;

        aw_stream_drop(stream);
        errno = error;
        return stream == NULL ? -1 : 0;
}

static async int
connecting_times_out_and_is_cancelled(NOTHING)
{
        char address[64];
        int fd = open_silent(address, sizeof(address));
        struct connecting connecting = {.options = {.address = address, .tls = client_tls}};
        struct aw_task *task;

        await(expect_no_connection(&connecting.options, SOON, AW_ERROR_TIMEOUT, ETIMEDOUT,
                                   "time-out while"));
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(5 * AW_MILLISECOND));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(connecting.error.kind, AW_ERROR_CANCELLED);
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        close(fd);
        return 0;
}

/* More wait to be accepted than the backlog has room for. */
static async int
a_crowded_unix_socket_is_tried_again(NOTHING)
{
        struct sockaddr_un here = {.sun_family = AF_UNIX};
        struct connecting connecting = {.options = {.address = socket_address}};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[64];
        struct aw_task *task;
        size_t count = 0, i;

        snprintf(here.sun_path, sizeof(here.sun_path), "%s", socket_path);
        expect_int(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
        expect_int(listen(fd, 0), 0);
        do
                waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        while (connect(waiting[count++], (struct sockaddr *)&here, sizeof(here)) == 0 &&
               count < 64);
        expect_int(errno, EAGAIN);
        await(expect_no_connection(&connecting.options, SOON, AW_ERROR_TIMEOUT, ETIMEDOUT,
                                   "time-out while"));
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(AW_MILLISECOND));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(AW_MILLISECOND));
        expect(!aw_task_done(task));
        close(accept(fd, NULL, NULL));
        expect_int(await(aw_join(task)), 0);
        for (i = 0; i < count; i++)
                close(waiting[i]);
        close(fd);
        unlink(socket_path);
        return 0;
}

static async int
certificates_are_checked(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[1], NULL));
        struct aw_stream_connect_options options = {
                .address = aw_stream_listener_address(listener, 0), .tls = strict_tls};

        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CERTIFICATE, EPROTO,
                                   "certificate"));
        /* Nobody was accepted. */
        expect(await(aw_stream_accept(listener, SOON)) == NULL && errno == ETIMEDOUT);
        aw_stream_listener_close(listener);
        return 0;
}

static async int
a_peer_that_does_not_speak_tls_is_told_of(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[0], NULL));
        struct connecting connecting = {
                .options = {.address = aw_stream_listener_address(listener, 0), .tls = client_tls}};
        struct aw_task *task = aw_spawn("connect", connect_task, &connecting);
        struct aw_stream *stream = await(aw_stream_accept(listener, AW_NEVER));

        await(send_text(stream, "220 hello\r\n"));
        expect_error(await(aw_join(task)), EPROTO);
        expect_int(connecting.error.kind, AW_ERROR_TLS);
        aw_stream_drop(stream);
        /* One that goes away in the handshake. */
        task = aw_spawn("connect", connect_task, &connecting);
        stream = await(aw_stream_accept(listener, AW_NEVER));
        expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
        expect_int(await(aw_join(task)), -1);
        expect_int(connecting.error.kind, AW_ERROR_CONNECTION);
        expect(strstr(connecting.error.text, "during the TLS handshake") != NULL);
        aw_stream_listener_close(listener);
        return 0;
}

static async int
an_end_without_close_notify_is_no_end(NOTHING)
{
        struct aw_stream *streams[2];
        char data[10];

        if (!await(open_pair(streams, &ways[1], NULL)))
                return 0;
        /* All that TLS itself had to say has been read then. */
        await(send_text(streams[1], "hello\n"));
        expect_line(streams[0], "hello\n");
        await(send_text(streams[0], "cut"));
        expect_int(await(aw_stream_flush(streams[0], AW_NEVER)), 0);
        aw_stream_drop(streams[0]);
        expect_int(await(aw_stream_read_exactly(streams[1], data, 3, NULL, AW_NEVER)), 0);
        expect_error(await(aw_stream_read(streams[1], data, 1, AW_NEVER)), EPROTO);
        aw_stream_drop(streams[1]);
        return 0;
}

/* Listening */

static async int
accept_task(void *listener)
{
        struct aw_stream *stream = await(aw_stream_accept(listener, AW_NEVER));
        int error = errno;

        aw_stream_drop(stream);
        errno = error;
        return stream == NULL ? -1 : 0;
}

static async int
accepting_times_out_and_is_cancelled(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[0], NULL));
        struct aw_stream *client;
        struct aw_task *first, *second;

        expect(await(aw_stream_accept(listener, SOON)) == NULL && errno == ETIMEDOUT);
        first = aw_spawn("first", accept_task, listener);
        second = aw_spawn("second", accept_task, listener);
        await(yield(3));
        aw_cancel(first);
        expect_error(await(aw_join(first)), ECANCELED);
        client = await(connect_to(aw_stream_listener_address(listener, 0), &ways[0], NULL));
        expect_int(await(aw_join(second)), 0);
        aw_stream_drop(client);
        /* Closing it ends who waits. */
        first = aw_spawn("third", accept_task, listener);
        await(yield(3));
        aw_stream_listener_close(listener);
        expect_error(await(aw_join(first)), ESHUTDOWN);
        aw_stream_listener_close(NULL);
        return 0;
}

static async int
many_wait_to_be_accepted(NOTHING)
{
        enum { COUNT = 100 };
        struct aw_stream_listener *listener = await(listen_on(&ways[0], NULL));
        const char *address = aw_stream_listener_address(listener, 0);
        struct aw_stream *clients[COUNT], *stream;
        int i;

        for (i = 0; i < COUNT; i++)
                clients[i] = await(connect_to(address, &ways[0], NULL));
        for (i = 0; i < COUNT; i++) {
                stream = await(aw_stream_accept(listener, AW_NEVER));
                expect(stream != NULL);
                aw_stream_drop(stream);
                aw_stream_drop(clients[i]);
        }
        /* Some that nobody accepts. */
        for (i = 0; i < COUNT; i++)
                clients[i] = await(connect_to(address, &ways[0], NULL));
        aw_stream_listener_close(listener);
        for (i = 0; i < COUNT; i++) {
                char byte;

                expect(await(aw_stream_read(clients[i], &byte, 1, AW_NEVER)) <= 0);
                aw_stream_drop(clients[i]);
        }
        return 0;
}

static async int
all_addresses_of_the_machine_are_listened_on(NOTHING)
{
        static const struct way all = {.address = "*:0"};
        struct aw_stream_listener *listener = await(listen_on(&all, NULL));
        const char *address = aw_stream_listener_address(listener, 0);
        struct aw_stream *stream, *other;
        char here[32];

        if (!expect(address != NULL))
                return 0;
        snprintf(here, sizeof(here), "127.0.0.1:%s", strrchr(address, ':') + 1);
        stream = await(connect_to(here, &all, NULL));
        other = await(aw_stream_accept(listener, AW_NEVER));
        expect(stream != NULL && other != NULL);
        aw_stream_drop(stream);
        aw_stream_drop(other);
        aw_stream_listener_close(listener);
        return 0;
}

static async int
what_cannot_be_listened_on_is_told(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[0], NULL));
        struct aw_stream_listen_options options = {.address =
                                                           aw_stream_listener_address(listener, 0)};
        struct aw_error error;

        expect(aw_stream_listener_address(listener, 1) == NULL);
        expect(await(aw_stream_listen(&options, &error)) == NULL && errno == EADDRINUSE);
        expect_int(error.kind, AW_ERROR_LISTEN);
        expect(strstr(error.text, "cannot listen on 127.0.0.1:") != NULL);
        options.address = "127.0.0.1";
        expect(await(aw_stream_listen(&options, &error)) == NULL && errno == EINVAL);
        expect_int(error.kind, AW_ERROR_USAGE);
        expect(await(aw_stream_listen(&options, NULL)) == NULL && errno == EINVAL);
        aw_stream_listener_close(listener);
        return 0;
}

static async int
a_unix_socket_has_the_mode_it_should(NOTHING)
{
        struct aw_stream_listen_options options = {.address = socket_address, .socket_mode = 0600};
        struct aw_stream_listener *listener = await(aw_stream_listen(&options, NULL));
        struct stat status;

        expect(strcmp(aw_stream_listener_address(listener, 0), socket_address) == 0);
        expect_int(stat(socket_path, &status), 0);
        expect_int(status.st_mode & 0777, 0600);
        aw_stream_listener_close(listener);
        expect_int(stat(socket_path, &status), -1);
        return 0;
}

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
        await(send_text(upgrading->stream, "go ahead\n"));
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
                if (!await(open_pair(streams, &ways[i], NULL)))
                        continue;
                upgrading.stream = streams[1];
                task = aw_spawn("server", upgrade, &upgrading);
                aw_stream_describe(streams[0], text, sizeof(text));
                expect(strcmp(text, "plain") == 0);
                await(send_text(streams[0], "STARTTLS\n"));
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
                await(talk(streams[0], streams[1]));
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
        if (!await(open_pair(streams, &ways[0], NULL)))
                return 0;
        upgrading.stream = streams[1];
        task = aw_spawn("server", upgrade, &upgrading);
        await(send_text(streams[0], "STARTTLS\n"));
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
                if (!await(open_pair(streams, &ways[0], NULL)))
                        return 0;
                upgrading.stream = streams[1];
                task = aw_spawn("server", upgrade, &upgrading);
                await(send_text(streams[0], "STARTTLS\n"));
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

        if (!await(open_pair(streams, &ways[0], NULL)))
                return 0;
        upgrading.stream = streams[1];
        await(send_text(streams[0], "STARTTLS\nsmuggled\n"));
        expect_int(await(aw_stream_flush(streams[0], AW_NEVER)), 0);
        task = aw_spawn("server", upgrade, &upgrading);
        expect_error(await(aw_join(task)), EPROTO);
        expect_int(upgrading.error.kind, AW_ERROR_PROTOCOL);
        aw_stream_drop(streams[0]);
        aw_stream_drop(streams[1]);
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
                await(send_text(streams[0], "last words"));
                await(aw_stream_close(streams[0], AW_NEVER));
                aw_stream_drop(streams[1]);
                streams[0] =
                        await(connect_to(aw_stream_listener_address(listener, 0), &ways[i], NULL));
                await(send_text(streams[0], "last words"));
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
                on_loop(addresses_that_cannot_be),
                on_loop(a_connection_fails),
                on_loop(connecting_times_out_and_is_cancelled),
                on_loop(a_crowded_unix_socket_is_tried_again),
                on_loop(certificates_are_checked),
                on_loop(a_peer_that_does_not_speak_tls_is_told_of),
                on_loop(an_end_without_close_notify_is_no_end),
                on_loop(accepting_times_out_and_is_cancelled),
                on_loop(many_wait_to_be_accepted),
                on_loop(all_addresses_of_the_machine_are_listened_on),
                on_loop(what_cannot_be_listened_on_is_told),
                on_loop(a_unix_socket_has_the_mode_it_should),
                on_loop(tls_begins_in_the_middle),
                on_loop(tls_that_does_not_begin),
                on_loop(plain_text_is_not_smuggled_into_tls),
                on_loop(tls_needs_a_connection),
                cmocka_unit_test(nothing_is_left_open),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
