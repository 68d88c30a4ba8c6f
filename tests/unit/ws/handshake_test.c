/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The opening handshake's texts: which are right, and what is said of the others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ws/deflate_offer_private.h"
#include "ws/private.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* the RFC's example */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void
the_accept_value_is_that_of_the_standard(void **state)
{
        char accept[WS_ACCEPT_SIZE];

        (void)state;
        assert_int_equal(ws_handshake_accept(KEY, strlen(KEY), accept), 0);
        assert_string_equal(accept, ACCEPT);
}

static void
a_key_of_another_length_has_no_accept_value(void **state)
{
        char accept[WS_ACCEPT_SIZE];

        (void)state;
        assert_int_equal(ws_handshake_accept(KEY, 23, accept), -1);
        assert_int_equal(errno, EINVAL);
        assert_int_equal(ws_handshake_accept(KEY "=", 25, accept), -1);
        assert_int_equal(ws_handshake_accept("", 0, accept), -1);
}

static void
keys_differ_and_are_right_ones(void **state)
{
        char keys[2][WS_KEY_SIZE], text[300];
        struct aw_http_head head;
        const char *reason;
        int i;

        (void)state;
        for (i = 0; i < 2; i++) {
                assert_int_equal(ws_handshake_key(keys[i]), 0);
                assert_int_equal(strlen(keys[i]), 24);
                snprintf(
                        text, sizeof(text),
                        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                        keys[i]);
                assert_int_equal(aw_http_parse_request(text, strlen(text), &head), AW_HTTP_OK);
                assert_int_equal(ws_handshake_check_request(&head, &reason), 0);
        }
        assert_string_not_equal(keys[0], keys[1]);
}

/* Requests. */

#define LINE     "GET /chat HTTP/1.1\r\n"
#define HOST     "Host: example.com\r\n"
#define UPGRADE  "Upgrade: websocket\r\n"
#define CONNECT  "Connection: Upgrade\r\n"
#define VERSION  "Sec-WebSocket-Version: 13\r\n"
#define WITH_KEY "Sec-WebSocket-Key: " KEY "\r\n"

struct request {
        const char *text;
        int status;
        const char *reason; /* a part of it */
};

static void
assert_checked(const struct request *requests, size_t count)
{
        struct aw_http_head head;
        const char *reason;
        size_t i;

        for (i = 0; i < count; i++) {
                const struct request *request = &requests[i];

                assert_int_equal(aw_http_parse_request(request->text, strlen(request->text), &head),
                                 AW_HTTP_OK);
                reason = NULL;
                if (ws_handshake_check_request(&head, &reason) != request->status)
                        fail_msg("the status is not %d for %s", request->status, request->text);
                if (request->reason == NULL)
                        assert_null(reason);
                else if (reason == NULL || strstr(reason, request->reason) == NULL)
                        fail_msg("no '%s' in '%s'", request->reason, reason);
        }
}

static void
a_request_is_right_or_it_is_said_what_is_wrong(void **state)
{
        static const struct request requests[] = {
                {LINE HOST UPGRADE CONNECT VERSION WITH_KEY "\r\n", 0, NULL},
                {LINE "host: h\r\nupgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
                      "sec-websocket-version: 13\r\nsec-websocket-key: " KEY "\r\n"
                      "Origin: http://h\r\nSec-WebSocket-Protocol: chat\r\n"
                      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                 0, NULL},
                {LINE HOST "Upgrade: h2c, websocket\r\n" CONNECT VERSION WITH_KEY "\r\n", 0, NULL},
                /* Not for a WebSocket at all. */
                {LINE HOST "\r\n", -1, NULL},
                {LINE HOST CONNECT "\r\n", -1, NULL},
                {LINE HOST "Upgrade: h2c\r\n" CONNECT "\r\n", -1, NULL},
                {"POST / HTTP/1.1\r\n" HOST WITH_KEY "\r\n", -1, NULL},
                {"HEAD / HTTP/1.1\r\n" HOST VERSION "\r\n", -1, NULL},
                /* Wrong ones. */
                {"POST / HTTP/1.1\r\n" HOST UPGRADE CONNECT VERSION WITH_KEY "\r\n", 400, "GET"},
                {"get / HTTP/1.1\r\n" HOST UPGRADE CONNECT VERSION WITH_KEY "\r\n", 400, "GET"},
                {"GET / HTTP/1.0\r\n" HOST UPGRADE CONNECT VERSION WITH_KEY "\r\n", 400,
                 "HTTP/1.1"},
                {LINE UPGRADE CONNECT VERSION WITH_KEY "\r\n", 400, "Host"},
                {LINE HOST HOST UPGRADE CONNECT VERSION WITH_KEY "\r\n", 400, "Host"},
                {LINE HOST UPGRADE "\r\n", 400, "Connection"},
                {LINE HOST UPGRADE "Connection: close\r\n"
                                   "\r\n",
                 400, "Connection"},
                {LINE HOST UPGRADE CONNECT WITH_KEY "\r\n", 400, "Sec-WebSocket-Version"},
                {LINE HOST UPGRADE CONNECT VERSION VERSION WITH_KEY "\r\n", 400,
                 "Sec-WebSocket-Version"},
                {LINE HOST UPGRADE CONNECT "Sec-WebSocket-Version: 8\r\n" WITH_KEY "\r\n", 426,
                 "13"},
                {LINE HOST UPGRADE CONNECT "Sec-WebSocket-Version: 13, 8\r\n" WITH_KEY "\r\n", 426,
                 "13"},
                {LINE HOST UPGRADE CONNECT VERSION "\r\n", 400, "Sec-WebSocket-Key"},
                {LINE HOST UPGRADE CONNECT VERSION WITH_KEY WITH_KEY "\r\n", 400,
                 "Sec-WebSocket-Key"},
                {LINE HOST UPGRADE CONNECT VERSION "Sec-WebSocket-Key:\r\n\r\n", 400, "16 bytes"},
                {LINE HOST UPGRADE CONNECT VERSION
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n\r\n",
                 400, "16 bytes"},
                {LINE HOST UPGRADE CONNECT VERSION
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n",
                 400, "16 bytes"},
                {LINE HOST UPGRADE CONNECT VERSION
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n\r\n",
                 400, "16 bytes"},
        };

        (void)state;
        assert_checked(requests, sizeof(requests) / sizeof(requests[0]));
}

static void
what_a_proxy_drops_and_what_is_no_handshake_is_told(void **state)
{
        static const struct request requests[] = {
                /* One that a proxy passed on without what was for itself. */
                {LINE HOST CONNECT VERSION WITH_KEY "\r\n", 426,
                 "a proxy between us dropped the Upgrade field: nginx needs proxy_set_header "
                 "Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; "
                 "proxy_http_version 1.1"},
                {LINE HOST "Connection: close\r\n" WITH_KEY "\r\n", 426, "dropped the Upgrade"},
                {"GET / HTTP/1.0\r\n" HOST "Connection: close\r\n" VERSION "\r\n", 426,
                 "dropped the Upgrade"},
                {LINE HOST UPGRADE VERSION WITH_KEY "\r\n", 426, "from the Connection field"},
                {LINE HOST UPGRADE "Connection: close\r\n" VERSION WITH_KEY "\r\n", 426,
                 "from the Connection field"},
                /* One that names the protocol in another way. */
                {LINE HOST "Upgrade: WebSocket/13\r\n" CONNECT VERSION WITH_KEY "\r\n", 426,
                 "write Upgrade: websocket"},
                {LINE HOST "Upgrade: websocket/13\r\n" CONNECT "\r\n", 426,
                 "write Upgrade: websocket"},
                {LINE HOST "Upgrade: websockets\r\n" CONNECT VERSION WITH_KEY "\r\n", 426,
                 "does not say websocket"},
                /* A body, even an empty one in chunks, would be taken for frames. */
                {LINE HOST UPGRADE CONNECT VERSION WITH_KEY "Content-Length: 0\r\n\r\n", 0, NULL},
                {LINE HOST UPGRADE CONNECT VERSION WITH_KEY "Content-Length: 000\r\n\r\n", 0, NULL},
                {LINE HOST UPGRADE CONNECT VERSION WITH_KEY "Content-Length: 8\r\n\r\n", 400,
                 "no body"},
                {LINE HOST UPGRADE CONNECT VERSION WITH_KEY "Transfer-Encoding: chunked\r\n\r\n",
                 400, "no body"},
        };

        (void)state;
        assert_checked(requests, sizeof(requests) / sizeof(requests[0]));
}

/* Responses. */

#define SWITCHING   "HTTP/1.1 101 Switching Protocols\r\n"
#define WITH_ACCEPT "Sec-WebSocket-Accept: " ACCEPT "\r\n"
#define PROTOCOL    "Sec-WebSocket-Protocol: "

struct response {
        const char *text;
        const char *offer; /* a header field of the request, or NULL */
        const char *wrong; /* a part of what is wrong, or NULL */
};

static const char *
check(const struct response *response)
{
        struct ws_deflate_agreed agreed;
        struct ws_connect_options options = {.headers = &response->offer,
                                             .header_count = response->offer == NULL ? 0 : 1};
        static char wrong[256];
        struct aw_http_head head;

        assert_int_equal(aw_http_parse_response(response->text, strlen(response->text), &head),
                         AW_HTTP_OK);
        return ws_handshake_check_response(&head, KEY, &options, &agreed, wrong, sizeof(wrong)) == 0
                       ? NULL
                       : wrong;
}

static void
a_response_is_right_or_it_is_said_what_is_wrong(void **state)
{
        static const struct response responses[] = {
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT "\r\n", NULL, NULL},
                {SWITCHING "upgrade: WEBSOCKET\r\nconnection: upgrade\r\n" WITH_ACCEPT
                           "Server: s\r\n\r\n",
                 NULL, NULL},
                {SWITCHING CONNECT WITH_ACCEPT "\r\n", NULL, "Upgrade: websocket"},
                {SWITCHING "Upgrade: h2c\r\n" CONNECT WITH_ACCEPT "\r\n", NULL,
                 "Upgrade: websocket"},
                {SWITCHING UPGRADE WITH_ACCEPT "\r\n", NULL, "Connection: Upgrade"},
                {SWITCHING UPGRADE "Connection: keep-alive\r\n" WITH_ACCEPT "\r\n", NULL,
                 "Connection: Upgrade"},
                {SWITCHING UPGRADE CONNECT "\r\n", NULL, "Sec-WebSocket-Accept"},
                {SWITCHING UPGRADE CONNECT "Sec-WebSocket-Accept: \r\n\r\n", NULL,
                 "Sec-WebSocket-Accept"},
                {SWITCHING UPGRADE CONNECT
                 "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                 NULL, "Sec-WebSocket-Accept"},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT WITH_ACCEPT "\r\n", NULL,
                 "Sec-WebSocket-Accept"},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT
                 "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                 NULL, "an extension that was not offered: \"permessage-deflate\""},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT "Sec-WebSocket-Extensions:\r\n\r\n", NULL,
                 "Sec-WebSocket-Extensions is empty"},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT PROTOCOL "\r\n\r\n", PROTOCOL "chat",
                 "Sec-WebSocket-Protocol is empty"},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT PROTOCOL "talk\r\n\r\n", PROTOCOL "chat",
                 "was not offered: \"talk\""},
        };
        const char *wrong;
        size_t i;

        (void)state;
        for (i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
                wrong = check(&responses[i]);
                if (responses[i].wrong == NULL)
                        assert_null(wrong);
                else if (wrong == NULL || strstr(wrong, responses[i].wrong) == NULL)
                        fail_msg("no '%s' in '%s'", responses[i].wrong, wrong);
        }
}

static bool
accepts_subprotocol(const char *offer, const char *answer)
{
        char text[400];
        struct response response = {.text = text, .offer = offer};
        const char *wrong;

        snprintf(text, sizeof(text), "%s%s", SWITCHING UPGRADE CONNECT WITH_ACCEPT, answer);
        wrong = check(&response);
        if (wrong != NULL)
                assert_non_null(strstr(wrong, "subprotocol"));
        return wrong == NULL;
}

static void
only_a_subprotocol_that_was_offered_may_be_chosen(void **state)
{
        static const char two[] = "sec-websocket-protocol: chat,\t superchat ,";

        (void)state;
        assert_true(accepts_subprotocol(two, "\r\n"));
        assert_true(accepts_subprotocol(two, PROTOCOL "chat\r\n\r\n"));
        assert_true(accepts_subprotocol(two, PROTOCOL "superchat\r\n\r\n"));
        assert_true(accepts_subprotocol(PROTOCOL "chat", PROTOCOL "chat\r\n\r\n"));
        assert_false(accepts_subprotocol(two, PROTOCOL "Chat\r\n\r\n"));
        assert_false(accepts_subprotocol(two, PROTOCOL "super\r\n\r\n"));
        assert_false(accepts_subprotocol(two, PROTOCOL "chatter\r\n\r\n"));
        assert_false(accepts_subprotocol(two, PROTOCOL "chat, superchat\r\n\r\n"));
        assert_false(accepts_subprotocol(two, PROTOCOL "chat\r\n" PROTOCOL "chat\r\n\r\n"));
        assert_false(accepts_subprotocol(NULL, PROTOCOL "chat\r\n\r\n"));
        assert_false(accepts_subprotocol("Cookie: chat", PROTOCOL "chat\r\n\r\n"));
}

struct fault {
        const char *text;
        const char *words[3]; /* of what is told */
};

static void
what_is_not_right_but_opens_a_connection_is_told(void **state)
{
        static const struct fault faults[] = {
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT "\r\n", {NULL}},
                {SWITCHING UPGRADE "Connection: keep-alive\r\n" CONNECT WITH_ACCEPT "\r\n", {NULL}},
                {SWITCHING UPGRADE CONNECT UPGRADE CONNECT WITH_ACCEPT "\r\n",
                 {"more than one field Upgrade", "Connection: Upgrade more than once"}},
                {"HTTP/1.0 101 Switching\r\n" UPGRADE CONNECT WITH_ACCEPT "\r\n", {"HTTP/1.0"}},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT "\n", {"ends in LF"}},
                {SWITCHING UPGRADE CONNECT WITH_ACCEPT "Content-Length: 0\r\n\r\n",
                 {"Content-Length or Transfer-Encoding"}},
        };
        struct aw_http_head head;

        (void)state;
        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
                const char *text = faults[i].text, *fault;
                size_t which = 0, count = 0;

                assert_int_equal(aw_http_parse_response(text, strlen(text), &head), AW_HTTP_OK);
                while ((fault = ws_handshake_fault(&head, text, &which)) != NULL) {
                        assert_non_null(faults[i].words[count]);
                        assert_non_null(strstr(fault, faults[i].words[count++]));
                }
                assert_null(faults[i].words[count]);
        }
}

static void
a_further_field_is_right_or_it_is_said_what_is_wrong(void **state)
{
        static const char *const fields[][2] = {
                {"X-T: a", NULL},
                {"X-T:", NULL},
                {"X-T: Gr\xc3\xbc\xc3\x9f"
                 "e",
                 NULL},
                {"X-T", "Name: value"},
                {"X-T:\abell", "control character"},
                {"X-T: a\r\nX: b", "control character"},
                {"X(\"y: 1", "other characters"},
                {"\xc3\x9c"
                 "nicode: 1",
                 "other characters"},
                {": 1", "other characters"},
                {"X : 1", "other characters"},
                {"upgrade: x", "handshake itself"},
                {"Sec-WebSocket-Key: x", "handshake itself"},
                {"Sec-WebSocket-Protocol: chat", NULL},
                {"Sec-WebSocket-Protocol:\ta , chat.v2,A\t", NULL},
                {"Sec-WebSocket-Protocol:", "no list"},
                {"Sec-WebSocket-Protocol: ", "no list"},
                {"Sec-WebSocket-Protocol: a b", "no list"},
                {"Sec-WebSocket-Protocol: a,", "no list"},
                {"Sec-WebSocket-Protocol: ,a", "no list"},
                {"Sec-WebSocket-Protocol: a/b", "no list"},
                {"sec-websocket-protocol: a, b, a", "no list"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                const char *problem = ws_handshake_field_problem(fields[i][0]);

                if (fields[i][1] == NULL)
                        assert_null(problem);
                else if (problem == NULL || strstr(problem, fields[i][1]) == NULL)
                        fail_msg("%s: %s", fields[i][0], problem);
        }
}

static void
a_field_that_has_one_value_is_there_once(void **state)
{
        static const char *const fields[] = {"Host: a",     "X-T: 1",        "X-T: 2",
                                             "Hosts: b",    "host: a",       "Origin: a",
                                             "Origin: b",   "Cookie: a=b",   "Authorization: x",
                                             "cookie: c=d", "AUTHORIZATION:"};
        static const size_t repeated[] = {4, 6, 9, 10};
        size_t next = 0;

        (void)state;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                const char *problem = ws_handshake_field_repeated(fields, i);

                if (next < sizeof(repeated) / sizeof(repeated[0]) && repeated[next] == i) {
                        assert_non_null(problem);
                        next++;
                } else if (problem != NULL) {
                        fail_msg("%s: %s", fields[i], problem);
                }
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_accept_value_is_that_of_the_standard),
                cmocka_unit_test(a_key_of_another_length_has_no_accept_value),
                cmocka_unit_test(keys_differ_and_are_right_ones),
                cmocka_unit_test(a_request_is_right_or_it_is_said_what_is_wrong),
                cmocka_unit_test(what_a_proxy_drops_and_what_is_no_handshake_is_told),
                cmocka_unit_test(a_response_is_right_or_it_is_said_what_is_wrong),
                cmocka_unit_test(only_a_subprotocol_that_was_offered_may_be_chosen),
                cmocka_unit_test(what_is_not_right_but_opens_a_connection_is_told),
                cmocka_unit_test(a_further_field_is_right_or_it_is_said_what_is_wrong),
                cmocka_unit_test(a_field_that_has_one_value_is_there_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
