/* SPDX-License-Identifier: MIT */
/*
 * A client's sessions that resume: its context keeps the last ticket that a server gave. Copies go in
 * and out, because OpenSSL marks the ticket of a session that ends without an alert as used up.
 */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "tls/private.h"

/* OpenSSL has got a ticket. 0: the reference stays its own. */
static int
keep_ticket(SSL *ssl, SSL_SESSION *session)
{
        struct aw_tls *tls = SSL_get_app_data(ssl);
        struct aw_tls_kept *kept = &tls->context->kept;
        SSL_SESSION *ticket = SSL_SESSION_dup(session), *old;
        char *host = strdup(tls->host), *old_host;

        /* Without memory the last one stays. */
        if (ticket == NULL || host == NULL) {
                SSL_SESSION_free(ticket);
                free(host);
                return 0;
        }
        pthread_mutex_lock(&kept->lock);
        old = kept->last;
        old_host = kept->host;
        kept->last = ticket;
        kept->host = host;
        pthread_mutex_unlock(&kept->lock);
        SSL_SESSION_free(old);
        free(old_host);
        return 0;
}

int
aw_tls_context_resume(struct aw_tls_context *context)
{
        if (context->server) {
                errno = EINVAL;
                return -1;
        }
        SSL_CTX_set_session_cache_mode(context->ssl,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context->ssl, keep_ticket);
        return 0;
}

uint64_t
aw_tls_context_resumed(const struct aw_tls_context *context)
{
        return atomic_load(&context->kept.resumed);
}

void
aw_tls_resume_offer(struct aw_tls *tls)
{
        struct aw_tls_kept *kept = &tls->context->kept;
        SSL_SESSION *ticket = NULL;

        pthread_mutex_lock(&kept->lock);
        if (kept->last != NULL && strcmp(kept->host, tls->host) == 0)
                ticket = SSL_SESSION_dup(kept->last);
        pthread_mutex_unlock(&kept->lock);
        /* Without it, the handshake is a full one. */
        if (ticket != NULL)
                SSL_set_session(tls->ssl, ticket);
        SSL_SESSION_free(ticket);
        ERR_clear_error();
}

void
aw_tls_resume_count(struct aw_tls *tls)
{
        if (SSL_session_reused(tls->ssl) == 1)
                atomic_fetch_add(&tls->context->kept.resumed, 1);
}

void
aw_tls_resume_release(struct aw_tls_kept *kept)
{
        SSL_SESSION_free(kept->last);
        free(kept->host);
        pthread_mutex_destroy(&kept->lock);
}
