/* SPDX-License-Identifier: MIT */
/* Wraps: syscall. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "unit/net/process_test.h"

#include "await/signals.h"

/* All that it says, as one line. */
static async void
expect_output(struct aw_process *process, const char *text)
{
        char data[4096];
        size_t length;
        int result = await(aw_stream_read_exactly(aw_process_output(process), data,
                                                  sizeof(data) - 1, &length, AW_NEVER));

        expect(result == -1 && errno == ENODATA);
        data[length] = '\0';
        test_expect(strcmp(data, text) == 0, __FILE__, __LINE__, "it says '%s' (it is '%s')", text,
                    data);
}

static async int
a_child_talks_through_pipes(NOTHING)
{
        struct aw_process *process = start_shell("read line; echo \"got $line\"; echo no >&2; cat");

        expect(aw_process_pid(process) > 0);
        expect_int(await(aw_stream_write(aw_process_input(process), "this\n", 5, AW_NEVER)), 0);
        expect_line(aw_process_output(process), "got this\n");
        expect_line(aw_process_error(process), "no\n");
        expect_int(await(aw_stream_write(aw_process_input(process), "rest", 4, AW_NEVER)), 0);
        aw_stream_shutdown(aw_process_input(process));
        await(expect_output(process, "rest"));
        await(expect_exit(process, 0, 0));
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        aw_process_free(NULL);
        return 0;
}

static async int
the_end_of_a_child_is_told(NOTHING)
{
        struct aw_process *process = start_shell("exit 7");

        await(expect_exit(process, 7, 0));
        expect_error(aw_process_signal(process, SIGTERM), ESRCH);
        aw_process_free(process);
        process = start_shell("kill -9 $$");
        await(expect_exit(process, -1, SIGKILL));
        aw_process_free(process);
        process = start_shell("exec sleep 1000");
        expect_int(aw_process_signal(process, SIGTERM), 0);
        await(expect_exit(process, -1, SIGTERM));
        expect_error(aw_process_signal(process, SIGTERM), ESRCH);
        aw_process_free(process);
        return 0;
}

static async int
the_wait_for_a_child_times_out_and_is_cancelled(NOTHING)
{
        struct aw_process *process = start_shell("read line");
        struct aw_task *first, *second;

        expect_error(await(aw_process_wait(process, NULL, SOON)), ETIMEDOUT);
        first = aw_spawn("first", wait_for_it, process);
        second = aw_spawn("second", wait_for_it, process);
        await(yield(3));
        aw_cancel(first);
        expect_error(await(aw_join(first)), ECANCELED);
        first = aw_spawn("third", wait_for_it, process);
        await(yield(3));
        aw_stream_shutdown(aw_process_input(process));
        expect_int(await(aw_join(second)), 0);
        expect_int(await(aw_join(first)), 0);
        aw_process_free(process);
        return 0;
}

static async int
what_cannot_be_run_is_told(NOTHING)
{
        static const struct {
                const char *program, *directory;
                int error;
                const char *text;
        } cases[] = {
                {"nonesuch", NULL, ENOENT, "cannot run 'nonesuch': No such file or directory"},
                {"/etc/passwd", NULL, EACCES, "cannot run '/etc/passwd': Permission denied"},
                {"true", "/nonesuch", ENOENT,
                 "cannot run 'true' in '/nonesuch': No such file or directory"},
        };
        size_t i, before = test_count_descriptors();
        struct aw_error error;

        /* It makes a fork() of posix_spawn()'s vfork(), whose failures are not seen then. */
        if (test_under_valgrind())
                return 0;
        for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *const words[] = {cases[i].program, NULL};
                struct aw_process_options options = {
                        .argv = words, .directory = cases[i].directory, PIPES};

                expect(aw_process_start(&options, &error) == NULL);
                expect_int(errno, cases[i].error);
                expect_int(error.kind, AW_ERROR_PROCESS);
                test_expect(strcmp(error.text, cases[i].text) == 0, __FILE__, __LINE__, "'%s'",
                            error.text);
                expect(aw_process_start(&options, NULL) == NULL);
                expect_int(errno, cases[i].error);
        }
        expect_no_more_descriptors(before);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return 0;
}

static async int
mistakes_are_told(NOTHING)
{
        static const char *const none[] = {NULL}, *const words[] = {"true", NULL};
        struct aw_process_options options = {.argv = none};
        struct aw_error error;

        expect(aw_process_start(&options, &error) == NULL && errno == EINVAL);
        expect_int(error.kind, AW_ERROR_USAGE);
        options = (struct aw_process_options){0};
        expect(aw_process_start(&options, NULL) == NULL && errno == EINVAL);
        options = (struct aw_process_options){.argv = words, .output = {.kind = AW_STDIO_OUTPUT}};
        expect(aw_process_start(&options, NULL) == NULL && errno == EINVAL);
        options.output = (struct aw_stdio){AW_STDIO_FD, 12345};
        expect(aw_process_start(&options, NULL) == NULL && errno == EBADF);
        return 0;
}

/* Other threads' and our own blocked signals, and those that are ignored, are not the child's. */
static async int
signals_are_as_by_default(NOTHING)
{
        static const int numbers[] = {SIGUSR1, SIGTERM};
        struct aw_signals *signals = aw_signals_open(numbers, 2);
        struct aw_process *process;
        int seen = 0;
        char *line;

        signal(SIGPIPE, SIG_IGN);
        signal(SIGUSR2, SIG_IGN);
        process = start_shell("exec cat /proc/self/status");
        while (await(aw_stream_read_line(aw_process_output(process), &line, AW_NEVER)) > 0) {
                if (strncmp(line, "SigBlk:", 7) != 0 && strncmp(line, "SigIgn:", 7) != 0)
                        continue;
                seen++;
                /* But for 32 and 33, which are the C library's own. */
                test_expect((strtoull(line + 7, NULL, 16) & ~0x180000000ULL) == 0, __FILE__,
                            __LINE__, "%s", line);
        }
        expect_int(seen, 2);
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        signal(SIGUSR2, SIG_DFL);
        aw_signals_close(signals);
        return 0;
}

static async int
descriptors_are_the_standard_ones(NOTHING)
{
        int leak = dup(STDERR_FILENO);
        struct aw_process *process =
                start_shell("cd /proc/self/fd; for i in *; do "
                            "[ -e $i ] && [ $i -le 9 ] && echo $i; done; true");

        await(expect_output(process, "0\n1\n2\n"));
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        close(leak);
        return 0;
}

static async int
environment_and_directory_are_given(NOTHING)
{
        static const char *const words[] = {"/bin/sh", "-c", "echo $WORD; pwd; env | grep -c HOME",
                                            NULL};
        static const char *const environment[] = {"WORD=hello", "PATH=/bin:/usr/bin", NULL};
        struct aw_process *process = aw_process_start(
                &(struct aw_process_options){
                        .argv = words, .environment = environment, .directory = "/usr", PIPES},
                NULL);

        await(expect_output(process, "hello\n/usr\n0\n"));
        aw_process_free(process);
        return 0;
}

static async int
streams_go_where_they_are_sent(NOTHING)
{
        static const char *const words[] = {"sh", "-c", "cat; echo out; echo error >&2", NULL};
        struct aw_process_options options = {.argv = words,
                                             .input = {.kind = AW_STDIO_NULL},
                                             .output = {.kind = AW_STDIO_PIPE},
                                             .error = {.kind = AW_STDIO_OUTPUT}};
        struct aw_process *process = aw_process_start(&options, NULL);
        int ends[2];
        char data[20];

        expect(aw_process_input(process) == NULL && aw_process_error(process) == NULL);
        await(expect_output(process, "out\nerror\n"));
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        /* The same by descriptors of ours, which stay open. */
        expect_int(pipe2(ends, O_CLOEXEC), 0);
        options.output = options.error = (struct aw_stdio){AW_STDIO_FD, ends[1]};
        process = aw_process_start(&options, NULL);
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        expect_int(close(ends[1]), 0);
        expect_int(read(ends[0], data, sizeof(data)), 10);
        expect(memcmp(data, "out\nerror\n", 10) == 0);
        close(ends[0]);
        return 0;
}

/* Our own standard streams are taken for each other, or are closed. */
static async int
standard_descriptors_are_crossed(NOTHING)
{
        static const char *const words[] = {"sh", "-c", "echo out; echo error >&2", NULL};
        struct aw_process_options options = {.argv = words,
                                             .input = {.kind = AW_STDIO_NULL},
                                             .output = {AW_STDIO_FD, STDERR_FILENO},
                                             .error = {AW_STDIO_FD, STDOUT_FILENO}};
        struct aw_process *process;
        int saved[3], outs[2], errors[2], i;
        char data[20];

        for (i = 0; i < 3; i++)
                saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        expect_int(pipe2(outs, O_CLOEXEC), 0);
        expect_int(pipe2(errors, O_CLOEXEC), 0);
        dup2(outs[1], STDOUT_FILENO);
        dup2(errors[1], STDERR_FILENO);
        close(STDIN_FILENO);
        process = aw_process_start(&options, NULL);
        for (i = 0; i < 3; i++)
                dup2(saved[i], i);
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        expect_int(read(outs[0], data, sizeof(data)), 6);
        expect(memcmp(data, "error\n", 6) == 0);
        expect_int(read(errors[0], data, sizeof(data)), 4);
        expect(memcmp(data, "out\n", 4) == 0);
        for (i = 0; i < 3; i++)
                close(saved[i]);
        for (i = 0; i < 2; i++) {
                close(outs[i]);
                close(errors[i]);
        }
        return 0;
}

static async int
few_descriptors_leave_nothing_behind(NOTHING)
{
        static const char *const words[] = {"true", NULL};
        struct aw_process_options options = {.argv = words, PIPES};
        struct rlimit limit, few;
        struct aw_process *process = NULL;
        size_t before = test_count_descriptors();
        int i, lowest = dup(STDERR_FILENO);

        close(lowest);
        /* See above. */
        if (test_under_valgrind())
                return 0;
        getrlimit(RLIMIT_NOFILE, &limit);
        few = limit;
        for (i = 0; process == NULL && i < 20; i++) {
                few.rlim_cur = (rlim_t)lowest + (rlim_t)i;
                setrlimit(RLIMIT_NOFILE, &few);
                process = aw_process_start(&options, NULL);
                if (process == NULL && errno != EMFILE)
                        expect_int(errno, EMFILE);
                setrlimit(RLIMIT_NOFILE, &limit);
                if (process == NULL)
                        expect_no_more_descriptors(before);
        }
        expect(i > 5 && process != NULL);
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        expect_error(waitpid(-1, NULL, WNOHANG), ECHILD);
        return 0;
}

static void
at_fork(void)
{
        trace("forked");
}

static async int
handlers_of_fork_do_not_run(NOTHING)
{
        struct aw_process *process;

        pthread_atfork(at_fork, at_fork, at_fork);
        process = start_shell("exit 0");
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        expect_trace("");
        return 0;
}

/* Much in both directions at once. */
static async int
much_goes_through_a_child(NOTHING)
{
        struct aw_process *process = start_shell("exec cat");
        struct pattern_writer writing = {aw_process_input(process), test_many(2000000)};
        struct aw_task *task = aw_spawn("writer", write_pattern, &writing);

        await(expect_pattern(aw_process_output(process), writing.length));
        expect_int(await(aw_join(task)), 0);
        aw_stream_shutdown(aw_process_input(process));
        await(expect_exit(process, 0, 0));
        aw_process_free(process);
        return 0;
}

static async int
a_child_that_does_not_read_breaks_the_pipe(NOTHING)
{
        struct aw_process *process = start_shell("exec true");

        await(expect_exit(process, 0, 0));
        expect_int(await(aw_stream_write(aw_process_input(process), "x", 1, AW_NEVER)), 0);
        expect_error(await(aw_stream_flush(aw_process_input(process), AW_NEVER)), EPIPE);
        aw_process_free(process);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_child_talks_through_pipes),
                on_loop(the_end_of_a_child_is_told),
                on_loop(the_wait_for_a_child_times_out_and_is_cancelled),
                on_loop(what_cannot_be_run_is_told),
                on_loop(mistakes_are_told),
                on_loop(signals_are_as_by_default),
                on_loop(descriptors_are_the_standard_ones),
                on_loop(environment_and_directory_are_given),
                on_loop(streams_go_where_they_are_sent),
                on_loop(standard_descriptors_are_crossed),
                on_loop(few_descriptors_leave_nothing_behind),
                on_loop(handlers_of_fork_do_not_run),
                on_loop(much_goes_through_a_child),
                on_loop(a_child_that_does_not_read_breaks_the_pipe),
        };

        return run_both_ways(tests);
}
