/* SPDX-License-Identifier: MIT */
/*
 * The keys of a client's frames. RFC 6455 section 5.3 wants each to be new and from a strong source
 * of randomness; asking OpenSSL for four bytes at a time takes longer than all else about a small
 * message. So they are asked for by the dozen.
 */
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#include "await/log.h"
#include "ws/private.h"

#define POOL 512 /* bytes */

/* Of a thread: bytes that were asked for and not used yet are its last `left`. */
static __thread uint8_t pool[POOL];
static __thread size_t left;

static pthread_once_t watching = PTHREAD_ONCE_INIT;

/* A child process must not use the keys that its parent uses. */
static void
forget(void)
{
        left = 0;
}

static void
watch_forks(void)
{
        pthread_atfork(NULL, NULL, forget);
}

void
ws_mask_key(uint8_t key[WS_MASK_KEY_SIZE])
{
        if (left == 0) {
                pthread_once(&watching, watch_forks);
                if (RAND_bytes(pool, POOL) != 1)
                        aw_log_abort("OpenSSL has no random numbers");
                left = POOL;
        }
        memcpy(key, pool + POOL - left, WS_MASK_KEY_SIZE);
        left -= WS_MASK_KEY_SIZE;
}
