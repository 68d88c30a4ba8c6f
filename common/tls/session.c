/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/log.h"
#include "tls/private.h"

#define OUTPUT_MINIMUM 4096 /* bytes: what a buffer begins with */

/*
 * Messages of the handshake protocol that may come in a row after the handshake, without data:
 * tickets, key updates. Each costs far more than the bytes it takes.
 */
#define MESSAGES_MAX 32

static BIO_METHOD *bio_method;

/*
 * Called before each use of OpenSSL that can fail, and after it, but for reading and writing that
 * went well: they leave no errors, and looking costs as much as a part of the encryption does.
 * Clearing what is empty would cost more.
 */
static void
clear_errors(void)
{
        if (ERR_peek_error() != 0)
                ERR_clear_error();
}

/* OpenSSL reads the network's bytes where the caller has them. */
static int
read_input(BIO *bio, char *data, size_t size, size_t *length)
{
        struct aw_tls *tls = BIO_get_data(bio);

        BIO_clear_retry_flags(bio);
        /* No bytes, and no hope of any: an error. */
        if (tls->flooded)
                return 0;
        if (tls->input_length == 0) {
                BIO_set_retry_read(bio);
                return 0;
        }
        *length = size < tls->input_length ? size : tls->input_length;
        memcpy(data, tls->input, *length);
        tls->input += *length;
        tls->input_length -= *length;
        return 1;
}

int
aw_tls_buffer_reserve(struct aw_tls_buffer *buffer, size_t length)
{
        size_t capacity = buffer->capacity < OUTPUT_MINIMUM ? OUTPUT_MINIMUM : buffer->capacity;
        uint8_t *data;

        if (buffer->capacity - buffer->length >= length)
                return 0;
        if (buffer->length > SIZE_MAX / 4 || length > SIZE_MAX / 4) {
                errno = ENOMEM;
                return -1;
        }
        while (capacity < buffer->length + length)
                capacity *= 2;
        data = realloc(buffer->data, capacity);
        if (data == NULL) {
                errno = ENOMEM;
                return -1;
        }
        buffer->data = data;
        buffer->capacity = capacity;
        return 0;
}

int
aw_tls_buffer_append(struct aw_tls_buffer *buffer, const uint8_t *data, size_t length)
{
        if (aw_tls_buffer_reserve(buffer, length) == -1)
                return -1;
        memcpy(buffer->data + buffer->length, data, length);
        buffer->length += length;
        return 0;
}

static int
write_output(BIO *bio, const char *data, size_t size, size_t *length)
{
        struct aw_tls *tls = BIO_get_data(bio);

        BIO_clear_retry_flags(bio);
        if (tls->output == NULL)
                return 0;
        if (aw_tls_buffer_append(tls->output, (const uint8_t *)data, size) == -1) {
                tls->out_of_memory = true;
                return 0;
        }
        *length = size;
        return 1;
}

static long
control(BIO *bio, int command, long number, void *pointer)
{
        (void)bio;
        (void)number;
        (void)pointer;
        return command == BIO_CTRL_FLUSH;
}

static void
make_bio_method(void)
{
        bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "aw_tls");
        if (bio_method == NULL)
                return;
        BIO_meth_set_read_ex(bio_method, read_input);
        BIO_meth_set_write_ex(bio_method, write_output);
        BIO_meth_set_ctrl(bio_method, control);
}

static int
attach_bio(struct aw_tls *tls)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        BIO *bio;

        pthread_once(&once, make_bio_method);
        bio = bio_method != NULL ? BIO_new(bio_method) : NULL;
        if (bio == NULL)
                return -1;
        BIO_set_data(bio, tls);
        BIO_set_init(bio, 1);
        SSL_set_bio(tls->ssl, bio, bio); /* The session now owns bio. */
        return 0;
}

static bool
is_read_after_handshake(OSSL_HANDSHAKE_STATE state)
{
        return state == TLS_ST_SR_KEY_UPDATE || state == TLS_ST_CR_KEY_UPDATE ||
               state == TLS_ST_CR_SESSION_TICKET;
}

/*
 * OpenSSL tells what its handshake does, also of the messages that come when it is over. In TLS 1.2
 * each attempt to begin anew is refused with an alert, which could go on without end.
 */
static void
watch_handshake(const SSL *ssl, int where, int value)
{
        struct aw_tls *tls = SSL_get_app_data(ssl);

        if (!tls->established)
                return;
        if ((where & SSL_CB_LOOP) != 0 && is_read_after_handshake(SSL_get_state(ssl)))
                tls->messages++;
        if (tls->messages > MESSAGES_MAX ||
            (where == SSL_CB_WRITE_ALERT &&
             value == (SSL3_AL_WARNING << 8 | SSL_AD_NO_RENEGOTIATION)))
                tls->flooded = true;
}

/* What a client demands of the certificate, and whom it asks for. */
static int
set_host(struct aw_tls *tls, const char *host)
{
        X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
        size_t length = strlen(host);
        unsigned char address[sizeof(struct in6_addr)];

        /* "example.org." is the same name; certificates and SNI have it without the dot. */
        tls->host = strndup(host, length > 1 && host[length - 1] == '.' ? length - 1 : length);
        if (tls->host == NULL)
                return -1;
        if (inet_pton(AF_INET, tls->host, address) == 1)
                return X509_VERIFY_PARAM_set1_ip(param, address, 4) == 1 ? 0 : -1;
        if (inet_pton(AF_INET6, tls->host, address) == 1)
                return X509_VERIFY_PARAM_set1_ip(param, address, 16) == 1 ? 0 : -1;
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        return X509_VERIFY_PARAM_set1_host(param, tls->host, 0) == 1 &&
                               SSL_set_tlsext_host_name(tls->ssl, tls->host) == 1
                       ? 0
                       : -1;
}

/*
 * OpenSSL from 3.2 on makes the record layers here, and tells of a failure in the queue of errors
 * only. Without them the session would crash.
 */
static int
set_side(struct aw_tls *tls)
{
        SSL_set_app_data(tls->ssl, tls);
        SSL_set_info_callback(tls->ssl, watch_handshake);
        clear_errors();
        if (tls->context->server)
                SSL_set_accept_state(tls->ssl);
        else
                SSL_set_connect_state(tls->ssl);
        return ERR_peek_error() == 0 ? 0 : -1;
}

struct aw_tls *
aw_tls_create(struct aw_tls_context *context, const char *host)
{
        struct aw_tls *tls;

        if (context->server != (host == NULL))
                aw_log_abort("aw_tls_create: clients need a host, servers have none");
        if (host != NULL && (*host == '\0' || strlen(host) > TLSEXT_MAXLEN_host_name)) {
                errno = EINVAL;
                return NULL;
        }
        tls = calloc(1, sizeof(*tls));
        if (tls == NULL)
                return NULL;
        tls->context = aw_tls_context_ref(context);
        tls->ssl = SSL_new(context->ssl);
        if (tls->ssl == NULL || attach_bio(tls) == -1 ||
            (host != NULL && set_host(tls, host) == -1) || set_side(tls) == -1) {
                aw_tls_free(tls);
                errno = ENOMEM;
                return NULL;
        }
        return tls;
}

void
aw_tls_free(struct aw_tls *tls)
{
        if (tls == NULL)
                return;
        aw_tls_buffers_leave(tls);
        SSL_free(tls->ssl);
        clear_errors();
        aw_tls_context_unref(tls->context);
        free(tls->host);
        free(tls->error_text);
        free(tls);
}

bool
aw_tls_is_client(const struct aw_tls *tls)
{
        return !tls->context->server;
}

void
aw_tls_input(struct aw_tls *tls, const uint8_t *data, size_t length)
{
        if (tls->input_length > 0)
                aw_log_abort("aw_tls_input: %zu bytes of the last input are not used up",
                             tls->input_length);
        /* A session that failed takes nothing more. */
        tls->input = data;
        tls->input_length = tls->failed ? 0 : length;
}

/* Either it was read, or it will not be read any more. */
static void
forget_input(struct aw_tls *tls)
{
        tls->input = NULL;
        tls->input_length = 0;
}

static int
fail(struct aw_tls *tls, int error)
{
        aw_tls_error_explain(tls, error);
        tls->failed = true;
        forget_input(tls);
        clear_errors();
        return AW_TLS_FAILED;
}

/*
 * Why OpenSSL came to a halt. It would take an error that somebody else left in the queue for its
 * own; but if it asked for input, and there was none, that is the reason.
 */
static int
halt_reason(const struct aw_tls *tls, int result)
{
        if (tls->flooded)
                return SSL_ERROR_SSL;
        if (BIO_should_read(SSL_get_rbio(tls->ssl)))
                return SSL_ERROR_WANT_READ;
        return SSL_get_error(tls->ssl, result);
}

/* What reading returns then. */
static int
halt(struct aw_tls *tls, int result)
{
        int error = halt_reason(tls, result);

        tls->closed = error == SSL_ERROR_ZERO_RETURN && tls->established;
        if (error != SSL_ERROR_WANT_READ && !tls->closed)
                return fail(tls, error);
        forget_input(tls);
        clear_errors();
        return tls->closed ? AW_TLS_CLOSED : AW_TLS_AGAIN;
}

int
aw_tls_handshake(struct aw_tls *tls)
{
        int result;

        if (tls->failed)
                return AW_TLS_FAILED;
        if (tls->established)
                return 0;
        clear_errors();
        result = SSL_do_handshake(tls->ssl);
        if (result != 1)
                return halt(tls, result);
        tls->established = true;
        clear_errors();
        return 0;
}

static void
demand_handshake(const struct aw_tls *tls, const char *caller)
{
        if (!tls->established)
                aw_log_abort("%s: the handshake is not complete", caller);
}

ssize_t
aw_tls_read(struct aw_tls *tls, uint8_t *buffer, size_t size)
{
        size_t length;
        int result;

        if (tls->failed)
                return AW_TLS_FAILED;
        demand_handshake(tls, "aw_tls_read");
        if (size == 0)
                aw_log_abort("aw_tls_read: no room for a byte");
        /* OpenSSL would only allocate and free a buffer to find out that there is nothing. */
        if (tls->input_length == 0 && !tls->closed && !SSL_has_pending(tls->ssl))
                return AW_TLS_AGAIN;
        result = SSL_read_ex(tls->ssl, buffer, size, &length);
        if (result != 1)
                return halt(tls, result);
        tls->messages = 0;
        if (!tls->keeps)
                aw_tls_buffers_count(tls);
        return (ssize_t)length;
}

int
aw_tls_write(struct aw_tls *tls, const uint8_t *data, size_t length)
{
        size_t written;
        int result;

        if (tls->failed)
                return AW_TLS_FAILED;
        demand_handshake(tls, "aw_tls_write");
        result = SSL_write_ex(tls->ssl, data, length, &written);
        if (result != 1)
                return fail(tls, SSL_get_error(tls->ssl, result));
        return 0;
}

void
aw_tls_shutdown(struct aw_tls *tls)
{
        int result;

        if (!tls->established || tls->failed ||
            (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN) != 0)
                return;
        clear_errors();
        result = SSL_shutdown(tls->ssl);
        if (result < 0)
                fail(tls, SSL_get_error(tls->ssl, result));
        clear_errors();
}

void
aw_tls_output_begin(struct aw_tls *tls, struct aw_tls_buffer *buffer)
{
        if (tls->output != NULL)
                aw_log_abort("aw_tls_output_begin: a buffer is lent already");
        tls->output = buffer;
        tls->output_start = buffer->length;
}

ssize_t
aw_tls_output_end(struct aw_tls *tls)
{
        struct aw_tls_buffer *buffer = tls->output;

        if (buffer == NULL)
                aw_log_abort("aw_tls_output_end: no buffer is lent");
        tls->output = NULL;
        if (tls->out_of_memory) {
                buffer->length = tls->output_start;
                return AW_TLS_FAILED;
        }
        return (ssize_t)(buffer->length - tls->output_start);
}

bool
aw_tls_refused_peer(const struct aw_tls *tls)
{
        return tls->refused_peer;
}

bool
aw_tls_peer_sent_http(const struct aw_tls *tls)
{
        return tls->peer_sent_http;
}

static void
print_subject(const X509 *certificate, char *out, size_t size)
{
        BIO *bio = BIO_new(BIO_s_mem());
        int length = 0;

        if (bio != NULL) {
                /* Control characters are escaped, UTF-8 is not. */
                X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0,
                                   XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
                length = BIO_read(bio, out, (int)size - 1);
                BIO_free(bio);
        }
        out[length > 0 ? length : 0] = '\0';
        clear_errors();
}

void
aw_tls_describe(const struct aw_tls *tls, char *out, size_t size)
{
        const X509 *peer = SSL_get0_peer_certificate(tls->ssl);
        char subject[256] = "";

        if (!tls->established) {
                snprintf(out, size, "no TLS session");
                return;
        }
        if (peer != NULL)
                print_subject(peer, subject, sizeof(subject));
        snprintf(out, size, "%s, %s%s%s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl),
                 *subject != '\0' ? ", " : "", subject);
}
