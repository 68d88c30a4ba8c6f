/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "await/wait_fd.h"
#include "unit/task/task_test.h"

struct wanted {
        int fd;
        unsigned events;
};

static async int
wait_for(void *argument)
{
        const struct wanted *wanted = argument;
        int ready = await(aw_wait_fd(wanted->fd, wanted->events, AW_NEVER));

        trace(ready == -1                     ? strerror(errno)
              : ready == AW_READ              ? "read"
              : ready == AW_WRITE             ? "write"
              : ready == (AW_READ | AW_WRITE) ? "both"
                                              : "neither");
        return ready;
}

static void
put(int fd, const char *text)
{
        expect_int(write(fd, text, strlen(text)), (int)strlen(text));
}

static void
fill(int fd)
{
        static const char data[4096];
        int flags = fcntl(fd, F_GETFL);

        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        while (write(fd, data, sizeof(data)) > 0)
                continue;
        fcntl(fd, F_SETFL, flags);
}

static void
drain(int fd)
{
        char data[4096];
        int flags = fcntl(fd, F_GETFL);

        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        while (read(fd, data, sizeof(data)) > 0)
                continue;
        fcntl(fd, F_SETFL, flags);
}

static async int
what_is_ready_makes_nobody_wait(NOTHING)
{
        int ends[2];

        expect_int(pipe2(ends, O_CLOEXEC), 0);
        expect_int(await(aw_wait_fd(ends[1], AW_WRITE, 1)), AW_WRITE);
        put(ends[1], "x");
        aw_cancel(aw_task_current());
        expect_int(await(aw_wait_fd(ends[0], AW_READ, 1)), AW_READ);
        expect_error(await(aw_sleep(0)), ECANCELED);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

static async int
input_and_room_are_awaited(NOTHING)
{
        int ends[2];
        struct aw_task *task;

        expect_int(pipe2(ends, O_CLOEXEC), 0);
        task = aw_spawn("reader", wait_for, &(struct wanted){ends[0], AW_READ});
        await(yield(3));
        put(ends[1], "x");
        expect_int(await(aw_join(task)), AW_READ);
        fill(ends[1]);
        task = aw_spawn("writer", wait_for, &(struct wanted){ends[1], AW_WRITE});
        await(yield(3));
        expect(!aw_task_done(task));
        drain(ends[0]);
        expect_int(await(aw_join(task)), AW_WRITE);
        expect_trace("read write");
        /* Its flags are as they were. */
        expect_int(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

static async int
a_reader_and_a_writer_of_one_socket_wait_apart(NOTHING)
{
        int ends[2];
        struct aw_task *reader, *writer, *either;

        expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        fill(ends[0]);
        reader = aw_spawn("reader", wait_for, &(struct wanted){ends[0], AW_READ});
        writer = aw_spawn("writer", wait_for, &(struct wanted){ends[0], AW_WRITE});
        either = aw_spawn("either", wait_for, &(struct wanted){ends[0], AW_READ | AW_WRITE});
        await(yield(3));
        put(ends[1], "x");
        expect_int(await(aw_join(reader)), AW_READ);
        expect_int(await(aw_join(either)), AW_READ);
        await(yield(40));
        expect(!aw_task_done(writer));
        drain(ends[1]);
        expect_int(await(aw_join(writer)), AW_WRITE);
        close(ends[0]);
        close(ends[1]);
        trace("");
        test_trace[0] = '\0';
        return 0;
}

static async int
all_that_wait_for_one_event_are_woken(NOTHING)
{
        struct wanted wanted = {eventfd(0, EFD_CLOEXEC), AW_READ};
        struct aw_task *tasks[3];
        int i;

        for (i = 0; i < 3; i++)
                tasks[i] = aw_spawn("waiter", wait_for, &wanted);
        await(yield(3));
        expect_int(eventfd_write(wanted.fd, 1), 0);
        for (i = 0; i < 3; i++)
                expect_int(await(aw_join(tasks[i])), AW_READ);
        expect_trace("read read read");
        close(wanted.fd);
        return 0;
}

static async int
a_wait_times_out_and_the_next_one_succeeds(NOTHING)
{
        int fd = eventfd(0, EFD_CLOEXEC);
        struct aw_task *task;

        expect_error(await(aw_wait_fd(fd, AW_READ, aw_loop_now() + 500)), ETIMEDOUT);
        expect_error(await(aw_wait_fd(fd, AW_READ, 1)), ETIMEDOUT);
        task = aw_spawn("waiter", wait_for, &(struct wanted){fd, AW_READ});
        await(yield(3));
        expect_int(eventfd_write(fd, 1), 0);
        expect_int(await(aw_join(task)), AW_READ);
        expect_trace("read");
        close(fd);
        return 0;
}

static async int
a_cancelled_wait_leaves_the_others(NOTHING)
{
        struct wanted wanted = {eventfd(0, EFD_CLOEXEC), AW_READ};
        struct aw_task *first = aw_spawn("first", wait_for, &wanted);
        struct aw_task *second = aw_spawn("second", wait_for, &wanted);

        await(yield(3));
        aw_cancel(first);
        expect_error(await(aw_join(first)), ECANCELED);
        expect_int(eventfd_write(wanted.fd, 1), 0);
        expect_int(await(aw_join(second)), AW_READ);
        test_trace[0] = '\0';
        close(wanted.fd);
        return 0;
}

static async int
an_end_that_went_away_is_ready_for_all(NOTHING)
{
        int ends[2];
        struct aw_task *reader;

        expect_int(pipe2(ends, O_CLOEXEC), 0);
        reader = aw_spawn("reader", wait_for, &(struct wanted){ends[0], AW_READ});
        await(yield(3));
        close(ends[1]);
        expect_int(await(aw_join(reader)), AW_READ);
        expect_int(await(aw_wait_fd(ends[0], AW_READ | AW_WRITE, 1)), AW_READ | AW_WRITE);
        close(ends[0]);
        expect_int(pipe2(ends, O_CLOEXEC), 0);
        fill(ends[1]);
        reader = aw_spawn("writer", wait_for, &(struct wanted){ends[1], AW_WRITE});
        await(yield(3));
        close(ends[0]);
        expect_int(await(aw_join(reader)), AW_WRITE);
        expect_trace("read write");
        close(ends[1]);
        return 0;
}

static async int
files_and_devices_are_always_ready(NOTHING)
{
        static const char *const paths[] = {"/dev/null", "/dev/zero", "/proc/self/exe"};
        size_t i;
        int fd;

        for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                fd = open(paths[i], O_RDONLY | O_CLOEXEC);
                expect_int(await(aw_wait_fd(fd, AW_READ, 1)), AW_READ);
                close(fd);
        }
        return 0;
}

static async int
terminals_and_inotify_are_awaited(NOTHING)
{
        int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, inotify;
        char path[] = "/tmp/await-XXXXXX";
        struct aw_task *task;

        expect(terminal != -1 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
        slave = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
        task = aw_spawn("terminal", wait_for, &(struct wanted){slave, AW_READ});
        await(yield(3));
        put(terminal, "line\n");
        expect_int(await(aw_join(task)), AW_READ);
        close(slave);
        close(terminal);

        expect(mkdtemp(path) != NULL);
        inotify = inotify_init1(IN_CLOEXEC);
        inotify_add_watch(inotify, path, IN_DELETE_SELF);
        task = aw_spawn("inotify", wait_for, &(struct wanted){inotify, AW_READ});
        await(yield(3));
        expect_int(rmdir(path), 0);
        expect_int(await(aw_join(task)), AW_READ);
        close(inotify);
        expect_trace("read read");
        return 0;
}

static async int
processes_are_awaited(NOTHING)
{
        pid_t pid = fork();
        int pidfd;

        if (pid == 0)
                _exit(3);
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        expect_int(await(aw_wait_fd(pidfd, AW_READ, AW_NEVER)), AW_READ);
        expect_int(waitpid(pid, NULL, 0), pid);
        close(pidfd);
        return 0;
}

static void
a_process_is_awaited(void **state)
{
        if (!test_has_pidfd())
                skip();
        test_on_loop(state);
}

static async int
mistakes_are_told(NOTHING)
{
        expect_error(await(aw_wait_fd(-1, AW_READ, AW_NEVER)), EBADF);
        expect_error(await(aw_wait_fd(12345, AW_READ, AW_NEVER)), EBADF);
        expect_error(await(aw_wait_fd(0, 0, AW_NEVER)), EINVAL);
        expect_error(await(aw_wait_fd(0, 7, AW_NEVER)), EINVAL);
        return 0;
}

/* The loop does not look again and again at what nobody waits for. */
static async int
input_is_nothing_to_who_waits_for_room(NOTHING)
{
        struct timespec before, after;
        int ends[2];

        expect_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        while (write(ends[0], "filling", 7) > 0)
                continue;
        expect_int(write(ends[1], "input", 5), 5);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        expect_error(await(aw_wait_fd(ends[0], AW_WRITE, aw_loop_now() + 50 * AW_MILLISECOND)),
                     ETIMEDOUT);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        expect((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec <
               5000000);
        close(ends[0]);
        close(ends[1]);
        return 0;
}

/*
 * What must not be done, closing it under the task that waits, harms nobody else: the open file
 * lives on in the duplicate, and its event finds nobody.
 */
static async int
a_descriptor_closed_meanwhile_costs_no_time(NOTHING)
{
        int fd = eventfd(0, EFD_CLOEXEC), twin = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        struct timespec before, after;
        struct aw_task *task = aw_spawn("waiter", wait_for, &(struct wanted){fd, AW_READ});

        await(yield(3));
        close(fd);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(eventfd_write(twin, 1), 0);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        await(aw_sleep(50 * AW_MILLISECOND));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        expect((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec <
               25000000);
        close(twin);
        test_trace[0] = '\0';
        return 0;
}

static async int
wait_for_many(NOTHING)
{
        enum { COUNT = 300 };
        static struct wanted wanted[COUNT];
        struct aw_task *tasks[COUNT];
        int i;

        for (i = 0; i < COUNT; i++) {
                wanted[i] = (struct wanted){eventfd(0, EFD_CLOEXEC), AW_READ};
                tasks[i] = aw_spawn("waiter", wait_for, &wanted[i]);
        }
        await(yield(3));
        for (i = 0; i < COUNT; i++)
                expect_int(eventfd_write(wanted[i].fd, 1), 0);
        for (i = 0; i < COUNT; i++) {
                expect_int(await(aw_join(tasks[i])), AW_READ);
                close(wanted[i].fd);
        }
        test_trace[0] = '\0';
        return 0;
}

static void
nothing_is_left_open(void **state)
{
        size_t before = test_count_descriptors();

        (void)state;
        test_begin();
        expect_int(test_run(wait_for_many, NULL), 0);
        test_end();
        assert_int_equal(test_count_descriptors(), before);
}

static async int
a_task_that_still_waits_at_the_end_is_cancelled(NOTHING)
{
        static struct wanted wanted;
        static int ends[2];

        expect_int(pipe2(ends, O_CLOEXEC), 0);
        wanted = (struct wanted){ends[0], AW_READ};
        aw_task_detach(aw_spawn("left", wait_for, &wanted));
        await(yield(3));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_ready_makes_nobody_wait),
                on_loop(input_and_room_are_awaited),
                on_loop(a_reader_and_a_writer_of_one_socket_wait_apart),
                on_loop(all_that_wait_for_one_event_are_woken),
                on_loop(a_wait_times_out_and_the_next_one_succeeds),
                on_loop(a_cancelled_wait_leaves_the_others),
                on_loop(an_end_that_went_away_is_ready_for_all),
                on_loop(files_and_devices_are_always_ready),
                on_loop(terminals_and_inotify_are_awaited),
                {"a_process_is_awaited", a_process_is_awaited, NULL, NULL,
                 (void *)processes_are_awaited},
                on_loop(mistakes_are_told),
                on_loop(input_is_nothing_to_who_waits_for_room),
                on_loop(a_descriptor_closed_meanwhile_costs_no_time),
                cmocka_unit_test(nothing_is_left_open),
                on_loop(a_task_that_still_waits_at_the_end_is_cancelled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
