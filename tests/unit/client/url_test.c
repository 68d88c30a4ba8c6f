/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* URLs as people write them, whose secrets go where, and where servers send us. */
#include "unit/client/balance.h"
#include "unit/support.h"
#include "url.h"

static void
what_people_write_is_a_url_of_ours(void **state)
{
        static const struct {
                const char *written, *text, *user, *password;
        } urls[] = {
                {"localhost:7681", "ws://localhost:7681", NULL, NULL},
                {"http://a/b?c", "ws://a/b?c", NULL, NULL},
                {"HTTPS://a", "wss://a", NULL, NULL},
                {"wss://joe@a", "wss://a", "joe", NULL},
                {"wss://joe:@a", "wss://a", "joe", ""},
                {"joe:pass%3aword@a:1/b@c", "ws://a:1/b@c", "joe", "pass:word"},
                {"ws://j@e:p@a", "ws://a", "j@e", "p"},
                {"unix:/run/a@b", "unix:/run/a@b", NULL, NULL},
                {"ws+unix:/run/a:/b", "ws+unix:/run/a:/b", NULL, NULL},
                {"ftp://joe:x@a", "ftp://joe:x@a", NULL, NULL},
                {"UNIX:/a", "UNIX:/a", NULL, NULL},
                {"a?b@c", "ws://a?b@c", NULL, NULL},
                {"a:1/?b=http://c", "ws://a:1/?b=http://c", NULL, NULL},
                {"a#b@c", "ws://a#b@c", NULL, NULL},
                {"ws://joe@a?b://c", "ws://a?b://c", "joe", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                struct url url;
                struct aw_error error;

                assert_int_equal(url_read(&url, urls[i].written, &error), 0);
                assert_string_equal(url.text, urls[i].text);
                assert_string_equal(url.user == NULL ? "-" : url.user,
                                    urls[i].user == NULL ? "-" : urls[i].user);
                assert_string_equal(url.password == NULL ? "-" : url.password,
                                    urls[i].password == NULL ? "-" : urls[i].password);
                url_free(&url);
        }
}

static void
an_origin_is_scheme_host_and_port(void **state)
{
        static const struct {
                const char *one, *other;
                bool same;
        } pairs[] = {
                {"ws://a", "ws://a/b?c", true},
                {"ws://a", "WS://A:80", true},
                {"wss://a", "wss://a:443/", true},
                {"ws://a:", "ws://a", true},
                {"ws://a9", "ws://a9:80", true},
                {"ws://192.0.2.1?b", "ws://192.0.2.1:80", true},
                {"ws://a#b", "ws://a", true},
                {"ws://a9", "ws://a", false},
                {"ws://a:8", "ws://a", false},
                {"ws://a:080", "ws://a", true},
                {"ws://[::1]", "ws://[::1]:80", true},
                {"ws://[fe80::1%25eth0]", "ws://[FE80::1%25eth0]:80", true},
                {"ws://a", "wss://a", false},
                {"ws://a", "wss://a:80", false},
                {"ws://a", "ws://b", false},
                {"ws://a", "ws://a.b", false},
                {"ws://a", "ws://a:81", false},
                {"ws://a:0", "ws://a", false},
                {"ws://a:0", "ws://a:", false},
                {"ws://[::1]", "ws://[::1:80]", false},
                {"ws://[fe80::1%25eth0]", "ws://[fe80::1%25ETH0]", false},
                {"ws://[fe80::1%25eth0]", "ws://[fe80::1]", false},
                {"unix:/a", "unix:/a", false},
                {"unix:///a", "unix:///b", false},
                {"unix:///a", "unix:///a", false},
                {"ws+unix:/a:/b", "ws+unix:/a:/c", true},
                {"ws+unix:/a", "ws+unix:/a:/c", true},
                {"ws+unix:/a:/b", "ws+unix:/A:/b", false},
                {"ws+unix:/a:/b", "ws+unix:/b:/b", false},
                {"ws+unix:/a1", "ws+unix:/a2", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                print_message("%s %s\n", pairs[i].one, pairs[i].other);
                assert_int_equal(url_same_origin(pairs[i].one, pairs[i].other), pairs[i].same);
                assert_int_equal(url_same_origin(pairs[i].other, pairs[i].one), pairs[i].same);
        }
}

/* As RFC 3986 has it, section 5.4; and never out of TLS, nor out of a Unix socket, of which unix: is all path. */
static void
a_reference_is_resolved(void **state)
{
        static const struct {
                const char *from, *location, *to; /* NULL: nowhere */
        } references[] = {
                {"ws://a/b/c?d", "http://e/f", "ws://e/f"},
                {"ws://a/b/c?d", "https://e", "wss://e"},
                {"ws://a/b/c?d", "//e:1/f", "ws://e:1/f"},
                {"wss://a/b/c?d", "//e", "wss://e"},
                {"ws://a:1/b/c?d", "/e?f", "ws://a:1/e?f"},
                {"ws://a:1/b", "/e?f=https://g/", "ws://a:1/e?f=https://g/"},
                {"ws://a:1/b", "?f=ftp://g/", "ws://a:1/b?f=ftp://g/"},
                {"ws://a/b/c?d", "?e", "ws://a/b/c?e"},
                {"ws://a/b/c?d/e", "f", "ws://a/b/f"},
                {"ws://a", "f", "ws://a/f"},
                {"ws://a/b/c/d", "../e", "ws://a/b/e"},
                {"ws://a/b/c", "./e", "ws://a/b/e"},
                {"ws://a/b", "../../e", "ws://a/e"},
                {"ws://a/b", "/e?/../f", "ws://a/e?/../f"},
                {"ws://a/b", "/e/../f", "ws://a/f"},
                {"ws://a/b", "/./f", "ws://a/f"},
                {"ws://a/b", "/e/./../f", "ws://a/f"},
                {"ws://a/b", "/e/./f/../g?h", "ws://a/e/g?h"},
                {"ws://a/b/c/d", "../../e", "ws://a/e"},
                {"ws://a/b?c", "d", "ws://a/d"},
                {"ws://a?b/c", "d", "ws://a/d"},
                {"ws://a?b/c", "?d", "ws://a?d"},
                {"ws://a/b#c", "?d", "ws://a/b?d"},
                {"ws://a/b", "//c/d#e", "ws://c/d"},
                {"ws://a/b", "WS://c", "ws://c"},
                {"ws://a/b", "e#f", "ws://a/e"},
                {"ws://a/b", "http://joe:secret@e/", "ws://e/"},
                {"ws://a/b/c?d", "", "ws://a/b/c?d"},
                {"ws://a/b/c?d", "#e", "ws://a/b/c?d"},
                {"ws://a", "", "ws://a"},
                {"ws://a?b", "#", "ws://a?b"},
                {"ws://a/b/c/d", "..", "ws://a/b/"},
                {"ws://a/b/c/d", ".", "ws://a/b/c/"},
                {"ws://a/b/c/d", "../..?e", "ws://a/?e"},
                {"ws://a/b", "/c/..#d", "ws://a/"},
                {"ws://a/b", "/c//../d", "ws://a/c/d"},
                {"ws://a/b", "/.c/..d/...", "ws://a/.c/..d/..."},
                {"ws://a/b", "/c?..", "ws://a/c?.."},
                {"ws://a/b", "?/..", "ws://a/b?/.."},
                {"ws://a/b", "http://c/d/..", "ws://c/"},
                {"ws://a/b", "http://c?/d/..", "ws://c?/d/.."},
                {"ws://a/b", "./c:d", "ws://a/c:d"},
                {"ws://a/b", "?c:d", "ws://a/b?c:d"},
                {"ws://a/b", "c:d", NULL},
                {"ws://a/b", "javascript:c", NULL},
                {"ws+unix:/run/a:/b/c?d", "/e", "ws+unix:/run/a:/e"},
                {"ws+unix:/run/a", "/e", "ws+unix:/run/a:/e"},
                {"ws+unix:/run/a:", "e", "ws+unix:/run/a:/e"},
                {"ws+unix:/run/a:/b/c?d", "../e?f", "ws+unix:/run/a:/e?f"},
                {"ws+unix:/run/a:/b/c?d", "?e", "ws+unix:/run/a:/b/c?e"},
                {"ws+unix:/run/a:/b/c?d", "#e", "ws+unix:/run/a:/b/c?d"},
                {"ws+unix:/run/../a:/b", "/c/../d", "ws+unix:/run/../a:/d"},
                {"ws+unix:/run/a:/b", "//c/d", NULL},
                {"ws+unix:/run/a:/b", "ws+unix:/run/b:/c", NULL},
                {"wss://a/b", "http://a/", NULL},
                {"wss://a/b", "ws://a/", NULL},
                {"ws://a/b", "ftp://a/", NULL},
                {"ws://a/b", "unix:/run/a", NULL},
                {"unix:/run/a", "/run/b", NULL},
                {"unix:///run/a", "/run/b", NULL},
                {"unix:///run/a", "?b", NULL},
                {"ws+unix:/run/a:/b", "ws://c/", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
                struct aw_error error = {.text = ""};
                char *to = url_follow(references[i].from, references[i].location, &error);

                print_message("%s %s\n", references[i].from, references[i].location);
                assert_string_equal(to == NULL ? "nowhere" : to,
                                    references[i].to == NULL ? "nowhere" : references[i].to);
                assert_true(to != NULL || error.text[0] != '\0');
                free(to);
        }
}

static void
what_is_no_place_to_go_to_is_named(void **state)
{
        static const struct {
                const char *from, *location, *text;
        } rows[] = {
                {"wss://a/b", "http://a/c",
                 "the server sends us to 'ws://a/c', which is not encrypted: give that URL if you "
                 "want it"},
                {"ws://a/b", "ftp://a/",
                 "the server sends us to 'ftp://a/', whose scheme we cannot follow"},
                {"ws://a/b", "UNIX:/c",
                 "the server sends us to 'UNIX:/c', whose scheme we cannot follow"},
                {"ws://a/b", "WS+unix:/c",
                 "the server sends us to 'WS+unix:/c', whose scheme we cannot follow"},
                {"ws://a/b", "http://joe:x%zz@c/",
                 "the server sends us to 'http://...@c/', whose user or password has a wrong '%'"},
                {"ws://a/b", "javascript:c",
                 "the server sends us to 'javascript:c', whose scheme we cannot follow"},
                {"ws+unix:/run/a:/b", "unix:/c",
                 "the server sends us to 'unix:/c', where we cannot go"},
                {"unix:/run/a", "/b", "the server sends us to '/b', where we cannot go"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct aw_error error = {.kind = AW_ERROR_NONE};

                assert_null(url_follow(rows[i].from, rows[i].location, &error));
                assert_int_equal(error.kind, AW_ERROR_HANDSHAKE);
                assert_string_equal(error.text, rows[i].text);
        }
}

static void
a_percent_sign_is_written_as_such(void **state)
{
        static const char *const urls[] = {"ws://a%zz@b", "ws://a:b%zz@c", "a%@b"};
        struct url url;

        (void)state;
        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                struct aw_error error = {.kind = AW_ERROR_NONE};

                assert_int_equal(url_read(&url, urls[i], &error), -1);
                assert_int_equal(error.kind, AW_ERROR_USAGE);
                assert_string_equal(error.text,
                                    "a '%' in the user or the password of the URL is to "
                                    "be written %25");
                url_free(&url);
                assert_null(url.text);
                assert_null(url.user);
                assert_null(url.password);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_people_write_is_a_url_of_ours),
                cmocka_unit_test(an_origin_is_scheme_host_and_port),
                cmocka_unit_test(a_reference_is_resolved),
                cmocka_unit_test(what_is_no_place_to_go_to_is_named),
                cmocka_unit_test(a_percent_sign_is_written_as_such),
        };

        return run_balanced(tests, NULL);
}
