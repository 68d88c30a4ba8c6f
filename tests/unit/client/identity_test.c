/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: password_ask. */
/* The fields of the handshake, and what is secret in the words of the command line. */
#include <fcntl.h>

#include "identity.h"
#include "password.h"
#include "secrets.h"
#include "unit/client/balance.h"
#include "unit/support.h"

static const char *asked_answer;
static char asked_user[100];
char *__wrap_password_ask(const char *user, struct aw_error *error);

char *
__wrap_password_ask(const char *user, struct aw_error *error)
{
        strcpy(asked_user, user);
        if (asked_answer != NULL)
                return strdup(asked_answer);
        aw_error_set(error, AW_ERROR_USAGE, EINVAL, "nobody is there");
        return NULL;
}

static struct client_options options;
static struct identity identity;
static struct aw_error error;

static void
begin_with(const char *const *words, int count)
{
        char *argv[20] = {(char *)(uintptr_t) "wsecho"};
        int operands;

        for (int i = 0; i < count; i++)
                argv[i + 1] = (char *)(uintptr_t)words[i];
        identity_free(&identity);
        options_free(&options);
        options_init(&options);
        assert_int_equal(aw_opt_parse(&options_program, count + 1, argv, &options, &operands),
                         AW_OPT_RUN);
        asked_answer = NULL;
        asked_user[0] = '\0';
        error = (struct aw_error){.kind = AW_ERROR_NONE};
}

#define BEGIN(...)                                                                                 \
        begin_with((const char *const[]){__VA_ARGS__},                                             \
                   (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

/* The fields are these, in order, separated by '|'; so many of them are for the URL's host. */
static void
fields_are(const char *user, const char *password, const char *fields, size_t own)
{
        char all[1000] = "";

        assert_int_equal(identity_make(&identity, &options, user, password, &error), 0);
        for (size_t i = 0; i < identity.count; i++) {
                strcat(all, i == 0 ? "" : "|");
                strcat(all, identity.fields[i]);
        }
        assert_string_equal(all, fields);
        assert_int_equal(identity.own, own);
        identity_free(&identity);
        assert_null(identity.fields);
        assert_int_equal(identity.count, 0);
}

static void
fails(const char *words)
{
        assert_int_equal(identity_make(&identity, &options, NULL, NULL, &error), -1);
        assert_int_equal(error.kind, AW_ERROR_USAGE);
        assert_string_equal(error.text, words);
        identity_free(&identity);
}

static void
fields_are_in_order_and_the_last_ones_are_for_anybody(void **state)
{
        (void)state;
        BEGIN("a");
        fields_are(NULL, NULL, "", 0);
        BEGIN("-H", "A: 1", "-H", "B:2", "-u", "joe:pass:word", "--cookie=c=3", "--cookie=d=4",
              "--origin=http://o", "-s", "p1", "-s", "p2");
        fields_are(NULL, NULL,
                   "A: 1|B:2|Authorization: Basic am9lOnBhc3M6d29yZA==|Cookie: c=3; d=4|"
                   "Origin: http://o|Sec-WebSocket-Protocol: p1, p2",
                   4);
        BEGIN("--cookie=c=3", "-s", "p1");
        fields_are(NULL, NULL, "Cookie: c=3|Sec-WebSocket-Protocol: p1", 1);
}

static void
a_field_without_a_value_ends_in_a_semicolon(void **state)
{
        (void)state;
        BEGIN("-H", "A;", "-H", "B: c;", "-H", "CD;", "-H", "D;e: f");
        fields_are(NULL, NULL, "A:|B: c;|CD:|D;e: f", 4);
}

static void
what_is_no_field_is_told_by_its_number(void **state)
{
        static const char *const wrong[] = {";", "E", "", " A: 1", "Bearer secret;", "a b: c"};

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                BEGIN("-H", "A: 1", "-H", wrong[i]);
                fails("option '--header', number 2: it is not 'Name: value'");
        }
}

static void
a_file_of_fields_has_one_in_each_line(void **state)
{
        static const char text[] = "A: 1\r\n\n# none\n#\nB;\nA: 2";
        char path[] = "/tmp/wsecho-unit-XXXXXX", word[100], words[100];
        int fd = mkstemp(path);
        size_t count;

        (void)state;
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        snprintf(word, sizeof(word), "@%s", path);
        count = test_count_descriptors();
        BEGIN("-H", "first: 0", "-H", word, "-H", "last: 3");
        fields_are(NULL, NULL, "first: 0|A: 1|B:|A: 2|last: 3", 5);
        assert_int_equal(write(fd, "\nC\0D\n", 5), 5);
        snprintf(words, sizeof(words), "cannot read '%s': it is no text: there is a NUL in it",
                 path);
        fails(words);
        assert_int_equal(pwrite(fd, "\nsecret ", 8, (off_t)strlen(text)), 8);
        snprintf(words, sizeof(words), "cannot read '%s': line 7 is not 'Name: value'", path);
        fails(words);
        assert_int_equal(ftruncate(fd, 0), 0);
        for (int i = 0; i <= 10000; i++)
                assert_int_equal(pwrite(fd, "#\n", 2, 2 * i), 2);
        snprintf(words, sizeof(words), "cannot read '%s': it has more than 10,000 lines", path);
        fails(words);
        assert_int_equal(ftruncate(fd, 20000), 0);
        fields_are(NULL, NULL, "first: 0|last: 3", 2);
        close(fd);
        unlink(path);
        snprintf(words, sizeof(words), "cannot read '%s': No such file or directory", path);
        fails(words);
        BEGIN("-H", "@/tmp", "-o", "a");
        fails("cannot read '/tmp': Is a directory");
        assert_int_equal(test_count_descriptors(), count - 1);
}

static void
a_password_that_is_not_given_is_asked_for(void **state)
{
        (void)state;
        BEGIN("-u", "joe");
        asked_answer = "x";
        fields_are(NULL, NULL, "Authorization: Basic am9lOng=", 1);
        assert_string_equal(asked_user, "joe");
        asked_answer = NULL;
        fails("nobody is there");
        BEGIN("-u", "joe:");
        fields_are(NULL, NULL, "Authorization: Basic am9lOg==", 1);
        assert_string_equal(asked_user, "");
        BEGIN("-u", ":");
        fields_are(NULL, NULL, "Authorization: Basic Og==", 1);
}

static void
the_urls_user_counts_unless_an_option_says_who_we_are(void **state)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX", word[100], words[150];
        int fd = mkstemp(path);

        (void)state;
        assert_int_equal(write(fd, "token\n", 6), 6);
        close(fd);
        BEGIN("a");
        fields_are("ann", "y", "Authorization: Basic YW5uOnk=", 1);
        asked_answer = "z";
        fields_are("ann", NULL, "Authorization: Basic YW5uOno=", 1);
        assert_string_equal(asked_user, "ann");
        fields_are("ann", "", "Authorization: Basic YW5uOg==", 1);
        BEGIN("-u", "joe:x");
        fields_are("ann", "y", "Authorization: Basic am9lOng=", 1);
        snprintf(word, sizeof(word), "--bearer-file=%s", path);
        BEGIN(word);
        fields_are("ann", "y", "Authorization: Bearer token", 1);
        BEGIN(word, "-u", "joe:x");
        fails("'--user' and '--bearer-file' exclude each other");
        assert_int_equal(truncate(path, 0), 0);
        BEGIN(word);
        snprintf(words, sizeof(words), "'%s' has no line", path);
        fails(words);
        fd = open(path, O_WRONLY);
        assert_int_equal(write(fd, "\nx", 2), 2);
        close(fd);
        snprintf(words, sizeof(words),
                 "cannot read '%s': its first line is to be a token, and is empty", path);
        fails(words);
        unlink(path);
        BEGIN("--bearer-file=/nowhere");
        fails("cannot read '/nowhere': No such file or directory");
}

/* Secrets. */

static void
secrets_are_overwritten_in_place_and_copied(void **state)
{
        char url[] = "ws://joe:x@a:1/b@c", proxy[] = "p:q@h", user[] = "joe:pass:word";
        char plain[] = "X: 1", authorization[] = "authorization:  B", cookie[] = "COOKIE:c";
        char behind[] = "Proxy-Authorization: d", chips[] = "c=3";
        const char *fields[] = {plain, authorization, cookie, behind}, *cookies[] = {chips};

        (void)state;
        BEGIN("a");
        options.url = url;
        options.network.proxy = proxy;
        options.handshake.user = user;
        options.handshake.headers = (struct aw_opt_strings){.items = fields, .count = 4};
        options.handshake.cookies = (struct aw_opt_strings){.items = cookies, .count = 1};
        assert_int_equal(secrets_hide(&options), 0);
        assert_string_equal(url, "ws://*****@a:1/b@c");
        assert_string_equal(proxy, "***@h");
        assert_string_equal(user, "joe:*********");
        assert_string_equal(plain, "X: 1");
        assert_string_equal(authorization, "authorization:***");
        assert_string_equal(cookie, "COOKIE:*");
        assert_string_equal(behind, "Proxy-Authorization:**");
        assert_string_equal(chips, "***");
        assert_string_equal(options.url, "ws://joe:x@a:1/b@c");
        assert_string_equal(options.network.proxy, "p:q@h");
        assert_string_equal(options.handshake.user, "joe:pass:word");
        assert_ptr_equal(fields[0], plain);
        assert_string_equal(fields[1], "authorization:  B");
        assert_string_equal(fields[2], "COOKIE:c");
        assert_string_equal(fields[3], "Proxy-Authorization: d");
        assert_string_equal(cookies[0], "c=3");
        assert_int_equal(options.copy_count, 7);
        memset(&options.handshake.headers, 0, sizeof(options.handshake.headers));
        memset(&options.handshake.cookies, 0, sizeof(options.handshake.cookies));
        options_free(&options);
        options_init(&options);
}

static void
a_scheme_in_a_query_does_not_keep_the_secret_before_it(void **state)
{
        char url[] = "joe:x@a/?b=http://c", proxy[] = "p:q@h/?b=c://d";

        (void)state;
        BEGIN("a");
        options.url = url;
        options.network.proxy = proxy;
        assert_int_equal(secrets_hide(&options), 0);
        assert_string_equal(url, "*****@a/?b=http://c");
        assert_string_equal(proxy, "***@h/?b=c://d");
}

static void
what_has_no_secret_stays_as_it_is(void **state)
{
        static char url[] = "ws://a/b@c", user[] = "joe", field[] = "Cookie";
        const char *fields[] = {field};

        (void)state;
        BEGIN("a");
        options.url = url;
        options.handshake.user = user;
        options.handshake.headers = (struct aw_opt_strings){.items = fields, .count = 1};
        assert_int_equal(secrets_hide(&options), 0);
        assert_ptr_equal(options.url, url);
        assert_ptr_equal(options.handshake.user, user);
        assert_ptr_equal(fields[0], field);
        assert_int_equal(options.copy_count, 0);
        assert_string_equal(url, "ws://a/b@c");
        memset(&options.handshake.headers, 0, sizeof(options.handshake.headers));
}

static int
end(void **state)
{
        (void)state;
        options_free(&options);
        options_init(&options);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_are_in_order_and_the_last_ones_are_for_anybody),
                cmocka_unit_test(a_field_without_a_value_ends_in_a_semicolon),
                cmocka_unit_test(what_is_no_field_is_told_by_its_number),
                cmocka_unit_test(a_file_of_fields_has_one_in_each_line),
                cmocka_unit_test(a_password_that_is_not_given_is_asked_for),
                cmocka_unit_test(the_urls_user_counts_unless_an_option_says_who_we_are),
                cmocka_unit_test(secrets_are_overwritten_in_place_and_copied),
                cmocka_unit_test(a_scheme_in_a_query_does_not_keep_the_secret_before_it),
                cmocka_unit_test(what_has_no_secret_stays_as_it_is),
        };

        return run_balanced(tests, end);
}
