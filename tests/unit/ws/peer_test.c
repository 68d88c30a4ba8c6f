/* SPDX-License-Identifier: MIT */
/* Who a connection's peer is when a load balancer stands between. */
#include "await/watch.h"
#include "unit/clock.h"
#include "unit/ws/raw.h"

#define HEADER "PROXY TCP4 192.0.2.7 192.0.2.1 40328 443\r\n"

static const char v2_header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0f"
                                "\xc0\x00\x02\x07\xc0\x00\x02\x01\x9d\x88\x01\xbb\x04\0\0";
static const char v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";

static struct aw_network trusted[2];
static enum ws_proxy_fault fault;
static char why[100];
static int ends;

static void
told(void *argument, enum ws_event event, const struct ws *ws)
{
        struct ws_info info;

        (void)argument;
        if (event != WS_EVENT_ENDED)
                return;
        ws_info(ws, &info);
        fault = info.proxy_fault;
        snprintf(why, sizeof(why), "%s", info.why);
        ends++;
}

static const struct ws_watch watch = {.event = told};

/* Listens, and believes the networks, of which the second may be NULL. */
static async struct ws_listener *
listen_for(struct ws_listen_options options, const char *one, const char *other)
{
        struct ws_listener *listener;

        expect_int(aw_network_parse(one, &trusted[0], NULL), 0);
        if (other != NULL)
                expect_int(aw_network_parse(other, &trusted[1], NULL), 0);
        options.trust.networks = trusted;
        options.trust.count = other == NULL ? 1 : 2;
        options.watch = &watch;
        if (options.url == NULL)
                options.url = ANY_PORT;
        ends = 0;
        listener = await(ws_listen(&options, NULL));
        expect(listener != NULL);
        return listener;
}

static async struct ws_listener *
listen_for_headers(void)
{
        return await(listen_for((struct ws_listen_options){.trust.proxy_protocol = true},
                                "127.0.0.0/8", NULL));
}

/* That the peer of the next connection is this one, and that it echoes; then it goes. */
#define expect_peer(listener, fd, peer)                                                            \
        await(test_expect_peer((listener), (fd), (peer), __FILE__, __LINE__))

static async void
test_expect_peer(struct ws_listener *listener, int fd, const char *peer, const char *file, int line)
{
        struct ws *ws = await(ws_accept(listener, SOON));
        char head[4096];

        if (!test_expect(ws != NULL, file, line, "a connection of %s", peer))
                return;
        test_expect(strcmp(ws_peer(ws), peer) == 0, file, line, "the peer is %s (it is %s)", peer,
                    ws_peer(ws));
        test_expect(strcmp(ws_request(ws)->peer, peer) == 0, file, line, "the request's peer");
        await(raw_read_head(fd, head));
        raw_text(fd, "here");
        expect_received(ws, "here");
        ws_drop(ws);
        close(fd);
}

static void
send_text(int fd, const char *text)
{
        raw_send(fd, text, strlen(text));
}

static async int
the_header_says_who_the_peer_is(NOTHING)
{
        struct ws_listener *listener = await(listen_for_headers());
        const struct sockaddr_in *address;
        struct ws *ws;
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        send_text(fd, HEADER RAW_REQUEST);
        expect_peer(listener, fd, "192.0.2.7:40328");
        fd = raw_connect(ws_listener_url(listener, 0), 0);
        raw_send(fd, v2_header, sizeof(v2_header) - 1);
        send_text(fd, RAW_REQUEST);
        ws = await(ws_accept(listener, SOON));
        address = (const void *)ws_peer_address(ws);
        expect_int(address->sin_family, AF_INET);
        expect_int(ntohl(address->sin_addr.s_addr), 0xc0000207);
        expect_int(ntohs(address->sin_port), 40328);
        ws_drop(ws);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static async int
a_header_comes_in_pieces_and_with_more_behind_it(NOTHING)
{
        struct ws_listener *listener = await(listen_for_headers());
        static const char text[] = HEADER RAW_REQUEST;
        char whole[sizeof(v2_header) + sizeof(RAW_REQUEST)];
        size_t length = sizeof(v2_header) - 1 + strlen(RAW_REQUEST), i;
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        for (i = 0; i < sizeof(text) - 1; i++) {
                raw_send(fd, text + i, 1);
                await(aw_sleep(0));
        }
        expect_peer(listener, fd, "192.0.2.7:40328");
        memcpy(whole, v2_header, sizeof(v2_header));
        memcpy(whole + sizeof(v2_header) - 1, RAW_REQUEST, sizeof(RAW_REQUEST));
        for (i = 1; i < 40; i++) {
                fd = raw_connect(ws_listener_url(listener, 0), 0);
                raw_send(fd, whole, i);
                await(aw_sleep(0));
                await(aw_sleep(0));
                raw_send(fd, whole + i, length - i);
                expect_peer(listener, fd, "192.0.2.7:40328");
        }
        ws_listener_close(listener);
        return 0;
}

static async int
a_header_that_tells_no_address_leaves_who_connected(NOTHING)
{
        struct ws_listener *listener = await(listen_for_headers());
        int fd = raw_connect(ws_listener_url(listener, 0), 0);
        struct ws *ws;

        raw_send(fd, v2_local, sizeof(v2_local) - 1);
        send_text(fd, RAW_REQUEST);
        ws = await(ws_accept(listener, SOON));
        expect(strncmp(ws_peer(ws), "127.0.0.1:", 10) == 0);
        ws_drop(ws);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* What is sent first, what becomes of the connection, and what is said about it. */
#define expect_refused(listener, data, length, fault, words)                                       \
        await(test_expect_refused((listener), (data), (length), (fault), (words), __FILE__,        \
                                  __LINE__))

static async void
test_expect_refused(struct ws_listener *listener, const void *data, size_t length,
                    enum ws_proxy_fault wanted, const char *words, const char *file, int line)
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0), before = ends;

        if (length > 0)
                send(fd, data, length, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        wait_until(ends > before);
        test_expect_int(fault, wanted, file, line, "the fault");
        test_expect_log(words, file, line);
        close(fd);
}

static async int
who_sends_no_header_is_dropped_with_a_line(NOTHING)
{
        struct ws_listener *listener = await(listen_for_headers());

        expect_refused(listener, RAW_REQUEST, strlen(RAW_REQUEST), WS_PROXY_WRONG,
                       "refused: it does not begin with a PROXY header");
        expect_refused(listener, "\x16\x03\x01", 3, WS_PROXY_WRONG, "refused: it begins with TLS");
        expect_refused(listener, HEADER, 20, WS_PROXY_WRONG,
                       "refused: it ended before its PROXY header did");
        expect_refused(listener, "", 0, WS_PROXY_WRONG,
                       "refused: it ended before its PROXY header did");
        expect_refused(listener, v2_header, 20, WS_PROXY_WRONG,
                       "refused: it ended before its PROXY header did");
        expect(strcmp(why, "it ended the stream") == 0);
        ws_listener_close(listener);
        return 0;
}

static async int
who_is_not_trusted_is_dropped_whatever_it_sends(NOTHING)
{
        struct ws_listener *listener = await(listen_for(
                (struct ws_listen_options){.trust.proxy_protocol = true}, "192.0.2.0/24", "unix"));

        expect_refused(listener, HEADER RAW_REQUEST, strlen(HEADER RAW_REQUEST), WS_PROXY_UNTRUSTED,
                       "refused: it is not among those who are trusted");
        ws_listener_close(listener);
        return 0;
}

static async int
the_header_has_the_time_of_the_handshake(NOTHING)
{
        struct ws_listener *listener = await(listen_for_headers());
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        send_text(fd, "PROXY ");
        wait_until(ws_connection_count() == 1);
        await(idle_turns());
        await(clock_advance(11 * AW_SECOND));
        wait_until(ends == 1);
        expect_int(fault, WS_PROXY_RIGHT);
        expect_log("no complete handshake in ");
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static async int
a_listener_that_drains_waits_for_no_header(NOTHING)
{
        struct ws_listener *listener = await(listen_for_headers());
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        send_text(fd, "PROXY ");
        wait_until(ws_connection_count() == 1);
        await(idle_turns());
        ws_listener_close(listener);
        await(raw_expect_end(fd));
        close(fd);
        return 0;
}

/* Passes on what comes until one side ends: the client's first words go out behind a header. */
struct balancer {
        int client, server;
};

static async int
pass_on(void *argument)
{
        const struct balancer *balancer = argument;
        char bytes[16384] = HEADER;
        ssize_t length = await(
                raw_read(balancer->client, bytes + strlen(HEADER), sizeof(bytes) - strlen(HEADER)));
        int i;

        raw_send(balancer->server, bytes, strlen(HEADER) + (size_t)length);
        for (i = 1; length > 0; i++) {
                int from = i % 2 == 1 ? balancer->server : balancer->client;
                int to = i % 2 == 1 ? balancer->client : balancer->server;

                length = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
                if (length > 0)
                        raw_send(to, bytes, (size_t)length);
                else if (length == -1)
                        length = await(aw_sleep(0)) == 0;
        }
        return 0;
}

static async int
tls_begins_behind_the_header(NOTHING)
{
        struct aw_tls_context *server = aw_tls_context_server(NULL, NULL, NULL);
        struct connecting connecting = {
                .options = {.tls = aw_tls_context_client(NULL, true, NULL)}};
        struct ws_listener *listener = await(listen_for(
                (struct ws_listen_options){
                        .url = "wss://127.0.0.1:0", .tls = server, .trust.proxy_protocol = true},
                "127.0.0.1", NULL));
        struct balancer balancer;
        struct aw_task *passing;
        char url[64], secure[66];
        struct ws *ws;
        int fd = raw_listen(url, 1);

        snprintf(secure, sizeof(secure), "wss%s", url + strlen("ws"));
        connect_start(&connecting, secure);
        balancer.client = await(raw_accept(fd));
        balancer.server = raw_connect(ws_listener_url(listener, 0), 0);
        passing = aw_spawn("balancer", pass_on, &balancer);
        ws = await(ws_accept(listener, SOON));
        expect(ws != NULL && strcmp(ws_peer(ws), "192.0.2.7:40328") == 0);
        expect_int(await(aw_join(connecting.task)), 0);
        expect_int(await(ws_send_text(connecting.ws, "behind it", SOON)), 0);
        expect_received(ws, "behind it");
        ws_drop(connecting.ws);
        ws_drop(ws);
        await(aw_join(passing));
        close(fd);
        close(balancer.client);
        close(balancer.server);
        ws_listener_close(listener);
        aw_tls_context_unref(server);
        aw_tls_context_unref(connecting.options.tls);
        return 0;
}

/* Fields. */

static async void
test_expect_forwarded(const char *field, const char *fields, const char *peer, int line)
{
        struct ws_listener *listener = await(listen_for(
                (struct ws_listen_options){.trust.forwarded = field}, "127.0.0.0/8", "10.0.0.0/8"));
        int fd = raw_connect(ws_listener_url(listener, 0), 0);
        char request[4096];
        struct ws *ws;

        snprintf(request, sizeof(request), "%.*s%s\r\n", (int)strlen(RAW_REQUEST) - 2, RAW_REQUEST,
                 fields);
        send_text(fd, request);
        ws = await(ws_accept(listener, SOON));
        test_expect(strncmp(ws_peer(ws), peer, strlen(peer)) == 0, __FILE__, line,
                    "the peer is %s (it is %s)", peer, ws_peer(ws));
        if (strchr(peer, ':') == NULL)
                test_expect(strcmp(ws_peer(ws), peer) == 0, __FILE__, line, "the whole peer is %s",
                            peer);
        ws_drop(ws);
        close(fd);
        ws_listener_close(listener);
}

#define expect_forwarded(field, fields, peer)                                                      \
        await(test_expect_forwarded((field), (fields), (peer), __LINE__))

static async int
the_last_entry_that_is_not_trusted_is_the_peer(NOTHING)
{
        char many[2048] = "Forwarded: for=192.0.2.1";
        int i;

        expect_forwarded("X-Forwarded-For", "", "127.0.0.1:");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: 192.0.2.1, 192.0.2.7\r\n",
                         "192.0.2.7");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: 192.0.2.7, 10.1.1.1, 127.0.0.9\r\n",
                         "192.0.2.7");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: ::ffff:192.0.2.7\r\n", "192.0.2.7");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: unknown, 10.1.1.1\r\n", "10.1.1.1");
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: 192.0.2.7, unknown\r\n",
                         "127.0.0.1:");
        /* All are ours. */
        expect_forwarded("X-Forwarded-For", "X-Forwarded-For: 10.1.1.1, 10.1.1.2\r\n", "10.1.1.1");
        expect_forwarded("Forwarded", "Forwarded: for=\"[2001:db8::7]:80\"\r\n",
                         "[2001:db8::7]:80");
        for (i = 0; i < 32; i++)
                strcat(many, ", for=10.0.0.1");
        strcat(many, "\r\n");
        expect_forwarded("Forwarded", many, "10.0.0.1");
        return 0;
}

static async int
the_field_that_nobody_asked_for_is_a_clients(NOTHING)
{
        expect_forwarded("X-Forwarded-For", "Forwarded: for=192.0.2.7\r\n", "127.0.0.1:");
        expect_forwarded("Forwarded", "X-Forwarded-For: 192.0.2.7\r\n", "127.0.0.1:");
        expect_forwarded(NULL, "X-Forwarded-For: 192.0.2.7\r\n", "127.0.0.1:");
        return 0;
}

/* Behind a header the field is that of whom the header names, if that is one who is trusted. */
static async int
a_field_behind_a_header_is_believed_of_whom_the_header_names(NOTHING)
{
        static const char unix_header[12 + 4 + 216] = "\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8";
        static const struct {
                const char *header;
                size_t length;
                const char *trusted, *peer;
        } all[] = {
                {HEADER, sizeof(HEADER) - 1, "10.0.0.0/8", "192.0.2.7:40328"},
                {HEADER, sizeof(HEADER) - 1, "192.0.2.0/24", "203.0.113.9"},
                {v2_local, sizeof(v2_local) - 1, "10.0.0.0/8", "127.0.0.1:"},
                {"PROXY UNKNOWN\r\n", 15, "10.0.0.0/8", "127.0.0.1:"},
                {unix_header, sizeof(unix_header), "unix", "unix"},
        };
        char request[1024];

        snprintf(request, sizeof(request), "%.*sX-Forwarded-For: 203.0.113.9\r\n\r\n",
                 (int)strlen(RAW_REQUEST) - 2, RAW_REQUEST);
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                struct ws_listener *listener = await(
                        listen_for((struct ws_listen_options){.trust.proxy_protocol = true,
                                                              .trust.forwarded = "X-Forwarded-For"},
                                   "127.0.0.0/8", all[i].trusted));
                int fd = raw_connect(ws_listener_url(listener, 0), 0);
                struct ws *ws;

                raw_send(fd, all[i].header, all[i].length);
                send_text(fd, request);
                ws = await(ws_accept(listener, SOON));
                test_expect(strncmp(ws_peer(ws), all[i].peer, strlen(all[i].peer)) == 0, __FILE__,
                            __LINE__, "the peer is %s (it is %s)", all[i].peer, ws_peer(ws));
                raw_end(listener, ws, fd);
        }
        return 0;
}

/* Where the handler is asked, the peer is known. */
static void
refuse_all(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        snprintf(argument, 64, "%s", request->peer);
        *answer = (struct ws_answer){.status = 403, .why = "nobody may"};
}

static async int
a_handler_knows_the_peer_and_may_say_why_it_refuses(NOTHING)
{
        char seen[64] = "", head[4096];
        struct ws_listener *listener = await(listen_for(
                (struct ws_listen_options){
                        .trust.proxy_protocol = true, .handler = refuse_all, .argument = seen},
                "127.0.0.0/8", NULL));
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        send_text(fd, HEADER RAW_REQUEST);
        await(raw_read_head(fd, head));
        expect(strstr(head, "403 Forbidden") != NULL);
        expect(strcmp(seen, "192.0.2.7:40328") == 0);
        close(fd);
        wait_until(ends == 1);
        expect(strcmp(why, "nobody may") == 0);
        expect_log("192.0.2.7:40328: refused with 403: nobody may");
        ws_listener_close(listener);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(the_header_says_who_the_peer_is),
                on_loop(a_header_comes_in_pieces_and_with_more_behind_it),
                on_loop(a_header_that_tells_no_address_leaves_who_connected),
                on_loop(who_sends_no_header_is_dropped_with_a_line),
                on_loop(who_is_not_trusted_is_dropped_whatever_it_sends),
                on_loop(the_header_has_the_time_of_the_handshake),
                on_loop(a_listener_that_drains_waits_for_no_header),
                on_loop(tls_begins_behind_the_header),
                on_loop(the_last_entry_that_is_not_trusted_is_the_peer),
                on_loop(the_field_that_nobody_asked_for_is_a_clients),
                on_loop(a_field_behind_a_header_is_believed_of_whom_the_header_names),
                on_loop(a_handler_knows_the_peer_and_may_say_why_it_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
