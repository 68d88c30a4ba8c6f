/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: lchown chmod. */
/* The mode and group of a Unix socket's file: who gets them, and what is said if it cannot have them. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "socket_file.h"
#include "unit/support.h"

int __wrap_lchown(const char *path, uid_t owner, gid_t group);
int __wrap_chmod(const char *path, mode_t mode);

static int failing; /* an errno value, or 0 */
static char directory[] = "/tmp/wsecho-socket-XXXXXX", path[100];

static int
changed(const char *what, unsigned to)
{
        char word[40];

        snprintf(word, sizeof(word), "%s %o", what, to);
        trace(word);
        errno = failing;
        return failing == 0 ? 0 : -1;
}

int
__wrap_lchown(const char *file, uid_t owner, gid_t group)
{
        expect(strcmp(file, path) == 0 && owner == (uid_t)-1);
        return changed("group", group);
}

int
__wrap_chmod(const char *file, mode_t mode)
{
        expect(strcmp(file, path) == 0);
        return changed("mode", mode);
}

static void
bind_file(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
}

static int
begin(void **state)
{
        (void)state;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/socket", directory);
        test_begin();
        return 0;
}

static int
end(void **state)
{
        (void)state;
        rmdir(directory);
        strcpy(directory, "/tmp/wsecho-socket-XXXXXX");
        test_end();
        return 0;
}

static void
only_what_is_said_and_differs_is_changed(void **state)
{
        struct socket_file file;
        struct stat status;
        unsigned mode, group;
        char calls[80];

        (void)state;
        bind_file();
        file = socket_file_note(path);
        assert_int_equal(stat(path, &status), 0);
        mode = status.st_mode & 0777;
        group = status.st_gid + 1;
        socket_file_settle(path, &file, 0, 0);
        socket_file_settle(path, &file, mode, status.st_gid);
        expect_trace("");
        socket_file_settle(path, &file, mode ^ 1, group);
        snprintf(calls, sizeof(calls), "group %o mode %o", group, mode ^ 1);
        expect_trace(calls);
        failing = EPERM;
        test_trace[0] = '\0';
        socket_file_settle(path, &file, mode ^ 1, group);
        failing = 0;
        expect_trace(calls);
        expect_log("warning: the group of the Unix socket /tmp/wsecho-socket-");
        expect_log("warning: the mode of the Unix socket /tmp/wsecho-socket-");
        unlink(path);
}

static void
a_file_that_another_has_put_there_is_left_alone(void **state)
{
        struct socket_file file;

        (void)state;
        bind_file();
        file = socket_file_note(path);
        file.inode++;
        socket_file_settle(path, &file, 0123, 1);
        unlink(path);
        socket_file_settle(path, &file, 0123, 1);
        expect_trace("");
}

#define with_a_directory(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_a_directory(only_what_is_said_and_differs_is_changed),
                with_a_directory(a_file_that_another_has_put_there_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
