/* SPDX-License-Identifier: MIT */
/* Streams that connect, and what becomes of those that cannot. */
/* Wraps: aw_tls_refused_peer. */
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "await/wait_fd.h"
#include "tls/session.h"
#include "unit/net/stream_pair.h"

/* Is cancelled in the turn in which TLS fails; or NULL. */
static struct aw_task *cancelled_when_tls_fails;

bool __real_aw_tls_refused_peer(const struct aw_tls *tls);
bool __wrap_aw_tls_refused_peer(const struct aw_tls *tls);

bool
__wrap_aw_tls_refused_peer(const struct aw_tls *tls)
{
        if (cancelled_when_tls_fails != NULL)
                expect(aw_cancel(cancelled_when_tls_fails));
        return __real_aw_tls_refused_peer(tls);
}

/* Connecting */

/* A server that accepts into its backlog, and says nothing; its port. */
static int
open_silent(char *address, size_t size)
{
        struct sockaddr_in bound = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(bound);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&bound, sizeof(bound)), 0);
        assert_int_equal(listen(fd, 10), 0);
        getsockname(fd, (struct sockaddr *)&bound, &length);
        snprintf(address, size, "127.0.0.1:%u", ntohs(bound.sin_port));
        return fd;
}

static async void
expect_no_connection(const struct aw_stream_connect_options *options, aw_time deadline,
                     enum aw_error_kind kind, int number, const char *text)
{
        struct aw_error error = {0};
        struct aw_stream *stream = await(aw_stream_connect(options, &error, deadline));
        int got = errno;

        expect(stream == NULL);
        test_expect(error.kind == kind && error.number == number && got == number &&
                            strstr(error.text, text) != NULL,
                    __FILE__, __LINE__, "'%s' (%s, %s)", error.text, aw_error_kind_name(error.kind),
                    strerror(got));
        expect(await(aw_stream_connect(options, NULL, deadline)) == NULL);
}

static async int
addresses_that_cannot_be(NOTHING)
{
        static const char *const addresses[] = {"localhost", "localhost:",   "localhost:http",
                                                "a b:1",     "localhost:1/", "http://localhost:1",
                                                ":",         "unix:",        "[::1]"};
        struct aw_stream_connect_options options = {.address = NULL};
        char name[300] = "";
        size_t i;

        for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                options.address = addresses[i];
                await(expect_no_connection(&options, AW_NEVER, AW_ERROR_USAGE, EINVAL,
                                           addresses[i]));
        }
        options.address = NULL;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_USAGE, EINVAL, "no address"));
        options.address = "localhost:1";
        options.tls = client_tls;
        memset(name, 'x', sizeof(name) - 1);
        options.server_name = name;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_USAGE, EINVAL, "xxx"));
        return 0;
}

static async int
a_connection_fails(NOTHING)
{
        struct aw_stream_connect_options options = {.address = NULL};
        char address[64];
        int fd = open_silent(address, sizeof(address));

        close(fd);
        options.address = address;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CONNECTION, ECONNREFUSED,
                                   "cannot connect to 127.0.0.1:"));
        options.address = socket_address;
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CONNECTION, ENOENT, socket_path));
        options.address = "nonesuch.invalid:1";
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_RESOLVE, EADDRNOTAVAIL,
                                   "cannot resolve nonesuch.invalid"));
        return 0;
}

struct connecting {
        struct aw_stream_connect_options options;
        struct aw_error error;
};

static async int
connect_task(void *argument)
{
        struct connecting *connecting = argument;
        struct aw_stream *stream =
                await(aw_stream_connect(&connecting->options, &connecting->error, AW_NEVER));
        int error = errno;

        aw_stream_drop(stream);
        errno = error;
        return stream == NULL ? -1 : 0;
}

/* Answers all that asks there, without a look at it. */
static async int
refuse_all(void *argument)
{
        static const char answer[] = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
        const int *listening = argument;
        char asked[500];
        int fd;

        while (await(aw_wait_fd(*listening, POLLIN, AW_NEVER)) != -1) {
                fd = accept4(*listening, NULL, NULL, SOCK_CLOEXEC);
                expect(await(aw_wait_fd(fd, POLLIN, AW_NEVER)) != -1);
                expect(read(fd, asked, sizeof(asked)) > 0);
                expect_int(write(fd, answer, strlen(answer)), (int)strlen(answer));
                close(fd);
        }
        return 0;
}

static async int
a_proxy_refuses(NOTHING)
{
        char address[64], proxy[80];
        struct aw_connect_options network = {.proxy = proxy};
        struct aw_stream_connect_options options = {.address = "127.0.0.1:1", .network = &network};
        int fd = open_silent(address, sizeof(address));
        struct aw_task *task = aw_spawn("proxy", refuse_all, &fd);

        snprintf(proxy, sizeof(proxy), "http://%s", address);
        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CONNECTION, ECONNREFUSED,
                                   "it answered 403"));
        aw_cancel(task);
        await(aw_join(task));
        close(fd);
        return 0;
}

static async int
connecting_times_out_and_is_cancelled(NOTHING)
{
        char address[64];
        int fd = open_silent(address, sizeof(address));
        struct connecting connecting = {.options = {.address = address, .tls = client_tls}};
        struct aw_task *task;

        await(expect_no_connection(&connecting.options, SOON, AW_ERROR_TIMEOUT, ETIMEDOUT,
                                   "time-out while"));
        close(accept(fd, NULL, NULL));
        task = aw_spawn("connect", connect_task, &connecting);
        /* TCP is connected, and the other side says nothing. */
        do {
                await(aw_sleep(AW_MILLISECOND));
        } while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 0);
        await(aw_sleep(AW_MILLISECOND));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(connecting.error.kind, AW_ERROR_CANCELLED);
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        close(fd);
        return 0;
}

/* More wait to be accepted than the backlog has room for. */
static async int
a_crowded_unix_socket_is_tried_again(NOTHING)
{
        struct sockaddr_un here = {.sun_family = AF_UNIX};
        struct connecting connecting = {.options = {.address = socket_address}};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[64];
        struct aw_task *task;
        size_t count = 0, i;

        snprintf(here.sun_path, sizeof(here.sun_path), "%s", socket_path);
        expect_int(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
        expect_int(listen(fd, 0), 0);
        do
                waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        while (connect(waiting[count++], (struct sockaddr *)&here, sizeof(here)) == 0 &&
               count < 64);
        expect_int(errno, EAGAIN);
        await(expect_no_connection(&connecting.options, SOON, AW_ERROR_TIMEOUT, ETIMEDOUT,
                                   "time-out while"));
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(AW_MILLISECOND));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        task = aw_spawn("connect", connect_task, &connecting);
        await(aw_sleep(AW_MILLISECOND));
        expect(!aw_task_done(task));
        close(accept(fd, NULL, NULL));
        expect_int(await(aw_join(task)), 0);
        for (i = 0; i < count; i++)
                close(waiting[i]);
        close(fd);
        unlink(socket_path);
        return 0;
}

static async int
certificates_are_checked(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[1], NULL));
        struct aw_stream_connect_options options = {
                .address = aw_stream_listener_address(listener, 0), .tls = strict_tls};

        await(expect_no_connection(&options, AW_NEVER, AW_ERROR_CERTIFICATE, EPROTO,
                                   "certificate"));
        /* Nobody was accepted. */
        expect(await(aw_stream_accept(listener, SOON)) == NULL && errno == ETIMEDOUT);
        aw_stream_listener_close(listener);
        return 0;
}

static async int
a_cancellation_counts_though_tls_failed_with_it(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[1], NULL));
        struct connecting connecting = {
                .options = {.address = aw_stream_listener_address(listener, 0), .tls = strict_tls}};

        cancelled_when_tls_fails = aw_spawn("connect", connect_task, &connecting);
        expect_error(await(aw_join(cancelled_when_tls_fails)), ECANCELED);
        expect_int(connecting.error.kind, AW_ERROR_CANCELLED);
        cancelled_when_tls_fails = NULL;
        aw_stream_listener_close(listener);
        return 0;
}

static async int
a_peer_that_does_not_speak_tls_is_told_of(NOTHING)
{
        struct aw_stream_listener *listener = await(listen_on(&ways[0], NULL));
        struct connecting connecting = {
                .options = {.address = aw_stream_listener_address(listener, 0), .tls = client_tls}};
        struct aw_task *task = aw_spawn("connect", connect_task, &connecting);
        struct aw_stream *stream = await(aw_stream_accept(listener, AW_NEVER));

        await(put_line_in(stream, "220 hello\r\n"));
        expect_error(await(aw_join(task)), EPROTO);
        expect_int(connecting.error.kind, AW_ERROR_TLS);
        aw_stream_drop(stream);
        /* One that goes away in the handshake. */
        task = aw_spawn("connect", connect_task, &connecting);
        stream = await(aw_stream_accept(listener, AW_NEVER));
        expect_int(await(aw_stream_close(stream, AW_NEVER)), 0);
        expect_int(await(aw_join(task)), -1);
        expect_int(connecting.error.kind, AW_ERROR_CONNECTION);
        expect(strstr(connecting.error.text, "during the TLS handshake") != NULL);
        aw_stream_listener_close(listener);
        return 0;
}

static async int
an_end_without_close_notify_is_no_end(NOTHING)
{
        struct aw_stream *streams[2];
        char data[10];

        if (!await(open_way(streams, &ways[1], NULL)))
                return 0;
        /* All that TLS itself had to say has been read then. */
        await(put_line_in(streams[1], "hello\n"));
        expect_line(streams[0], "hello\n");
        await(put_line_in(streams[0], "cut"));
        expect_int(await(aw_stream_flush(streams[0], AW_NEVER)), 0);
        aw_stream_drop(streams[0]);
        expect_int(await(aw_stream_read_exactly(streams[1], data, 3, NULL, AW_NEVER)), 0);
        expect_error(await(aw_stream_read(streams[1], data, 1, AW_NEVER)), EPROTO);
        aw_stream_drop(streams[1]);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(addresses_that_cannot_be),
                on_loop(a_connection_fails),
                on_loop(a_proxy_refuses),
                on_loop(connecting_times_out_and_is_cancelled),
                on_loop(a_crowded_unix_socket_is_tried_again),
                on_loop(certificates_are_checked),
                on_loop(a_cancellation_counts_though_tls_failed_with_it),
                on_loop(a_peer_that_does_not_speak_tls_is_told_of),
                on_loop(an_end_without_close_notify_is_no_end),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
