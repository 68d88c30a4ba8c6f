/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/private.h"

struct sentence {
        int reason;
        const char *text;
};

static const char not_tls[] = "this is not TLS: the peer sent something else";
static const char no_version[] = "the peer does not speak TLS 1.2 or 1.3";

/* By OpenSSL's SSL_R_ numbers. */
static const struct sentence protocol_sentences[] = {
        {SSL_R_WRONG_VERSION_NUMBER, not_tls},
        {SSL_R_PACKET_LENGTH_TOO_LONG, not_tls},
        {SSL_R_DATA_LENGTH_TOO_LONG, not_tls}, /* the same from OpenSSL 3.2 on */
        {SSL_R_RECORD_LENGTH_MISMATCH, not_tls},
        {SSL_R_BAD_RECORD_TYPE, not_tls},
        {SSL_R_HTTP_REQUEST, "this is not TLS: the peer sent a plain HTTP request"},
        {SSL_R_HTTPS_PROXY_REQUEST, "this is not TLS: the peer sent a request for a proxy"},
        {SSL_R_UNSUPPORTED_PROTOCOL, no_version},
        {SSL_R_UNKNOWN_PROTOCOL, no_version},
        {SSL_R_WRONG_SSL_VERSION, no_version},
        {SSL_R_NO_PROTOCOLS_AVAILABLE, no_version},
        {SSL_R_NO_SHARED_CIPHER, "the peer offers no cipher suite that is allowed here"},
        {SSL_R_NO_SHARED_GROUPS, "the peer offers no key exchange that is allowed here"},
        {SSL_R_NO_SUITABLE_KEY_SHARE, "the peer offers no key exchange that is allowed here"},
        {SSL_R_NO_APPLICATION_PROTOCOL, "the peer offers other protocols than http/1.1 (ALPN)"},
        {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged or forged"},
        {SSL_R_PROTOCOL_IS_SHUTDOWN, "this side has shut the session down"},
};

/* By the result of the check of a certificate. */
static const struct sentence certificate_sentences[] = {
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the certificate is self-signed and not trusted"},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the certificate's issuer is not trusted"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "the certificate's issuer is not trusted"},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "the certificate's issuer is not trusted"},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "the certificate's issuer is not trusted"},
        {X509_V_ERR_CERT_HAS_EXPIRED, "the certificate or its issuer's has expired"},
        {X509_V_ERR_CERT_NOT_YET_VALID, "the certificate or its issuer's is not valid yet"},
        {X509_V_ERR_INVALID_PURPOSE, "the certificate is not meant for servers"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *
find_sentence(const struct sentence *sentences, size_t count, int reason)
{
        for (size_t i = 0; i < count; i++)
                if (sentences[i].reason == reason)
                        return sentences[i].text;
        return NULL;
}

static const char *
reason_of(unsigned long error)
{
        const char *reason = ERR_reason_error_string(error);

        return reason != NULL ? reason : "unknown error";
}

const char *
aw_tls_error_reason(void)
{
        return reason_of(ERR_peek_last_error());
}

int
aw_tls_error_set(struct aw_error *error, int number, const char *format, ...)
{
        char text[sizeof(error->text) + 1];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        ERR_clear_error();
        return aw_error_set(error, number == ENOMEM ? AW_ERROR_MEMORY : AW_ERROR_CERTIFICATE,
                            number, "%s", text);
}

static void __attribute__((format(printf, 2, 3))) say(struct aw_tls *tls, const char *format, ...)
{
        va_list arguments;

        free(tls->error_text);
        va_start(arguments, format);
        if (vasprintf(&tls->error_text, format, arguments) == -1)
                tls->error_text = NULL;
        va_end(arguments);
}

static void
explain_refusal(struct aw_tls *tls)
{
        long result = SSL_get_verify_result(tls->ssl);
        const char *text =
                find_sentence(certificate_sentences, COUNT(certificate_sentences), (int)result);

        tls->refused_peer = true;
        if (text != NULL)
                say(tls, "%s", text);
        else if (result == X509_V_ERR_HOSTNAME_MISMATCH)
                say(tls, "the certificate is not valid for the name '%s'", tls->host);
        else if (result == X509_V_ERR_IP_ADDRESS_MISMATCH)
                say(tls, "the certificate is not valid for the address '%s'", tls->host);
        else
                say(tls, "the certificate was refused: %s", X509_verify_cert_error_string(result));
}

static bool
is_general(unsigned long error)
{
#ifdef SSL_R_RECORD_LAYER_FAILURE
        return ERR_GET_LIB(error) == ERR_LIB_SSL &&
               ERR_GET_REASON(error) == SSL_R_RECORD_LAYER_FAILURE;
#else
        (void)error;
        return false;
#endif
}

/*
 * Empties the queue of errors. The last one tells what happened, but for the general one that
 * OpenSSL from 3.2 on puts behind what the record layer says. What lack of memory leads to comes
 * after it.
 */
static unsigned long
take_cause(void)
{
        unsigned long error = ERR_get_error(), cause = error;
        bool lacks_memory = ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;

        while ((error = ERR_get_error()) != 0)
                if (!lacks_memory && !is_general(error))
                        cause = error;
        return cause;
}

static void
explain_protocol(struct aw_tls *tls, unsigned long error)
{
        bool ours = ERR_GET_LIB(error) == ERR_LIB_SSL;
        int reason = ERR_GET_REASON(error);
        const char *text = find_sentence(protocol_sentences, COUNT(protocol_sentences), reason);

        tls->peer_sent_http = ours && reason == SSL_R_HTTP_REQUEST;
        if (reason == ERR_R_MALLOC_FAILURE)
                say(tls, "out of memory");
        else if (ours && text != NULL)
                say(tls, "%s", text);
        else if (ours && reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
                say(tls, "the peer sent the alert '%s'",
                    SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        else
                say(tls, "TLS failed: %s", reason_of(error));
}

void
aw_tls_error_explain(struct aw_tls *tls, int ssl_error)
{
        unsigned long error = take_cause();

        if (tls->out_of_memory)
                say(tls, "out of memory");
        else if (tls->flooded)
                say(tls, "the peer sends handshake messages instead of data");
        else if (tls->output == NULL && ssl_error == SSL_ERROR_SYSCALL)
                say(tls, "the session has output, but no buffer was lent for it");
        else if (ssl_error == SSL_ERROR_ZERO_RETURN)
                say(tls, "the peer closed the session during the handshake");
        else if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
                 ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
                explain_refusal(tls);
        else
                explain_protocol(tls, error);
}

const char *
aw_tls_error_text(const struct aw_tls *tls)
{
        if (tls->error_text != NULL)
                return tls->error_text;
        return tls->failed ? "out of memory" : "no error";
}
