/* SPDX-License-Identifier: MIT */
/* What the files behind tls.h share. */
#ifndef AW_TLS_PRIVATE_H
#define AW_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "tls/session.h"

/* What a client's context keeps for sessions that resume. */
struct aw_tls_kept {
        pthread_mutex_t lock; /* of the next two */
        SSL_SESSION *last;    /* a ticket, or NULL */
        char *host;           /* that gave it */
        _Atomic uint64_t resumed;
};

#define AW_TLS_PINS_MAX 8

/* SHA-256 of a certificate or a key. */
struct aw_tls_digest {
        unsigned char bytes[32];
};

/* A server's certificate, and what goes with it. */
struct aw_tls_identity {
        SSL_CTX *ssl;          /* that has it: the first one's is the context's own */
        unsigned char *staple; /* an OCSP response, or NULL */
        size_t staple_length;
        int64_t staple_until; /* seconds since 1970 */
};

struct aw_tls_context {
        SSL_CTX *ssl;
        atomic_uint references;
        bool server;
        struct aw_tls_kept kept;

        struct aw_tls_identity *identities; /* a server's, at least one */
        size_t identity_count;

        /* A client's: whom it takes. */
        bool insecure, has_fingerprint;
        struct aw_tls_digest fingerprint;
        struct aw_tls_digest pins[AW_TLS_PINS_MAX];
        size_t pin_count;
};

struct aw_tls {
        SSL *ssl;
        struct aw_tls_context *context;
        char *host; /* of a client, without a final dot */
        const uint8_t *input;
        size_t input_length;
        struct aw_tls_buffer *output; /* lent, or NULL */
        size_t output_start;          /* its length when it was lent */
        char *error_text;
        enum aw_error_cause cause;
        bool asked;        /* by the server for a certificate, and we have none */
        unsigned messages; /* of the handshake protocol, since data came last */
        bool flooded;      /* too many of them */
        struct {
                struct aw_tls *next, *previous;
        } link;        /* of those that keep their buffers */
        bool keeps;    /* it is one of them */
        uint8_t reads; /* that went well, if it is not */
        bool established, closed, failed, refused_peer, peer_sent_http, out_of_memory;
};

/*
 * A session that does not keep its buffers has read: after a few times it keeps them, and another
 * session of this thread may lose its own. Before it is freed it leaves.
 */
void aw_tls_buffers_count(struct aw_tls *tls);
void aw_tls_buffers_leave(struct aw_tls *tls);

/* A client's new session offers the ticket of its context, if there is one of that host. */
void aw_tls_resume_offer(struct aw_tls *tls);

/* Its handshake is done. */
void aw_tls_resume_count(struct aw_tls *tls);
void aw_tls_resume_release(struct aw_tls_kept *kept);

/* Makes a sentence of the arguments, sets errno, empties OpenSSL's error queue; returns -1. */
int aw_tls_error_set(struct aw_error *error, int number, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same for the session, without an errno: what aw_tls_error_text() says. */
void aw_tls_error_say(struct aw_tls *tls, enum aw_error_cause cause, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* context.c: with our policy and one reference; or NULL and *error. */
struct aw_tls_context *aw_tls_context_create(const SSL_METHOD *method, bool server,
                                             struct aw_error *error);

/*
 * refusal.c: says why this side does not take the certificate that OpenSSL has just found wanting, in
 * words that name it.
 */
void aw_tls_refusal_explain(struct aw_tls *tls, X509_STORE_CTX *store);

/*
 * describe.c: the names and addresses that a certificate is for, in quotes, up to so many; `before`
 * the first, so nothing at all if there are none.
 */
void aw_tls_describe_names(BIO *out, const X509 *certificate, const char *before, const char *quote,
                           int most);
void aw_tls_describe_name(BIO *out, const X509_NAME *name);

/* OpenSSL's words for the last error in its queue. */
const char *aw_tls_error_reason(void);

/* Sets what aw_tls_error_text() and aw_tls_refused_peer() say, from OpenSSL's error queue. */
void aw_tls_error_explain(struct aw_tls *tls, int ssl_error);

/* server.c: a server's certificates; the last of them. */
struct aw_tls_identity *aw_tls_identity_last(const struct aw_tls_context *context);
void aw_tls_identities_free(struct aw_tls_context *context);

/* policy.c: other versions and ciphers than ours; NULL: ours. 0, or -1 and *error. */
int aw_tls_policy_versions(SSL_CTX *ssl, const char *least, const char *most,
                           struct aw_error *error);
int aw_tls_policy_ciphers(SSL_CTX *ssl, const char *names, struct aw_error *error);

/* Loads a certificate, its chain and its key into a server's context. 0, or -1 and *error. */
int aw_tls_certificate_load(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                            struct aw_error *error);

/* The same for a client: the key may be in the same file (NULL), and encrypted with a passphrase. */
int aw_tls_certificate_present(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                               const char *passphrase, struct aw_error *error);

/* Loads all certificates of a file as trusted ones. 0, or -1 and *error. */
int aw_tls_certificate_trust(SSL_CTX *ssl, const char *ca_file, struct aw_error *error);

/* Makes a self-signed certificate for this machine and its key. 0, or -1 and *error. */
int aw_tls_certificate_make(SSL_CTX *ssl, struct aw_error *error);

#endif
