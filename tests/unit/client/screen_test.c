/* SPDX-License-Identifier: MIT */
/* Wraps: isatty poll write. */
/* What is written to the terminal, what is said, and how far a file is. */
#include <fcntl.h>
#include <poll.h>

#include "progress.h"
#include "screen.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

/* Standard error is a pipe, whose other end is read here. */
static int kept, channel[2];

static void
redirect(void)
{
        kept = dup(STDERR_FILENO);
        expect_int(pipe2(channel, O_CLOEXEC | O_NONBLOCK), 0);
        dup2(channel[1], STDERR_FILENO);
        close(channel[1]);
}

static void
restore(void)
{
        dup2(kept, STDERR_FILENO);
        close(kept);
        close(channel[0]);
}

static size_t
read_all(char *out, size_t size)
{
        size_t length = 0;
        ssize_t got;

        while (length < size - 1 && (got = read(channel[0], out + length, size - 1 - length)) > 0)
                length += (size_t)got;
        out[length] = '\0';
        return length;
}

static async int
what_is_put_is_written_in_order_once_it_has_begun(NOTHING)
{
        struct screen *screen = screen_create();
        char got[100];
        bool empty;

        redirect();
        screen_puts(screen, "one ");
        fprintf(screen_file(screen), "%d ", 2);
        screen_put(screen, "threeXX", 5);
        empty = read_all(got, sizeof(got)) == 0;
        expect_int(screen_begin(screen), 0);
        expect_int(await(screen_flush(screen, AW_NEVER)), 0);
        read_all(got, sizeof(got));
        restore();
        expect(empty);
        expect(strcmp(got, "one 2 three") == 0);
        expect_int(await(screen_flush(screen, AW_NEVER)), 0);
        await(screen_end(screen));
        await(screen_end(screen));
        screen_free(screen);
        screen_free(NULL);
        return 0;
}

static async int
it_is_full_from_64_kib_on_and_forgets_what_is_discarded(NOTHING)
{
        static char text[64 << 10], got[(64 << 10) + 10];
        struct screen *screen = screen_create();
        size_t length;

        memset(text, 'x', sizeof(text));
        screen_put(screen, text, sizeof(text) - 1);
        expect(!screen_is_full(screen));
        expect_int(await(screen_room(screen)), 0);
        screen_put(screen, "y", 1);
        expect(screen_is_full(screen));
        screen_discard(screen);
        expect(!screen_is_full(screen));
        screen_put(screen, text, 4097);
        screen_puts(screen, "end");
        redirect();
        expect_int(screen_begin(screen), 0);
        expect_int(await(screen_flush(screen, AW_NEVER)), 0);
        length = read_all(got, sizeof(got));
        restore();
        expect_int((long long)length, 4100);
        expect(strcmp(got + 4095, "xxend") == 0);
        await(screen_end(screen));
        screen_free(screen);
        return 0;
}

static async int
wait_for_room(void *screen)
{
        return await(screen_room(screen)) == 0 ? 0 : errno;
}

static async int
room_is_waited_for_and_a_deadline_ends_the_flush(NOTHING)
{
        static char text[300000], got[400000];
        struct screen *screen = screen_create();
        struct aw_task *task;
        int error, result;
        size_t length;

        memset(text, 'x', sizeof(text));
        redirect();
        expect_int(screen_begin(screen), 0);
        /* More than the pipe takes, and more behind that. */
        screen_put(screen, text, sizeof(text));
        await(aw_sleep(0));
        await(aw_sleep(0));
        screen_put(screen, text, 64 << 10);
        task = aw_spawn("room", wait_for_room, screen);
        await(aw_sleep(0));
        result = await(screen_flush(screen, aw_loop_now()));
        error = errno;
        expect(!aw_task_done(task));
        length = 0;
        while (!aw_task_done(task)) {
                length += read_all(got, sizeof(got));
                await(aw_sleep(0));
        }
        expect_int(await(aw_join(task)), 0);
        while (length < sizeof(text) + (64 << 10)) {
                length += read_all(got, sizeof(got));
                await(aw_sleep(0));
        }
        expect_int(await(screen_flush(screen, AW_NEVER)), 0);
        restore();
        expect_int(result, -1);
        expect_int(error, ETIMEDOUT);
        expect_int((long long)length, (long long)sizeof(text) + (64 << 10));
        await(screen_end(screen));
        screen_free(screen);
        return 0;
}

static async int
a_terminal_that_is_gone_is_told_to_all_who_wait(NOTHING)
{
        static char text[300000];
        struct screen *screen = screen_create();
        struct aw_task *task, *cancelled;

        memset(text, 'x', sizeof(text));
        redirect();
        expect_int(screen_begin(screen), 0);
        screen_put(screen, text, sizeof(text));
        await(aw_sleep(0));
        await(aw_sleep(0));
        screen_put(screen, text, 64 << 10);
        task = aw_spawn("room", wait_for_room, screen);
        cancelled = aw_spawn("room", wait_for_room, screen);
        await(aw_sleep(0));
        aw_cancel(cancelled);
        expect_int(await(aw_join(cancelled)), ECANCELED);
        close(channel[0]);
        channel[0] = -1;
        expect_int(await(aw_join(task)), EIO);
        expect_error(await(screen_flush(screen, AW_NEVER)), EIO);
        expect_error(await(screen_room(screen)), EIO);
        screen_discard(screen);
        screen_puts(screen, "no");
        expect_error(await(screen_flush(screen, AW_NEVER)), EIO);
        await(screen_end(screen));
        restore();
        screen_free(screen);
        return 0;
}

/* What is said. */

static char *
said_on_standard_error(void)
{
        static char got[4000];

        read_all(got, sizeof(got));
        restore();
        return got;
}

static async int
sentences_are_escaped_kept_and_quiet_leaves_them_out(NOTHING)
{
        char longer[3000];
        const char *got;

        redirect();
        client_set_sink(NULL);
        client_say("a\x1b%d", 1);
        client_tell("b\n%d", 2);
        client_set_quiet(true);
        client_say("c");
        client_tell("d");
        client_set_quiet(false);
        got = said_on_standard_error();
        expect(strcmp(got, "wsecho: a\\x1b1\nb\\x0a2\nd\n") == 0);
        expect(strcmp(client_last_said(), "c") == 0);
        said_begin();
        client_say("a\x1b%d", 1);
        client_tell("b\n%d", 2);
        expect(strcmp(said, "wsecho: a\\x1b1\nb\\x0a2\n") == 0);
        memset(longer, 'x', sizeof(longer));
        longer[2999] = '\0';
        said_begin();
        client_tell("%s", longer);
        expect_int((long long)strlen(said), 2000);
        client_set_sink(NULL);
        return 0;
}

/* How far a file is. */

static char shown[500];
static bool terminal;
static short ready_for;
int __wrap_isatty(int fd);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __wrap_write(int fd, const void *data, size_t length);
ssize_t __real_write(int fd, const void *data, size_t length);
static bool in_progress;

int
__wrap_isatty(int fd)
{
        expect_int(fd, STDERR_FILENO);
        return terminal;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
        if (!in_progress)
                return __real_poll(fds, count, timeout);
        expect(count == 1 && timeout == 0 && fds->fd == STDERR_FILENO && fds->events == POLLOUT);
        fds->revents = ready_for;
        return ready_for != 0;
}

ssize_t
__wrap_write(int fd, const void *data, size_t length)
{
        if (!in_progress)
                return __real_write(fd, data, length);
        expect_int(fd, STDERR_FILENO);
        strncat(shown, data, length);
        return (ssize_t)length;
}

static void
shows(const char *text)
{
        in_progress = false;
        test_expect(strcmp(shown, text) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", text, shown);
        shown[0] = '\0';
}

static async void
step(struct progress *progress, size_t bytes, aw_time later)
{
        clock_ahead += later;
        await(aw_sleep(0));
        in_progress = true;
        progress_step(progress, bytes);
        in_progress = false;
}

static async int
how_far_a_file_is_appears_after_a_second_and_is_wiped(NOTHING)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX";
        int file = mkstemp(path);
        struct progress progress;

        clock_stop();
        terminal = true;
        ready_for = POLLOUT;
        expect_int(ftruncate(file, 4000000), 0);
        progress_begin(&progress, file, "name", false);
        await(step(&progress, 1000000, AW_SECOND - 1));
        shows("");
        await(step(&progress, 1000000, 1));
        shows("\rname: 2.0 of 4.0 MB (50 %)\033[K");
        await(step(&progress, 100000, 200 * AW_MILLISECOND - 1));
        shows("");
        await(step(&progress, 900000, 1));
        shows("\rname: 3.0 of 4.0 MB (75 %)\033[K");
        /* A terminal that is stopped gets nothing, and nobody waits for it. */
        ready_for = 0;
        await(step(&progress, 500000, AW_SECOND));
        shows("");
        ready_for = POLLERR;
        await(step(&progress, 500000, AW_SECOND));
        shows("");
        ready_for = POLLOUT;
        in_progress = true;
        progress_end(&progress);
        shows("\r\033[K");
        unlink(path);
        close(file);
        clock_go_on();
        return 0;
}

static async int
a_pipe_has_no_size_and_nobody_sees_a_quiet_one(NOTHING)
{
        struct progress progress;
        int ends[2];

        clock_stop();
        expect_int(pipe(ends), 0);
        terminal = true;
        ready_for = POLLOUT;
        progress_begin(&progress, ends[0], "a name of more than forty characters in all", false);
        await(step(&progress, 1500000, AW_SECOND));
        shows("\ra name of more than forty characters in : 1.5 MB\033[K");
        progress_begin(&progress, ends[0], "name", true);
        await(step(&progress, 1500000, AW_SECOND));
        in_progress = true;
        progress_end(&progress);
        shows("");
        terminal = false;
        progress_begin(&progress, ends[0], "name", false);
        await(step(&progress, 1500000, AW_SECOND));
        shows("");
        close(ends[0]);
        close(ends[1]);
        clock_go_on();
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_put_is_written_in_order_once_it_has_begun),
                on_loop(it_is_full_from_64_kib_on_and_forgets_what_is_discarded),
                on_loop(room_is_waited_for_and_a_deadline_ends_the_flush),
                on_loop(a_terminal_that_is_gone_is_told_to_all_who_wait),
                on_loop(sentences_are_escaped_kept_and_quiet_leaves_them_out),
                on_loop(how_far_a_file_is_appears_after_a_second_and_is_wiped),
                on_loop(a_pipe_has_no_size_and_nobody_sees_a_quiet_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
