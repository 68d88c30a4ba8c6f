/* SPDX-License-Identifier: MIT */
/* Wraps: aw_dump_print aw_dump_text client_exit echo_run print_finish print_free print_open report_create report_end report_free report_observer report_pings session_run session_last_deadline terminal_above terminal_end terminal_is_on terminal_observer terminal_tell. */
/* A run of the program: who sends, who looks on, and the status of it all. */
#include "unit/client/fake_run.h"

/* Runs it to its end. */
static async void
runs(enum client_status status, const char *happened)
{
        expect_int(await(client_main(&run)), status);
        expect_trace(happened);
        client_set_sink(NULL);
}

static async int
who_sends_depends_on_what_there_is(NOTHING)
{
        begin();
        await(runs(CLIENT_OK, "print here session free-report free-printer"));
        expect(way == input_send && from_input);
        begin();
        options.sending.no_stdin = options.sending.null = true;
        await(runs(CLIENT_OK, "print-null here session free-report free-printer"));
        expect(way == nothing_send && from_input);
        begin();
        options.sending.count = 1;
        await(runs(CLIENT_OK, "print here session free-report free-printer"));
        expect(way == messages_send && !from_input);
        begin();
        run.terminal = terminal;
        await(runs(CLIENT_OK, "print above session terminal-end free-report free-printer"));
        expect(way == terminal_send && from_input);
        begin();
        options.sending.echo = true;
        await(runs(CLIENT_OK, "print here echo free-report free-printer"));
        return 0;
}

static async int
pings_are_printed_with_json(NOTHING)
{
        begin();
        options.printing.json = true;
        await(runs(CLIENT_OK, "print here session pings free-report free-printer"));
        return 0;
}

static unsigned frames;

static void
see_frame(void *argument, const struct ws_frame *frame)
{
        expect(argument == &frames && frame->opcode == 9);
        frames++;
}

static async int
frames_are_shown_to_whoever_wants_to_see_them(NOTHING)
{
        const struct ws_frame frame = {.opcode = 9};

        reporting = (struct ws_observer){.step = NULL};
        begin();
        await(runs(CLIENT_OK, "print here session free-report free-printer"));
        expect(connector.looks_on == NULL && connector.observer.frame == NULL);
        begin();
        report_looks_on = true;
        await(runs(CLIENT_OK, "print here session free-report free-printer"));
        expect(connector.looks_on == &reporting && connector.observer.frame == NULL);
        begin();
        reporting = (struct ws_observer){.frame = see_frame, .argument = &frames};
        report_looks_on = true;
        await(runs(CLIENT_OK, "print here session free-report free-printer"));
        expect(connector.observer.frame != NULL);
        frames = 0;
        if (connector.observer.frame != NULL)
                connector.observer.frame(&connector, &frame);
        expect_int(frames, 1);
        begin();
        run.terminal = terminal;
        await(runs(CLIENT_OK, "print above session terminal-end free-report free-printer"));
        expect(connector.looks_on == &watching);
        return 0;
}

static async int
without_memory_nothing_is_run(NOTHING)
{
        begin();
        no_printer = true;
        await(runs(CLIENT_LOCAL, "print here free-no-report free-nothing"));
        begin();
        no_report = true;
        await(runs(CLIENT_LOCAL, "print here free-no-report free-printer"));
        return 0;
}

static async int
the_status_is_the_sessions_unless_its_output_fails(NOTHING)
{
        static const char quiet[] = "print here session free-report free-printer";

        begin();
        outcome = CLIENT_CLOSED;
        await(runs(CLIENT_CLOSED, quiet));
        expect_int(ended_with, CLIENT_CLOSED);
        begin();
        outcome = CLIENT_UNEXPECTED;
        await(runs(CLIENT_UNEXPECTED, quiet));
        begin();
        output_error = ENOSPC;
        expect_int(await(client_main(&run)), CLIENT_LOCAL);
        expect_trace(quiet);
        expect(strcmp(said, "wsecho: standard output: No space left on device\n") == 0);
        begin();
        output_error = ENOSPC;
        outcome = CLIENT_CLOSED;
        await(runs(CLIENT_CLOSED, quiet));
        expect(said[0] == '\0');
        begin();
        output_error = ECANCELED;
        await(runs(CLIENT_OK, quiet));
        begin();
        output_error = ETIMEDOUT;
        deadline = aw_loop_now();
        await(runs(CLIENT_OK, quiet));
        expect(said[0] == '\0');
        return 0;
}

static async int
without_max_time_it_may_last(NOTHING)
{
        struct aw_task *task;

        clock_stop();
        begin();
        lasts = true;
        task = aw_spawn("run", client_main, &run);
        await(aw_sleep(0));
        await(clock_advance(1000000 * AW_SECOND));
        expect(!aw_task_done(task));
        aw_cancel(task);
        expect_int(await(aw_join(task)), CLIENT_OK);
        expect_int(run.stopped, CLIENT_OK);
        expect_trace("print here session cancelled free-report free-printer");
        clock_go_on();
        client_set_sink(NULL);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(who_sends_depends_on_what_there_is),
                on_loop(pings_are_printed_with_json),
                on_loop(frames_are_shown_to_whoever_wants_to_see_them),
                on_loop(without_memory_nothing_is_run),
                on_loop(the_status_is_the_sessions_unless_its_output_fails),
                on_loop(without_max_time_it_may_last),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
