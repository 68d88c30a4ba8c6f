/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: aw_loop_now isatty poll write. */
/* How far a file has been sent, as somebody at a terminal sees it. */
#include <fcntl.h>
#include <poll.h>

#include "progress.h"
#include "unit/support.h"

static aw_time now;
static bool at_terminal;
static int ready; /* what poll() says; with */
static short ready_for;
static char shown[400];

aw_time __wrap_aw_loop_now(void);
int __wrap_isatty(int fd);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length);

aw_time
__wrap_aw_loop_now(void)
{
        return now;
}

int
__wrap_isatty(int fd)
{
        assert_int_equal(fd, STDERR_FILENO);
        return at_terminal;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
        assert_int_equal(count, 1);
        assert_int_equal(timeout, 0);
        assert_int_equal(fds->fd, STDERR_FILENO);
        assert_int_equal(fds->events, POLLOUT);
        fds->revents = ready_for;
        return ready;
}

ssize_t
__wrap_write(int fd, const void *data, size_t length)
{
        if (fd != STDERR_FILENO)
                return __real_write(fd, data, length);
        strncat(shown, data, length);
        return (ssize_t)length;
}

static struct progress progress;

/* Of a file of five million bytes; or of what has no size. */
static void
begin(bool has_size, const char *name, bool quiet)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX";
        int fd = has_size ? mkstemp(path) : open("/dev/null", O_RDONLY);

        assert_int_not_equal(fd, -1);
        if (has_size) {
                assert_int_equal(ftruncate(fd, 5000000), 0);
                unlink(path);
        }
        now = 1000 * AW_SECOND;
        ready = 1;
        ready_for = POLLOUT;
        progress_begin(&progress, fd, name, quiet);
        close(fd);
}

static void
shows(const char *words)
{
        assert_string_equal(shown, words);
        shown[0] = '\0';
}

static void
step_after(int64_t time, size_t bytes, const char *words)
{
        now += time;
        progress_step(&progress, bytes);
        shows(words);
}

static void
it_appears_after_a_second_and_changes_five_times_in_one(void **state)
{
        (void)state;
        at_terminal = true;
        begin(true, "name", false);
        step_after(0, 400000, "");
        step_after(AW_SECOND - 1, 100000, "");
        step_after(1, 750000, "\rname: 1.2 of 5.0 MB (25 %)\x1b[K");
        step_after(200 * AW_MILLISECOND - 1, 1750000, "");
        step_after(1, 1000000, "\rname: 4.0 of 5.0 MB (80 %)\x1b[K");
        step_after(AW_SECOND, 1000000, "\rname: 5.0 of 5.0 MB (100 %)\x1b[K");
        progress_end(&progress);
        shows("\r\x1b[K");
}

static void
what_has_no_size_is_counted(void **state)
{
        (void)state;
        at_terminal = true;
        begin(false, "a name of which there are not more than 40 letters", false);
        step_after(AW_SECOND, 1500000, "\ra name of which there are not more than : 1.5 MB\x1b[K");
        progress_end(&progress);
        shows("\r\x1b[K");
}

static void
a_name_does_not_steer_the_terminal(void **state)
{
        (void)state;
        at_terminal = true;
        begin(false, "b\x1b[31mv\xc2\x9b\n\xc3\xbc", false);
        step_after(AW_SECOND, 1500000, "\rb\\x1b[31mv\\xc2\\x9b\\x0a\xc3\xbc: 1.5 MB\x1b[K");
        begin(true, "b\x1b", false);
        step_after(AW_SECOND, 1250000, "\rb\\x1b: 1.2 of 5.0 MB (25 %)\x1b[K");
        /* No half a character, and no half an escape, where it is cut. */
        begin(false, "123456789 123456789 123456789 123456789\xc3\xbc", false);
        step_after(AW_SECOND, 1500000, "\r123456789 123456789 123456789 123456789: 1.5 MB\x1b[K");
}

static void
what_was_sent_in_less_than_a_second_is_not_seen(void **state)
{
        (void)state;
        at_terminal = true;
        begin(true, "name", false);
        step_after(AW_SECOND - 1, 5000000, "");
        progress_end(&progress);
        shows("");
}

static void
nobody_sees_it_with_quiet_or_elsewhere(void **state)
{
        (void)state;
        at_terminal = true;
        begin(true, "name", true);
        step_after(2 * AW_SECOND, 5000000, "");
        progress_end(&progress);
        shows("");
        at_terminal = false;
        begin(true, "name", false);
        step_after(2 * AW_SECOND, 5000000, "");
        progress_end(&progress);
        shows("");
}

static void
a_dumb_terminal_gets_no_line_that_changes(void **state)
{
        static const char *const kinds[] = {"dumb", NULL};

        (void)state;
        at_terminal = true;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (kinds[i] == NULL)
                        unsetenv("TERM");
                else
                        setenv("TERM", kinds[i], 1);
                begin(true, "name", false);
                step_after(2 * AW_SECOND, 5000000, "");
                progress_end(&progress);
                shows("");
        }
        setenv("TERM", "xterm", 1);
}

static void
a_terminal_that_is_stopped_is_not_waited_for(void **state)
{
        (void)state;
        at_terminal = true;
        begin(true, "name", false);
        ready = 0;
        step_after(2 * AW_SECOND, 1000000, "");
        ready = 1;
        ready_for = POLLHUP;
        step_after(AW_SECOND, 1000000, "");
        ready_for = POLLOUT;
        step_after(AW_SECOND, 500000, "\rname: 2.5 of 5.0 MB (50 %)\x1b[K");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_appears_after_a_second_and_changes_five_times_in_one),
                cmocka_unit_test(what_has_no_size_is_counted),
                cmocka_unit_test(a_name_does_not_steer_the_terminal),
                cmocka_unit_test(what_was_sent_in_less_than_a_second_is_not_seen),
                cmocka_unit_test(nobody_sees_it_with_quiet_or_elsewhere),
                cmocka_unit_test(a_dumb_terminal_gets_no_line_that_changes),
                cmocka_unit_test(a_terminal_that_is_stopped_is_not_waited_for),
        };

        setenv("TERM", "xterm", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
