/* SPDX-License-Identifier: MIT */
/* How transports begin and end. */
#include <netinet/tcp.h>

#include "unit/net/transport_test.h"

/* Closing. */

static void
a_transport_can_be_closed_while_it_holds_output(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_true(end.held);
        aw_transport_close(end.transport);
        aw_loop_turn(*state, false);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.error, 0);
        some_turns(*state);
        close(fd);
        free(data);
}

static void
after_a_close_in_data_nothing_comes_but_closed(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        end.close_when_data = true;
        put(fd, "hello");
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.pieces, 1);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.writable, 0);
        close(fd);
}

static void
a_transport_can_be_closed_in_writable(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        end.close_when_writable = true;
        aw_transport_want_write(end.transport);
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.writable, 1);
        close(fd);
}

static void
a_transport_can_close_another_that_has_data_too(void **state)
{
        struct end a, b;
        int a_fd = connect_end(&a), b_fd = connect_end(&b);

        a.victim = &b;
        b.victim = &a;
        put(a_fd, "hello");
        put(b_fd, "hello");
        while (a.closed + b.closed == 0)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_int_equal(a.closed + b.closed, 1);
        assert_int_equal(a.pieces + b.pieces, 1);
        close_end(*state, a.transport == NULL ? &b : &a);
        close(a_fd);
        close(b_fd);
}

static void
destroying_the_loop_closes_every_transport(void **state)
{
        struct aw_loop *loop = test_loop();
        uint8_t *data = make_big();
        struct end idle, held, closing;
        int fds[3] = {connect_end(&idle), connect_end(&held), connect_end(&closing)}, i;
        char byte;

        (void)state;
        send_all(&held, data, BIG);
        some_turns(loop);
        assert_true(held.held);
        aw_transport_close(closing.transport);
        aw_loop_destroy(loop);
        assert_int_equal(idle.closed, 1);
        assert_int_equal(held.closed, 1);
        assert_int_equal(closing.closed, 1);
        for (i = 0; i < 3; i++) {
                while (read(fds[i], &byte, 1) == 1)
                        continue;
                close(fds[i]);
        }
        free(data);
}

/* Connecting. */

/* A socket that listens on the loopback, or only has a port there; fills in the address. */
static int
bind_port(struct sockaddr_in *address, bool listening)
{
        socklen_t size = sizeof(*address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
        if (listening)
                assert_int_equal(listen(fd, 5), 0);
        return fd;
}

static void
begin_connect(struct end *end, const struct sockaddr_in *address)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        *end = (struct end){.transport = NULL};
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == -1)
                assert_int_equal(errno, EINPROGRESS);
        end->transport = aw_transport_open(fd, AW_TRANSPORT_CONNECTING, NULL, &end_callbacks, end);
        assert_non_null(end->transport);
}

static void
a_connection_is_established_and_works(void **state)
{
        static uint8_t hello[] = "hello";
        struct sockaddr_in address;
        struct end end;
        char text[6] = "";
        int port = bind_port(&address, true), fd;

        begin_connect(&end, &address);
        /* Asked for too early, but not forgotten. */
        end.shuts_down = true;
        send_all(&end, hello, 5);
        while (end.established == 0)
                aw_loop_turn(*state, true);
        fd = accept(port, NULL, NULL);
        put(fd, "input");
        while (end.received < 5)
                aw_loop_turn(*state, true);
        assert_int_equal(read(fd, text, 5), 5);
        assert_string_equal(text, "hello");
        assert_int_equal(read(fd, text, 5), 0);
        assert_int_equal(end.established, 1);
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        close(port);
}

static void
a_refused_connection_says_so(void **state)
{
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, false);

        begin_connect(&end, &address);
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.error, ECONNREFUSED);
        assert_int_equal(end.established, 0);
        assert_int_equal(end.writable, 0);
        close(port);
}

static void
a_connection_in_progress_can_be_closed(void **state)
{
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true);

        begin_connect(&end, &address);
        aw_transport_close(end.transport);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        assert_int_equal(end.established, 0);
        close(port);
}

static void
a_transport_can_be_closed_in_connected(void **state)
{
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true);

        begin_connect(&end, &address);
        end.close_when_established = true;
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.established, 1);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.writable, 0);
        assert_int_equal(end.error, 0);
        close(port);
}

/* Both are established in the same turn; whichever is told first closes the other. */
static void
a_transport_closed_just_before_it_was_connected_is_not_told(void **state)
{
        struct sockaddr_in address;
        struct end a, b;
        int port = bind_port(&address, true);

        begin_connect(&a, &address);
        begin_connect(&b, &address);
        a.victim = &b;
        b.victim = &a;
        while (a.closed + b.closed == 0)
                aw_loop_turn(*state, true);
        assert_int_equal(a.established + b.established, 1);
        a.victim = b.victim = NULL;
        close_end(*state, a.transport == NULL ? &b : &a);
        close(port);
}

static void
a_reset_is_told(void **state)
{
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true), fd;

        begin_connect(&end, &address);
        while (end.established == 0)
                aw_loop_turn(*state, true);
        fd = accept(port, NULL, NULL);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, ECONNRESET);
        assert_int_equal(end.ended, 0);
        close(port);
}

/* What the peer sent before it broke the connection is not lost. */
static void
data_before_a_reset_arrives(void **state)
{
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true), fd;
        uint8_t *data = make_big();

        begin_connect(&end, &address);
        while (end.established == 0)
                aw_loop_turn(*state, true);
        fd = accept(port, NULL, NULL);
        put(fd, "last words");
        send_all(&end, data, BIG);
        /* Both are on their way before the loop looks again. */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.received, 10);
        assert_true(end.error == ECONNRESET || end.error == EPIPE);
        free(data);
        close(port);
}

static void
a_reset_of_ours_is_one_for_the_peer(void **state)
{
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true), fd;
        char byte;

        begin_connect(&end, &address);
        while (end.established == 0)
                aw_loop_turn(*state, true);
        fd = accept(port, NULL, NULL);
        aw_transport_reset(end.transport);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        some_turns(*state);
        assert_int_equal(read(fd, &byte, 1), -1);
        assert_int_equal(errno, ECONNRESET);
        close(fd);
        close(port);
}

static int
option(int fd, int level, int name)
{
        int value = -1;
        socklen_t size = sizeof(value);

        assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
        return value;
}

static void
a_peer_that_vanishes_would_be_noticed(void **state)
{
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true), fd;

        begin_connect(&end, &address);
        fd = aw_transport_fd(end.transport);
        assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_true(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
                            option(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
                                    option(fd, IPPROTO_TCP, TCP_KEEPCNT) <=
                    AW_TRANSPORT_SILENCE);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), AW_TRANSPORT_SILENCE * 1000);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        close_end(*state, &end);
        close(port);
}

static void
a_descriptor_that_cannot_be_polled_is_closed(void **state)
{
        struct end end = {.transport = NULL};
        int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

        assert_null(aw_transport_open(fd, AW_TRANSPORT_CONNECTED, NULL, &end_callbacks, &end));
        assert_int_equal(errno, EPERM);
        some_turns(*state);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(end.closed, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(a_transport_can_be_closed_while_it_holds_output),
                with_loop(after_a_close_in_data_nothing_comes_but_closed),
                with_loop(a_transport_can_be_closed_in_writable),
                with_loop(a_transport_can_close_another_that_has_data_too),
                cmocka_unit_test(destroying_the_loop_closes_every_transport),
                with_loop(a_connection_is_established_and_works),
                with_loop(a_refused_connection_says_so),
                with_loop(a_connection_in_progress_can_be_closed),
                with_loop(a_transport_can_be_closed_in_connected),
                with_loop(a_transport_closed_just_before_it_was_connected_is_not_told),
                with_loop(a_reset_is_told),
                with_loop(data_before_a_reset_arrives),
                with_loop(a_reset_of_ours_is_one_for_the_peer),
                with_loop(a_peer_that_vanishes_would_be_noticed),
                with_loop(a_descriptor_that_cannot_be_polled_is_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
