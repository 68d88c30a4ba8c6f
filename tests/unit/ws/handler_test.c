/* SPDX-License-Identifier: MIT */
/* A listener's handler, which decides on a handshake before the 101; and what was agreed on. */
#include <time.h>

#include "unit/ws/raw.h"

/* What the handler of a test does, and what it saw. */
struct handling {
        struct ws_answer answer;
        int called, done;
        char target[100];
};

static void
handler_done(struct ws_answer *answer)
{
        struct handling *handling = answer->data;

        handling->done++;
}

static void
handle(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        struct handling *handling = argument;

        handling->called++;
        snprintf(handling->target, sizeof(handling->target), "%s", request->target);
        if (handling->answer.status == 0)
                return;
        *answer = handling->answer;
        answer->done = handler_done;
        answer->data = handling;
}

static async struct ws_listener *
listen_with(struct handling *handling, const char *subprotocol)
{
        struct ws_listen_options options = {.url = ANY_PORT,
                                            .subprotocol = subprotocol,
                                            .handler = handling == NULL ? NULL : handle,
                                            .argument = handling};
        struct aw_error error = {.text = ""};
        struct ws_listener *listener = await(ws_listen(&options, &error));

        test_expect(listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
        return listener;
}

#define HANDSHAKE                                                                                  \
        "GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"                   \
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " RAW_KEY "\r\n"

/* Sends the handshake with these fields; the head of the response. The connection's descriptor. */
static async int
shake_hands(struct ws_listener *listener, const char *fields, char head[4096])
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        raw_send(fd, HANDSHAKE, strlen(HANDSHAKE));
        raw_send(fd, fields, strlen(fields));
        raw_send(fd, "\r\n", 2);
        await(raw_read_head(fd, head));
        return fd;
}

static void
expect_part(const char *text, const char *part, bool there, int line)
{
        test_expect((strstr(text, part) != NULL) == there, __FILE__, line, "'%s' is%s in '%s'",
                    part, there ? "" : " not", text);
}

#define has(text, part)   expect_part((text), (part), true, __LINE__)
#define lacks(text, part) expect_part((text), (part), false, __LINE__)

/* That a handshake with these fields is answered with this subprotocol, or with none. */
static async void
expect_subprotocol(struct ws_listener *listener, const char *fields, const char *subprotocol)
{
        char head[4096], field[100];
        int fd = await(shake_hands(listener, fields, head));
        struct ws *server = await(ws_accept(listener, SOON));

        has(head, "HTTP/1.1 101 ");
        if (subprotocol == NULL) {
                lacks(head, "Sec-WebSocket-Protocol");
                expect(ws_subprotocol(server) == NULL);
        } else {
                snprintf(field, sizeof(field), "\r\nSec-WebSocket-Protocol: %s\r\n", subprotocol);
                has(head, field);
                if (expect(ws_subprotocol(server) != NULL))
                        expect(strcmp(ws_subprotocol(server), subprotocol) == 0);
        }
        ws_drop(server);
        close(fd);
}

#define OFFER "Sec-WebSocket-Protocol: chat, superchat\r\n"

static async int
the_first_subprotocol_is_chosen_unless_the_listener_wants_another(NOTHING)
{
        struct ws_listener *first = await(listen_with(NULL, NULL));
        struct ws_listener *none = await(listen_with(NULL, ""));
        struct ws_listener *named = await(listen_with(NULL, "superchat"));
        struct ws_listener *other = await(listen_with(NULL, "mqtt"));

        await(expect_subprotocol(first, "", NULL));
        await(expect_subprotocol(first, OFFER, "chat"));
        await(expect_subprotocol(none, OFFER, NULL));
        await(expect_subprotocol(named, OFFER, "superchat"));
        await(expect_subprotocol(named, "", NULL));
        await(expect_subprotocol(other, OFFER, NULL));
        ws_listener_close(first);
        ws_listener_close(none);
        ws_listener_close(named);
        ws_listener_close(other);
        return 0;
}

static async int
both_ends_know_the_subprotocol(NOTHING)
{
        static const char *const offer[] = {"Sec-WebSocket-Protocol: one, two"};
        struct connecting connecting = {.options = {.headers = offer, .header_count = 1}};
        struct ws_listener *listener = await(listen_with(NULL, "two"));
        struct ws *server;

        connect_start(&connecting, ws_listener_url(listener, 0));
        server = await(ws_accept(listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        expect(strcmp(ws_subprotocol(server), "two") == 0);
        expect(strcmp(ws_subprotocol(connecting.ws), "two") == 0);
        expect(ws_request(connecting.ws) == NULL);
        ws_drop(connecting.ws);
        ws_drop(server);
        ws_listener_close(listener);
        return 0;
}

static async int
a_connection_keeps_the_request_that_opened_it(NOTHING)
{
        struct ws_listener *listener = await(listen_with(NULL, NULL));
        const struct ws_request *request;
        char head[4096];
        int fd = await(shake_hands(listener, "Origin: http://a\r\norigin: http://b\r\n", head));
        struct ws *server = await(ws_accept(listener, SOON));

        raw_text(fd, "after");
        expect_received(server, "after");
        ws_listener_close(listener);
        request = ws_request(server);
        if (expect(request != NULL)) {
                expect(strcmp(request->method, "GET") == 0);
                expect(strcmp(request->path, "/chat") == 0);
                expect(strcmp(request->query, "room=1") == 0);
                expect(request->upgrade && !request->secure && request->minor_version == 1);
                expect(strcmp(request->peer, ws_peer(server)) == 0);
                expect(strcmp(ws_request_field(request, "ORIGIN", 1), "http://b") == 0);
                expect(ws_request_field(request, "Origin", 2) == NULL);
        }
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
a_handler_that_does_nothing_accepts(NOTHING)
{
        struct handling handling = {.called = 0};
        struct ws_listener *listener = await(listen_with(&handling, NULL));

        await(expect_subprotocol(listener, OFFER, "chat"));
        expect_int(handling.called, 1);
        expect(strcmp(handling.target, "/chat?room=1") == 0);
        ws_listener_close(listener);
        return 0;
}

static async int
a_handler_accepts_with_subprotocol_and_fields(NOTHING)
{
        static const char *const fields[] = {"Set-Cookie: a=b", "X-Empty:", "Set-Cookie: c=d"};
        struct handling handling = {.answer = {.status = 101,
                                               .subprotocol = "superchat",
                                               .fields = fields,
                                               .field_count = 3}};
        struct ws_listener *listener = await(listen_with(&handling, NULL));
        char head[4096];
        int fd = await(shake_hands(listener, OFFER, head));
        struct ws *server = await(ws_accept(listener, SOON));

        has(head, "\r\nSec-WebSocket-Protocol: superchat\r\n");
        has(head, "\r\nSet-Cookie: a=b\r\nX-Empty:\r\nSet-Cookie: c=d\r\n\r\n");
        has(head, "\r\nSec-WebSocket-Accept: " RAW_ACCEPT "\r\n");
        lacks(head, "Content-Length");
        expect(strcmp(ws_subprotocol(server), "superchat") == 0);
        expect_int(handling.done, 1);
        raw_text(fd, "open");
        expect_received(server, "open");
        ws_drop(server);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* A name of a content type, and a body, that no fixed buffer would hold. */
static async int
a_handler_refuses_with_status_fields_and_a_body_of_any_length(NOTHING)
{
        static const char *const fields[] = {"WWW-Authenticate: Basic realm=\"x\""};
        static char type[701], body[500001];
        struct handling handling = {.answer = {.status = 401,
                                               .fields = fields,
                                               .field_count = 1,
                                               .content_type = type,
                                               .body = body}};
        struct ws_listener *listener = await(listen_with(&handling, NULL));
        char head[4096], *data = malloc(sizeof(body) - 1);
        int fd;

        memset(type, 't', sizeof(type) - 1);
        memset(body, 'b', sizeof(body) - 1);
        fd = await(shake_hands(listener, "", head));
        has(head, "HTTP/1.1 401 Unauthorized\r\nContent-Type: tttt");
        has(head, "\r\nContent-Length: 500000\r\n");
        has(head, "\r\nWWW-Authenticate: Basic realm=\"x\"\r\n");
        has(head, "\r\nConnection: close\r\n");
        lacks(head, "\r\nUpgrade:");
        await(raw_read_all(fd, data, sizeof(body) - 1));
        expect(memcmp(data, body, sizeof(body) - 1) == 0);
        await(raw_expect_end(fd));
        expect_log("refused with 401");
        expect_int(handling.done, 1);
        free(data);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* What a handler got from a peer, and passes on, must not end a line. */
static async int
an_answer_that_cannot_be_sent_is_500_and_logged(NOTHING)
{
        static const char *const line_end[] = {"Location: /\r\nSet-Cookie: a=b"};
        static const char *const no_name[] = {": x"}, *const no_colon[] = {"X"};
        static const char *const ours[] = {"content-length: 1"};
        static const char *const accept[] = {"Sec-WebSocket-Accept: x"};
        static const struct ws_deflate_options level_10 = {.level = 10};
        static const struct {
                struct ws_answer answer;
                const char *says;
        } cases[] = {
                {{.status = 302, .fields = line_end, .field_count = 1}, "not 'Name: value'"},
                {{.status = 101, .fields = line_end, .field_count = 1}, "not 'Name: value'"},
                {{.status = 400, .fields = no_name, .field_count = 1}, "not 'Name: value'"},
                {{.status = 400, .fields = no_colon, .field_count = 1}, "not 'Name: value'"},
                {{.status = 400, .fields = ours, .field_count = 1}, "writes itself"},
                {{.status = 101, .fields = accept, .field_count = 1}, "writes itself"},
                {{.status = 400, .content_type = "a\nb", .body = "x"}, "content type"},
                {{.status = 101, .subprotocol = "mqtt"}, "offered"},
                {{.status = 101, .deflate = &level_10}, "levels from 1 to 9"},
                {{.status = 100}, "status"},
                {{.status = 199}, "status"},
                {{.status = 600}, "status"},
                {{.status = -1}, "status"},
        };
        struct handling handling = {.called = 0};
        struct ws_listener *listener = await(listen_with(&handling, NULL));
        char head[4096];
        size_t i;
        int fd;

        for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                handling.answer = cases[i].answer;
                fd = await(shake_hands(listener, OFFER, head));
                has(head, "HTTP/1.1 500 Internal Server Error\r\n");
                lacks(head, "Set-Cookie");
                close(fd);
                has(test_log_find("cannot be sent"), cases[i].says);
                expect_int(handling.done, (int)i + 1);
                test_log.count = test_log.expected = 0;
        }
        ws_listener_close(listener);
        return 0;
}

/* Nor does it fill the log, or tell there what is nobody's business. */
static async int
of_a_target_whose_answer_cannot_be_sent_the_path_is_logged_in_part(NOTHING)
{
        struct handling handling = {.answer = {.status = 99}};
        struct ws_listener *listener = await(listen_with(&handling, NULL));
        char request[1000], shown[300], head[4096];
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        snprintf(request, sizeof(request),
                 "%0100d /%0300d?token=secret HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, 0);
        raw_send(fd, request, strlen(request));
        await(raw_read_head(fd, head));
        has(head, "HTTP/1.1 500 Internal Server Error\r\n");
        snprintf(shown, sizeof(shown), "answer to %020d /%0199d... cannot be sent: ", 0, 0);
        has(test_log_find("cannot be sent"), shown);
        lacks(test_log_find("cannot be sent"), "secret");
        ws_listener_close(listener);
        close(fd);
        return 0;
}

static async int
a_plain_request_cannot_be_accepted(NOTHING)
{
        struct handling handling = {.answer = {.status = 101}};
        struct ws_listener *listener = await(listen_with(&handling, NULL));
        int fd = raw_connect(ws_listener_url(listener, 0), 0);
        char head[4096];

        raw_send(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27);
        await(raw_read_head(fd, head));
        has(head, "HTTP/1.1 500 ");
        expect_log("the request is not for a WebSocket");
        expect_log("refused with 500");
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static async int
who_expects_100_gets_it_before_the_101(NOTHING)
{
        struct ws_listener *listener = await(listen_with(NULL, NULL));
        char head[4096];
        int fd = await(shake_hands(listener, "Expect: 100-continue\r\n", head));
        struct ws *server = await(ws_accept(listener, SOON));

        expect(strcmp(head, "HTTP/1.1 100 Continue\r\n\r\n") == 0);
        await(raw_read_head(fd, head));
        has(head, "HTTP/1.1 101 Switching Protocols\r\n");
        raw_text(fd, "open");
        expect_received(server, "open");
        ws_drop(server);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* RFC 9110 section 5.6.7: Sun, 06 Nov 1994 08:49:37 GMT */
static async int
a_response_is_dated_in_the_standard_form(NOTHING)
{
        struct handling handling = {.answer = {.status = 403}};
        struct ws_listener *listener = await(listen_with(&handling, NULL));
        char head[4096], again[100];
        time_t before = time(NULL), sent;
        struct tm tm = {.tm_sec = 0};
        int fd = await(shake_hands(listener, "", head));
        const char *date = strstr(head, "\r\nDate: ");

        expect_log("refused with 403");
        if (expect(date != NULL)) {
                date = strptime(date + 8, "%a, %d %b %Y %H:%M:%S GMT", &tm);
                expect(date != NULL && strncmp(date, "\r\n", 2) == 0);
                sent = timegm(&tm);
                expect(sent >= before && sent <= time(NULL));
                strftime(again, sizeof(again), "\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
                has(head, again);
        }
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* With these fields: the status. */
static async int
status_of(struct ws_listener *listener, const char *fields)
{
        char head[4096];
        int status = 0, fd = await(shake_hands(listener, fields, head));

        sscanf(head, "HTTP/1.1 %d ", &status);
        if (status == 101)
                ws_drop(await(ws_accept(listener, SOON)));
        close(fd);
        return status;
}

/* The Host of these handshakes is "localhost". */
static async int
pages_connect_from_where_they_may(NOTHING)
{
        static const char *const origins[] = {WS_ORIGIN_SELF, "https://a.example:8443"};
        struct ws_listen_options options = {.url = ANY_PORT, .origins = origins, .origin_count = 2};
        struct ws_listener *listener = await(ws_listen(&options, NULL));

        expect_int(await(status_of(listener, "")), 101);
        expect_int(await(status_of(listener, "Origin: http://localhost\r\n")), 101);
        expect_int(await(status_of(listener, "Origin: https://LOCALHOST\r\n")), 101);
        expect_int(await(status_of(listener, "Origin: https://A.example:8443\r\n")), 101);
        test_log.expected = test_log.count;
        expect_int(await(status_of(listener, "Origin: https://a.example\r\n")), 403);
        expect_log("refused with 403");
        expect_int(await(status_of(listener, "Origin: https://evil.example\r\n")), 403);
        expect_log("refused with 403");
        expect_int(await(status_of(listener, "Origin: https://localhost.evil.example\r\n")), 403);
        expect_log("refused with 403");
        expect_int(await(status_of(listener, "Origin: localhost\r\n")), 403);
        expect_log("refused with 403");
        expect_int(await(status_of(listener, "Origin: null\r\n")), 403);
        expect_log("refused with 403");
        expect_int(await(status_of(listener, "Origin: http://localhost\r\n"
                                             "Origin: https://evil.example\r\n")),
                   403);
        expect_log("refused with 403");
        ws_listener_close(listener);
        return 0;
}

/* It sees what will happen, and may know better. */
static void
let_them_all_in(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        *(int *)argument = answer->status;
        if (request->upgrade && answer->status == 403)
                *answer = (struct ws_answer){.status = 101};
}

static async int
the_handler_may_let_a_page_in_all_the_same(NOTHING)
{
        static const char *const origins[] = {"https://a.example"};
        int seen = 0;
        struct ws_listen_options options = {.url = ANY_PORT,
                                            .origins = origins,
                                            .origin_count = 1,
                                            .handler = let_them_all_in,
                                            .argument = &seen};
        struct ws_listener *listener = await(ws_listen(&options, NULL));

        expect_int(await(status_of(listener, "Origin: https://evil.example\r\n")), 101);
        expect_int(seen, 403);
        expect_int(await(status_of(listener, "Origin: https://a.example\r\n")), 101);
        expect_int(seen, 101);
        ws_listener_close(listener);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(the_first_subprotocol_is_chosen_unless_the_listener_wants_another),
                on_loop(both_ends_know_the_subprotocol),
                on_loop(a_connection_keeps_the_request_that_opened_it),
                on_loop(a_handler_that_does_nothing_accepts),
                on_loop(a_handler_accepts_with_subprotocol_and_fields),
                on_loop(a_handler_refuses_with_status_fields_and_a_body_of_any_length),
                on_loop(an_answer_that_cannot_be_sent_is_500_and_logged),
                on_loop(of_a_target_whose_answer_cannot_be_sent_the_path_is_logged_in_part),
                on_loop(a_plain_request_cannot_be_accepted),
                on_loop(who_expects_100_gets_it_before_the_101),
                on_loop(a_response_is_dated_in_the_standard_form),
                on_loop(pages_connect_from_where_they_may),
                on_loop(the_handler_may_let_a_page_in_all_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
