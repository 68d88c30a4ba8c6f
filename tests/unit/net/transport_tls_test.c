/* SPDX-License-Identifier: MIT */
/* Transports with TLS over them: one end is a server, the other a client. */
#include "await/tls.h"
#include "tls/session.h"
#include "unit/net/transport_test.h"

struct ends {
        struct aw_tls_context *server_context, *client_context;
        struct end server, client;
        int fds[2];
};

static void
open_end(struct end *end, int fd, struct aw_tls_context *context, const char *host)
{
        struct aw_tls *tls = aw_tls_create(context, host);

        assert_non_null(tls);
        *end = (struct end){.transport = NULL};
        end->transport = aw_transport_open(fd, AW_TRANSPORT_CONNECTED, tls, &end_callbacks, end);
        assert_non_null(end->transport);
}

static void
begin(struct ends *ends)
{
        struct aw_error error;

        ends->server_context = aw_tls_context_server(NULL, NULL, &error);
        ends->client_context = aw_tls_context_client(NULL, true, &error);
        assert_non_null(ends->server_context);
        assert_non_null(ends->client_context);
        assert_int_equal(
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends->fds), 0);
        open_end(&ends->server, ends->fds[0], ends->server_context, NULL);
}

/* Both ends, with their handshake done. */
static void
begin_established(struct aw_loop *loop, struct ends *ends)
{
        begin(ends);
        open_end(&ends->client, ends->fds[1], ends->client_context, "localhost");
        while (ends->server.established + ends->client.established < 2)
                aw_loop_turn(loop, true);
        some_turns(loop);
}

static void
finish(struct aw_loop *loop, struct ends *ends)
{
        close_end(loop, &ends->server);
        if (ends->client.transport != NULL || ends->client.closed > 0)
                close_end(loop, &ends->client);
        aw_tls_context_unref(ends->server_context);
        aw_tls_context_unref(ends->client_context);
}

static void
much_arrives_whole_both_ways_at_once(void **state)
{
        uint8_t *data = make_big();
        struct ends ends;

        begin_established(*state, &ends);
        send_all(&ends.server, data, BIG);
        send_all(&ends.client, data, BIG);
        while (ends.server.received + ends.client.received < 2 * BIG) {
                aw_loop_turn(*state, true);
                assert_true(ends.server.transport != NULL && ends.client.transport != NULL);
                assert_true(aw_transport_held(ends.server.transport) <= AW_TRANSPORT_HOLD);
                assert_true(aw_transport_held(ends.client.transport) <= AW_TRANSPORT_HOLD);
        }
        assert_memory_equal(ends.server.last, data + BIG - 64, 64);
        assert_memory_equal(ends.client.last, data + BIG - 64, 64);
        assert_int_equal(ends.server.established, 1);
        finish(*state, &ends);
        free(data);
}

static void
a_peer_that_does_not_read_leaves_a_bounded_amount_here(void **state)
{
        uint8_t *data = make_big();
        struct ends ends;

        begin_established(*state, &ends);
        aw_transport_pause(ends.client.transport, true);
        send_all(&ends.server, data, BIG);
        some_turns(*state);
        assert_true(ends.server.held);
        assert_in_range(aw_transport_held(ends.server.transport), 1, AW_TRANSPORT_HOLD);
        assert_in_range(count_turns(*state), 1, 10);
        finish(*state, &ends);
        free(data);
}

/* close_notify and FIN: the other direction stays open. */
static void
the_end_of_one_direction_is_not_that_of_the_other(void **state)
{
        uint8_t *data = make_big();
        struct ends ends;

        begin_established(*state, &ends);
        ends.server.stays = true;
        aw_transport_shutdown(ends.client.transport);
        while (ends.server.ended == 0)
                aw_loop_turn(*state, true);
        assert_false(ends.server.truncated);
        send_all(&ends.server, data, BIG);
        while (ends.client.received < BIG)
                aw_loop_turn(*state, true);
        aw_transport_shutdown(ends.server.transport);
        turn_until_closed(*state, &ends.server);
        turn_until_closed(*state, &ends.client);
        assert_int_equal(ends.server.error, 0);
        assert_int_equal(ends.client.error, 0);
        assert_int_equal(ends.client.ended, 1);
        assert_false(ends.client.truncated);
        finish(*state, &ends);
        free(data);
}

static void
an_end_that_is_asked_for_in_the_handshake_comes_after_it(void **state)
{
        struct ends ends;

        begin(&ends);
        open_end(&ends.client, ends.fds[1], ends.client_context, "localhost");
        aw_transport_shutdown(ends.server.transport);
        turn_until_closed(*state, &ends.client);
        turn_until_closed(*state, &ends.server);
        assert_int_equal(ends.client.established, 1);
        assert_int_equal(ends.client.ended, 1);
        assert_false(ends.client.truncated);
        assert_int_equal(ends.client.error, 0);
        assert_int_equal(ends.server.error, 0);
        finish(*state, &ends);
}

static void
a_passive_end_is_a_close_notify_without_FIN(void **state)
{
        struct ends ends;
        char byte;

        begin_established(*state, &ends);
        ends.server.stays = true;
        aw_transport_shutdown_passive(ends.client.transport);
        while (ends.server.ended == 0)
                aw_loop_turn(*state, true);
        assert_false(ends.server.truncated);
        some_turns(*state);
        assert_int_equal(recv(ends.fds[0], &byte, 1, MSG_PEEK), -1);
        assert_int_equal(errno, EAGAIN);
        finish(*state, &ends);
}

static void
a_FIN_without_close_notify_is_a_truncated_end(void **state)
{
        struct ends ends;

        begin_established(*state, &ends);
        ends.server.stays = true;
        assert_int_equal(shutdown(ends.fds[1], SHUT_WR), 0);
        while (ends.server.ended == 0)
                aw_loop_turn(*state, true);
        assert_true(ends.server.truncated);
        /* It can still be written to. */
        send_all(&ends.server, (uint8_t *)"hello", 5);
        while (ends.client.received < 5)
                aw_loop_turn(*state, true);
        finish(*state, &ends);
}

static void
what_is_no_TLS_is_told_in_a_sentence(void **state)
{
        struct ends ends;
        uint8_t alert[64];

        begin(&ends);
        ends.client.transport = NULL;
        ends.client.closed = 0;
        put(ends.fds[1], "\x16\x03\x01\xff\xff this is no TLS at all");
        turn_until_closed(*state, &ends.server);
        assert_int_equal(ends.server.error, EPROTO);
        assert_int_equal(ends.server.established, 0);
        assert_string_equal(ends.server.text, "this is not TLS: the peer sent something else");
        /* The owner is rid of it; the alert still went out, and the end of the stream. */
        some_turns(*state);
        assert_true(read(ends.fds[1], alert, sizeof(alert)) >= 7);
        assert_int_equal(alert[0], 0x15);
        assert_int_equal(read(ends.fds[1], alert, sizeof(alert)), 0);
        /* What the peer still sends is thrown away, and its end is the end. */
        put(ends.fds[1], "and more");
        some_turns(*state);
        assert_int_not_equal(fcntl(ends.fds[0], F_GETFD), -1);
        close(ends.fds[1]);
        some_turns(*state);
        assert_int_equal(fcntl(ends.fds[0], F_GETFD), -1);
        finish(*state, &ends);
}

static void
an_end_during_the_handshake_is_told(void **state)
{
        struct ends ends;

        begin(&ends);
        ends.client.transport = NULL;
        ends.client.closed = 0;
        put(ends.fds[1], "\x16\x03\x01");
        close(ends.fds[1]);
        turn_until_closed(*state, &ends.server);
        assert_int_equal(ends.server.error, ECONNABORTED);
        assert_int_equal(ends.server.ended, 0);
        finish(*state, &ends);
}

static void
plain_connections_become_TLS_ones(void **state)
{
        struct ends ends = {.server = {.transport = NULL}};
        struct aw_error error;
        struct end *both[] = {&ends.server, &ends.client};
        int i;

        ends.server_context = aw_tls_context_server(NULL, NULL, &error);
        ends.client_context = aw_tls_context_client(NULL, true, &error);
        ends.fds[1] = connect_end(&ends.server);
        ends.client.transport = aw_transport_open(ends.fds[1], AW_TRANSPORT_CONNECTED, NULL,
                                                  &end_callbacks, &ends.client);
        some_turns(*state);
        send_all(&ends.server, (uint8_t *)"ready", 5);
        while (ends.client.received < 5)
                aw_loop_turn(*state, true);
        for (i = 0; i < 2; i++)
                aw_transport_pause(both[i]->transport, true);
        aw_transport_start_tls(ends.server.transport, aw_tls_create(ends.server_context, NULL));
        aw_transport_start_tls(ends.client.transport,
                               aw_tls_create(ends.client_context, "localhost"));
        while (ends.server.established + ends.client.established < 4)
                aw_loop_turn(*state, true);
        assert_non_null(aw_transport_tls(ends.client.transport));
        send_all(&ends.client, (uint8_t *)"secret", 6);
        while (ends.server.received < 6)
                aw_loop_turn(*state, true);
        assert_memory_equal(ends.server.last, "secret", 6);
        finish(*state, &ends);
}

/* What the owner writes in one callback goes out as one record, and in one write. */
static void
small_writes_go_out_together(void **state)
{
        uint8_t data[1000] = "";
        struct ends ends;
        size_t before;
        int i;

        begin_established(*state, &ends);
        aw_transport_pause(ends.client.transport, true);
        some_turns(*state);
        before = aw_transport_delivered(ends.server.transport) +
                 aw_transport_outstanding(ends.server.transport);
        for (i = 0; i < 10; i++)
                assert_int_equal(aw_transport_write(ends.server.transport, data, 100), 100);
        /* Outside of a callback each is a record of its own: 22 bytes more. */
        assert_int_equal(aw_transport_delivered(ends.server.transport) +
                                 aw_transport_outstanding(ends.server.transport) - before,
                         10 * 122);
        send_all(&ends.server, data, 1000);
        some_turns(*state);
        aw_transport_pause(ends.client.transport, false);
        while (ends.client.received < 2000)
                aw_loop_turn(*state, true);
        finish(*state, &ends);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(much_arrives_whole_both_ways_at_once),
                with_loop(a_peer_that_does_not_read_leaves_a_bounded_amount_here),
                with_loop(the_end_of_one_direction_is_not_that_of_the_other),
                with_loop(an_end_that_is_asked_for_in_the_handshake_comes_after_it),
                with_loop(a_passive_end_is_a_close_notify_without_FIN),
                with_loop(a_FIN_without_close_notify_is_a_truncated_end),
                with_loop(what_is_no_TLS_is_told_in_a_sentence),
                with_loop(an_end_during_the_handshake_is_told),
                with_loop(plain_connections_become_TLS_ones),
                with_loop(small_writes_go_out_together),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
