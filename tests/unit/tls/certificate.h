/* SPDX-License-Identifier: MIT */
/* Certificates made for one test, in a directory that lives as long as the test program. */
#ifndef TLS_TEST_CERT_H
#define TLS_TEST_CERT_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "unit/tls/tls_test.h"

#define DAY (24L * 60 * 60)

/* A certificate with its key. */
struct identity {
        X509 *certificate;
        EVP_PKEY *key;
};

/* What is special about a certificate; zero means what is usual. */
struct demand {
        const char *name;              /* common name: "test" */
        const char *alternative;       /* "DNS:localhost,IP:127.0.0.1,IP:::1"; "" for none */
        const char *constraints;       /* "critical,CA:FALSE" */
        const char *purpose;           /* "serverAuth" */
        long from, until;              /* seconds from now: an hour ago, in a day */
        const struct identity *issuer; /* itself */
        int rsa_bits;                  /* 0: EC P-256 */
};

static char test_directory[] = "/tmp/tls_test.XXXXXX";

static inline int
make_directory(void **state)
{
        (void)state;
        return mkdtemp(test_directory) != NULL ? 0 : -1;
}

/* Where a file of that name is; `out` has room for 100 bytes. */
static inline const char *
path_of(const char *name, char out[100])
{
        snprintf(out, 100, "%s/%s", test_directory, name);
        return out;
}

static inline int
remove_directory(void **state)
{
        char path[100];
        static const char *const names[] = {"cert", "key", "ca", "other"};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                unlink(path_of(names[i], path));
        return rmdir(test_directory);
}

static inline void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
        X509V3_CTX context;
        X509_EXTENSION *extension;

        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

static inline const char *
or_usual(const char *given, const char *usual)
{
        return given != NULL ? given : usual;
}

static inline struct identity
make_identity(const struct demand *demand)
{
        static long serial;
        EVP_PKEY *key = demand->rsa_bits != 0 ? EVP_RSA_gen((unsigned)demand->rsa_bits)
                                              : EVP_EC_gen("P-256");
        struct identity made = {X509_new(), key};
        struct identity issuer = demand->issuer != NULL ? *demand->issuer : made;
        const char *alternative =
                or_usual(demand->alternative, "DNS:localhost,IP:127.0.0.1,IP:::1");
        X509 *x = made.certificate;

        assert_non_null(x);
        assert_non_null(key);
        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                   (const unsigned char *)or_usual(demand->name, "test"), -1, -1,
                                   0);
        X509_set_issuer_name(x, X509_get_subject_name(issuer.certificate));
        X509_gmtime_adj(X509_getm_notBefore(x), demand->from != 0 ? demand->from : -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), demand->until != 0 ? demand->until : DAY);
        X509_set_pubkey(x, key);
        add_extension(x, issuer.certificate, NID_basic_constraints,
                      or_usual(demand->constraints, "critical,CA:FALSE"));
        add_extension(x, issuer.certificate, NID_ext_key_usage,
                      or_usual(demand->purpose, "serverAuth"));
        add_extension(x, issuer.certificate, NID_subject_key_identifier, "hash");
        add_extension(x, issuer.certificate, NID_authority_key_identifier, "keyid");
        if (*alternative != '\0')
                add_extension(x, issuer.certificate, NID_subject_alt_name, alternative);
        assert_true(X509_sign(x, issuer.key, EVP_sha256()) > 0);
        ERR_clear_error();
        return made;
}

/* An identity that may sign others. */
static inline struct identity
make_authority(const char *name, const struct identity *issuer)
{
        return make_identity(&(struct demand){.name = name,
                                              .alternative = "",
                                              .constraints = "critical,CA:TRUE",
                                              .issuer = issuer});
}

static inline void
free_identity(struct identity *identity)
{
        X509_free(identity->certificate);
        EVP_PKEY_free(identity->key);
}

static inline void
save_text(const char *name, const char *mode, const char *text)
{
        char path[100];
        FILE *file = fopen(path_of(name, path), mode);

        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
}

/* Writes certificates (`second` may be NULL) to a file. */
static inline void
save_certificates(const char *name, X509 *first, X509 *second)
{
        char path[100];
        FILE *file = fopen(path_of(name, path), "w");

        assert_non_null(file);
        assert_int_equal(PEM_write_X509(file, first), 1);
        if (second != NULL)
                assert_int_equal(PEM_write_X509(file, second), 1);
        assert_int_equal(fclose(file), 0);
}

static inline void
save_key(const char *name, EVP_PKEY *key, const char *passphrase)
{
        int length = passphrase != NULL ? (int)strlen(passphrase) : 0;
        char path[100];
        FILE *file = fopen(path_of(name, path), "w");
        const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_128_cbc() : NULL;

        assert_non_null(file);
        assert_int_equal(
                PEM_write_PKCS8PrivateKey(file, key, cipher, passphrase, length, NULL, NULL), 1);
        assert_int_equal(fclose(file), 0);
}

/* A server that shows the identity, and behind it what signed it, if that is not NULL. */
static inline struct aw_tls_context *
server_with(const struct identity *identity, X509 *issuer)
{
        char cert[100], key[100];
        struct aw_error error = {.text = ""};
        struct aw_tls_context *context;

        save_certificates("cert", identity->certificate, issuer);
        save_key("key", identity->key, NULL);
        context = aw_tls_context_server(path_of("cert", cert), path_of("key", key), &error);
        assert_string_equal(error.text, "");
        assert_no_errors();
        return context;
}

static inline struct aw_tls_context *
client_that_trusts(X509 *certificate)
{
        char path[100];
        struct aw_error error = {.text = ""};
        struct aw_tls_context *context;

        save_certificates("ca", certificate, NULL);
        context = aw_tls_context_client(path_of("ca", path), false, &error);
        assert_string_equal(error.text, "");
        assert_no_errors();
        return context;
}

static inline void
assert_done(int result, const struct aw_error *error)
{
        if (result != 0)
                fail_msg("%s", error->text);
        assert_no_errors();
}

static inline void
add_to(struct aw_tls_context *server, const struct identity *identity, X509 *issuer)
{
        struct aw_error error = {.text = ""};
        char cert[100], key[100];

        save_certificates("cert", identity->certificate, issuer);
        save_key("key", identity->key, NULL);
        assert_done(aw_tls_context_add(server, path_of("cert", cert), path_of("key", key), &error),
                    &error);
}

#endif
