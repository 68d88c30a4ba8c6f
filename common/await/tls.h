/* SPDX-License-Identifier: MIT */
/*
 * TLS by OpenSSL: contexts, which hold the policy, certificates, and whom to trust.
 *
 * Policy: TLS 1.2 and 1.3, ECDHE and AEAD suites only, no compression, no renegotiation, ALPN
 * http/1.1 (RFC 7301; a client that offers ALPN without http/1.1 gets the alert
 * no_application_protocol).
 *
 * A context may be used by any thread. OpenSSL's error queue is empty after each call.
 */
#ifndef AW_TLS_H
#define AW_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "error.h"

/* Reference counted: sessions hold one, so a context may be replaced under them. */
struct aw_tls_context;

/*
 * For servers. cert_file (PEM, the chain in order) and key_file (PEM, not encrypted) are loaded
 * and checked against each other; both NULL: a self-signed EC P-256 certificate for localhost,
 * 127.0.0.1 and ::1 is made in memory, valid for 30 days. NULL and *error on failure (errno
 * EINVAL, ENOMEM or one of open(2)); error may be NULL.
 */
AW_API struct aw_tls_context *aw_tls_context_server(const char *cert_file, const char *key_file,
                                                    struct aw_error *error);

/* Another one with the first certificate of this one, for new settings. NULL and *error on failure. */
AW_API struct aw_tls_context *aw_tls_context_again(const struct aw_tls_context *context,
                                                   struct aw_error *error);

/*
 * What else a server may want, before the context's first session. 0; or -1 with errno and *error,
 * as above, and then the context is good for nothing but aw_tls_context_unref().
 *
 * add: one more certificate, for the names that it has (wildcards included). The name that a client
 * asks for (SNI, RFC 6066 section 3) chooses; whoever asks for none, or for one that no certificate
 * has, gets that of aw_tls_context_server(). Several may have a name, with keys of different kinds.
 */
AW_API int aw_tls_context_add(struct aw_tls_context *context, const char *cert_file,
                              const char *key_file, struct aw_error *error);

/*
 * An OCSP response in DER (RFC 6960), which clients that ask for it get with the certificate that it
 * is for (RFC 6066 section 8), until its time is over. Refused if it is for none of them, is out of
 * date, is not signed by the issuer, who has to be in the certificate's file, or says anything but
 * "good". After the last certificate was added.
 */
AW_API int aw_tls_context_staple(struct aw_tls_context *context, const char *file,
                                 struct aw_error *error);

/*
 * Asks clients for a certificate by one of the authorities of ca_file (PEM). One that does not
 * stand up is refused always; with `required` so is none. Sessions resume only where the same
 * authorities are trusted and as much is required, and while the client's certificate is valid.
 */
AW_API int aw_tls_context_ask_clients(struct aw_tls_context *context, const char *ca_file,
                                      bool required, struct aw_error *error);

/* As in struct aw_tls_client_options; NULL: the policy. */
AW_API int aw_tls_context_restrict(struct aw_tls_context *context, const char *min_version,
                                   const char *ciphers, struct aw_error *error);

/*
 * For clients. ca_file: PEM, trusted instead of the system's certificates (NULL: those); a
 * server's own certificate does as well. With insecure nothing about the peer's certificate is
 * checked. NULL and *error on failure.
 */
AW_API struct aw_tls_context *aw_tls_context_client(const char *ca_file, bool insecure,
                                                    struct aw_error *error);

/*
 * The same with all that a client may want. Zeroed, it means: the system's certificates, our policy.
 * Texts are borrowed until the call returns.
 */
struct aw_tls_client_options {
        const char *ca_file; /* as above */
        const char *ca_path; /* a directory of authorities, as `openssl rehash` makes it */
        bool insecure;
        /*
         * SHA-256 of the certificate, as aw_tls_context_fingerprint() has it; colons and case do not
         * matter. The server must show this very certificate; who issued it, for whom and until when
         * is not looked at.
         */
        const char *fingerprint;
        /*
         * "sha256//BASE64", of the SubjectPublicKeyInfo; several, separated by ';', of which one must
         * fit (curl's --pinnedpubkey). On top of the other checks.
         */
        const char *pinned_key;
        /*
         * Who we are: PEM. key_file NULL: the key is in cert_file. `passphrase` for an encrypted key.
         */
        const char *cert_file, *key_file, *passphrase;
        const char *min_version, *max_version; /* "1.2", "1.3"; NULL: no bound */
        /*
         * Names of OpenSSL's, separated by ':'. Those that begin with TLS_ replace the suites of TLS
         * 1.3, the others those of 1.2. NULL: the policy.
         */
        const char *ciphers;
};
AW_API struct aw_tls_context *
aw_tls_context_client_with(const struct aw_tls_client_options *options, struct aw_error *error);

/*
 * The sessions of this client's context resume (RFC 8446 section 2.2): each offers the last ticket
 * that the same host gave to any of them, which saves both sides the certificate. The server's
 * certificate is then the one that was checked for the first of them. To be called before the first
 * one. 0, or -1 with errno EINVAL for a server's context; those always let clients resume.
 */
AW_API int aw_tls_context_resume(struct aw_tls_context *context);

/* How many of its sessions were resumed so far, or a server's by their clients. */
AW_API uint64_t aw_tls_context_resumed(const struct aw_tls_context *context);

AW_API struct aw_tls_context *aw_tls_context_ref(struct aw_tls_context *context);
AW_API void aw_tls_context_unref(struct aw_tls_context *context); /* NULL does nothing */

/*
 * SHA-256 of the server certificate's DER form as "AB:CD:...": 95 characters and a NUL. 0, or -1
 * with errno EINVAL for a client's context.
 */
#define AW_TLS_FINGERPRINT_SIZE 96
AW_API int aw_tls_context_fingerprint(const struct aw_tls_context *context,
                                      char out[AW_TLS_FINGERPRINT_SIZE]);

/*
 * From when until when the server's certificate of this index is valid, in seconds since 1970: 0 is
 * that of aw_tls_context_server(), and those that were added follow. 0, or -1 with errno EINVAL:
 * there is none.
 */
AW_API int aw_tls_context_validity(const struct aw_tls_context *context, size_t index,
                                   int64_t *begin, int64_t *end);

/* Until when the first one is; -1 with errno EINVAL for a client's context. */
AW_API int64_t aw_tls_context_expires(const struct aw_tls_context *context);

/*
 * The keys of the session tickets that servers give out (RFC 8446 section 4.6.1). By default each
 * context has one of its own for as long as it lives. With these, contexts that follow each other,
 * or those of several processes, take each other's tickets, and the keys can change. Begins zeroed,
 * with one call of aw_tls_tickets_rotate(); may lie in memory that processes share. The members are
 * the library's.
 */
#define AW_TLS_TICKET_KEYS     3
#define AW_TLS_TICKET_KEY_SIZE 80
struct aw_tls_tickets {
        unsigned rotations;
        unsigned char keys[AW_TLS_TICKET_KEYS][AW_TLS_TICKET_KEY_SIZE];
};

/*
 * Makes a new key for tickets from now on; those of the last two keys are still taken. Sessions may
 * go on in other threads and processes meanwhile; one caller at a time. 0, or -1 with errno EIO.
 */
AW_API int aw_tls_tickets_rotate(struct aw_tls_tickets *tickets);

/* For a server's context; borrowed for as long as it lives. NULL: its own again. */
AW_API void aw_tls_context_set_tickets(struct aw_tls_context *context,
                                       const struct aw_tls_tickets *tickets);

#endif
