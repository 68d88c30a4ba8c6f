/* SPDX-License-Identifier: MIT */
/* What every way of sending stands on: a message goes through this connection, or the next one. */
#include <errno.h>
#include <string.h>

#include "reconnect.h"
#include "session.h"

void
session_moved(struct session *session)
{
        session->active = aw_loop_now();
        if (judge_over(session))
                aw_event_set(&session->changed);
}

/* Why the server does not take it. What it says itself, its Close, is for the receiver. */
static int
send_failed(struct session *session, const char *name)
{
        if (errno == EILSEQ) {
                client_say("%s is not UTF-8: send it with --binary", name);
                session_fail(session, CLIENT_USAGE);
        } else if (errno == EPIPE && session->in_parts &&
                   session->options->connection.reconnect > 0) {
                client_say("the connection was lost in the middle of %s", name);
                session_fail(session, CLIENT_CLOSED);
        } else if (errno == EPIPE || errno == ECANCELED) {
                session->unsent = true;
        } else {
                client_say("%s cannot be sent: %s", name, strerror(errno));
                session_fail(session, CLIENT_LOCAL);
        }
        return -1;
}

static async int
send_some(struct session *session, const struct ws_message *message, bool whole, bool final)
{
        int result;

        session->sending = true;
        if (whole)
                result = await(ws_send(session->ws, message, AW_NEVER));
        else
                result = await(ws_send_part(session->ws, message, final, AW_NEVER));
        session->sending = false;
        if (result == 0)
                session->bytes_sent += message->length;
        return result;
}

/*
 * Sends it through this connection or, with --reconnect, the one that comes after it. Of a message in
 * parts the first one can be sent again, but no other.
 */
static async int
send_surely(struct session *session, const struct ws_message *message, bool whole, bool final,
            const char *name)
{
        const struct ws *ws = session->ws;
        bool lost = session->reconnecting;

        /* A connection whose other end is gone may still take something, which nobody gets. */
        while (lost || await(send_some(session, message, whole, final)) == -1) {
                if (!lost && errno != EPIPE)
                        return send_failed(session, name);
                errno = EPIPE;
                if (session->in_parts || !await(reconnect_wait(session, ws)))
                        return send_failed(session, name);
                ws = session->ws;
                lost = false;
        }
        session->in_parts = !whole && !final;
        return 0;
}

async int
session_send(struct session *session, const struct ws_message *message, const char *name)
{
        if (await(send_surely(session, message, true, true, name)) == -1)
                return -1;
        session->sent++;
        session_moved(session);
        return 0;
}

async int
session_send_part(struct session *session, const struct ws_message *part, bool final,
                  const char *name)
{
        if (await(send_surely(session, part, false, final, name)) == -1)
                return -1;
        session->sent += final;
        session_moved(session);
        return 0;
}

async int
session_wait_for_reply(struct session *session)
{
        const struct ending_options *ending = &session->options->ending;

        if (ending->forever || ending->wait_time != -1 || ending->count > 0 || ending->has_expected)
                return 0;
        while (judge_unanswered(session) > 0) {
                if (session->ended) {
                        errno = EPIPE;
                        return -1;
                }
                aw_event_clear(&session->received_one);
                if (await(aw_event_wait(&session->received_one, AW_NEVER)) == -1)
                        return -1;
        }
        return 0;
}

async int
session_pause(struct session *session)
{
        int64_t interval = session->options->sending.interval;
        int result = interval == 0 ? 0 : await(aw_sleep(interval));

        if (result == -1)
                session->unsent = true;
        return result;
}

async int
nothing_send(void *argument)
{
        (void)argument;
        return 0;
}
