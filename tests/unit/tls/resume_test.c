/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
#include "unit/tls/tls_test.h"

static int live; /* sessions of OpenSSL's */

static void
note_made(void *parent, void *own, CRYPTO_EX_DATA *data, int number, long word, void *argument)
{
        (void)parent, (void)own, (void)data, (void)number, (void)word, (void)argument;
        live++;
}

static void
note_freed(void *parent, void *own, CRYPTO_EX_DATA *data, int number, long word, void *argument)
{
        (void)parent, (void)own, (void)data, (void)number, (void)word, (void)argument;
        live--;
}

/* A session of the client's context; a server's message brings the ticket along. */
static void
talk(struct aw_tls_context *server, struct aw_tls_context *client, const char *host, long version)
{
        struct pair pair;

        begin(&pair, aw_tls_context_ref(server), aw_tls_context_ref(client), host);
        SSL_set_max_proto_version(pair.client.tls->ssl, version);
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        assert_int_equal(write_to(&pair.server, "pong", 4), 0);
        exchange(&pair, 1);
        assert_got(&pair.client, "pong", 4);
        end(&pair);
}

static void
sessions_resume_after_the_first(void **state)
{
        static const long versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct aw_tls_context *server = any_server(), *client = insecure_client();

                assert_int_equal(aw_tls_context_resume(client), 0);
                for (uint64_t n = 0; n < 5; n++) {
                        talk(server, client, "localhost", versions[i]);
                        assert_int_equal(aw_tls_context_resumed(client), n);
                        assert_int_equal(aw_tls_context_resumed(server), n);
                }
                /* The last one, and no other. */
                assert_int_equal(live, 1);
                aw_tls_context_unref(client);
                aw_tls_context_unref(server);
                assert_int_equal(live, 0);
        }
}

static void
without_being_told_to_none_resumes(void **state)
{
        struct aw_tls_context *server = any_server(), *client = insecure_client();

        (void)state;
        for (int i = 0; i < 3; i++)
                talk(server, client, "localhost", TLS1_3_VERSION);
        assert_int_equal(aw_tls_context_resumed(client), 0);
        aw_tls_context_unref(client);
        aw_tls_context_unref(server);
}

static void
a_ticket_is_for_its_host_and_its_server(void **state)
{
        struct aw_tls_context *server = any_server(), *other = any_server(),
                              *client = insecure_client();

        (void)state;
        aw_tls_context_resume(client);
        talk(server, client, "localhost", TLS1_3_VERSION);
        talk(server, client, "127.0.0.1", TLS1_3_VERSION);
        assert_int_equal(aw_tls_context_resumed(client), 0);
        /* Another server does not know it: the handshake is a full one. */
        talk(other, client, "127.0.0.1", TLS1_3_VERSION);
        assert_int_equal(aw_tls_context_resumed(client), 0);
        talk(other, client, "127.0.0.1", TLS1_3_VERSION);
        assert_int_equal(aw_tls_context_resumed(client), 1);
        aw_tls_context_unref(client);
        aw_tls_context_unref(other);
        aw_tls_context_unref(server);
}

/* Two sessions may have the same ticket: neither uses it up. */
static void
sessions_side_by_side_resume(void **state)
{
        struct aw_tls_context *server = any_server(), *client = insecure_client();
        struct pair one, two;

        (void)state;
        aw_tls_context_resume(client);
        talk(server, client, "localhost", TLS1_3_VERSION);
        begin(&one, aw_tls_context_ref(server), aw_tls_context_ref(client), "localhost");
        begin(&two, aw_tls_context_ref(server), aw_tls_context_ref(client), "localhost");
        shake_hands(&one, SIZE_MAX);
        assert_established(&one);
        end(&one);
        shake_hands(&two, SIZE_MAX);
        assert_established(&two);
        end(&two);
        assert_int_equal(aw_tls_context_resumed(client), 2);
        aw_tls_context_unref(client);
        aw_tls_context_unref(server);
}

static void
a_server_is_not_told_to(void **state)
{
        struct aw_tls_context *server = any_server();

        (void)state;
        errno = 0;
        assert_int_equal(aw_tls_context_resume(server), -1);
        assert_int_equal(errno, EINVAL);
        aw_tls_context_unref(server);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sessions_resume_after_the_first),
                cmocka_unit_test(without_being_told_to_none_resumes),
                cmocka_unit_test(a_ticket_is_for_its_host_and_its_server),
                cmocka_unit_test(sessions_side_by_side_resume),
                cmocka_unit_test(a_server_is_not_told_to),
        };

        assert_int_not_equal(SSL_SESSION_get_ex_new_index(0, NULL, note_made, NULL, note_freed),
                             -1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
