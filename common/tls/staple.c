/* SPDX-License-Identifier: MIT */
/* OCSP responses that a server sends with its certificate (RFC 6066 section 8, RFC 6960). */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/private.h"

#define CLOCK_SKEW    300 /* seconds */
#define RESPONSE_SIZE ((size_t)64 << 10)

/* What a file says: it is read whole, and taken apart. */
struct response {
        unsigned char *data;
        size_t length;
        OCSP_RESPONSE *whole;
        OCSP_BASICRESP *basic;
};

static void
response_free(struct response *response)
{
        free(response->data);
        OCSP_BASICRESP_free(response->basic);
        OCSP_RESPONSE_free(response->whole);
}

static int
read_response(const char *file, struct response *response, struct aw_error *error)
{
        FILE *in = fopen(file, "re");
        const unsigned char *at;
        int status;

        if (in == NULL)
                return aw_tls_error_set(error, errno, "cannot read '%s': %s", file,
                                        strerror(errno));
        response->data = malloc(RESPONSE_SIZE);
        if (response->data != NULL)
                response->length = fread(response->data, 1, RESPONSE_SIZE, in);
        status = ferror(in) ? errno : 0;
        fclose(in);
        if (response->data == NULL || status != 0)
                return aw_tls_error_set(error, status == 0 ? ENOMEM : status,
                                        "cannot read '%s': %s", file,
                                        strerror(status == 0 ? ENOMEM : status));
        at = response->data;
        response->whole = d2i_OCSP_RESPONSE(NULL, &at, (long)response->length);
        if (response->whole == NULL || at != response->data + response->length)
                return aw_tls_error_set(error, EINVAL, "'%s' is no OCSP response in DER", file);
        status = OCSP_response_status(response->whole);
        if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
                return aw_tls_error_set(error, EINVAL, "the OCSP response in '%s' is only '%s'",
                                        file, OCSP_response_status_str(status));
        response->basic = OCSP_response_get1_basic(response->whole);
        return response->basic != NULL
                       ? 0
                       : aw_tls_error_set(error, EINVAL, "'%s' is no basic OCSP response", file);
}

/* Who signed the certificate, if that stands behind it in its file, or it did so itself. */
static X509 *
issuer_of(const struct aw_tls_identity *identity)
{
        X509 *certificate = SSL_CTX_get0_certificate(identity->ssl);
        STACK_OF(X509) *chain = NULL;

        SSL_CTX_get0_chain_certs(identity->ssl, &chain);
        for (int i = 0; i < sk_X509_num(chain); i++)
                if (X509_check_issued(sk_X509_value(chain, i), certificate) == X509_V_OK)
                        return sk_X509_value(chain, i);
        return X509_check_issued(certificate, certificate) == X509_V_OK ? certificate : NULL;
}

/* What the response says of the certificate, or NULL. */
static OCSP_SINGLERESP *
find_single(OCSP_BASICRESP *basic, const X509 *certificate, X509 *issuer)
{
        for (int i = 0; i < OCSP_resp_count(basic); i++) {
                OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
                ASN1_OBJECT *algorithm = NULL;
                OCSP_CERTID *theirs = OCSP_CERTID_dup(OCSP_SINGLERESP_get0_id(single)), *ours;
                const EVP_MD *digest;
                bool same;

                if (theirs == NULL)
                        return NULL;
                OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, theirs);
                digest = EVP_get_digestbyobj(algorithm);
                ours = digest == NULL ? NULL : OCSP_cert_to_id(digest, certificate, issuer);
                same = ours != NULL && OCSP_id_cmp(ours, theirs) == 0;
                OCSP_CERTID_free(ours);
                OCSP_CERTID_free(theirs);
                if (same)
                        return single;
        }
        return NULL;
}

/* The issuer signed it, or somebody whom he allowed to. */
static bool
is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
        X509_STORE *store = X509_STORE_new();
        STACK_OF(X509) *known = sk_X509_new_null();
        bool good = store != NULL && known != NULL && X509_STORE_add_cert(store, issuer) == 1 &&
                    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                    sk_X509_push(known, issuer) > 0 &&
                    OCSP_basic_verify(basic, known, store, 0) == 1;

        sk_X509_free(known);
        X509_STORE_free(store);
        return good;
}

/* When it says that there will be a newer one; without that, never. */
static int64_t
end_of(const ASN1_GENERALIZEDTIME *next)
{
        struct tm end;

        return next != NULL && ASN1_TIME_to_tm(next, &end) == 1 ? timegm(&end) : INT64_MAX;
}

/* 0 if it may be sent with the certificate; or -1 and *error. */
static int
judge_single(OCSP_SINGLERESP *single, const char *file, int64_t *until, struct aw_error *error)
{
        ASN1_GENERALIZEDTIME *revoked, *this_update = NULL, *next_update = NULL;
        int reason, status = OCSP_single_get0_status(single, &reason, &revoked, &this_update,
                                                     &next_update);

        if (status != V_OCSP_CERTSTATUS_GOOD)
                return aw_tls_error_set(error, EINVAL,
                                        "the OCSP response in '%s' says of the certificate: %s",
                                        file, OCSP_cert_status_str(status));
        if (OCSP_check_validity(this_update, next_update, CLOCK_SKEW, -1) != 1)
                return aw_tls_error_set(error, EINVAL,
                                        "the OCSP response in '%s' is out of date: get a new one",
                                        file);
        *until = end_of(next_update);
        return 0;
}

/* Called for each client that asks for it: it is sent for as long as it holds. */
static int
give_staple(SSL *ssl, void *argument)
{
        const struct aw_tls_context *context = argument;
        const X509 *shown = SSL_get_certificate(ssl);
        unsigned char *copy;

        for (size_t i = 0; i < context->identity_count; i++) {
                const struct aw_tls_identity *identity = &context->identities[i];

                if (SSL_CTX_get0_certificate(identity->ssl) != shown || identity->staple == NULL ||
                    identity->staple_until < (int64_t)time(NULL))
                        continue;
                copy = OPENSSL_memdup(identity->staple, identity->staple_length);
                if (copy == NULL)
                        break;
                /* The session now owns it. */
                SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)identity->staple_length);
                return SSL_TLSEXT_ERR_OK;
        }
        return SSL_TLSEXT_ERR_NOACK;
}

/* Gives the response to the certificate that it is for. */
static int
take_response(struct aw_tls_context *context, struct response *response, const char *file,
              struct aw_error *error)
{
        size_t without_issuer = 0;

        for (size_t i = 0; i < context->identity_count; i++) {
                struct aw_tls_identity *identity = &context->identities[i];
                X509 *issuer = issuer_of(identity);
                OCSP_SINGLERESP *single =
                        issuer == NULL
                                ? NULL
                                : find_single(response->basic,
                                              SSL_CTX_get0_certificate(identity->ssl), issuer);

                without_issuer += issuer == NULL;
                if (single == NULL)
                        continue;
                if (judge_single(single, file, &identity->staple_until, error) == -1)
                        return -1;
                if (!is_signed(response->basic, issuer))
                        return aw_tls_error_set(error, EINVAL,
                                                "the OCSP response in '%s' is not signed by the "
                                                "certificate's issuer",
                                                file);
                free(identity->staple);
                identity->staple = response->data; /* It now owns the bytes. */
                identity->staple_length = response->length;
                response->data = NULL;
                return 0;
        }
        return aw_tls_error_set(error, EINVAL,
                                "the OCSP response in '%s' is for another certificate%s", file,
                                without_issuer == 0 ? ""
                                                    : ", or for one whose issuer is not in its "
                                                      "file: append it there");
}

int
aw_tls_context_staple(struct aw_tls_context *context, const char *file, struct aw_error *error)
{
        struct response response = {.data = NULL};
        int result = read_response(file, &response, error);

        if (result == 0)
                result = take_response(context, &response, file, error);
        if (result == 0) {
                SSL_CTX_set_tlsext_status_cb(context->ssl, give_staple);
                SSL_CTX_set_tlsext_status_arg(context->ssl, context);
        }
        response_free(&response);
        ERR_clear_error();
        return result;
}
