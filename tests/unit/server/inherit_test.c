/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Descriptors from a service manager or a predecessor, by what the environment says. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "inherit.h"
#include "unit/support.h"

static char path[64], abstract[64];

static int
listening(const void *address, socklen_t size)
{
        const struct sockaddr *name = address;
        int fd = socket(name->sa_family, SOCK_STREAM, 0);

        assert_int_equal(bind(fd, name, size), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static int
listening_unix(const char *name)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t length = strlen(name);

        memcpy(address.sun_path, name, length);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        return listening(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

static int
listening_v4(unsigned *port)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof(address);
        int fd = listening(&address, size);

        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        *port = ntohs(address.sin_port);
        return fd;
}

static struct inherited
nothing_yet(void)
{
        return (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
}

/* Lines of a predecessor. */

static void
each_line_names_a_descriptor_which_is_not_passed_on(void **state)
{
        struct inherited inherited = nothing_yet();
        unsigned port;
        int fds[4] = {listening_v4(&port), dup(0), dup(0), dup(0)};
        char line[64];

        (void)state;
        snprintf(line, sizeof(line), "socket %d 1023 2 unix:/a b", fds[0]);
        assert_int_equal(inherit_entry(&inherited, line, -1), 0);
        snprintf(line, sizeof(line), "ready %d", fds[1]);
        assert_int_equal(inherit_entry(&inherited, line, -1), 0);
        snprintf(line, sizeof(line), "pidfile %d", fds[2]);
        assert_int_equal(inherit_entry(&inherited, line, -1), 0);
        assert_int_equal(inherited.tickets, -1);
        /* One that came by itself is that one, whatever number it had there. */
        assert_int_equal(inherit_entry(&inherited, "tickets 0", fds[3]), 0);
        assert_true(inherited.ready == fds[1] && inherited.pidfile == fds[2] &&
                    inherited.tickets == fds[3]);
        for (int i = 0; i < 4; i++)
                assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(0, F_GETFD), 0);
        assert_int_equal(inherited.count, 1);
        assert_int_equal(inherited.sockets[0].fd, fds[0]);
        assert_int_equal(inherited.sockets[0].slot, 1023);
        assert_int_equal(inherited.sockets[0].kind, SOCKET_ADMIN);
        assert_string_equal(inherited.sockets[0].url, "unix:/a b");
        inherit_free(&inherited);
        for (int i = 0; i < 4; i++)
                assert_int_equal(fcntl(fds[i], F_GETFD), -1);
        assert_true(inherited.ready == -1 && inherited.pidfile == -1 && inherited.tickets == -1);
        assert_true(inherited.count == 0 && inherited.sockets == NULL);
}

static void
what_cannot_be_used_is_named_with_its_number(void **state)
{
        struct inherited inherited = nothing_yet();
        int silent = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
        char line[100];

        (void)state;
        test_begin();
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
        snprintf(line, sizeof(line), "socket %d 0 0 unix:/x", silent);
        assert_int_equal(inherit_entry(&inherited, line, -1), -1);
        snprintf(line, sizeof(line),
                 "the inherited descriptor %d cannot be used: it is no stream socket", silent);
        expect_log(line);
        snprintf(line, sizeof(line), "socket %d 0 0 unix:/x", pair[0]);
        assert_int_equal(inherit_entry(&inherited, line, -1), -1);
        expect_log("it is no stream socket that listens (systemd: ListenStream= with Accept=no)");
        assert_int_equal(inherit_entry(&inherited, "socket 1000 0 0 unix:/x", -1), -1);
        expect_log("the inherited descriptor 1000 cannot be used: Bad file descriptor");
        assert_int_equal(inherit_entry(&inherited, "ready 1000", -1), -1);
        expect_log("the inherited descriptor 1000 cannot be used: Bad file descriptor");
        /* A worker's number that cannot be. What a later version may say is left alone. */
        snprintf(line, sizeof(line), "socket %d 1024 0 unix:/x", silent);
        assert_int_equal(inherit_entry(&inherited, line, -1), 0);
        assert_int_equal(inherited.count, 0);
        inherited.ready = -1;
        inherit_free(&inherited);
        close(silent);
        close(pair[0]);
        close(pair[1]);
        test_end();
}

/* A line of a predecessor's for a socket in a file. */
static struct inherited
inherited_file(int fd, enum socket_kind kind, const char *scheme)
{
        struct inherited inherited = nothing_yet();
        char line[120];

        snprintf(line, sizeof(line), "socket %d 0 %d %s%s", fd, (int)kind, scheme, path);
        assert_int_equal(inherit_entry(&inherited, line, -1), 0);
        return inherited;
}

/* Those that nobody took, of a server's own: others need the files of the others. */
static void
files_of_sockets_that_nobody_took_are_removed(void **state)
{
        static const struct {
                enum socket_kind kind;
                bool taken;
                const char *scheme;
                bool stays;
        } all[] = {{SOCKET_OWN, false, "unix:", false},    {SOCKET_OWN, false, "unix://", false},
                   {SOCKET_OWN, false, "ws+unix:", false}, {SOCKET_ADMIN, false, "unix:", false},
                   {SOCKET_OWN, true, "unix:", true},      {SOCKET_LENT, false, "unix:", true}};

        (void)state;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                int fd = listening_unix(path);
                struct inherited inherited = inherited_file(fd, all[i].kind, all[i].scheme);

                if (all[i].taken)
                        inherited.sockets[0].fd = -1;
                inherit_remove_files(&inherited);
                assert_int_equal(access(path, F_OK), all[i].stays ? 0 : -1);
                unlink(path);
                if (all[i].taken)
                        close(fd);
                inherit_free(&inherited);
        }
}

/* A name that is no file's, and a file that came later. */
static void
files_of_others_stay(void **state)
{
        struct inherited inherited;
        int fd;

        (void)state;
        assert_int_equal(chdir("/tmp"), 0);
        close(creat(abstract, 0600));
        inherited = inherited_file(listening_unix(abstract), SOCKET_OWN, "unix:");
        inherit_remove_files(&inherited);
        inherit_free(&inherited);
        assert_int_equal(unlink(abstract), 0);
        inherited = inherited_file(listening_unix(path), SOCKET_OWN, "unix:");
        unlink(path);
        fd = listening_unix(path);
        inherit_remove_files(&inherited);
        inherit_free(&inherited);
        assert_int_equal(unlink(path), 0);
        close(fd);
}

/* The environment: in a child, whose descriptors begin with 3. */

static void
in_a_child(void (*function)(void))
{
        pid_t pid;
        int status;

        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                for (int fd = 3; fd < 20; fd++)
                        close(fd);
                test_begin();
                function();
                while (test_log.expected < test_log.count)
                        test_expect(false, __FILE__, __LINE__, "'%s' is not logged",
                                    test_log.lines[test_log.expected++]);
                _exit(test_failures == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void
environment(const char *count, const char *pid, const char *names)
{
        char own[24];

        snprintf(own, sizeof(own), "%d", (int)getpid());
        setenv("LISTEN_FDS", count, 1);
        setenv("LISTEN_PID", pid == NULL ? own : pid, 1);
        if (names != NULL)
                setenv("LISTEN_FDNAMES", names, 1);
}

static void
expect_empty_environment(void)
{
        expect(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_PID") == NULL &&
               getenv("LISTEN_FDNAMES") == NULL && getenv(INHERIT_VARIABLE) == NULL);
}

static void
take_sockets_of_a_manager(void)
{
        struct inherited inherited;
        struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        unsigned port, other;
        char wanted[5][80];
        socklen_t size = sizeof(address);
        int v6;

        expect_int(listening_v4(&port), 3);
        expect_int(listening_v4(&other), 4);
        v6 = listening(&address, sizeof(address));
        getsockname(v6, (struct sockaddr *)&address, &size);
        expect_int(listening_unix(path), 6);
        expect_int(listening_unix(abstract), 7);
        /* One more, which is not theirs. */
        expect_int(dup(0), 8);
        snprintf(wanted[0], sizeof(wanted[0]), "ws://127.0.0.1:%u", port);
        snprintf(wanted[1], sizeof(wanted[1]), "wss://127.0.0.1:%u", other);
        snprintf(wanted[2], sizeof(wanted[2]), "ws://[::1]:%u", ntohs(address.sin6_port));
        snprintf(wanted[3], sizeof(wanted[3]), "unix:%s", path);
        snprintf(wanted[4], sizeof(wanted[4]), "unix:%s", abstract);
        environment("5", NULL, "ws:mine:ws");
        expect_int(inherit(&inherited), 0);
        expect_int((long long)inherited.count, 5);
        for (int i = 0; i < 5 && (size_t)i < inherited.count; i++) {
                expect_int(inherited.sockets[i].fd, 3 + i);
                expect_int(inherited.sockets[i].kind, SOCKET_LENT);
                expect_int(inherited.sockets[i].slot, 0);
                expect_int(fcntl(3 + i, F_GETFD), FD_CLOEXEC);
                test_expect(strcmp(inherited.sockets[i].url, wanted[i]) == 0, __FILE__, __LINE__,
                            "%s is %s", inherited.sockets[i].url, wanted[i]);
        }
        expect_int(fcntl(8, F_GETFD), 0);
        expect_int(inherited.ready, -1);
        expect_empty_environment();
        inherit_free(&inherited);
        unlink(path);
}

static void
sockets_of_a_manager_have_urls_by_their_names(void **state)
{
        (void)state;
        in_a_child(take_sockets_of_a_manager);
}

static void
leave_what_is_others(void)
{
        static const char *const counts[] = {"", "x", "-1", "1048577", "18446744073709551617"};
        struct inherited inherited;
        unsigned port;

        expect_int(listening_v4(&port), 3);
        environment("1", "1", NULL);
        expect_int(inherit(&inherited), 0);
        expect_int((long long)inherited.count, 0);
        expect_empty_environment();
        environment("1", "", NULL);
        expect_int(inherit(&inherited), 0);
        expect_int((long long)inherited.count, 0);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
                environment(counts[i], NULL, NULL);
                expect_int(inherit(&inherited), 0);
                expect_int((long long)inherited.count, 0);
        }
        setenv("LISTEN_FDS", "1", 1);
        unsetenv("LISTEN_PID");
        expect_int(inherit(&inherited), 0);
        expect_int((long long)inherited.count, 0);
        expect_empty_environment();
}

static void
what_is_meant_for_others_is_left_alone_and_not_passed_on(void **state)
{
        (void)state;
        in_a_child(leave_what_is_others);
}

static void
take_what_a_predecessor_says(void)
{
        struct inherited inherited;
        unsigned port;

        expect_int(listening_v4(&port), 3);
        expect_int(listening_v4(&port), 4);
        expect_int(dup(0), 5);
        setenv(INHERIT_VARIABLE,
               "ready 5\nsocket 3 0 0 ws://127.0.0.1:1\n\nsocket 4 1 0 ws://127.0.0.1:1\n", 1);
        expect_int(inherit(&inherited), 0);
        expect_int((long long)inherited.count, 2);
        expect_int(inherited.ready, 5);
        expect(!inherited.asked);
        expect_int(inherited.sockets[1].fd, 4);
        expect_int(inherited.sockets[1].slot, 1);
        expect_empty_environment();
        inherit_free(&inherited);
        /* What is wrong ends it there. */
        setenv(INHERIT_VARIABLE, "socket 3 0 0 ws://127.0.0.1:1\nready 0", 1);
        expect_int(inherit(&inherited), -1);
        expect_log("the inherited descriptor 3 cannot be used");
        expect_int(inherited.ready, -1);
        expect_empty_environment();
        inherit_free(&inherited);
        environment("1", NULL, NULL);
        setenv(INHERIT_VARIABLE, "ready 0", 1);
        expect_int(inherit(&inherited), -1);
        expect_log("the inherited descriptor 3 cannot be used");
        expect_int(inherited.ready, -1);
        expect_empty_environment();
}

static void
a_predecessor_says_line_by_line_what_it_hands_over(void **state)
{
        (void)state;
        in_a_child(take_what_a_predecessor_says);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_line_names_a_descriptor_which_is_not_passed_on),
                cmocka_unit_test(what_cannot_be_used_is_named_with_its_number),
                cmocka_unit_test(files_of_sockets_that_nobody_took_are_removed),
                cmocka_unit_test(files_of_others_stay),
                cmocka_unit_test(sockets_of_a_manager_have_urls_by_their_names),
                cmocka_unit_test(what_is_meant_for_others_is_left_alone_and_not_passed_on),
                cmocka_unit_test(a_predecessor_says_line_by_line_what_it_hands_over),
        };

        snprintf(path, sizeof(path), "/tmp/inherit_test.%d", (int)getpid());
        snprintf(abstract, sizeof(abstract), "@inherit_test.%d", (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}
