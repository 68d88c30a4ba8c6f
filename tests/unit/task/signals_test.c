/* SPDX-License-Identifier: MIT */
#include <signal.h>

#include "await/signals.h"
#include "unit/task/task_test.h"

static const int usr1[] = {SIGUSR1}, usr2[] = {SIGUSR2}, both[] = {SIGUSR1, SIGUSR2};

static void
raise_it(int number)
{
        expect_int(kill(getpid(), number), 0);
}

static bool
is_blocked(int number)
{
        sigset_t set;

        pthread_sigmask(SIG_BLOCK, NULL, &set);
        return sigismember(&set, number) == 1;
}

static void
raise_usr1(NOTHING)
{
        raise_it(SIGUSR1);
}

static async int
a_signal_is_awaited(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(both, 2);
        struct aw_handle soon = {.state = 0};

        aw_call_later(&soon, 200, raise_usr1, NULL);
        expect_int(await(aw_signals_wait(signals, AW_NEVER)), SIGUSR1);
        raise_it(SIGUSR2);
        expect_int(await(aw_signals_wait(signals, AW_NEVER)), SIGUSR2);
        aw_signals_close(signals);
        return 0;
}

static async int
who_sent_a_signal_is_told(NOTHING)
{
        static const int numbers[] = {SIGUSR1, SIGCHLD};
        struct aw_signals *signals = aw_signals_open(numbers, 2);
        siginfo_t info;
        pid_t pid;

        raise_it(SIGUSR1);
        expect_int(await(aw_signals_wait_info(signals, &info, AW_NEVER)), SIGUSR1);
        expect_int(info.si_signo, SIGUSR1);
        expect_int(info.si_code, SI_USER);
        expect_int(info.si_pid, getpid());
        expect_int(info.si_uid, getuid());
        expect_int(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 7}), 0);
        expect_int(await(aw_signals_wait_info(signals, &info, AW_NEVER)), SIGUSR1);
        expect_int(info.si_code, SI_QUEUE);
        expect_int(info.si_value.sival_int, 7);
        pid = fork();
        if (pid == 0)
                _exit(3);
        expect_int(await(aw_signals_wait_info(signals, &info, AW_NEVER)), SIGCHLD);
        expect_int(info.si_code, CLD_EXITED);
        expect_int(info.si_pid, pid);
        expect_int(info.si_status, 3);
        expect_int(waitpid(pid, NULL, 0), pid);
        raise_it(SIGUSR1);
        expect_int(await(aw_signals_wait_info(signals, NULL, AW_NEVER)), SIGUSR1);
        expect_error(await(aw_signals_wait_info(signals, &info, 1)), ETIMEDOUT);
        aw_cancel(aw_task_current());
        expect_error(await(aw_signals_wait_info(signals, &info, AW_NEVER)), ECANCELED);
        aw_signals_close(signals);
        return 0;
}

static async int
signals_that_came_before_are_kept(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(both, 2);
        int sum;

        raise_it(SIGUSR2);
        raise_it(SIGUSR1);
        await(yield(20));
        sum = await(aw_signals_wait(signals, AW_NEVER));
        sum += await(aw_signals_wait(signals, AW_NEVER));
        expect_int(sum, SIGUSR1 + SIGUSR2);
        expect_error(await(aw_signals_wait(signals, aw_loop_now() + 200)), ETIMEDOUT);
        aw_signals_close(signals);
        return 0;
}

/* The loop need not look again and again at one that nobody waits for. */
static async int
a_signal_that_waits_costs_no_time(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(usr1, 1);
        struct timespec before, after;

        raise_it(SIGUSR1);
        await(yield(3));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        await(aw_sleep(50 * AW_MILLISECOND));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        expect((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec <
               5000000);
        expect_int(await(aw_signals_wait(signals, AW_NEVER)), SIGUSR1);
        aw_signals_close(signals);
        return 0;
}

static async int
the_wait_for_a_signal_times_out(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(usr1, 1);

        expect_error(await(aw_signals_wait(signals, 1)), ETIMEDOUT);
        raise_it(SIGUSR1);
        expect_int(await(aw_signals_wait(signals, 1)), SIGUSR1);
        aw_signals_close(signals);
        return 0;
}

static async int
wait_for_signal(void *argument)
{
        int result = await(aw_signals_wait(argument, AW_NEVER));

        trace(result == -1 ? "cancelled" : result == SIGUSR1 ? "usr1" : "usr2");
        return result;
}

static async int
a_cancelled_wait_leaves_the_signal_to_the_next(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(usr1, 1);
        struct aw_task *first = aw_spawn("first", wait_for_signal, signals);
        struct aw_task *second = aw_spawn("second", wait_for_signal, signals);

        await(aw_sleep(0));
        aw_cancel(first);
        raise_it(SIGUSR1);
        expect_int(await(aw_join(second)), SIGUSR1);
        expect_error(await(aw_join(first)), ECANCELED);
        expect_trace("cancelled usr1");
        aw_signals_close(signals);
        return 0;
}

/* Cancelled when it has been woken, and has not read yet. */
static async int
a_woken_waiter_that_is_cancelled_leaves_the_signal_to_the_next(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(usr1, 1);
        struct aw_task *first = aw_spawn("first", wait_for_signal, signals);
        struct aw_task *second = aw_spawn("second", wait_for_signal, signals);
        int i;

        await(aw_sleep(0));
        raise_it(SIGUSR1);
        /* Seen by the poll of one of these turns. */
        for (i = 0; i < 1000 && !aw_task_done(first); i++) {
                await(aw_sleep(0));
                if (i == 0)
                        aw_cancel(first);
        }
        expect_int(await(aw_join(second)), SIGUSR1);
        expect_error(await(aw_join(first)), ECANCELED);
        expect_trace("cancelled usr1");
        aw_signals_close(signals);
        return 0;
}

static async int
each_of_two_signals_goes_to_one_of_two_waiters(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(both, 2);
        struct aw_task *first = aw_spawn("first", wait_for_signal, signals);
        struct aw_task *second = aw_spawn("second", wait_for_signal, signals);
        int sum;

        await(aw_sleep(0));
        raise_it(SIGUSR2);
        raise_it(SIGUSR1);
        sum = await(aw_join(first));
        sum += await(aw_join(second));
        expect_int(sum, SIGUSR1 + SIGUSR2);
        expect_trace("usr1 usr2");
        aw_signals_close(signals);
        return 0;
}

static async int
signals_act_as_before_once_all_is_closed(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(both, 2);

        expect(is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
        aw_signals_close(signals);
        expect(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
        aw_signals_close(NULL);
        return 0;
}

/* The first one to be opened is the first to be closed. */
static async int
closing_one_leaves_the_signals_of_another_alone(NOTHING)
{
        struct aw_signals *first = aw_signals_open(usr1, 1);
        struct aw_signals *second = aw_signals_open(usr2, 1);

        aw_signals_close(first);
        expect(!is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
        raise_it(SIGUSR2);
        expect_int(await(aw_signals_wait(second, AW_NEVER)), SIGUSR2);
        aw_signals_close(second);
        expect(!is_blocked(SIGUSR2));
        return 0;
}

/* They have one signal in common: it is the last one's to give back. */
static async int
a_signal_of_two_acts_when_both_are_closed(NOTHING)
{
        for (int last = 0; last < 2; last++) {
                struct aw_signals *opened[] = {aw_signals_open(usr1, 1), aw_signals_open(both, 2)};

                aw_signals_close(opened[1 - last]);
                expect(is_blocked(SIGUSR1));
                expect_int(is_blocked(SIGUSR2), last == 1);
                raise_it(SIGUSR1);
                expect_int(await(aw_signals_wait(opened[last], AW_NEVER)), SIGUSR1);
                raise_it(SIGUSR1);
                aw_signals_close(opened[last]);
                expect(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
        }
        return 0;
}

static async int
a_signal_that_was_blocked_stays_so(NOTHING)
{
        struct aw_signals *signals;
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signals = aw_signals_open(both, 2);
        aw_signals_close(signals);
        expect(!is_blocked(SIGUSR1) && is_blocked(SIGUSR2));
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        return 0;
}

static int
lowest_free_descriptor(void)
{
        int fd = dup(STDERR_FILENO);

        close(fd);
        return fd;
}

/* With this many descriptors to be had. */
static struct aw_signals *
open_with_few_descriptors(int count)
{
        struct rlimit limit, few;
        struct aw_signals *signals;
        int error;

        getrlimit(RLIMIT_NOFILE, &limit);
        few = limit;
        few.rlim_cur = (rlim_t)lowest_free_descriptor() + (rlim_t)count;
        setrlimit(RLIMIT_NOFILE, &few);
        signals = aw_signals_open(usr1, 1);
        error = errno;
        setrlimit(RLIMIT_NOFILE, &limit);
        errno = error;
        return signals;
}

static async int
without_descriptors_nothing_is_opened_nor_blocked(NOTHING)
{
        struct aw_signals *signals;
        int before = lowest_free_descriptor();

        expect(open_with_few_descriptors(0) == NULL);
        expect_int(errno, EMFILE);
        expect_int(lowest_free_descriptor(), before);
        expect(!is_blocked(SIGUSR1));
        /* One is enough. */
        signals = open_with_few_descriptors(1);
        expect(signals != NULL);
        aw_signals_close(signals);
        return 0;
}

/* As a listener that is closed. */
static async int
closing_ends_the_tasks_that_wait(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(usr1, 1);
        struct aw_task *first = aw_spawn("first", wait_for_signal, signals);
        struct aw_task *second = aw_spawn("second", wait_for_signal, signals);
        struct aw_task *third = aw_spawn("third", wait_for_signal, signals);

        await(aw_sleep(0));
        aw_cancel(second);
        aw_signals_close(signals);
        expect(!is_blocked(SIGUSR1));
        expect_error(await(aw_join(first)), ESHUTDOWN);
        expect_error(await(aw_join(second)), ECANCELED);
        expect_error(await(aw_join(third)), ESHUTDOWN);
        return 0;
}

/* The impatient user's second Ctrl-C must not end the process in the midst of its clean-up. */
static async int
what_came_and_was_not_read_does_not_act_when_all_is_closed(NOTHING)
{
        struct aw_signals *signals = aw_signals_open(both, 2), *other;

        raise_it(SIGUSR1);
        expect_int(await(aw_signals_wait(signals, AW_NEVER)), SIGUSR1);
        raise_it(SIGUSR1);
        raise_it(SIGUSR2);
        aw_signals_close(signals);
        expect(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
        /* What another one waits for is left to that. */
        signals = aw_signals_open(usr1, 1);
        other = aw_signals_open(both, 2);
        raise_it(SIGUSR1);
        aw_signals_close(other);
        expect_int(await(aw_signals_wait(signals, AW_NEVER)), SIGUSR1);
        aw_signals_close(signals);
        return 0;
}

static async int
only_signals_that_can_be_awaited_are_opened(NOTHING)
{
        static const int wrong[] = {0, -1, 9999, SIGKILL, SIGSTOP};

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                int numbers[] = {SIGUSR1, wrong[i]};

                errno = 0;
                expect(aw_signals_open(numbers, 2) == NULL);
                expect_int(errno, EINVAL);
                expect(!is_blocked(SIGUSR1));
        }
        return 0;
}

static async int
leave_signals_open(NOTHING)
{
        return aw_signals_open(both, 2) == NULL ? -1 : 0;
}

static void
what_is_left_open_is_closed_in_the_end(void **state)
{
        (void)state;
        test_begin();
        expect_int(test_run(leave_signals_open, NULL), 0);
        expect_log("signals were never closed");
        expect(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2));
        test_end();
}

/* SIGHUP, whose number is the smallest, hides none of those behind it. */
static async int
all_that_came_is_taken_when_all_is_closed(NOTHING)
{
        static const int numbers[] = {SIGHUP, SIGUSR1, SIGUSR2};
        struct aw_signals *signals = aw_signals_open(numbers, 3);

        for (size_t i = 0; i < 3; i++)
                raise_it(numbers[i]);
        aw_signals_close(signals);
        for (size_t i = 0; i < 3; i++)
                expect(!is_blocked(numbers[i]));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_signal_is_awaited),
                on_loop(who_sent_a_signal_is_told),
                on_loop(signals_that_came_before_are_kept),
                on_loop(a_signal_that_waits_costs_no_time),
                on_loop(the_wait_for_a_signal_times_out),
                on_loop(a_cancelled_wait_leaves_the_signal_to_the_next),
                on_loop(a_woken_waiter_that_is_cancelled_leaves_the_signal_to_the_next),
                on_loop(each_of_two_signals_goes_to_one_of_two_waiters),
                on_loop(signals_act_as_before_once_all_is_closed),
                on_loop(closing_one_leaves_the_signals_of_another_alone),
                on_loop(a_signal_of_two_acts_when_both_are_closed),
                on_loop(a_signal_that_was_blocked_stays_so),
                on_loop(without_descriptors_nothing_is_opened_nor_blocked),
                on_loop(closing_ends_the_tasks_that_wait),
                on_loop(what_came_and_was_not_read_does_not_act_when_all_is_closed),
                on_loop(all_that_came_is_taken_when_all_is_closed),
                on_loop(only_signals_that_can_be_awaited_are_opened),
                cmocka_unit_test(what_is_left_open_is_closed_in_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
