/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "passwords.h"

#define BCRYPT_LENGTH 60
#define LINE_LENGTH   1024

struct entry {
        char *user, *hash;
};

struct passwords {
        struct entry *entries;
        size_t count;
};

void
passwords_free(struct passwords *passwords)
{
        if (passwords == NULL)
                return;
        for (size_t i = 0; i < passwords->count; i++) {
                free(passwords->entries[i].user);
                free(passwords->entries[i].hash);
        }
        free(passwords->entries);
        free(passwords);
}

static bool
has_user(const struct passwords *passwords, const char *user)
{
        for (size_t i = 0; i < passwords->count; i++)
                if (strcmp(passwords->entries[i].user, user) == 0)
                        return true;
        return false;
}

/* What is wrong with the hash, or NULL. What is no hash might be a password as it is. */
static const char *
hash_wrong(const char *hash)
{
        int kind = crypt_checksalt(hash);

        if (strncmp(hash, "$apr1$", 6) == 0 || strncmp(hash, "{SHA}", 5) == 0)
                return "this kind of hash is Apache's own: make it anew with htpasswd -B";
        if (hash[0] != '$' || (kind != CRYPT_SALT_OK && kind != CRYPT_SALT_METHOD_LEGACY) ||
            (strncmp(hash, "$2", 2) == 0 && strlen(hash) != BCRYPT_LENGTH))
                return "this is no hash that crypt(3) knows: make it with htpasswd -B";
        return strlen(hash) >= PASSWORDS_HASH ? "the hash is too long" : NULL;
}

/* What is wrong with the line, or NULL. */
static const char *
take_account(struct passwords *passwords, char *line)
{
        char *colon = strchr(line, ':'), *hash = colon == NULL ? NULL : colon + 1;
        struct entry *entries;
        const char *wrong;

        if (colon == NULL || colon == line)
                return "this is not USER:HASH";
        *colon = '\0';
        wrong = hash_wrong(hash);
        if (wrong == NULL && has_user(passwords, line))
                wrong = "this user was there before";
        if (wrong != NULL)
                return wrong;
        entries = realloc(passwords->entries, (passwords->count + 1) * sizeof(*entries));
        if (entries == NULL)
                return strerror(ENOMEM);
        passwords->entries = entries;
        entries[passwords->count] = (struct entry){strdup(line), strdup(hash)};
        passwords->count++;
        return entries[passwords->count - 1].user == NULL ||
                               entries[passwords->count - 1].hash == NULL
                       ? strerror(ENOMEM)
                       : NULL;
}

/* Takes all lines. False, with the sentence. */
static bool
take_accounts(struct passwords *passwords, FILE *in, const char *path,
              char sentence[PASSWORDS_SENTENCE])
{
        char line[LINE_LENGTH];
        const char *wrong = NULL;

        for (int number = 1; wrong == NULL && fgets(line, sizeof(line), in) != NULL; number++) {
                size_t length = strcspn(line, "\r\n");

                if (length == sizeof(line) - 1)
                        wrong = "the line is too long";
                line[length] = '\0';
                if (wrong == NULL && line[0] != '\0' && line[0] != '#')
                        wrong = take_account(passwords, line);
                if (wrong != NULL)
                        snprintf(sentence, PASSWORDS_SENTENCE, "%.400s:%d: %s", path, number,
                                 wrong);
        }
        OPENSSL_cleanse(line, sizeof(line));
        if (wrong == NULL && ferror(in))
                snprintf(sentence, PASSWORDS_SENTENCE, "cannot read '%.400s': %s", path,
                         strerror(errno));
        else if (wrong == NULL && passwords->count == 0)
                snprintf(sentence, PASSWORDS_SENTENCE, "there is no user in '%.400s'", path);
        return wrong == NULL && !ferror(in) && passwords->count > 0;
}

struct passwords *
passwords_read(const char *path, char sentence[PASSWORDS_SENTENCE])
{
        FILE *in = fopen(path, "re");
        struct passwords *passwords = in == NULL ? NULL : calloc(1, sizeof(*passwords));

        if (passwords == NULL)
                snprintf(sentence, PASSWORDS_SENTENCE, "cannot read '%.400s': %s", path,
                         strerror(errno));
        else if (!take_accounts(passwords, in, path, sentence)) {
                passwords_free(passwords);
                passwords = NULL;
        }
        if (in != NULL)
                fclose(in);
        return passwords;
}

/* Spreads names over the entries (FNV-1a). */
static size_t
stand_in(const struct passwords *passwords, const char *user)
{
        uint64_t sum = 0xcbf29ce484222325;

        for (; *user != '\0'; user++)
                sum = (sum ^ (unsigned char)*user) * 0x100000001b3;
        return (size_t)(sum % passwords->count);
}

bool
passwords_find(const struct passwords *passwords, const char *user, char hash[PASSWORDS_HASH])
{
        size_t chosen = stand_in(passwords, user);
        bool found = false;

        for (size_t i = 0; i < passwords->count; i++)
                if (strcmp(passwords->entries[i].user, user) == 0) {
                        chosen = i;
                        found = true;
                }
        strcpy(hash, passwords->entries[chosen].hash);
        return found;
}

bool
passwords_match(const char *password, const char *hash)
{
        void *data = NULL;
        int size = 0;
        const char *made = crypt_ra(password, hash, &data, &size);
        size_t length = strlen(hash);
        bool same =
                made != NULL && strlen(made) == length && CRYPTO_memcmp(made, hash, length) == 0;

        if (data != NULL)
                OPENSSL_cleanse(data, (size_t)size);
        free(data);
        return same;
}
