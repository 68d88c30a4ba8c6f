/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
#include "unit/tls/tls_test.h"

/* The client's OpenSSL session, to be bent, of a pair that has not begun. */
static SSL *
begin_bent(struct pair *pair)
{
        begin(pair, any_server(), insecure_client(), "localhost");
        return pair->client.tls->ssl;
}

/* Shakes hands in vain; what each side says of it. */
static void
assert_fails(struct pair *pair, const char *client, const char *server)
{
        shake_hands(pair, SIZE_MAX);
        assert_int_equal(pair->client.handshake, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair->client.tls), client);
        assert_false(aw_tls_refused_peer(pair->client.tls));
        assert_int_equal(pair->server.handshake, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair->server.tls), server);
        end(pair);
}

static void
assert_described(struct pair *pair, const char *expected)
{
        char text[100];

        shake_hands(pair, SIZE_MAX);
        assert_established(pair);
        aw_tls_describe(pair->server.tls, text, sizeof(text));
        assert_string_equal(text, expected);
        assert_int_equal(write_to(&pair->client, "ping", 4), 0);
        exchange(pair, 1);
        assert_got(&pair->server, "ping", 4);
        end(pair);
}

static void
a_client_of_TLS_1_2_is_served(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        SSL_set_max_proto_version(client, TLS1_2_VERSION);
        assert_described(&pair, "TLSv1.2, ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void
AES_128_comes_first_and_AES_256_is_there(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        SSL_set_ciphersuites(client, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
        assert_described(&pair, "TLSv1.3, TLS_AES_128_GCM_SHA256");
        client = begin_bent(&pair);
        SSL_set_ciphersuites(client, "TLS_AES_256_GCM_SHA384");
        assert_described(&pair, "TLSv1.3, TLS_AES_256_GCM_SHA384");
        client = begin_bent(&pair);
        SSL_set_max_proto_version(client, TLS1_2_VERSION);
        SSL_set_cipher_list(client, "ECDHE-ECDSA-AES256-GCM-SHA384");
        assert_described(&pair, "TLSv1.2, ECDHE-ECDSA-AES256-GCM-SHA384");
}

static void
who_prefers_ChaCha20_gets_it(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        SSL_set_ciphersuites(client, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384");
        assert_described(&pair, "TLSv1.3, TLS_CHACHA20_POLY1305_SHA256");
        client = begin_bent(&pair);
        SSL_set_max_proto_version(client, TLS1_2_VERSION);
        SSL_set_cipher_list(client, "ECDHE+CHACHA20:ECDHE+AESGCM");
        assert_described(&pair, "TLSv1.2, ECDHE-ECDSA-CHACHA20-POLY1305");
}

static void
a_client_of_TLS_1_1_is_refused(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        SSL_set_security_level(client, 0);
        SSL_set_min_proto_version(client, TLS1_VERSION);
        SSL_set_max_proto_version(client, TLS1_1_VERSION);
        SSL_set_cipher_list(client, "ALL");
        assert_fails(&pair, "the peer does not speak TLS 1.2 or 1.3 (alert 'protocol version')",
                     "the peer does not speak TLS 1.2 or 1.3");
}

static void
a_server_of_TLS_1_1_is_refused(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair), *server = pair.server.tls->ssl;

        (void)state;
        /* Without TLS 1.3 the client does not list its versions, so the server chooses freely. */
        SSL_set_max_proto_version(client, TLS1_2_VERSION);
        SSL_set_cipher_list(client, "ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA");
        SSL_set_security_level(server, 0);
        SSL_set_min_proto_version(server, TLS1_VERSION);
        SSL_set_max_proto_version(server, TLS1_1_VERSION);
        SSL_set_cipher_list(server, "ALL");
        shake_hands(&pair, SIZE_MAX);
        assert_int_equal(pair.client.handshake, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair.client.tls),
                            "the peer does not speak TLS 1.2 or 1.3");
        end(&pair);
}

static void
suites_without_ECDHE_and_AEAD_are_refused(void **state)
{
        static const char *const suites[] = {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                                             "DHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256",
                                             "ECDHE-ECDSA-AES128-CCM"};

        (void)state;
        for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
                struct pair pair;
                SSL *client = begin_bent(&pair);

                SSL_set_max_proto_version(client, TLS1_2_VERSION);
                assert_int_equal(SSL_set_cipher_list(client, suites[i]), 1);
                assert_fails(&pair,
                             "the peer takes none of our versions, ciphers and key exchanges "
                             "(alert 'handshake failure')",
                             "the peer offers no cipher suite that is allowed here");
        }
}

static void
other_groups_are_refused(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        assert_int_equal(SSL_set1_groups_list(client, "P-521"), 1);
        assert_fails(&pair,
                     "the peer takes none of our versions, ciphers and key exchanges (alert "
                     "'handshake failure')",
                     "the peer offers no key exchange that is allowed here");
}

static void
each_allowed_group_works(void **state)
{
        static char *const groups[] = {"X25519", "P-256", "P-384"};

        (void)state;
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
                struct pair pair;
                SSL *client = begin_bent(&pair);

                assert_int_equal(SSL_set1_groups_list(client, groups[i]), 1);
                assert_described(&pair, "TLSv1.3, TLS_AES_128_GCM_SHA256");
        }
}

static void
assert_protocol(struct pair *pair, const char *expected)
{
        const unsigned char *chosen;
        unsigned length;

        shake_hands(pair, SIZE_MAX);
        assert_established(pair);
        SSL_get0_alpn_selected(pair->client.tls->ssl, &chosen, &length);
        assert_int_equal(length, strlen(expected));
        if (length > 0)
                assert_memory_equal(chosen, expected, length);
        end(pair);
}

static void
both_sides_agree_on_http_1_1(void **state)
{
        static const unsigned char both[] = "\x02h2\x08http/1.1";
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        assert_protocol(&pair, "http/1.1");
        client = begin_bent(&pair);
        SSL_set_alpn_protos(client, both, sizeof(both) - 1);
        assert_protocol(&pair, "http/1.1");
}

static void
a_client_without_ALPN_is_served(void **state)
{
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        SSL_set_alpn_protos(client, NULL, 0);
        assert_protocol(&pair, "");
}

static void
a_client_of_other_protocols_is_refused(void **state)
{
        static const unsigned char others[] = "\x02h2\x08http/1.0";
        struct pair pair;
        SSL *client = begin_bent(&pair);

        (void)state;
        SSL_set_alpn_protos(client, others, sizeof(others) - 1);
        assert_fails(&pair,
                     "the peer does not speak http/1.1 (ALPN) (alert 'no application protocol')",
                     "the peer offers other protocols than http/1.1 (ALPN)");
}

/* What a side that expects TLS says of other bytes, whole or in pieces. */
static void
assert_not_tls(bool server, const char *bytes, size_t length, const char *sentence)
{
        for (size_t step = length; step > 0; step = step == 1 ? 0 : 1) {
                struct pair pair;
                struct side *side = server ? &pair.server : &pair.client;

                begin(&pair, any_server(), insecure_client(), "localhost");
                if (!server)
                        feed(side, NULL, 0);
                for (size_t at = 0; at < length && side->handshake == AW_TLS_AGAIN; at += step)
                        feed(side, (const uint8_t *)bytes + at, step);
                assert_int_equal(side->handshake, AW_TLS_FAILED);
                assert_string_equal(aw_tls_error_text(side->tls), sentence);
                end(&pair);
        }
}

static void
what_is_not_TLS_is_recognised(void **state)
{
        static const char not_tls[] = "this is not TLS: the peer sent something else";

        (void)state;
        assert_not_tls(true, "GET / HTTP/1.1\r\n\r\n", 18,
                       "this is not TLS: the peer sent a plain HTTP request");
        assert_not_tls(true, "POST / HTTP/1.1\r\n\r\n", 19,
                       "this is not TLS: the peer sent a plain HTTP request");
        assert_not_tls(true, "CONNECT a:1 HTTP/1.1\r\n\r\n", 24,
                       "this is not TLS: the peer sent a request for a proxy");
        assert_not_tls(true, "SSH-2.0-OpenSSH_9.2\r\n", 21, not_tls);
        assert_not_tls(true, "\0\0\0\0\0\0\0\0\0\0\0\0", 12, not_tls);
        assert_not_tls(true, "\x16\x03\x01\xff\xff\x01\x02\x03", 8, not_tls);
        assert_not_tls(false, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, not_tls);
        assert_not_tls(false, "220 mail.example.org ESMTP\r\n", 28, not_tls);
}

static void
what_is_TLS_but_out_of_place_fails(void **state)
{
        static const uint8_t early_data[] = {0x17, 3, 3, 0, 1, 'x'};
        static const uint8_t close_notify[] = {0x15, 3, 3, 0, 2, 1, 0};
        struct pair pair;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        feed(&pair.server, early_data, sizeof(early_data));
        assert_int_equal(pair.server.handshake, AW_TLS_FAILED);
        assert_memory_equal(aw_tls_error_text(pair.server.tls), "TLS failed: ", 12);
        end(&pair);

        begin(&pair, any_server(), insecure_client(), "localhost");
        feed(&pair.client, NULL, 0);
        feed(&pair.client, close_notify, sizeof(close_notify));
        assert_int_equal(pair.client.handshake, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair.client.tls),
                            "the peer closed the session during the handshake");
        end(&pair);
}

static void
every_damaged_byte_of_a_handshake_is_noticed(void **state)
{
        struct pair pair;
        size_t length;

        (void)state;
        begin(&pair, any_server(), insecure_client(), "localhost");
        feed(&pair.client, NULL, 0);
        length = pair.client.out.length;
        end(&pair);
        for (size_t at = 0; at < length; at++) {
                begin(&pair, any_server(), insecure_client(), "localhost");
                feed(&pair.client, NULL, 0);
                assert_int_equal(pair.client.out.length, length);
                pair.client.out.data[at] ^= 0x41;
                exchange(&pair, SIZE_MAX);
                /* The first record's version is the one thing that nobody looks at. */
                if (at != 2)
                        assert_false(pair.client.handshake == 0 && pair.server.handshake == 0);
                end(&pair);
        }
}

static void
a_ticket_resumes_the_session(void **state)
{
        static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
        struct pair first, second;

        (void)state;
        for (int i = 0; i < 2; i++) {
                SSL_SESSION *session;

                SSL_set_max_proto_version(begin_bent(&first), versions[i]);
                shake_hands(&first, 1);
                assert_established(&first);
                session = SSL_get1_session(first.client.tls->ssl);
                assert_int_equal(SSL_SESSION_has_ticket(session), 1);

                begin(&second, aw_tls_context_ref(first.server_context),
                      aw_tls_context_ref(first.client_context), "localhost");
                SSL_set_max_proto_version(second.client.tls->ssl, versions[i]);
                assert_int_equal(SSL_set_session(second.client.tls->ssl, session), 1);
                shake_hands(&second, 1);
                assert_established(&second);
                assert_int_equal(SSL_session_reused(second.client.tls->ssl), 1);
                assert_int_equal(SSL_session_reused(second.server.tls->ssl), 1);
                assert_int_equal(write_to(&second.server, "again", 5), 0);
                exchange(&second, SIZE_MAX);
                assert_got(&second.client, "again", 5);
                SSL_SESSION_free(session);
                end(&second);
                end(&first);
        }
}

/*
 * One side asks for a new handshake; the other refuses, and ends the session: it would have to
 * refuse as often as it is asked.
 */
static void
assert_refuses_to_renegotiate(struct pair *pair, struct side *asking, struct side *asked)
{
        SSL *ssl = asking->tls->ssl;

        SSL_set_max_proto_version(pair->client.tls->ssl, TLS1_2_VERSION);
        SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
        shake_hands(pair, SIZE_MAX);
        assert_established(pair);
        assert_int_equal(SSL_renegotiate(ssl), 1);
        aw_tls_output_begin(asking->tls, &asking->out);
        SSL_do_handshake(ssl);
        ERR_clear_error();
        assert_true(aw_tls_output_end(asking->tls) > 0);
        assert_true(deliver(asking, asked, SIZE_MAX));
        assert_int_equal(asked->read, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(asked->tls),
                            "the peer sends handshake messages instead of data");
        assert_true(deliver(asked, asking, SIZE_MAX));
        assert_int_equal(SSL_num_renegotiations(asked->tls->ssl), 0);
        end(pair);
}

static void
update_keys(struct side *side, int how)
{
        aw_tls_output_begin(side->tls, &side->out);
        assert_int_equal(SSL_key_update(side->tls->ssl, how), 1);
        assert_int_equal(SSL_do_handshake(side->tls->ssl), 1);
        assert_true(aw_tls_output_end(side->tls) > 0);
}

/* Key updates are allowed (RFC 8446 section 4.6.3), but not many without data in between. */
static void
assert_key_updates_are_bounded(struct pair *pair, struct side *from, struct side *to, int how)
{
        int round, i;

        shake_hands(pair, SIZE_MAX);
        assert_established(pair);
        /* A ticket counts as well. */
        assert_int_equal(write_to(from, "w", 1), 0);
        exchange(pair, SIZE_MAX);
        for (round = 0; round < 3; round++) {
                /* Those that are requested are one more, by the answer to the last. */
                for (i = 0; i < 32 - how; i++)
                        update_keys(from, how);
                assert_int_equal(write_to(from, "x", 1), 0);
                exchange(pair, SIZE_MAX);
                assert_int_equal(to->read, AW_TLS_AGAIN);
                assert_int_equal(write_to(to, "y", 1), 0);
                exchange(pair, SIZE_MAX);
                assert_int_equal(from->read, AW_TLS_AGAIN);
        }
        for (i = 0; i < 33; i++)
                update_keys(from, how);
        exchange(pair, SIZE_MAX);
        assert_int_equal(to->read, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(to->tls),
                            "the peer sends handshake messages instead of data");
        end(pair);
}

static void
key_updates_without_data_are_bounded(void **state)
{
        static const int ways[] = {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED};
        struct pair pair;
        int i;

        (void)state;
        for (i = 0; i < 2; i++) {
                begin_bent(&pair);
                assert_key_updates_are_bounded(&pair, &pair.client, &pair.server, ways[i]);
                begin_bent(&pair);
                assert_key_updates_are_bounded(&pair, &pair.server, &pair.client, ways[i]);
        }
}

static void
nobody_renegotiates(void **state)
{
        struct pair pair;

        (void)state;
        begin_bent(&pair);
        assert_refuses_to_renegotiate(&pair, &pair.client, &pair.server);
        begin_bent(&pair);
        assert_refuses_to_renegotiate(&pair, &pair.server, &pair.client);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_client_of_TLS_1_2_is_served),
                cmocka_unit_test(AES_128_comes_first_and_AES_256_is_there),
                cmocka_unit_test(who_prefers_ChaCha20_gets_it),
                cmocka_unit_test(a_client_of_TLS_1_1_is_refused),
                cmocka_unit_test(a_server_of_TLS_1_1_is_refused),
                cmocka_unit_test(suites_without_ECDHE_and_AEAD_are_refused),
                cmocka_unit_test(other_groups_are_refused),
                cmocka_unit_test(each_allowed_group_works),
                cmocka_unit_test(both_sides_agree_on_http_1_1),
                cmocka_unit_test(a_client_without_ALPN_is_served),
                cmocka_unit_test(a_client_of_other_protocols_is_refused),
                cmocka_unit_test(what_is_not_TLS_is_recognised),
                cmocka_unit_test(what_is_TLS_but_out_of_place_fails),
                cmocka_unit_test(every_damaged_byte_of_a_handshake_is_noticed),
                cmocka_unit_test(a_ticket_resumes_the_session),
                cmocka_unit_test(nobody_renegotiates),
                cmocka_unit_test(key_updates_without_data_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
