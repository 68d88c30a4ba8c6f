/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What is known of a file before it is made. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char directory[] = "/tmp/file_test.XXXXXX";

static int
make_directory(void **state)
{
        (void)state;
        if (mkdtemp(directory) == NULL)
                return -1;
        /* Relative names are those there. */
        return chdir(directory);
}

static int
remove_directory(void **state)
{
        (void)state;
        return chdir("/") == 0 ? rmdir(directory) : -1;
}

/* 0, or errno. */
static int
make_error(const char *path)
{
        return aw_file_may_make(path) == 0 ? 0 : errno;
}

static int
write_error(const char *path)
{
        return aw_file_may_write(path) == 0 ? 0 : errno;
}

static void
make_file(const char *path, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

        assert_true(fd >= 0);
        close(fd);
}

static void
a_file_may_be_made_where_there_is_a_directory(void **state)
{
        static const struct {
                const char *path;
                int error;
        } cases[] = {{"new", 0},
                     {"./new", 0},
                     {"../new", 0},
                     {"/nonexistent/new", ENOENT},
                     {"file/new", ENOTDIR},
                     {"new/", EISDIR},
                     {"", ENOENT}};

        (void)state;
        make_file("file", 0600);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(make_error(cases[i].path), cases[i].error);
                assert_int_equal(write_error(cases[i].path), cases[i].error);
        }
        assert_int_equal(access("new", F_OK), -1);
        assert_int_equal(make_error("file"), 0);
        assert_int_equal(write_error("file"), 0);
        assert_int_equal(write_error("."), EISDIR);
        unlink("file");
}

/* It is this process's user in effect who counts, as for open(). */
static void
who_may_not_write_is_told(void **state)
{
        (void)state;
        make_file("closed", 0400);
        assert_int_equal(chmod(directory, 0555), 0);
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
        assert_int_equal(make_error("new"), EACCES);
        assert_int_equal(write_error("new"), EACCES);
        assert_int_equal(write_error("closed"), EACCES);
        if (getuid() == 0)
                assert_int_equal(seteuid(0), 0);
        assert_int_equal(chmod(directory, 0700), 0);
        unlink("closed");
}

/* Who reads from it would see the end, had it been opened. */
static void
a_fifo_is_not_opened(void **state)
{
        char byte;
        int fd;

        (void)state;
        assert_int_equal(mkfifo("fifo", 0600), 0);
        fd = open("fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write_error("fifo"), 0);
        assert_int_equal(read(fd, &byte, 1), 0);
        close(fd);
        unlink("fifo");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_may_be_made_where_there_is_a_directory),
                cmocka_unit_test(who_may_not_write_is_told),
                cmocka_unit_test(a_fifo_is_not_opened),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
