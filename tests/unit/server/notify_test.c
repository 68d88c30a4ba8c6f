/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What the service manager is told, to the letter: sd_notify(3). */
#include <sys/socket.h>
#include <sys/un.h>

#include "notify.h"
#include "unit/clock.h"
#include "unit/support.h"

static char path[108];

/* A manager that listens at this name, which is in $NOTIFY_SOCKET. */
static int
manager(const char *name)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        size_t length = strlen(name);

        memcpy(address.sun_path, name, length);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        assert_int_equal(bind(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                         0);
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

static void
assert_told(int fd, const char *wanted)
{
        char text[600];
        ssize_t length = recv(fd, text, sizeof(text) - 1, 0);

        text[length > 0 ? length : 0] = '\0';
        assert_string_equal(text, wanted);
}

static void
each_message_has_its_assignments(void **state)
{
        int fd = manager(path);
        char wanted[100];

        (void)state;
        notify_ready("serving");
        assert_told(fd, "READY=1\nSTATUS=serving");
        notify_status("well");
        assert_told(fd, "STATUS=well");
        clock_stop();
        snprintf(wanted, sizeof(wanted), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
                 (long long)aw_loop_now());
        notify_reloading();
        clock_go_on();
        assert_told(fd, wanted);
        notify_stopping(13 * AW_SECOND);
        assert_told(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=13000000\nSTATUS=draining");
        notify_main_process(4711);
        assert_told(fd, "MAINPID=4711\nSTATUS=draining");
        notify_watchdog();
        assert_told(fd, "WATCHDOG=1");
        assert_told(fd, "");
        close(fd);
        unlink(path);
}

static void
names_are_paths_or_abstract_and_have_a_longest_length(void **state)
{
        char name[110] = "@", long_name[400] = "/";
        int fd;

        (void)state;
        snprintf(name, sizeof(name), "@notify_test.%d.", (int)getpid());
        memset(name + strlen(name), 'x', 107 - strlen(name));
        fd = manager(name);
        notify_watchdog();
        assert_told(fd, "WATCHDOG=1");
        /* One that is longer would be another one. */
        setenv("NOTIFY_SOCKET", strcat(name, "x"), 1);
        notify_watchdog();
        memset(long_name + 1, 'x', sizeof(long_name) - 2);
        setenv("NOTIFY_SOCKET", long_name, 1);
        notify_watchdog();
        setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
        notify_watchdog();
        setenv("NOTIFY_SOCKET", "", 1);
        notify_watchdog();
        assert_told(fd, "");
        close(fd);
}

/* Nothing ever waits for it, and nothing is left behind. */
static void
a_manager_that_does_not_read_stops_nobody(void **state)
{
        int fd = manager(path), i;
        size_t descriptors = test_count_descriptors();

        (void)state;
        for (i = 0; i < 5000; i++)
                notify_watchdog();
        assert_int_equal(test_count_descriptors(), descriptors);
        close(fd);
        notify_watchdog();
        unlink(path);
        notify_watchdog();
        unsetenv("NOTIFY_SOCKET");
        notify_watchdog();
        assert_int_equal(test_count_descriptors(), descriptors - 1);
}

static void
the_watchdog_is_for_this_process_and_hears_twice_as_often(void **state)
{
        char own[24];

        (void)state;
        unsetenv("WATCHDOG_PID");
        unsetenv("WATCHDOG_USEC");
        assert_int_equal(notify_watchdog_interval(), 0);
        setenv("WATCHDOG_USEC", "3000001", 1);
        assert_int_equal(notify_watchdog_interval(), 1500000);
        setenv("WATCHDOG_PID", "1", 1);
        assert_int_equal(notify_watchdog_interval(), 0);
        setenv("WATCHDOG_PID", "x", 1);
        assert_int_equal(notify_watchdog_interval(), 0);
        snprintf(own, sizeof(own), "%d", (int)getpid());
        setenv("WATCHDOG_PID", own, 1);
        assert_int_equal(notify_watchdog_interval(), 1500000);
        setenv("WATCHDOG_USEC", "soon", 1);
        assert_int_equal(notify_watchdog_interval(), 0);
        setenv("WATCHDOG_USEC", "9223372036854775807", 1);
        assert_int_equal(notify_watchdog_interval(), INT64_MAX / 2);
        setenv("WATCHDOG_USEC", "9223372036854775808", 1);
        assert_int_equal(notify_watchdog_interval(), 0);
        unsetenv("WATCHDOG_PID");
        unsetenv("WATCHDOG_USEC");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_message_has_its_assignments),
                cmocka_unit_test(names_are_paths_or_abstract_and_have_a_longest_length),
                cmocka_unit_test(a_manager_that_does_not_read_stops_nobody),
                cmocka_unit_test(the_watchdog_is_for_this_process_and_hears_twice_as_often),
        };

        snprintf(path, sizeof(path), "/tmp/notify_test.%d", (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}
