/* SPDX-License-Identifier: MIT */
/* Sockets that are handed from listener to listener, and what follows for their connections. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "unit/clock.h"
#include "unit/names.h"
#include "unit/ws/raw.h"
#include "ws/listener_private.h"

static async struct ws_listener *
adopt(const char *url, const int *descriptors, size_t count)
{
        struct ws_listen_options options = {
                .url = url, .descriptors = descriptors, .descriptor_count = count};
        struct aw_error error = {.text = ""};
        struct ws_listener *listener = await(ws_listen(&options, &error));

        test_expect(listener != NULL, __FILE__, __LINE__, "adopting: %s", error.text);
        return listener;
}

static async void
expect_served(struct ws_listener *listener, const char *url)
{
        struct connecting connecting = {.deadline = 0};
        struct ws *server;

        connect_start(&connecting, url);
        server = await(ws_accept(listener, SOON));
        expect(server != NULL);
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        ws_drop(server);
}

static async int
connections_wait_in_a_socket_for_its_next_listener(NOTHING)
{
        int fds[WS_ADDRESSES_MAX], early;
        char url[64], head[4096];
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct ws *server;

        snprintf(url, sizeof(url), "%s", ws_listener_url(listener, 0));
        expect_int(ws_listener_release(listener, fds), 1);
        early = raw_connect(url, 0);
        raw_send(early, RAW_REQUEST, strlen(RAW_REQUEST));

        listener = await(adopt("ws://*:1", fds, 1));
        expect(strcmp(ws_listener_url(listener, 0), url) == 0);
        server = await(ws_accept(listener, SOON));
        await(raw_read_head(early, head));
        expect(strstr(head, RAW_ACCEPT) != NULL);
        await(expect_served(listener, url));
        /* The socket outlives that one, too. */
        ws_listener_close(listener);
        listener = await(adopt(ANY_PORT, fds, 1));
        await(expect_served(listener, url));
        ws_listener_close(listener);
        ws_drop(server);
        close(early);
        close(fds[0]);
        return 0;
}

static int
tcp_option(const struct ws *ws, int name)
{
        int value = -1;
        socklen_t size = sizeof(value);

        expect_int(getsockopt(socket_of(ws), IPPROTO_TCP, name, &value, &size), 0);
        return value;
}

/* Accepts who connected; the options of its socket are right. */
static async void
expect_options(struct ws_listener *listener, int fd)
{
        struct ws *server;

        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        server = await(ws_accept(listener, SOON));
        expect(server != NULL);
        expect_int(tcp_option(server, TCP_NODELAY), 1);
        expect_int(tcp_option(server, TCP_USER_TIMEOUT), AW_TRANSPORT_SILENCE * 1000);
        ws_drop(server);
        close(fd);
}

static async int
who_connected_before_a_socket_was_adopted_has_the_options_too(NOTHING)
{
        char url[64];
        int fd = raw_listen(url, 8), early[] = {raw_connect(url, 0), raw_connect(url, 0)};
        struct ws_listener *listener = await(adopt(ANY_PORT, &fd, 1));

        await(expect_options(listener, early[0]));
        await(expect_options(listener, early[1]));
        await(expect_options(listener, raw_connect(url, 0)));
        ws_listener_close(listener);
        close(fd);
        listener = await(listen_at(ANY_PORT, NULL));
        await(expect_options(listener, raw_connect(ws_listener_url(listener, 0), 0)));
        ws_listener_close(listener);
        return 0;
}

static async int
the_file_of_an_adopted_unix_socket_stays(NOTHING)
{
        const char *directory = getenv("TMPDIR");
        char url[120];
        int fds[WS_ADDRESSES_MAX];
        struct ws_listener *listener;
        struct stat status;

        snprintf(url, sizeof(url), "unix:%s/ws_sockets_test.%d",
                 directory == NULL ? "/tmp" : directory, (int)getpid());
        listener = await(listen_at(url, NULL));
        expect_int(ws_listener_release(listener, fds), 1);
        expect_int(stat(url + 5, &status), 0);
        listener = await(adopt(url, fds, 1));
        expect(strcmp(ws_listener_url(listener, 0), url) == 0);
        ws_listener_close(listener);
        expect_int(unlink(url + 5), 0);
        close(fds[0]);
        return 0;
}

static async int
what_cannot_be_adopted_is_said_and_left_alone(NOTHING)
{
        int fds[WS_ADDRESSES_MAX + 1] = {0};
        struct ws_listen_options options = {
                .url = ANY_PORT, .descriptors = fds, .descriptor_count = WS_ADDRESSES_MAX + 1};
        struct aw_error error;
        char url[64];

        fds[0] = raw_listen(url, 1);
        expect(await(ws_listen(&options, &error)) == NULL);
        expect(strstr(error.text, "cannot listen on 17 sockets") != NULL);
        options.descriptor_count = 2;
        fds[1] = 1 << 20;
        expect(await(ws_listen(&options, &error)) == NULL);
        expect_int(error.kind, AW_ERROR_LISTEN);
        expect(strstr(error.text, "descriptor 1048576: Bad file descriptor") != NULL);
        close(raw_connect(url, 0));
        close(fds[0]);
        return 0;
}

static async struct ws_listener *
share(const char *url, enum ws_sharing sharing, struct aw_error *error)
{
        struct ws_listen_options options = {.url = url, .sharing = sharing};

        return await(ws_listen(&options, error));
}

static async int
a_shared_port_is_first_nobodys_and_then_of_those_who_join(NOTHING)
{
        struct aw_error error = {.text = ""};
        struct ws_listener *first = await(share(ANY_PORT, WS_SHARING_FIRST, &error)), *second;
        const char *url = ws_listener_url(first, 0);
        int fds[64];

        expect(await(share(url, WS_SHARING_NONE, &error)) == NULL);
        expect(await(share(url, WS_SHARING_FIRST, &error)) == NULL);
        expect_int(error.kind, AW_ERROR_LISTEN);
        second = await(share(url, WS_SHARING_JOIN, &error));
        test_expect(second != NULL, __FILE__, __LINE__, "joining: %s", error.text);
        /* Each gets some: that one gets none of 64 has a chance of 2^-63. */
        for (int i = 0; i < 64; i++) {
                fds[i] = raw_connect(url, 0);
                raw_send(fds[i], RAW_REQUEST, strlen(RAW_REQUEST));
        }
        wait_until(first->accept_first != NULL && second->accept_first != NULL);
        for (int i = 0; i < 64; i++)
                close(fds[i]);
        ws_listener_close(second);
        await(expect_served(first, url));
        ws_listener_close(first);
        return 0;
}

static async int
a_listener_that_stops_finishes_handshakes_and_takes_no_more(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        const char *url = ws_listener_url(listener, 0);
        struct ws *open, *late;
        int talking = await(raw_client(listener, &open, 0));
        int half = raw_connect(url, 0);
        char head[4096];

        raw_send(half, RAW_REQUEST, 10);
        wait_until(listener->connections != NULL && listener->connections->next != NULL);
        ws_listener_stop(listener);
        raw_text(talking, "still here");
        expect_received(open, "still here");
        ws_listener_close(listener);
        close(half);
        close(talking);
        ws_drop(open);

        listener = await(listen_at(ANY_PORT, NULL));
        half = raw_connect(ws_listener_url(listener, 0), 0);
        raw_send(half, RAW_REQUEST, 10);
        wait_until(listener->connections != NULL);
        ws_listener_stop(listener);
        expect_error(await(ws_accept(listener, NOW_OR_NOT)) == NULL ? -1 : 0, ETIMEDOUT);
        raw_send(half, &RAW_REQUEST[10], strlen(RAW_REQUEST) - 10);
        late = await(ws_accept(listener, SOON));
        expect(late != NULL);
        await(raw_read_head(half, head));
        raw_text(half, "served");
        expect_received(late, "served");
        expect_error(await(ws_accept(listener, SOON)) == NULL ? -1 : 0, ESHUTDOWN);
        ws_drop(late);
        ws_listener_close(listener);
        close(half);
        return 0;
}

static async int
who_accepts_is_woken_when_the_last_handshake_fails(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        int half = raw_connect(ws_listener_url(listener, 0), 0);

        wait_until(listener->connections != NULL);
        ws_listener_stop(listener);
        close(half);
        expect_error(await(ws_accept(listener, SOON)) == NULL ? -1 : 0, ESHUTDOWN);
        ws_listener_close(listener);
        return 0;
}

static async int
new_options_are_those_of_new_connections(NOTHING)
{
        struct ws_listen_options options = {.max_message = 10};
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct ws *before, *after;
        struct ws_message message;
        int old = await(raw_client(listener, &before, 0)), new;

        ws_listener_update(listener, &options);
        new = await(raw_client(listener, &after, 0));
        raw_text(old, "more than ten bytes");
        raw_text(new, "more than ten bytes");
        expect_received(before, "more than ten bytes");
        expect_error(await(ws_receive(after, &message, SOON)), EMSGSIZE);
        expect_log("closing with 1009");
        ws_drop(before);
        ws_drop(after);
        ws_listener_close(listener);
        close(old);
        close(new);
        return 0;
}

static async int
another_certificate_is_for_new_connections(NOTHING)
{
        struct aw_error error;
        struct ws_listen_options options = {.tls = aw_tls_context_server(NULL, NULL, &error)};
        struct aw_tls_context *first = aw_tls_context_server(NULL, NULL, &error);
        struct ws_listener *listener = await(listen_at("wss://127.0.0.1:0", first));

        aw_tls_context_unref(first);
        ws_listener_update(listener, &options);
        expect(listener->tls == options.tls);
        /* None is given: it stays. */
        ws_listener_update(listener, &(struct ws_listen_options){.max_message = 10});
        expect(listener->tls == options.tls);
        ws_listener_close(listener);
        aw_tls_context_unref(options.tls);
        return 0;
}

static async int
a_url_can_be_checked_without_listening(NOTHING)
{
        struct ws_listen_options options = {.url = "ws://127.0.0.1:1"};
        struct aw_error error;

        expect_int(await(ws_listen_check(&options, &error)), 0);
        options.url = "ws://three.test";
        names_are("127.0.0.1", NULL, NULL, NULL);
        expect_int(await(ws_listen_check(&options, &error)), 0);
        names_error = EAI_NONAME;
        expect_error(await(ws_listen_check(&options, &error)), EADDRNOTAVAIL);
        expect_int(error.kind, AW_ERROR_RESOLVE);
        names_error = 0;
        options.url = "wss://127.0.0.1";
        expect_error(await(ws_listen_check(&options, &error)), EINVAL);
        expect_int(error.kind, AW_ERROR_USAGE);
        options.url = "unix:/nonexistent/socket";
        expect_error(await(ws_listen_check(&options, &error)), ENOENT);
        expect_int(error.kind, AW_ERROR_LISTEN);
        options.url = "unix:@no-file";
        expect_int(await(ws_listen_check(&options, &error)), 0);
        options.url = NULL;
        expect_error(await(ws_listen_check(&options, NULL)), EINVAL);
        return 0;
}

/* A listener that gives a message which has begun ten seconds. */
static async int
begin_message(struct ws_listener **listener, struct ws **server)
{
        struct ws_listen_options options = {.url = ANY_PORT, .drain_time = 10 * AW_SECOND};
        int fd;

        *listener = await(ws_listen(&options, NULL));
        fd = await(raw_client(*listener, server, 0));
        raw_frame(fd, 0x01, RAW_MASK, "half a message, ", 16);
        wait_until(half_a_message(*server) != NULL);
        ws_listener_drain(*listener);
        return fd;
}

static async int
a_message_that_has_begun_may_end_while_the_listener_drains(NOTHING)
{
        struct ws_listener *listener;
        struct ws_message message;
        struct ws *server;
        int fd = await(begin_message(&listener, &server));

        expect_error(await(ws_receive(server, &message, NOW_OR_NOT)), ETIMEDOUT);
        raw_frame(fd, 0x80, RAW_MASK, "and the rest", 12);
        expect_received(server, "half a message, and the rest");
        expect_error(await(ws_receive(server, &message, SOON)), ESHUTDOWN);
        raw_expect_close(fd, WS_GOING_AWAY);
        ws_drop(server);
        ws_listener_close(listener);
        close(fd);
        return 0;
}

static async int
receive_in_task(void *argument)
{
        struct ws_message message;

        expect_error(await(ws_receive(argument, &message, AW_NEVER)), ESHUTDOWN);
        return 0;
}

static async int
a_message_that_does_not_end_is_not_waited_for(NOTHING)
{
        struct ws_listener *listener;
        struct ws *server;
        int fd = await(begin_message(&listener, &server));
        struct aw_task *task = aw_spawn("receive", receive_in_task, server);

        await(clock_advance(9 * AW_SECOND));
        expect(!aw_task_done(task));
        await(clock_advance(2 * AW_SECOND));
        expect_int(await(aw_join(task)), 0);
        raw_expect_close(fd, WS_GOING_AWAY);
        ws_drop(server);
        ws_listener_close(listener);
        close(fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(connections_wait_in_a_socket_for_its_next_listener),
                on_loop(who_connected_before_a_socket_was_adopted_has_the_options_too),
                on_loop(the_file_of_an_adopted_unix_socket_stays),
                on_loop(what_cannot_be_adopted_is_said_and_left_alone),
                on_loop(a_shared_port_is_first_nobodys_and_then_of_those_who_join),
                on_loop(a_listener_that_stops_finishes_handshakes_and_takes_no_more),
                on_loop(who_accepts_is_woken_when_the_last_handshake_fails),
                on_loop(new_options_are_those_of_new_connections),
                on_loop(another_certificate_is_for_new_connections),
                on_loop(a_url_can_be_checked_without_listening),
                on_loop(a_message_that_has_begun_may_end_while_the_listener_drains),
                on_loop(a_message_that_does_not_end_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
