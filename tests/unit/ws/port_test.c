/* SPDX-License-Identifier: MIT */
/* Listening sockets: addresses that cannot be had, ports that are free, files of Unix sockets. */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "unit/clock.h"
#include "unit/names.h"
#include "unit/ws/raw.h"

/* Stands in for the C library's: fails with bind_errors[n] the n-th time, if that is not 0. */
static int bind_errors[40], bind_calls;

int
bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
        int call = bind_calls++;

        if (call < 40 && bind_errors[call] != 0) {
                errno = bind_errors[call];
                return -1;
        }
        return (int)syscall(SYS_bind, fd, address.__sockaddr__, length);
}

/* The same for accept4(), as long as accept_error is not 0. */
static int accept_error, accept_calls;

int
accept4(int fd, __SOCKADDR_ARG address, socklen_t *length, int flags)
{
        accept_calls++;
        if (accept_error != 0) {
                errno = accept_error;
                return -1;
        }
        return (int)syscall(SYS_accept4, fd, address.__sockaddr__, length, flags);
}

static void
bind_as_usual(void)
{
        accept_error = 0;
        memset(bind_errors, 0, sizeof(bind_errors));
        bind_calls = 0;
}

/* That listening fails, and what is said about it. */
static async void
expect_refused(const char *url, int number, const char *text)
{
        struct ws_listen_options options = {.url = url};
        struct aw_error error = {.status = -1};
        struct ws_listener *listener = await(ws_listen(&options, &error));
        int got = errno;

        if (!test_expect(listener == NULL, __FILE__, __LINE__, "%s is refused", url)) {
                ws_listener_close(listener);
                return;
        }
        expect_int(got, number);
        test_expect(strcmp(error.text, text) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    text, error.text);
}

static async int
what_is_wrong_names_address_and_port_and_what_to_do(NOTHING)
{
        size_t before = test_count_descriptors();

        bind_as_usual();
        bind_errors[0] = EACCES;
        await(expect_refused("ws://127.0.0.1:443", EACCES,
                             "cannot listen on 127.0.0.1:443: Permission denied: ports below 1024 "
                             "need root or CAP_NET_BIND_SERVICE"));
        names_are("127.0.0.1", NULL, NULL, NULL);
        bind_as_usual();
        bind_errors[0] = EADDRINUSE;
        await(expect_refused("ws://name.test:80", EADDRINUSE,
                             "cannot listen on 127.0.0.1:80 (name.test): Address already in use: "
                             "another socket has this port ('ss -ltnp' shows whose it is)"));
        bind_as_usual();
        bind_errors[0] = EADDRNOTAVAIL;
        await(expect_refused("ws://[::5]:8080", EADDRNOTAVAIL,
                             "cannot listen on [::5]:8080: Cannot assign requested address: no "
                             "interface of this machine has this address"));
        bind_as_usual();
        bind_errors[0] = EACCES;
        await(expect_refused("ws://*:80", EACCES,
                             "cannot listen on 0.0.0.0:80: Permission denied: ports below 1024 "
                             "need root or CAP_NET_BIND_SERVICE"));
        bind_as_usual();
        bind_errors[0] = EACCES;
        await(expect_refused("unix:/sock", EACCES,
                             "cannot listen on /sock: Permission denied: this user may not write "
                             "to the directory"));
        bind_as_usual();
        await(expect_refused("ws://127.0.0.1:0/path", EINVAL,
                             "'ws://127.0.0.1:0/path': a URL to listen on has no path and no "
                             "query: all of them are served"));
        expect_int((long long)test_count_descriptors(), (long long)before);
        return 0;
}

static const char *
port_of(struct ws_listener *listener, size_t index)
{
        const char *url = ws_listener_url(listener, index);

        return url == NULL ? "none" : strrchr(url, ':') + 1;
}

static async int
a_port_that_is_free_on_one_address_only_is_given_back(NOTHING)
{
        struct ws_listener *listener;

        names_are("127.0.0.1", "127.0.0.2", NULL, NULL);
        bind_as_usual();
        bind_errors[1] = bind_errors[3] = EADDRINUSE;
        listener = await(listen_at("ws://two.test:0", NULL));
        expect_int(bind_calls, 6);
        expect(strcmp(port_of(listener, 0), port_of(listener, 1)) == 0);
        expect(ws_listener_url(listener, 2) == NULL);
        ws_listener_close(listener);
        return 0;
}

static async int
no_free_port_is_looked_for_without_end(NOTHING)
{
        struct ws_listen_options options = {.url = "ws://two.test:0"};
        struct aw_error error;
        int i;

        names_are("127.0.0.1", "127.0.0.2", NULL, NULL);
        bind_as_usual();
        for (i = 1; i < 40; i += 2)
                bind_errors[i] = EADDRINUSE;
        expect(await(ws_listen(&options, &error)) == NULL && errno == EADDRINUSE);
        expect_int(bind_calls, 32);
        expect(strstr(error.text, "cannot listen on 127.0.0.2:") != NULL);
        /* A port that was asked for is not replaced by another one, nor tried twice. */
        bind_as_usual();
        bind_errors[1] = EADDRINUSE;
        options.url = "ws://two.test:18080";
        expect(await(ws_listen(&options, &error)) == NULL);
        expect_int(bind_calls, 2);
        expect(strstr(error.text, "cannot listen on 127.0.0.2:18080 (two.test)") != NULL);
        return 0;
}

static async int
an_address_that_comes_twice_is_listened_on_once(NOTHING)
{
        struct ws_listener *listener;

        bind_as_usual();
        names_are("127.0.0.1", "127.0.0.1", NULL, NULL);
        listener = await(listen_at("ws://twice.test:0", NULL));
        expect(strncmp(ws_listener_url(listener, 0), "ws://127.0.0.1:", 15) == 0);
        expect(ws_listener_url(listener, 1) == NULL);
        ws_listener_close(listener);
        return 0;
}

/* Both families, on one port, where the machine has both. */
static async int
all_addresses_of_the_machine_are_listened_on(NOTHING)
{
        struct connecting connecting = {.deadline = 0};
        struct ws_listener *listener;
        struct ws *server;
        char url[64];

        bind_as_usual();
        listener = await(listen_at("ws://*:0", NULL));
        expect(strncmp(ws_listener_url(listener, 0), "ws://0.0.0.0:", 13) == 0);
        if (ws_listener_url(listener, 1) != NULL) {
                expect(strncmp(ws_listener_url(listener, 1), "ws://[::]:", 10) == 0);
                expect(strcmp(port_of(listener, 0), port_of(listener, 1)) == 0);
        }
        snprintf(url, sizeof(url), "ws://127.0.0.5:%s/", port_of(listener, 0));
        connect_start(&connecting, url);
        server = await(ws_accept(listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        ws_drop(server);
        ws_listener_close(listener);
        return 0;
}

static async int
an_address_is_free_as_soon_as_its_listener_is_closed(NOTHING)
{
        struct ws_listener *listener;
        char url[64];
        int i;

        bind_as_usual();
        listener = await(listen_at(ANY_PORT, NULL));
        snprintf(url, sizeof(url), "%s", ws_listener_url(listener, 0));
        for (i = 0; i < 3; i++) {
                ws_listener_close(listener);
                listener = await(listen_at(url, NULL));
        }
        ws_listener_drain(listener);
        ws_listener_close(await(listen_at(url, NULL)));
        ws_listener_close(listener);
        return 0;
}

/* The poller would tell of the connection without end. */
static async int
who_has_no_descriptors_left_does_not_try_without_end(NOTHING)
{
        struct ws_listener *listener;
        struct ws *server;
        int fd;

        bind_as_usual();
        listener = await(listen_at(ANY_PORT, NULL));
        accept_error = EMFILE;
        accept_calls = 0;
        fd = raw_connect(ws_listener_url(listener, 0), 0);
        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        wait_until(accept_calls > 0);
        await(idle_turns());
        expect_int(accept_calls, 1);
        expect_log("cannot accept connections for now: Too many open files");
        await(clock_advance(AW_SECOND));
        wait_until(accept_calls > 1);
        await(idle_turns());
        expect_int(accept_calls, 2);
        accept_error = 0;
        await(clock_advance(AW_SECOND));
        server = await(ws_accept(listener, SOON));
        expect_log("accepting again");
        ws_drop(server);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static async int
a_listener_can_be_closed_while_it_has_no_descriptors(NOTHING)
{
        struct ws_listener *listener;
        int fd;

        bind_as_usual();
        listener = await(listen_at(ANY_PORT, NULL));
        accept_error = EMFILE;
        accept_calls = 0;
        fd = raw_connect(ws_listener_url(listener, 0), 0);
        wait_until(accept_calls > 0);
        expect_log("cannot accept connections for now");
        ws_listener_close(listener);
        await(clock_advance(AW_SECOND));
        await(idle_turns());
        expect_int(accept_calls, 1);
        close(fd);
        return 0;
}

/* Unix sockets. */

static const char *
socket_path(void)
{
        static char path[100];
        const char *directory = getenv("TMPDIR");

        snprintf(path, sizeof(path), "%s/port_test.%d", directory == NULL ? "/tmp" : directory,
                 (int)getpid());
        return path;
}

static async struct ws_listener *
listen_at_socket(const char *scheme, unsigned mode)
{
        char url[120];
        struct ws_listen_options options = {.url = url, .socket_mode = mode};
        struct aw_error error = {.text = ""};
        struct ws_listener *listener;

        snprintf(url, sizeof(url), "%s%s", scheme, socket_path());
        listener = await(ws_listen(&options, &error));
        test_expect(listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
        return listener;
}

/* The mode of the file, or -1. */
static int
mode_of_socket(void)
{
        struct stat status;

        return stat(socket_path(), &status) == -1 ? -1 : (int)(status.st_mode & 07777);
}

static async int
a_unix_socket_has_the_mode_that_was_asked_for(NOTHING)
{
        mode_t mask = umask(027);
        struct ws_listener *listener;

        bind_as_usual();
        listener = await(listen_at_socket("unix:", 0));
        expect_int(mode_of_socket(), 0750);
        ws_listener_close(listener);
        listener = await(listen_at_socket("ws+unix:", 0666));
        expect_int(mode_of_socket(), 0666);
        expect(strncmp(ws_listener_url(listener, 0), "unix:/", 6) == 0);
        ws_listener_close(listener);
        listener = await(listen_at_socket("unix://", 0600));
        expect_int(mode_of_socket(), 0600);
        ws_listener_close(listener);
        expect_int(mode_of_socket(), -1);
        umask(mask);
        return 0;
}

static async int
a_unix_socket_belongs_to_the_group_that_was_asked_for(NOTHING)
{
        /* Any group is good for root; others have theirs. */
        gid_t group = getuid() == 0 ? 1 : getgid();
        struct ws_listen_options options = {.socket_mode = 0660, .socket_group = group};
        struct ws_listener *listener;
        struct stat status;
        char url[120];

        bind_as_usual();
        snprintf(url, sizeof(url), "unix:%s", socket_path());
        options.url = url;
        listener = await(ws_listen(&options, NULL));
        if (!expect(listener != NULL))
                return 0;
        expect_int(stat(socket_path(), &status), 0);
        expect_int(status.st_gid, group);
        expect_int(status.st_mode & 07777, 0660);
        ws_listener_close(listener);
        return 0;
}

static async int
an_abstract_unix_socket_has_no_file(NOTHING)
{
        char url[120];
        struct ws_listen_options options = {.url = url, .socket_mode = 0600, .socket_group = 1};
        struct connecting connecting = {.deadline = 0};
        struct ws_listener *listener;
        struct aw_error error;

        bind_as_usual();
        snprintf(url, sizeof(url), "unix:@port_test.%d", (int)getpid());
        listener = await(ws_listen(&options, &error));
        if (!test_expect(listener != NULL, __FILE__, __LINE__, "listening: %s", error.text))
                return 0;
        expect(strcmp(ws_listener_url(listener, 0), url) == 0);
        expect(await(ws_listen(&options, &error)) == NULL && errno == EADDRINUSE);
        expect(strstr(error.text, ": another socket listens there") != NULL);
        connect_start(&connecting, url);
        ws_drop(await(ws_accept(listener, SOON)));
        expect_int(await(aw_join(connecting.task)), 0);
        ws_drop(connecting.ws);
        ws_listener_close(listener);
        return 0;
}

static async int
a_unix_socket_of_another_listener_is_left_alone(NOTHING)
{
        struct ws_listener *first, *second;

        bind_as_usual();
        first = await(listen_at_socket("unix:", 0));
        expect_int(unlink(socket_path()), 0);
        second = await(listen_at_socket("unix:", 0640));
        ws_listener_close(first);
        expect_int(mode_of_socket(), 0640);
        /* And again at once, on the same path. */
        ws_listener_close(second);
        second = await(listen_at_socket("unix:", 0));
        expect(mode_of_socket() != -1);
        ws_listener_close(second);
        expect_int(mode_of_socket(), -1);
        return 0;
}

static async int
a_file_that_is_no_socket_is_told_from_a_socket_in_use(NOTHING)
{
        struct ws_listener *listener;
        char url[120], text[300];

        bind_as_usual();
        snprintf(url, sizeof(url), "unix:%s", socket_path());
        listener = await(listen_at_socket("unix:", 0));
        snprintf(text, sizeof(text),
                 "cannot listen on %s: Address already in use: another socket listens there "
                 "('ss -lxp' shows whose it is)",
                 socket_path());
        await(expect_refused(url, EADDRINUSE, text));
        ws_listener_close(listener);
        close(open(socket_path(), O_CREAT | O_WRONLY, 0600));
        snprintf(text, sizeof(text),
                 "cannot listen on %s: Address already in use: the file is not a socket, so it is "
                 "not replaced",
                 socket_path());
        await(expect_refused(url, EADDRINUSE, text));
        expect_int(unlink(socket_path()), 0);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_wrong_names_address_and_port_and_what_to_do),
                on_loop(a_port_that_is_free_on_one_address_only_is_given_back),
                on_loop(no_free_port_is_looked_for_without_end),
                on_loop(an_address_that_comes_twice_is_listened_on_once),
                on_loop(all_addresses_of_the_machine_are_listened_on),
                on_loop(an_address_is_free_as_soon_as_its_listener_is_closed),
                on_loop(who_has_no_descriptors_left_does_not_try_without_end),
                on_loop(a_listener_can_be_closed_while_it_has_no_descriptors),
                on_loop(a_unix_socket_has_the_mode_that_was_asked_for),
                on_loop(a_unix_socket_belongs_to_the_group_that_was_asked_for),
                on_loop(an_abstract_unix_socket_has_no_file),
                on_loop(a_unix_socket_of_another_listener_is_left_alone),
                on_loop(a_file_that_is_no_socket_is_told_from_a_socket_in_use),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
