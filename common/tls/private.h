/* SPDX-License-Identifier: MIT */
/* What the files behind tls.h share. */
#ifndef AW_TLS_PRIVATE_H
#define AW_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "tls/session.h"

struct aw_tls_context {
        SSL_CTX *ssl;
        atomic_uint references;
        bool server;
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

/* Makes a sentence of the arguments, sets errno, empties OpenSSL's error queue; returns -1. */
int aw_tls_error_set(struct aw_error *error, int number, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* OpenSSL's words for the last error in its queue. */
const char *aw_tls_error_reason(void);

/* Sets what aw_tls_error_text() and aw_tls_refused_peer() say, from OpenSSL's error queue. */
void aw_tls_error_explain(struct aw_tls *tls, int ssl_error);

/* Loads a certificate, its chain and its key into a server's context. 0, or -1 and *error. */
int aw_tls_certificate_load(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                            struct aw_error *error);

/* Loads all certificates of a file as trusted ones. 0, or -1 and *error. */
int aw_tls_certificate_trust(SSL_CTX *ssl, const char *ca_file, struct aw_error *error);

/* Makes a self-signed certificate for this machine and its key. 0, or -1 and *error. */
int aw_tls_certificate_make(SSL_CTX *ssl, struct aw_error *error);

#endif
