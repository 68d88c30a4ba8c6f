/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

struct sentence {
        int reason;
        const char *text;
        enum aw_error_cause cause;
};

static const char refused_ours[] = "the peer does not take our certificate";
static const char not_tls[] = "this is not TLS: the peer sent something else";
static const char no_version[] = "the peer does not speak TLS 1.2 or 1.3";

/* By OpenSSL's SSL_R_ numbers. */
static const struct sentence protocol_sentences[] = {
        {SSL_R_WRONG_VERSION_NUMBER, not_tls, AW_CAUSE_NOT_TLS},
        {SSL_R_PACKET_LENGTH_TOO_LONG, not_tls, AW_CAUSE_NOT_TLS},
        {SSL_R_DATA_LENGTH_TOO_LONG, not_tls, AW_CAUSE_NOT_TLS}, /* the same from OpenSSL 3.2 on */
        {SSL_R_RECORD_LENGTH_MISMATCH, not_tls, AW_CAUSE_NOT_TLS},
        {SSL_R_BAD_RECORD_TYPE, not_tls, AW_CAUSE_NOT_TLS},
        {SSL_R_HTTP_REQUEST, "this is not TLS: the peer sent a plain HTTP request",
         AW_CAUSE_NOT_TLS},
        {SSL_R_HTTPS_PROXY_REQUEST, "this is not TLS: the peer sent a request for a proxy",
         AW_CAUSE_NOT_TLS},
        {SSL_R_UNSUPPORTED_PROTOCOL, no_version, AW_CAUSE_POLICY},
        {SSL_R_UNKNOWN_PROTOCOL, no_version, AW_CAUSE_POLICY},
        {SSL_R_WRONG_SSL_VERSION, no_version, AW_CAUSE_POLICY},
        {SSL_R_NO_PROTOCOLS_AVAILABLE, no_version, AW_CAUSE_POLICY},
        {SSL_R_NO_SHARED_CIPHER, "the peer offers no cipher suite that is allowed here",
         AW_CAUSE_POLICY},
        {SSL_R_NO_SHARED_GROUPS, "the peer offers no key exchange that is allowed here",
         AW_CAUSE_POLICY},
        {SSL_R_NO_SUITABLE_KEY_SHARE, "the peer offers no key exchange that is allowed here",
         AW_CAUSE_POLICY},
        {SSL_R_NO_APPLICATION_PROTOCOL, "the peer offers other protocols than http/1.1 (ALPN)",
         AW_CAUSE_NONE},
        {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was damaged or forged",
         AW_CAUSE_NONE},
        {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client has no certificate, and needs one",
         AW_CAUSE_PROVE},
        {SSL_R_PROTOCOL_IS_SHUTDOWN, "this side has shut the session down", AW_CAUSE_NONE},
};

/* By the number of the alert that the peer sent (RFC 8446 section 6). */
static const struct sentence alert_sentences[] = {
        {SSL_AD_HANDSHAKE_FAILURE, "the peer takes none of our versions, ciphers and key exchanges",
         AW_CAUSE_POLICY},
        {SSL_AD_INSUFFICIENT_SECURITY, "the peer finds our ciphers too weak", AW_CAUSE_POLICY},
        {SSL_AD_PROTOCOL_VERSION, no_version, AW_CAUSE_POLICY},
        {SSL_AD_BAD_CERTIFICATE, refused_ours, AW_CAUSE_PROVE},
        {SSL_AD_UNSUPPORTED_CERTIFICATE, refused_ours, AW_CAUSE_PROVE},
        {SSL_AD_CERTIFICATE_REVOKED, "the peer says that our certificate is revoked",
         AW_CAUSE_PROVE},
        {SSL_AD_CERTIFICATE_EXPIRED, "the peer says that our certificate has expired",
         AW_CAUSE_PROVE},
        {SSL_AD_CERTIFICATE_UNKNOWN, refused_ours, AW_CAUSE_PROVE},
        {SSL_AD_UNKNOWN_CA, "the peer does not trust the issuer of our certificate",
         AW_CAUSE_PROVE},
        {SSL_AD_UNRECOGNIZED_NAME, "the peer does not know the name that it was asked for (SNI)",
         AW_CAUSE_NAME},
        {SSL_AD_NO_APPLICATION_PROTOCOL, "the peer does not speak http/1.1 (ALPN)", AW_CAUSE_NONE},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct sentence *
find_sentence(const struct sentence *sentences, size_t count, int reason)
{
        for (size_t i = 0; i < count; i++)
                if (sentences[i].reason == reason)
                        return &sentences[i];
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

void
aw_tls_error_say(struct aw_tls *tls, enum aw_error_cause cause, const char *format, ...)
{
        va_list arguments;

        tls->cause = cause;
        free(tls->error_text);
        va_start(arguments, format);
        if (vasprintf(&tls->error_text, format, arguments) == -1)
                tls->error_text = NULL;
        va_end(arguments);
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

/* A peer that closes because it asked for a certificate in vain may call it all kinds of things. */
static void
explain_alert(struct aw_tls *tls, int alert)
{
        const struct sentence *found =
                find_sentence(alert_sentences, COUNT(alert_sentences), alert);
        const char *name = SSL_alert_desc_string_long(alert);

        if (tls->asked &&
            (found == NULL || found->cause == AW_CAUSE_POLICY || found->cause == AW_CAUSE_PROVE))
                aw_tls_error_say(tls, AW_CAUSE_PROVE, "the peer wants a certificate of ours");
        else if (strcmp(name, "unknown") == 0)
                aw_tls_error_say(tls, AW_CAUSE_NONE, "the peer sent the alert %d", alert);
        else if (found == NULL)
                aw_tls_error_say(tls, AW_CAUSE_NONE, "the peer sent the alert '%s'", name);
        else
                aw_tls_error_say(tls, found->cause, "%s (alert '%s')", found->text, name);
}

static void
explain_protocol(struct aw_tls *tls, unsigned long error)
{
        bool ours = ERR_GET_LIB(error) == ERR_LIB_SSL;
        int reason = ERR_GET_REASON(error);
        const struct sentence *found =
                find_sentence(protocol_sentences, COUNT(protocol_sentences), reason);

        tls->peer_sent_http = ours && reason == SSL_R_HTTP_REQUEST;
        tls->refused_peer = ours && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
        if (reason == ERR_R_MALLOC_FAILURE)
                aw_tls_error_say(tls, AW_CAUSE_NONE, "out of memory");
        else if (ours && found != NULL)
                aw_tls_error_say(tls, found->cause, "%s", found->text);
        else if (ours && reason >= SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
                explain_alert(tls, reason - SSL_AD_REASON_OFFSET);
        else
                aw_tls_error_say(tls, AW_CAUSE_NONE, "TLS failed: %s", reason_of(error));
}

void
aw_tls_error_explain(struct aw_tls *tls, int ssl_error)
{
        unsigned long error = take_cause();

        if (tls->out_of_memory)
                aw_tls_error_say(tls, AW_CAUSE_NONE, "out of memory");
        else if (tls->flooded)
                aw_tls_error_say(tls, AW_CAUSE_NONE,
                                 "the peer sends handshake messages instead of data");
        else if (tls->output == NULL && ssl_error == SSL_ERROR_SYSCALL)
                aw_tls_error_say(tls, AW_CAUSE_NONE,
                                 "the session has output, but no buffer was lent for it");
        else if (ssl_error == SSL_ERROR_ZERO_RETURN)
                aw_tls_error_say(tls, AW_CAUSE_NONE,
                                 "the peer closed the session during the handshake");
        else if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
                 ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
                /* The sentence was written when it was found out. */
                tls->refused_peer = true;
        else
                explain_protocol(tls, error);
}

enum aw_error_cause
aw_tls_error_cause(const struct aw_tls *tls)
{
        return tls->cause;
}

const char *
aw_tls_error_text(const struct aw_tls *tls)
{
        if (tls->error_text != NULL)
                return tls->error_text;
        return tls->failed ? "out of memory" : "no error";
}
