/* SPDX-License-Identifier: MIT */
/* A file of users and hashes of their passwords, as htpasswd(1) makes it, for crypt(3). */
#ifndef PASSWORDS_H
#define PASSWORDS_H

#include <crypt.h>
#include <stdbool.h>

struct passwords;

#define PASSWORDS_SENTENCE 600
#define PASSWORDS_HASH     CRYPT_OUTPUT_SIZE

/*
 * Reads USER:HASH on each line; empty lines and those that begin with # are nothing. NULL: something
 * is wrong, and `sentence` says what, with file and line.
 */
struct passwords *passwords_read(const char *path, char sentence[PASSWORDS_SENTENCE]);
void passwords_free(struct passwords *passwords); /* NULL does nothing */

/*
 * Copies the user's hash. False: there is no such user, and what was copied is the hash of another
 * one, always the same for a name, so that it takes as long to find out that the password is not
 * his.
 */
bool passwords_find(const struct passwords *passwords, const char *user, char hash[PASSWORDS_HASH]);

/* Whether the hash is of this password. Takes as long as whoever made it wanted it to. Any thread. */
bool passwords_match(const char *password, const char *hash);

#endif
