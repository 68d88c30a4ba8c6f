/* SPDX-License-Identifier: MIT */
/* Once: it waits for nothing. */
/* The file of a Unix socket: it goes with its server, unless somebody else has come. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "socket_file.h"
#include "unit/support.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static char folder[] = "/tmp/socket_file_end_test.XXXXXX";

static void
make_socket(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
}

static bool
is_there(void)
{
        struct stat status;

        return lstat(address.sun_path, &status) == 0;
}

static void
a_url_has_a_path_or_not(void **state)
{
        (void)state;
        assert_string_equal(socket_file_path("unix:/run/x"), "/run/x");
        assert_null(socket_file_path("unix:@x"));
        assert_null(socket_file_path("ws://127.0.0.1"));
}

static void
it_is_removed_once_and_what_is_another_stays(void **state)
{
        struct socket_file file;
        char other[200];

        (void)state;
        make_socket();
        file = socket_file_note(address.sun_path);
        socket_file_remove(address.sun_path, &file);
        assert_false(is_there());
        make_socket();
        socket_file_remove(address.sun_path, &file);
        assert_true(is_there());
        /* The first one goes on elsewhere, so that the next one has another number. */
        file = socket_file_note(address.sun_path);
        snprintf(other, sizeof(other), "%s.other", address.sun_path);
        assert_int_equal(rename(address.sun_path, other), 0);
        make_socket();
        socket_file_remove(address.sun_path, &file);
        assert_true(is_there());
        unlink(address.sun_path);
        unlink(other);
        /* No socket is noted, nor what is not there. */
        fclose(fopen(address.sun_path, "w"));
        file = socket_file_note(address.sun_path);
        socket_file_remove(address.sun_path, &file);
        assert_true(is_there());
        unlink(address.sun_path);
        file = socket_file_note(address.sun_path);
        assert_int_equal(file.inode, 0);
}

static void
one_that_is_gone_is_no_trouble_and_one_that_stays_is_told_of(void **state)
{
        struct socket_file file, copy;
        char beneath[200], line[300];

        (void)state;
        test_begin();
        make_socket();
        file = copy = socket_file_note(address.sun_path);
        snprintf(beneath, sizeof(beneath), "%s/x", address.sun_path);
        socket_file_remove(beneath, &copy);
        snprintf(line, sizeof(line),
                 "warning: the file of the Unix socket %s stays: Not a directory", beneath);
        expect_log(line);
        unlink(address.sun_path);
        socket_file_remove(address.sun_path, &file);
        test_end();
}

static int
begin(void **state)
{
        (void)state;
        if (mkdtemp(folder) == NULL)
                return -1;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
        return 0;
}

static int
end(void **state)
{
        (void)state;
        return rmdir(folder);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_url_has_a_path_or_not),
                cmocka_unit_test(it_is_removed_once_and_what_is_another_stays),
                cmocka_unit_test(one_that_is_gone_is_no_trouble_and_one_that_stays_is_told_of),
        };

        return cmocka_run_group_tests(tests, begin, end);
}
