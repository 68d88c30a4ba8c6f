/* SPDX-License-Identifier: MIT */
/* A client's context: whom it trusts, who it is, and what it speaks. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "tls/private.h"

static const unsigned char alpn[] = "\x08http/1.1";

/* Reading the options. */

/* The value of a hexadecimal digit, or -1. */
static int
digit_value(char digit)
{
        static const char digits[] = "0123456789abcdef";
        const char *found = digit == '\0' ? NULL : strchr(digits, tolower((unsigned char)digit));

        return found == NULL ? -1 : (int)(found - digits);
}

static int
read_fingerprint(const char *text, struct aw_tls_digest *digest, struct aw_error *error)
{
        const char *at = text;
        size_t count = 0;

        while (*at != '\0' && count < sizeof(digest->bytes)) {
                int high = digit_value(at[0]), low = high == -1 ? -1 : digit_value(at[1]);

                if (low == -1)
                        break;
                digest->bytes[count++] = (unsigned char)(high << 4 | low);
                at += 2;
                at += *at == ':' && at[1] != '\0';
        }
        if (count == sizeof(digest->bytes) && *at == '\0')
                return 0;
        return aw_tls_error_set(error, EINVAL,
                                "'%.100s' is no SHA-256 fingerprint: 32 bytes in hexadecimal, with "
                                "or without colons",
                                text);
}

/* One of "sha256//BASE64;...", of so many bytes. */
static int
read_pin(const char *text, size_t length, struct aw_tls_digest *digest)
{
        static const char prefix[] = "sha256//";
        unsigned char bytes[33]; /* the last one is padding */

        if (length != strlen(prefix) + 44 || strncmp(text, prefix, strlen(prefix)) != 0 ||
            EVP_DecodeBlock(bytes, (const unsigned char *)text + strlen(prefix), 44) != 33)
                return -1;
        memcpy(digest->bytes, bytes, sizeof(digest->bytes));
        return 0;
}

static int
read_pins(struct aw_tls_context *context, const char *text, struct aw_error *error)
{
        size_t length;

        for (;; text += length + 1) {
                length = strcspn(text, ";");
                if (context->pin_count == AW_TLS_PINS_MAX)
                        return aw_tls_error_set(error, EINVAL, "more than %d keys are pinned",
                                                AW_TLS_PINS_MAX);
                if (read_pin(text, length, &context->pins[context->pin_count++]) == -1)
                        return aw_tls_error_set(error, EINVAL,
                                                "'%.*s' is no pin of a key: sha256//BASE64, of 32 "
                                                "bytes",
                                                length > 100 ? 100 : (int)length, text);
                if (text[length] == '\0')
                        return 0;
        }
}

/* Judging the server. */

static bool
is_digest(const struct aw_tls_digest *digest, const unsigned char *bytes, size_t length)
{
        return length == sizeof(digest->bytes) && memcmp(digest->bytes, bytes, length) == 0;
}

static bool
has_fingerprint(const struct aw_tls_context *context, const X509 *certificate)
{
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned length = 0;

        return X509_digest(certificate, EVP_sha256(), bytes, &length) == 1 &&
               is_digest(&context->fingerprint, bytes, length);
}

static bool
has_pinned_key(const struct aw_tls_context *context, X509 *certificate)
{
        unsigned char bytes[EVP_MAX_MD_SIZE], *key = NULL;
        int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
        unsigned length = 0;
        bool found = false;

        if (size > 0 && EVP_Digest(key, (size_t)size, bytes, &length, EVP_sha256(), NULL) == 1)
                for (size_t i = 0; i < context->pin_count; i++)
                        found = found || is_digest(&context->pins[i], bytes, length);
        OPENSSL_free(key);
        return found;
}

static int
refuse_pin(struct aw_tls *tls, X509_STORE_CTX *store, const char *sentence)
{
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        aw_tls_error_say(tls, AW_CAUSE_PIN, sentence, tls->host);
        return 0;
}

/* Called with the server's chain: 1 takes it. */
static int
judge_server(X509_STORE_CTX *store, void *argument)
{
        const struct aw_tls_context *context = argument;
        const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        struct aw_tls *tls = SSL_get_app_data(ssl);
        X509 *leaf = X509_STORE_CTX_get0_cert(store);

        if (context->has_fingerprint && !has_fingerprint(context, leaf))
                return refuse_pin(tls, store, "%s's certificate has another fingerprint");
        if (!context->has_fingerprint && !context->insecure && X509_verify_cert(store) != 1) {
                aw_tls_refusal_explain(tls, store);
                return 0;
        }
        if (context->pin_count > 0 && !has_pinned_key(context, leaf))
                return refuse_pin(tls, store,
                                  "%s's certificate has another key than the pinned one");
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
}

/* The server asks for a certificate, and we have none: that may be why it leaves. */
static int
note_request(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
        struct aw_tls *tls = SSL_get_app_data(ssl);

        (void)certificate;
        (void)key;
        tls->asked = true;
        return 0;
}

/* OpenSSL looks there when a certificate comes, and says nothing if there is no such directory. */
static int
trust_directory(SSL_CTX *ssl, const char *path, struct aw_error *error)
{
        DIR *directory = opendir(path);

        if (directory == NULL)
                return aw_tls_error_set(error, errno, "cannot read '%s': %s", path,
                                        strerror(errno));
        closedir(directory);
        if (SSL_CTX_load_verify_dir(ssl, path) == 1)
                return 0;
        return aw_tls_error_set(error, EINVAL, "cannot use the directory '%s': %s", path,
                                aw_tls_error_reason());
}

static int
set_trust(struct aw_tls_context *context, const struct aw_tls_client_options *options,
          struct aw_error *error)
{
        SSL_CTX *ssl = context->ssl;

        context->insecure = options->insecure;
        context->has_fingerprint = options->fingerprint != NULL;
        if (options->fingerprint != NULL &&
            read_fingerprint(options->fingerprint, &context->fingerprint, error) == -1)
                return -1;
        if (options->pinned_key != NULL && read_pins(context, options->pinned_key, error) == -1)
                return -1;
        if (options->insecure && !context->has_fingerprint && context->pin_count == 0)
                return 0;
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(ssl, judge_server, context);
        if (options->ca_file != NULL &&
            aw_tls_certificate_trust(ssl, options->ca_file, error) == -1)
                return -1;
        if (options->ca_path != NULL && trust_directory(ssl, options->ca_path, error) == -1)
                return -1;
        if (options->ca_file == NULL && options->ca_path == NULL &&
            SSL_CTX_set_default_verify_paths(ssl) != 1)
                return aw_tls_error_set(error, EINVAL, "the system's certificates: %s",
                                        aw_tls_error_reason());
        return 0;
}

static int
set_identity(SSL_CTX *ssl, const struct aw_tls_client_options *options, struct aw_error *error)
{
        SSL_CTX_set_client_cert_cb(ssl, note_request);
        if (options->cert_file == NULL && options->key_file == NULL)
                return 0;
        return aw_tls_certificate_present(ssl, options->cert_file, options->key_file,
                                          options->passphrase, error);
}

struct aw_tls_context *
aw_tls_context_client_with(const struct aw_tls_client_options *options, struct aw_error *error)
{
        struct aw_tls_context *context = aw_tls_context_create(TLS_client_method(), false, error);

        if (context == NULL)
                return NULL;
        /* Zero is success here, unlike everywhere else in OpenSSL. */
        if (SSL_CTX_set_alpn_protos(context->ssl, alpn, sizeof(alpn) - 1) != 0 ||
            SSL_CTX_set1_groups_list(context->ssl, "X25519:P-256:P-384:P-521") != 1) {
                aw_tls_error_set(error, ENOMEM, "OpenSSL: %s", aw_tls_error_reason());
                goto fail;
        }
        if (aw_tls_policy_versions(context->ssl, options->min_version, options->max_version,
                                   error) == -1 ||
            aw_tls_policy_ciphers(context->ssl, options->ciphers, error) == -1 ||
            set_trust(context, options, error) == -1 ||
            set_identity(context->ssl, options, error) == -1)
                goto fail;
        ERR_clear_error();
        return context;
fail:
        aw_tls_context_unref(context);
        return NULL;
}

struct aw_tls_context *
aw_tls_context_client(const char *ca_file, bool insecure, struct aw_error *error)
{
        struct aw_tls_client_options options = {.ca_file = ca_file, .insecure = insecure};

        return aw_tls_context_client_with(&options, error);
}
