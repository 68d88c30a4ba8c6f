/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The file with the server's number: who has it, and what becomes of it. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "pidfile.h"
#include "unit/support.h"

static char directory[] = "/tmp/pidfile_test.XXXXXX";
static char path[64], other[64];

static int
make_directory(void **state)
{
        (void)state;
        if (mkdtemp(directory) == NULL)
                return -1;
        snprintf(path, sizeof(path), "%s/pid", directory);
        snprintf(other, sizeof(other), "%s/other", directory);
        return 0;
}

static int
remove_directory(void **state)
{
        (void)state;
        return rmdir(directory);
}

static void
assert_file(const char *name, const char *wanted)
{
        char text[64] = "";
        int fd = open(name, O_RDONLY | O_CLOEXEC);

        assert_int_not_equal(fd, -1);
        assert_true(read(fd, text, sizeof(text) - 1) >= 0);
        close(fd);
        assert_string_equal(text, wanted);
}

static void
write_file(const char *name, const char *text)
{
        FILE *file = fopen(name, "w");

        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
}

static void
the_number_replaces_what_was_there(void **state)
{
        struct pidfile pidfile;
        struct stat status;
        mode_t mask = umask(0);

        (void)state;
        assert_int_equal(pidfile_open(&pidfile, path, "", -1), 0);
        umask(mask);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0644);
        assert_int_equal(fcntl(pidfile.fd, F_GETFD), FD_CLOEXEC);
        assert_file(path, "");
        assert_int_equal(pidfile_write(&pidfile, 1234567), 0);
        assert_file(path, "1234567\n");
        assert_int_equal(pidfile_write(&pidfile, 12), 0);
        assert_file(path, "12\n");
        pidfile_close(&pidfile, false);
        assert_true(pidfile.fd == -1 && pidfile.path == NULL);
        assert_file(path, "12\n");
        /* One that nobody has locked is free. */
        assert_int_equal(pidfile_open(&pidfile, path, "", -1), 0);
        pidfile_close(&pidfile, true);
        assert_int_equal(access(path, F_OK), -1);
}

static void
without_a_path_there_is_no_file(void **state)
{
        size_t descriptors = test_count_descriptors();
        struct pidfile pidfile;
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        (void)state;
        assert_int_equal(pidfile_open(&pidfile, NULL, "", -1), 0);
        assert_int_equal(pidfile_write(&pidfile, 1), 0);
        pidfile_close(&pidfile, true);
        /* What was handed over for nothing is closed. */
        assert_int_equal(pidfile_open(&pidfile, NULL, "", fd), 0);
        assert_int_equal(test_count_descriptors(), descriptors);
        assert_int_equal(pidfile.fd, -1);
}

static void
who_has_the_file_is_named(void **state)
{
        struct pidfile first, second;

        (void)state;
        test_begin();
        assert_int_equal(pidfile_open(&first, path, "", -1), 0);
        assert_int_equal(pidfile_open(&second, path, "FILE:3: ", -1), -1);
        expect_log("error: FILE:3: --pidfile: '");
        expect(strstr(test_log.lines[0],
                      "another server runs with it, process unknown: end that one, or take over "
                      "from it with --takeover") != NULL);
        assert_int_equal(second.fd, -1);
        assert_null(second.path);
        assert_int_equal(pidfile_write(&first, 4711), 0);
        assert_int_equal(pidfile_open(&second, path, "", -1), -1);
        expect_log("error: --pidfile: '");
        expect(strstr(test_log.lines[1], ": another server runs with it, process 4711: ") != NULL);
        /* And it is still there. */
        assert_file(path, "4711\n");
        pidfile_close(&first, true);
        test_end();
}

static void
what_is_no_regular_file_is_left_alone(void **state)
{
        struct pidfile pidfile;

        (void)state;
        test_begin();
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(pidfile_open(&pidfile, path, "", -1), -1);
        expect_log(": it is no regular file");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(pidfile_open(&pidfile, directory, "", -1), -1);
        expect_log(": Is a directory");
        assert_int_equal(pidfile_open(&pidfile, "/nowhere/pid", "", -1), -1);
        expect_log("error: --pidfile: '/nowhere/pid': No such file or directory");
        test_end();
}

/* Somebody has put another one there since: that is left alone. */
static void
a_file_that_is_another_by_now_stays(void **state)
{
        struct pidfile pidfile;

        (void)state;
        assert_int_equal(pidfile_open(&pidfile, path, "", -1), 0);
        assert_int_equal(rename(path, other), 0);
        write_file(path, "theirs\n");
        assert_int_equal(pidfile_write(&pidfile, 5), 0);
        pidfile_close(&pidfile, true);
        assert_file(path, "theirs\n");
        assert_file(other, "5\n");
        unlink(path);
        unlink(other);
}

static void
a_file_that_is_handed_over_keeps_its_lock(void **state)
{
        struct pidfile first, second, third;
        int fd;

        (void)state;
        test_begin();
        assert_int_equal(pidfile_open(&first, path, "", -1), 0);
        assert_int_equal(pidfile_write(&first, 1), 0);
        fd = dup(first.fd);
        assert_int_equal(pidfile_open(&second, path, "", fd), 0);
        assert_int_equal(second.fd, fd);
        pidfile_close(&first, false);
        assert_int_equal(pidfile_open(&third, path, "", -1), -1);
        expect_log("another server runs with it, process 1");
        pidfile_close(&second, true);
        assert_int_equal(access(path, F_OK), -1);
        test_end();
}

/* The successor's option names another file than the one that it was given. */
static void
a_file_that_is_handed_over_under_another_name_is_let_go(void **state)
{
        size_t descriptors = test_count_descriptors();
        struct pidfile first, second;
        int fd;

        (void)state;
        assert_int_equal(pidfile_open(&first, path, "", -1), 0);
        fd = dup(first.fd);
        assert_int_equal(pidfile_open(&second, other, "", fd), 0);
        assert_int_equal(test_count_descriptors(), descriptors + 2);
        assert_int_equal(pidfile_write(&second, 2), 0);
        assert_file(other, "2\n");
        assert_file(path, "");
        pidfile_close(&second, true);
        pidfile_close(&first, true);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(access(other, F_OK), -1);
        assert_int_equal(test_count_descriptors(), descriptors);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_number_replaces_what_was_there),
                cmocka_unit_test(without_a_path_there_is_no_file),
                cmocka_unit_test(who_has_the_file_is_named),
                cmocka_unit_test(what_is_no_regular_file_is_left_alone),
                cmocka_unit_test(a_file_that_is_another_by_now_stays),
                cmocka_unit_test(a_file_that_is_handed_over_keeps_its_lock),
                cmocka_unit_test(a_file_that_is_handed_over_under_another_name_is_let_go),
        };

        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
