/* SPDX-License-Identifier: MIT */
/* What comes to a listener before it is a WebSocket, or instead. */
#include "unit/clock.h"
#include "unit/ws/raw.h"

/* That the request is answered like this, and then the connection ends. */
static async void
expect_answer(struct ws_listener *listener, const char *request, const char *status,
              const char *body)
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0);
        char answer[4096];
        size_t length = 0;
        ssize_t got = 1;

        raw_send(fd, request, strlen(request));
        while (got > 0 && length < sizeof(answer) - 1) {
                got = await(raw_read(fd, answer + length, sizeof(answer) - 1 - length));
                length += got > 0 ? (size_t)got : 0;
        }
        answer[length] = '\0';
        expect_int(got, 0);
        test_expect(strncmp(answer, status, strlen(status)) == 0, __FILE__, __LINE__,
                    "the answer begins with '%s' (it is '%s')", status, answer);
        test_expect(strstr(answer, body) != NULL, __FILE__, __LINE__, "'%s' is in '%s'", body,
                    answer);
        close(fd);
}

static async int
what_is_no_handshake_is_refused_with_a_status(NOTHING)
{
        static const char many[20000] = {[0 ... 19998] = 'x'};
        char long_head[21000];
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));

        snprintf(long_head, sizeof(long_head), "GET / HTTP/1.1\r\nHost: h\r\nX: %s", many);
        await(expect_answer(listener, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                            "HTTP/1.1 426 Upgrade Required\r\n",
                            "\r\nSec-WebSocket-Version: 13\r\n"));
        expect_log("refused with 426");
        await(expect_answer(listener,
                            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
                            "Sec-WebSocket-Key: " RAW_KEY "\r\n\r\n",
                            "HTTP/1.1 426 ", "\r\nSec-WebSocket-Version: 13\r\n"));
        expect_log("version");
        await(expect_answer(listener, "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
                            "HTTP/1.1 400 Bad Request\r\n",
                            "\r\nConnection: close\r\n\r\n400 Bad Request: the field "
                            "Connection does not say Upgrade\n"));
        expect_log("refused with 400");
        await(expect_answer(listener,
                            "GET / HTTP/1.0\r\nHost: h\r\nConnection: close\r\n"
                            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " RAW_KEY "\r\n\r\n",
                            "HTTP/1.1 426 ", "proxy_http_version 1.1\n"));
        expect_log("refused with 426: a proxy between us dropped the Upgrade field: nginx needs");
        await(expect_answer(listener, "GET x HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ",
                            "400 Bad Request: the request's target is neither"));
        expect_log("target");
        await(expect_answer(listener,
                            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Protocol: a b\r\n"
                            "Sec-WebSocket-Key: " RAW_KEY "\r\n\r\n",
                            "HTTP/1.1 400 ", "Sec-WebSocket-Protocol is no list"));
        expect_log("Sec-WebSocket-Protocol");
        await(expect_answer(listener, "\x16\x03\x01", "HTTP/1.1 400 ", "not an HTTP request"));
        expect_log("not an HTTP request");
        await(expect_answer(listener, "GET / HTTP/1.1\r\nHost: h\r\nX: 1.2.3.4\x01\r\n\r\n",
                            "HTTP/1.1 400 ",
                            "400 Bad Request: the value of the field X has a control character in "
                            "it, \\x01\n"));
        expect_log("refused with 400: the value of the field X has a control character in it, "
                   "\\x01");
        await(expect_answer(listener, "GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 ", "version"));
        expect_log("refused with 505");
        await(expect_answer(listener, long_head, "HTTP/1.1 431 ", "too large"));
        expect_log("refused with 431");
        ws_listener_close(listener);
        return 0;
}

static int answered; /* requests that the handler saw */

static void
answer(const struct ws_request *request, struct ws_answer *reply, void *argument)
{
        static char body[200001];

        expect(argument == &answered);
        answered++;
        expect(!request->upgrade && !request->secure);
        expect(strncmp(request->peer, "127.0.0.1:", 10) == 0);
        expect_int(reply->status, 426);
        memset(body, 'b', 200000);
        if (strcmp(request->target, "/large") == 0)
                *reply = (struct ws_answer){.status = 200, .body = body};
        else if (strcmp(request->target, "/") == 0)
                *reply = (struct ws_answer){
                        .status = 200, .content_type = "text/x-test", .body = "the page\n"};
        else if (strcmp(request->target, "/empty") == 0)
                *reply = (struct ws_answer){.status = 204, .body = "never sent"};
        else if (strcmp(request->target, "/nothing") == 0)
                *reply = (struct ws_answer){.status = 404};
        else if (strcmp(request->target, "/binary") == 0)
                *reply = (struct ws_answer){.status = 200,
                                            .content_type = "application/octet-stream",
                                            .body = "a\0b",
                                            .length = 3};
        else
                *reply = (struct ws_answer){.status = 404, .body = "no such page\n"};
}

static async int
plain_requests_are_answered_by_the_owner(NOTHING)
{
        struct ws_listen_options options = {
                .url = ANY_PORT, .handler = answer, .argument = &answered};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));
        char head[4096], *data = malloc(200000);
        size_t i;
        int fd;

        await(expect_answer(listener, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Type: text/x-test\r\n"
                            "Content-Length: 9\r\nX-Content-Type-Options: nosniff\r\nDate: ",
                            " GMT\r\nConnection: close\r\n\r\nthe page\n"));
        await(expect_answer(
                listener, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n",
                "HTTP/1.1 204 No Content\r\nDate: ", " GMT\r\nConnection: close\r\n\r\n"));
        await(expect_answer(listener, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n",
                            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: ",
                            " GMT\r\nConnection: close\r\n\r\n"));
        await(expect_answer(listener, "GET /binary HTTP/1.1\r\nHost: h\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                            "Content-Length: 3\r\n",
                            "\r\n\r\na"));
        await(expect_answer(listener, "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
                            "\r\n\r\nno such page\n"));
        fd = raw_connect(ws_listener_url(listener, 0), 0);
        raw_send(fd, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 28);
        await(raw_read_head(fd, head));
        expect(strstr(head, "\r\nContent-Length: 9\r\n") != NULL);
        await(raw_expect_end(fd));
        close(fd);

        fd = raw_connect(ws_listener_url(listener, 0), 0);
        raw_send(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n", 33);
        await(raw_read_head(fd, head));
        await(raw_read_all(fd, data, 200000));
        for (i = 0; i < 200000 && data[i] == 'b'; i++)
                continue;
        expect_int((long long)i, 200000);
        await(raw_expect_end(fd));
        close(fd);
        free(data);
        expect_int(answered, 7);
        ws_listener_close(listener);
        return 0;
}

static async int
a_handshake_has_ten_seconds(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        int silent = raw_connect(ws_listener_url(listener, 0), 0);
        int slow = raw_connect(ws_listener_url(listener, 0), 0);
        struct ws *server;
        char head[4096];
        int fd;

        raw_send(slow, "GET / ", 6);
        /* Both have been seen when a third has been accepted. */
        fd = await(raw_client(listener, &server, 0));
        await(clock_advance(WS_HANDSHAKE_TIME - AW_SECOND));
        raw_send(slow, "HTTP/1.1\r\n", 10);
        raw_text(fd, "fence");
        expect_received(server, "fence");
        await(clock_advance(2 * AW_SECOND));
        expect_log("refused with 408: no complete handshake in time");
        expect_log("refused with 408: no complete handshake in time");
        await(raw_read_head(silent, head));
        expect(strstr(head, "HTTP/1.1 408 Request Timeout\r\n") == head);
        await(raw_read_head(slow, head));
        expect(strstr(head, "HTTP/1.1 408 Request Timeout\r\n") == head);
        /* An open connection has all the time it wants. */
        await(clock_advance(WS_HANDSHAKE_TIME));
        raw_text(fd, "still here");
        expect_received(server, "still here");
        ws_drop(server);
        close(fd);
        close(silent);
        close(slow);
        ws_listener_close(listener);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_no_handshake_is_refused_with_a_status),
                on_loop(plain_requests_are_answered_by_the_owner),
                on_loop(a_handshake_has_ten_seconds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
