/* SPDX-License-Identifier: MIT */
/* What a server's context can be told: more certificates, and whom to let in. */
/* Once: sessions do no input and output. */
#include <time.h>

#include "unit/tls/certificate.h"

/* Stands in for the C library's, for OpenSSL too, so that nobody has to wait for the end of a certificate. */
static time_t ahead;

__attribute__((visibility("default"))) time_t
time(time_t *out)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        now.tv_sec += ahead;
        if (out != NULL)
                *out = now.tv_sec;
        return now.tv_sec;
}

static struct aw_tls_context *
client_as(const struct identity *identity)
{
        struct aw_tls_client_options options = {.insecure = true};
        struct aw_error error = {.text = ""};
        struct aw_tls_context *context;
        char cert[100], key[100];

        if (identity != NULL) {
                save_certificates("cert", identity->certificate, NULL);
                save_key("key", identity->key, NULL);
                options.cert_file = path_of("cert", cert);
                options.key_file = path_of("key", key);
        }
        context = aw_tls_context_client_with(&options, &error);
        assert_string_equal(error.text, "");
        return context;
}

static void
ask_clients(struct aw_tls_context *server, X509 *authority, bool required)
{
        struct aw_error error = {.text = ""};
        char path[100];

        save_certificates("other", authority, NULL);
        assert_done(aw_tls_context_ask_clients(server, path_of("other", path), required, &error),
                    &error);
}

/* One that signs for clients. */
static struct identity
make_clients_authority(const char *name)
{
        return make_identity(&(struct demand){.name = name,
                                              .alternative = "",
                                              .constraints = "critical,CA:TRUE",
                                              .purpose = "clientAuth,serverAuth"});
}

/* That who asks for this name is shown this certificate. */
static void
assert_shown(struct aw_tls_context *server, const char *name, const X509 *certificate)
{
        struct pair pair;

        begin(&pair, aw_tls_context_ref(server), insecure_client(), name);
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        assert_int_equal(X509_cmp(SSL_get0_peer_certificate(pair.client.tls->ssl), certificate), 0);
        end(&pair);
}

static void
the_name_that_a_client_asks_for_chooses_the_certificate(void **state)
{
        struct identity first = make_identity(&(struct demand){.alternative = "DNS:localhost"});
        struct identity named = make_identity(&(struct demand){.alternative = "DNS:a.example"});
        struct identity wild =
                make_identity(&(struct demand){.alternative = "DNS:*.b.example,DNS:b.example"});
        struct aw_tls_context *server = server_with(&first, NULL);
        int64_t begins, ends;

        (void)state;
        add_to(server, &named, NULL);
        add_to(server, &wild, NULL);
        assert_shown(server, "localhost", first.certificate);
        assert_shown(server, "a.example", named.certificate);
        assert_shown(server, "A.EXAMPLE", named.certificate);
        assert_shown(server, "b.example", wild.certificate);
        assert_shown(server, "any.b.example", wild.certificate);
        assert_shown(server, "not.any.b.example", first.certificate);
        assert_shown(server, "other.example", first.certificate);
        /* An address is asked for without a name. */
        assert_shown(server, "127.0.0.1", first.certificate);
        assert_int_equal(aw_tls_context_validity(server, 2, &begins, &ends), 0);
        assert_true(begins < ends);
        assert_int_equal(aw_tls_context_validity(server, 3, &begins, &ends), -1);
        assert_int_equal(errno, EINVAL);
        aw_tls_context_unref(server);
        free_identity(&first);
        free_identity(&named);
        free_identity(&wild);
}

static void
of_two_kinds_of_keys_the_client_gets_the_one_that_it_can_use(void **state)
{
        struct identity other = make_identity(&(struct demand){.alternative = "DNS:other"});
        struct identity ec = make_identity(&(struct demand){.alternative = "DNS:a.example"});
        struct identity rsa =
                make_identity(&(struct demand){.alternative = "DNS:a.example", .rsa_bits = 2048});
        struct identity *const wanted[] = {&ec, &rsa};
        static const char *const ciphers[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                              "ECDHE-RSA-AES128-GCM-SHA256"};
        struct aw_tls_context *server = server_with(&other, NULL);

        (void)state;
        add_to(server, &ec, NULL);
        add_to(server, &rsa, NULL);
        for (size_t i = 0; i < 2; i++) {
                struct aw_tls_client_options options = {
                        .insecure = true, .max_version = "1.2", .ciphers = ciphers[i]};
                struct pair pair;

                begin(&pair, aw_tls_context_ref(server), aw_tls_context_client_with(&options, NULL),
                      "a.example");
                shake_hands(&pair, SIZE_MAX);
                assert_established(&pair);
                assert_int_equal(X509_cmp(SSL_get0_peer_certificate(pair.client.tls->ssl),
                                          wanted[i]->certificate),
                                 0);
                assert_string_equal(aw_tls_server_name(pair.server.tls), "a.example");
                assert_string_equal(aw_tls_cipher(pair.server.tls), ciphers[i]);
                end(&pair);
        }
        aw_tls_context_unref(server);
        free_identity(&other);
        free_identity(&ec);
        free_identity(&rsa);
}

static void
a_certificate_that_cannot_be_added_is_named(void **state)
{
        struct aw_tls_context *server = any_server(), *client = insecure_client();
        struct aw_error error;

        (void)state;
        assert_int_equal(aw_tls_context_add(server, "/no/such/cert", "/no/such/key", &error), -1);
        assert_non_null(strstr(error.text, "cannot read '/no/such/cert': No such file"));
        assert_int_equal(aw_tls_context_add(client, "/no/such/cert", "/no/such/key", &error), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(aw_tls_context_ask_clients(client, "/no/such/ca", true, &error), -1);
        assert_int_equal(errno, EINVAL);
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
}

/* Both sides of a handshake as this client; the server's sentence, or NULL if all is well. */
static void
assert_judged(struct aw_tls_context *server, const struct identity *client, const char *says)
{
        struct pair pair;
        char *subject;

        begin(&pair, aw_tls_context_ref(server), client_as(client), "localhost");
        shake_hands(&pair, SIZE_MAX);
        if (says == NULL) {
                assert_established(&pair);
                subject = aw_tls_peer_subject(pair.server.tls);
                assert_int_equal(subject == NULL, client == NULL);
                assert_string_equal(subject == NULL ? "CN=alice" : subject, "CN=alice");
                free(subject);
        } else {
                if (strstr(aw_tls_error_text(pair.server.tls), says) == NULL)
                        fail_msg("no '%s' in '%s'", says, aw_tls_error_text(pair.server.tls));
                assert_true(aw_tls_refused_peer(pair.server.tls));
        }
        end(&pair);
}

static void
clients_are_let_in_by_their_certificates(void **state)
{
        struct identity authority = make_clients_authority("root"),
                        other = make_clients_authority("x");
        struct demand alice = {.name = "alice", .purpose = "clientAuth", .issuer = &authority};
        struct identity good = make_identity(&alice), old, young, stranger, wrong;
        struct aw_tls_context *strict = any_server(), *mild = any_server();

        (void)state;
        alice.from = -2 * DAY;
        alice.until = -DAY;
        old = make_identity(&alice);
        alice.from = DAY;
        alice.until = 2 * DAY;
        young = make_identity(&alice);
        stranger = make_identity(
                &(struct demand){.name = "mallory", .purpose = "clientAuth", .issuer = &other});
        wrong = make_identity(&(struct demand){.name = "alice", .issuer = &authority});
        ask_clients(strict, authority.certificate, true);
        ask_clients(mild, authority.certificate, false);
        assert_judged(strict, &good, NULL);
        assert_judged(mild, &good, NULL);
        assert_judged(mild, NULL, NULL);
        assert_judged(strict, NULL, "the client has no certificate, and needs one");
        for (int i = 0; i < 2; i++) {
                struct aw_tls_context *server = i == 0 ? strict : mild;

                assert_judged(server, &old, "the client's certificate (CN=alice) expired on ");
                assert_judged(server, &young, "the client's certificate (CN=alice) is valid from");
                assert_judged(server, &stranger,
                              "the issuer of the client's certificate (CN=x) is not trusted");
                assert_judged(server, &wrong, "the client's certificate is not meant for clients");
        }
        aw_tls_context_unref(strict);
        aw_tls_context_unref(mild);
        free_identity(&authority);
        free_identity(&other);
        free_identity(&good);
        free_identity(&old);
        free_identity(&young);
        free_identity(&stranger);
        free_identity(&wrong);
}

/* A session with this client's context; whether it was resumed. It must be established. */
static bool
meet(struct aw_tls_context *server, struct aw_tls_context *client)
{
        struct pair pair;
        bool resumed;
        char *subject;

        begin(&pair, aw_tls_context_ref(server), aw_tls_context_ref(client), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        subject = aw_tls_peer_subject(pair.server.tls);
        assert_string_equal(subject, "CN=alice");
        free(subject);
        resumed = aw_tls_resumed(pair.server.tls);
        end(&pair);
        return resumed;
}

static void
sessions_resume_only_where_the_same_is_demanded(void **state)
{
        struct identity authority = make_clients_authority("root"),
                        other = make_clients_authority("x");
        struct identity alice = make_identity(
                &(struct demand){.name = "alice", .purpose = "clientAuth", .issuer = &authority});
        struct aw_tls_context *before = any_server(), *same = any_server(), *milder = any_server(),
                              *open = any_server(), *elsewhere = any_server(), *client;
        struct aw_tls_context *servers[] = {before, same, milder, open, elsewhere};
        struct aw_tls_tickets tickets = {.rotations = 0};
        struct pair pair;

        (void)state;
        assert_int_equal(aw_tls_tickets_rotate(&tickets), 0);
        for (size_t i = 0; i < 5; i++)
                aw_tls_context_set_tickets(servers[i], &tickets);
        ask_clients(before, authority.certificate, true);
        ask_clients(same, authority.certificate, true);
        ask_clients(milder, authority.certificate, false);
        ask_clients(elsewhere, other.certificate, true);
        client = client_as(&alice);
        assert_int_equal(aw_tls_context_resume(client), 0);
        assert_false(meet(before, client));
        assert_true(meet(before, client));
        assert_true(meet(same, client));
        assert_false(meet(milder, client));
        /* The ticket of a server that does not ask is good for nothing at one that does. */
        begin(&pair, aw_tls_context_ref(open), aw_tls_context_ref(client), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        end(&pair);
        assert_false(meet(before, client));
        begin(&pair, aw_tls_context_ref(elsewhere), aw_tls_context_ref(client), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_true(aw_tls_refused_peer(pair.server.tls));
        end(&pair);
        for (size_t i = 0; i < 5; i++)
                aw_tls_context_unref(servers[i]);
        aw_tls_context_unref(client);
        free_identity(&authority);
        free_identity(&other);
        free_identity(&alice);
}

static void
a_ticket_of_unknown_keys_means_a_full_handshake(void **state)
{
        struct identity authority = make_clients_authority("root");
        struct identity alice = make_identity(
                &(struct demand){.name = "alice", .purpose = "clientAuth", .issuer = &authority});
        struct aw_tls_context *servers[] = {any_server(), any_server()};
        struct aw_tls_context *client = client_as(&alice);

        (void)state;
        for (size_t i = 0; i < 2; i++)
                ask_clients(servers[i], authority.certificate, true);
        aw_tls_context_resume(client);
        for (size_t i = 0; i < 2; i++) {
                assert_false(meet(servers[i], client));
                assert_true(meet(servers[i], client));
        }
        aw_tls_context_unref(servers[0]);
        aw_tls_context_unref(servers[1]);
        aw_tls_context_unref(client);
        free_identity(&authority);
        free_identity(&alice);
}

static void
a_session_does_not_outlive_the_clients_certificate(void **state)
{
        struct identity authority = make_clients_authority("root");
        struct identity alice = make_identity(&(struct demand){
                .name = "alice", .purpose = "clientAuth", .until = 600, .issuer = &authority});
        struct aw_tls_context *server = any_server(), *client;
        struct pair pair;

        (void)state;
        ask_clients(server, authority.certificate, true);
        client = client_as(&alice);
        aw_tls_context_resume(client);
        assert_false(meet(server, client));
        ahead = 300;
        assert_true(meet(server, client));
        ahead = 900;
        begin(&pair, aw_tls_context_ref(server), aw_tls_context_ref(client), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_non_null(strstr(aw_tls_error_text(pair.server.tls), "(CN=alice) expired on"));
        end(&pair);
        ahead = 0;
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
        free_identity(&authority);
        free_identity(&alice);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_name_that_a_client_asks_for_chooses_the_certificate),
                cmocka_unit_test(of_two_kinds_of_keys_the_client_gets_the_one_that_it_can_use),
                cmocka_unit_test(a_certificate_that_cannot_be_added_is_named),
                cmocka_unit_test(clients_are_let_in_by_their_certificates),
                cmocka_unit_test(sessions_resume_only_where_the_same_is_demanded),
                cmocka_unit_test(a_ticket_of_unknown_keys_means_a_full_handshake),
                cmocka_unit_test(a_session_does_not_outlive_the_clients_certificate),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
