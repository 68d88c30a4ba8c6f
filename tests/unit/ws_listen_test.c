/* SPDX-License-Identifier: MIT */
/* Listening, and what comes in before it is a WebSocket. */
#include "clock_test.h"
#include "names_test.h"
#include "ws_listener.h"
#include "ws_test_raw.h"

#include <sys/stat.h>
#include <sys/un.h>

/* Listening. */

struct refusal {
        const char *url;
        enum ws_failure failure;
        int number;
        const char *text; /* a part of it */
};

static async void
expect_refused(const char *url, enum ws_failure failure, int number, const char *text)
{
        struct ws_listen_options options = {.url = url};
        struct ws_error error = {.status = -1};
        struct ws_listener *listener = await(ws_listen(&options, &error));
        int got = errno;

        if (!test_expect(listener == NULL, __FILE__, __LINE__, "%s is refused", url)) {
                ws_listener_close(listener);
                return;
        }
        expect_int(got, number);
        expect_int(error.failure, failure);
        test_expect(strstr(error.text, text) != NULL, __FILE__, __LINE__,
                    "listening on %s fails with '%s' (it is '%s')", url, text, error.text);
}

static async int
what_cannot_be_listened_on_is_said_in_a_sentence(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));

        await(expect_refused("http://127.0.0.1:0", WS_FAILED_URL, EINVAL,
                             "'http://127.0.0.1:0': "));
        await(expect_refused("wss://127.0.0.1:0", WS_FAILED_URL, EINVAL, "certificate"));
        await(expect_refused(ws_listener_url(listener, 0), WS_FAILED_CONNECTION, EADDRINUSE,
                             "cannot listen on 127.0.0.1:"));
        await(expect_refused("ws://198.51.100.1:0", WS_FAILED_CONNECTION, EADDRNOTAVAIL,
                             "cannot listen on 198.51.100.1"));
        await(expect_refused("unix:/no/such/directory/socket", WS_FAILED_CONNECTION, ENOENT,
                             "cannot listen on /no/such/directory/socket: No such file"));
        names_error = EAI_NONAME;
        await(expect_refused("ws://no.such.name:0", WS_FAILED_CONNECTION, EADDRNOTAVAIL,
                             "cannot listen on no.such.name"));
        ws_listener_close(listener);
        return 0;
}

static async int
a_listener_has_all_addresses_of_a_name_on_one_port(NOTHING)
{
        struct connecting connecting[3] = {{.deadline = 0}};
        struct ws_listener *listener;
        const char *port;
        size_t i;

        names_are("127.0.0.1", "127.0.0.2", "127.0.0.3", NULL);
        listener = await(listen_at("ws://three.test:0", NULL));
        port = strrchr(ws_listener_url(listener, 0), ':');
        expect(strncmp(ws_listener_url(listener, 2), "ws://127.0.0.3:", 15) == 0);
        expect(ws_listener_url(listener, 3) == NULL);
        for (i = 0; i < 3; i++) {
                struct ws *server;

                expect(strcmp(strrchr(ws_listener_url(listener, i), ':'), port) == 0);
                connect_start(&connecting[i], ws_listener_url(listener, i));
                server = await(ws_accept(listener, SOON));
                expect_int(await(aw_join(connecting[i].task)), 0);
                ws_drop(connecting[i].ws);
                ws_drop(server);
        }
        ws_listener_close(listener);
        return 0;
}

static async int
an_address_that_the_machine_lacks_is_left_out(NOTHING)
{
        struct ws_listener *listener;

        names_are("198.51.100.1", "127.0.0.1", NULL, NULL);
        listener = await(listen_at("ws://both.test:0", NULL));
        expect(strncmp(ws_listener_url(listener, 0), "ws://127.0.0.1:", 15) == 0);
        expect(ws_listener_url(listener, 1) == NULL);
        ws_listener_close(listener);
        return 0;
}

/* Unix sockets. */

static const char *
socket_path(void)
{
        static char path[100];
        const char *directory = getenv("TMPDIR");

        snprintf(path, sizeof(path), "%s/ws_listen_test.%d", directory == NULL ? "/tmp" : directory,
                 (int)getpid());
        return path;
}

static async int
a_unix_socket_is_there_as_long_as_its_listener(NOTHING)
{
        char url[120], client_url[120];
        struct connecting connecting = {.deadline = 0};
        struct ws_listener *listener;
        struct stat status;
        struct ws *server;

        snprintf(url, sizeof(url), "unix:%s", socket_path());
        snprintf(client_url, sizeof(client_url), "ws+unix:%s:/path", socket_path());
        listener = await(listen_at(url, NULL));
        expect(strcmp(ws_listener_url(listener, 0), url) == 0);
        connect_start(&connecting, client_url);
        server = await(ws_accept(listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        expect(strcmp(ws_peer(server), "unix") == 0);
        expect_int(await(ws_send_text(server, "through the file system", SOON)), 0);
        expect_received(connecting.ws, "through the file system");
        expect_int(stat(socket_path(), &status), 0);
        ws_listener_close(listener);
        expect_error(stat(socket_path(), &status), ENOENT);
        ws_drop(connecting.ws);
        ws_drop(server);
        return 0;
}

static async int
a_stale_unix_socket_is_replaced_and_nothing_else_is(NOTHING)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char url[120];
        struct ws_listener *listener;
        struct stat status;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(url, sizeof(url), "unix:%s", socket_path());
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path());
        expect_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        expect_int(listen(fd, 1), 0);
        await(expect_refused(url, WS_FAILED_CONNECTION, EADDRINUSE, "in use"));
        expect_int(stat(socket_path(), &status), 0);
        close(fd);
        listener = await(listen_at(url, NULL));
        ws_listener_close(listener);

        close(open(socket_path(), O_CREAT | O_WRONLY, 0600));
        await(expect_refused(url, WS_FAILED_CONNECTION, EADDRINUSE, "in use"));
        expect_int(stat(socket_path(), &status), 0);
        unlink(socket_path());
        return 0;
}

/* Accepting. */

struct accepting {
        struct ws_listener *listener;
        struct ws *ws;
};

static async int
accept_in_task(void *argument)
{
        struct accepting *accepting = argument;

        accepting->ws = await(ws_accept(accepting->listener, SOON));
        return accepting->ws == NULL ? -1 : 0;
}

/* A client's handshake, which nobody accepts yet. */
static int
knock(struct ws_listener *listener)
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        return fd;
}

static async int
accepting_in_vain_times_out_or_is_cancelled(NOTHING)
{
        struct accepting accepting = {.listener = await(listen_at(ANY_PORT, NULL))};
        struct aw_task *task = aw_spawn("accept", accept_in_task, &accepting);
        struct ws *server;
        int fd;

        expect(await(ws_accept(accepting.listener, NOW_OR_NOT)) == NULL && errno == ETIMEDOUT);
        expect(await(ws_accept(accepting.listener, 0)) == NULL && errno == ETIMEDOUT);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        fd = await(raw_client(accepting.listener, &server, 0));
        ws_drop(server);
        close(fd);
        ws_listener_close(accepting.listener);
        return 0;
}

static async int
who_waits_longest_accepts_first(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        struct accepting accepting[3];
        struct aw_task *tasks[3];
        int fds[2], i;

        for (i = 0; i < 3; i++) {
                accepting[i] = (struct accepting){.listener = listener};
                tasks[i] = aw_spawn("accept", accept_in_task, &accepting[i]);
        }
        fds[0] = knock(listener);
        expect_int(await(aw_join(tasks[0])), 0);
        await(idle_turns());
        expect(!aw_task_done(tasks[1]) && !aw_task_done(tasks[2]));
        /* One that is cancelled when its connection has come already leaves it to the next. */
        fds[1] = knock(listener);
        wait_until(listener->accept_first != NULL);
        aw_cancel(tasks[1]);
        expect_error(await(aw_join(tasks[1])), ECANCELED);
        expect_int(await(aw_join(tasks[2])), 0);
        ws_drop(accepting[0].ws);
        ws_drop(accepting[2].ws);
        close(fds[0]);
        close(fds[1]);
        ws_listener_close(listener);
        return 0;
}

static async int
connections_wait_to_be_accepted(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        char head[4096], text[] = "0";
        struct ws *server;
        int fds[3], i;

        for (i = 0; i < 3; i++) {
                fds[i] = knock(listener);
                await(raw_read_head(fds[i], head));
                text[0] = (char)('0' + i);
                raw_text(fds[i], text);
        }
        /* One that was lost meanwhile is accepted too, with what it sent. */
        close(fds[1]);
        for (i = 0; i < 3; i++) {
                server = await(ws_accept(listener, SOON));
                text[0] = (char)('0' + i);
                expect_received(server, text);
                if (i == 1)
                        expect_closed(server, WS_ABNORMAL, "");
                ws_drop(server);
        }
        close(fds[0]);
        close(fds[2]);
        ws_listener_close(listener);
        return 0;
}

/* Before it is a WebSocket. */

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
                            "HTTP/1.1 400 Bad Request\r\n", "\r\nConnection: close\r\n"));
        expect_log("refused with 400");
        await(expect_answer(listener, "\x16\x03\x01", "HTTP/1.1 400 ", "not an HTTP request"));
        expect_log("not an HTTP request");
        await(expect_answer(listener, "GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 ", "version"));
        expect_log("refused with 505");
        await(expect_answer(listener, long_head, "HTTP/1.1 431 ", "too large"));
        expect_log("refused with 431");
        ws_listener_close(listener);
        return 0;
}

static void
answer(const struct aw_http_head *request, struct ws_answer *reply)
{
        static char body[200001];

        memset(body, 'b', 200000);
        if (aw_http_text_is(&request->target, "/large"))
                *reply = (struct ws_answer){200, "text/plain", body};
        else if (aw_http_text_is(&request->target, "/"))
                *reply = (struct ws_answer){200, "text/x-test", "the page\n"};
        else
                *reply = (struct ws_answer){404, "text/plain", "no such page\n"};
}

static async int
plain_requests_are_answered_by_the_owner(NOTHING)
{
        struct ws_listen_options options = {.url = ANY_PORT, .answer = answer};
        struct ws_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));
        char head[4096], *data = malloc(200000);
        size_t i;
        int fd;

        await(expect_answer(listener, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Type: text/x-test\r\n"
                            "Content-Length: 9\r\n",
                            "\r\n\r\nthe page\n"));
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
        int fd;

        raw_send(slow, "GET / ", 6);
        /* Both have been seen when a third has been accepted. */
        fd = await(raw_client(listener, &server, 0));
        await(clock_advance(WS_HANDSHAKE_TIME - AW_SECOND));
        raw_send(slow, "HTTP/1.1\r\n", 10);
        raw_text(fd, "fence");
        expect_received(server, "fence");
        await(clock_advance(2 * AW_SECOND));
        await(raw_expect_end(silent));
        expect_log("no complete handshake in 10 s");
        expect_log("no complete handshake in 10 s");
        await(raw_expect_end(slow));
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

/* The end. */

static async int
a_listener_that_drains_lets_its_connections_go(struct pair *pair)
{
        struct accepting accepting = {.listener = pair->listener};
        struct aw_task *task = aw_spawn("accept", accept_in_task, &accepting);
        struct sockaddr_in address = raw_address(ws_listener_url(pair->listener, 0));
        int silent = raw_connect(ws_listener_url(pair->listener, 0), 0), fd;
        struct ws_message message;

        expect_int(await(ws_send_text(pair->client, "before", SOON)), 0);
        wait_until(pair->server->inbox.first != NULL);
        /* It is served when this one has got as far as this. */
        wait_until(pair->listener->connections->next != NULL);
        ws_listener_drain(pair->listener);
        ws_listener_drain(pair->listener);
        expect_error(await(aw_join(task)), ESHUTDOWN);
        expect(await(ws_accept(pair->listener, SOON)) == NULL && errno == ESHUTDOWN);
        await(raw_expect_end(silent));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        expect_error(connect(fd, (struct sockaddr *)&address, sizeof(address)), ECONNREFUSED);
        expect_received(pair->server, "before");
        expect_error(await(ws_receive(pair->server, &message, SOON)), ESHUTDOWN);
        expect_closed(pair->client, WS_GOING_AWAY, "");
        await(close_pair(pair));
        close(fd);
        close(silent);
        return 0;
}

static async int
receive_in_task(void *ws)
{
        struct ws_message message;

        return await(ws_receive(ws, &message, SOON));
}

static async int
draining_wakes_who_receives(struct pair *pair)
{
        struct aw_task *task = aw_spawn("receive", receive_in_task, pair->server);

        await(idle_turns());
        ws_listener_drain(pair->listener);
        expect_error(await(aw_join(task)), ESHUTDOWN);
        expect_closed(pair->client, WS_GOING_AWAY, "");
        await(close_pair(pair));
        return 0;
}

/* Those that nobody accepted are still there, and go the same way. */
static async int
who_waits_to_be_accepted_is_accepted_or_dropped(NOTHING)
{
        struct ws_listener *listener = await(listen_at(ANY_PORT, NULL));
        char head[4096];
        struct ws_message message;
        struct ws *server;
        int fds[2], i;

        for (i = 0; i < 2; i++) {
                fds[i] = knock(listener);
                await(raw_read_head(fds[i], head));
        }
        ws_listener_drain(listener);
        server = await(ws_accept(listener, SOON));
        expect_error(await(ws_receive(server, &message, SOON)), ESHUTDOWN);
        raw_expect_close(fds[0], WS_GOING_AWAY);
        ws_drop(server);
        ws_listener_close(listener);
        await(raw_expect_end(fds[1]));
        close(fds[0]);
        close(fds[1]);
        return 0;
}

static async int
connections_may_outlive_their_listener(struct pair *pair)
{
        ws_listener_close(pair->listener);
        pair->listener = NULL;
        expect_int(await(ws_send_text(pair->client, "after", SOON)), 0);
        wait_until(pair->server->inbox.first != NULL);
        expect_received(pair->server, "after");
        expect_int(await(ws_send_text(pair->server, "reply", SOON)), 0);
        expect_received(pair->client, "reply");
        await(close_pair(pair));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_cannot_be_listened_on_is_said_in_a_sentence),
                on_loop(a_listener_has_all_addresses_of_a_name_on_one_port),
                on_loop(an_address_that_the_machine_lacks_is_left_out),
                on_loop(a_unix_socket_is_there_as_long_as_its_listener),
                on_loop(a_stale_unix_socket_is_replaced_and_nothing_else_is),
                on_loop(accepting_in_vain_times_out_or_is_cancelled),
                on_loop(who_waits_longest_accepts_first),
                on_loop(connections_wait_to_be_accepted),
                on_loop(what_is_no_handshake_is_refused_with_a_status),
                on_loop(plain_requests_are_answered_by_the_owner),
                on_loop(a_handshake_has_ten_seconds),
                on_both_pairs(a_listener_that_drains_lets_its_connections_go),
                on_both_pairs(draining_wakes_who_receives),
                on_loop(who_waits_to_be_accepted_is_accepted_or_dropped),
                on_both_pairs(connections_may_outlive_their_listener),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
