/* SPDX-License-Identifier: MIT */
#include "unit/net/transport_test.h"

#include "base/memory.h"
#include "net/transport_private.h"

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
        assert_int_equal(end.established, 1);
        close_end(*state, &end);
        assert_int_equal(end.error, 0);
        close(fd);
}

static void
a_paused_one_reads_nothing_until_it_is_resumed(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        aw_transport_pause(end.transport, true);
        put(fd, "hello");
        some_turns(*state);
        assert_int_equal(end.received, 0);
        assert_in_range(count_turns(*state), 1, 10);
        aw_transport_pause(end.transport, false);
        while (end.received < 5)
                aw_loop_turn(*state, true);
        close_end(*state, &end);
        close(fd);
}

static void
when_both_directions_have_ended_it_closes(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        put(fd, "bye");
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.received, 3);
        assert_int_equal(end.ended, 1);
        assert_false(end.truncated);
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
        assert_int_equal(end.sent, BIG);
        close_end(*state, &end);
        close(fd);
        free(data);
}

static void
pieces_that_go_out_together_arrive_as_one(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        size_t got = 0;

        end.in_pieces = true;
        send_all(&end, data, BIG);
        while (end.writable == 0)
                aw_loop_turn(*state, true);
        /* The kernel took some of them, and the turn is over. */
        assert_true(end.held);
        assert_in_range(end.sent, 1, BIG - 1);
        while (got < BIG) {
                got += take(fd, data + got, 30000);
                aw_loop_turn(*state, false);
        }
        assert_int_equal(end.sent, BIG);
        close_end(*state, &end);
        close(fd);
        free(data);
}

static void
while_output_is_held_the_loop_does_not_spin(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        send_all(&end, data, BIG);
        while (end.writable == 0)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_in_range(count_turns(*state), 1, 10);
        /* Asking to write changes nothing. */
        aw_transport_want_write(end.transport);
        aw_transport_pause(end.transport, true);
        aw_transport_pause(end.transport, false);
        some_turns(*state);
        assert_in_range(count_turns(*state), 1, 10);
        assert_int_equal(end.writable, 1);
        close_end(*state, &end);
        close(fd);
        free(data);
}

/* Otherwise two that write before they read would wait for each other. */
static void
input_comes_while_output_is_held(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_true(end.held);
        put(fd, "hello");
        while (end.received < 5)
                aw_loop_turn(*state, true);
        assert_true(end.held);
        close_end(*state, &end);
        close(fd);
        free(data);
}

static void
two_ends_on_the_loop_send_much_to_each_other_at_once(void **state)
{
        uint8_t *data = make_big();
        struct end a, b = {.transport = NULL};
        int fd = connect_end(&a);

        b.transport = aw_transport_open(fd, AW_TRANSPORT_CONNECTED, NULL, &end_callbacks, &b);
        send_all(&a, data, BIG);
        send_all(&b, data, BIG);
        while (a.received + b.received < 2 * BIG)
                aw_loop_turn(*state, true);
        assert_memory_equal(a.last, data + BIG - sizeof(a.last), sizeof(a.last));
        assert_memory_equal(b.last, data + BIG - sizeof(b.last), sizeof(b.last));
        close_end(*state, &a);
        close_end(*state, &b);
        free(data);
}

static void
what_is_written_while_output_is_held_goes_out_behind_it(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        size_t got = 0;
        uint64_t used = aw_memory_used();

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_int_equal(aw_memory_used(), used);
        /* Small pieces are taken whole, and held; what is larger is not taken. */
        got = end.sent;
        assert_int_equal(aw_transport_write(end.transport, data + got, 900), 900);
        assert_int_equal(aw_transport_write(end.transport, data + got + 900, 100), 100);
        assert_int_equal(aw_transport_held(end.transport), 1000);
        assert_int_equal(aw_memory_used(), used + 1000);
        assert_int_equal(aw_transport_write(end.transport, data, 100000), 0);
        end.sent += 1000;
        got = 0;
        while (got < BIG) {
                got += take(fd, data + got, BIG);
                aw_loop_turn(*state, false);
        }
        assert_int_equal(aw_memory_used(), used);
        close_end(*state, &end);
        close(fd);
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

        end.shuts_down = true;
        send_all(&end, data, BIG);
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

        aw_transport_shutdown(end.transport);
        some_turns(*state);
        assert_int_equal(read(fd, &byte, 1), 0);
        close_end(*state, &end);
        close(fd);
}

static void
send_to_a_peer_that_is_gone(struct aw_loop *loop, bool in_pieces)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);

        some_turns(loop);
        /* It cannot notice by reading. */
        aw_transport_pause(end.transport, true);
        aw_loop_turn(loop, false);
        close(fd);
        end.in_pieces = in_pieces;
        send_all(&end, data, BIG);
        turn_until_closed(loop, &end);
        assert_int_equal(end.error, EPIPE);
        some_turns(loop);
        assert_int_equal(end.closed, 1);
        free(data);
}

/* No SIGPIPE either. */
static void
writing_to_a_peer_that_is_gone_closes_it(void **state)
{
        send_to_a_peer_that_is_gone(*state, false);
}

static void
pieces_for_a_peer_that_is_gone_close_it(void **state)
{
        send_to_a_peer_that_is_gone(*state, true);
}

/* Some of it, as far as is counted. */
static void
what_went_out_of_what_is_held_makes_room(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        uint64_t used = aw_memory_used();
        size_t got = 0, taken;

        send_all(&end, data, BIG);
        some_turns(*state);
        taken = end.length = end.sent;
        assert_int_equal(aw_transport_write(end.transport, data + taken, 900), 900);
        /* As if the kernel had taken so many of them. */
        end.transport->held_sent = 400;
        assert_int_equal(aw_transport_write(end.transport, data + taken + 900, 100), 100);
        assert_int_equal(aw_transport_held(end.transport), 600);
        assert_int_equal(end.transport->held_sent, 0);
        assert_int_equal(aw_memory_used(), used + 600);
        while (got < taken) {
                got += take(fd, data + got, taken - got);
                aw_loop_turn(*state, false);
        }
        for (got = 400; got < 1000; aw_loop_turn(*state, false))
                got += take(fd, data + taken + got, 1000 - got);
        some_turns(*state);
        assert_int_equal(take(fd, data, 1), 0);
        assert_int_equal(aw_memory_used(), used);
        close_end(*state, &end);
        close(fd);
        free(data);
}

/* It does not read, and so would not hear of the end. */
static void
who_pauses_when_it_is_broken_ends_it(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        some_turns(*state);
        aw_transport_break(end.transport, EPIPE);
        some_turns(*state);
        assert_int_equal(end.closed, 0);
        aw_transport_pause(end.transport, true);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, EPIPE);
        close(fd);
}

/* Though the peer may still say why. */
static void
what_is_held_is_forgotten_when_it_breaks(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        uint64_t used = aw_memory_used();

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_int_equal(aw_transport_write(end.transport, data, 1000), 1000);
        assert_int_equal(aw_memory_used(), used + 1000);
        assert_int_equal(aw_transport_error(end.transport), 0);
        aw_transport_break(end.transport, EPIPE);
        aw_transport_break(end.transport, EIO);
        assert_int_equal(aw_transport_error(end.transport), EPIPE);
        assert_int_equal(aw_transport_write(end.transport, data, 1), -1);
        assert_int_equal(aw_transport_held(end.transport), 0);
        assert_int_equal(aw_memory_used(), used);
        put(fd, "sorry");
        while (end.received < 5)
                aw_loop_turn(*state, true);
        assert_int_equal(end.closed, 0);
        close(fd);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, EPIPE);
        free(data);
}

static void
a_peer_that_goes_while_output_is_held_closes_it(void **state)
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

/* Each direction by itself. */

static void
the_peers_end_leaves_our_direction_open(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        size_t got = 0;
        char byte;

        end.stays = true;
        send_all(&end, data, BIG);
        some_turns(*state);
        assert_true(end.held);
        put(fd, "bye");
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        while (end.ended == 0)
                aw_loop_turn(*state, true);
        assert_int_equal(end.received, 3);
        assert_in_range(count_turns(*state), 1, 10);
        while (got < BIG) {
                got += take(fd, data + got, 30000);
                aw_loop_turn(*state, false);
        }
        some_turns(*state);
        assert_int_equal(end.closed, 0);
        assert_int_equal(end.ended, 1);
        assert_in_range(count_turns(*state), 1, 10);
        aw_transport_shutdown(end.transport);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
        free(data);
}

/* poll() reports that both directions have ended, asked or not. */
static void
what_came_before_both_ends_is_read_when_it_is_resumed(void **state)
{
        struct end end;
        int fd = connect_end(&end);

        some_turns(*state);
        aw_transport_pause(end.transport, true);
        aw_transport_shutdown(end.transport);
        put(fd, "last words");
        close(fd);
        some_turns(*state);
        assert_int_equal(end.received, 0);
        assert_int_equal(end.closed, 0);
        assert_in_range(count_turns(*state), 1, 10);
        aw_transport_pause(end.transport, false);
        turn_until_closed(*state, &end);
        assert_int_equal(end.received, 10);
        assert_int_equal(end.ended, 1);
        assert_int_equal(end.error, 0);
}

static void
a_passive_shutdown_leaves_the_end_to_the_peer(void **state)
{
        struct end end;
        int fd = connect_end(&end);
        char byte;

        some_turns(*state);
        aw_transport_shutdown_passive(end.transport);
        some_turns(*state);
        assert_int_equal(read(fd, &byte, 1), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        turn_until_closed(*state, &end);
        assert_int_equal(end.error, 0);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
}

/* A share of a turn. */

static void
a_reader_that_is_fast_does_not_keep_the_others_waiting(void **state)
{
        uint8_t *data = make_big();
        struct end a, b = {.transport = NULL};
        int fd = connect_end(&a);

        b.transport = aw_transport_open(fd, AW_TRANSPORT_CONNECTED, NULL, &end_callbacks, &b);
        some_turns(*state);
        send_all(&a, data, BIG);
        aw_loop_turn(*state, false);
        assert_true(a.held);
        assert_true(a.sent < BIG);
        while (b.received < BIG)
                aw_loop_turn(*state, true);
        close_end(*state, &a);
        turn_until_closed(*state, &b);
        free(data);
}

static void
who_sends_three_kilobytes_at_once_is_heavy_until_its_next_read(void **state)
{
        static const struct {
                size_t length;
                bool heavy;
        } reads[] = {{1, false}, {3071, false}, {3072, true}, {20000, true}, {3071, false}};
        static const uint8_t data[20000];
        struct end end;
        int fd = connect_end(&end);
        size_t sent = 0;

        for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
                assert_int_equal(write(fd, data, reads[i].length), reads[i].length);
                sent += reads[i].length;
                while (end.received < sent)
                        aw_loop_turn(*state, true);
                assert_int_equal(end.pieces, i + 1);
                assert_int_equal(end.transport->socket.heavy, reads[i].heavy);
        }
        close_end(*state, &end);
        close(fd);
}

static void
what_the_peer_has_taken_is_known(void **state)
{
        uint8_t *data = make_big();
        struct end end;
        int fd = connect_end(&end);
        uint64_t delivered;
        size_t got = 0;

        send_all(&end, data, BIG);
        some_turns(*state);
        assert_true(aw_transport_outstanding(end.transport) > 0);
        delivered = aw_transport_delivered(end.transport);
        some_turns(*state);
        assert_int_equal(aw_transport_delivered(end.transport), delivered);
        while (got < BIG) {
                got += take(fd, data + got, BIG);
                aw_loop_turn(*state, false);
        }
        assert_true(aw_transport_delivered(end.transport) != delivered);
        assert_int_equal(aw_transport_outstanding(end.transport), 0);
        assert_int_equal(aw_transport_delivered(end.transport), BIG);
        close_end(*state, &end);
        close(fd);
        free(data);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(what_the_peer_sends_arrives),
                with_loop(a_paused_one_reads_nothing_until_it_is_resumed),
                with_loop(when_both_directions_have_ended_it_closes),
                with_loop(a_big_message_arrives_whole_at_a_slow_reader),
                with_loop(pieces_that_go_out_together_arrive_as_one),
                with_loop(pieces_for_a_peer_that_is_gone_close_it),
                with_loop(while_output_is_held_the_loop_does_not_spin),
                with_loop(input_comes_while_output_is_held),
                with_loop(two_ends_on_the_loop_send_much_to_each_other_at_once),
                with_loop(what_is_written_while_output_is_held_goes_out_behind_it),
                with_loop(shutdown_ends_one_direction_after_what_is_held),
                with_loop(shutdown_without_output_is_seen_by_the_peer),
                with_loop(writing_to_a_peer_that_is_gone_closes_it),
                with_loop(what_went_out_of_what_is_held_makes_room),
                with_loop(who_pauses_when_it_is_broken_ends_it),
                with_loop(what_is_held_is_forgotten_when_it_breaks),
                with_loop(a_peer_that_goes_while_output_is_held_closes_it),
                with_loop(the_peers_end_leaves_our_direction_open),
                with_loop(what_came_before_both_ends_is_read_when_it_is_resumed),
                with_loop(a_passive_shutdown_leaves_the_end_to_the_peer),
                with_loop(a_reader_that_is_fast_does_not_keep_the_others_waiting),
                with_loop(who_sends_three_kilobytes_at_once_is_heavy_until_its_next_read),
                with_loop(what_the_peer_has_taken_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
