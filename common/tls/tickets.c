/* SPDX-License-Identifier: MIT */
/* The keys of session tickets, which several processes may share. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "tls/private.h"

#define COUNT       AW_TLS_TICKET_KEYS
#define NAME_LENGTH 16 /* OpenSSL's */
#define KEY_LENGTH  32

struct ticket_key {
        unsigned char name[NAME_LENGTH], cipher[KEY_LENGTH], mac[KEY_LENGTH];
};

_Static_assert(sizeof(struct ticket_key) == AW_TLS_TICKET_KEY_SIZE, "tls.h has room for it");

static bool
start_key(const struct ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
          EVP_MAC_CTX *mac, bool encrypt)
{
        unsigned char bytes[KEY_LENGTH];
        OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes, sizeof(bytes)),
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
                OSSL_PARAM_construct_end()};
        bool done;

        memcpy(bytes, key->mac, sizeof(bytes));
        done = EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
               EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, encrypt) == 1;
        OPENSSL_cleanse(bytes, sizeof(bytes));
        return done;
}

static int
seal(const struct ticket_key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
     EVP_MAC_CTX *mac)
{
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
            !start_key(key, iv, cipher, mac, true))
                return -1;
        memcpy(name, key->name, NAME_LENGTH);
        return 1;
}

/*
 * What OpenSSL asks: the key for a new ticket, or for one that came. A key that is being replaced in
 * this moment opens nothing: the ticket's MAC says so, and then the session begins anew.
 */
static int
choose_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
           EVP_MAC_CTX *mac, int encrypt)
{
        const struct aw_tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
        unsigned rotations = __atomic_load_n(&tickets->rotations, __ATOMIC_ACQUIRE);
        struct ticket_key key;
        int answer = 0;

        for (unsigned age = 0; age < COUNT && age < rotations && answer == 0; age++) {
                memcpy(&key, tickets->keys[(rotations - age) % COUNT], sizeof(key));
                if (encrypt)
                        answer = seal(&key, name, iv, cipher, mac);
                else if (CRYPTO_memcmp(key.name, name, NAME_LENGTH) == 0)
                        answer = !start_key(&key, iv, cipher, mac, false) ? -1 : age == 0 ? 1 : 2;
        }
        OPENSSL_cleanse(&key, sizeof(key));
        return answer;
}

int
aw_tls_tickets_rotate(struct aw_tls_tickets *tickets)
{
        struct ticket_key key;
        unsigned next = tickets->rotations + 1;

        if (RAND_bytes((unsigned char *)&key, sizeof(key)) != 1) {
                ERR_clear_error();
                errno = EIO;
                return -1;
        }
        memcpy(tickets->keys[next % COUNT], &key, sizeof(key));
        __atomic_store_n(&tickets->rotations, next, __ATOMIC_RELEASE);
        OPENSSL_cleanse(&key, sizeof(key));
        return 0;
}

void
aw_tls_context_set_tickets(struct aw_tls_context *context, const struct aw_tls_tickets *tickets)
{
        union {
                const struct aw_tls_tickets *given;
                void *kept;
        } borrowed = {.given = tickets};

        SSL_CTX_set_app_data(context->ssl, borrowed.kept);
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ssl, tickets == NULL ? NULL : choose_key);
}
