/* SPDX-License-Identifier: MIT */
/*
 * The opening handshake's fields: what a server takes a client takes, and what either refuses it
 * refuses with a sentence. The input is fields, a line each.
 */
#include "await/ws.h"
#include "fuzz.h"
#include "ws/deflate_offer_private.h"
#include "ws/private.h"
#include "ws/request_private.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

enum { TEXT_MAX = 8000, TEXT_SIZE = TEXT_MAX + 1000 };

const unsigned fuzz_inputs = 20000;

/* Lines end in CR LF on the way to the parser, and an empty one ends the head. */
static size_t
compose(char out[TEXT_SIZE], const char *start, struct fuzz_input fields)
{
        size_t length = (size_t)sprintf(out, "%s\r\n", start);
        struct fuzz_input line;

        while (fields.left > 0 && length < TEXT_MAX) {
                line = fuzz_line(&fields);
                if (line.left == 0 || line.left > TEXT_MAX - length)
                        continue;
                length += (size_t)sprintf(out + length, "%.*s\r\n", (int)line.left,
                                          (const char *)line.data);
        }
        return length + (size_t)sprintf(out + length, "\r\n");
}

static void
check_agreed(const struct ws_deflate_agreed *agreed)
{
        CHECK(agreed->send_bits >= 8 && agreed->send_bits <= 15);
        CHECK(agreed->receive_bits >= 8 && agreed->receive_bits <= 15);
        CHECK(strlen(agreed->text) < WS_DEFLATE_TEXT_MAX);
}

/* The answer to whatever is offered is one that a client who offered anything would take. */
static void
check_offer(const struct ws_request *request, const struct ws_deflate_options *options)
{
        static const struct ws_deflate_options any = {.mode = WS_DEFLATE_CONTEXT};
        char text[WS_DEFLATE_TEXT_MAX + 100];
        struct ws_deflate_agreed agreed, again;
        struct aw_http_head head;
        int length;

        if (!ws_deflate_accept(request, options, &agreed))
                return;
        check_agreed(&agreed);
        length = snprintf(text, sizeof(text),
                          "HTTP/1.1 101 X\r\nSec-WebSocket-Extensions: %s\r\n\r\n", agreed.text);
        CHECK(aw_http_parse_response(text, (size_t)length, &head) == AW_HTTP_OK);
        CHECK(ws_deflate_check(&head, &any, &again) == NULL);
        CHECK(again.send_context == agreed.receive_context);
        CHECK(again.receive_bits >= agreed.send_bits);
}

/* A client that sent this takes the answer of a server that chose as ours does. */
static void
check_answer(const struct ws_request *request, const char *chosen)
{
        static char response[TEXT_SIZE], offered[TEXT_SIZE], problem[300];
        const char *key = ws_request_field(request, "Sec-WebSocket-Key", 0);
        const char *headers[] = {offered};
        struct ws_connect_options options = {.headers = headers, .header_count = 1};
        struct ws_deflate_agreed agreed;
        struct aw_http_head head;
        char accept[WS_ACCEPT_SIZE];
        int length;

        CHECK(key != NULL && strlen(key) == WS_KEY_SIZE - 1);
        CHECK(ws_handshake_accept(key, strlen(key), accept) == 0);
        length = snprintf(response, sizeof(response),
                          "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
                          accept, chosen == NULL ? "" : "Sec-WebSocket-Protocol: ",
                          chosen == NULL ? "" : chosen, chosen == NULL ? "" : "\r\n");
        snprintf(offered, sizeof(offered), "Sec-WebSocket-Protocol: %s",
                 chosen == NULL ? "" : chosen);
        CHECK(aw_http_parse_response(response, (size_t)length, &head) == AW_HTTP_OK);
        CHECK(ws_handshake_check_response(&head, key, &options, &agreed, problem,
                                          sizeof(problem)) == 0);
}

static void
check_request(struct fuzz_input fields)
{
        static const struct ws_deflate_options shared = {.mode = WS_DEFLATE_SHARED},
                                               small = {.mode = WS_DEFLATE_CONTEXT, .bits = 9};
        static char text[TEXT_SIZE];
        static struct aw_http_head head;
        size_t length = compose(text, "GET /x?y HTTP/1.1", fields);
        struct ws_request *request;
        const char *reason = NULL;
        char *chosen = NULL;
        int status;

        if (aw_http_parse_request(text, length, &head) != AW_HTTP_OK)
                return;
        status = ws_handshake_check_request(&head, &reason);
        CHECK(status == -1 || status == 0 || status == 400 || status == 426);
        CHECK((status > 0) == (reason != NULL));
        request = ws_request_create(&head);
        CHECK(request != NULL && strcmp(request->path, "/x") == 0);
        check_offer(request, &shared);
        check_offer(request, &small);
        if (ws_subprotocol_choose(request, NULL, &chosen) == 0) {
                CHECK(chosen == NULL || ws_request_offers(request, chosen));
                if (status == 0)
                        check_answer(request, chosen);
        }
        free(chosen);
        ws_request_free(request);
}

/* Whatever comes besides what is right: it is taken only if all of it is right. */
static void
check_response(const char *start, struct fuzz_input fields)
{
        static const char *const headers[] = {"Sec-WebSocket-Protocol: chat, superchat"};
        static const struct ws_connect_options options = {
                .headers = headers, .header_count = 1, .deflate = {.mode = WS_DEFLATE_SHARED}};
        static char text[TEXT_SIZE];
        static struct aw_http_head head;
        struct ws_deflate_agreed agreed;
        char problem[200] = "", accept[WS_ACCEPT_SIZE];
        size_t length = compose(text, start, fields), which = 0, faults = 0;

        if (aw_http_parse_response(text, length, &head) != AW_HTTP_OK)
                return;
        while (ws_handshake_fault(&head, text, &which) != NULL)
                faults++;
        CHECK(faults <= 5);
        if (ws_handshake_check_response(&head, KEY, &options, &agreed, problem, sizeof(problem)) ==
            -1) {
                CHECK(problem[0] != '\0');
                return;
        }
        CHECK(ws_handshake_accept(KEY, strlen(KEY), accept) == 0);
        CHECK(aw_http_text_is(aw_http_field(&head, "Sec-WebSocket-Accept"), accept));
        CHECK(aw_http_field_count(&head, "Sec-WebSocket-Accept") == 1);
        CHECK(aw_http_field_count(&head, "Sec-WebSocket-Protocol") <= 1);
        if (agreed.text[0] != '\0')
                check_agreed(&agreed);
}

/* A field that a client may add is one field to whoever reads it. */
static void
check_field(struct fuzz_input fields)
{
        static char text[TEXT_SIZE];
        static struct aw_http_head head;
        char *field = fuzz_string(fuzz_line(&fields));
        int length;

        if (strlen(field) < TEXT_MAX && ws_handshake_field_problem(field) == NULL) {
                length =
                        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\nA: b\r\n\r\n", field);
                CHECK(aw_http_parse_request(text, (size_t)length, &head) == AW_HTTP_OK);
                CHECK(head.field_count == 2);
        }
        free(field);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fuzz_input fields = {data, size};

        check_request(fields);
        check_response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                       fields);
        check_response("HTTP/1.1 101 X", fields);
        check_field(fields);
        return 0;
}
