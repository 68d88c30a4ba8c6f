/* SPDX-License-Identifier: MIT */
/* A file of passwords. What is wrong with one is e2e/access_test.py's. */
/* Once: reading a file needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "passwords.h"

/* How "secret" and "pass" are hashed. */
#define SECRET "$5$abcdefgh$"
#define OTHER  "$2b$04$abcdefghijklmnopqrstuu"

static char path[100], sentence[PASSWORDS_SENTENCE];

static void
hash_of(const char *password, const char *setting, char out[PASSWORDS_HASH])
{
        struct crypt_data *data = calloc(1, sizeof(*data));

        assert_non_null(data);
        strcpy(out, crypt_r(password, setting, data));
        free(data);
}

static struct passwords *
read_users(void)
{
        char secret[PASSWORDS_HASH], other[PASSWORDS_HASH];
        struct passwords *passwords;
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        hash_of("secret", SECRET, secret);
        hash_of("pass", OTHER, other);
        fprintf(file, "# users\r\n\r\nalice:%s\r\nbob:%s", secret, other);
        assert_int_equal(fclose(file), 0);
        passwords = passwords_read(path, sentence);
        unlink(path);
        assert_non_null(passwords);
        return passwords;
}

static void
what_cannot_be_read_has_no_users(void **state)
{
        (void)state;
        assert_null(passwords_read("/", sentence));
        assert_string_equal(sentence, "cannot read '/': Is a directory");
        assert_null(passwords_read("/nonexistent", sentence));
        assert_string_equal(sentence, "cannot read '/nonexistent': No such file or directory");
        assert_null(passwords_read("/dev/null", sentence));
        assert_string_equal(sentence, "there is no user in '/dev/null'");
}

static void
a_user_has_his_own_hash(void **state)
{
        struct passwords *passwords = read_users();
        char hash[PASSWORDS_HASH];

        (void)state;
        assert_true(passwords_find(passwords, "alice", hash));
        assert_true(passwords_match("secret", hash));
        assert_false(passwords_match("Secret", hash));
        assert_false(passwords_match("", hash));
        assert_true(passwords_find(passwords, "bob", hash));
        assert_true(passwords_match("pass", hash));
        assert_false(passwords_match("secret", hash));
        passwords_free(passwords);
}

static void
who_is_unknown_has_always_the_same_of_the_others_hashes(void **state)
{
        struct passwords *passwords = read_users();
        char first[PASSWORDS_HASH], again[PASSWORDS_HASH], name[20];
        int kinds[2] = {0};

        (void)state;
        for (int i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "stranger%d", i);
                assert_false(passwords_find(passwords, name, first));
                assert_false(passwords_find(passwords, name, again));
                assert_string_equal(first, again);
                kinds[first[1] == '2']++;
        }
        assert_true(kinds[0] > 20 && kinds[1] > 20);
        passwords_free(passwords);
        passwords_free(NULL);
}

static void
what_is_no_hash_matches_nothing(void **state)
{
        (void)state;
        assert_false(passwords_match("secret", "*"));
        assert_false(passwords_match("", ""));
        assert_false(passwords_match("secret", "secret"));
}

static void
assert_wrong(const char *text, int line, const char *wrong)
{
        FILE *file = fopen(path, "w");
        char wanted[PASSWORDS_SENTENCE];

        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
        assert_null(passwords_read(path, sentence));
        snprintf(wanted, sizeof(wanted), "%s:%d: %s", path, line, wrong);
        assert_string_equal(sentence, wanted);
        unlink(path);
}

static void
what_is_wrong_with_a_line_is_said(void **state)
{
        static const char own[] =
                "this kind of hash is Apache's own: make it anew with htpasswd -B",
                          none[] = "this is no hash that crypt(3) knows: make it with htpasswd -B";
        char text[2000], hash[PASSWORDS_HASH];

        (void)state;
        assert_wrong("alice\n", 1, "this is not USER:HASH");
        assert_wrong("#\n:hash\n", 2, "this is not USER:HASH");
        assert_wrong("\r\n\nalice:$apr1$x$y\n", 3, own);
        assert_wrong("alice:{SHA}x", 1, own);
        assert_wrong("alice:secret", 1, none);
        assert_wrong("alice:", 1, none);
        assert_wrong("alice:$unknown$x", 1, none);
        hash_of("pass", OTHER, hash);
        snprintf(text, sizeof(text), "alice:%sx", hash);
        assert_wrong(text, 1, none);
        hash[strlen(hash) - 1] = '\0';
        snprintf(text, sizeof(text), "alice:%s", hash);
        assert_wrong(text, 1, none);
        hash_of("secret", SECRET, hash);
        snprintf(text, sizeof(text), "alice:%s\nbob:%s\nalice:%s\n", hash, hash, hash);
        assert_wrong(text, 3, "this user was there before");
        snprintf(text, sizeof(text), "alice:%s%0400d\n", SECRET, 0);
        assert_wrong(text, 1, "the hash is too long");
        snprintf(text, sizeof(text), "%01022d\n", 0);
        assert_wrong(text, 1, "this is not USER:HASH");
        snprintf(text, sizeof(text), "%01023d\n", 0);
        assert_wrong(text, 1, "the line is too long");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_read_has_no_users),
                cmocka_unit_test(what_is_wrong_with_a_line_is_said),
                cmocka_unit_test(a_user_has_his_own_hash),
                cmocka_unit_test(who_is_unknown_has_always_the_same_of_the_others_hashes),
                cmocka_unit_test(what_is_no_hash_matches_nothing),
        };
        const char *directory = getenv("TMPDIR");

        snprintf(path, sizeof(path), "%s/passwords_test.%d", directory == NULL ? "/tmp" : directory,
                 (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}
