/* SPDX-License-Identifier: MIT */
/* The way to a server: proxies, other addresses than the name has, families, interfaces. */
#include <netdb.h>
#include <sys/socket.h>

#include "await/task_wait.h"
#include "await/tls.h"
#include "unit/names.h"
#include "unit/net/stream_test.h"

/* A proxy that says one thing after the other, whatever it hears, then echoes what comes. */
struct proxy {
        struct aw_stream_listener *listener;
        struct aw_tls_context *tls;
        const char *answers[4];
        size_t lengths[4];
        size_t count;
        char heard[1024]; /* all of it, up to the echo */
        size_t length;
        bool hangs_up; /* in place of the echo */
        struct aw_task *task;
};

static async int
run_proxy(void *argument)
{
        struct proxy *proxy = argument;
        struct aw_stream *stream = await(aw_stream_accept(proxy->listener, AW_NEVER));
        char piece[512];
        ssize_t length;

        for (size_t i = 0; stream != NULL && i < proxy->count; i++) {
                length = await(aw_stream_read(stream, piece, sizeof(piece), AW_NEVER));
                if (length <= 0)
                        break;
                memcpy(proxy->heard + proxy->length, piece, (size_t)length);
                proxy->length += (size_t)length;
                await(aw_stream_write(stream, proxy->answers[i], proxy->lengths[i], AW_NEVER));
        }
        while (stream != NULL && !proxy->hangs_up &&
               (length = await(aw_stream_read(stream, piece, sizeof(piece), AW_NEVER))) > 0)
                await(aw_stream_write(stream, piece, (size_t)length, AW_NEVER));
        aw_stream_drop(stream);
        return 0;
}

/* Its address, "127.0.0.1:PORT". */
static async const char *
start_proxy(struct proxy *proxy)
{
        struct aw_stream_listen_options options = {.address = "127.0.0.1:0", .tls = proxy->tls};

        proxy->listener = await(aw_stream_listen(&options, NULL));
        expect(proxy->listener != NULL);
        proxy->task = aw_spawn("proxy", run_proxy, proxy);
        return aw_stream_listener_address(proxy->listener, 0);
}

static void
expect_heard(const struct proxy *proxy, const char *text)
{
        test_expect(strcmp(proxy->heard, text) == 0, __FILE__, __LINE__, "'%s' is '%s'",
                    proxy->heard, text);
}

static async void
end_proxy(struct proxy *proxy)
{
        aw_cancel(proxy->task);
        await(aw_join(proxy->task));
        aw_stream_listener_close(proxy->listener);
}

/* Connects to the server through what the options say. */
struct dialing {
        struct aw_connect_options network;
        struct aw_error error;
        const char *address;
        aw_time deadline;
        struct aw_stream *stream;
};

static async int
dial_it(void *argument)
{
        struct dialing *dialing = argument;
        struct aw_stream_connect_options options = {.address = dialing->address,
                                                    .network = &dialing->network};

        dialing->stream = await(aw_stream_connect(&options, &dialing->error, dialing->deadline));
        return dialing->stream == NULL ? -1 : 0;
}

static async void
expect_echo(struct dialing *dialing)
{
        expect_int(await(dial_it(dialing)), 0);
        if (dialing->stream == NULL) {
                test_expect(false, __FILE__, __LINE__, "%s", dialing->error.text);
                return;
        }
        expect_int(await(aw_stream_write(dialing->stream, "hello\n", 6, AW_NEVER)), 0);
        expect_line(dialing->stream, "hello\n");
        aw_stream_drop(dialing->stream);
}

static async void
expect_none(struct dialing *dialing, enum aw_error_kind kind, const char *words)
{
        dialing->deadline = dialing->deadline == 0 ? AW_NEVER : dialing->deadline;
        expect_int(await(dial_it(dialing)), -1);
        expect_int(dialing->error.kind, kind);
        test_expect(strstr(dialing->error.text, words) != NULL, __FILE__, __LINE__,
                    "'%s' is in '%s'", words, dialing->error.text);
}

static void
set_proxy(struct dialing *dialing, const char *kind, const char *place, char out[200])
{
        snprintf(out, 200, "%s://%s", kind, place);
        dialing->network.proxy = out;
        dialing->deadline = AW_NEVER;
}

static async int
connect_makes_a_tunnel(NOTHING)
{
        struct proxy proxy = {.answers = {"HTTP/1.1 200 Established\r\nX: y\r\n\r\n"},
                              .lengths = {34},
                              .count = 1};
        struct dialing dialing = {.address = "server.example:99"};
        char url[200], place[100];

        snprintf(place, sizeof(place), "joe:a%%20b@%s", await(start_proxy(&proxy)));
        set_proxy(&dialing, "http", place, url);
        await(expect_echo(&dialing));
        expect_heard(&proxy, "CONNECT server.example:99 HTTP/1.1\r\nHost: server.example:99\r\n"
                             "Proxy-Authorization: Basic am9lOmEgYg==\r\n\r\n");
        await(end_proxy(&proxy));
        return 0;
}

static async int
socks_makes_a_tunnel_with_a_user_and_a_name(NOTHING)
{
        static const char told[] = "\5\2\0\2"
                                   "\1\3joe\2pw"
                                   "\5\1\0\3\16server.example\0\143";
        struct proxy proxy = {
                .answers = {"\5\2", "\1\0", "\5\0\0\3\1x\0\0"}, .lengths = {2, 2, 8}, .count = 3};
        struct dialing dialing = {.address = "server.example:99"};
        char url[200], place[100];

        snprintf(place, sizeof(place), "joe:pw@%s", await(start_proxy(&proxy)));
        set_proxy(&dialing, "socks5h", place, url);
        await(expect_echo(&dialing));
        expect_int((int)proxy.length, (int)sizeof(told) - 1);
        expect(memcmp(proxy.heard, told, sizeof(told) - 1) == 0);
        await(end_proxy(&proxy));
        return 0;
}

static async int
socks5_is_told_the_address(NOTHING)
{
        struct proxy proxy = {.answers = {"\5\0", "\5\0\0\4aaaabbbbccccdddd\0\0"},
                              .lengths = {2, 22},
                              .count = 2};
        struct dialing dialing = {.address = "server.example:99"};
        char url[200];

        set_proxy(&dialing, "socks5", await(start_proxy(&proxy)), url);
        names_are("192.0.2.7", NULL, NULL, NULL);
        await(expect_echo(&dialing));
        expect(memcmp(proxy.heard, "\5\1\0\5\1\0\1\300\0\2\7\0\143", 13) == 0);
        await(end_proxy(&proxy));
        return 0;
}

static async int
a_proxy_with_tls_carries_tls(NOTHING)
{
        struct proxy proxy = {.tls = aw_tls_context_server(NULL, NULL, NULL),
                              .answers = {"HTTP/1.0 200\r\n\r\n"},
                              .lengths = {16},
                              .count = 1};
        struct dialing dialing = {.address = "127.0.0.1:99"};
        char url[200];

        dialing.network.proxy_tls = aw_tls_context_client(NULL, true, NULL);
        set_proxy(&dialing, "https", await(start_proxy(&proxy)), url);
        await(expect_echo(&dialing));
        await(end_proxy(&proxy));
        aw_tls_context_unref(dialing.network.proxy_tls);
        dialing.network.proxy_tls = NULL;
        await(expect_none(&dialing, AW_ERROR_USAGE, "an https proxy needs a TLS context"));
        aw_tls_context_unref(proxy.tls);
        return 0;
}

/* It tells where the tunnel comes from, in one of three forms, which is nobody's business. */
static async int
the_answer_of_socks_has_an_address_of_any_kind(NOTHING)
{
        static const struct {
                const char *answer;
                size_t length;
        } answers[] = {{"\5\0\0\1abcd\0\0", 10},
                       {"\5\0\0\4aaaabbbbccccdddd\0\0", 22},
                       {"\5\0\0\3\0\0\0", 7},
                       {"\5\0\0\3\4name\0\0", 11}};
        char url[200];

        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                struct proxy proxy = {.answers = {"\5\0", answers[i].answer},
                                      .lengths = {2, answers[i].length},
                                      .count = 2};
                struct dialing dialing = {.address = "server.example:99"};

                set_proxy(&dialing, "socks5h", await(start_proxy(&proxy)), url);
                await(expect_echo(&dialing));
                await(end_proxy(&proxy));
        }
        return 0;
}

/* Each of these ends the attempt, and is told. */
static async int
a_proxy_may_refuse_or_make_no_sense(NOTHING)
{
        static char endless[20000] = "HTTP/1.1 200 OK\r\nX: ";
        static const struct {
                const char *kind, *answers[2];
                size_t lengths[2];
                const char *words;
                enum aw_error_cause cause;
        } cases[] = {
                {"http", {"HTTP/1.1 407 Who\r\n\r\n"}, {20}, "wants a user", AW_CAUSE_PROXY},
                {"http", {"HTTP/1.1 502 No\r\n\r\n"}, {19}, "it answered 502 No", AW_CAUSE_NONE},
                {"http", {"220 smtp ready\r\n\r\n"}, {18}, "does not speak HTTP", AW_CAUSE_NONE},
                {"http",
                 {"HTTP/1.1 2000 x\r\n\r\n"},
                 {19},
                 "does not speak HTTP: it sent \"HTTP/1.1 2000 x",
                 AW_CAUSE_NONE},
                {"http",
                 {"\0\1junk\r\n\r\n"},
                 {10},
                 "does not speak HTTP: it sent \"\\x00\\x01junk",
                 AW_CAUSE_NONE},
                {"http", {"HTTP/1.1 200 O\r\n\r\nmore"}, {22}, "sent more than", AW_CAUSE_NONE},
                {"http", {endless}, {sizeof(endless)}, "sent more than 16 KiB", AW_CAUSE_NONE},
                {"http", {"HTTP/1.1 "}, {9}, "closed the connection", AW_CAUSE_NONE},
                {"socks5h", {"\5"}, {1}, "closed the connection", AW_CAUSE_NONE},
                {"socks5h", {"\4\0"}, {2}, "does not speak SOCKS", AW_CAUSE_NONE},
                {"socks5h", {"\5\377"}, {2}, "wants a user", AW_CAUSE_PROXY},
                {"socks5h", {"\5\0", "\5\4\0\1\0"}, {2, 5}, "host unreachable", AW_CAUSE_NONE},
        };
        char url[200];

        memset(endless + strlen(endless), 'x', sizeof(endless) - strlen(endless) - 1);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct dialing dialing = {.address = "server.example:99"};
                struct proxy proxy = {.count = cases[i].answers[1] == NULL ? 1 : 2,
                                      .hangs_up = strstr(cases[i].words, "closed") != NULL};

                memcpy(proxy.answers, cases[i].answers, sizeof(cases[i].answers));
                memcpy(proxy.lengths, cases[i].lengths, sizeof(cases[i].lengths));
                set_proxy(&dialing, cases[i].kind, await(start_proxy(&proxy)), url);
                await(expect_none(&dialing, AW_ERROR_CONNECTION, cases[i].words));
                expect_int(dialing.error.cause, cases[i].cause);
                await(end_proxy(&proxy));
        }
        return 0;
}

static async int
a_silent_proxy_is_waited_for_so_long(NOTHING)
{
        struct proxy proxy = {.count = 0};
        struct dialing dialing = {.address = "server.example:99"};
        char url[200];

        set_proxy(&dialing, "socks5h", await(start_proxy(&proxy)), url);
        dialing.deadline = aw_loop_now() + 20 * AW_MILLISECOND;
        /* It echoes, which is no answer in SOCKS but the first byte. */
        proxy.count = 1;
        proxy.answers[0] = "\5";
        proxy.lengths[0] = 1;
        await(expect_none(&dialing, AW_ERROR_TIMEOUT, "time-out while asking the proxy"));
        await(end_proxy(&proxy));
        return 0;
}

static async int
whoever_asks_a_proxy_can_be_cancelled(NOTHING)
{
        struct proxy proxy = {.answers = {"\5"}, .lengths = {1}, .count = 1};
        struct dialing dialing = {.address = "server.example:99"};
        struct aw_task *task;
        char url[200];

        set_proxy(&dialing, "socks5h", await(start_proxy(&proxy)), url);
        task = aw_spawn("dial", dial_it, &dialing);
        while (proxy.length == 0)
                await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), -1);
        expect_int(dialing.error.kind, AW_ERROR_CANCELLED);
        await(end_proxy(&proxy));
        return 0;
}

static async int
what_is_no_proxy_is_refused(NOTHING)
{
        static const char *const cases[][2] = {
                {"socks4://h", "not 'socks4'"},
                {"http://h:99999", "the proxy 'h:99999': the port is not"},
                {"http://u%zz@h", "in the user or the password"},
                {"http://", "names no host"},
                {"http://[::1", "is not of the form"},
                {"http://h:1#x", "is not of the form"},
                {"http://h:1/x", "is not of the form"},
                {"http://h:1?x", "is not of the form"},
                {"http://h:1//", "is not of the form"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct dialing dialing = {.address = "h:1", .network = {.proxy = cases[i][0]}};

                await(expect_none(&dialing, AW_ERROR_USAGE, cases[i][1]));
        }
        return 0;
}

/* Other places than the name has. A server is a proxy that says nothing. */

static async int
names_and_places_are_replaced(NOTHING)
{
        struct proxy server = {.count = 0};
        const char *port = strrchr(await(start_proxy(&server)), ':') + 1;
        char address[64], entry[2][100];
        const char *list[] = {"other:1:192.0.2.1", entry[0]};
        const char *places[] = {"other:1:elsewhere:2", entry[1]};
        struct dialing dialing = {.address = address, .deadline = AW_NEVER};

        snprintf(address, sizeof(address), "Server.Example:%s", port);
        snprintf(entry[0], sizeof(entry[0]), "server.example:%s:[::1],127.0.0.1", port);
        dialing.network.resolve = list;
        dialing.network.resolve_count = 2;
        dialing.network.family = AF_INET;
        await(expect_echo(&dialing));
        await(end_proxy(&server));

        server = (struct proxy){.count = 0};
        port = strrchr(await(start_proxy(&server)), ':') + 1;
        snprintf(entry[1], sizeof(entry[1]), "::127.0.0.1:%s", port);
        dialing = (struct dialing){.address = "server.example:5",
                                   .deadline = AW_NEVER,
                                   .network = {.connect_to = places, .connect_to_count = 2}};
        await(expect_echo(&dialing));
        await(end_proxy(&server));
        return 0;
}

static async int
what_cannot_be_replaced_is_refused(NOTHING)
{
        static const char *const wrong[] = {"h", "h:1", "h:x:127.0.0.1", "h:1:name", "[::1:1:::1"};
        static const char *const places[] = {"a:1:b", "a:x:b:1", "a:1:b:99999", "a:1:b:1:"};

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct dialing dialing = {.address = "h:1",
                                          .network = {.resolve = &wrong[i], .resolve_count = 1}};

                await(expect_none(&dialing, AW_ERROR_USAGE,
                                  "is not of the form HOST:PORT:ADDRESS"));
        }
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                struct dialing dialing = {
                        .address = "h:1",
                        .network = {.connect_to = &places[i], .connect_to_count = 1}};

                await(expect_none(&dialing, AW_ERROR_USAGE, "is not of the form HOST1:PORT1"));
        }
        return 0;
}

static async int
a_socket_has_a_path(NOTHING)
{
        char path[109];
        struct dialing dialing = {.address = "h:1", .network = {.unix_socket = path}};

        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        await(expect_none(&dialing, AW_ERROR_USAGE, "is longer than 107 bytes"));
        path[0] = '\0';
        await(expect_none(&dialing, AW_ERROR_USAGE, "the path of the Unix socket is empty"));
        return 0;
}

static async int
families_and_interfaces_bound_the_choice(NOTHING)
{
        struct proxy server = {.count = 0};
        const char *address = await(start_proxy(&server));
        struct dialing dialing = {.address = address, .network = {.family = AF_INET6}};

        await(expect_none(&dialing, AW_ERROR_RESOLVE, "has no IPv6 address"));
        dialing.network = (struct aw_connect_options){.interface = "192.0.2.1"};
        await(expect_none(&dialing, AW_ERROR_CONNECTION, " from 192.0.2.1: "));
        dialing.network.interface = "::1";
        await(expect_none(&dialing, AW_ERROR_CONNECTION, " from ::1: "));
        dialing.network.interface = "127.0.0.5";
        await(expect_echo(&dialing));
        await(end_proxy(&server));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(connect_makes_a_tunnel),
                on_loop(socks_makes_a_tunnel_with_a_user_and_a_name),
                on_loop(socks5_is_told_the_address),
                on_loop(a_proxy_with_tls_carries_tls),
                on_loop(the_answer_of_socks_has_an_address_of_any_kind),
                on_loop(a_proxy_may_refuse_or_make_no_sense),
                on_loop(a_silent_proxy_is_waited_for_so_long),
                on_loop(whoever_asks_a_proxy_can_be_cancelled),
                on_loop(what_is_no_proxy_is_refused),
                on_loop(names_and_places_are_replaced),
                on_loop(what_cannot_be_replaced_is_refused),
                on_loop(a_socket_has_a_path),
                on_loop(families_and_interfaces_bound_the_choice),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
