/* SPDX-License-Identifier: MIT */
/* Once: the signals are the process's. */
/* Signals that wait until somebody takes them, those that stay ignored, and the end by one. */
#include "client.h"
#include "unit/support.h"

static const int held[] = {SIGUSR1, SIGINT, SIGTERM, SIGHUP};
static const int others[] = {SIGQUIT, SIGPIPE, SIGTSTP, SIGCHLD, SIGUSR2};

static void
nobody(int number)
{
        (void)number;
}

/* How a child ends that calls this; in it signals are as at the start of a program. */
static int
status_of(void (*function)(int argument), int argument)
{
        sigset_t none;
        int status = -1;
        pid_t pid = fork();

        assert_int_not_equal(pid, -1);
        if (pid == 0) {
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                for (size_t i = 0; i < 4; i++)
                        signal(held[i], SIG_DFL);
                signal(SIGPIPE, SIG_DFL);
                function(argument);
                _exit(99);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void
exits(int status)
{
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* What the stack has from before is no set of signals. */
static void __attribute__((noinline)) soil_stack(void)
{
        volatile char soil[4096];

        for (size_t i = 0; i < sizeof(soil); i++)
                soil[i] = (char)0xff;
}

static void
hold(int all)
{
        sigset_t set;

        soil_stack();
        client_mind_signals();
        if (all)
                client_hold_signals();
        sigprocmask(SIG_SETMASK, NULL, &set);
        for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
                if (sigismember(&set, held[i]) != (all || held[i] == SIGUSR1))
                        _exit(1);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                if (sigismember(&set, others[i]) != 0)
                        _exit(2);
        _exit(client_dies_of_pipe() ? 0 : 3);
}

static void
the_signals_that_stop_it_wait_once_they_are_held_and_no_others(void **state)
{
        (void)state;
        exits(status_of(hold, false));
        exits(status_of(hold, true));
}

static void
hold_ignoring(int number)
{
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        client_mind_signals();
        client_hold_signals();
        if (client_dies_of_pipe())
                _exit(1);
        if (!client_ignores(SIGHUP) || client_ignores(SIGTERM) || client_ignores(number))
                _exit(2);
        signal(SIGTERM, nobody);
        _exit(client_ignores(SIGTERM) ? 3 : 0);
}

static void
what_is_ignored_is_known(void **state)
{
        (void)state;
        /* There is no such signal. */
        exits(status_of(hold_ignoring, 1000));
}

/* Others wait, too, but it is this one that it ends by. */
static void
end_by_one_of_two(int status)
{
        client_hold_signals();
        raise(SIGHUP);
        raise(SIGINT);
        soil_stack();
        client_exit(status);
}

static void
end_by(int status)
{
        static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

        client_hold_signals();
        /* Whatever was done with them meanwhile. */
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                signal(numbers[i], i % 2 == 0 ? SIG_IGN : nobody);
        client_exit(status);
}

static void
a_status_over_128_is_the_end_by_that_signal(void **state)
{
        static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
        int status;

        (void)state;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                status = status_of(end_by, CLIENT_SIGNAL + numbers[i]);
                assert_true(WIFSIGNALED(status));
                assert_int_equal(WTERMSIG(status), numbers[i]);
        }
        status = status_of(end_by_one_of_two, CLIENT_SIGNAL + SIGTERM);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGTERM);
        status = status_of(end_by, CLIENT_TIMEOUT);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
        status = status_of(end_by, CLIENT_SIGNAL);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_signals_that_stop_it_wait_once_they_are_held_and_no_others),
                cmocka_unit_test(what_is_ignored_is_known),
                cmocka_unit_test(a_status_over_128_is_the_end_by_that_signal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
