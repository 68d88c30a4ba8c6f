/* SPDX-License-Identifier: MIT */
/* What a client's context can be told: whom to take, who we are, what to speak. */
/* Once: sessions do no input and output. */
#include <ctype.h>

#include "unit/tls/certificate.h"

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static struct aw_tls_context *
client(const struct aw_tls_client_options *options)
{
        struct aw_error error = {.text = ""};
        struct aw_tls_context *context = aw_tls_context_client_with(options, &error);

        assert_string_equal(error.text, "");
        assert_non_null(context);
        assert_no_errors();
        return context;
}

static void
assert_no_client(const struct aw_tls_client_options *options, const char *sentence)
{
        struct aw_error error = {.text = ""};

        assert_null(aw_tls_context_client_with(options, &error));
        assert_non_null(strstr(error.text, sentence));
        assert_int_equal(error.kind, AW_ERROR_CERTIFICATE);
        assert_no_errors();
        assert_null(aw_tls_context_client_with(options, NULL));
}

static void
assert_meets(struct aw_tls_context *server, const struct aw_tls_client_options *options,
             const char *host)
{
        struct pair pair;

        begin(&pair, server, client(options), host);
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        end(&pair);
}

/* The client fails with a sentence that says this. */
static void
assert_parts(struct aw_tls_context *server, const struct aw_tls_client_options *options,
             const char *says, enum aw_error_cause cause)
{
        struct pair pair;

        begin(&pair, server, client(options), "localhost");
        shake_hands(&pair, SIZE_MAX);
        if (strstr(aw_tls_error_text(pair.client.tls), says) == NULL)
                fail_msg("no '%s' in '%s'", says, aw_tls_error_text(pair.client.tls));
        assert_int_equal(aw_tls_error_cause(pair.client.tls), cause);
        end(&pair);
}

/* "sha256//..." of the certificate's key. */
static void
pin_of(X509 *certificate, char out[64])
{
        unsigned char digest[32], *key = NULL;
        int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);

        EVP_Digest(key, (size_t)length, digest, NULL, EVP_sha256(), NULL);
        OPENSSL_free(key);
        strcpy(out, "sha256//");
        EVP_EncodeBlock((unsigned char *)out + 8, digest, 32);
}

static void
the_fingerprint_that_a_server_logs_is_all_it_takes(void **state)
{
        struct aw_tls_context *server = any_server();
        char text[AW_TLS_FINGERPRINT_SIZE], plain[65];
        size_t length = 0;

        (void)state;
        assert_int_equal(aw_tls_context_fingerprint(server, text), 0);
        for (size_t i = 0; text[i] != '\0'; i++)
                if (text[i] != ':')
                        plain[length++] = (char)tolower(text[i]);
        plain[length] = '\0';
        assert_meets(aw_tls_context_ref(server),
                     &(struct aw_tls_client_options){.fingerprint = text}, "localhost");
        assert_meets(aw_tls_context_ref(server),
                     &(struct aw_tls_client_options){.fingerprint = plain}, "other.example");
        assert_parts(server, &(struct aw_tls_client_options){.fingerprint = zeros},
                     "localhost's certificate has another fingerprint", AW_CAUSE_PIN);
}

static void
a_pinned_key_comes_on_top_of_the_other_checks(void **state)
{
        struct identity own = make_identity(&(struct demand){.name = "localhost"});
        struct identity other = make_identity(&(struct demand){.name = "localhost"});
        char ca[100], pin[64], wrong[64], both[160];

        (void)state;
        pin_of(own.certificate, pin);
        pin_of(other.certificate, wrong);
        snprintf(both, sizeof(both), "%s;%s", wrong, pin);
        save_certificates("ca", own.certificate, NULL);
        assert_meets(
                server_with(&own, NULL),
                &(struct aw_tls_client_options){.ca_file = path_of("ca", ca), .pinned_key = both},
                "localhost");
        assert_parts(server_with(&own, NULL),
                     &(struct aw_tls_client_options){.ca_file = ca, .pinned_key = wrong},
                     "another key than the pinned one", AW_CAUSE_PIN);
        assert_parts(server_with(&own, NULL), &(struct aw_tls_client_options){.pinned_key = pin},
                     "self-signed and not trusted", AW_CAUSE_ISSUER);
        assert_meets(server_with(&own, NULL),
                     &(struct aw_tls_client_options){.insecure = true, .pinned_key = pin},
                     "localhost");
        assert_parts(server_with(&own, NULL),
                     &(struct aw_tls_client_options){.insecure = true, .pinned_key = wrong},
                     "another key than the pinned one", AW_CAUSE_PIN);
        free_identity(&own);
        free_identity(&other);
}

/* A server that wants this certificate. */
static struct aw_tls_context *
demanding_server(const struct identity *known)
{
        struct aw_tls_context *server = any_server();

        SSL_CTX_set_verify(server->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(server->ssl), known->certificate);
        return server;
}

static void
a_client_shows_its_certificate_if_it_is_asked(void **state)
{
        struct identity leaf = make_identity(&(struct demand){.purpose = "clientAuth"});
        struct identity stranger = make_identity(&(struct demand){.purpose = "clientAuth"});
        char cert[100], key[100], other[100];
        struct aw_tls_client_options options = {.insecure = true};

        (void)state;
        assert_parts(demanding_server(&leaf), &options, "the peer wants a certificate of ours",
                     AW_CAUSE_PROVE);
        options.max_version = "1.2";
        assert_parts(demanding_server(&leaf), &options, "the peer wants a certificate of ours",
                     AW_CAUSE_PROVE);
        options.max_version = NULL;
        save_certificates("cert", leaf.certificate, NULL);
        save_key("key", leaf.key, "open sesame");
        options.cert_file = path_of("cert", cert);
        options.key_file = path_of("key", key);
        options.passphrase = "open sesame";
        assert_meets(demanding_server(&leaf), &options, "localhost");
        assert_meets(any_server(), &options, "localhost");
        save_certificates("other", stranger.certificate, NULL);
        save_key("key", stranger.key, NULL);
        options.cert_file = path_of("other", other);
        assert_parts(demanding_server(&leaf), &options,
                     "the peer does not trust the issuer of our certificate", AW_CAUSE_PROVE);
        free_identity(&leaf);
        free_identity(&stranger);
}

static void
certificate_and_key_may_be_in_one_file(void **state)
{
        struct identity own = make_identity(&(struct demand){.purpose = "clientAuth"});
        char cert[100], key[100], text[8192];
        FILE *file;
        size_t length;

        (void)state;
        save_key("key", own.key, NULL);
        save_certificates("cert", own.certificate, NULL);
        file = fopen(path_of("key", key), "r");
        length = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
        text[length] = '\0';
        save_text("cert", "a", text);
        assert_meets(demanding_server(&own),
                     &(struct aw_tls_client_options){.insecure = true,
                                                     .cert_file = path_of("cert", cert)},
                     "localhost");
        free_identity(&own);
}

static void
an_encrypted_key_needs_its_passphrase(void **state)
{
        struct identity own = make_identity(&(struct demand){.purpose = "clientAuth"});
        struct aw_tls_client_options options = {.insecure = true};
        char cert[100], key[100];
        struct aw_error error;

        (void)state;
        save_certificates("cert", own.certificate, NULL);
        save_key("key", own.key, "open sesame");
        options.cert_file = path_of("cert", cert);
        options.key_file = path_of("key", key);
        assert_no_client(&options, "is encrypted");
        assert_null(aw_tls_context_client_with(&options, &error));
        assert_int_equal(error.cause, AW_CAUSE_PASSPHRASE);
        options.passphrase = "open barley";
        assert_no_client(&options, "the passphrase does not fit the key in");
        options.cert_file = NULL;
        assert_no_client(&options, "a private key needs a certificate");
        free_identity(&own);
}

static void
versions_are_bounded_on_both_sides(void **state)
{
        static const char *const cases[][3] = {
                {"1.2", "1.2", "TLSv1.2"}, {"1.3", NULL, "TLSv1.3"}, {NULL, "1.2", "TLSv1.2"}};
        struct aw_tls_client_options options = {.insecure = true};
        char text[256];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct pair pair;

                options.min_version = cases[i][0];
                options.max_version = cases[i][1];
                begin(&pair, any_server(), client(&options), "localhost");
                shake_hands(&pair, SIZE_MAX);
                assert_established(&pair);
                aw_tls_describe(pair.client.tls, text, sizeof(text));
                assert_int_equal(strncmp(text, cases[i][2], 7), 0);
                end(&pair);
        }
        options.min_version = "1.3";
        options.max_version = "1.2";
        assert_no_client(&options, "no version of TLS is from 1.3 to 1.2");
        options.max_version = "1.1";
        assert_no_client(&options, "'1.1' is no version of TLS");
}

static void
ciphers_go_to_the_list_that_knows_them(void **state)
{
        struct aw_tls_client_options options = {
                .insecure = true, .ciphers = "TLS_CHACHA20_POLY1305_SHA256:AES128-SHA"};
        struct aw_tls_context *server = any_server();
        char text[256];
        struct pair pair;

        (void)state;
        begin(&pair, server, client(&options), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        aw_tls_describe(pair.client.tls, text, sizeof(text));
        assert_non_null(strstr(text, "TLS_CHACHA20_POLY1305_SHA256"));
        end(&pair);
        /* The only one for TLS 1.2 is one that our servers do not take. */
        options.max_version = "1.2";
        assert_parts(any_server(), &options, "none of our versions, ciphers", AW_CAUSE_POLICY);
        options.ciphers = "NO-SUCH-CIPHER";
        assert_no_client(&options, "a cipher that OpenSSL does not know");
        options.ciphers = ":";
        assert_no_client(&options, "a cipher that OpenSSL does not know");
}

/* Of each kind several, with nothing between some of them. */
static void
ciphers_may_be_many(void **state)
{
        struct aw_tls_client_options options = {
                .insecure = true,
                .ciphers = ":AES128-SHA:TLS_AES_128_CCM_SHA256::ECDHE-ECDSA-AES256-GCM-SHA384:"
                           "TLS_AES_256_GCM_SHA384:"};
        static const char *const agreed[][2] = {{"1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"},
                                                {"1.3", "TLS_AES_256_GCM_SHA384"}};
        char names[1025];

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct pair pair;

                options.max_version = agreed[i][0];
                begin(&pair, any_server(), client(&options), "localhost");
                shake_hands(&pair, SIZE_MAX);
                assert_established(&pair);
                assert_string_equal(aw_tls_cipher(pair.client.tls), agreed[i][1]);
                end(&pair);
        }
        memset(names, ':', 1024);
        memcpy(names, "AES128-SHA", 10);
        names[1023] = '\0';
        options.ciphers = names;
        aw_tls_context_unref(client(&options));
        memcpy(names + 1023, ":", 2);
        assert_no_client(&options, "the list of ciphers is too long");
}

#define BYTES_31 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"
#define PIN      "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PINS_8   PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN ";" PIN

static void
what_cannot_be_read_is_refused(void **state)
{
        static const char *const fingerprints[] = {"",
                                                   "AB:CD",
                                                   BYTES_31,
                                                   BYTES_31 ":",
                                                   BYTES_31 "f",
                                                   BYTES_31 "fg",
                                                   BYTES_31 "gf",
                                                   BYTES_31 "ff:",
                                                   BYTES_31 "ff0",
                                                   BYTES_31 "ff00",
                                                   BYTES_31 "::ff"},
                                 *const pins[] = {"sha256//AAAA", "",
                                                  "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                                                  "AAAAAAA.",
                                                  "sha265//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                                                  "AAAAAAA=",
                                                  "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                                                  "AAAAAAAA="};
        char sentence[200];

        (void)state;
        for (size_t i = 0; i < sizeof(fingerprints) / sizeof(fingerprints[0]); i++) {
                snprintf(sentence, sizeof(sentence), "'%s' is no SHA-256 fingerprint: 32 bytes",
                         fingerprints[i]);
                assert_no_client(&(struct aw_tls_client_options){.fingerprint = fingerprints[i]},
                                 sentence);
        }
        for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
                snprintf(sentence, sizeof(sentence), "'%s' is no pin of a key", pins[i]);
                assert_no_client(&(struct aw_tls_client_options){.pinned_key = pins[i]}, sentence);
        }
        assert_no_client(&(struct aw_tls_client_options){.pinned_key = PIN ";"},
                         "'' is no pin of a key");
        assert_no_client(&(struct aw_tls_client_options){.pinned_key = PINS_8 ";" PIN},
                         "more than 8 keys are pinned");
        aw_tls_context_unref(client(&(struct aw_tls_client_options){.pinned_key = PINS_8}));
        aw_tls_context_unref(client(&(struct aw_tls_client_options){.fingerprint = BYTES_31 "ff"}));
        assert_no_client(&(struct aw_tls_client_options){.ca_file = "/no/such/file"},
                         "cannot read '/no/such/file'");
        assert_no_client(&(struct aw_tls_client_options){.ca_path = "/no/such/directory"},
                         "cannot read '/no/such/directory': No such file or directory");
        aw_tls_context_unref(client(&(struct aw_tls_client_options){.ca_path = test_directory}));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_fingerprint_that_a_server_logs_is_all_it_takes),
                cmocka_unit_test(a_pinned_key_comes_on_top_of_the_other_checks),
                cmocka_unit_test(a_client_shows_its_certificate_if_it_is_asked),
                cmocka_unit_test(certificate_and_key_may_be_in_one_file),
                cmocka_unit_test(an_encrypted_key_needs_its_passphrase),
                cmocka_unit_test(versions_are_bounded_on_both_sides),
                cmocka_unit_test(ciphers_go_to_the_list_that_knows_them),
                cmocka_unit_test(ciphers_may_be_many),
                cmocka_unit_test(what_cannot_be_read_is_refused),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
