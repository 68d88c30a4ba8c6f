/* SPDX-License-Identifier: MIT */
/* Wraps: syscall. */
/* Processes that are let go of before they have ended. */
#include <signal.h>
#include <sys/wait.h>

#include "unit/net/process_test.h"

/* Kept until its reaper has seen it. */
static async bool
is_reaped(void)
{
        int i;

        for (i = 0; i < 5000; i++) {
                if (waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == -1)
                        return errno == ECHILD;
                await(aw_sleep(AW_MILLISECOND));
        }
        return false;
}

static async int
a_child_that_is_freed_is_killed_and_leaves_no_zombie(NOTHING)
{
        aw_process_free(start_shell("exec sleep 1000"));
        expect(await(is_reaped()));
        return 0;
}

/* The loop ends before it can be reaped: the next start does it. */
static async int
free_at_once(NOTHING)
{
        aw_process_free(start_shell("exec sleep 1000"));
        return 0;
}

static async int
free_soon(NOTHING)
{
        aw_process_free(start_shell("exec sleep 1000"));
        return await(aw_sleep(0));
}

static void
the_next_start_reaps_what_was_left(void **state)
{
        siginfo_t info = {0};

        (void)state;
        test_begin();
        expect_int(test_run(free_at_once, NULL), 0);
        expect_int(test_run(free_soon, NULL), 0);
        /* Both have ended, by the signal that they were sent, and are left or reaped. */
        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
                continue;
        expect_int(test_run(a_child_that_is_freed_is_killed_and_leaves_no_zombie, NULL), 0);
        test_end();
}

static async int
expect_kill(void *process)
{
        await(expect_exit(process, -1, SIGKILL));
        return 0;
}

/* As a transport's close() leaves Process.wait() to tell: the child was killed. */
static async int
tasks_that_wait_learn_how_a_freed_child_ended(NOTHING)
{
        struct aw_process *process = start_shell("exec sleep 1000");
        struct aw_task *first, *second, *third;
        size_t before;

        /* Back ends open some of theirs for the first wait. */
        expect_error(await(aw_process_wait(process, NULL, SOON)), ETIMEDOUT);
        before = test_count_descriptors();
        first = aw_spawn("first", expect_kill, process);
        second = aw_spawn("second", wait_for_it, process);
        third = aw_spawn("third", expect_kill, process);
        await(yield(3));
        aw_process_free(process);
        aw_cancel(second);
        expect_error(await(aw_join(second)), ECANCELED);
        expect_int(await(aw_join(first)), 0);
        expect_int(await(aw_join(third)), 0);
        expect(await(is_reaped()));
        /* Those of the child's streams, and one or two that stood for it. */
        expect(await(descriptors_fall_to(before - 4)));
        return 0;
}

/* The last that waits is cancelled: what is left is the reaper's. */
static async int
a_freed_child_that_nobody_waits_for_any_more_is_reaped(NOTHING)
{
        struct aw_process *process = start_shell("exec sleep 1000");
        struct aw_task *task = aw_spawn("waiter", wait_for_it, process);

        await(yield(3));
        aw_cancel(task);
        aw_process_free(process);
        expect_error(await(aw_join(task)), ECANCELED);
        expect(await(is_reaped()));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_child_that_is_freed_is_killed_and_leaves_no_zombie),
                cmocka_unit_test(the_next_start_reaps_what_was_left),
                on_loop(tasks_that_wait_learn_how_a_freed_child_ended),
                on_loop(a_freed_child_that_nobody_waits_for_any_more_is_reaped),
        };

        return run_both_ways(tests);
}
