/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: poll. */
/* Handing over: a new server that asks, and an old one, each with others that are not as they should. */
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "handover.h"
#include "unit/support.h"

static char directory[] = "/tmp/handover_test.XXXXXX";
static char pidfile[64], beside[80];

static int
make_directory(void **state)
{
        (void)state;
        if (mkdtemp(directory) == NULL)
                return -1;
        snprintf(pidfile, sizeof(pidfile), "%s/pid", directory);
        snprintf(beside, sizeof(beside), "%s.takeover", pidfile);
        return 0;
}

static int
remove_directory(void **state)
{
        (void)state;
        unlink(pidfile);
        return rmdir(directory);
}

/* Who reads what was sent, or does not, once the sender waits for room. */
static int reader = -1;
static bool reads;
static size_t waits, lines_read;

int __real_poll(struct pollfd *polled, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *polled, nfds_t count, int timeout);

int
__wrap_poll(struct pollfd *polled, nfds_t count, int timeout)
{
        char line[1024];

        if (reader == -1)
                return __real_poll(polled, count, timeout);
        waits++;
        assert_int_equal(count, 1);
        assert_int_equal(polled->events, POLLOUT);
        assert_int_equal(timeout, 1000);
        while (reads && recv(reader, line, sizeof(line), MSG_DONTWAIT) > 0)
                lines_read++;
        return reads;
}

static struct inherited
nothing_yet(void)
{
        return (struct inherited){.ready = -1, .pidfile = -1, .tickets = -1};
}

static struct sockaddr_un
address_beside(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        strcpy(address.sun_path, beside);
        return address;
}

/* The old server: a child that has the file, and does this when SIGUSR2 comes. */

static pid_t old;

static void
start_old(void (*function)(void))
{
        int ready[2], fd;
        char byte, text[24];
        sigset_t set;
        int number;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        assert_int_equal(pipe(ready), 0);
        fflush(NULL);
        old = fork();
        if (old == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                fd = open(pidfile, O_RDWR | O_CREAT | O_TRUNC, 0600);
                snprintf(text, sizeof(text), "%d\n", (int)getpid());
                if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1 ||
                    write(fd, text, strlen(text)) == -1 || write(ready[1], "", 1) == -1)
                        _exit(9);
                sigwait(&set, &number);
                function();
                _exit(8);
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
}

static void
assert_old_ends(int status)
{
        int ended;

        assert_int_equal(waitpid(old, &ended, 0), old);
        assert_true(WIFEXITED(ended));
        assert_int_equal(WEXITSTATUS(ended), status);
}

/* Hands over a socket that listens, and more; its status is 0 if the other one then says its number. */
static void
hand_over(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int listening = socket(AF_UNIX, SOCK_STREAM, 0);
        pid_t process = 0;
        int channel = handover_connect(pidfile, &process);
        struct pollfd polled = {.fd = channel, .events = POLLIN};
        char lines[200];

        if (channel == -1 || process != getppid())
                _exit(7);
        if (bind(listening, (struct sockaddr *)&address, sizeof(sa_family_t)) == -1 ||
            listen(listening, 1) == -1)
                _exit(6);
        snprintf(lines, sizeof(lines),
                 "ready 0\nsocket %d 3 2 unix:/a b\npidfile %d\ntickets %d\nunknown 1", listening,
                 listening, listening);
        if (handover_send(channel, lines) == -1)
                _exit(5);
        poll(&polled, 1, 20000);
        process = 0;
        _exit(handover_is_accepted(channel, &process) && process == getppid() ? 0 : 4);
}

static void
a_server_that_asks_gets_everything_and_says_that_it_serves(void **state)
{
        struct inherited inherited = nothing_yet();
        size_t descriptors = test_count_descriptors();
        struct stat status;

        (void)state;
        start_old(hand_over);
        assert_int_equal(handover_ask(pidfile, 20 * AW_SECOND, &inherited), 0);
        assert_int_equal(stat(beside, &status), -1);
        assert_true(inherited.asked);
        assert_int_not_equal(inherited.ready, -1);
        assert_int_equal(fcntl(inherited.ready, F_GETFD), FD_CLOEXEC);
        assert_int_equal(handover_process(&inherited), old);
        assert_int_equal(inherited.count, 1);
        assert_int_equal(inherited.sockets[0].slot, 3);
        assert_int_equal(inherited.sockets[0].kind, SOCKET_ADMIN);
        assert_string_equal(inherited.sockets[0].url, "unix:/a b");
        assert_int_equal(fcntl(inherited.sockets[0].fd, F_GETFD), FD_CLOEXEC);
        assert_true(inherited.pidfile != -1 && inherited.tickets != -1);
        assert_int_not_equal(inherited.pidfile, inherited.tickets);
        assert_true(handover_accept(&inherited));
        assert_old_ends(0);
        inherit_free(&inherited);
        assert_int_equal(test_count_descriptors(), descriptors);
}

static void
where_nobody_runs_it_starts_as_usual(void **state)
{
        struct inherited inherited = nothing_yet();

        (void)state;
        test_begin();
        unlink(pidfile);
        assert_int_equal(handover_ask(pidfile, AW_SECOND, &inherited), 0);
        expect_log("--takeover: no server runs with ");
        close(creat(pidfile, 0600));
        assert_int_equal(handover_ask(pidfile, AW_SECOND, &inherited), 0);
        expect_log(": starting as usual");
        assert_int_equal(inherited.ready, -1);
        /* A file that cannot be read is another matter. */
        assert_int_equal(handover_ask("/dev/null/x", AW_SECOND, &inherited), -1);
        expect_log("error: --takeover: /dev/null/x: Not a directory");
        /* One that took over has a predecessor already. */
        inherited.ready = 0;
        assert_int_equal(handover_ask("/dev/null/x", AW_SECOND, &inherited), 0);
        test_end();
}

static void
a_locked_file_without_a_number_names_nobody(void **state)
{
        struct inherited inherited = nothing_yet();
        int fd = open(pidfile, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        (void)state;
        test_begin();
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(handover_ask(pidfile, AW_SECOND, &inherited), -1);
        expect_log("is locked, but has no number in it");
        assert_int_equal(write(fd, "-1\n", 3), 3);
        assert_int_equal(handover_ask(pidfile, AW_SECOND, &inherited), -1);
        expect_log("is locked, but has no number in it");
        close(fd);
        test_end();
}

static void
end_at_once(void)
{
        _exit(0);
}

static void
a_server_that_ends_meanwhile_is_none(void **state)
{
        struct inherited inherited = nothing_yet();

        (void)state;
        /* It knows no pidfd_open(2), by which the end is seen. */
        if (test_under_valgrind())
                skip();
        test_begin();
        start_old(end_at_once);
        assert_int_equal(handover_ask(pidfile, 20 * AW_SECOND, &inherited), 0);
        expect_log("has ended meanwhile: starting as usual");
        assert_int_equal(access(beside, F_OK), -1);
        assert_old_ends(0);
        test_end();
}

/* Nobody else than the one that was asked may hand over. */
static void
send_another(void)
{
        pid_t process, child = fork();
        int channel, status;
        char byte;

        if (child == 0) {
                channel = handover_connect(pidfile, &process);
                handover_send(channel, "");
                _exit(recv(channel, &byte, 1, MSG_DONTWAIT) == -1 ? 0 : 1);
        }
        waitpid(child, &status, 0);
        pause();
}

static void
a_server_that_does_not_come_is_waited_for_as_long_as_is_said(void **state)
{
        struct inherited inherited = nothing_yet();

        (void)state;
        test_begin();
        start_old(send_another);
        assert_int_equal(handover_ask(pidfile, AW_SECOND / 10, &inherited), -1);
        expect_log("does not hand its sockets over: its log may say why");
        assert_int_equal(inherited.ready, -1);
        assert_int_equal(access(beside, F_OK), -1);
        kill(old, SIGKILL);
        assert_int_equal(waitpid(old, NULL, 0), old);
        test_end();
}

static void
break_off(void)
{
        pid_t process;
        int channel = handover_connect(pidfile, &process);

        send(channel, "tickets 0", 9, 0);
        _exit(channel == -1);
}

static void
go_in_the_middle(void)
{
        pid_t process;

        _exit(handover_connect(pidfile, &process) == -1);
}

static void
what_is_not_handed_over_in_whole_is_nothing(void **state)
{
        struct inherited inherited = nothing_yet();

        (void)state;
        test_begin();
        start_old(go_in_the_middle);
        assert_int_equal(handover_ask(pidfile, 20 * AW_SECOND, &inherited), -1);
        expect_log("the running server has not handed its sockets over: Connection reset");
        assert_old_ends(0);
        inherit_free(&inherited);
        /* A line without its descriptor. */
        inherited = nothing_yet();
        start_old(break_off);
        assert_int_equal(handover_ask(pidfile, 20 * AW_SECOND, &inherited), -1);
        assert_int_equal(inherited.tickets, -1);
        assert_old_ends(0);
        inherit_free(&inherited);
        test_end();
}

static void
only_one_may_wait_and_what_a_dead_one_left_is_replaced(void **state)
{
        struct sockaddr_un address = address_beside();
        struct inherited inherited = nothing_yet();
        size_t descriptors;
        int fd;

        (void)state;
        test_begin();
        start_old(hand_over);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        descriptors = test_count_descriptors();
        assert_int_equal(handover_ask(pidfile, AW_SECOND, &inherited), -1);
        expect_log("--takeover: another server is taking over already: it waits at ");
        assert_int_equal(test_count_descriptors(), descriptors);
        assert_int_equal(access(beside, F_OK), 0);
        close(fd);
        assert_int_equal(handover_ask(pidfile, 20 * AW_SECOND, &inherited), 0);
        assert_int_equal(inherited.count, 1);
        assert_true(handover_accept(&inherited));
        assert_old_ends(0);
        inherit_free(&inherited);
        test_end();
}

/* The old server's side, to a socket pair. */

static void
open_pair(int pair[2], struct inherited *inherited)
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        *inherited = nothing_yet();
        inherited->ready = pair[1];
}

static void
who_has_said_that_it_serves_is_believed_though_it_is_late(void **state)
{
        struct inherited inherited;
        pid_t process = 1;
        int pair[2];

        (void)state;
        open_pair(pair, &inherited);
        assert_false(handover_is_accepted(pair[0], &process));
        assert_int_equal(process, 1);
        assert_true(handover_accept(&inherited));
        assert_true(handover_give_up(pair[0], &process));
        assert_int_equal(process, getpid());
        close(pair[0]);
        close(pair[1]);
}

/* A number has at most 20 digits. */
static void
what_is_said_is_read_as_far_as_a_number_goes(void **state)
{
        struct inherited inherited;
        pid_t process = 1;
        int pair[2];

        (void)state;
        open_pair(pair, &inherited);
        assert_int_equal(send(pair[1], "000000000000000000000123", 24, 0), 24);
        assert_true(handover_is_accepted(pair[0], &process));
        assert_int_equal(process, 12);
        close(pair[0]);
        close(pair[1]);
}

static void
who_was_given_up_hears_of_it(void **state)
{
        struct inherited inherited;
        pid_t process = 1;
        int pair[2];

        (void)state;
        open_pair(pair, &inherited);
        assert_false(handover_give_up(pair[0], &process));
        assert_int_equal(process, 1);
        assert_false(handover_accept(&inherited));
        close(pair[0]);
        close(pair[1]);
}

static void
who_is_asked_and_goes_leaves_all_to_the_other(void **state)
{
        struct inherited inherited;
        int pair[2];

        (void)state;
        test_begin();
        open_pair(pair, &inherited);
        close(pair[0]);
        assert_true(handover_accept(&inherited));
        expect_log("warning: the server before this one is gone");
        close(pair[1]);
        test_end();
}

static void
where_nobody_waits_there_is_nobody(void **state)
{
        char long_name[120] = "/tmp/";
        struct sockaddr_un address = address_beside();
        size_t descriptors = test_count_descriptors();
        pid_t process = 5;
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)state;
        test_begin();
        assert_int_equal(handover_connect(pidfile, &process), -1);
        assert_int_equal(process, -1);
        /* With its ending it is one byte too long, and would be another file's name. */
        memset(long_name + 5, 'x', 108 - 9 - 5);
        process = 5;
        assert_int_equal(handover_connect(long_name, &process), -1);
        assert_int_equal(process, -1);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(handover_connect(pidfile, &process), -1);
        assert_int_equal(process, 0);
        expect_log("error: SIGUSR2: ");
        close(fd);
        assert_int_equal(handover_connect(pidfile, &process), -1);
        assert_int_equal(process, -1);
        unlink(beside);
        assert_int_equal(test_count_descriptors(), descriptors);
        test_end();
}

static void
a_line_has_a_longest_length(void **state)
{
        char line[1100], got[1100];
        int pair[2];
        struct inherited inherited;

        (void)state;
        open_pair(pair, &inherited);
        memset(line, 'x', sizeof(line));
        memcpy(line, "socket 0 0 0 ", 13);
        line[1023] = '\0';
        assert_int_equal(handover_send(pair[0], line), 0);
        assert_int_equal(recv(pair[1], got, sizeof(got), MSG_DONTWAIT), 1023);
        assert_memory_equal(got, line, 1023);
        assert_int_equal(recv(pair[1], got, sizeof(got), MSG_DONTWAIT), 3);
        assert_memory_equal(got, "end", 3);
        line[1023] = 'x';
        line[1024] = '\0';
        assert_int_equal(handover_send(pair[0], line), -1);
        assert_int_equal(errno, EMSGSIZE);
        assert_int_equal(recv(pair[1], got, sizeof(got), MSG_DONTWAIT), -1);
        close(pair[1]);
        assert_int_equal(handover_send(pair[0], ""), -1);
        assert_int_equal(errno, EPIPE);
        close(pair[0]);
}

/* For a second: it is the other side that does not read. */
static void
where_there_is_no_room_for_a_line_it_is_waited_for(void **state)
{
        struct inherited inherited;
        char *lines, line[1024];
        size_t count = 1000, size;
        FILE *out;
        int pair[2];

        (void)state;
        open_pair(pair, &inherited);
        out = open_memstream(&lines, &size);
        assert_non_null(out);
        for (size_t i = 0; i < count; i++)
                fprintf(out, "socket %d 0 0 unix:/%0500zu\n", pair[0], i);
        fclose(out);
        reader = pair[1];
        reads = true;
        assert_int_equal(handover_send(pair[0], lines), 0);
        while (recv(reader, line, sizeof(line), MSG_DONTWAIT) > 0)
                lines_read++;
        assert_true(waits > 0);
        assert_int_equal(lines_read, count + 1);
        reads = false;
        waits = 0;
        assert_int_equal(handover_send(pair[0], lines), -1);
        assert_int_equal(waits, 1);
        reader = -1;
        free(lines);
        close(pair[0]);
        close(pair[1]);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_server_that_asks_gets_everything_and_says_that_it_serves),
                cmocka_unit_test(where_nobody_runs_it_starts_as_usual),
                cmocka_unit_test(a_locked_file_without_a_number_names_nobody),
                cmocka_unit_test(a_server_that_ends_meanwhile_is_none),
                cmocka_unit_test(a_server_that_does_not_come_is_waited_for_as_long_as_is_said),
                cmocka_unit_test(what_is_not_handed_over_in_whole_is_nothing),
                cmocka_unit_test(only_one_may_wait_and_what_a_dead_one_left_is_replaced),
                cmocka_unit_test(who_has_said_that_it_serves_is_believed_though_it_is_late),
                cmocka_unit_test(what_is_said_is_read_as_far_as_a_number_goes),
                cmocka_unit_test(who_was_given_up_hears_of_it),
                cmocka_unit_test(who_is_asked_and_goes_leaves_all_to_the_other),
                cmocka_unit_test(where_nobody_waits_there_is_nobody),
                cmocka_unit_test(a_line_has_a_longest_length),
                cmocka_unit_test(where_there_is_no_room_for_a_line_it_is_waited_for),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
