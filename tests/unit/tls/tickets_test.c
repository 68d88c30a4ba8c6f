/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
/* Wraps: RAND_bytes. */
#include "unit/tls/tls_test.h"

static struct aw_tls_tickets keys;
static bool no_chance; /* nothing is random */

int __real_RAND_bytes(unsigned char *bytes, int length);
int __wrap_RAND_bytes(unsigned char *bytes, int length);

int
__wrap_RAND_bytes(unsigned char *bytes, int length)
{
        return no_chance ? 0 : __real_RAND_bytes(bytes, length);
}

static struct aw_tls_context *
server_with_keys(const struct aw_tls_tickets *tickets)
{
        struct aw_tls_context *server = any_server();

        assert_non_null(server);
        aw_tls_context_set_tickets(server, tickets);
        return server;
}

/* Connects, and offers the session if there is one: whether it went on. *session is then a new one. */
static bool
connect_with(const struct aw_tls_tickets *tickets, long version, SSL_SESSION **session)
{
        struct pair pair;
        bool resumed;

        begin(&pair, server_with_keys(tickets), insecure_client(), "localhost");
        assert_int_equal(SSL_set_max_proto_version(pair.client.tls->ssl, version), 1);
        if (*session != NULL)
                assert_int_equal(SSL_set_session(pair.client.tls->ssl, *session), 1);
        SSL_SESSION_free(*session);
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        resumed = SSL_session_reused(pair.server.tls->ssl) == 1;
        /* A copy: what ends without a close_notify is not to be resumed, as OpenSSL sees it. */
        *session = SSL_SESSION_dup(SSL_get_session(pair.client.tls->ssl));
        end(&pair);
        assert_no_errors();
        return resumed;
}

static void
a_ticket_is_taken_by_every_context_with_the_keys(void **state)
{
        long versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                SSL_SESSION *session = NULL;

                memset(&keys, 0, sizeof(keys));
                assert_int_equal(aw_tls_tickets_rotate(&keys), 0);
                assert_false(connect_with(&keys, versions[i], &session));
                assert_true(connect_with(&keys, versions[i], &session));
                SSL_SESSION_free(session);
        }
}

static void
a_key_opens_tickets_until_two_more_have_followed_it(void **state)
{
        SSL_SESSION *session;

        (void)state;
        for (int rotations = 0; rotations < 4; rotations++) {
                session = NULL;
                memset(&keys, 0, sizeof(keys));
                assert_int_equal(aw_tls_tickets_rotate(&keys), 0);
                assert_false(connect_with(&keys, TLS1_3_VERSION, &session));
                for (int i = 0; i < rotations; i++)
                        assert_int_equal(aw_tls_tickets_rotate(&keys), 0);
                assert_int_equal(connect_with(&keys, TLS1_3_VERSION, &session), rotations < 3);
                /* What came with it is of the new key. */
                assert_true(connect_with(&keys, TLS1_3_VERSION, &session));
                SSL_SESSION_free(session);
        }
}

static void
a_ticket_of_other_keys_begins_a_new_session(void **state)
{
        SSL_SESSION *session = NULL;
        struct aw_tls_tickets others = {0};

        (void)state;
        memset(&keys, 0, sizeof(keys));
        assert_int_equal(aw_tls_tickets_rotate(&keys), 0);
        assert_int_equal(aw_tls_tickets_rotate(&others), 0);
        assert_false(connect_with(&keys, TLS1_2_VERSION, &session));
        assert_false(connect_with(&others, TLS1_2_VERSION, &session));
        assert_false(connect_with(NULL, TLS1_2_VERSION, &session));
        SSL_SESSION_free(session);
}

/* Zeroes, of which everybody knows that they are zeroes, are no keys. */
static void
a_key_that_was_never_made_opens_nothing(void **state)
{
        SSL_SESSION *session = NULL;
        struct aw_tls_tickets zeroes = {.rotations = AW_TLS_TICKET_KEYS};

        (void)state;
        assert_false(connect_with(&zeroes, TLS1_2_VERSION, &session));
        assert_true(connect_with(&zeroes, TLS1_2_VERSION, &session));
        memset(&keys, 0, sizeof(keys));
        assert_int_equal(aw_tls_tickets_rotate(&keys), 0);
        assert_false(connect_with(&keys, TLS1_2_VERSION, &session));
        SSL_SESSION_free(session);
}

/* The keys stay as they are, and no ticket is made, which ends the session. */
static void
without_chance_there_are_no_new_keys(void **state)
{
        struct aw_tls_tickets before;
        SSL_SESSION *session = NULL;
        struct pair pair;

        (void)state;
        memset(&keys, 0, sizeof(keys));
        assert_int_equal(aw_tls_tickets_rotate(&keys), 0);
        before = keys;
        begin(&pair, server_with_keys(&keys), insecure_client(), "localhost");
        SSL_set_max_proto_version(pair.client.tls->ssl, TLS1_2_VERSION);
        no_chance = true;
        errno = 0;
        assert_int_equal(aw_tls_tickets_rotate(&keys), -1);
        assert_int_equal(errno, EIO);
        assert_memory_equal(&keys, &before, sizeof(keys));
        shake_hands(&pair, SIZE_MAX);
        assert_int_equal(pair.server.handshake, AW_TLS_FAILED);
        end(&pair);
        no_chance = false;
        assert_false(connect_with(&keys, TLS1_2_VERSION, &session));
        assert_true(connect_with(&keys, TLS1_2_VERSION, &session));
        SSL_SESSION_free(session);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_ticket_is_taken_by_every_context_with_the_keys),
                cmocka_unit_test(a_key_opens_tickets_until_two_more_have_followed_it),
                cmocka_unit_test(a_ticket_of_other_keys_begins_a_new_session),
                cmocka_unit_test(a_key_that_was_never_made_opens_nothing),
                cmocka_unit_test(without_chance_there_are_no_new_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
