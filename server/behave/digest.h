/* SPDX-License-Identifier: MIT */
/* SHA-256, piece by piece. */
#ifndef BEHAVE_DIGEST_H
#define BEHAVE_DIGEST_H

#include <stddef.h>

#define DIGEST_SIZE 65 /* 64 hexadecimal digits and a NUL */

struct digest;
struct digest *digest_begin(void); /* NULL with errno ENOMEM */
void digest_add(struct digest *digest, const void *data, size_t length);

/* Writes the digits, and frees it. 0, and errno stays; or -1 with ENOMEM, also for NULL. */
int digest_end(struct digest *digest, char out[DIGEST_SIZE]);

#endif
