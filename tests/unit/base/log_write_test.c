/* SPDX-License-Identifier: MIT */
/* The log, where nobody reads it. That none of this blocks is the first thing that is tested. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "await/log.h"

#define THREADS 4
#define LINES   2000 /* more than any of the buffers here takes */

static int stderr_copy;

/* All that was read of the log, and what is in it. */
static char seen[1 << 20];
static size_t seen_length;
static unsigned long whole, cut, lost;

static void
redirect(int fd)
{
        stderr_copy = dup(STDERR_FILENO);
        assert_true(stderr_copy >= 0);
        assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static void
restore(void)
{
        assert_int_equal(dup2(stderr_copy, STDERR_FILENO), STDERR_FILENO);
        close(stderr_copy);
}

static int
begin(void **state)
{
        int null = open("/dev/null", O_WRONLY);

        (void)state;
        seen_length = whole = cut = lost = 0;
        /* A line that an earlier test lost is told of now. */
        redirect(null);
        aw_log(AW_LOG_INFO, "begin");
        restore();
        close(null);
        return 0;
}

static void
log_lines(size_t count)
{
        for (size_t i = 0; i < count; i++)
                aw_log(AW_LOG_INFO, "line %05zu", i);
}

/* Takes what there is. True if there was something. */
static bool
drain(int fd)
{
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        size_t before = seen_length;
        ssize_t got;

        while (poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
                got = read(fd, seen + seen_length, sizeof(seen) - 1 - seen_length);
                if (got <= 0)
                        break;
                seen_length += (size_t)got;
        }
        seen[seen_length] = '\0';
        return seen_length > before;
}

/* Counts the lines. All but the last are whole, or were cut by a full buffer. */
static void
count_lines(void)
{
        unsigned long count;

        for (char *line = strtok(seen, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
                if (sscanf(line, "warning: %lu line", &count) == 1 &&
                    strstr(line, " lost: standard error took no more") != NULL)
                        lost += count;
                else if (strlen(line) == strlen("line 00000"))
                        whole++;
                else
                        cut++;
        }
}

/* Logs without a reader, then with one; every line was read or is counted. */
static void
assert_loses_and_counts(int writer, int reader)
{
        int flags = fcntl(writer, F_GETFL);

        redirect(writer);
        log_lines(LINES);
        assert_true(drain(reader));
        while (drain(reader))
                continue;
        log_lines(2);
        drain(reader);
        restore();
        assert_int_equal(fcntl(writer, F_GETFL), flags);
        assert_int_equal(flags & O_NONBLOCK, 0);
        assert_null(strstr(seen, "line 00000line"));
        count_lines();
        assert_true(whole > 100);
        assert_true(lost > 100);
        assert_true(cut <= 1);
        assert_int_equal(whole + lost, LINES + 2);
}

static void
a_pipe_that_nobody_reads_loses_lines(void **state)
{
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        assert_true(fcntl(ends[1], F_SETPIPE_SZ, 8192) > 0);
        assert_loses_and_counts(ends[1], ends[0]);
        close(ends[0]);
        close(ends[1]);
}

/* In a pipe with a name, no kernel so far writes without waiting as in others. */
static void
a_fifo_that_nobody_reads_loses_lines(void **state)
{
        char directory[] = "/tmp/log-XXXXXX", path[40];
        int reader, writer;

        (void)state;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/fifo", directory);
        assert_int_equal(mkfifo(path, 0600), 0);
        reader = open(path, O_RDONLY | O_NONBLOCK);
        writer = open(path, O_WRONLY);
        assert_true(fcntl(writer, F_SETPIPE_SZ, 8192) > 0);
        assert_loses_and_counts(writer, reader);
        close(reader);
        close(writer);
        unlink(path);
        rmdir(directory);
}

static void
a_socket_that_nobody_reads_loses_lines(void **state)
{
        static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
        int ends[2], small = 4096;

        for (size_t i = 0; i < 2; i++) {
                begin(state);
                assert_int_equal(socketpair(AF_UNIX, types[i], 0, ends), 0);
                setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
                /* One packet is read at a time, which is less than all. */
                redirect(ends[0]);
                log_lines(LINES);
                while (drain(ends[1]))
                        continue;
                log_lines(2);
                drain(ends[1]);
                restore();
                assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
                count_lines();
                assert_true(whole > 2 && lost > 100);
                assert_int_equal(whole + lost, LINES + 2);
                assert_int_equal(cut, 0);
                close(ends[0]);
                close(ends[1]);
        }
}

/* The slave's end is the terminal of a program; the other end its window. */
static void
open_terminal(int *master, int *slave)
{
        struct termios raw;

        *master = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(*master >= 0);
        assert_int_equal(grantpt(*master), 0);
        assert_int_equal(unlockpt(*master), 0);
        *slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
        assert_true(*slave >= 0);
        assert_int_equal(tcgetattr(*slave, &raw), 0);
        cfmakeraw(&raw);
        assert_int_equal(tcsetattr(*slave, TCSANOW, &raw), 0);
}

static void
a_terminal_that_nobody_reads_loses_lines(void **state)
{
        int master, slave;

        (void)state;
        open_terminal(&master, &slave);
        assert_loses_and_counts(slave, master);
        close(slave);
        close(master);
}

static void
a_terminal_that_is_stopped_loses_lines(void **state)
{
        int master, slave;

        (void)state;
        open_terminal(&master, &slave);
        redirect(slave);
        assert_int_equal(tcflow(slave, TCOOFF), 0);
        log_lines(5);
        assert_false(drain(master));
        assert_int_equal(tcflow(slave, TCOON), 0);
        log_lines(1);
        restore();
        drain(master);
        count_lines();
        assert_int_equal(lost, 5);
        assert_int_equal(whole, 1);
        close(slave);
        close(master);
}

/* It cannot be opened once more: that would make another terminal. */
static void
the_master_of_a_terminal_loses_lines(void **state)
{
        int master, slave;

        (void)state;
        open_terminal(&master, &slave);
        redirect(master);
        log_lines(LINES);
        restore();
        while (drain(slave))
                continue;
        redirect(master);
        log_lines(1);
        restore();
        drain(slave);
        count_lines();
        assert_true(whole > 100 && lost > 100);
        assert_in_range(whole + lost, LINES, LINES + 1);
        close(slave);
        close(master);
}

static void
a_full_disk_and_a_closed_descriptor_lose_lines(void **state)
{
        int full = open("/dev/full", O_WRONLY), ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        redirect(full);
        log_lines(3);
        close(STDERR_FILENO);
        log_lines(2);
        assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
        log_lines(1);
        restore();
        assert_true(drain(ends[0]));
        count_lines();
        assert_int_equal(lost, 5);
        assert_int_equal(whole, 1);
        close(full);
        close(ends[0]);
        close(ends[1]);
}

/* And there is no SIGPIPE, which would end this test. */
static void
a_pipe_without_a_reader_loses_lines(void **state)
{
        int ends[2], file;
        char name[] = "/tmp/log-XXXXXX";

        (void)state;
        signal(SIGPIPE, SIG_DFL);
        assert_int_equal(pipe(ends), 0);
        close(ends[0]);
        redirect(ends[1]);
        log_lines(4);
        restore();
        close(ends[1]);
        file = mkstemp(name);
        redirect(file);
        log_lines(1);
        restore();
        lseek(file, 0, SEEK_SET);
        assert_true(drain(file));
        count_lines();
        assert_int_equal(lost, 4);
        unlink(name);
        close(file);
}

/* Not opened with O_APPEND, so each line has to go where the last one ended. */
static void
a_file_gets_all_lines_in_order(void **state)
{
        char name[] = "/tmp/log-XXXXXX", line[40];
        int file = mkstemp(name);
        FILE *reader;

        (void)state;
        assert_true(file >= 0);
        assert_int_equal(write(file, "before\n", 7), 7);
        redirect(file);
        log_lines(LINES);
        restore();
        assert_int_equal(lseek(file, 0, SEEK_CUR), 7 + LINES * (off_t)strlen("line 00000\n"));
        lseek(file, 0, SEEK_SET);
        reader = fdopen(file, "r");
        assert_non_null(fgets(line, sizeof(line), reader));
        assert_string_equal(line, "before\n");
        for (int i = 0, number; i < LINES; i++) {
                assert_non_null(fgets(line, sizeof(line), reader));
                assert_int_equal(sscanf(line, "line %d\n", &number), 1);
                assert_int_equal(number, i);
        }
        fclose(reader);
        unlink(name);
}

static void *
log_in_a_thread(void *argument)
{
        (void)argument;
        log_lines(LINES);
        return NULL;
}

static void
lines_that_several_threads_lose_are_all_counted(void **state)
{
        pthread_t threads[THREADS];
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        redirect(ends[1]);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, log_in_a_thread, NULL), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        while (drain(ends[0]))
                continue;
        log_lines(1);
        restore();
        drain(ends[0]);
        count_lines();
        assert_true(whole > 100 && lost > 100);
        assert_int_equal(cut, 0);
        assert_int_equal(whole + lost, THREADS * LINES + 1);
        close(ends[0]);
        close(ends[1]);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_pipe_that_nobody_reads_loses_lines, begin),
                cmocka_unit_test_setup(a_fifo_that_nobody_reads_loses_lines, begin),
                cmocka_unit_test_setup(a_socket_that_nobody_reads_loses_lines, begin),
                cmocka_unit_test_setup(a_terminal_that_nobody_reads_loses_lines, begin),
                cmocka_unit_test_setup(a_terminal_that_is_stopped_loses_lines, begin),
                cmocka_unit_test_setup(the_master_of_a_terminal_loses_lines, begin),
                cmocka_unit_test_setup(a_full_disk_and_a_closed_descriptor_lose_lines, begin),
                cmocka_unit_test_setup(a_pipe_without_a_reader_loses_lines, begin),
                cmocka_unit_test_setup(a_file_gets_all_lines_in_order, begin),
                cmocka_unit_test_setup(lines_that_several_threads_lose_are_all_counted, begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
