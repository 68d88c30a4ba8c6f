/* SPDX-License-Identifier: MIT */
/* Wraps: aw_dump_print aw_dump_text client_exit echo_run print_finish print_free print_open report_create report_end report_free report_observer report_pings session_run session_last_deadline terminal_above terminal_end terminal_is_on terminal_observer terminal_tell. */
/* What stops a run of the program, and leaves it at once. */
#include "unit/client/fake_run.h"

/* The function runs it, in a child, which leaves the program at once with this status. */
static void
leaves(aw_task_function *function, enum client_status with, const char *happened, const char *words)
{
        int status = -1;
        pid_t pid;

        fflush(stdout);
        pid = fork();
        assert_int_not_equal(pid, -1);
        if (pid == 0) {
                at_exit = happened;
                said_at_exit = words;
                test_failures = 0;
                test_trace[0] = '\0';
                /* Nobody else would end it. */
                alarm(20);
                test_run(function, NULL);
                _exit(254);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), with);
}

static async int
run_it(void *nothing)
{
        (void)nothing;
        return await(client_main(&run));
}

static void
a_time_out_and_a_signal_leave_at_once(void **state)
{
        static const char quiet[] = "print here session free-report free-printer";

        (void)state;
        begin();
        outcome = CLIENT_TIMEOUT;
        leaves(run_it, CLIENT_TIMEOUT, quiet, "");
        begin();
        outcome = CLIENT_SIGNAL + SIGPIPE;
        leaves(run_it, CLIENT_SIGNAL + SIGPIPE, quiet, "");
        client_set_sink(NULL);
}

static int stopping;

static async int
stop_it(void *nothing)
{
        struct aw_task *task;

        (void)nothing;
        client_hold_signals();
        task = aw_spawn("run", client_main, &run);
        await(aw_sleep(0));
        raise(stopping);
        return await(aw_join(task));
}

static void
a_signal_stops_it_and_is_its_status(void **state)
{
        static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                begin();
                lasts = true;
                stopping = numbers[i];
                leaves(stop_it, CLIENT_SIGNAL + numbers[i],
                       "print here session cancelled free-report free-printer", "");
        }
        client_set_sink(NULL);
}

static async int
show_tasks_twice(void *nothing)
{
        struct aw_task *task;

        (void)nothing;
        client_hold_signals();
        task = aw_spawn("run", client_main, &run);
        await(aw_sleep(0));
        for (int i = 0; i < 2; i++) {
                test_trace[0] = '\0';
                raise(SIGUSR1);
                while (test_trace[0] == '\0' && !aw_task_done(task))
                        await(aw_sleep(0));
                expect_trace(terminal_on ? "told" : "dumped");
        }
        expect(!aw_task_done(task));
        raise(SIGTERM);
        return await(aw_join(task));
}

static void
sigusr1_shows_the_tasks_and_it_goes_on(void **state)
{
        (void)state;
        for (int seat = 0; seat < 3; seat++) {
                begin();
                lasts = true;
                terminal_on = seat == 2;
                run.terminal = seat > 0 ? terminal : NULL;
                leaves(show_tasks_twice, CLIENT_SIGNAL + SIGTERM,
                       seat == 0 ? "cancelled free-report free-printer"
                                 : "cancelled terminal-end free-report free-printer",
                       "");
        }
        client_set_sink(NULL);
}

static async int
wait_three_seconds(void *nothing)
{
        struct aw_task *task;

        (void)nothing;
        clock_stop();
        options.ending.max_time = 3 * AW_SECOND;
        task = aw_spawn("run", client_main, &run);
        await(aw_sleep(0));
        await(aw_sleep(0));
        await(clock_advance(3 * AW_SECOND - 1));
        expect(!aw_task_done(task));
        await(clock_advance(1));
        return await(aw_join(task));
}

static void
max_time_ends_it_and_says_so(void **state)
{
        (void)state;
        begin();
        lasts = true;
        leaves(wait_three_seconds, CLIENT_TIMEOUT,
               "print here session cancelled free-report free-printer",
               "wsecho: time-out: --max-time is over\n");
        client_set_sink(NULL);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_time_out_and_a_signal_leave_at_once),
                cmocka_unit_test(a_signal_stops_it_and_is_its_status),
                cmocka_unit_test(sigusr1_shows_the_tasks_and_it_goes_on),
                cmocka_unit_test(max_time_ends_it_and_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
