/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
#include "unit/tls/tls_test.h"

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
the_output_grows_in_large_steps(void **state)
{
        struct pair pair;
        size_t capacity = 0;
        int steps = 0;

        (void)state;
        begin_established(&pair);
        for (int i = 0; i < 10000; i++) {
                assert_int_equal(write_to(&pair.client, "drop", 4), 0);
                steps += pair.client.out.capacity != capacity;
                capacity = pair.client.out.capacity;
        }
        assert_in_range(steps, 2, 20);
        end(&pair);
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
                cmocka_unit_test(the_output_grows_in_large_steps),
                cmocka_unit_test(nothing_is_written_for_nothing),
                cmocka_unit_test(a_part_of_a_handshake_or_record_asks_for_more),
                cmocka_unit_test(reading_without_input_asks_for_some),
                cmocka_unit_test(output_goes_behind_what_the_buffer_holds),
                cmocka_unit_test(a_key_update_is_answered),
                cmocka_unit_test(a_session_outlives_the_callers_reference_to_its_context),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
