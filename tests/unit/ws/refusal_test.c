/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The body of a response that refuses: what is told of it, and whether it is all. */
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"
#include "ws/refusal_private.h"

static void
a_body_is_told_as_far_as_it_is_there(void **state)
{
        static const struct {
                const char *field, *body;
                const char *behind; /* what lies there in memory, and has not come */
                const char *told;
                bool over;
        } all[] = {
                {"Content-Length: 5", "hello", "", "hello", true},
                {"Content-Length: 6", "hello", "!", "hello", false},
                {"Content-Length: 99999999999999999999999", "hello", "", "hello", false},
                {"Content-Length: 0", "", "", "", true},
                {"Content-Length:", "777", "", "777", true},
                {"Content-Length: 3", "", "abc", "", false},
                {"X: 1", "hello", "", "hello", false},
                {"Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", "", "hello", true},
                {"Transfer-Encoding: chunked", "5\r\nhello\r\n", "0\r\n", "hello", false},
                {"Transfer-Encoding: chunked", "5;x=y\r\nhello\r\n1\r\n!", "\r\n", "hello!", false},
                {"Transfer-Encoding: chunked", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n", "",
                 "01234567890123456789a", true},
                {"Transfer-Encoding: chunked", "\r\n", "5\r\nhello", "", true},
                {"Transfer-Encoding: chunked", " 5\r\nhello", "", "", true},
                {"Transfer-Encoding: chunked", "5", "\r\nhello", "", false},
                {"Transfer-Encoding: chunked", "fffffffffffffffff\r\nhello", "", "", true},
                {"Transfer-Encoding: chunked", "g\r\nhello", "", "", true},
        };
        char text[300], told[WS_REFUSAL_BODY + 1];
        size_t head, length;

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                head = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 403 No\r\n%s\r\n\r\n",
                                        all[i].field);
                length = head + strlen(all[i].body);
                snprintf(text + head, sizeof(text) - head, "%s%s", all[i].body, all[i].behind);
                if (ws_refusal_body(text, length, head, told) != all[i].over ||
                    strcmp(told, all[i].told) != 0)
                        fail_msg("%s, %s: '%s'", all[i].field, all[i].body, told);
        }
}

#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

/* Word for word. */
static void
a_head_that_is_none_is_explained(void **state)
{
        static const struct {
                const char *head;
                enum aw_http_result result;
                const char *words;
        } all[] = {
                {"\r\nHTTP/1.1 200 OK\r\n", AW_HTTP_BAD,
                 "does not speak HTTP: its answer begins with an empty line"},
                {"SSH-2.0-x\r\n", AW_HTTP_BAD, "does not speak HTTP: it sent \"SSH-2.0-x\""},
                {"\x16\x03\x01", AW_HTTP_BAD, "does not speak HTTP: it sent \"\\x16\\x03\\x01\""},
                {SIXTY "6\n", AW_HTTP_BAD, "does not speak HTTP: it sent \"" SIXTY "\""},
                {"HTTP/2 200\r\n", AW_HTTP_BAD_VERSION,
                 "answered with another version of HTTP than 1: \"HTTP/2 200\""},
                {"HTTP/11.1 200\r\n", AW_HTTP_BAD_VERSION,
                 "answered with another version of HTTP than 1: \"HTTP/11.1 200\""},
                {"HTTP/1.1200 OK\r\n", AW_HTTP_BAD,
                 "answered 200, but its first line is not right: \"HTTP/1.1200 OK\""},
                {"HTTP/1.x 200 OK\r\n", AW_HTTP_BAD,
                 "answered with a first line that is not right: \"HTTP/1.x 200 OK\""},
                {"HTTP/1.1 200OK\r\n", AW_HTTP_BAD,
                 "answered with a first line that is not right: \"HTTP/1.1 200OK\""},
                {"HTTP/1.1 99 No\r\n", AW_HTTP_BAD,
                 "answered with the status 99, which HTTP does not have"},
                {"HTTP/1.1 099 No\r\n", AW_HTTP_BAD,
                 "answered with the status 099, which HTTP does not have"},
                {"HTTP/1.1 600 No\r\n", AW_HTTP_BAD,
                 "answered with the status 600, which HTTP does not have"},
                {"HTTP/1.1 1000 No\r\n", AW_HTTP_BAD,
                 "answered with the status 1000, which HTTP does not have"},
                {"HTTP/1.1 100\r\n", AW_HTTP_TOO_LARGE,
                 "answered 100, with a head of more than 100 fields"},
                {"HTTP/1.1 599 x\r\n", AW_HTTP_TOO_LARGE,
                 "answered 599, with a head of more than 100 fields"},
                {"HTTP/1.1 403 N\x01\r\nA: b\r\n\r\n", AW_HTTP_BAD,
                 "answered 403, but its first line is not right: \"HTTP/1.1 403 N\\x01\""},
                {"HTTP/1.1 403 No\r\nA : b\r\n\r\n", AW_HTTP_BAD,
                 "answered 403, but line 2 of its head is no header field: \"A : b\""},
                {"HTTP/1.1 403 No\r\nA: b\r\nno field\r\n\r\n", AW_HTTP_BAD,
                 "answered 403, but line 3 of its head is no header field: \"no field\""},
        };
        static char large[AW_HTTP_HEAD_MAX] = "HTTP/1.1 200 OK\r\n";
        char text[400], wanted[400];

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                snprintf(wanted, sizeof(wanted), "h:1 %s", all[i].words);
                ws_refusal_explain_head(all[i].head, strlen(all[i].head), all[i].result, "h:1",
                                        text, sizeof(text));
                assert_string_equal(text, wanted);
        }
        ws_refusal_explain_head(large, sizeof(large) - 1, AW_HTTP_TOO_LARGE, "h", text,
                                sizeof(text));
        assert_string_equal(text, "h answered 200, with a head of more than 100 fields");
        ws_refusal_explain_head(large, sizeof(large), AW_HTTP_TOO_LARGE, "h", text, sizeof(text));
        assert_string_equal(text, "h answered 200, with a head of more than 16 KiB");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_body_is_told_as_far_as_it_is_there),
                cmocka_unit_test(a_head_that_is_none_is_explained),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
