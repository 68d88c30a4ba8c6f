/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws/http_private.h"

typedef enum aw_http_result parser(const char *data, size_t length, struct aw_http_head *head);

static const char handshake[] = "GET /chat?room=1 HTTP/1.1\r\n"
                                "Host: server.example.com\r\n"
                                "Upgrade:websocket\r\n"
                                "Connection: keep-alive ,\tUpgrade\t \r\n"
                                "X-Empty:\r\n"
                                "X-Blank: \t \r\n"
                                "x-list: one\r\n"
                                "X-List: , two,\r\n"
                                "X-Binary: caf\xc3\xa9\r\n"
                                "\r\n";

/* Parses a copy that ends where its memory ends, so that a sanitizer sees a read beyond it. */
static enum aw_http_result
parse_copy(parser *parse, const char *data, size_t length)
{
        struct aw_http_head head;
        char *copy = malloc(length + 1);
        enum aw_http_result result;

        assert_non_null(copy);
        memcpy(copy + 1, data, length);
        result = parse(copy + 1, length, &head);
        free(copy);
        return result;
}

/* The result comes with the last byte of the text, not before, and stays whatever follows. */
static void
assert_settled_by_the_last_byte(parser *parse, const char *text, enum aw_http_result result)
{
        static const char after[] = "GET / HTTP/1.1\r\n\r\n\n\x01";
        size_t length = strlen(text);
        char *longer = malloc(length + sizeof after);

        assert_non_null(longer);
        memcpy(longer, text, length);
        memcpy(longer + length, after, sizeof after);
        for (size_t i = 0; i < length; i++)
                if (parse_copy(parse, text, i) != AW_HTTP_INCOMPLETE)
                        fail_msg("\"%s\" is settled after %zu bytes", text, i);
        for (size_t i = 0; i <= sizeof after; i++)
                if (parse_copy(parse, longer, length + i) != result)
                        fail_msg("\"%s\" and %zu bytes is not %d", text, i, (int)result);
        free(longer);
}

/* Each of the ends makes what begins well bad. */
#define assert_bad(parse, beginning, ...)                                                          \
        assert_each_bad(parse, beginning, (const char *const[]){__VA_ARGS__, NULL})

static void
assert_each_bad(parser *parse, const char *beginning, const char *const *ends)
{
        char text[64];

        for (; *ends != NULL; ends++) {
                snprintf(text, sizeof text, "%s%s", beginning, *ends);
                assert_settled_by_the_last_byte(parse, text, AW_HTTP_BAD);
        }
}

static void
assert_text(struct aw_http_text text, const char *expected)
{
        if (!aw_http_text_is(&text, expected))
                fail_msg("\"%.*s\" is not \"%s\"", (int)text.length, text.data, expected);
}

static void
parse_handshake(struct aw_http_head *head)
{
        assert_int_equal(aw_http_parse_request(handshake, sizeof handshake - 1, head), AW_HTTP_OK);
}

static void
a_request_is_taken_apart(void **state)
{
        static const char *const fields[][2] = {
                {"Host", "server.example.com"},
                {"Upgrade", "websocket"},
                {"Connection", "keep-alive ,\tUpgrade"},
                {"X-Empty", ""},
                {"X-Blank", ""},
                {"x-list", "one"},
                {"X-List", ", two,"},
                {"X-Binary", "caf\xc3\xa9"},
        };
        struct aw_http_head head;

        (void)state;
        parse_handshake(&head);
        assert_text(head.method, "GET");
        assert_text(head.target, "/chat?room=1");
        assert_text(head.reason, "");
        assert_int_equal(head.status, 0);
        assert_int_equal(head.minor_version, 1);
        assert_int_equal(head.length, sizeof handshake - 1);
        assert_int_equal(head.field_count, sizeof fields / sizeof fields[0]);
        for (size_t i = 0; i < head.field_count; i++) {
                assert_text(head.fields[i].name, fields[i][0]);
                assert_text(head.fields[i].value, fields[i][1]);
        }
}

static void
a_request_is_incomplete_until_its_last_byte(void **state)
{
        (void)state;
        assert_settled_by_the_last_byte(aw_http_parse_request, handshake, AW_HTTP_OK);
}

static void
what_follows_a_head_is_left_alone(void **state)
{
        struct aw_http_head head;

        (void)state;
        assert_int_equal(aw_http_parse_request("GET / HTTP/1.0\r\n\r\n\x81\x01x", 21, &head),
                         AW_HTTP_OK);
        assert_int_equal(head.length, 18);
        assert_int_equal(head.minor_version, 0);
        assert_int_equal(head.field_count, 0);
}

static void
bare_line_feeds_end_lines(void **state)
{
        static const char text[] = "GET * HTTP/1.1\nA: b\n\n";
        struct aw_http_head head;

        (void)state;
        assert_int_equal(aw_http_parse_request(text, sizeof text - 1, &head), AW_HTTP_OK);
        assert_text(*aw_http_field(&head, "a"), "b");
        assert_settled_by_the_last_byte(aw_http_parse_request, text, AW_HTTP_OK);
}

static void
one_empty_line_may_come_before_a_request(void **state)
{
        static const char text[] = "\r\nGET / HTTP/1.1\r\n\r\n";
        struct aw_http_head head;

        (void)state;
        assert_int_equal(aw_http_parse_request(text, sizeof text - 1, &head), AW_HTTP_OK);
        assert_int_equal(head.length, sizeof text - 1);
        assert_text(head.method, "GET");
        assert_settled_by_the_last_byte(aw_http_parse_request, "\nGET / HTTP/1.1\n\n", AW_HTTP_OK);
}

static void
garbage_is_bad_at_the_byte_that_makes_it_so(void **state)
{
        (void)state;
        assert_bad(aw_http_parse_request, "", "\x16", " ", "\x80", ":", "\x7f", "\r\n\r", "\n\n",
                   "\rG", "\r\n ", "SSH-2.0-x\r");
        assert_bad(aw_http_parse_request, "GE", "T\r", "T\t", "(", "T  ", "T /\r", "T /\n",
                   "T /\x7f", "T /\xc3", "T /\t", "T / h");
        assert_bad(aw_http_parse_request, "GET / HTTP/", "a", "1 ", "1.\r", "1.1 ", "1.11",
                   "1.1\r\r");
        assert_bad(aw_http_parse_request, "GET / HTTP/1.1\r\n", " ", "\t", ":", "\x01", "a ", "a\r",
                   "a\n", "a\xe9", "a: b\rc", "a: \x7f", "a: b\x1b", "a: b\r\n ", "a: b\r\n\t",
                   "a: b\r\n\r\r", "\r\r");
}

static void
every_byte_is_allowed_just_where_it_may_be(void **state)
{
        static const char punctuation[] = "!#$%&'*+-.^_`|~";
        struct aw_http_head head;

        (void)state;
        for (int byte = 0; byte < 256; byte++) {
                char text[] = "?G ? HTTP/1.1\r\n?a: .?.\r\n\r\n";
                bool token = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                             (byte >= 'a' && byte <= 'z') ||
                             (byte != 0 && strchr(punctuation, byte) != NULL);
                bool allowed[] = {token, byte > ' ' && byte < 0x7f, token,
                                  byte == '\t' || (byte >= ' ' && byte != 0x7f)};
                size_t places[] = {0, 3, 15, 20};

                for (size_t i = 0; i < 4; i++) {
                        for (size_t j = 0; j < 4; j++)
                                text[places[j]] = i == j ? (char)byte : 'x';
                        /* A line feed ends the line or begins the message. */
                        if (byte == '\n' || byte == '\r' || (i == 2 && byte == ':'))
                                continue;
                        if ((aw_http_parse_request(text, sizeof text - 1, &head) == AW_HTTP_OK) !=
                            allowed[i])
                                fail_msg("byte %#x at %zu", (unsigned)byte, places[i]);
                }
        }
}

static void
other_versions_are_told_from_garbage(void **state)
{
        static const char *const texts[] = {"PRI * HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/9.9"};
        static const char later[] = "GET / HTTP/1.9\r\n\r\n";
        struct aw_http_head head;

        (void)state;
        /* A higher minor version is 1.1 with something more. */
        assert_int_equal(aw_http_parse_request(later, strlen(later), &head), AW_HTTP_OK);
        assert_int_equal(head.minor_version, 1);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
                assert_settled_by_the_last_byte(aw_http_parse_request, texts[i],
                                                AW_HTTP_BAD_VERSION);
        assert_settled_by_the_last_byte(aw_http_parse_response, "HTTP/2.0", AW_HTTP_BAD_VERSION);
}

static void
a_head_of_the_maximum_is_read_and_a_longer_one_refused_at_once(void **state)
{
        static const char start[] = "GET / HTTP/1.1\r\nA: ";
        char *text = malloc(AW_HTTP_HEAD_MAX);
        struct aw_http_head head;

        (void)state;
        assert_non_null(text);
        memset(text, 'x', AW_HTTP_HEAD_MAX);
        memcpy(text, start, sizeof start - 1);
        assert_int_equal(aw_http_parse_request(text, AW_HTTP_HEAD_MAX - 1, &head),
                         AW_HTTP_INCOMPLETE);
        assert_int_equal(aw_http_parse_request(text, AW_HTTP_HEAD_MAX, &head), AW_HTTP_TOO_LARGE);
        memcpy(text + AW_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
        assert_int_equal(aw_http_parse_request(text, AW_HTTP_HEAD_MAX, &head), AW_HTTP_OK);
        assert_int_equal(head.length, AW_HTTP_HEAD_MAX);
        /* Bytes beyond the maximum do not help. */
        memcpy(text + AW_HTTP_HEAD_MAX - 4, "x\r\n\r", 4);
        assert_int_equal(aw_http_parse_request(text, AW_HTTP_HEAD_MAX, &head), AW_HTTP_TOO_LARGE);
        free(text);
}

static void
a_hundred_fields_are_read_and_one_more_is_refused_at_its_first_byte(void **state)
{
        static const char start[] = "HTTP/1.1 200\r\n";
        char text[sizeof start + 4 * AW_HTTP_FIELDS_MAX + 2];
        size_t length = sizeof start - 1;
        struct aw_http_head head;

        (void)state;
        memcpy(text, start, length);
        for (int i = 0; i < AW_HTTP_FIELDS_MAX; i++, length += 4)
                memcpy(text + length, "a:b\n", 4);
        memcpy(text + length, "\r\n", 2);
        assert_int_equal(aw_http_parse_response(text, length + 2, &head), AW_HTTP_OK);
        assert_int_equal(head.field_count, AW_HTTP_FIELDS_MAX);
        assert_int_equal(aw_http_field_count(&head, "A"), AW_HTTP_FIELDS_MAX);
        assert_null(aw_http_field(&head, "b"));
        assert_false(aw_http_field_has_token(&head, "a", "c"));
        text[length] = 'x';
        assert_int_equal(aw_http_parse_response(text, length, &head), AW_HTTP_INCOMPLETE);
        assert_int_equal(aw_http_parse_response(text, length + 1, &head), AW_HTTP_TOO_LARGE);
}

static void
the_head_is_written_only_for_a_complete_message(void **state)
{
        struct aw_http_head head, before;

        (void)state;
        memset(&head, 0x5a, sizeof head);
        before = head;
        for (size_t i = 0; i < sizeof handshake - 1; i++)
                assert_int_equal(aw_http_parse_request(handshake, i, &head), AW_HTTP_INCOMPLETE);
        assert_int_equal(aw_http_parse_request("GET / HTTP/1.1\r\n\x01", 17, &head), AW_HTTP_BAD);
        assert_int_equal(aw_http_parse_request(NULL, 0, &head), AW_HTTP_INCOMPLETE);
        assert_memory_equal(&head, &before, sizeof head);
}

static void
a_response_is_taken_apart(void **state)
{
        static const struct {
                const char *text;
                int status;
                const char *reason;
        } cases[] = {
                {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101,
                 "Switching Protocols"},
                {"HTTP/1.1 100 \r\n\r\n", 100, ""},
                {"HTTP/1.0 599\r\n\r\n", 599, ""},
                {"HTTP/1.1 404\n\n", 404, ""},
                {"HTTP/1.1 200 \xc3\xa0 la\tcarte\n\n", 200, "\xc3\xa0 la\tcarte"},
        };
        struct aw_http_head head;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t length = strlen(cases[i].text);

                assert_settled_by_the_last_byte(aw_http_parse_response, cases[i].text, AW_HTTP_OK);
                assert_int_equal(aw_http_parse_response(cases[i].text, length, &head), AW_HTTP_OK);
                assert_int_equal(head.status, cases[i].status);
                assert_text(head.reason, cases[i].reason);
                assert_text(head.method, "");
                assert_text(head.target, "");
                assert_int_equal(head.length, length);
        }
}

static void
a_bad_response_is_bad_at_the_byte_that_makes_it_so(void **state)
{
        (void)state;
        assert_bad(aw_http_parse_response, "", "\r", "\n", "G", "h", "HTTP ");
        assert_bad(aw_http_parse_response, "HTTP/1.1", "\r", "  ", " 0", " 6", " 2x", " 20\r",
                   " 2000", " 200x", " 200 O\x01", " 200 OK\rx", " 200 OK\r\n ");
}

static void
a_fault_is_found_at_its_byte_whatever_follows(void **state)
{
        static const struct {
                bool request;
                const char *text;
                size_t number;
                const char *line, *at;
        } cases[] = {
                {true, "\x16\x03", 1, "\x16\x03", "\x16\x03"},
                {true, "nonsense\r\n\r\nbody\x01", 1, "nonsense", ""},
                {true, "GET /\x01 HTTP/1.1\r\nHost h\r\n\r\n", 1, "GET /\x01 HTTP/1.1",
                 "\x01 HTTP/1.1"},
                {true, "\r\nGET / HTTP/1.1\r\nA\r\n\r\n", 2, "A", ""},
                {true, "GET / HTTP/1.1\nA: b\nX: 1.2.3.4\x01\n", 3, "X: 1.2.3.4\x01", "\x01"},
                {true, "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 2, "A: b\rc", "\rc"},
                {true, "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 3, " c", " c"},
                {true, "GET / HTTP/1.1\r\n\rx", 2, "\rx", "\rx"},
                {true, "GET / HTTP/1.1\r\nA b", 2, "A b", " b"},
                {false, "HTTP/1.1 403 \x1bno\r\n\r\n{\"a\": 1}\n", 1, "HTTP/1.1 403 \x1bno",
                 "\x1bno"},
                {false, "HTTP/1.1 302 a\x07\r\nLocat", 1, "HTTP/1.1 302 a\x07", "\x07"},
                {false, "HTTP/1.1 4030 x\r\n\r\n", 1, "HTTP/1.1 4030 x", "0 x"},
                {false, "HTTP/1.1 200 OK\r\nA: b\r\nA : b\r\n\r\n", 3, "A : b", " : b"},
        };
        struct aw_http_fault fault = {.number = 0};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                (cases[i].request ? aw_http_request_fault : aw_http_response_fault)(
                        cases[i].text, strlen(cases[i].text), &fault);
                assert_int_equal(fault.number, cases[i].number);
                assert_text(fault.line, cases[i].line);
                assert_true(fault.at >= fault.line.data);
                assert_text((struct aw_http_text){fault.at, (size_t)(fault.line.data +
                                                                     fault.line.length - fault.at)},
                            cases[i].at);
        }
}

static void
fields_are_found_without_case(void **state)
{
        struct aw_http_head head;

        (void)state;
        parse_handshake(&head);
        assert_text(*aw_http_field(&head, "UPGRADE"), "websocket");
        assert_text(*aw_http_field(&head, "X-LIST"), "one");
        assert_null(aw_http_field(&head, "Upgrad"));
        assert_null(aw_http_field(&head, ""));
        assert_int_equal(aw_http_field_count(&head, "X-list"), 2);
        assert_int_equal(aw_http_field_count(&head, "X-lis"), 0);
}

static void
tokens_are_found_in_lists_without_case(void **state)
{
        struct aw_http_head head;

        (void)state;
        parse_handshake(&head);
        assert_true(aw_http_field_has_token(&head, "connection", "upgrade"));
        assert_true(aw_http_field_has_token(&head, "Connection", "Keep-Alive"));
        assert_true(aw_http_field_has_token(&head, "X-List", "one"));
        assert_true(aw_http_field_has_token(&head, "X-List", "two"));
        assert_false(aw_http_field_has_token(&head, "Connection", "alive"));
        assert_false(aw_http_field_has_token(&head, "Connection", "upgrade2"));
        assert_false(aw_http_field_has_token(&head, "Connection", "Upgrad"));
        assert_false(aw_http_field_has_token(&head, "X-List", ""));
        assert_false(aw_http_field_has_token(&head, "X-Empty", "two"));
        assert_false(aw_http_field_has_token(&head, "X-None", "two"));
}

static void
texts_compare_exactly_or_without_the_case_of_ascii_letters(void **state)
{
        struct aw_http_text text = {"Zeb@[`{\xc9", 8};

        (void)state;
        assert_true(aw_http_text_is(&text, "Zeb@[`{\xc9"));
        assert_false(aw_http_text_is(&text, "zeb@[`{\xc9"));
        assert_false(aw_http_text_is(&text, "Zeb@[`{"));
        assert_true(aw_http_text_is_nocase(&text, "zEB@[`{\xc9"));
        assert_false(aw_http_text_is_nocase(&text, "zeb`{@[\xc9"));
        assert_false(aw_http_text_is_nocase(&text, "zeb@[`{\xe9"));
        assert_false(aw_http_text_is_nocase(&text, "zeb@[`{\xc9x"));
}

static void
status_codes_have_phrases(void **state)
{
        (void)state;
        assert_string_equal(aw_http_reason(101), "Switching Protocols");
        assert_string_equal(aw_http_reason(400), "Bad Request");
        assert_string_equal(aw_http_reason(431), "Request Header Fields Too Large");
        assert_string_equal(aw_http_reason(505), "HTTP Version Not Supported");
        assert_string_equal(aw_http_reason(299), "Unknown");
        assert_string_equal(aw_http_reason(-1), "Unknown");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_is_taken_apart),
                cmocka_unit_test(a_request_is_incomplete_until_its_last_byte),
                cmocka_unit_test(what_follows_a_head_is_left_alone),
                cmocka_unit_test(bare_line_feeds_end_lines),
                cmocka_unit_test(one_empty_line_may_come_before_a_request),
                cmocka_unit_test(garbage_is_bad_at_the_byte_that_makes_it_so),
                cmocka_unit_test(every_byte_is_allowed_just_where_it_may_be),
                cmocka_unit_test(other_versions_are_told_from_garbage),
                cmocka_unit_test(a_head_of_the_maximum_is_read_and_a_longer_one_refused_at_once),
                cmocka_unit_test(
                        a_hundred_fields_are_read_and_one_more_is_refused_at_its_first_byte),
                cmocka_unit_test(the_head_is_written_only_for_a_complete_message),
                cmocka_unit_test(a_response_is_taken_apart),
                cmocka_unit_test(a_bad_response_is_bad_at_the_byte_that_makes_it_so),
                cmocka_unit_test(a_fault_is_found_at_its_byte_whatever_follows),
                cmocka_unit_test(fields_are_found_without_case),
                cmocka_unit_test(tokens_are_found_in_lists_without_case),
                cmocka_unit_test(texts_compare_exactly_or_without_the_case_of_ascii_letters),
                cmocka_unit_test(status_codes_have_phrases),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
