/* SPDX-License-Identifier: MIT */
/* When a session is over, and whether it was a success. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "await/watch.h"
#include "session.h"

/* Replies: messages that are no greetings. */
uint64_t
judge_replies(const struct session *session)
{
        return session->received - session->greetings;
}

uint64_t
judge_unanswered(const struct session *session)
{
        uint64_t answered = judge_replies(session) + session->unanswered;

        return session->sent > answered ? session->sent - answered : 0;
}

static bool
waits_for_replies(const struct ending_options *ending)
{
        return !ending->forever && ending->wait_time == -1;
}

static bool
are_enough(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        return ending->count > 0 && judge_replies(session) >= ending->count;
}

/* What was asked for has come. */
static bool
has_come(const struct session *session)
{
        return session->options->ending.has_expected ? session->matched : are_enough(session);
}

bool
judge_seen_enough(const struct session *session)
{
        return has_come(session) || are_enough(session);
}

static bool
is_fulfilled(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        if (ending->has_expected || ending->count > 0)
                return has_come(session);
        if (!session->all_sent || ending->forever)
                return false;
        if (ending->wait_time != -1)
                return aw_loop_now() >= session->all_sent_at + ending->wait_time;
        return judge_unanswered(session) == 0;
}

bool
judge_over(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        if (session->failed || session->stopped || session->ended || is_fulfilled(session) ||
            are_enough(session))
                return true;
        /* What was expected did not come in time. */
        return session->all_sent && ending->wait_time != -1 &&
               aw_loop_now() >= session->all_sent_at + ending->wait_time;
}

bool
judge_waits(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        /* Those who read our lines may take their time. */
        if (session->printing)
                return !session->from_input;
        if (session->reconnecting)
                return false;
        if (session->sending)
                return true;
        if (!session->all_sent && session->from_input)
                return false;
        /* Between two messages nobody is waited for: --interval, and a file that takes its time. */
        if (ending->has_expected || ending->count > 0)
                return session->all_sent && ending->wait_time == -1 && !ending->forever;
        return waits_for_replies(ending) && judge_unanswered(session) > 0;
}

/* A C library without REG_STARTEND sees no more than what is before a NUL. */
#ifndef REG_STARTEND
#define REG_STARTEND 0
#endif

static bool
matches(struct session *session, const regex_t *pattern, const struct ws_message *message)
{
        regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)message->length};
        char *text = malloc(message->length + 1);
        bool result;

        if (text == NULL) {
                client_say("out of memory");
                session_fail(session, CLIENT_LOCAL);
                return false;
        }
        if (message->length > 0)
                memcpy(text, message->data, message->length);
        text[message->length] = '\0';
        result = regexec(pattern, text, 1, &range, REG_STARTEND) == 0;
        free(text);
        return result;
}

void
judge_message(struct session *session, const struct ws_message *message)
{
        const struct ending_options *ending = &session->options->ending;

        session->received++;
        session->bytes_received += message->length;
        if (session->greeted < ending->skip) {
                session->greeted++;
                session->greetings++;
        }
        if (ending->has_rejected && matches(session, &ending->rejected, message)) {
                client_say("a message matches '%s'", ending->reject);
                session_fail(session, CLIENT_UNEXPECTED);
        } else if (ending->has_expected && matches(session, &ending->expected, message)) {
                session->matched = true;
        }
}

bool
judge_code(const struct ending_options *ending, unsigned code)
{
        if (ending->close_ok != NULL)
                return options_close_ok(ending, code);
        return code == WS_NORMAL || code == WS_GOING_AWAY || code == WS_NO_STATUS;
}

/* The server closed, with a code that is all right once all is done. */
static bool
closed_well(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;
        unsigned code = ws_peer_close(session->ws)->code;

        if (session->error != EPIPE)
                return false;
        return judge_code(ending, code) ||
               (ending->close_ok == NULL && session->closing && code == session->code);
}

/* Something was to be sent and did not go, though it may wait in the connection to do so. */
static bool
is_left_over(const struct session *session)
{
        struct ws_info info;

        ws_info(session->ws, &info);
        return session->unsent ||
               info.sent.messages[0] + info.sent.messages[1] < session->sent - session->sent_before;
}

/* All that was to come before the server's Close has come. */
static bool
is_complete(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        if (ending->count > 0)
                return false;
        /* An explicit --close-ok is for any time. */
        if (ending->close_ok != NULL)
                return true;
        if (is_left_over(session))
                return false;
        if (!session->all_sent && !session->from_input)
                return false;
        return !waits_for_replies(ending) || judge_unanswered(session) == 0;
}

static enum client_status
not_expected(const struct session *session)
{
        client_say("no message matched '%s'", session->options->ending.expect);
        return CLIENT_UNEXPECTED;
}

/* We closed before --count: somebody at the terminal wanted that, or --wait was over. */
static enum client_status
too_few(const struct session *session)
{
        bool leaves = session->terminal != NULL && session->options->ending.wait == NULL;

        client_say("%s%" PRIu64 " of %" PRIu64 " message%s came",
                   leaves ? "" : "time-out: ", judge_replies(session),
                   session->options->ending.count, client_plural(session->options->ending.count));
        return leaves ? CLIENT_CLOSED : CLIENT_TIMEOUT;
}

/* With --reconnect: what was sent went, or its reply came, through a connection that was lost. */
static bool
has_lost_replies(const struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        return session->unanswered > 0 && waits_for_replies(ending) && ending->count == 0 &&
               ending->close_ok == NULL && session->terminal == NULL;
}

/* All is done but for that. */
static enum client_status
all_but_lost_replies(const struct session *session)
{
        const char *were = session->unanswered == 1 ? "was" : "were";
        char lost[100], why[400];

        if (!has_lost_replies(session))
                return CLIENT_OK;
        snprintf(lost, sizeof(lost), "%" PRIu64 " of %" PRIu64 " message%s %s not replied to",
                 session->unanswered, session->sent, client_plural(session->sent), were);
        client_describe_end(session->ws, session->error, why, sizeof(why));
        /* The last connection is the one that was lost, or it was an earlier one. */
        if (session->ended && !session->closing)
                client_say("%s, and %s", why, lost);
        else
                client_say("%s: a connection was lost", lost);
        return CLIENT_CLOSED;
}

/* The server took our Close in silence, or goes on talking. */
static enum client_status
not_answered(const struct session *session)
{
        char time[AW_OPT_DURATION_SIZE];

        aw_opt_duration_text(session->unanswered_for, time);
        client_say("%s did not answer the Close within %s", ws_peer(session->ws), time);
        return CLIENT_CLOSED;
}

/* It is no failure if what was asked for has come. */
static void
tell_not_answered(const struct session *session)
{
        char time[AW_OPT_DURATION_SIZE];

        if (session->unanswered_for == 0 || session->options->printing.verbose == 0)
                return;
        aw_opt_duration_text(session->unanswered_for, time);
        client_tell("* %s did not answer the Close within %s", ws_peer(session->ws), time);
}

/* All that was asked for had come before; but what the server began to say is lost. */
static void
tell_cut_off(const struct session *session)
{
        char why[400];

        if (!ws_peer_close(session->ws)->cut_off)
                return;
        client_describe_end(session->ws, session->error, why, sizeof(why));
        client_say("%s", why);
}

enum client_status
judge_end(struct session *session)
{
        const struct ending_options *ending = &session->options->ending;
        bool lost, done;

        if (session->failed)
                return session->status;
        if (has_come(session))
                tell_not_answered(session);
        if (session->stopped || has_come(session))
                return CLIENT_OK;
        if (session->ws == NULL) {
                client_say("there was no connection yet");
                return CLIENT_CONNECTION;
        }
        if (ending->has_expected)
                return not_expected(session);
        if (ending->count > 0 && (session->closing || !session->ended))
                return too_few(session);
        if (!session->ended)
                return session->unanswered_for > 0 ? not_answered(session)
                                                   : all_but_lost_replies(session);
        done = is_fulfilled(session) && !is_left_over(session);
        lost = session->error == EPIPE && ws_peer_close(session->ws)->code == WS_ABNORMAL;
        /* An end without a code is none of those that --close-ok names. */
        if (lost && ending->close_ok == NULL && done) {
                if (!has_lost_replies(session))
                        tell_cut_off(session);
                return all_but_lost_replies(session);
        }
        if (closed_well(session) && (is_complete(session) || done))
                return all_but_lost_replies(session);
        /* Whoever is at a terminal has been told already. */
        if (session->terminal != NULL && session->error == EPIPE && !lost)
                return CLIENT_CLOSED;
        return client_failed(session->ws, session->error);
}
