/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "await/log.h"
#include "tls/private.h"

#define HOUR (60 * 60)
#define DAY  (24 * HOUR)

static BIO *
open_pem(const char *path, struct aw_error *error)
{
        FILE *file = fopen(path, "re");
        struct stat status;
        BIO *bio;

        if (file == NULL) {
                aw_tls_error_set(error, errno, "cannot read '%s': %s", path, strerror(errno));
                return NULL;
        }
        if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
                fclose(file);
                aw_tls_error_set(error, EISDIR, "cannot read '%s': it is a directory", path);
                return NULL;
        }
        bio = BIO_new_fp(file, BIO_CLOSE);
        if (bio == NULL) {
                fclose(file);
                aw_tls_error_set(error, ENOMEM, "out of memory");
        }
        return bio;
}

/* What OpenSSL is told when it finds something encrypted. */
struct secret {
        const char *passphrase; /* or NULL: nobody is there to be asked */
        bool asked;
};

/* Without this OpenSSL asks the terminal. */
static int
give_passphrase(char *buffer, int size, int writing, void *argument)
{
        struct secret *secret = argument;
        size_t length = secret->passphrase == NULL ? 0 : strlen(secret->passphrase);

        (void)writing;
        secret->asked = true;
        if (length == 0 || length > (size_t)size)
                return -1;
        memcpy(buffer, secret->passphrase, length);
        return (int)length;
}

/* The next certificate of a file; NULL at its end, or with *failed and *error set. */
static X509 *
read_certificate(BIO *bio, const char *path, struct aw_error *error, bool *failed)
{
        struct secret none = {.passphrase = NULL};
        X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, give_passphrase, &none);
        unsigned long reason = ERR_peek_last_error();

        if (certificate != NULL)
                return certificate;
        *failed = !(ERR_GET_LIB(reason) == ERR_LIB_PEM &&
                    ERR_GET_REASON(reason) == PEM_R_NO_START_LINE);
        if (*failed)
                aw_tls_error_set(error, EINVAL, "a certificate in '%s' is damaged", path);
        ERR_clear_error();
        return NULL;
}

/* A file without a certificate in PEM: what it has instead, if that can be told. */
static int
refuse_without(BIO *bio, const char *path, struct aw_error *error)
{
        const char *cure = "";
        struct secret none = {.passphrase = NULL};
        X509 *certificate;
        EVP_PKEY *key;

        BIO_seek(bio, 0);
        key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &none);
        BIO_seek(bio, 0);
        certificate = key == NULL && !none.asked ? d2i_X509_bio(bio, NULL) : NULL;
        if (key != NULL || none.asked)
                cure = ", but a private key: have the two changed places?";
        else if (certificate != NULL)
                cure = " in PEM, but one in DER: 'openssl x509 -inform DER' makes PEM of it";
        X509_free(certificate);
        EVP_PKEY_free(key);
        ERR_clear_error();
        return aw_tls_error_set(error, EINVAL, "there is no certificate in '%s'%s", path, cure);
}

/* Hands the certificates of a file to `use`, which returns 0 to stop. 0, or -1 and *error. */
static int
each_certificate(const char *path, int (*use)(SSL_CTX *ssl, X509 *certificate, bool first),
                 SSL_CTX *ssl, struct aw_error *error)
{
        BIO *bio = open_pem(path, error);
        bool first = true, failed = false;
        X509 *certificate;
        int used = 1;

        if (bio == NULL)
                return -1;
        while (used != 0 && (certificate = read_certificate(bio, path, error, &failed)) != NULL) {
                used = use(ssl, certificate, first);
                X509_free(certificate);
                first = false;
        }
        if (used == 0)
                aw_tls_error_set(error, EINVAL, "a certificate in '%s' cannot be used: %s", path,
                                 aw_tls_error_reason());
        else if (first && !failed)
                refuse_without(bio, path, error);
        BIO_free(bio);
        return failed || used == 0 || first ? -1 : 0;
}

static int
trust(SSL_CTX *ssl, X509 *certificate, bool first)
{
        (void)first;
        return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), certificate);
}

int
aw_tls_certificate_trust(SSL_CTX *ssl, const char *ca_file, struct aw_error *error)
{
        /* Whatever the user put there is trusted, also if it is no root. */
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
        return each_certificate(ca_file, trust, ssl, error);
}

/* The server's own certificate comes first in its file, then those that signed it. */
static int
present(SSL_CTX *ssl, X509 *certificate, bool first)
{
        if (first)
                return SSL_CTX_use_certificate(ssl, certificate);
        return SSL_CTX_add1_chain_cert(ssl, certificate);
}

static EVP_PKEY *
read_key(const char *path, const char *passphrase, struct aw_error *error)
{
        struct secret secret = {.passphrase = passphrase};
        BIO *bio = open_pem(path, error);
        EVP_PKEY *key;

        if (bio == NULL)
                return NULL;
        key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &secret);
        BIO_free(bio);
        if (key != NULL)
                return key;
        if (secret.asked && passphrase != NULL)
                aw_tls_error_set(error, EINVAL, "the passphrase does not fit the key in '%s'",
                                 path);
        else if (secret.asked)
                aw_tls_error_set(error, EINVAL, "the key in '%s' is encrypted", path);
        else
                aw_tls_error_set(error, EINVAL, "there is no usable private key in '%s'", path);
        if (error != NULL)
                error->cause = secret.asked ? AW_CAUSE_PASSPHRASE : AW_CAUSE_NO_KEY;
        return NULL;
}

/* A server does not refuse to start for this, its clients will do that; but it says so. */
static void
warn_about_dates(SSL_CTX *ssl, const char *path)
{
        const X509 *certificate = SSL_CTX_get0_certificate(ssl);

        if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
                aw_log(AW_LOG_WARNING, "the certificate in '%s' has expired", path);
        if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
                aw_log(AW_LOG_WARNING, "the certificate in '%s' is not valid yet", path);
}

int
aw_tls_certificate_present(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                           const char *passphrase, struct aw_error *error)
{
        EVP_PKEY *key;
        int result = 0;

        if (cert_file == NULL)
                return aw_tls_error_set(error, EINVAL, "a private key needs a certificate");
        if (key_file == NULL)
                key_file = cert_file;
        if (each_certificate(cert_file, present, ssl, error) == -1)
                return -1;
        key = read_key(key_file, passphrase, error);
        if (key == NULL)
                return -1;
        if (X509_check_private_key(SSL_CTX_get0_certificate(ssl), key) != 1)
                result = aw_tls_error_set(
                        error, EINVAL,
                        "the key in '%s' does not belong to the first certificate in '%s'",
                        key_file, cert_file);
        else if (SSL_CTX_use_PrivateKey(ssl, key) != 1)
                result = aw_tls_error_set(error, EINVAL, "the key in '%s' cannot be used: %s",
                                          key_file, aw_tls_error_reason());
        else
                warn_about_dates(ssl, cert_file);
        EVP_PKEY_free(key);
        return result;
}

/* Nobody is there to type a passphrase when a server starts. */
int
aw_tls_certificate_load(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                        struct aw_error *error)
{
        struct aw_error own;

        if (error == NULL)
                error = &own;
        if (cert_file != NULL && key_file == NULL)
                return aw_tls_error_set(error, EINVAL, "a certificate needs a private key");
        if (aw_tls_certificate_present(ssl, cert_file, key_file, NULL, error) == 0)
                return 0;
        if (error->cause == AW_CAUSE_PASSPHRASE)
                aw_tls_error_set(error, EINVAL,
                                 "the key in '%s' is encrypted: store it without a passphrase",
                                 key_file);
        return -1;
}

static int
add_extension(X509 *certificate, int nid, const char *value)
{
        X509V3_CTX context;
        X509_EXTENSION *extension;
        int result;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        if (extension == NULL)
                return 0;
        result = X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
        return result;
}

static int
set_random_serial(X509 *certificate)
{
        unsigned char bytes[8];
        uint64_t serial = 0;

        if (RAND_bytes(bytes, sizeof(bytes)) != 1)
                return 0;
        memcpy(&serial, bytes, sizeof(serial));
        return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1);
}

static int
fill_in(X509 *certificate, EVP_PKEY *key)
{
        X509_NAME *name = X509_get_subject_name(certificate);

        return X509_set_version(certificate, X509_VERSION_3) == 1 &&
               set_random_serial(certificate) == 1 &&
               X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                          (const unsigned char *)"localhost", -1, -1, 0) == 1 &&
               X509_set_issuer_name(certificate, name) == 1 &&
               X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR) != NULL &&
               X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * DAY) != NULL &&
               X509_set_pubkey(certificate, key) == 1 &&
               add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") == 1 &&
               add_extension(certificate, NID_key_usage, "critical,digitalSignature") == 1 &&
               add_extension(certificate, NID_ext_key_usage, "serverAuth") == 1 &&
               add_extension(certificate, NID_subject_key_identifier, "hash") == 1 &&
               add_extension(certificate, NID_subject_alt_name,
                             "DNS:localhost,IP:127.0.0.1,IP:::1") == 1 &&
               X509_sign(certificate, key, EVP_sha256()) > 0;
}

int
aw_tls_certificate_make(SSL_CTX *ssl, struct aw_error *error)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();
        int result = 0;

        if (key == NULL || certificate == NULL || fill_in(certificate, key) != 1 ||
            SSL_CTX_use_certificate(ssl, certificate) != 1 || SSL_CTX_use_PrivateKey(ssl, key) != 1)
                result = aw_tls_error_set(error, ENOMEM, "cannot make a certificate: %s",
                                          aw_tls_error_reason());
        X509_free(certificate);
        EVP_PKEY_free(key);
        return result;
}
