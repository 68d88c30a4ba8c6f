/* SPDX-License-Identifier: MIT */
/*
 * TLS sessions that do no input or output of their own. A session is handed the bytes that came
 * from the network and gives the bytes to send, so that one read and one write per turn carry any
 * number of records.
 *
 * A session is used and freed by one thread. OpenSSL's error queue is empty after each call.
 *
 * An idle session holds no buffers for records. The AW_TLS_KEEPERS of a thread that were the last to
 * be busy may keep theirs: 34 KiB each.
 */
#ifndef AW_TLS_SESSION_H
#define AW_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "await/tls.h"

#define AW_TLS_KEEPERS 128

struct aw_tls;

/*
 * A session. `host` is for clients: the name (SNI, RFC 6066, and RFC 6125's reference identifier)
 * or the IPv4 or IPv6 address (without brackets; no SNI then) that the certificate must carry as
 * subjectAltName; NULL for servers. NULL with errno ENOMEM, or EINVAL if the host can be no name.
 */
struct aw_tls *aw_tls_create(struct aw_tls_context *context, const char *host);
void aw_tls_free(struct aw_tls *tls); /* NULL does nothing */

/* True for a client's session: it speaks first. */
bool aw_tls_is_client(const struct aw_tls *tls);

/*
 * Input: points the session at bytes from the network, which it consumes in place during the
 * following calls of aw_tls_handshake() and aw_tls_read(). Once one of these returns AW_TLS_AGAIN
 * (or CLOSED or FAILED) nothing is left behind and the caller's buffer is its own again; before
 * that it must stay as it is, and aw_tls_input() must not be called.
 */
void aw_tls_input(struct aw_tls *tls, const uint8_t *data, size_t length);

enum {
        /* All input is used up; go on when more has come. */
        AW_TLS_AGAIN = -1,
        /* The peer's close_notify arrived: a clean end. */
        AW_TLS_CLOSED = -2,
        /*
         * A fatal error: aw_tls_error_text() says which; send what aw_tls_output_end() still
         * counts (an alert), then close.
         */
        AW_TLS_FAILED = -3,
};

/*
 * Goes on with the handshake. 0 when it is complete (for a client that includes the check of the
 * certificate and the name), AW_TLS_AGAIN, or AW_TLS_FAILED. Either way there may be output to
 * send. A client calls it once, without input, to begin.
 */
int aw_tls_handshake(struct aw_tls *tls);

/*
 * Decrypts up to `size` bytes, at most one record (16 KiB). Their count (> 0), AW_TLS_AGAIN,
 * AW_TLS_CLOSED or AW_TLS_FAILED. May leave output (a key update). Only after the handshake.
 */
ssize_t aw_tls_read(struct aw_tls *tls, uint8_t *buffer, size_t size);

/*
 * Encrypts all of `length` bytes (records of 16 KiB, the last one shorter) into the output. 0, or
 * AW_TLS_FAILED. Only after the handshake.
 */
int aw_tls_write(struct aw_tls *tls, const uint8_t *data, size_t length);

/* Puts a close_notify into the output, once; later calls do nothing. */
void aw_tls_shutdown(struct aw_tls *tls);

/*
 * The output: bytes to be sent to the network. It is appended to a buffer which the caller lends
 * for a time (one is enough for all sessions of a thread): aw_tls_output_begin() directs this
 * session's output there, aw_tls_output_end() stops it and returns how many bytes were appended
 * since, or AW_TLS_FAILED if memory ran out (nothing was appended then). A session that must write
 * while no buffer is lent fails with AW_TLS_FAILED.
 */
struct aw_tls_buffer {
        uint8_t *data; /* malloc'ed, grows as needed; the owner frees it */
        size_t length, capacity;
};
/* Room for so many bytes more; and that, and fills it. 0, or -1 with errno ENOMEM. */
int aw_tls_buffer_reserve(struct aw_tls_buffer *buffer, size_t length);
int aw_tls_buffer_append(struct aw_tls_buffer *buffer, const uint8_t *data, size_t length);
void aw_tls_output_begin(struct aw_tls *tls, struct aw_tls_buffer *buffer);
ssize_t aw_tls_output_end(struct aw_tls *tls);

/*
 * Why the session failed, one sentence, e.g. "the certificate is self-signed and not trusted".
 * Borrowed from the session.
 */
const char *aw_tls_error_text(const struct aw_tls *tls);

/* What one could do about it. */
enum aw_error_cause aw_tls_error_cause(const struct aw_tls *tls);

/* True if the failure was that the peer sent a plain HTTP request. */
bool aw_tls_peer_sent_http(const struct aw_tls *tls);

/*
 * True if the failure was this side's refusal of the peer's certificate or name; of a server also
 * that the client has none.
 */
bool aw_tls_refused_peer(const struct aw_tls *tls);

/*
 * One line for logs and -v: "TLSv1.3, TLS_AES_128_GCM_SHA256, CN=localhost" (the last is the
 * peer's subject, if it showed a certificate). Written to out, cut to size.
 */
void aw_tls_describe(const struct aw_tls *tls, char *out, size_t size);

/* "TLSv1.3", for good; and whether the session goes on with the keys of an earlier one. */
const char *aw_tls_version(const struct aw_tls *tls);
bool aw_tls_resumed(const struct aw_tls *tls);

/*
 * The cipher suite, for good; the name that the client asked for (SNI), or NULL; what ALPN agreed on,
 * or NULL.
 */
const char *aw_tls_cipher(const struct aw_tls *tls);
const char *aw_tls_server_name(const struct aw_tls *tls);
const char *aw_tls_application(const struct aw_tls *tls);

/*
 * The subject of the peer's certificate, "CN=alice,O=Example", terminated, for free(). A server has
 * verified it. NULL with errno 0: it sent none; or ENOMEM.
 */
char *aw_tls_peer_subject(const struct aw_tls *tls);

/*
 * For -v: a line with version and cipher; then for each certificate that the peer sent, the leaf
 * first, one with its names and its issuer's, and one with its dates and fingerprint. Terminated,
 * for free(); NULL: no memory.
 */
char *aw_tls_describe_peer(const struct aw_tls *tls);

#endif
