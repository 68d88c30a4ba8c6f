/* SPDX-License-Identifier: MIT */
/* Connecting: what can be wrong with the URL, the server, its certificate and its answer. */
#include "unit/names.h"
#include "unit/ws/raw.h"

/* Before anything is sent. */

static async void
expect_no_connection(const struct ws_connect_options *options, enum aw_error_kind failure,
                     int number, const char *words)
{
        struct connecting connecting = {.options = *options};
        struct aw_error error = {.kind = AW_ERROR_NONE};

        /* What does not make sense is known beforehand, in the same words. */
        expect_int(ws_connect_check(options, &error), failure == AW_ERROR_USAGE ? -1 : 0);
        connect_start(&connecting, options->url);
        expect_failure(&connecting, failure, number, words);
        expect_int(connecting.error.status, 0);
        if (failure == AW_ERROR_USAGE)
                expect(strcmp(error.text, connecting.error.text) == 0);
}

static async int
what_is_asked_for_must_make_sense(NOTHING)
{
        static const char *const urls[] = {"",          "localhost",     "http://h/",
                                           "ws://",     "ws://h:99999/", "ws://h/#fragment",
                                           "ws://u@h/", "ws://h/a b"};
        static const char *const headers[] = {"no colon",  ": no name",     "a b: space",
                                              "X: a\r\nY", "X: a\nInject:", "X\t: tab"};
        struct ws_connect_options options = {.url = "wss://localhost/"};
        size_t i;

        await(expect_no_connection(&options, AW_ERROR_USAGE, EINVAL, "TLS context"));
        for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                options.url = urls[i];
                /* Who it is may be followed by a password, and is not told. */
                await(expect_no_connection(&options, AW_ERROR_USAGE, EINVAL,
                                           strchr(urls[i], '@') == NULL ? urls[i]
                                                                        : "'ws://...@h/': "));
        }
        options.url = "ws://localhost/";
        options.header_count = 1;
        for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
                options.headers = &headers[i];
                await(expect_no_connection(&options, AW_ERROR_USAGE, EINVAL,
                                           headers[i][0] == 'X' && headers[i][1] == ':'
                                                   ? "the header field 'X' has a control"
                                                   : "header field 1 "));
        }
        return 0;
}

/* The errno is enough for some. */
static async int
nobody_need_be_told_why(NOTHING)
{
        struct ws_connect_options to = {.url = NULL};
        struct ws_listen_options at = {.url = NULL};
        struct aw_error error;

        expect(await(ws_connect(&to, &error, AW_NEVER)) == NULL);
        expect_int(errno, EINVAL);
        expect(strcmp(error.text, "no URL is given") == 0);
        expect(await(ws_connect(&to, NULL, AW_NEVER)) == NULL);
        expect_int(errno, EINVAL);
        expect_error(ws_connect_check(&to, NULL), EINVAL);
        expect(await(ws_listen(&at, &error)) == NULL);
        expect_int(errno, EINVAL);
        expect(strcmp(error.text, "no URL is given") == 0);
        at.url = "unix:/no/such/directory/socket";
        expect(await(ws_listen(&at, NULL)) == NULL);
        expect_int(errno, ENOENT);
        to.url = "ws+unix:/no/such/socket";
        expect(await(ws_connect(&to, NULL, AW_NEVER)) == NULL);
        expect_int(errno, ENOENT);
        expect(aw_tls_context_server("/no/such/file", "/no/such/file", NULL) == NULL);
        expect_int(errno, ENOENT);
        return 0;
}

static async int
nobody_may_be_there(NOTHING)
{
        struct ws_connect_options options = {.url = "ws+unix:/no/such/socket"};
        char url[64], named[80], name[300] = "";

        await(expect_no_connection(&options, AW_ERROR_CONNECTION, ENOENT,
                                   "cannot connect to /no/such/socket: No such file"));
        close(raw_listen(url, 1));
        options.url = url;
        await(expect_no_connection(&options, AW_ERROR_CONNECTION, ECONNREFUSED,
                                   "cannot connect to 127.0.0.1:"));
        /* That is not even asked. */
        options.server_name = "";
        await(expect_no_connection(&options, AW_ERROR_USAGE, EINVAL,
                                   "the server's name for TLS is empty or too long"));
        memset(name, 'a', 254);
        options.server_name = name;
        await(expect_no_connection(&options, AW_ERROR_USAGE, EINVAL,
                                   "the server's name for TLS is empty or too long"));
        options.server_name = NULL;
        options.url = "wss://localhost";
        await(expect_no_connection(&options, AW_ERROR_USAGE, EINVAL, "wss needs a TLS context"));
        names_error = EAI_NONAME;
        options.url = "ws://no.such.name/";
        await(expect_no_connection(&options, AW_ERROR_RESOLVE, EADDRNOTAVAIL,
                                   "cannot resolve no.such.name: "));
        names_are("127.0.0.1", "127.0.0.2", NULL, NULL);
        snprintf(named, sizeof(named), "ws://two.test%s", strrchr(url, ':'));
        options.url = named;
        await(expect_no_connection(&options, AW_ERROR_CONNECTION, ECONNREFUSED,
                                   "cannot connect to two.test:"));
        return 0;
}

/* TLS. */

static const char *
certificate_file(const char *name, char path[400])
{
        const char *directory = getenv("CERTS");

        snprintf(path, 400, "%s/%s", directory == NULL ? "build/certs" : directory, name);
        return path;
}

/* A listener with the development certificate, at this address. */
static async struct ws_listener *
listen_with_certificate(const char *url)
{
        char cert[400], key[400];
        struct aw_error error = {.text = ""};
        struct aw_tls_context *tls =
                aw_tls_context_server(certificate_file("localhost.pem", cert),
                                      certificate_file("localhost.key", key), &error);
        struct ws_listener *listener = NULL;

        if (test_expect(tls != NULL, __FILE__, __LINE__, "%s", error.text))
                listener = await(listen_at(url, tls));
        aw_tls_context_unref(tls);
        return listener;
}

static struct aw_tls_context *
trust(const char *name)
{
        char path[400];
        struct aw_error error = {.text = ""};
        struct aw_tls_context *tls =
                aw_tls_context_client(certificate_file(name, path), false, &error);

        test_expect(tls != NULL, __FILE__, __LINE__, "%s", error.text);
        return tls;
}

static async int
a_good_certificate_is_accepted(NOTHING)
{
        struct ws_listener *listener = await(listen_with_certificate("wss://127.0.0.1:0"));
        struct connecting connecting = {.options = {.tls = trust("ca.pem")}};
        char url[64];
        struct ws *server;
        int i;

        names_are("127.0.0.1", NULL, NULL, NULL);
        for (i = 0; i < 2; i++) {
                snprintf(url, sizeof(url), "wss://%s%s", i == 0 ? "127.0.0.1" : "localhost",
                         strrchr(ws_listener_url(listener, 0), ':'));
                connect_start(&connecting, url);
                server = await(ws_accept(listener, SOON));
                expect_int(await(aw_join(connecting.task)), 0);
                ws_drop(connecting.ws);
                ws_drop(server);
        }
        aw_tls_context_unref(connecting.options.tls);
        ws_listener_close(listener);
        return 0;
}

/* Connects to the listener, which is to fail. */
static async void
expect_tls_failure(struct ws_listener *listener, struct aw_tls_context *tls, const char *words)
{
        struct connecting connecting = {.options = {.tls = tls}};

        connect_start(&connecting, ws_listener_url(listener, 0));
        expect_failure(&connecting, AW_ERROR_CERTIFICATE, EPROTO, words);
        aw_tls_context_unref(tls);
        /* The server was told why. */
        wait_until(test_log.count > test_log.expected);
        expect_log("TLS: ");
        ws_listener_close(listener);
}

static async int
a_certificate_that_is_not_trusted_is_refused(NOTHING)
{
        struct aw_error error;
        struct aw_tls_context *self_signed = aw_tls_context_server(NULL, NULL, &error);

        await(expect_tls_failure(await(listen_at("wss://127.0.0.1:0", self_signed)),
                                 trust("ca.pem"), "certificate"));
        aw_tls_context_unref(self_signed);
        return 0;
}

static async int
a_certificate_for_another_host_is_refused(NOTHING)
{
        await(expect_tls_failure(await(listen_with_certificate("wss://127.0.0.2:0")),
                                 trust("ca.pem"), "127.0.0.2"));
        return 0;
}

static async int
a_peer_that_does_not_speak_tls_is_refused(NOTHING)
{
        struct aw_error error;
        struct connecting connecting = {
                .options = {.tls = aw_tls_context_client(NULL, true, &error)}};
        char url[64], wss[80];
        int listener = raw_listen(url, 1), fd;

        snprintf(wss, sizeof(wss), "wss%s", url + 2);
        connect_start(&connecting, wss);
        fd = await(raw_accept(listener));
        raw_send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        expect_failure(&connecting, AW_ERROR_TLS, EPROTO, "TLS");
        aw_tls_context_unref(connecting.options.tls);
        close(fd);
        close(listener);
        return 0;
}

/* The opening handshake. */

struct answer {
        const char *text;
        int status;
        const char *words;
};

/* Connects to a server that answers so, accept value or not. */
static async void
expect_refused(const struct answer *answer, bool end)
{
        struct connecting connecting = {.deadline = 0};
        char url[64], head[4096];
        int listener = raw_listen(url, 1), fd;

        connect_start(&connecting, url);
        fd = await(raw_accept(listener));
        await(raw_read_head(fd, head));
        raw_send(fd, answer->text, strlen(answer->text));
        if (end)
                close(fd);
        if (answer->status == -1)
                expect_failure(&connecting, AW_ERROR_CONNECTION, EPIPE, answer->words);
        else
                expect_failure(&connecting, AW_ERROR_HANDSHAKE, EPROTO, answer->words);
        expect_int(connecting.error.status, answer->status == -1 ? 0 : answer->status);
        if (!end) {
                await(raw_expect_end(fd));
                close(fd);
        }
        close(listener);
}

#define SWITCHING                                                                                  \
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static async int
a_server_may_refuse_the_handshake(NOTHING)
{
        static const struct answer answers[] = {
                {"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", 404,
                 "answered 404 Not Found"},
                {"HTTP/1.1 403 \r\n\r\n", 403, "answered 403"},
                {"HTTP/1.0 301 Moved\r\nLocation: /\r\n\r\n", 301,
                 "answered 301 Moved, Location: /"},
                {"HTTP/1.1 200 OK\r\n\r\n", 200, "answered 200 OK"},
                {"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nLocation: /\r\n\r\n", 401,
                 "answered 401 No, WWW-Authenticate: Basic realm=x"},
                {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"
                 "HTTP/1.1 404 Not Found\r\n\r\n",
                 404, "answered 404 Not Found"},
                {SWITCHING "\r\n", 0, "Sec-WebSocket-Accept"},
                {SWITCHING "Sec-WebSocket-Accept: " RAW_ACCEPT "\r\n\r\n", 0,
                 "Sec-WebSocket-Accept"},
                {"SSH-2.0-OpenSSH_9.2p1\r\n", 0, "does not speak HTTP"},
                {"", -1, "closed the connection during the handshake"},
                {"HTTP/1.1 101 Switch", -1, "closed the connection in the middle of its answer"},
                {"HTTP/1.1 103 Early Hints\r\n\r\n", -1, "in the middle of its answer"},
        };
        size_t i;

        for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                await(expect_refused(&answers[i], answers[i].status == -1));
        return 0;
}

static async int
a_server_may_not_choose_what_was_not_offered(NOTHING)
{
        static const char *const wrong[] = {"Sec-WebSocket-Protocol: chat\r\n",
                                            "Sec-WebSocket-Extensions: permessage-deflate\r\n"};
        struct connecting connecting;
        char url[64];
        int listener = raw_listen(url, 1), fd;
        size_t i;

        for (i = 0; i < 2; i++) {
                connecting = (struct connecting){.deadline = 0};
                connect_start(&connecting, url);
                fd = await(raw_server(listener, "101 Switching Protocols", wrong[i]));
                expect_failure(&connecting, AW_ERROR_HANDSHAKE, EPROTO, "not offered");
                close(fd);
        }
        close(listener);
        return 0;
}

static async int
the_request_has_path_host_and_header_fields(NOTHING)
{
        static const char *const headers[] = {"X-First: 1", "Sec-WebSocket-Protocol: chat"};
        struct connecting connecting = {.options = {.headers = headers, .header_count = 2}};
        char base[64], url[100], head[4096], answer[400], accept[WS_ACCEPT_SIZE];
        int listener = raw_listen(base, 1), fd;

        snprintf(url, sizeof(url), "%spath?query=1", base);
        connect_start(&connecting, url);
        fd = await(raw_accept(listener));
        await(raw_read_head(fd, head));
        expect(strncmp(head, "GET /path?query=1 HTTP/1.1\r\nHost: 127.0.0.1:", 44) == 0);
        expect(strstr(head, "\r\nX-First: 1\r\nSec-WebSocket-Protocol: chat\r\n") != NULL);
        ws_handshake_accept(strstr(head, "-Key: ") + 6, WS_KEY_SIZE - 1, accept);
        /* What comes before the answer is skipped, and what comes with it is not lost. */
        raw_send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 102 Processing\r\n\r\n" SWITCHING
                 "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: %s\r\n\r\n"
                 "\x81\x05hello",
                 accept);
        raw_send(fd, answer, strlen(answer));
        expect_int(await(aw_join(connecting.task)), 0);
        expect_received(connecting.ws, "hello");
        ws_drop(connecting.ws);
        close(fd);
        close(listener);
        return 0;
}

static async int
a_long_request_goes_out_whole(NOTHING)
{
        char *field = malloc(200004), *request = malloc(201000), url[64];
        const char *fields[] = {field};
        struct connecting connecting = {.options = {.headers = fields, .header_count = 1}};
        int listener = raw_listen(url, 1), fd;
        size_t length = 0;
        ssize_t got = 1;

        memset(field, 'x', 200003);
        memcpy(field, "X: ", 3);
        field[200003] = '\0';
        connect_start(&connecting, url);
        fd = await(raw_accept(listener));
        while (got > 0 && length < 200500 &&
               (length < 4 || memcmp(request + length - 4, "\r\n\r\n", 4) != 0)) {
                got = await(raw_read(fd, request + length, 200999 - length));
                length += got > 0 ? (size_t)got : 0;
        }
        request[length] = '\0';
        expect(strstr(request, field) != NULL);
        raw_send(fd, "HTTP/1.1 431 Too Large\r\n\r\n", 26);
        expect_failure(&connecting, AW_ERROR_HANDSHAKE, EPROTO, "answered 431");
        close(fd);
        close(listener);
        free(request);
        free(field);
        return 0;
}

static async int
an_answer_may_come_one_byte_at_a_time(NOTHING)
{
        struct connecting connecting = {.deadline = 0};
        char url[64], head[4096], answer[300], accept[WS_ACCEPT_SIZE];
        int listener = raw_listen(url, 1), fd;
        size_t i;

        connect_start(&connecting, url);
        fd = await(raw_accept(listener));
        await(raw_read_head(fd, head));
        ws_handshake_accept(strstr(head, "-Key: ") + 6, WS_KEY_SIZE - 1, accept);
        snprintf(answer, sizeof(answer), SWITCHING "Sec-WebSocket-Accept: %s\r\n\r\n\x81\x02hi",
                 accept);
        for (i = 0; i < strlen(answer); i++) {
                raw_send(fd, &answer[i], 1);
                await(aw_sleep(0));
        }
        expect_int(await(aw_join(connecting.task)), 0);
        expect_received(connecting.ws, "hi");
        ws_drop(connecting.ws);
        close(fd);
        close(listener);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_asked_for_must_make_sense),
                on_loop(nobody_need_be_told_why),
                on_loop(nobody_may_be_there),
                on_loop(a_good_certificate_is_accepted),
                on_loop(a_certificate_that_is_not_trusted_is_refused),
                on_loop(a_certificate_for_another_host_is_refused),
                on_loop(a_peer_that_does_not_speak_tls_is_refused),
                on_loop(a_server_may_refuse_the_handshake),
                on_loop(a_server_may_not_choose_what_was_not_offered),
                on_loop(the_request_has_path_host_and_header_fields),
                on_loop(a_long_request_goes_out_whole),
                on_loop(an_answer_may_come_one_byte_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
