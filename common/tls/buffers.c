/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's record buffers, two of 17 KiB. A session gives each back as soon as it is empty, so
 * that one which is idle holds none. To allocate and free them for each message is a tenth of what
 * an echo costs, so a few sessions that are busy keep theirs until others need the place.
 *
 * From OpenSSL 3.2 on SSL_clear_mode() does not reach the buffers of a session that exists: there
 * they are given back as ever.
 */
#include <string.h>

#include "tls/private.h"

#define BUSY_READS 4 /* in a row, before a session is called busy */

static _Thread_local struct {
        struct aw_tls *sessions[AW_TLS_KEEPERS];
        unsigned next; /* the place to be taken next */
} keepers;

/* Frees the buffers unless there is something in them: then that is done when they are empty. */
static void
shed_buffers(struct aw_tls *tls)
{
        SSL_set_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
        /*
         * SSL_free_buffers() does not see that a record's header has come, and nothing else: it is
         * the body ("RB", not "RH") that is waited for then.
         */
        if (strcmp(SSL_rstate_string(tls->ssl), "RH") == 0 && !SSL_has_pending(tls->ssl))
                SSL_free_buffers(tls->ssl);
}

void
aw_tls_buffers_leave(struct aw_tls *tls)
{
        if (tls->place != NULL)
                *tls->place = NULL;
        tls->place = NULL;
}

void
aw_tls_buffers_count(struct aw_tls *tls)
{
        struct aw_tls **place = &keepers.sessions[keepers.next], *other = *place;

        if (++tls->reads < BUSY_READS)
                return;
        tls->reads = 0;
        keepers.next = (keepers.next + 1) % AW_TLS_KEEPERS;
        if (other != NULL) {
                aw_tls_buffers_leave(other);
                shed_buffers(other);
        }
        *place = tls;
        tls->place = place;
        SSL_clear_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
}
