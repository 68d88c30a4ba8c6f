/* SPDX-License-Identifier: MIT */
/* Once: TLS does no input or output of its own. */
#include <openssl/evp.h>

#include "unit/tls/certificate.h"

static char sunk[300];

static void
keep(enum aw_log_level level, const char *message)
{
        assert_int_equal(level, AW_LOG_WARNING);
        snprintf(sunk, sizeof(sunk), "%s", message);
}

/* Sentences are compared with the directory replaced by DIR. */
static void
assert_sentence(const char *text, const char *sentence)
{
        char seen[400] = "";
        const char *at;

        while ((at = strstr(text, test_directory)) != NULL) {
                strncat(seen, text, (size_t)(at - text));
                strcat(seen, "DIR");
                text = at + strlen(test_directory);
        }
        strcat(seen, text);
        assert_string_equal(seen, sentence);
}

/* `cert` and `key` are names of files in the test's directory, or NULL. */
static void
assert_no_server(const char *cert, const char *key, int number, const char *sentence)
{
        char cert_path[100], key_path[100];
        struct aw_error error;

        errno = 0;
        assert_null(aw_tls_context_server(cert != NULL ? path_of(cert, cert_path) : NULL,
                                          key != NULL ? path_of(key, key_path) : NULL, &error));
        assert_int_equal(errno, number);
        assert_sentence(error.text, sentence);
        assert_no_errors();
}

static void
assert_no_client(const char *ca, int number, const char *sentence)
{
        char path[100];
        struct aw_error error;

        errno = 0;
        assert_null(aw_tls_context_client(path_of(ca, path), false, &error));
        assert_int_equal(errno, number);
        assert_sentence(error.text, sentence);
        assert_no_errors();
}

static void
a_certificate_and_its_key_are_loaded(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});
        struct aw_tls_context *context = server_with(&identity, NULL);

        (void)state;
        assert_non_null(context);
        aw_tls_context_unref(context);
        free_identity(&identity);
}

static void
missing_files_are_named(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});

        (void)state;
        save_certificates("cert", identity.certificate, NULL);
        assert_no_server("missing", "key", ENOENT,
                         "cannot read 'DIR/missing': No such file or directory");
        assert_no_server("cert", "missing", ENOENT,
                         "cannot read 'DIR/missing': No such file or directory");
        assert_no_server("cert", ".", EISDIR, "cannot read 'DIR/.': it is a directory");
        assert_no_client("missing", ENOENT, "cannot read 'DIR/missing': No such file or directory");
        assert_no_client(".", EISDIR, "cannot read 'DIR/.': it is a directory");
        free_identity(&identity);
}

static void
one_file_of_two_is_not_enough(void **state)
{
        (void)state;
        assert_no_server("cert", NULL, EINVAL, "a certificate needs a private key");
        assert_no_server(NULL, "key", EINVAL, "a private key needs a certificate");
}

static void
save_der(const char *name, X509 *certificate)
{
        char path[100];
        FILE *file = fopen(path_of(name, path), "w");

        assert_non_null(file);
        assert_int_equal(i2d_X509_fp(file, certificate), 1);
        assert_int_equal(fclose(file), 0);
}

static void
files_without_a_certificate_are_refused(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});

        (void)state;
        save_key("key", identity.key, NULL);
        save_text("cert", "w", "");
        assert_no_server("cert", "key", EINVAL, "there is no certificate in 'DIR/cert'");
        assert_no_client("cert", EINVAL, "there is no certificate in 'DIR/cert'");
        save_text("cert", "w", "garbage\n\xff\xfe");
        assert_no_server("cert", "key", EINVAL, "there is no certificate in 'DIR/cert'");
        assert_no_server("key", "key", EINVAL,
                         "there is no certificate in 'DIR/key', but a private key: have the two "
                         "changed places?");
        assert_no_client("key", EINVAL,
                         "there is no certificate in 'DIR/key', but a private key: have the two "
                         "changed places?");
        save_der("cert", identity.certificate);
        assert_no_server("cert", "key", EINVAL,
                         "there is no certificate in 'DIR/cert' in PEM, but one in DER: 'openssl "
                         "x509 -inform DER' makes PEM of it");
        free_identity(&identity);
}

static void
damaged_certificates_are_refused(void **state)
{
        static const char damaged[] =
                "-----BEGIN CERTIFICATE-----\n"
                "MIIBszCCAVmgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDAR0ZXN0\n"
                "-----END CERTIFICATE-----\n";
        struct identity identity = make_identity(&(struct demand){0});

        (void)state;
        save_key("key", identity.key, NULL);
        save_text("cert", "w", damaged);
        assert_no_server("cert", "key", EINVAL, "a certificate in 'DIR/cert' is damaged");
        assert_no_client("cert", EINVAL, "a certificate in 'DIR/cert' is damaged");
        /* Also behind a good one. */
        save_certificates("cert", identity.certificate, NULL);
        save_text("cert", "a", damaged);
        assert_no_server("cert", "key", EINVAL, "a certificate in 'DIR/cert' is damaged");
        assert_no_client("cert", EINVAL, "a certificate in 'DIR/cert' is damaged");
        /* Cut off in the middle. */
        save_text("cert", "w", "-----BEGIN CERTIFICATE-----\nMIIB");
        assert_no_server("cert", "key", EINVAL, "a certificate in 'DIR/cert' is damaged");
        free_identity(&identity);
}

static void
files_without_a_key_are_refused(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});

        (void)state;
        save_certificates("cert", identity.certificate, NULL);
        save_text("key", "w", "");
        assert_no_server("cert", "key", EINVAL, "there is no usable private key in 'DIR/key'");
        save_text("key", "w",
                  "-----BEGIN "
                  "PRIVATE KEY-----\nAAAA\n-----END "
                  "PRIVATE KEY-----\n");
        assert_no_server("cert", "key", EINVAL, "there is no usable private key in 'DIR/key'");
        assert_no_server("cert", "cert", EINVAL, "there is no usable private key in 'DIR/cert'");
        free_identity(&identity);
}

static void
an_encrypted_key_is_refused_without_asking(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});

        (void)state;
        save_certificates("cert", identity.certificate, NULL);
        save_key("key", identity.key, "secret");
        assert_no_server("cert", "key", EINVAL,
                         "the key in 'DIR/key' is encrypted: store it without a passphrase");
        free_identity(&identity);
}

static void
a_key_of_another_certificate_is_refused(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});
        struct identity other = make_identity(&(struct demand){0});

        (void)state;
        save_certificates("cert", identity.certificate, other.certificate);
        save_key("key", other.key, NULL);
        assert_no_server(
                "cert", "key", EINVAL,
                "the key in 'DIR/key' does not belong to the first certificate in 'DIR/cert'");
        free_identity(&identity);
        free_identity(&other);
}

static void
a_weak_certificate_is_refused(void **state)
{
        struct identity weak = make_identity(&(struct demand){.rsa_bits = 1024});

        (void)state;
        save_certificates("cert", weak.certificate, NULL);
        save_key("key", weak.key, NULL);
        assert_no_server("cert", "key", EINVAL,
                         "a certificate in 'DIR/cert' cannot be used: ee key too small");
        free_identity(&weak);
}

static void
dates_that_clients_will_refuse_are_warned_about(void **state)
{
        struct identity old = make_identity(&(struct demand){.from = -2 * DAY, .until = -DAY});
        struct identity young = make_identity(&(struct demand){.from = DAY, .until = 2 * DAY});

        (void)state;
        aw_log_set_sink(keep);
        aw_tls_context_unref(server_with(&old, NULL));
        assert_sentence(sunk, "the certificate in 'DIR/cert' has expired");
        aw_tls_context_unref(server_with(&young, NULL));
        assert_sentence(sunk, "the certificate in 'DIR/cert' is not valid yet");
        aw_log_set_sink(NULL);
        free_identity(&old);
        free_identity(&young);
}

static void
a_long_name_is_cut_in_the_sentence(void **state)
{
        char name[400];
        struct aw_error error;

        (void)state;
        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = '\0';
        assert_null(aw_tls_context_client(name, false, &error));
        assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

static void
the_system_certificates_are_the_default(void **state)
{
        struct aw_error error = {.text = ""};
        struct aw_tls_context *context = aw_tls_context_client(NULL, false, &error);

        (void)state;
        assert_non_null(context);
        assert_no_errors();
        assert_int_equal(SSL_CTX_get_verify_mode(context->ssl), SSL_VERIFY_PEER);
        aw_tls_context_unref(context);
}

static void
the_fingerprint_is_that_of_the_certificate(void **state)
{
        struct identity identity = make_identity(&(struct demand){0});
        struct aw_tls_context *server = server_with(&identity, NULL), *client = insecure_client();
        unsigned char *der = NULL, digest[32];
        char text[AW_TLS_FINGERPRINT_SIZE], part[4];
        int length = i2d_X509(identity.certificate, &der);

        (void)state;
        assert_int_equal(EVP_Digest(der, (size_t)length, digest, NULL, EVP_sha256(), NULL), 1);
        assert_int_equal(aw_tls_context_fingerprint(server, text), 0);
        assert_int_equal(strlen(text), 95);
        for (size_t i = 0; i < 32; i++) {
                snprintf(part, sizeof(part), "%02X", digest[i]);
                assert_memory_equal(text + i * 3, part, 2);
                assert_int_equal(text[i * 3 + 2], i < 31 ? ':' : '\0');
        }
        assert_int_equal(aw_tls_context_fingerprint(client, text), -1);
        assert_int_equal(errno, EINVAL);
        OPENSSL_free(der);
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
        free_identity(&identity);
}

static void
two_certificates_made_in_memory_differ(void **state)
{
        struct aw_tls_context *one = any_server(), *two = any_server();
        const X509 *first = SSL_CTX_get0_certificate(one->ssl);
        const X509 *second = SSL_CTX_get0_certificate(two->ssl);

        (void)state;
        assert_no_errors();
        assert_int_not_equal(
                ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
        assert_int_not_equal(EVP_PKEY_eq(X509_get0_pubkey(first), X509_get0_pubkey(second)), 1);
        aw_tls_context_unref(one);
        aw_tls_context_unref(two);
}

static void
a_certificate_made_in_memory_is_valid_from_an_hour_ago_for_30_days(void **state)
{
        struct aw_tls_context *context = any_server();
        X509 *certificate = SSL_CTX_get0_certificate(context->ssl);
        int days, seconds;

        (void)state;
        assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate),
                                        X509_get0_notAfter(certificate)),
                         1);
        assert_int_equal(days, 30);
        assert_int_equal(seconds, 3600);
        assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(certificate)), -1);
        assert_int_equal(X509_check_ca(certificate), 0);
        aw_tls_context_unref(context);
}

static void
a_context_tells_until_when_its_certificate_is_valid(void **state)
{
        struct identity identity = make_identity(&(struct demand){.until = 5 * DAY});
        struct aw_tls_context *server = server_with(&identity, NULL), *client = insecure_client();
        int64_t expires = aw_tls_context_expires(server), now = (int64_t)time(NULL);

        (void)state;
        assert_true(expires <= now + 5 * DAY && expires > now + 5 * DAY - 600);
        assert_int_equal(aw_tls_context_expires(client), -1);
        assert_int_equal(errno, EINVAL);
        assert_no_errors();
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
        free_identity(&identity);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_certificate_and_its_key_are_loaded),
                cmocka_unit_test(missing_files_are_named),
                cmocka_unit_test(one_file_of_two_is_not_enough),
                cmocka_unit_test(files_without_a_certificate_are_refused),
                cmocka_unit_test(damaged_certificates_are_refused),
                cmocka_unit_test(files_without_a_key_are_refused),
                cmocka_unit_test(an_encrypted_key_is_refused_without_asking),
                cmocka_unit_test(a_key_of_another_certificate_is_refused),
                cmocka_unit_test(a_weak_certificate_is_refused),
                cmocka_unit_test(dates_that_clients_will_refuse_are_warned_about),
                cmocka_unit_test(a_long_name_is_cut_in_the_sentence),
                cmocka_unit_test(the_system_certificates_are_the_default),
                cmocka_unit_test(the_fingerprint_is_that_of_the_certificate),
                cmocka_unit_test(a_context_tells_until_when_its_certificate_is_valid),
                cmocka_unit_test(two_certificates_made_in_memory_differ),
                cmocka_unit_test(
                        a_certificate_made_in_memory_is_valid_from_an_hour_ago_for_30_days),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
