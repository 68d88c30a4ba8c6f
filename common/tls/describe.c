/* SPDX-License-Identifier: MIT */
/* What a session is, in words, for those who look on. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls/private.h"

/* As the subject of aw_tls_describe(): control characters are escaped, UTF-8 is not. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

static void
print_address(BIO *out, const ASN1_OCTET_STRING *address)
{
        const unsigned char *bytes = ASN1_STRING_get0_data(address);
        int length = ASN1_STRING_length(address), i;

        for (i = 0; i < length; i += length == 4 ? 1 : 2)
                if (length == 4)
                        BIO_printf(out, "%s%d", i == 0 ? "" : ".", bytes[i]);
                else if (i + 1 < length)
                        BIO_printf(out, "%s%x", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
}

/* The names and addresses that a certificate is for, in one line. */
static void
print_names(BIO *out, const X509 *certificate)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        const char *before = "; for ";
        int i;

        for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

                if (name->type != GEN_DNS && name->type != GEN_IPADD)
                        continue;
                BIO_printf(out, "%s", before);
                before = ", ";
                if (name->type == GEN_IPADD)
                        print_address(out, name->d.iPAddress);
                else
                        ASN1_STRING_print_ex(out, name->d.dNSName, ASN1_STRFLGS_ESC_CTRL);
        }
        GENERAL_NAMES_free(names);
}

static void
print_date(BIO *out, const char *word, const ASN1_TIME *time)
{
        struct tm tm;

        if (ASN1_TIME_to_tm(time, &tm) == 1)
                BIO_printf(out, "%s%04d-%02d-%02d %02d:%02d:%02d UTC", word, tm.tm_year + 1900,
                           tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
print_fingerprint(BIO *out, const X509 *certificate)
{
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned length = 0, i;

        BIO_printf(out, "; SHA-256 ");
        if (X509_digest(certificate, EVP_sha256(), digest, &length) == 1)
                for (i = 0; i < length; i++)
                        BIO_printf(out, "%s%02X", i == 0 ? "" : ":", digest[i]);
}

static void
print_certificate(BIO *out, int number, const X509 *certificate)
{
        BIO_printf(out, "\ncertificate %d: ", number);
        X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, NAME_FLAGS);
        print_names(out, certificate);
        BIO_printf(out, "; by ");
        X509_NAME_print_ex(out, X509_get_issuer_name(certificate), 0, NAME_FLAGS);
        print_date(out, "\n  valid from ", X509_get0_notBefore(certificate));
        print_date(out, " to ", X509_get0_notAfter(certificate));
        print_fingerprint(out, certificate);
}

const char *
aw_tls_version(const struct aw_tls *tls)
{
        return SSL_get_version(tls->ssl);
}

bool
aw_tls_resumed(const struct aw_tls *tls)
{
        return SSL_session_reused(tls->ssl) == 1;
}

char *
aw_tls_describe_peer(const struct aw_tls *tls)
{
        const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);
        BIO *out = BIO_new(BIO_s_mem());
        const char *data;
        char *text = NULL;
        long length;
        int i;

        if (out == NULL)
                return NULL;
        BIO_printf(out, "%s, %s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl));
        for (i = 0; i < sk_X509_num(chain); i++)
                print_certificate(out, i, sk_X509_value(chain, i));
        length = BIO_get_mem_data(out, &data);
        if (length > 0)
                text = strndup(data, (size_t)length);
        BIO_free(out);
        ERR_clear_error();
        return text;
}
