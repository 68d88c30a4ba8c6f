/* SPDX-License-Identifier: MIT */
/* What a server's context can be told: OCSP, and what to speak. */
/* Once: sessions do no input and output. */
#include <openssl/ocsp.h>

#include "unit/tls/certificate.h"

/* OCSP. */

static void
save_response(const struct identity *subject, const struct identity *issuer,
              const struct identity *signer, int status, long from, long until)
{
        OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
        OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), subject->certificate, issuer->certificate);
        ASN1_TIME *this_update = X509_gmtime_adj(NULL, from),
                  *next_update = X509_gmtime_adj(NULL, until),
                  *revoked = X509_gmtime_adj(NULL, -DAY);
        OCSP_RESPONSE *whole;
        char path[100];
        BIO *out = BIO_new_file(path_of("other", path), "w");

        OCSP_basic_add1_status(basic, id, status, 0,
                               status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, this_update,
                               next_update);
        OCSP_CERTID_free(id);
        assert_int_equal(
                OCSP_basic_sign(basic, signer->certificate, signer->key, EVP_sha256(), NULL, 0), 1);
        whole = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
        /* i2d_OCSP_RESPONSE_bio() is a macro that casts const away. */
        assert_int_equal(ASN1_item_i2d_bio(ASN1_ITEM_rptr(OCSP_RESPONSE), out, whole), 1);
        BIO_free(out);
        OCSP_RESPONSE_free(whole);
        OCSP_BASICRESP_free(basic);
        ASN1_TIME_free(this_update);
        ASN1_TIME_free(next_update);
        ASN1_TIME_free(revoked);
        ERR_clear_error();
}

static void
assert_not_stapled(struct aw_tls_context *server, const char *says)
{
        struct aw_error error = {.text = ""};
        char path[100];

        assert_int_equal(aw_tls_context_staple(server, path_of("other", path), &error), -1);
        if (strstr(error.text, says) == NULL)
                fail_msg("no '%s' in '%s'", says, error.text);
        assert_no_errors();
}

/* How many bytes a client that asks for a response gets with this name's certificate. */
static long
staple_of(struct aw_tls_context *server, const char *name)
{
        struct pair pair;
        unsigned char *response;
        long length;

        begin(&pair, aw_tls_context_ref(server), insecure_client(), name);
        SSL_set_tlsext_status_type(pair.client.tls->ssl, TLSEXT_STATUSTYPE_ocsp);
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        length = SSL_get_tlsext_status_ocsp_resp(pair.client.tls->ssl, &response);
        end(&pair);
        return length;
}

static void
an_ocsp_response_goes_with_its_certificate(void **state)
{
        struct identity root = make_authority("root", NULL);
        struct identity first = make_identity(&(struct demand){.issuer = &root});
        struct identity second =
                make_identity(&(struct demand){.alternative = "DNS:a.example", .issuer = &root});
        struct identity third =
                make_identity(&(struct demand){.alternative = "DNS:b.example", .issuer = &root});
        struct aw_tls_context *server = server_with(&first, root.certificate);
        struct aw_error error = {.text = ""};
        char path[100];

        (void)state;
        add_to(server, &second, root.certificate);
        assert_int_equal(staple_of(server, "a.example"), -1);
        save_response(&second, &root, &root, V_OCSP_CERTSTATUS_GOOD, -3600, DAY);
        assert_done(aw_tls_context_staple(server, path_of("other", path), &error), &error);
        assert_true(staple_of(server, "a.example") > 100);
        assert_int_equal(staple_of(server, "localhost"), -1);
        /* Its time may be over before there is another one. */
        aw_tls_identity_last(server)->staple_until = time(NULL) - 1;
        assert_int_equal(staple_of(server, "a.example"), -1);

        save_response(&third, &root, &root, V_OCSP_CERTSTATUS_GOOD, -3600, DAY);
        assert_not_stapled(server, "is for another certificate");
        save_response(&first, &root, &root, V_OCSP_CERTSTATUS_GOOD, -2 * DAY, -DAY);
        assert_not_stapled(server, "is out of date: get a new one");
        save_response(&first, &root, &root, V_OCSP_CERTSTATUS_GOOD, 3600, DAY);
        assert_not_stapled(server, "is out of date");
        save_response(&first, &root, &root, V_OCSP_CERTSTATUS_REVOKED, -3600, DAY);
        assert_not_stapled(server, "says of the certificate: revoked");
        save_response(&first, &root, &third, V_OCSP_CERTSTATUS_GOOD, -3600, DAY);
        assert_not_stapled(server, "is not signed by the certificate's issuer");
        save_text("other", "w", "nonsense");
        assert_not_stapled(server, "is no OCSP response in DER");
        unlink(path_of("other", path));
        assert_not_stapled(server, "cannot read '");
        aw_tls_context_unref(server);
        /* The issuer has to be known. */
        server = server_with(&first, NULL);
        save_response(&first, &root, &root, V_OCSP_CERTSTATUS_GOOD, -3600, DAY);
        assert_not_stapled(server, "whose issuer is not in its file: append it there");
        aw_tls_context_unref(server);
        free_identity(&root);
        free_identity(&first);
        free_identity(&second);
        free_identity(&third);
}

static void
a_certificate_stays_when_the_settings_change(void **state)
{
        struct aw_tls_context *first = any_server(), *client = insecure_client(), *second;
        char one[AW_TLS_FINGERPRINT_SIZE], other[AW_TLS_FINGERPRINT_SIZE];
        struct aw_error error;

        (void)state;
        second = aw_tls_context_again(first, &error);
        assert_non_null(second);
        assert_int_equal(aw_tls_context_fingerprint(first, one), 0);
        assert_int_equal(aw_tls_context_fingerprint(second, other), 0);
        assert_string_equal(one, other);
        assert_done(aw_tls_context_restrict(second, "1.3", NULL, &error), &error);
        /* A client has none that could stay. */
        assert_null(aw_tls_context_again(client, &error));
        assert_int_equal(error.kind, AW_ERROR_CERTIFICATE);
        assert_no_errors();
        aw_tls_context_unref(first);
        aw_tls_context_unref(second);
        aw_tls_context_unref(client);
}

static void
a_server_speaks_what_it_is_told_to(void **state)
{
        struct aw_tls_context *server = any_server();
        struct aw_tls_client_options old = {.insecure = true, .max_version = "1.2"};
        struct aw_error error = {.text = ""};
        struct pair pair;

        (void)state;
        assert_done(aw_tls_context_restrict(server, "1.3", "TLS_CHACHA20_POLY1305_SHA256", &error),
                    &error);
        begin(&pair, aw_tls_context_ref(server), insecure_client(), "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_established(&pair);
        assert_string_equal(aw_tls_version(pair.server.tls), "TLSv1.3");
        assert_string_equal(aw_tls_cipher(pair.server.tls), "TLS_CHACHA20_POLY1305_SHA256");
        assert_string_equal(aw_tls_application(pair.server.tls), "http/1.1");
        end(&pair);
        begin(&pair, aw_tls_context_ref(server), aw_tls_context_client_with(&old, NULL),
              "localhost");
        shake_hands(&pair, SIZE_MAX);
        assert_string_equal(aw_tls_error_text(pair.server.tls),
                            "the peer does not speak TLS 1.2 or 1.3");
        end(&pair);
        assert_int_equal(aw_tls_context_restrict(server, "1.1", NULL, &error), -1);
        assert_non_null(strstr(error.text, "'1.1' is no version of TLS"));
        assert_int_equal(aw_tls_context_restrict(server, NULL, "ROT13", &error), -1);
        assert_non_null(strstr(error.text, "'ROT13' has a cipher that OpenSSL does not know"));
        aw_tls_context_unref(server);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_ocsp_response_goes_with_its_certificate),
                cmocka_unit_test(a_certificate_stays_when_the_settings_change),
                cmocka_unit_test(a_server_speaks_what_it_is_told_to),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
