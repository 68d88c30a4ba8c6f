/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

#include "await/task_wait.h"
#include "print.h"
#include "reconnect.h"
#include "report.h"
#include "terminal.h"

/* A reader who takes what we print within this time keeps nobody waiting. */
#define READER_PAUSE (10 * AW_MILLISECOND)

/* For what the server still says after our Close, up to its own. */
#define CLOSE_TIME (5 * AW_SECOND)

static async int
run_sender(void *argument)
{
        struct session *session = argument;
        int result = await(session->way(session));

        /* What cannot be sent any more is not sent: the server has closed. */
        session->all_sent = result == 0;
        session->all_sent_at = aw_loop_now();
        session_moved(session);
        aw_event_set(&session->changed);
        return 0;
}

/* Receiving. */

static int
print_failed(struct session *session)
{
        if (errno != ECANCELED)
                session_fail(session, client_output_failed());
        return -1;
}

/* For how long we have waited for those who read our output, and not for the server. */
static int64_t
waited_for_readers(const struct session *session)
{
        int64_t pause = session->printing && print_has_reader(session->printer)
                                ? aw_loop_now() - session->printing_since
                                : 0;

        return session->reader_time + (pause >= READER_PAUSE ? pause : 0);
}

/* A message: printed, unless we have what we wanted, and counted. */
static async int
take_message(struct session *session, const struct ws_message *message)
{
        int result;

        if (session->stopped || session->status == CLIENT_UNEXPECTED || judge_seen_enough(session))
                return 0;
        session->printing = true;
        session->printing_since = aw_loop_now();
        result = await(
                report_message(session->report, session->printer, message, session->received + 1));
        if (result == 0 && !session->from_input)
                result = await(print_finish(session->printer));
        session->reader_time = waited_for_readers(session);
        session->printing = false;
        if (result == -1)
                return print_failed(session);
        judge_message(session, message);
        aw_event_set(&session->received_one);
        session_moved(session);
        return 0;
}

static async int
print_what_comes(void *argument)
{
        struct session *session = argument;
        struct ws_message message;

        /* Who cannot connect has said why, and the session has failed, or somebody wants to leave. */
        if (session->ws == NULL && await(reconnect_first(session)) == -1)
                return 0;
        do {
                while (await(ws_receive(session->ws, &message, AW_NEVER)) == 0)
                        if (await(take_message(session, &message)) == -1)
                                return 0;
                session->error = errno;
        } while (await(reconnect_after(session)));
        session->ended = session->error != ECANCELED;
        aw_event_set(&session->reopened);
        aw_event_set(&session->changed);
        aw_event_set(&session->received_one);
        return 0;
}

/* Waiting. */

/* Whether messages have come further since the last look, in the network or in our output. */
static bool
has_progress(struct session *session)
{
        struct ws_traffic traffic;
        bool progress;

        if (session->ws == NULL)
                return false;
        ws_traffic(session->ws, &traffic);
        progress = traffic.received != session->traffic.received ||
                   traffic.sent != session->traffic.sent ||
                   print_taken(session->printer) != session->taken;
        session->traffic = traffic;
        session->taken = print_taken(session->printer);
        return progress;
}

/* The end of the wait, at the latest: a look at the clock, in steps that suit the time-out. */
static aw_time
next_look(const struct session *session)
{
        int64_t timeout = session->options->connection.timeout;
        aw_time now = aw_loop_now(), next = AW_NEVER;

        if (timeout > 0 && timeout < AW_NEVER - now)
                next = now + (timeout < 8 * AW_MILLISECOND ? AW_MILLISECOND : timeout / 8);
        if (session->all_sent && session->options->ending.wait_time != -1 &&
            session->all_sent_at + session->options->ending.wait_time < next)
                next = session->all_sent_at + session->options->ending.wait_time;
        return next;
}

/* What is printed goes on its way: a file, or a reader, takes it as soon as we can write it. */
static bool
prints_on(const struct session *session)
{
        return session->printing && !print_is_blocked(session->printer);
}

/* True: nothing has moved for as long as the time-out says. */
static bool
is_late(struct session *session)
{
        int64_t timeout = session->options->connection.timeout;
        aw_time now = aw_loop_now();

        if (has_progress(session) || !judge_waits(session) || prints_on(session))
                session->active = now;
        return timeout > 0 && now - session->active >= timeout;
}

/*
 * When a silence began, by a look that was to come at `look`: time in which we did not run, as after
 * Ctrl-Z, is nobody's silence, for what has come meanwhile waits for us.
 */
static aw_time
without_rest(aw_time since, aw_time look)
{
        aw_time now = aw_loop_now();
        int64_t rest = now - look > CLIENT_REST ? now - look : 0;

        return since < now - rest ? since + rest : now;
}

static void
say_late(struct session *session)
{
        if (session->printing)
                client_say("time-out: nobody reads standard output");
        else if (session->options->ending.has_expected)
                client_say("time-out: no message matched '%s'", session->options->ending.expect);
        else if (session->options->ending.count > 0)
                client_say("time-out: %" PRIu64 " of %" PRIu64 " message%s came",
                           judge_replies(session), session->options->ending.count,
                           client_plural(session->options->ending.count));
        else if (session->from_input || session->received > 0)
                client_say("time-out: %" PRIu64 " of %" PRIu64 " message%s %s replied to",
                           judge_replies(session), session->sent, client_plural(session->sent),
                           judge_replies(session) == 1 || session->sent == 1 ? "was" : "were");
        else
                client_say("time-out: no reply from %s", ws_peer(session->ws));
        session_fail(session,
                     session->options->ending.has_expected ? CLIENT_UNEXPECTED : CLIENT_TIMEOUT);
        session->late = true;
}

static async void
wait_for_session(struct session *session)
{
        aw_time look;

        session->active = aw_loop_now();
        while (!judge_over(session)) {
                look = next_look(session);
                aw_event_clear(&session->changed);
                if (await(aw_event_wait(&session->changed, look)) == -1 && errno == ECANCELED)
                        session->stopped = true;
                session->active = without_rest(session->active, look);
                if (!judge_over(session) && is_late(session))
                        say_late(session);
        }
}

/* Whoever has been stopped, or has waited for too long, has no time. */
static bool
in_a_hurry(const struct session *session)
{
        return session->stopped || session->late || session->status > CLIENT_SIGNAL;
}

aw_time
session_last_deadline(const struct session *session)
{
        return in_a_hurry(session) ? aw_loop_now() + CLIENT_LAST_CLOSE : AW_NEVER;
}

/*
 * Our Close, then what the server still says, up to its own Close: all is printed. It has
 * CLOSE_TIME for each sign of life, or what --timeout says if that is less, and all in all no more
 * than --timeout; our readers have all the time they want.
 */
static async void
hear_the_server_out(struct session *session, struct aw_task *printing)
{
        int64_t timeout = session->options->connection.timeout;
        int64_t silence = timeout > 0 && timeout < CLOSE_TIME ? timeout : CLOSE_TIME;
        aw_time begin = aw_loop_now(), now = begin, look;
        int64_t readers = waited_for_readers(session);

        session->active = begin;
        while (!aw_task_done(printing) && !in_a_hurry(session)) {
                look = now + silence / 8 + 1;
                if (await(aw_wait(&printing, 1, AW_ALL_COMPLETED, look)) == -1)
                        session->stopped = true;
                session->active = without_rest(session->active, look);
                begin = without_rest(begin, look);
                now = aw_loop_now();
                if (has_progress(session) || (session->printing && session->from_input) ||
                    prints_on(session))
                        session->active = now;
                if (now - session->active >= silence ||
                    (timeout > 0 &&
                     now - begin - (waited_for_readers(session) - readers) >= timeout)) {
                        session->unanswered_for =
                                now - session->active >= silence ? silence : timeout;
                        return;
                }
        }
        if (in_a_hurry(session))
                await(aw_wait(&printing, 1, AW_ALL_COMPLETED, aw_loop_now() + CLIENT_LAST_CLOSE));
}

/* Both Close frames are there, or there is no hope for the other one. */
static async void
leave_server(struct session *session)
{
        struct aw_timeout timeout;
        bool wait = session->ended && session->error == EPIPE;

        if (in_a_hurry(session) && !wait) {
                ws_drop(session->ws);
                return;
        }
        aw_timeout_enter(&timeout, wait && !in_a_hurry(session)
                                           ? AW_NEVER
                                           : aw_loop_now() + CLIENT_LAST_CLOSE);
        aw_timeout_exit(&timeout, await(ws_close(session->ws, session->code, session->reason)));
}

static async void
end_task(struct aw_task *task)
{
        if (task == NULL)
                return;
        aw_cancel(task);
        await(aw_join(task));
}

static async void
exchange(struct session *session)
{
        struct aw_task *printing = aw_spawn("print what comes", print_what_comes, session);
        struct aw_task *sending = aw_spawn("send", run_sender, session);

        if (printing == NULL || sending == NULL) {
                client_say("out of memory");
                session_fail(session, CLIENT_LOCAL);
        } else {
                await(wait_for_session(session));
        }
        await(end_task(sending));
        /* Without a connection there is nobody to say goodbye to. */
        session->closing = !session->ended && !session->reconnecting;
        if (!session->reconnecting)
                ws_shutdown(session->ws, session->code, session->reason);
        if (printing != NULL && !session->reconnecting)
                await(hear_the_server_out(session, printing));
        await(end_task(printing));
}

async enum client_status
session_run(struct session *session)
{
        enum client_status status;
        struct aw_timeout timeout;

        session->reconnecting = session->reported = reconnect_is_early(session);
        if (!session->reconnecting && await(reconnect_first(session)) == -1)
                return session->failed ? session->status : CLIENT_LOCAL;
        session_set_close(session, session->options->ending.code, session->options->ending.reason);
        if (session->terminal != NULL && terminal_begin(session->terminal, session) == -1)
                session_fail(session, CLIENT_LOCAL);
        else
                await(exchange(session));
        if (session->terminal != NULL && !session->reported)
                terminal_closed(session->terminal, session->ws);
        status = judge_end(session);
        aw_timeout_enter(&timeout, session_last_deadline(session));
        if (!session->reported)
                await(report_close(session->report, session->printer, session->ws));
        aw_timeout_exit(&timeout, 0);
        if (session->ws != NULL)
                await(leave_server(session));
        return status;
}
