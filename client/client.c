/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "client.h"

#include "await/signals.h"
#include "cli/dump.h"
#include "connect.h"
#include "echo.h"
#include "print.h"
#include "report.h"
#include "session.h"
#include "terminal.h"

/* Pings and Pongs are printed as they come, whatever else is going on. */
static async int
print_pings(void *argument)
{
        struct session *session = argument;

        return await(report_pings(session->report, session->printer));
}

static async enum client_status
run_session(struct session *session)
{
        const struct client_options *options = session->options;
        struct aw_task *pings = NULL;
        enum client_status status;

        session->from_input = !options_have_messages(&options->sending);
        session->way = !session->from_input        ? messages_send
                       : options->sending.no_stdin ? nothing_send
                       : session->terminal != NULL ? terminal_send
                                                   : input_send;
        if (options->printing.json)
                pings = aw_spawn("print pings", print_pings, session);
        status = await(session_run(session));
        if (pings != NULL) {
                aw_cancel(pings);
                await(aw_join(pings));
        }
        return status;
}

/* What was printed is written, if anybody reads it. */
static async enum client_status
finish_session(struct session *session, enum client_status status)
{
        struct aw_timeout timeout;
        int result;

        aw_timeout_enter(&timeout, session_last_deadline(session));
        await(report_end(session->report, session->printer, session, status));
        result = aw_timeout_exit(&timeout, await(print_finish(session->printer)));
        if (result == 0 || status != CLIENT_OK || errno == ECANCELED || errno == ETIMEDOUT)
                return status;
        return client_output_failed();
}

/* The report sees all frames, if there is one that wants to. */
static void
hand_frame(void *argument, const struct ws_frame *frame)
{
        const struct connector *connector = argument;

        connector->looks_on->frame(connector->looks_on->argument, frame);
}

static async enum client_status
converse(const struct client_run *run)
{
        const struct client_options *options = run->options;
        struct session session = {
                .options = options, .connector = run->connector, .terminal = run->terminal};
        enum client_status status = CLIENT_LOCAL;

        session.printer = print_open(&options->printing, options->sending.null,
                                     terminal_above(run->terminal));
        session.report = session.printer == NULL ? NULL : report_create(options);
        if (session.report != NULL) {
                run->connector->looks_on = report_observer(session.report);
                if (run->terminal != NULL)
                        run->connector->looks_on =
                                terminal_observer(run->terminal, run->connector->looks_on);
                if (run->connector->looks_on != NULL && run->connector->looks_on->frame != NULL)
                        run->connector->observer.frame = hand_frame;
                status = options->sending.echo
                                 ? await(echo_run(run->connector, session.report, session.printer))
                                 : await(run_session(&session));
                if (run->terminal != NULL)
                        await(terminal_end(run->terminal, session_last_deadline(&session)));
                status = await(finish_session(&session,
                                              run->stopped == CLIENT_OK ? status : run->stopped));
        }
        report_free(session.report);
        print_free(session.printer);
        return status;
}

/* Signals, and --max-time. */

struct watch {
        struct client_run *run;
        struct aw_signals *signals;
        struct aw_task *main;
        aw_time end; /* of --max-time */
};

static void
show_tasks(struct terminal *terminal)
{
        char *text;

        if (terminal == NULL || !terminal_is_on(terminal)) {
                aw_dump_print();
                return;
        }
        text = aw_dump_text();
        if (text != NULL)
                terminal_tell(terminal, text);
        free(text);
}

/* SIGUSR1 shows the tasks; the others stop us. So does the end of our time. */
static async int
watch_main(void *argument)
{
        struct watch *watch = argument;
        int number;

        do {
                number = await(aw_signals_wait(watch->signals, watch->end));
                if (number == SIGUSR1)
                        show_tasks(watch->run->terminal);
        } while (number == SIGUSR1);
        if (number == -1 && errno != ETIMEDOUT)
                return 0;
        watch->run->stopped =
                number == -1 ? CLIENT_TIMEOUT : (enum client_status)(CLIENT_SIGNAL + number);
        if (number == -1)
                client_say("time-out: --max-time is over");
        aw_cancel(watch->main);
        return 0;
}

async int
client_main(void *argument)
{
        struct client_run *run = argument;
        struct watch watch = {.run = run,
                              .main = aw_task_current(),
                              .signals = client_open_signals(),
                              .end = run->options->ending.max_time == 0
                                             ? AW_NEVER
                                             : aw_loop_now() + run->options->ending.max_time};
        struct aw_task *task =
                watch.signals == NULL ? NULL : aw_spawn("signals", watch_main, &watch);
        enum client_status status = await(converse(run));

        if (task != NULL) {
                aw_cancel(task);
                await(aw_join(task));
        }
        aw_signals_close(watch.signals);
        /* A name server that does not answer still keeps its thread, for as long as it likes. */
        if (status == CLIENT_TIMEOUT || status > CLIENT_SIGNAL)
                client_exit((int)status);
        return (int)status;
}
