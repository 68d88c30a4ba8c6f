/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "digest.h"

/* Once it has failed it stays failed. */
struct digest {
        EVP_MD_CTX *context;
};

struct digest *
digest_begin(void)
{
        struct digest *digest = malloc(sizeof(*digest));

        if (digest == NULL)
                return NULL;
        digest->context = EVP_MD_CTX_new();
        if (digest->context != NULL && EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1)
                return digest;
        EVP_MD_CTX_free(digest->context);
        free(digest);
        ERR_clear_error();
        errno = ENOMEM;
        return NULL;
}

void
digest_add(struct digest *digest, const void *data, size_t length)
{
        EVP_DigestUpdate(digest->context, data, length);
}

int
digest_end(struct digest *digest, char out[DIGEST_SIZE])
{
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned length = 0;
        int error = errno;
        bool good;

        if (digest == NULL) {
                errno = ENOMEM;
                return -1;
        }
        good = EVP_DigestFinal_ex(digest->context, bytes, &length) == 1;
        for (unsigned i = 0; i < length; i++)
                snprintf(out + 2 * (size_t)i, 3, "%02x", bytes[i]);
        EVP_MD_CTX_free(digest->context);
        free(digest);
        ERR_clear_error();
        errno = good ? error : ENOMEM;
        return good ? 0 : -1;
}
