/* SPDX-License-Identifier: MIT */
#include "tls_test.h"

#define MEBIBYTE ((size_t)1 << 20)

/* Bytes that do not repeat where records do. */
static uint8_t *
make_message(size_t length)
{
        uint8_t *message = malloc(length);
        uint32_t state = 1;

        assert_non_null(message);
        for (size_t i = 0; i < length; i++) {
                state = state * 1664525 + 1013904223;
                message[i] = (uint8_t)(state >> 24);
        }
        return message;
}

static void
a_message_goes_each_way(void **state)
{
        struct pair pair;

        (void)state;
        begin_established(&pair);
        assert_int_equal(write_to(&pair.client, "ping", 4), 0);
        assert_int_equal(write_to(&pair.server, "pong!", 5), 0);
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.server, "ping", 4);
        assert_got(&pair.client, "pong!", 5);
        assert_int_equal(pair.server.read, AW_TLS_AGAIN);
        assert_int_equal(pair.client.read, AW_TLS_AGAIN);
        end(&pair);
}

static void
handshakes_and_messages_survive_any_fragmentation(void **state)
{
        static const size_t steps[] = {1, 2, 3, 4, 5, 6, 7, 21, 22, 100, 1000, 1459};
        uint8_t *message = make_message(20000);
        struct pair pair;

        (void)state;
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                begin(&pair, any_server(), insecure_client(), "localhost");
                shake_hands(&pair, steps[i]);
                assert_established(&pair);
                assert_int_equal(write_to(&pair.client, message, 20000), 0);
                assert_int_equal(write_to(&pair.server, message, 17), 0);
                exchange(&pair, steps[i]);
                assert_got(&pair.server, message, 20000);
                assert_got(&pair.client, message, 17);
                end(&pair);
        }
        free(message);
}

static void
a_mebibyte_arrives_whole(void **state)
{
        static const size_t steps[] = {SIZE_MAX, 65536, 16384, 16406, 9999};
        uint8_t *message = make_message(MEBIBYTE);
        struct pair pair;

        (void)state;
        begin_established(&pair);
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                assert_int_equal(write_to(&pair.client, message, MEBIBYTE), 0);
                exchange(&pair, steps[i]);
                assert_got(&pair.server, message, MEBIBYTE);
        }
        end(&pair);
        free(message);
}

static void
a_message_is_cut_into_records_of_16_KiB(void **state)
{
        uint8_t *message = make_message(40000), *at;
        size_t lengths[3] = {0}, records = 0, left;
        struct pair pair;

        (void)state;
        begin_established(&pair);
        assert_int_equal(write_to(&pair.client, message, 40000), 0);
        at = pair.client.out.data + pair.client.sent;
        for (left = pair.client.out.length - pair.client.sent; left > 0; records++) {
                size_t length = (size_t)at[3] << 8 | at[4];

                assert_true(records < 3 && left >= length + 5);
                lengths[records] = length;
                at += length + 5;
                left -= length + 5;
        }
        /* With its type and its tag, each is 17 bytes longer. */
        assert_int_equal(lengths[0], 16384 + 17);
        assert_int_equal(lengths[1], 16384 + 17);
        assert_int_equal(lengths[2], 40000 - 2 * 16384 + 17);
        end(&pair);
        free(message);
}

static void
many_records_come_in_one_input(void **state)
{
        uint8_t *message = make_message(3000);
        struct pair pair;

        (void)state;
        begin_established(&pair);
        for (int i = 0; i < 1000; i++)
                assert_int_equal(write_to(&pair.client, message + (ptrdiff_t)i * 3, 3), 0);
        assert_true(deliver(&pair.client, &pair.server, SIZE_MAX));
        assert_false(deliver(&pair.client, &pair.server, SIZE_MAX));
        assert_got(&pair.server, message, 3000);
        end(&pair);
        free(message);
}

static void
data_right_behind_the_handshake_is_kept(void **state)
{
        struct pair pair;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        feed(&pair.client, NULL, 0);
        assert_true(deliver(&pair.client, &pair.server, SIZE_MAX));
        assert_true(deliver(&pair.server, &pair.client, SIZE_MAX));
        /* The client's Finished and its first message travel together. */
        assert_int_equal(pair.client.handshake, 0);
        assert_int_equal(write_to(&pair.client, "early", 5), 0);
        assert_true(deliver(&pair.client, &pair.server, SIZE_MAX));
        assert_int_equal(pair.server.handshake, 0);
        assert_got(&pair.server, "early", 5);
        exchange(&pair, SIZE_MAX);
        assert_established(&pair);
        end(&pair);
}

static void
a_record_is_read_with_any_buffer(void **state)
{
        uint8_t *message = make_message(3000);
        struct pair pair;

        (void)state;
        begin_established(&pair);
        for (size_t room = 1; room <= 3001; room += 600) {
                pair.server.room = room;
                assert_int_equal(write_to(&pair.client, message, 3000), 0);
                exchange(&pair, SIZE_MAX);
                assert_got(&pair.server, message, 3000);
        }
        end(&pair);
        free(message);
}

static void
nothing_is_written_for_nothing(void **state)
{
        struct pair pair;

        (void)state;
        begin_established(&pair);
        assert_int_equal(write_to(&pair.client, "", 0), 0);
        assert_false(deliver(&pair.client, &pair.server, SIZE_MAX));
        end(&pair);
}

static void
a_part_of_a_handshake_or_record_asks_for_more(void **state)
{
        struct pair pair;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        feed(&pair.client, NULL, 0);
        assert_true(deliver(&pair.client, &pair.server, pair.client.out.length - 1));
        assert_int_equal(pair.server.handshake, AW_TLS_AGAIN);
        assert_int_equal(pair.server.out.length, 0);
        exchange(&pair, SIZE_MAX);
        assert_established(&pair);

        assert_int_equal(write_to(&pair.client, "whole", 5), 0);
        assert_true(
                deliver(&pair.client, &pair.server, pair.client.out.length - pair.client.sent - 1));
        assert_int_equal(pair.server.read, AW_TLS_AGAIN);
        assert_got(&pair.server, "", 0);
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.server, "whole", 5);
        end(&pair);
}

static void
reading_without_input_asks_for_some(void **state)
{
        uint8_t byte;
        struct pair pair;

        (void)state;
        begin_established(&pair);
        assert_int_equal(aw_tls_read(pair.server.tls, &byte, 1), AW_TLS_AGAIN);
        aw_tls_input(pair.server.tls, NULL, 0);
        assert_int_equal(aw_tls_read(pair.server.tls, &byte, 1), AW_TLS_AGAIN);
        assert_int_equal(aw_tls_handshake(pair.server.tls), 0);
        end(&pair);
}

static void
shut_down(struct side *side)
{
        aw_tls_output_begin(side->tls, &side->out);
        aw_tls_shutdown(side->tls);
        assert_no_errors();
        aw_tls_output_end(side->tls);
}

static void
close_notify_is_a_clean_end(void **state)
{
        struct pair pair;
        uint8_t byte;
        size_t length;

        (void)state;
        begin_established(&pair);
        assert_int_equal(write_to(&pair.client, "last", 4), 0);
        shut_down(&pair.client);
        length = pair.client.out.length;
        shut_down(&pair.client);
        assert_int_equal(pair.client.out.length, length);
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.server, "last", 4);
        assert_int_equal(pair.server.read, AW_TLS_CLOSED);
        assert_int_equal(aw_tls_read(pair.server.tls, &byte, 1), AW_TLS_CLOSED);
        assert_no_errors();
        /* What follows it is nothing. */
        feed(&pair.server, (const uint8_t *)"garbage", 7);
        assert_int_equal(pair.server.read, AW_TLS_CLOSED);

        /* The other direction is still open. */
        assert_int_equal(write_to(&pair.server, "answer", 6), 0);
        shut_down(&pair.server);
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.client, "answer", 6);
        assert_int_equal(pair.client.read, AW_TLS_CLOSED);
        assert_string_equal(aw_tls_error_text(pair.client.tls), "no error");

        assert_int_equal(write_to(&pair.client, "more", 4), AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair.client.tls),
                            "this side has shut the session down");
        end(&pair);
}

static void
shutdown_before_the_handshake_does_nothing(void **state)
{
        struct pair pair;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        shut_down(&pair.client);
        assert_int_equal(pair.client.out.length, 0);
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        end(&pair);
}

static void
a_damaged_record_fails_for_good(void **state)
{
        struct pair pair;
        uint8_t byte;

        (void)state;
        begin_established(&pair);
        assert_int_equal(write_to(&pair.client, "intact", 6), 0);
        assert_int_equal(write_to(&pair.client, "damaged", 7), 0);
        pair.client.out.data[pair.client.out.length - 1] ^= 1;
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.server, "intact", 6);
        assert_int_equal(pair.server.read, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair.server.tls), "a record was damaged or forged");
        assert_false(aw_tls_refused_peer(pair.server.tls));
        assert_int_equal(pair.client.read, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair.client.tls),
                            "the peer sent the alert 'bad record mac'");

        assert_int_equal(write_to(&pair.server, "x", 1), AW_TLS_FAILED);
        aw_tls_input(pair.server.tls, (const uint8_t *)"x", 1);
        assert_int_equal(aw_tls_read(pair.server.tls, &byte, 1), AW_TLS_FAILED);
        aw_tls_input(pair.server.tls, (const uint8_t *)"x", 1);
        assert_int_equal(aw_tls_handshake(pair.server.tls), AW_TLS_FAILED);
        byte = (uint8_t)pair.server.out.length;
        shut_down(&pair.server);
        assert_int_equal((uint8_t)pair.server.out.length, byte);
        end(&pair);
}

static void
a_record_that_is_repeated_fails(void **state)
{
        struct pair pair;
        size_t start, length;

        (void)state;
        begin_established(&pair);
        start = pair.client.out.length;
        assert_int_equal(write_to(&pair.client, "once", 4), 0);
        length = pair.client.out.length - start;
        exchange(&pair, SIZE_MAX);
        feed(&pair.server, pair.client.out.data + start, length);
        assert_int_equal(pair.server.read, AW_TLS_FAILED);
        end(&pair);
}

static void
output_without_a_lent_buffer_fails(void **state)
{
        static const char sentence[] = "the session has output, but no buffer was lent for it";
        struct pair pair;

        (void)state;
        begin_established(&pair);
        assert_int_equal(aw_tls_write(pair.client.tls, (const uint8_t *)"x", 1), AW_TLS_FAILED);
        assert_no_errors();
        assert_string_equal(aw_tls_error_text(pair.client.tls), sentence);
        aw_tls_shutdown(pair.server.tls);
        assert_no_errors();
        assert_string_equal(aw_tls_error_text(pair.server.tls), sentence);
        end(&pair);

        begin(&pair, any_server(), insecure_client(), "localhost");
        assert_int_equal(aw_tls_handshake(pair.client.tls), AW_TLS_FAILED);
        assert_no_errors();
        assert_string_equal(aw_tls_error_text(pair.client.tls), sentence);
        end(&pair);
}

static void
output_goes_behind_what_the_buffer_holds(void **state)
{
        struct aw_tls_buffer shared = {0};
        struct pair pair;
        ssize_t first, second;

        (void)state;
        begin_established(&pair);
        append(&shared, (const uint8_t *)"abc", 3);
        aw_tls_output_begin(pair.client.tls, &shared);
        assert_int_equal(aw_tls_write(pair.client.tls, (const uint8_t *)"ping", 4), 0);
        first = aw_tls_output_end(pair.client.tls);
        aw_tls_output_begin(pair.server.tls, &shared);
        assert_int_equal(aw_tls_write(pair.server.tls, (const uint8_t *)"pong", 4), 0);
        second = aw_tls_output_end(pair.server.tls);
        assert_true(first > 4 && second > 4);
        assert_int_equal(shared.length, 3 + first + second);
        assert_memory_equal(shared.data, "abc", 3);
        feed(&pair.server, shared.data + 3, (size_t)first);
        feed(&pair.client, shared.data + 3 + first, (size_t)second);
        assert_got(&pair.server, "ping", 4);
        assert_got(&pair.client, "pong", 4);
        free(shared.data);
        end(&pair);
}

static void
a_buffer_that_cannot_grow_fails_the_session(void **state)
{
        struct aw_tls_buffer full = {.length = SIZE_MAX - 8, .capacity = SIZE_MAX - 8};
        struct pair pair;

        (void)state;
        begin_established(&pair);
        aw_tls_output_begin(pair.client.tls, &full);
        assert_int_equal(aw_tls_write(pair.client.tls, (const uint8_t *)"x", 1), AW_TLS_FAILED);
        assert_no_errors();
        assert_int_equal(aw_tls_output_end(pair.client.tls), AW_TLS_FAILED);
        assert_true(full.length == SIZE_MAX - 8);
        assert_string_equal(aw_tls_error_text(pair.client.tls), "out of memory");
        end(&pair);
}

static void
errors_of_others_do_no_harm(void **state)
{
        struct pair pair;

        (void)state;
        ERR_raise(ERR_LIB_USER, 1);
        begin_established(&pair);
        ERR_raise(ERR_LIB_USER, 2);
        assert_int_equal(write_to(&pair.client, "ping", 4), 0);
        ERR_raise(ERR_LIB_USER, 3);
        exchange(&pair, 1);
        assert_got(&pair.server, "ping", 4);
        ERR_raise(ERR_LIB_USER, 4);
        shut_down(&pair.client);
        end(&pair);
}

static void
a_key_update_is_answered(void **state)
{
        struct pair pair;
        size_t length;

        (void)state;
        begin_established(&pair);
        assert_int_equal(SSL_key_update(pair.client.tls->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(write_to(&pair.client, "new key", 7), 0);
        length = pair.server.out.length;
        assert_true(deliver(&pair.client, &pair.server, SIZE_MAX));
        assert_got(&pair.server, "new key", 7);
        /* The answer is sent with the next message at the latest. */
        assert_int_equal(write_to(&pair.server, "new too", 7), 0);
        assert_true(pair.server.out.length > length);
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.client, "new too", 7);
        end(&pair);
}

static void
a_session_outlives_the_callers_reference_to_its_context(void **state)
{
        struct pair pair;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        assert_ptr_equal(aw_tls_context_ref(pair.server_context), pair.server_context);
        aw_tls_context_unref(pair.server_context);
        aw_tls_context_unref(pair.server_context);
        aw_tls_context_unref(pair.client_context);
        pair.server_context = pair.client_context = NULL;
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        end(&pair);
}

static void
freeing_nothing_does_nothing(void **state)
{
        (void)state;
        aw_tls_free(NULL);
        aw_tls_context_unref(NULL);
}

static void
input_over_unread_input(struct pair *pair)
{
        aw_tls_input(pair->server.tls, (const uint8_t *)"abc", 3);
        aw_tls_input(pair->server.tls, (const uint8_t *)"abc", 3);
}

static void
two_buffers(struct pair *pair)
{
        aw_tls_output_begin(pair->server.tls, &pair->server.out);
        aw_tls_output_begin(pair->server.tls, &pair->server.out);
}

static void
no_buffer_to_end(struct pair *pair)
{
        aw_tls_output_end(pair->server.tls);
}

static void
read_too_early(struct pair *pair)
{
        uint8_t byte;

        aw_tls_read(pair->server.tls, &byte, 1);
}

static void
write_too_early(struct pair *pair)
{
        aw_tls_write(pair->server.tls, (const uint8_t *)"x", 1);
}

static void
read_into_nothing(struct pair *pair)
{
        uint8_t byte;

        shake_hands(pair, SIZE_MAX);
        aw_tls_read(pair->server.tls, &byte, 0);
}

static void
client_without_host(struct pair *pair)
{
        aw_tls_create(pair->client_context, NULL);
}

static void
server_with_host(struct pair *pair)
{
        aw_tls_create(pair->server_context, "localhost");
}

static void
misuse_aborts_with_a_sentence(void **state)
{
        struct pair pair;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        assert_aborts(input_over_unread_input, &pair,
                      "aw_tls_input: 3 bytes of the last input are not used up");
        assert_aborts(two_buffers, &pair, "aw_tls_output_begin: a buffer is lent already");
        assert_aborts(no_buffer_to_end, &pair, "aw_tls_output_end: no buffer is lent");
        assert_aborts(read_too_early, &pair, "aw_tls_read: the handshake is not complete");
        assert_aborts(write_too_early, &pair, "aw_tls_write: the handshake is not complete");
        assert_aborts(read_into_nothing, &pair, "aw_tls_read: no room for a byte");
        assert_aborts(client_without_host, &pair,
                      "aw_tls_create: clients need a host, servers have none");
        assert_aborts(server_with_host, &pair,
                      "aw_tls_create: clients need a host, servers have none");
        end(&pair);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_goes_each_way),
                cmocka_unit_test(handshakes_and_messages_survive_any_fragmentation),
                cmocka_unit_test(a_mebibyte_arrives_whole),
                cmocka_unit_test(a_message_is_cut_into_records_of_16_KiB),
                cmocka_unit_test(many_records_come_in_one_input),
                cmocka_unit_test(data_right_behind_the_handshake_is_kept),
                cmocka_unit_test(a_record_is_read_with_any_buffer),
                cmocka_unit_test(nothing_is_written_for_nothing),
                cmocka_unit_test(a_part_of_a_handshake_or_record_asks_for_more),
                cmocka_unit_test(reading_without_input_asks_for_some),
                cmocka_unit_test(close_notify_is_a_clean_end),
                cmocka_unit_test(shutdown_before_the_handshake_does_nothing),
                cmocka_unit_test(a_damaged_record_fails_for_good),
                cmocka_unit_test(a_record_that_is_repeated_fails),
                cmocka_unit_test(output_without_a_lent_buffer_fails),
                cmocka_unit_test(output_goes_behind_what_the_buffer_holds),
                cmocka_unit_test(a_buffer_that_cannot_grow_fails_the_session),
                cmocka_unit_test(errors_of_others_do_no_harm),
                cmocka_unit_test(a_key_update_is_answered),
                cmocka_unit_test(a_session_outlives_the_callers_reference_to_its_context),
                cmocka_unit_test(freeing_nothing_does_nothing),
                cmocka_unit_test(misuse_aborts_with_a_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
