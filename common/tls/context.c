/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tls/private.h"

/*
 * AES-128 comes first, as in browsers' offers: with it goes SHA-256, for which processors have
 * instructions, and a handshake hashes a hundred times.
 */
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS      "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"

static int
set_policy(SSL_CTX *ssl)
{
        SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
        /* An idle session keeps no record buffers: two of 16 KiB. */
        SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
        /* It asks for input once for a record, and not for its header first. */
        SSL_CTX_set_read_ahead(ssl, 1);
        /* Servers resume by tickets alone; clients do if they are told to. */
        SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
        return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
                               SSL_CTX_set_max_proto_version(ssl, 0) == 1 &&
                               SSL_CTX_set_ciphersuites(ssl, CIPHERSUITES) == 1 &&
                               SSL_CTX_set_cipher_list(ssl, CIPHERS) == 1 &&
                               SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") == 1
                       ? 0
                       : -1;
}

struct aw_tls_context *
aw_tls_context_create(const SSL_METHOD *method, bool server, struct aw_error *error)
{
        struct aw_tls_context *context = calloc(1, sizeof(*context));

        if (context == NULL) {
                aw_tls_error_set(error, ENOMEM, "out of memory");
                return NULL;
        }
        context->server = server;
        atomic_init(&context->references, 1);
        pthread_mutex_init(&context->kept.lock, NULL);
        context->ssl = SSL_CTX_new(method);
        if (context->ssl == NULL || set_policy(context->ssl) == -1) {
                aw_tls_error_set(error, ENOMEM, "OpenSSL: %s", aw_tls_error_reason());
                aw_tls_context_unref(context);
                return NULL;
        }
        return context;
}

struct aw_tls_context *
aw_tls_context_ref(struct aw_tls_context *context)
{
        atomic_fetch_add(&context->references, 1);
        return context;
}

void
aw_tls_context_unref(struct aw_tls_context *context)
{
        int saved_errno = errno;

        if (context != NULL && atomic_fetch_sub(&context->references, 1) == 1) {
                aw_tls_identities_free(context);
                SSL_CTX_free(context->ssl);
                aw_tls_resume_release(&context->kept);
                ERR_clear_error();
                free(context);
        }
        errno = saved_errno;
}

int
aw_tls_context_fingerprint(const struct aw_tls_context *context, char out[AW_TLS_FINGERPRINT_SIZE])
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        X509 *certificate = SSL_CTX_get0_certificate(context->ssl);
        unsigned length;

        if (certificate == NULL) {
                errno = EINVAL;
                return -1;
        }
        if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1) {
                ERR_clear_error();
                errno = ENOMEM;
                return -1;
        }
        for (size_t i = 0; i < length; i++) {
                snprintf(out + i * 3, 3, "%02X", digest[i]);
                out[i * 3 + 2] = ':';
        }
        out[AW_TLS_FINGERPRINT_SIZE - 1] = '\0';
        return 0;
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
        struct tm tm;

        return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : -1;
}

int
aw_tls_context_validity(const struct aw_tls_context *context, size_t index, int64_t *begin,
                        int64_t *end)
{
        const X509 *certificate =
                index >= context->identity_count
                        ? NULL
                        : SSL_CTX_get0_certificate(context->identities[index].ssl);

        if (certificate == NULL) {
                errno = EINVAL;
                return -1;
        }
        *begin = seconds_of(X509_get0_notBefore(certificate));
        *end = seconds_of(X509_get0_notAfter(certificate));
        ERR_clear_error();
        return 0;
}

int64_t
aw_tls_context_expires(const struct aw_tls_context *context)
{
        int64_t begin, end;

        return aw_tls_context_validity(context, 0, &begin, &end) == -1 ? -1 : end;
}
