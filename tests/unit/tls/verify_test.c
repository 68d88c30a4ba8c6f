/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
#include "unit/tls/certificate.h"

/* Shakes hands; both contexts are given away. */
static void
meet(struct pair *pair, struct aw_tls_context *server, struct aw_tls_context *client,
     const char *host)
{
        begin(pair, server, client, host);
        shake_hands(pair, SIZE_MAX);
}

static void
assert_accepts(struct aw_tls_context *server, struct aw_tls_context *client, const char *host)
{
        struct pair pair;

        meet(&pair, server, client, host);
        assert_established(&pair);
        assert_false(aw_tls_refused_peer(pair.client.tls));
        assert_int_equal(write_to(&pair.client, "ping", 4), 0);
        exchange(&pair, SIZE_MAX);
        assert_got(&pair.server, "ping", 4);
        end(&pair);
}

/* The client refuses with the sentence, and the server is told by that alert. */
static void
assert_refuses(struct aw_tls_context *server, struct aw_tls_context *client, const char *host,
               const char *sentence, const char *alert)
{
        struct pair pair;
        char expected[100];

        meet(&pair, server, client, host);
        assert_int_equal(pair.client.handshake, AW_TLS_FAILED);
        assert_string_equal(aw_tls_error_text(pair.client.tls), sentence);
        assert_true(aw_tls_refused_peer(pair.client.tls));
        assert_int_equal(pair.server.handshake, AW_TLS_FAILED);
        snprintf(expected, sizeof(expected), "alert '%s'", alert);
        assert_non_null(strstr(aw_tls_error_text(pair.server.tls), expected));
        assert_false(aw_tls_refused_peer(pair.server.tls));
        end(&pair);
}

/* The same with a fresh certificate that the client trusts. */
static void
assert_refuses_demand(const struct demand *demand, const char *host, const char *sentence,
                      const char *alert)
{
        struct identity root = make_authority("root", NULL);
        struct demand signed_demand = *demand;
        struct identity leaf;

        signed_demand.issuer = &root;
        leaf = make_identity(&signed_demand);
        assert_refuses(server_with(&leaf, NULL), client_that_trusts(root.certificate), host,
                       sentence, alert);
        free_identity(&leaf);
        free_identity(&root);
}

static void
assert_accepts_names(const char *alternative, const char *host)
{
        struct identity root = make_authority("root", NULL);
        struct identity leaf =
                make_identity(&(struct demand){.alternative = alternative, .issuer = &root});

        assert_accepts(server_with(&leaf, NULL), client_that_trusts(root.certificate), host);
        free_identity(&leaf);
        free_identity(&root);
}

static void
a_certificate_made_in_memory_is_good_for_who_trusts_it(void **state)
{
        static const char *const hosts[] = {"localhost", "LocalHost", "localhost.",
                                            "127.0.0.1", "::1",       "0:0::0:1"};

        (void)state;
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                struct aw_tls_context *server = any_server();
                struct aw_tls_context *client =
                        client_that_trusts(SSL_CTX_get0_certificate(server->ssl));

                assert_accepts(server, client, hosts[i]);
        }
}

static void
a_chain_leads_from_the_certificate_to_a_trusted_root(void **state)
{
        struct identity root = make_authority("root", NULL);
        struct identity middle = make_authority("middle", &root);
        struct identity leaf = make_identity(&(struct demand){.issuer = &middle});

        (void)state;
        assert_accepts(server_with(&leaf, middle.certificate), client_that_trusts(root.certificate),
                       "localhost");
        /* What the user trusts need not be a root. */
        assert_accepts(server_with(&leaf, NULL), client_that_trusts(middle.certificate),
                       "localhost");
        assert_accepts(server_with(&leaf, NULL), client_that_trusts(leaf.certificate), "localhost");
        assert_refuses(server_with(&leaf, NULL), client_that_trusts(root.certificate), "localhost",
                       "the issuer of localhost's certificate (CN=middle) is not trusted",
                       "unknown CA");
        free_identity(&leaf);
        free_identity(&middle);
        free_identity(&root);
}

static void
an_unknown_issuer_is_refused(void **state)
{
        struct identity root = make_authority("root", NULL);
        struct identity other = make_authority("other", NULL);
        struct identity leaf = make_identity(&(struct demand){.issuer = &root});

        (void)state;
        assert_refuses(server_with(&leaf, NULL), client_that_trusts(other.certificate), "localhost",
                       "the issuer of localhost's certificate (CN=root) is not trusted",
                       "unknown CA");
        assert_refuses(server_with(&leaf, root.certificate), client_that_trusts(other.certificate),
                       "localhost",
                       "the issuer of localhost's certificate (CN=root) is not trusted",
                       "unknown CA");
        free_identity(&leaf);
        free_identity(&other);
        free_identity(&root);
}

static void
a_self_signed_certificate_is_refused(void **state)
{
        struct aw_error error;
        struct identity other = make_authority("other", NULL);

        (void)state;
        assert_refuses(any_server(), aw_tls_context_client(NULL, false, &error), "localhost",
                       "localhost's certificate (CN=localhost) is self-signed and not trusted",
                       "unknown CA");
        assert_refuses(any_server(), client_that_trusts(other.certificate), "localhost",
                       "localhost's certificate (CN=localhost) is self-signed and not trusted",
                       "unknown CA");
        free_identity(&other);
}

static void
the_insecure_client_accepts_anything(void **state)
{
        struct identity identity = make_identity(
                &(struct demand){.alternative = "DNS:example.org", .purpose = "clientAuth"});

        (void)state;
        assert_accepts(server_with(&identity, NULL), insecure_client(), "localhost");
        free_identity(&identity);
}

static void
a_wrong_name_is_refused(void **state)
{
        const struct demand usual = {0};

        (void)state;
        assert_refuses_demand(&usual, "example.org",
                              "the certificate is for \"localhost\", \"127.0.0.1\", \"::1\", not "
                              "for \"example.org\"",
                              "bad certificate");
        assert_refuses_demand(&usual, "a.localhost.",
                              "the certificate is for \"localhost\", \"127.0.0.1\", \"::1\", not "
                              "for \"a.localhost\"",
                              "bad certificate");
}

static void
a_wrong_address_is_refused(void **state)
{
        const struct demand usual = {0};
        const struct demand name = {.alternative = "DNS:127.0.0.1,DNS:localhost"};

        (void)state;
        assert_refuses_demand(&usual, "127.0.0.2",
                              "the certificate is for \"localhost\", \"127.0.0.1\", \"::1\", not "
                              "for \"127.0.0.2\"",
                              "bad certificate");
        assert_refuses_demand(
                &usual, "::2",
                "the certificate is for \"localhost\", \"127.0.0.1\", \"::1\", not for \"::2\"",
                "bad certificate");
        /* A name that looks like an address is none. */
        assert_refuses_demand(&name, "127.0.0.1",
                              "the certificate is for \"127.0.0.1\" as a name, \"localhost\", not "
                              "for \"127.0.0.1\"",
                              "bad certificate");
}

static void
a_wildcard_stands_for_one_label(void **state)
{
        const struct demand star = {.alternative = "DNS:*.example.org"};
        const struct demand partial = {.alternative = "DNS:f*.example.org"};

        (void)state;
        assert_accepts_names("DNS:*.example.org", "a.example.org");
        assert_refuses_demand(
                &star, "a.b.example.org",
                "the certificate is for \"*.example.org\", not for \"a.b.example.org\"",
                "bad certificate");
        assert_refuses_demand(&star, "example.org",
                              "the certificate is for \"*.example.org\", not for \"example.org\"",
                              "bad certificate");
        assert_refuses_demand(
                &partial, "foo.example.org",
                "the certificate is for \"f*.example.org\", not for \"foo.example.org\"",
                "bad certificate");
}

static void
of_many_names_four_are_told(void **state)
{
        const struct demand six = {.alternative = "DNS:a,DNS:b,email:m@x,DNS:c,DNS:d,DNS:e,DNS:f"};
        const struct demand four = {.alternative = "DNS:a,DNS:b,DNS:c,DNS:d"};

        (void)state;
        assert_refuses_demand(
                &six, "z", "the certificate is for \"a\", \"b\", \"c\", \"d\", ..., not for \"z\"",
                "bad certificate");
        assert_refuses_demand(&four, "z",
                              "the certificate is for \"a\", \"b\", \"c\", \"d\", not for \"z\"",
                              "bad certificate");
}

static void
the_common_name_does_not_count(void **state)
{
        const struct demand demand = {.name = "localhost", .alternative = ""};

        (void)state;
        assert_refuses_demand(&demand, "localhost",
                              "the certificate names no host, so not \"localhost\" either",
                              "bad certificate");
}

/* The sentence with the day that is so many seconds from now. */
static void
assert_refuses_dates(const struct demand *demand, const char *sentence, long seconds,
                     const char *alert)
{
        time_t then = time(NULL) + seconds;
        char day[16], expected[100];
        struct tm tm;

        strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&then, &tm));
        snprintf(expected, sizeof(expected), sentence, day);
        assert_refuses_demand(demand, "localhost", expected, alert);
}

static void
dates_are_checked(void **state)
{
        const struct demand old = {.from = -20 * DAY, .until = -10 * DAY};
        const struct demand young = {.from = 10 * DAY, .until = 20 * DAY};

        (void)state;
        aw_log_set_level(AW_LOG_ERROR);
        assert_refuses_dates(&old, "localhost's certificate expired on %s", -10 * DAY,
                             "certificate expired");
        assert_refuses_dates(&young, "localhost's certificate is valid from %s on", 10 * DAY,
                             "bad certificate");
        aw_log_set_level(AW_LOG_INFO);
}

static void
a_certificate_for_clients_is_refused(void **state)
{
        const struct demand demand = {.purpose = "clientAuth"};

        (void)state;
        assert_refuses_demand(&demand, "localhost",
                              "localhost's certificate is not meant for servers",
                              "unsupported certificate");
}

static void
other_refusals_are_in_the_words_of_OpenSSL(void **state)
{
        struct identity root = make_identity(&(struct demand){
                .name = "root", .alternative = "", .constraints = "critical,CA:TRUE,pathlen:0"});
        struct identity middle = make_authority("middle", &root);
        struct identity leaf = make_identity(&(struct demand){.issuer = &middle});

        (void)state;
        assert_refuses(server_with(&leaf, middle.certificate), client_that_trusts(root.certificate),
                       "localhost",
                       "localhost's certificate was refused: path length constraint exceeded",
                       "unknown CA");
        free_identity(&leaf);
        free_identity(&middle);
        free_identity(&root);
}

static int
keep_name(SSL *ssl, int *alert, void *arg)
{
        const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

        (void)alert;
        snprintf(arg, 100, "%s", name != NULL ? name : "none");
        return SSL_TLSEXT_ERR_OK;
}

static void
assert_asks_for(const char *host, const char *expected)
{
        struct aw_tls_context *server = any_server();
        struct pair pair;
        char name[100] = "";

        SSL_CTX_set_tlsext_servername_callback(server->ssl, keep_name);
        SSL_CTX_set_tlsext_servername_arg(server->ssl, name);
        meet(&pair, server, insecure_client(), host);
        assert_established(&pair);
        assert_string_equal(name, expected);
        end(&pair);
}

static void
names_are_asked_for_and_addresses_are_not(void **state)
{
        (void)state;
        assert_asks_for("example.org", "example.org");
        assert_asks_for("example.org.", "example.org");
        assert_asks_for("127.0.0.1", "none");
        assert_asks_for("::1", "none");
}

static void
a_host_that_can_be_no_name_is_refused(void **state)
{
        struct aw_tls_context *client = insecure_client();
        char host[300];

        (void)state;
        memset(host, 'x', sizeof(host));
        host[sizeof(host) - 1] = '\0';
        errno = 0;
        assert_null(aw_tls_create(client, host));
        assert_int_equal(errno, EINVAL);
        errno = 0;
        assert_null(aw_tls_create(client, ""));
        assert_int_equal(errno, EINVAL);
        assert_no_errors();
        aw_tls_context_unref(client);
}

static void
a_session_describes_itself(void **state)
{
        struct identity identity = make_identity(&(struct demand){.name = "Zoë \n\x1b"});
        struct pair pair;
        char text[100];

        (void)state;
        begin(&pair, server_with(&identity, NULL), insecure_client(), "localhost");
        aw_tls_describe(pair.client.tls, text, sizeof(text));
        assert_string_equal(text, "no TLS session");
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        aw_tls_describe(pair.client.tls, text, sizeof(text));
        assert_string_equal(text, "TLSv1.3, TLS_AES_128_GCM_SHA256, CN=Zoë \\0A\\1B");
        aw_tls_describe(pair.server.tls, text, sizeof(text));
        assert_string_equal(text, "TLSv1.3, TLS_AES_128_GCM_SHA256");
        aw_tls_describe(pair.client.tls, text, 8);
        assert_string_equal(text, "TLSv1.3");
        assert_no_errors();
        assert_string_equal(text, "TLSv1.3");
        assert_no_errors();
        end(&pair);
        free_identity(&identity);
}

static size_t
add_date(char *out, const char *word, const ASN1_TIME *time)
{
        struct tm tm;

        assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
        return strftime(strcpy(out, word) + strlen(word), 50, "%Y-%m-%d %H:%M:%S UTC", &tm) +
               strlen(word);
}

static size_t
add_fingerprint(char *out, const X509 *certificate)
{
        unsigned char digest[32];
        size_t length = (size_t)sprintf(out, "; SHA-256 ");

        assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, NULL), 1);
        for (size_t i = 0; i < sizeof(digest); i++)
                length += (size_t)sprintf(out + length, "%s%02X", i == 0 ? "" : ":", digest[i]);
        return length;
}

/* Word for word, with those who signed. */
static void
the_peers_certificates_are_described(void **state)
{
        struct identity root = make_authority("root", NULL);
        struct identity first = make_identity(&(struct demand){.issuer = &root});
        const X509 *const shown[] = {first.certificate, root.certificate};
        static const char *const words[] = {
                "\ncertificate 0: CN=test; for localhost, 127.0.0.1, ::1; by CN=root",
                "\ncertificate 1: CN=root; by CN=root"};
        char wanted[1000] = "TLSv1.3, TLS_AES_128_GCM_SHA256", *text;
        size_t end_of = strlen(wanted);
        struct pair pair;

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                strcpy(wanted + end_of, words[i]);
                end_of += strlen(words[i]);
                end_of +=
                        add_date(wanted + end_of, "\n  valid from ", X509_get0_notBefore(shown[i]));
                end_of += add_date(wanted + end_of, " to ", X509_get0_notAfter(shown[i]));
                end_of += add_fingerprint(wanted + end_of, shown[i]);
        }
        begin(&pair, server_with(&first, root.certificate), insecure_client(), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        text = aw_tls_describe_peer(pair.client.tls);
        assert_string_equal(text, wanted);
        free(text);
        /* A client that shows none. */
        text = aw_tls_describe_peer(pair.server.tls);
        assert_string_equal(text, "TLSv1.3, TLS_AES_128_GCM_SHA256");
        free(text);
        assert_no_errors();
        end(&pair);
        free_identity(&first);
        free_identity(&root);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_made_in_memory_is_good_for_who_trusts_it),
                cmocka_unit_test(a_chain_leads_from_the_certificate_to_a_trusted_root),
                cmocka_unit_test(an_unknown_issuer_is_refused),
                cmocka_unit_test(a_self_signed_certificate_is_refused),
                cmocka_unit_test(the_insecure_client_accepts_anything),
                cmocka_unit_test(a_wrong_name_is_refused),
                cmocka_unit_test(a_wrong_address_is_refused),
                cmocka_unit_test(a_wildcard_stands_for_one_label),
                cmocka_unit_test(of_many_names_four_are_told),
                cmocka_unit_test(the_common_name_does_not_count),
                cmocka_unit_test(dates_are_checked),
                cmocka_unit_test(a_certificate_for_clients_is_refused),
                cmocka_unit_test(other_refusals_are_in_the_words_of_OpenSSL),
                cmocka_unit_test(names_are_asked_for_and_addresses_are_not),
                cmocka_unit_test(a_host_that_can_be_no_name_is_refused),
                cmocka_unit_test(a_session_describes_itself),
                cmocka_unit_test(the_peers_certificates_are_described),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
