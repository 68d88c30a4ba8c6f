/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Threads: it has several, so ThreadSanitizer checks it too. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "await/log.h"

#define THREADS 4
#define LINES   200

static int stderr_copy;
static enum aw_log_level sunk_level;
static char sunk[3000];

/* What is written on standard error from now on goes to fd. */
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

/* Lines that an earlier test lost are told of here. */
static int
reset(void **state)
{
        int null = open("/dev/null", O_WRONLY);

        (void)state;
        aw_log_set_level(AW_LOG_INFO);
        aw_log_set_program(NULL);
        aw_log_set_sink(NULL);
        redirect(null);
        aw_log(AW_LOG_INFO, "before a test");
        restore();
        close(null);
        return 0;
}

/* The one datagram that logging `text` writes. */
static void
assert_logs(enum aw_log_level level, const char *text, const char *line)
{
        int ends[2];
        char seen[3000];
        ssize_t length;

        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
        redirect(ends[0]);
        aw_log(level, "%s", text);
        restore();
        length = recv(ends[1], seen, sizeof(seen) - 1, MSG_DONTWAIT);
        assert_true(length > 0);
        seen[length] = '\0';
        assert_string_equal(seen, line);
        assert_int_equal(recv(ends[1], seen, sizeof(seen), MSG_DONTWAIT), -1);
        close(ends[0]);
        close(ends[1]);
}

static void
keep(enum aw_log_level level, const char *message)
{
        sunk_level = level;
        snprintf(sunk, sizeof(sunk), "%s", message);
        errno = EIO;
}

static void
a_line_is_one_write_with_the_program_and_the_level(void **state)
{
        (void)state;
        assert_logs(AW_LOG_INFO, "hello", "hello\n");
        assert_logs(AW_LOG_WARNING, "hello", "warning: hello\n");
        aw_log_set_program("wsechod");
        aw_log_set_level(AW_LOG_DEBUG);
        assert_logs(AW_LOG_ERROR, "hello", "wsechod: error: hello\n");
        assert_logs(AW_LOG_WARNING, "hello", "wsechod: warning: hello\n");
        assert_logs(AW_LOG_INFO, "hello", "wsechod: hello\n");
        assert_logs(AW_LOG_DEBUG, "", "wsechod: debug: \n");
}

static void
lines_above_the_level_are_dropped(void **state)
{
        (void)state;
        aw_log_set_sink(keep);
        sunk[0] = '\0';
        aw_log(AW_LOG_DEBUG, "not by default");
        assert_string_equal(sunk, "");
        assert_true(aw_log_enabled(AW_LOG_INFO));
        assert_false(aw_log_enabled(AW_LOG_DEBUG));
        aw_log_set_level(AW_LOG_DEBUG);
        aw_log(AW_LOG_DEBUG, "now");
        assert_string_equal(sunk, "now");
        aw_log_set_level(AW_LOG_ERROR);
        aw_log(AW_LOG_WARNING, "no more");
        assert_string_equal(sunk, "now");
        aw_log(AW_LOG_ERROR, "always");
        assert_string_equal(sunk, "always");
}

static void
control_characters_are_escaped(void **state)
{
        (void)state;
        assert_logs(AW_LOG_INFO, "a\nb\r\t\x1b[31m\x7f\\", "a\\x0ab\\x0d\\x09\\x1b[31m\\x7f\\\n");
        assert_logs(AW_LOG_INFO, "\xc2\x80\xc2\x9b!", "\\xc2\\x80\\xc2\\x9b!\n");
}

static void
utf8_is_left_alone_and_what_is_not_utf8_is_escaped(void **state)
{
        (void)state;
        assert_logs(AW_LOG_INFO, "é\xc2\xa0€\U0010ffff", "é\xc2\xa0€\U0010ffff\n");
        assert_logs(AW_LOG_INFO, "\xc0\x8a", "\\xc0\\x8a\n");
        assert_logs(AW_LOG_INFO, "\xe0\x80\x8a", "\\xe0\\x80\\x8a\n");
        assert_logs(AW_LOG_INFO, "\xed\xa0\x80", "\\xed\\xa0\\x80\n");
        assert_logs(AW_LOG_INFO, "\xf0\x80\x80\x8a", "\\xf0\\x80\\x80\\x8a\n");
        assert_logs(AW_LOG_INFO, "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80\n");
        assert_logs(AW_LOG_INFO, "\xf5\xff\x80", "\\xf5\\xff\\x80\n");
        assert_logs(AW_LOG_INFO, "\xe2\x82", "\\xe2\\x82\n");
        assert_logs(AW_LOG_INFO, "\xe2\x82z", "\\xe2\\x82z\n");
        assert_logs(AW_LOG_INFO, "\xf0\x9f\x98", "\\xf0\\x9f\\x98\n");
        assert_logs(AW_LOG_INFO, "\xc3", "\\xc3\n");
}

static void
a_long_message_is_cut_to_whole_characters(void **state)
{
        char text[2100], line[2200];

        (void)state;
        memset(text, 'x', sizeof(text));
        text[2000] = '\0';
        snprintf(line, sizeof(line), "%s\n", text);
        assert_logs(AW_LOG_INFO, text, line);

        text[2000] = 'x';
        text[2001] = '\0';
        snprintf(line, sizeof(line), "%.1997s...\n", text);
        assert_logs(AW_LOG_INFO, text, line);

        text[2001] = 'x';
        text[sizeof(text) - 1] = '\0';
        assert_logs(AW_LOG_INFO, text, line);

        /* Neither the escaped byte nor the character of three bytes fits in front of the dots. */
        text[1996] = '\n';
        snprintf(line, sizeof(line), "%.1996s...\n", text);
        assert_logs(AW_LOG_INFO, text, line);
        memcpy(text + 1995, "€", 3);
        snprintf(line, sizeof(line), "%.1995s...\n", text);
        assert_logs(AW_LOG_INFO, text, line);
}

static void
a_long_program_name_is_cut(void **state)
{
        char program[300], line[300];

        (void)state;
        memset(program, 'p', sizeof(program));
        program[sizeof(program) - 1] = '\0';
        aw_log_set_program(program);
        snprintf(line, sizeof(line), "%.100s: warning: hello\n", program);
        assert_logs(AW_LOG_WARNING, "hello", line);
}

static void
a_message_that_cannot_be_formatted_says_so(void **state)
{
        static const wchar_t outside_the_locale[] = {0x20ac, 0};

        (void)state;
        aw_log_set_sink(keep);
        aw_log(AW_LOG_INFO, "%ls", outside_the_locale);
        assert_string_equal(sunk, "(a message that cannot be formatted)");
}

static void
a_sink_gets_the_message_without_prefix_and_newline(void **state)
{
        (void)state;
        aw_log_set_program("wsechod");
        aw_log_set_sink(keep);
        aw_log(AW_LOG_WARNING, "%d\n%s", 7, "x");
        assert_string_equal(sunk, "7\\x0ax");
        assert_int_equal(sunk_level, AW_LOG_WARNING);
        aw_log_set_sink(NULL);
        assert_logs(AW_LOG_INFO, "back", "wsechod: back\n");
}

static void
errno_is_preserved(void **state)
{
        struct aw_log_limit limit = {.per_second = 1};

        (void)state;
        errno = ENOENT;
        aw_log_set_sink(keep);
        aw_log(AW_LOG_ERROR, "%m");
        assert_int_equal(errno, ENOENT);
        assert_string_equal(sunk, "No such file or directory");
        aw_log_set_sink(NULL);

        stderr_copy = dup(STDERR_FILENO);
        close(STDERR_FILENO);
        errno = ENOENT;
        aw_log(AW_LOG_ERROR, "to nobody");
        assert_int_equal(errno, ENOENT);
        restore();
        aw_log_set_sink(keep);
        aw_log_limit(&limit, AW_LOG_ERROR, "%m");
        assert_int_equal(errno, ENOENT);
        assert_string_equal(sunk, "No such file or directory");
}

static void
levels_have_names(void **state)
{
        (void)state;
        assert_int_equal(aw_log_level_parse("error"), AW_LOG_ERROR);
        assert_int_equal(aw_log_level_parse("warning"), AW_LOG_WARNING);
        assert_int_equal(aw_log_level_parse("info"), AW_LOG_INFO);
        assert_int_equal(aw_log_level_parse("debug"), AW_LOG_DEBUG);
        assert_int_equal(aw_log_level_parse(""), -1);
        assert_int_equal(aw_log_level_parse("Info"), -1);
        assert_int_equal(aw_log_level_parse("informal"), -1);
}

static void *
log_lines(void *arg)
{
        for (int i = 0; i < LINES; i++)
                aw_log(AW_LOG_INFO, "thread %d", *(int *)arg);
        return NULL;
}

static void
lines_of_several_threads_do_not_mix(void **state)
{
        int fd = memfd_create("log", 0), counts[THREADS] = {0}, numbers[THREADS], number;
        pthread_t threads[THREADS];
        FILE *file;
        char line[100];

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
        aw_log_set_program("test");
        redirect(fd);
        for (int i = 0; i < THREADS; i++) {
                numbers[i] = i;
                assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &numbers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        restore();
        file = fdopen(fd, "r");
        assert_non_null(file);
        rewind(file);
        while (fgets(line, sizeof(line), file) != NULL) {
                assert_int_equal(sscanf(line, "test: thread %d\n", &number), 1);
                assert_int_equal(strlen(line), strlen("test: thread 0\n"));
                assert_in_range(number, 0, THREADS - 1);
                counts[number]++;
        }
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(counts[i], LINES);
        fclose(file);
}

static void
abort_again(enum aw_log_level level, const char *message)
{
        (void)level;
        aw_log_abort("the sink saw: %s", message);
}

/* Runs aw_log_abort() in a child, and compares what it wrote. */
static void
assert_aborts(void (*sink)(enum aw_log_level, const char *), const char *expected)
{
        int pipe_ends[2], status;
        char seen[200];
        ssize_t length;
        pid_t child;

        assert_int_equal(pipe(pipe_ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
                signal(SIGABRT, SIG_DFL);
                dup2(pipe_ends[1], STDERR_FILENO);
                aw_log_set_program("test");
                aw_log_set_level(AW_LOG_ERROR);
                aw_log_set_sink(sink);
                aw_log_abort("two receivers on one connection: %d", 7);
        }
        close(pipe_ends[1]);
        assert_int_equal(waitpid(child, &status, 0), child);
        length = read(pipe_ends[0], seen, sizeof(seen) - 1);
        close(pipe_ends[0]);
        assert_true(length >= 0);
        seen[length] = '\0';
        assert_string_equal(seen, expected);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
misuse_aborts_with_a_sentence(void **state)
{
        (void)state;
        assert_aborts(NULL, "test: error: two receivers on one connection: 7\n");
        assert_aborts(keep, "test: error: two receivers on one connection: 7\n");
        assert_aborts(abort_again,
                      "test: error: the sink saw: two receivers on one connection: 7\n");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_line_is_one_write_with_the_program_and_the_level, reset),
                cmocka_unit_test_setup(lines_above_the_level_are_dropped, reset),
                cmocka_unit_test_setup(control_characters_are_escaped, reset),
                cmocka_unit_test_setup(utf8_is_left_alone_and_what_is_not_utf8_is_escaped, reset),
                cmocka_unit_test_setup(a_long_message_is_cut_to_whole_characters, reset),
                cmocka_unit_test_setup(a_long_program_name_is_cut, reset),
                cmocka_unit_test_setup(a_message_that_cannot_be_formatted_says_so, reset),
                cmocka_unit_test_setup(a_sink_gets_the_message_without_prefix_and_newline, reset),
                cmocka_unit_test_setup(errno_is_preserved, reset),
                cmocka_unit_test_setup(levels_have_names, reset),
                cmocka_unit_test_setup(misuse_aborts_with_a_sentence, reset),
                cmocka_unit_test_setup(lines_of_several_threads_do_not_mix, reset),
        };

        return cmocka_run_group_tests(tests, NULL, reset);
}
