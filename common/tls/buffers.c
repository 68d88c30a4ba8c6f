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

#include "base/list.h"
#include "tls/private.h"

#define BUSY_READS 4 /* in a row, before a session is called busy */

/* Those that keep theirs; the first has done so for longest. */
static _Thread_local struct {
        struct aw_tls *first, *last;
        unsigned count;
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
        if (!tls->keeps)
                return;
        tls->keeps = false;
        aw_list_remove(&keepers, tls, link);
        keepers.count--;
}

void
aw_tls_buffers_count(struct aw_tls *tls)
{
        struct aw_tls *other = keepers.first;

        if (++tls->reads < BUSY_READS)
                return;
        tls->reads = 0;
        if (keepers.count == AW_TLS_KEEPERS) {
                aw_tls_buffers_leave(other);
                shed_buffers(other);
        }
        tls->keeps = true;
        aw_list_append(&keepers, tls, link);
        keepers.count++;
        SSL_clear_mode(tls->ssl, SSL_MODE_RELEASE_BUFFERS);
}
