/* SPDX-License-Identifier: MIT */
/* Why the peer's certificate is not taken, in words that name it. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

#define NAMES_MAX 4 /* of those that a certificate is for */

/* Whose it is: a server goes by its name, a client has none. */
static const char *
peer_of(const struct aw_tls *tls)
{
        return tls->context->server ? "the client" : tls->host;
}

/* What was written there, up to its size. */
static void
take_text(BIO *bio, char *out, size_t size)
{
        int length = bio == NULL ? 0 : BIO_read(bio, out, (int)size - 1);

        out[length > 0 ? length : 0] = '\0';
        BIO_free(bio);
}

static void
print_subject_name(const X509_NAME *name, char *out, size_t size)
{
        BIO *bio = BIO_new(BIO_s_mem());

        if (bio != NULL)
                aw_tls_describe_name(bio, name);
        take_text(bio, out, size);
}

static void
print_day(const ASN1_TIME *time, char out[16])
{
        struct tm tm;

        snprintf(out, 16, "?");
        if (ASN1_TIME_to_tm(time, &tm) == 1)
                snprintf(out, 16, "%04d-%02d-%02d", (tm.tm_year + 1900) % 10000,
                         (tm.tm_mon + 1) % 100, tm.tm_mday % 100);
}

static void
say_names(struct aw_tls *tls, const X509 *leaf)
{
        BIO *bio = BIO_new(BIO_s_mem());
        char names[160];

        if (bio != NULL)
                aw_tls_describe_names(bio, leaf, "", "\"", NAMES_MAX);
        take_text(bio, names, sizeof(names));
        if (names[0] == '\0')
                aw_tls_error_say(tls, AW_CAUSE_NAME,
                                 "the certificate names no host, so not \"%s\" either", tls->host);
        else
                aw_tls_error_say(tls, AW_CAUSE_NAME, "the certificate is for %s, not for \"%s\"",
                                 names, tls->host);
}

/* Whose certificate it is: the server's, or the one of an authority on the way to a trusted one. */
static void
name_owner(const struct aw_tls *tls, int depth, const X509 *certificate, char *out, size_t size)
{
        char subject[120];

        print_subject_name(X509_get_subject_name(certificate), subject, sizeof(subject));
        if (depth == 0 && tls->context->server)
                snprintf(out, size, "the client's certificate (%s)", subject);
        else if (depth == 0)
                snprintf(out, size, "%s's certificate", tls->host);
        else
                snprintf(out, size, "the certificate of %s's issuer (%s)", peer_of(tls), subject);
}

static void
say_date(struct aw_tls *tls, bool expired, int depth, const X509 *certificate)
{
        char owner[400], day[16];

        name_owner(tls, depth, certificate, owner, sizeof(owner));
        print_day(expired ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate),
                  day);
        aw_tls_error_say(tls, AW_CAUSE_DATES,
                         expired ? "%s expired on %s" : "%s is valid from %s on", owner, day);
}

/* The issuer of the last certificate that there is on the way from the server's to a trusted one. */
static void
say_issuer(struct aw_tls *tls, const X509 *certificate)
{
        char issuer[160];

        print_subject_name(X509_get_issuer_name(certificate), issuer, sizeof(issuer));
        aw_tls_error_say(tls, AW_CAUSE_ISSUER, "the issuer of %s's certificate (%s) is not trusted",
                         peer_of(tls), issuer);
}

static void
say_self_signed(struct aw_tls *tls, const X509 *certificate)
{
        char subject[160];

        print_subject_name(X509_get_subject_name(certificate), subject, sizeof(subject));
        aw_tls_error_say(tls, AW_CAUSE_ISSUER,
                         "%s's certificate (%s) is self-signed and not trusted", peer_of(tls),
                         subject);
}

void
aw_tls_refusal_explain(struct aw_tls *tls, X509_STORE_CTX *store)
{
        const X509 *leaf = X509_STORE_CTX_get0_cert(store);
        const X509 *current = X509_STORE_CTX_get_current_cert(store);
        int reason = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);

        if (current == NULL)
                current = leaf;
        switch (reason) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                say_names(tls, leaf);
                break;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
                say_self_signed(tls, leaf);
                break;
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
                say_issuer(tls, current);
                break;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
                say_date(tls, reason == X509_V_ERR_CERT_HAS_EXPIRED, depth, current);
                break;
        case X509_V_ERR_INVALID_PURPOSE:
                aw_tls_error_say(tls, AW_CAUSE_NONE, "%s's certificate is not meant for %s",
                                 peer_of(tls), tls->context->server ? "clients" : "servers");
                break;
        default:
                aw_tls_error_say(tls, AW_CAUSE_NONE, "%s's certificate was refused: %s",
                                 peer_of(tls), X509_verify_cert_error_string(reason));
                break;
        }
        ERR_clear_error();
}
