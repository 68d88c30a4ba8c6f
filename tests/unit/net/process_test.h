/* SPDX-License-Identifier: MIT */
/* What the tests of processes share. Each of them "Wraps: syscall". */
#ifndef PROCESS_TEST_H
#define PROCESS_TEST_H

#include "await/process.h"
#include "unit/net/no_pidfd.h"
#include "unit/net/stream_test.h"

/* A descriptor stands for each child; then a thread watches it, as without pidfd_open(2). */
#define run_both_ways(tests)                                                                       \
        (cmocka_run_group_tests_name("by a descriptor", tests, NULL, NULL) +                       \
         (pidfd_error = ENOSYS, cmocka_run_group_tests_name("by a thread", tests, NULL, NULL)))

#define PIPES                                                                                      \
        .input = {.kind = AW_STDIO_PIPE}, .output = {.kind = AW_STDIO_PIPE},                       \
        .error = {.kind = AW_STDIO_PIPE}

/* A shell that runs this, with pipes. */
static inline struct aw_process *
start_shell(const char *script)
{
        const char *const words[] = {"sh", "-c", script, NULL};
        struct aw_error error = {0};
        struct aw_process *process =
                aw_process_start(&(struct aw_process_options){.argv = words, PIPES}, &error);

        test_expect(process != NULL, __FILE__, __LINE__, "%s (%s)", script, error.text);
        return process;
}

static inline async void
expect_exit(struct aw_process *process, int code, int signal)
{
        struct aw_process_status status = {77, 77};

        expect_int(await(aw_process_wait(process, &status, AW_NEVER)), 0);
        expect_int(status.code, code);
        expect_int(status.signal, signal);
}

static inline async int
wait_for_it(void *process)
{
        return await(aw_process_wait(process, NULL, AW_NEVER));
}

#endif
