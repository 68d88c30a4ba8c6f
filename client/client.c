/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#include "await/signals.h"
#include "cli/dump.h"
#include "connect.h"
#include "echo.h"
#include "print.h"
#include "report.h"
#include "session.h"
#include "terminal.h"

aw_time
client_deadline(const struct client_options *options)
{
        int64_t timeout = options->connection.connect_timeout > 0
                                  ? options->connection.connect_timeout
                                  : options->connection.timeout;
        aw_time now = aw_loop_now();

        return timeout == 0 || timeout > AW_NEVER - now ? AW_NEVER : now + timeout;
}

void
client_describe_end(const struct ws *ws, int error, char *out, size_t size)
{
        const struct ws_peer_close *peer = ws_peer_close(ws);

        if (error == EMSGSIZE)
                snprintf(out, size,
                         "closed: a message from %s is over the limit: raise it with --max-message",
                         ws_peer(ws));
        else if (error == EPROTO)
                snprintf(out, size, "closed: %s broke the WebSocket protocol: %s", ws_peer(ws),
                         ws_problem(ws) == NULL ? "TLS" : ws_problem(ws));
        else if (error != EPIPE)
                snprintf(out, size, "%s", strerror(error));
        else if (peer->code == WS_ABNORMAL || peer->code == 0)
                snprintf(out, size, "the connection to %s was lost (1006)", ws_peer(ws));
        else
                snprintf(out, size, "%s closed with %u%s%s", ws_peer(ws), peer->code,
                         peer->reason[0] == '\0' ? "" : ": ", peer->reason);
}

enum client_status
client_failed(const struct ws *ws, int error)
{
        char why[400];

        client_describe_end(ws, error, why, sizeof(why));
        client_say("%s", why);
        return error == EPIPE || error == EPROTO || error == EMSGSIZE ? CLIENT_CLOSED
                                                                      : CLIENT_LOCAL;
}

/* What a refusal says, in one line. Pages of HTML in a redirect or a 200 are for nobody. */
static char *
tell_body(const struct aw_error *error, const struct connector *connector)
{
        const char *body = connector == NULL ? NULL : connector->body;
        char *text, *to;

        if (body == NULL || error->status < 400)
                return NULL;
        text = to = strdup(body);
        for (; text != NULL && *body != '\0'; body++)
                if (strchr(" \t\r\n", *body) == NULL)
                        *to++ = *body;
                else if (to > text && to[-1] != ' ')
                        *to++ = ' ';
        if (text != NULL)
                *to = '\0';
        while (text != NULL && to > text && to[-1] == ' ')
                *--to = '\0';
        return text;
}

/* What may be done about it, and has not been done already. */
static const char *
cure_of(const struct aw_error *error, const struct connector *connector)
{
        if (connector == NULL)
                return network_cure(error);
        if (error->cause == AW_CAUSE_REDIRECTED && connector->location == NULL)
                return ", without a Location: it does not say where to go";
        if (error->cause == AW_CAUSE_CREDENTIALS && connector_has_credentials(connector))
                return ": the credentials that were given are refused";
        if (error->cause == AW_CAUSE_NAME && connector->options->network.resolve.count > 0)
                return ": use --servername";
        return network_cure(error);
}

enum client_status
client_refused(const struct aw_error *error, const struct connector *connector)
{
        static const enum client_status statuses[] = {
                [AW_ERROR_USAGE] = CLIENT_USAGE,         [AW_ERROR_CONNECTION] = CLIENT_CONNECTION,
                [AW_ERROR_RESOLVE] = CLIENT_CONNECTION,  [AW_ERROR_CERTIFICATE] = CLIENT_TLS,
                [AW_ERROR_SYSTEM] = CLIENT_LOCAL,        [AW_ERROR_TLS] = CLIENT_TLS,
                [AW_ERROR_HANDSHAKE] = CLIENT_HANDSHAKE, [AW_ERROR_TIMEOUT] = CLIENT_TIMEOUT,
                [AW_ERROR_CANCELLED] = CLIENT_LOCAL,     [AW_ERROR_MEMORY] = CLIENT_LOCAL,
        };
        char *body = tell_body(error, connector);

        /* Whoever stops us knows why. */
        if (error->kind != AW_ERROR_CANCELLED)
                client_say("%s%s%s%s%s", error->text, cure_of(error, connector),
                           body == NULL || *body == '\0' ? "" : "; it says \"",
                           body == NULL ? "" : body, body == NULL || *body == '\0' ? "" : "\"");
        free(body);
        return statuses[error->kind];
}

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

        session.printer = print_open(&options->printing, options->sending.null, run->terminal);
        session.report = session.printer == NULL ? NULL : report_create(options);
        if (session.report != NULL) {
                run->connector->looks_on = report_observer(session.report);
                if (run->terminal != NULL)
                        run->connector->looks_on =
                                terminal_observer(run->terminal, run->connector->looks_on);
                if (run->connector->looks_on != NULL && run->connector->looks_on->frame != NULL)
                        run->connector->observer.frame = hand_frame;
                status = options->sending.echo ? await(echo_run(run->connector))
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

static const int stopping[] = {SIGUSR1, SIGINT, SIGTERM, SIGHUP};
enum { STOPPING = 4 };

static bool dies_of_pipe;

bool
client_ignores(int number)
{
        struct sigaction action;

        return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void
client_hold_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        for (int i = 0; i < STOPPING; i++)
                sigaddset(&set, stopping[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        dies_of_pipe = !client_ignores(SIGPIPE);
}

/* `| head -1` is no failure, and ends a program without a word. */
enum client_status
client_output_failed(void)
{
        if (errno == EPIPE && dies_of_pipe)
                return CLIENT_SIGNAL + SIGPIPE;
        client_say("standard output: %s", strerror(errno));
        return CLIENT_LOCAL;
}

void
client_exit(int status)
{
        int number = status - CLIENT_SIGNAL;
        sigset_t set;

        if (number > 0) {
                signal(number, SIG_DFL);
                sigemptyset(&set);
                sigaddset(&set, number);
                sigprocmask(SIG_UNBLOCK, &set, NULL);
                raise(number);
        }
        _exit(status);
}

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

/* One that is ignored, as nohup(1) does with SIGHUP, stays so. */
static struct aw_signals *
open_signals(void)
{
        int numbers[STOPPING];
        size_t count = 0;

        for (int i = 0; i < STOPPING; i++)
                if (!client_ignores(stopping[i]))
                        numbers[count++] = stopping[i];
        return aw_signals_open(numbers, count);
}

async int
client_main(void *argument)
{
        struct client_run *run = argument;
        struct watch watch = {.run = run,
                              .main = aw_task_current(),
                              .signals = open_signals(),
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
