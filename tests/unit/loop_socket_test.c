/* SPDX-License-Identifier: MIT */
#include "loop_socket_test.h"

#define BIG ((size_t)4 << 20)

static uint8_t *
make_big(void)
{
        uint8_t *data = malloc(BIG);
        size_t i;

        assert_non_null(data);
        for (i = 0; i < BIG; i++)
                data[i] = (uint8_t)(i * 7 + i / 251);
        return data;
}

/* Reads what is there, at most `most` bytes, and compares; returns how much there was. */
static size_t
take(int fd, const uint8_t *wanted, size_t most)
{
        static uint8_t buffer[65536];
        ssize_t got = read(fd, buffer, most < sizeof(buffer) ? most : sizeof(buffer));

        if (got <= 0)
                return 0;
        assert_memory_equal(buffer, wanted, (size_t)got);
        return (size_t)got;
}

/* Reading. */

static void
what_the_peer_sends_arrives(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        some_turns(*state);
        assert_int_equal(end.pieces, 0);
        put(fd, "hello");
        while (end.received < 5)
                aw_loop_turn(*state, true);
        assert_memory_equal(end.last, "hello", 5);
        assert_int_equal(end.connected, 0);
        close_end(*state, &end);
        assert_int_equal(end.error, 0);
        close(fd);
}

static void
a_paused_socket_reads_nothing_until_it_is_resumed(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        aw_socket_pause(end.socket, true);
        put(fd, "hello");
        some_turns(*state);
        assert_int_equal(end.received, 0);
        assert_in_range(count_turns(*state), 1, 10);
        aw_socket_pause(end.socket, false);
        while (end.received < 5)
                aw_loop_turn(*state, true);
        close_end(*state, &end);
        close(fd);
}

static void
the_end_of_the_peer_closes_the_socket(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        put(fd, "bye");
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.received, 3);
        assert_int_equal(end.error, 0);
        some_turns(*state);
        assert_int_equal(end.closed, 1);
}

/* Writing. */

static void
a_big_message_arrives_whole_at_a_slow_reader(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        size_t got = 0;

        send_all(&end, data, BIG);
        while (end.writable == 0)
                aw_loop_turn(*state, true);
        assert_true(end.held);
        while (got < BIG) {
                got += take(fd, data + got, 30000);
                aw_loop_turn(*state, false);
        }
        /* Time to write comes once more when all has gone out. */
        some_turns(*state);
        assert_false(end.held);
        assert_in_range(end.writable, 2, 3);
        close_end(*state, &end);
        close(fd);
        free(data);
}

static void
while_output_is_held_the_loop_does_not_spin_and_input_waits(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        size_t got = 0;

        send_all(&end, data, BIG);
        while (end.writable == 0)
                aw_loop_turn(*state, true);
        put(fd, "hello");
        some_turns(*state);
        assert_in_range(count_turns(*state), 1, 10);
        assert_int_equal(end.received, 0);
        /* Asking to write changes nothing. */
        aw_socket_want_write(end.socket);
        aw_socket_pause(end.socket, true);
        aw_socket_pause(end.socket, false);
        some_turns(*state);
        assert_in_range(count_turns(*state), 1, 10);
        assert_int_equal(end.received, 0);
        assert_int_equal(end.writable, 1);
        while (got < BIG) {
                got += take(fd, data + got, BIG);
                aw_loop_turn(*state, false);
        }
        while (end.received < 5)
                aw_loop_turn(*state, true);
        close_end(*state, &end);
        close(fd);
        free(data);
}

static void
two_ends_on_the_loop_talk_both_ways_at_once(void **state)
{
        uint8_t *data = make_big();
        struct end a, b = {.socket = NULL};
        int fd = connect_end(&a);

        b.socket = aw_socket_adopt(fd, false, &end_callbacks, &b);
        send_all(&a, data, BIG);
        send_all(&b, data, BIG);
        /* Each reads only when its own output is out: so neither may need the other to read first. */
        while (a.received + b.received < BIG / 8 && count_turns(*state) < 1000)
                continue;
        close_end(*state, &a);
        close_end(*state, &b);
        free(data);
}

static void
shutdown_ends_one_direction_after_what_is_held(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        size_t got = 0;
        char byte;

        send_all(&end, data, BIG);
        aw_socket_shutdown(end.socket);
        while (got < BIG) {
                got += take(fd, data + got, BIG);
                aw_loop_turn(*state, false);
        }
        some_turns(*state);
        assert_int_equal(read(fd, &byte, 1), 0);
        put(fd, "hello");
        while (end.received < 5)
                aw_loop_turn(*state, true);
        assert_int_equal(end.closed, 0);
        close(fd);
        turn_until_closed(*state, &end);
        free(data);
}

static void
shutdown_without_output_is_seen_by_the_peer(void **state)
{
        struct end end;
        int fd = connect_end(&end);
        char byte;

        aw_socket_shutdown(end.socket);
        some_turns(*state);
        assert_int_equal(read(fd, &byte, 1), 0);
        close_end(*state, &end);
        close(fd);
}

/* No SIGPIPE either. */
static void
writing_to_a_peer_that_is_gone_closes_the_socket(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        aw_socket_pause(end.socket, true);
        some_turns(*state);
        close(fd);
        if (end.socket != NULL)
                send_all(&end, data, BIG);
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.closed, 1);
        free(data);
}

static void
a_peer_that_goes_while_output_is_held_closes_the_socket(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_true(end.held);
        close(fd);
        turn_until_closed(*state, &end);
        some_turns(*state);
        assert_int_equal(end.closed, 1);
        free(data);
}

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
        put(fd, "");
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
        send_all(&end, (uint8_t *)items_to_send, sizeof(items_to_send));
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
