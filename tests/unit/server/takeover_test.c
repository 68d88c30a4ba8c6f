/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* A successor: when one may be started, what it gets, and what is said of one that came to nothing. */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "takeover.h"
#include "unit/support.h"

static char path[64];

static struct service
serving(void)
{
        return (struct service){.pidfile = {.fd = -1}, .serving = true, .workers = 1};
}

/* A child that waits, or that has ended with this status. */
static pid_t
child_of(int status)
{
        pid_t child;

        fflush(NULL);
        child = fork();
        if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (status == -1)
                        pause();
                _exit(status);
        }
        if (status != -1)
                waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT);
        return child;
}

static bool
is_reaped(pid_t child)
{
        return waitpid(child, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static void
one_is_started_at_a_time_by_a_server_that_serves(void **state)
{
        struct service service = serving();

        (void)state;
        test_begin();
        assert_true(takeover_may_begin(&service, false, false));
        assert_false(takeover_may_begin(&service, true, false));
        expect_log("warning: SIGUSR2 is ignored: the server ends");
        assert_false(takeover_may_begin(&service, false, true));
        expect_log("warning: SIGUSR2 is ignored: a new server is starting already, and does not");
        service.serving = false;
        assert_false(takeover_may_begin(&service, true, true));
        expect_log("warning: SIGUSR2 is ignored: the server still starts");
        test_end();
}

/* That a successor which has ended so is told of like this. */
static void
assert_failure(int status, bool late, const char *says)
{
        struct service service = serving();
        struct takeover takeover = {.process = child_of(status)};
        char wanted[200];
        int ends[2];

        test_begin();
        assert_int_equal(pipe(ends), 0);
        close(ends[1]);
        takeover.ready = ends[0];
        assert_false(takeover_end(&takeover, &service, late));
        snprintf(wanted, sizeof(wanted), "error: the new server, process %ld, %s",
                 (long)takeover.process, says);
        expect_log(wanted);
        assert_int_equal(takeover.ready, -1);
        assert_int_equal(fcntl(ends[0], F_GETFD), -1);
        assert_false(service.handed_over);
        assert_true(is_reaped(takeover.process));
        test_end();
}

static void
one_that_fails_is_told_of_and_this_server_goes_on(void **state)
{
        (void)state;
        assert_failure(127, false,
                       "ended with status 127 (there is no such program): this one goes on");
        assert_failure(126, false,
                       "ended with status 126 (the program cannot be run): this one goes on");
        assert_failure(1, false, "ended with status 1: this one goes on");
        assert_failure(0, false, "ended with status 0: this one goes on");
        assert_failure(-1, false, "was ended by signal 9: this one goes on");
        assert_failure(-1, true, "took too long to start, and was killed: this one goes on");
}

static void
one_that_serves_has_all(void **state)
{
        struct service service = serving();
        struct takeover takeover = {.process = 4711};
        int ends[2];

        (void)state;
        test_begin();
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "", 1), 1);
        takeover.ready = ends[0];
        assert_true(takeover_end(&takeover, &service, false));
        expect_log("process 4711 serves from now on: draining");
        assert_true(service.handed_over);
        assert_int_equal(takeover.ready, -1);
        close(ends[1]);
        test_end();
}

static struct takeover
asked_by(int pair[2])
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        return (struct takeover){.process = 4711, .asked = true, .ready = pair[0]};
}

static void
one_that_has_asked_is_somebody_elses(void **state)
{
        struct service service = serving();
        struct takeover takeover;
        char text[8] = "";
        int pair[2];

        (void)state;
        test_begin();
        takeover = asked_by(pair);
        assert_int_equal(send(pair[1], "815", 3, 0), 3);
        assert_true(takeover_end(&takeover, &service, false));
        expect_log("process 815 serves from now on: draining");
        assert_true(service.handed_over);
        close(pair[1]);
        service.handed_over = false;
        takeover = asked_by(pair);
        close(pair[1]);
        assert_false(takeover_end(&takeover, &service, false));
        expect_log("error: the new server, process 4711, is gone: this one goes on");
        takeover = asked_by(pair);
        assert_false(takeover_end(&takeover, &service, true));
        expect_log(
                "process 4711, took too long to start, and was told not to serve: this one goes");
        assert_int_equal(recv(pair[1], text, sizeof(text), 0), 2);
        assert_string_equal(text, "no");
        close(pair[1]);
        assert_false(service.handed_over);
        test_end();
}

static void
an_end_ends_it_too_unless_it_serves(void **state)
{
        struct service service = serving();
        struct takeover takeover = {.ready = -1};
        int ends[2], pair[2];

        (void)state;
        test_begin();
        takeover_cancel(&takeover, &service);
        assert_int_equal(pipe(ends), 0);
        takeover = (struct takeover){.process = child_of(-1), .ready = ends[0]};
        errno = EINTR; /* long ago */
        takeover_cancel(&takeover, &service);
        assert_true(is_reaped(takeover.process));
        assert_int_equal(takeover.ready, -1);
        assert_int_equal(fcntl(ends[0], F_GETFD), -1);
        close(ends[1]);
        assert_false(service.handed_over);
        takeover = asked_by(pair);
        takeover_cancel(&takeover, &service);
        assert_false(service.handed_over);
        close(pair[1]);
        takeover = asked_by(pair);
        assert_int_equal(send(pair[1], "815", 3, 0), 3);
        takeover_cancel(&takeover, &service);
        assert_true(service.handed_over);
        assert_int_equal(takeover.ready, -1);
        close(pair[1]);
        test_end();
}

/* A program that writes down what it gets, and ends. */
static void
it_gets_sockets_and_all_of_the_environment_but_the_watchdogs_name(void **state)
{
        char script[300], wanted[300], text[300] = "";
        char *words[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c", script, NULL};
        struct listener_slot slots[3] = {{.fds = {0}, .count = 1},
                                         {.fds = {1, 2}, .count = 2},
                                         {.fds = {2}, .count = 1}}; /* one too many */
        struct listener listener = {.url = (char *)(uintptr_t) "unix:/a b",
                                    .kind = SOCKET_ADMIN,
                                    .slots = slots,
                                    .slot_count = 2};
        struct service service = serving();
        struct takeover takeover;
        size_t descriptors = test_count_descriptors();
        int fd, ready = -1, tickets = -1;

        (void)state;
        test_begin();
        snprintf(script, sizeof(script),
                 "printf '%%s|%%s|%%s' \"$WSECHOD_HANDED_OVER\" \"$WATCHDOG_PID\" "
                 "\"$WATCHDOG_USEC\" "
                 "> %s; exit 5",
                 path);
        service.argv = words;
        service.shared = shared_create(1);
        service.listeners = (struct listeners){.items = &listener, .count = 1};
        service.pidfile.fd = dup(0);
        setenv("WATCHDOG_PID", "1", 1);
        setenv("WATCHDOG_USEC", "2", 1);
        assert_int_equal(takeover_begin(&takeover, &service), 0);
        expect_log("SIGUSR2: started '/bin/sh' anew as process ");
        assert_false(takeover.asked);
        assert_int_equal(fcntl(takeover.ready, F_GETFD), FD_CLOEXEC);
        waitid(P_PID, (id_t)takeover.process, &(siginfo_t){0}, WEXITED | WNOWAIT);
        assert_false(takeover_end(&takeover, &service, false));
        expect_log("ended with status 5: this one goes on");
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(read(fd, text, sizeof(text) - 1) > 0);
        close(fd);
        unlink(path);
        assert_int_equal(sscanf(text, "ready %d\npidfile %*d\ntickets %d", &ready, &tickets), 2);
        snprintf(wanted, sizeof(wanted),
                 "ready %d\npidfile %d\ntickets %d\nsocket 0 0 2 unix:/a b\nsocket 1 1 2 unix:/a "
                 "b\nsocket 2 1 2 unix:/a b\n||2",
                 ready, service.pidfile.fd, tickets);
        assert_string_equal(text, wanted);
        assert_true(ready > 2 && tickets > 2 && ready != tickets);
        close(service.pidfile.fd);
        shared_free(service.shared);
        unsetenv("WATCHDOG_PID");
        unsetenv("WATCHDOG_USEC");
        assert_int_equal(test_count_descriptors(), descriptors);
        test_end();
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_is_started_at_a_time_by_a_server_that_serves),
                cmocka_unit_test(one_that_fails_is_told_of_and_this_server_goes_on),
                cmocka_unit_test(one_that_serves_has_all),
                cmocka_unit_test(one_that_has_asked_is_somebody_elses),
                cmocka_unit_test(an_end_ends_it_too_unless_it_serves),
                cmocka_unit_test(it_gets_sockets_and_all_of_the_environment_but_the_watchdogs_name),
        };

        snprintf(path, sizeof(path), "/tmp/takeover_test.%d", (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}
