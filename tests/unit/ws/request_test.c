/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Requests: which are refused whatever they are for, what a program sees of them, subprotocols. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws/request_private.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
parse(const char *text, struct aw_http_head *head)
{
        if (aw_http_parse_request(text, strlen(text), head) != AW_HTTP_OK)
                fail_msg("not parsed: %s", text);
}

static void
assert_checked(const char *text, int status, const char *words)
{
        struct aw_http_head head;
        const char *reason = NULL;
        int got;

        parse(text, &head);
        got = ws_request_check(&head, &reason);
        if (got != status)
                fail_msg("the status is %d, not %d (%s) for %s", got, status, reason, text);
        if (words == NULL)
                assert_null(reason);
        else if (reason == NULL || strstr(reason, words) == NULL)
                fail_msg("no '%s' in '%s'", words, reason);
}

/* Each in the request line of a request that is right but for it. */

static void
targets_are_paths_urls_or_what_the_method_wants(void **state)
{
        static const char *const right[] = {
                "GET /",
                "GET /a/b?c=d&e",
                "GET //x",
                "GET http://h",
                "GET http://h/",
                "GET HTTPS://h:1/x?y",
                "GET ws://[::1]:80/",
                "GET wss://h?x",
                "OPTIONS *",
                "CONNECT h:443",
                "CONNECT [::1]:443",
        };
        static const char *const wrong[] = {
                "GET x",          "GET *",          "GET ?x",          "GET h:443",
                "GET ftp://h/",   "GET http://",    "GET http:///x",   "GET http://u@h/",
                "GET http://h:x", "GET /#part",     "GET http://h/#x", "CONNECT /",
                "CONNECT h",      "CONNECT h:",     "OPTIONS x",       "GET http:/h",
                "POST *",         "GET http://[1]", "GET http://[::1", "GET http://h:65536/",
        };
        char text[200];
        size_t i;

        (void)state;
        for (i = 0; i < COUNT(right); i++) {
                snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: h\r\n\r\n", right[i]);
                assert_checked(text, 0, NULL);
        }
        for (i = 0; i < COUNT(wrong); i++) {
                snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: h\r\n\r\n", wrong[i]);
                assert_checked(text, 400, "target");
        }
}

static void
there_is_one_host_and_it_is_one(void **state)
{
        static const char *const right[] = {
                "h",     "example.com:8443",      "EXAMPLE.com.", "127.0.0.1:1",
                "[::1]", "[::1]:65535",           "h:",           "a_b",
                "%41",   "xn--bcher-kva.example",
        };
        static const char *const wrong[] = {
                "",         "a b",    "h:x",   "h:65536",
                ":80",      "[::1",   "[]",    "[h]",
                "u@h",      "h/x",    "h?",    "h#",
                "\xc3\xa4", "[::1]x", "h:1:2", "[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0]",
                "h\"",      "<h>",
        };
        char text[200];
        size_t i;

        (void)state;
        for (i = 0; i < COUNT(right); i++) {
                snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", right[i]);
                assert_checked(text, 0, NULL);
        }
        for (i = 0; i < COUNT(wrong); i++) {
                snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", wrong[i]);
                assert_checked(text, 400, "Host");
        }
        assert_checked("GET / HTTP/1.1\r\n\r\n", 400, "one field Host");
        assert_checked("GET / HTTP/1.3\r\n\r\n", 400, "one field Host");
        assert_checked("GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", 400, "one field Host");
        assert_checked("GET / HTTP/1.0\r\n\r\n", 0, NULL);
        assert_checked("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", 400, "one field Host");
}

#define LINE "POST / HTTP/1.1\r\nHost: h\r\n"

static void
a_body_has_one_length(void **state)
{
        (void)state;
        assert_checked(LINE "Content-Length: 0\r\n\r\n", 0, NULL);
        assert_checked(LINE "content-length: 18446744073709551616\r\n\r\n", 0, NULL);
        assert_checked(LINE "Transfer-Encoding: chunked\r\n\r\n", 0, NULL);
        assert_checked(LINE "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "more than one");
        assert_checked(LINE "Content-Length: 1, 1\r\n\r\n", 400, "not a number");
        assert_checked(LINE "Content-Length: +1\r\n\r\n", 400, "not a number");
        assert_checked(LINE "Content-Length: -1\r\n\r\n", 400, "not a number");
        assert_checked(LINE "Content-Length: 0x1\r\n\r\n", 400, "not a number");
        assert_checked(LINE "Content-Length:\r\n\r\n", 400, "not a number");
        assert_checked(LINE "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "both");
        assert_checked("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0");
}

static void
the_one_expectation_is_100_continue(void **state)
{
        struct aw_http_head head;

        (void)state;
        assert_checked(LINE "Expect: 100-Continue\r\n\r\n", 0, NULL);
        assert_checked(LINE "Expect: a-cake\r\n\r\n", 417, "100-continue");
        assert_checked(LINE "Expect:\r\n\r\n", 417, "100-continue");
        assert_checked(LINE "Expect: 100-continue\r\nExpect: a-cake\r\n\r\n", 417, "100-continue");
        assert_checked("POST / HTTP/1.0\r\nExpect: a-cake\r\n\r\n", 0, NULL);
        parse(LINE "Expect: 100-continue\r\n\r\n", &head);
        assert_true(ws_request_expects_continue(&head));
        parse(LINE "\r\n", &head);
        assert_false(ws_request_expects_continue(&head));
        /* Such a client could not know what it is. */
        parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", &head);
        assert_false(ws_request_expects_continue(&head));
}

/* The copy. */

static struct ws_request *
copy_of(const char *text)
{
        char *buffer = strdup(text);
        struct aw_http_head head;
        struct ws_request *request;

        parse(buffer, &head);
        request = ws_request_create(&head);
        assert_non_null(request);
        /* It does not need the buffer any more. */
        memset(buffer, 'z', strlen(buffer));
        free(buffer);
        return request;
}

static void
a_request_is_copied_with_all_that_it_has(void **state)
{
        struct ws_request *request = copy_of("GET /chat/%20?room=1?&x= HTTP/1.1\r\nHost: h:80\r\n"
                                             "X-One:  a b \r\nEmpty:\r\nx-one: c\r\n\r\n");

        (void)state;
        assert_string_equal(request->method, "GET");
        assert_string_equal(request->target, "/chat/%20?room=1?&x=");
        assert_string_equal(request->path, "/chat/%20");
        assert_string_equal(request->query, "room=1?&x=");
        assert_int_equal(request->minor_version, 1);
        assert_false(request->upgrade);
        assert_int_equal(request->field_count, 4);
        assert_string_equal(request->fields[0].name, "Host");
        assert_string_equal(request->fields[1].name, "X-One");
        assert_string_equal(request->fields[1].value, "a b");
        assert_string_equal(request->fields[3].name, "x-one");
        assert_string_equal(ws_request_field(request, "host", 0), "h:80");
        assert_string_equal(ws_request_field(request, "X-ONE", 0), "a b");
        assert_string_equal(ws_request_field(request, "X-One", 1), "c");
        assert_null(ws_request_field(request, "X-One", 2));
        assert_string_equal(ws_request_field(request, "empty", 0), "");
        assert_null(ws_request_field(request, "X-On", 0));
        assert_null(ws_request_field(request, "", 0));
        ws_request_free(request);
}

static void
a_copy_is_charged_until_it_is_freed(void **state)
{
        static const char *const texts[] = {"GET / HTTP/1.0\r\n\r\n",
                                            "GET /a?b HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n"};
        const size_t charges[] = {sizeof(struct ws_request) + sizeof("GET") + 2 * sizeof("/"),
                                  sizeof(struct ws_request) + 2 * sizeof(struct ws_field) +
                                          sizeof("GET") + sizeof("/a?b") + sizeof("/a") +
                                          sizeof("Host") + sizeof("h") + sizeof("A") + sizeof("b")};
        uint64_t before = ws_memory();
        struct ws_request *request;
        size_t i;

        (void)state;
        for (i = 0; i < COUNT(texts); i++) {
                request = copy_of(texts[i]);
                assert_int_equal(ws_memory() - before, charges[i]);
                ws_request_free(request);
                assert_int_equal(ws_memory(), before);
        }
        ws_request_free(NULL);
}

static void
a_path_is_what_is_left_of_the_target(void **state)
{
        static const struct {
                const char *line, *path, *query;
        } cases[] = {
                {"GET / HTTP/1.1", "/", NULL},         {"GET /? HTTP/1.1", "/", ""},
                {"GET //x/?/ HTTP/1.1", "//x/", "/"},  {"GET http://h HTTP/1.1", "/", NULL},
                {"GET http://h?q HTTP/1.1", "/", "q"}, {"GET WSS://h:1/a?q HTTP/1.1", "/a", "q"},
                {"OPTIONS * HTTP/1.1", "*", NULL},     {"CONNECT h:1 HTTP/1.1", "", NULL},
        };
        struct ws_request *request;
        char text[100];
        size_t i;

        (void)state;
        for (i = 0; i < COUNT(cases); i++) {
                snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", cases[i].line);
                request = copy_of(text);
                assert_string_equal(request->path, cases[i].path);
                if (cases[i].query == NULL)
                        assert_null(request->query);
                else
                        assert_string_equal(request->query, cases[i].query);
                ws_request_free(request);
        }
}

/* Subprotocols. */

#define OFFER "Sec-WebSocket-Protocol: "

static void
assert_chosen(const char *fields, const char *wanted, const char *chosen)
{
        struct ws_request *request;
        char text[300], *got;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", fields);
        request = copy_of(text);
        assert_int_equal(ws_subprotocol_choose(request, wanted, &got), 0);
        if (chosen == NULL)
                assert_null(got);
        else
                assert_string_equal(got, chosen);
        free(got);
        ws_request_free(request);
}

static void
the_first_subprotocol_that_is_offered_is_chosen_or_the_one_wanted(void **state)
{
        static const char two[] = OFFER " ,\tchat ,, superchat\r\n";
        static const char lines[] = OFFER "\r\nsec-websocket-protocol: a\r\n" OFFER "b,c\r\n";

        (void)state;
        assert_chosen("", NULL, NULL);
        assert_chosen("", "chat", NULL);
        assert_chosen(two, NULL, "chat");
        assert_chosen(two, "", NULL);
        assert_chosen(two, "superchat", "superchat");
        assert_chosen(two, "super", NULL);
        assert_chosen(two, "Chat", NULL);
        assert_chosen(lines, NULL, "a");
        assert_chosen(lines, "c", "c");
        assert_chosen(OFFER " , ,\r\n", NULL, NULL);
}

static void
an_offer_that_is_no_list_of_names_is_refused(void **state)
{
        static const char *const wrong[] = {"a b", "a, b c", "a/b", "\"a\"", "a;q=1", "(a)"};
        char text[200], *got;
        struct ws_request *request;
        size_t i;

        (void)state;
        for (i = 0; i < COUNT(wrong); i++) {
                snprintf(text, sizeof(text), LINE OFFER "%s\r\n\r\n", wrong[i]);
                request = copy_of(text);
                assert_int_equal(ws_subprotocol_choose(request, NULL, &got), -1);
                assert_int_equal(errno, EINVAL);
                assert_null(got);
                ws_request_free(request);
        }
}

static void
a_handler_can_ask_what_is_offered(void **state)
{
        struct ws_request *request = copy_of(LINE OFFER "a, bc\r\n" OFFER "d\r\n\r\n");

        (void)state;
        assert_true(ws_request_offers(request, "a"));
        assert_true(ws_request_offers(request, "bc"));
        assert_true(ws_request_offers(request, "d"));
        assert_false(ws_request_offers(request, "b"));
        assert_false(ws_request_offers(request, "A"));
        assert_false(ws_request_offers(request, "a, bc"));
        assert_false(ws_request_offers(request, ""));
        ws_request_free(request);
}

/* Not the value of a field, which may be a secret. */
static void
what_is_no_request_is_told_by_line_or_field(void **state)
{
        static const char first[] = "the first line of the request is not right",
                          field[] = "a header field of the request is not right",
                          none[] = "this is not an HTTP request";
        static const struct {
                const char *text, *brief, *words;
        } cases[] = {
                {"GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\x01\r\n\r\n", field,
                 "the value of the field X-Forwarded-For has a control character in it, \\x01"},
                {"GET / HTTP/1.1\r\nAuthorization: a\rb\r\n\r\n", field,
                 "the value of the field Authorization has a control character in it, \\x0d"},
                {"GET / HTTP/1.1\r\nX-0123456789-0123456789-0123456789-0123456789: \x7f", field,
                 "the value of the field X-0123456789-0123456789-0123456789-01234 has a control "
                 "character in it, \\x7f"},
                {"GET / HTTP/1.1\r\nHost: h\r\nNa\x1bme: x\r\n\r\n", field,
                 "line 3 of the request is no header field: its name is \"Na\\x1bme\""},
                {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", field,
                 "line 2 of the request is no header field: its name is \"Host \""},
                {"GET / HTTP/1.1\r\nA: b\r\n secret\r\n\r\n", field,
                 "line 3 of the request is no header field"},
                {"GET /\x01 HTTP/1.1\r\n\r\n", first, first},
                {"GET / and more HTTP/1.1\r\n\r\n", first, first},
                {"HELO HTTP\r\n", none, none},
                {"\x16\x03\x01", none, none},
        };
        char out[WS_REQUEST_FAULT_SIZE];

        (void)state;
        for (size_t i = 0; i < COUNT(cases); i++) {
                assert_string_equal(ws_request_fault(cases[i].text, strlen(cases[i].text), out),
                                    cases[i].brief);
                assert_string_equal(out, cases[i].words);
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(targets_are_paths_urls_or_what_the_method_wants),
                cmocka_unit_test(there_is_one_host_and_it_is_one),
                cmocka_unit_test(a_body_has_one_length),
                cmocka_unit_test(the_one_expectation_is_100_continue),
                cmocka_unit_test(a_request_is_copied_with_all_that_it_has),
                cmocka_unit_test(a_copy_is_charged_until_it_is_freed),
                cmocka_unit_test(a_path_is_what_is_left_of_the_target),
                cmocka_unit_test(the_first_subprotocol_that_is_offered_is_chosen_or_the_one_wanted),
                cmocka_unit_test(an_offer_that_is_no_list_of_names_is_refused),
                cmocka_unit_test(a_handler_can_ask_what_is_offered),
                cmocka_unit_test(what_is_no_request_is_told_by_line_or_field),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
