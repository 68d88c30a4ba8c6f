/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* What a process does, as others see it. */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outside.h"
#include "unit/support.h"

/* A child that does this until it is killed. */
static pid_t
child_that(void (*act)(void))
{
        pid_t pid = fork();

        if (pid == 0) {
                act();
                _exit(1);
        }
        assert_true(pid > 0);
        return pid;
}

static void
end_child(pid_t pid)
{
        int status;

        assert_int_equal(kill(pid, SIGKILL), 0);
        while (waitpid(pid, &status, 0) == pid && !WIFSIGNALED(status))
                continue;
}

/* Waits until that is said of it. */
static void
expect_described(pid_t pid, const char *words)
{
        char text[120] = "";

        for (int i = 0; i < 1000 && strncmp(text, words, strlen(words)) != 0; i++) {
                outside_describe(pid, text, sizeof(text));
                usleep(10000);
        }
        text[strlen(words)] = '\0';
        assert_string_equal(text, words);
}

static void
run_for_ever(void)
{
        for (;;)
                (void)getppid();
}

static void
sleep_for_ever(void)
{
        for (;;)
                pause();
}

static void
be_traced(void)
{
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGUSR1);
}

/* Who has made a child in this way waits for it without being interrupted. */
static void
wait_for_ever(void)
{
        pid_t parent = getpid();

        if (vfork() == 0)
                while (getppid() == parent)
                        usleep(1000);
}

static void
it_runs_or_sleeps(void **state)
{
        pid_t running = child_that(run_for_ever), sleeping = child_that(sleep_for_ever);

        (void)state;
        expect_described(running, "runs");
        expect_described(sleeping, "sleeps (");
        end_child(running);
        end_child(sleeping);
}

static void
it_is_stopped(void **state)
{
        pid_t pid = child_that(sleep_for_ever);

        (void)state;
        assert_int_equal(kill(pid, SIGSTOP), 0);
        expect_described(pid, "is stopped (SIGSTOP)");
        end_child(pid);
}

static void
it_is_traced(void **state)
{
        pid_t pid = child_that(be_traced);
        char words[80];

        (void)state;
        snprintf(words, sizeof(words), "is stopped by process %ld, which traces it",
                 (long)getpid());
        expect_described(pid, words);
        end_child(pid);
}

static void
it_waits_in_the_kernel(void **state)
{
        pid_t pid;

        (void)state;
        /* It makes a fork() of a vfork(). */
        if (test_under_valgrind())
                skip();
        pid = child_that(wait_for_ever);
        expect_described(pid, "waits in the kernel (");
        end_child(pid);
}

static void
it_is_gone(void **state)
{
        pid_t pid = child_that(sleep_for_ever);

        (void)state;
        end_child(pid);
        expect_described(pid, "is in a state that is not known");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_runs_or_sleeps),      cmocka_unit_test(it_is_stopped),
                cmocka_unit_test(it_is_traced),           cmocka_unit_test(it_is_gone),
                cmocka_unit_test(it_waits_in_the_kernel),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
