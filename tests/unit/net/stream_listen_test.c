/* SPDX-License-Identifier: MIT */
/* Listening for streams, and accepting them. */
#include <sys/socket.h>
#include <sys/stat.h>

#include "unit/net/stream_pair.h"

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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(accepting_times_out_and_is_cancelled),
                on_loop(many_wait_to_be_accepted),
                on_loop(all_addresses_of_the_machine_are_listened_on),
                on_loop(what_cannot_be_listened_on_is_told),
                on_loop(a_unix_socket_has_the_mode_it_should),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
