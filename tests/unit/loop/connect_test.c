/* SPDX-License-Identifier: MIT */
/* How sockets begin and end. */
#include "unit/loop/socket_test.h"

/* Closing. */

static void
a_socket_can_be_closed_while_it_holds_output(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_true(end.held);
        aw_socket_close(end.socket);
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
a_socket_can_be_closed_in_writable(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        end.close_when_writable = true;
        aw_socket_want_write(end.socket);
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.writable, 1);
        close(fd);
}

static void
a_socket_can_close_another_that_has_data_too(void **state)
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
        close_end(*state, a.socket == NULL ? &b : &a);
        close(a_fd);
        close(b_fd);
}

static void
destroying_the_loop_closes_every_socket(void **state)
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
        aw_socket_close(closing.socket);
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

        *end = (struct end){.socket = NULL};
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == -1)
                assert_int_equal(errno, EINPROGRESS);
        end->socket = aw_socket_adopt(fd, true, &end_callbacks, end);
        assert_non_null(end->socket);
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
        send_all(&end, hello, 5);
        aw_socket_shutdown(end.socket);
        while (end.connected == 0)
                aw_loop_turn(*state, true);
        assert_int_equal(end.writable, 0);
        fd = accept(port, NULL, NULL);
        put(fd, "input");
        while (end.received < 5)
                aw_loop_turn(*state, true);
        assert_int_equal(read(fd, text, 5), 5);
        assert_string_equal(text, "hello");
        assert_int_equal(read(fd, text, 5), 0);
        assert_int_equal(end.connected, 1);
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
        assert_int_equal(end.connected, 0);
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
        aw_socket_close(end.socket);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        assert_int_equal(end.connected, 0);
        close(port);
}

static void
a_socket_can_be_closed_in_connected(void **state)
{
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true);

        begin_connect(&end, &address);
        end.close_when_connected = true;
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.connected, 1);
        assert_int_equal(end.closed, 1);
        assert_int_equal(end.writable, 0);
        assert_int_equal(end.error, 0);
        close(port);
}

/* Both are established in the same turn; whichever is told first closes the other. */
static void
a_socket_closed_just_before_it_was_connected_is_not_told(void **state)
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
        assert_int_equal(a.connected + b.connected, 1);
        a.victim = b.victim = NULL;
        close_end(*state, a.socket == NULL ? &b : &a);
        close(port);
}

static void
a_reset_closes_the_socket(void **state)
{
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        struct sockaddr_in address;
        struct end end;
        int port = bind_port(&address, true), fd;

        begin_connect(&end, &address);
        while (end.connected == 0)
                aw_loop_turn(*state, true);
        fd = accept(port, NULL, NULL);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        close(port);
}

/* In a child, which gives up the right to many descriptors. */
static int
adopt_a_high_descriptor(void)
{
        struct rlimit few = {100, 100};
        struct end end = {.socket = NULL};
        struct aw_loop *loop;
        int ends[2], failures = 0;

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1 || dup2(ends[0], 150) == -1 ||
            setrlimit(RLIMIT_NOFILE, &few) == -1)
                return 100;
        loop = test_loop();
        failures += aw_socket_adopt(150, false, &end_callbacks, &end) != NULL;
        failures += errno != EMFILE;
        some_turns(loop);
        failures += fcntl(150, F_GETFD) != -1;
        failures += end.closed;
        aw_loop_destroy(loop);
        return failures;
}

static void
a_descriptor_that_cannot_be_adopted_is_closed(void **state)
{
        int status;
        pid_t pid;

        (void)state;
#ifdef AW_CORO_VALGRIND
        /* It keeps the limits of descriptors to itself. */
        if (RUNNING_ON_VALGRIND)
                skip();
#endif
        pid = fork();
        if (pid == 0)
                _exit(adopt_a_high_descriptor());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(a_socket_can_be_closed_while_it_holds_output),
                with_loop(after_a_close_in_data_nothing_comes_but_closed),
                with_loop(a_socket_can_be_closed_in_writable),
                with_loop(a_socket_can_close_another_that_has_data_too),
                cmocka_unit_test(destroying_the_loop_closes_every_socket),
                with_loop(a_connection_is_established_and_works),
                with_loop(a_refused_connection_says_so),
                with_loop(a_connection_in_progress_can_be_closed),
                with_loop(a_socket_can_be_closed_in_connected),
                with_loop(a_socket_closed_just_before_it_was_connected_is_not_told),
                with_loop(a_reset_closes_the_socket),
                cmocka_unit_test(a_descriptor_that_cannot_be_adopted_is_closed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
