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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_body_is_told_as_far_as_it_is_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
