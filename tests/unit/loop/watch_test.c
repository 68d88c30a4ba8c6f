/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "unit/loop/loop_test.h"

/* Watches. */

struct reader {
        struct aw_watch *watch;
        int fd;
        size_t calls;
        size_t read;
        bool pause, close, ended;
};

static void
read_some(void *argument)
{
        struct reader *reader = argument;
        char byte;
        ssize_t got = read(reader->fd, &byte, 1);

        reader->calls++;
        if (got > 0)
                reader->read += (size_t)got;
        if (got == 0)
                reader->ended = true;
        if (reader->pause || reader->ended)
                aw_watch_pause(reader->watch, true);
        if (reader->close) {
                aw_watch_close(reader->watch);
                reader->watch = NULL;
        }
}

/* Watches the reading end of a new pipe; returns the writing one. */
static int
watch_a_pipe(struct reader *reader)
{
        int ends[2];

        assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
        *reader = (struct reader){.fd = ends[0]};
        reader->watch = aw_watch_open(ends[0], read_some, reader);
        assert_non_null(reader->watch);
        return ends[1];
}

static void
put(int fd, const char *text)
{
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Long enough for whatever is ready to be seen. */
static void
some_turns(struct aw_loop *loop)
{
        int i;

        for (i = 0; i < 10; i++)
                aw_loop_turn(loop, false);
}

static void
a_watch_is_called_as_long_as_there_is_input(void **state)
{
        struct reader reader;
        int fd = watch_a_pipe(&reader);

        some_turns(*state);
        assert_int_equal(reader.calls, 0);
        put(fd, "abc");
        while (reader.read < 3)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_int_equal(reader.calls, 3);
        aw_watch_close(reader.watch);
        close(fd);
}

static void
a_watch_paused_in_its_callback_is_called_again_when_resumed(void **state)
{
        struct reader reader;
        int fd = watch_a_pipe(&reader);

        reader.pause = true;
        put(fd, "abc");
        while (reader.read < 1)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_int_equal(reader.calls, 1);
        reader.pause = false;
        aw_watch_pause(reader.watch, false);
        while (reader.read < 3)
                aw_loop_turn(*state, true);
        aw_watch_close(reader.watch);
        close(fd);
}

static int
turns_in_10_ms(struct aw_loop *loop)
{
        struct aw_handle timer = {.state = 0};
        bool fired = false;
        int turns = 0;

        aw_call_later(&timer, 10 * AW_MILLISECOND, set_flag, &fired);
        while (!fired) {
                aw_loop_turn(loop, true);
                turns++;
        }
        return turns;
}

static void
a_paused_watch_costs_no_turns(void **state)
{
        struct reader reader;
        int fd = watch_a_pipe(&reader);

        put(fd, "abc");
        aw_watch_pause(reader.watch, true);
        some_turns(*state);
        assert_int_equal(reader.calls, 0);
        assert_in_range(turns_in_10_ms(*state), 1, 10);
        /* The end of both directions is told unasked. */
        close(fd);
        assert_in_range(turns_in_10_ms(*state), 1, 10);
        assert_int_equal(reader.calls, 0);
        aw_watch_close(reader.watch);
}

static void
a_watch_closed_in_its_callback_is_not_called_again(void **state)
{
        struct reader reader;
        int fd = watch_a_pipe(&reader);

        reader.close = true;
        put(fd, "abc");
        while (reader.read < 1)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_int_equal(reader.calls, 1);
        assert_int_equal(fcntl(reader.fd, F_GETFD), -1);
        close(fd);
}

/* On libwebsockets' own poll such a descriptor hangs up without being readable. */
static void
a_watch_is_told_of_the_end_of_a_pipe(void **state)
{
        struct reader reader;
        int fd = watch_a_pipe(&reader);

        close(fd);
        while (!reader.ended)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_int_equal(reader.calls, 1);
        aw_watch_close(reader.watch);
}

static void
a_paused_watch_survives_the_end_of_its_pipe(void **state)
{
        struct reader reader;
        int fd = watch_a_pipe(&reader);

        put(fd, "a");
        aw_watch_pause(reader.watch, true);
        some_turns(*state);
        close(fd);
        some_turns(*state);
        assert_int_equal(reader.calls, 0);
        aw_watch_pause(reader.watch, false);
        while (!reader.ended)
                aw_loop_turn(*state, true);
        assert_int_equal(reader.read, 1);
        aw_watch_close(reader.watch);
}

static void
close_the_other(void *argument)
{
        struct reader *reader = argument;

        reader->calls++;
        aw_watch_close(reader->watch);
        reader->watch = NULL;
}

/* Both are readable in the same turn; whichever is called first closes the other. */
static void
a_watch_can_close_another_that_is_readable_too(void **state)
{
        struct reader a = {.fd = eventfd(1, EFD_NONBLOCK)}, b = {.fd = eventfd(1, EFD_NONBLOCK)};
        struct aw_watch *first = aw_watch_open(a.fd, close_the_other, &b);
        struct aw_watch *second = aw_watch_open(b.fd, close_the_other, &a);

        assert_non_null(first);
        assert_non_null(second);
        a.watch = first;
        b.watch = second;
        while (a.calls + b.calls == 0)
                aw_loop_turn(*state, true);
        some_turns(*state);
        assert_int_equal((a.watch == NULL) + (b.watch == NULL), 1);
        assert_int_equal((a.calls == 0) + (b.calls == 0), 1);
        aw_watch_close(a.watch);
        aw_watch_close(b.watch);
}

static void
never_stop(void *argument)
{
        aw_call_soon(argument, never_stop, argument);
}

/* Nor does it starve timers and other threads. */
static void
what_is_always_ready_does_not_starve_a_watch(void **state)
{
        struct aw_handle busy = {.state = 0}, timer = {.state = 0}, remote = {.state = 0};
        struct reader reader;
        bool fired = false, called = false;
        int fd = watch_a_pipe(&reader), turns;

        aw_call_soon(&busy, never_stop, &busy);
        some_turns(*state);
        put(fd, "a");
        for (turns = 0; turns < 200 && reader.read == 0; turns++)
                aw_loop_turn(*state, true);
        assert_int_equal(reader.read, 1);
        aw_call_soon_threadsafe(*state, &remote, set_flag, &called);
        for (turns = 0; turns < 200 && !called; turns++)
                aw_loop_turn(*state, true);
        assert_true(called);
        aw_call_later(&timer, 100, set_flag, &fired);
        turn_until(*state, &fired);
        aw_handle_cancel(&busy);
        aw_watch_close(reader.watch);
        close(fd);
}

/* More than the loop takes at once. */
static void
all_watches_that_are_ready_are_called(void **state)
{
        struct reader readers[600], *reader, *end = readers + 600;
        size_t called = 0;
        int turns;

        for (reader = readers; reader < end; reader++) {
                *reader = (struct reader){.fd = eventfd(1, EFD_NONBLOCK)};
                reader->watch = aw_watch_open(reader->fd, close_the_other, reader);
                assert_non_null(reader->watch);
        }
        for (turns = 0; turns < 200 && called < 600; turns++) {
                aw_loop_turn(*state, true);
                called = 0;
                for (reader = readers; reader < end; reader++)
                        called += reader->calls;
        }
        for (reader = readers; reader < end; reader++)
                assert_int_equal(reader->calls, 1);
}

static void
an_open_file_has_a_watch_for_each_of_its_descriptors(void **state)
{
        struct reader a, b = {.calls = 0};
        int fd = watch_a_pipe(&a);

        assert_null(aw_watch_open(a.fd, read_some, &b));
        assert_int_equal(errno, EEXIST);
        b.fd = dup(a.fd);
        b.watch = aw_watch_open(b.fd, read_some, &b);
        assert_non_null(b.watch);
        put(fd, "ab");
        while (a.read + b.read < 2)
                aw_loop_turn(*state, true);
        aw_watch_close(a.watch);
        put(fd, "c");
        while (a.read + b.read < 3)
                aw_loop_turn(*state, true);
        aw_watch_close(b.watch);
        close(fd);
}

static void
what_cannot_be_polled_cannot_be_watched(void **state)
{
        struct reader reader = {.fd = open("/proc/self/exe", O_RDONLY)};

        (void)state;
        assert_null(aw_watch_open(reader.fd, read_some, &reader));
        assert_int_equal(errno, EPERM);
        assert_int_equal(close(reader.fd), 0);
        assert_null(aw_watch_open(-1, read_some, &reader));
        assert_int_equal(errno, EBADF);
        aw_watch_close(NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(a_watch_is_called_as_long_as_there_is_input),
                with_loop(a_watch_paused_in_its_callback_is_called_again_when_resumed),
                with_loop(a_paused_watch_costs_no_turns),
                with_loop(a_watch_closed_in_its_callback_is_not_called_again),
                with_loop(a_watch_is_told_of_the_end_of_a_pipe),
                with_loop(a_paused_watch_survives_the_end_of_its_pipe),
                with_loop(a_watch_can_close_another_that_is_readable_too),
                with_loop(what_is_always_ready_does_not_starve_a_watch),
                with_loop(all_watches_that_are_ready_are_called),
                with_loop(an_open_file_has_a_watch_for_each_of_its_descriptors),
                with_loop(what_cannot_be_polled_cannot_be_watched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
