/* SPDX-License-Identifier: MIT */
/* What a session is, in words, for those who look on. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
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
        int length = ASN1_STRING_length(address);
        char text[INET6_ADDRSTRLEN] = "?";

        if (length == 4 || length == 16)
                inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text,
                          sizeof(text));
        BIO_printf(out, "%s", text);
}

/* Such a name is good for nothing: addresses are compared with addresses (RFC 6125). */
static bool
is_address_as_name(const GENERAL_NAME *name)
{
        unsigned char unused[sizeof(struct in6_addr)];
        char text[INET6_ADDRSTRLEN];

        if (name->type != GEN_DNS)
                return false;
        snprintf(text, sizeof(text), "%.*s", ASN1_STRING_length(name->d.dNSName),
                 (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        return inet_pton(AF_INET, text, unused) == 1 || inet_pton(AF_INET6, text, unused) == 1;
}

void
aw_tls_describe_names(BIO *out, const X509 *certificate, const char *before, const char *quote,
                      int most)
{
        GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
        int i, shown = 0;

        for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

                if (name->type != GEN_DNS && name->type != GEN_IPADD)
                        continue;
                if (shown++ == most) {
                        BIO_printf(out, ", ...");
                        break;
                }
                BIO_printf(out, "%s%s", before, quote);
                before = ", ";
                if (name->type == GEN_IPADD)
                        print_address(out, name->d.iPAddress);
                else
                        ASN1_STRING_print_ex(out, name->d.dNSName, ASN1_STRFLGS_ESC_CTRL);
                BIO_printf(out, "%s%s", quote, is_address_as_name(name) ? " as a name" : "");
        }
        GENERAL_NAMES_free(names);
}

void
aw_tls_describe_name(BIO *out, const X509_NAME *name)
{
        X509_NAME_print_ex(out, name, 0, NAME_FLAGS);
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
        aw_tls_describe_name(out, X509_get_subject_name(certificate));
        /* An authority's certificate has no names of hosts. */
        aw_tls_describe_names(out, certificate, "; for ", "", INT_MAX);
        BIO_printf(out, "; by ");
        aw_tls_describe_name(out, X509_get_issuer_name(certificate));
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

const char *
aw_tls_cipher(const struct aw_tls *tls)
{
        return SSL_get_cipher_name(tls->ssl);
}

const char *
aw_tls_server_name(const struct aw_tls *tls)
{
        return SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
}

/* There is only one that we agree on. */
const char *
aw_tls_application(const struct aw_tls *tls)
{
        const unsigned char *name;
        unsigned length = 0;

        SSL_get0_alpn_selected(tls->ssl, &name, &length);
        return length == 0 ? NULL : "http/1.1";
}

char *
aw_tls_peer_subject(const struct aw_tls *tls)
{
        const X509 *peer = SSL_get0_peer_certificate(tls->ssl);
        BIO *out = peer == NULL ? NULL : BIO_new(BIO_s_mem());
        const char *data;
        char *text = NULL;
        long length;

        errno = peer == NULL ? 0 : ENOMEM;
        if (out == NULL)
                return NULL;
        aw_tls_describe_name(out, X509_get_subject_name(peer));
        length = BIO_get_mem_data(out, &data);
        text = strndup(length > 0 ? data : "", length > 0 ? (size_t)length : 0);
        BIO_free(out);
        ERR_clear_error();
        return text;
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
