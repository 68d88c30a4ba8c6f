/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
#include "unit/tls/tls_test.h"

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
        /* A write that succeeds looks at nobody's errors. */
        ERR_raise(ERR_LIB_USER, 2);
        aw_tls_output_begin(pair.client.tls, &pair.client.out);
        assert_int_equal(aw_tls_write(pair.client.tls, (const uint8_t *)"ping", 4), 0);
        assert_true(aw_tls_output_end(pair.client.tls) > 4);
        assert_int_equal(ERR_GET_REASON(ERR_get_error()), 2);
        assert_no_errors();
        ERR_raise(ERR_LIB_USER, 3);
        exchange(&pair, 1);
        assert_got(&pair.server, "ping", 4);
        ERR_raise(ERR_LIB_USER, 4);
        shut_down(&pair.client);
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
                cmocka_unit_test(close_notify_is_a_clean_end),
                cmocka_unit_test(shutdown_before_the_handshake_does_nothing),
                cmocka_unit_test(a_damaged_record_fails_for_good),
                cmocka_unit_test(a_record_that_is_repeated_fails),
                cmocka_unit_test(output_without_a_lent_buffer_fails),
                cmocka_unit_test(a_buffer_that_cannot_grow_fails_the_session),
                cmocka_unit_test(errors_of_others_do_no_harm),
                cmocka_unit_test(freeing_nothing_does_nothing),
                cmocka_unit_test(misuse_aborts_with_a_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
