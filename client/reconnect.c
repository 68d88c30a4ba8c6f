/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "reconnect.h"

#include "connect.h"
#include "report.h"

/* The first pause; each next one is twice as long, up to --reconnect. */
#define FIRST_PAUSE (500 * AW_MILLISECOND)

/* From half of the time to all of it. */
static int64_t
jittered(int64_t time)
{
        uint32_t number = 0;

        /* Without it all clients try at the same time, which still is right. */
        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
                number = 0;
        return time / 2 + (int64_t)((uint64_t)(time / 2) * number / UINT32_MAX);
}

/* With two digits that count. */
static int64_t
rounded(int64_t time)
{
        int64_t step = 1;

        while (time / step >= 100)
                step *= 10;
        return time / step * step;
}

/* What is printed tells nobody that it was cancelled, if nobody reads it. */
static bool
is_cancelled(void)
{
        if (aw_cancelled() == 0)
                return false;
        errno = ECANCELED;
        return true;
}

/* Says why, and waits. -1: cancelled. */
static async int
pause_before_next(struct session *session, const char *why)
{
        int64_t max = session->options->connection.reconnect, pause;
        char shown[AW_OPT_DURATION_SIZE];

        if (session->pause == 0)
                session->pause = FIRST_PAUSE < max ? FIRST_PAUSE : max;
        pause = jittered(session->pause);
        session->pause = session->pause < max / 2 ? 2 * session->pause : max;
        aw_opt_duration_text(rounded(pause), shown);
        client_say("%s: trying again in %s", why, shown);
        await(report_reconnect(session->report, session->printer, why, pause));
        return is_cancelled() ? -1 : await(aw_sleep(pause));
}

/* What may be better next time: not what we or our rights are wrong about. */
static bool
is_passing(const struct aw_error *error)
{
        if (error->kind == AW_ERROR_HANDSHAKE)
                return error->status >= 500 || error->status == 408 || error->status == 429;
        return error->kind == AW_ERROR_RESOLVE || error->kind == AW_ERROR_CONNECTION ||
               error->kind == AW_ERROR_TIMEOUT || error->kind == AW_ERROR_SYSTEM;
}

/* Tries until there is a connection: NULL, there will be none, as was said. */
static async struct ws *
connect_again(struct session *session)
{
        struct aw_error error;
        struct ws *ws;

        for (;;) {
                report_start(session->report);
                ws = await(connector_connect(session->connector, &error));
                if (ws != NULL)
                        break;
                if (session->options->connection.reconnect == 0 || !is_passing(&error)) {
                        session_fail(session, client_refused(&error, session->connector));
                        return NULL;
                }
                if (await(pause_before_next(session, error.text)) == -1)
                        return NULL;
        }
        session->opened = aw_loop_now();
        await(report_open(session->report, session->printer, ws,
                          connector_url(session->connector)));
        if (is_cancelled()) {
                ws_drop(ws);
                return NULL;
        }
        return ws;
}

bool
reconnect_is_early(const struct session *session)
{
        return session->terminal != NULL && session->options->connection.reconnect > 0;
}

async int
reconnect_first(struct session *session)
{
        struct ws *ws;

        session->reconnecting = session->reported = true;
        ws = await(connect_again(session));
        if (ws == NULL)
                return -1;
        session->ws = ws;
        session->reconnecting = session->reported = false;
        session->active = aw_loop_now();
        if (reconnect_is_early(session))
                session_greet(session);
        aw_event_set(&session->reopened);
        return 0;
}

/* The server has closed because it was done, or what we wanted has come. */
static bool
is_meant(const struct session *session)
{
        unsigned code = ws_peer_close(session->ws)->code;

        return session->error != EPIPE || code == WS_NORMAL ||
               options_close_ok(&session->options->ending, code);
}

static void
describe_loss(const struct session *session, uint64_t lost, char *out, size_t size)
{
        size_t length;

        client_describe_end(session->ws, session->error, out, size);
        length = strlen(out);
        if (lost > 0)
                snprintf(out + length, size - length, ", with %" PRIu64 " message%s not replied to",
                         lost, client_plural(lost));
}

/*
 * These replies are not waited for any more, and perhaps nothing else was: a sender that waits for
 * the last one has its say before anybody is told that we try again.
 */
static async bool
is_over_without(struct session *session, uint64_t lost)
{
        session->unanswered += lost;
        session->reconnecting = true;
        aw_event_set(&session->received_one);
        aw_event_set(&session->changed);
        if (await(aw_sleep(0)) == 0 && !judge_over(session))
                return false;
        session->reconnecting = false;
        return true;
}

async bool
reconnect_after(struct session *session)
{
        uint64_t lost = judge_unanswered(session);
        struct ws *ws = NULL;
        char why[512];

        if (session->options->connection.reconnect == 0 || session->closing || session->failed ||
            is_meant(session) || judge_over(session))
                return false;
        if (await(is_over_without(session, lost)))
                return false;
        /* One that lasted was a good one: begin with short pauses again. */
        if (aw_loop_now() - session->opened > session->pause)
                session->pause = 0;
        describe_loss(session, lost, why, sizeof(why));
        session->greeted = 0;
        session->reported = true;
        await(report_close(session->report, session->printer, session->ws));
        if (await(pause_before_next(session, why)) == 0)
                ws = await(connect_again(session));
        session->reconnecting = false;
        if (ws != NULL) {
                client_say("connected again to %s", connector_url(session->connector));
                ws_drop(session->ws);
                session->ws = ws;
                session->sent_before = session->sent;
                session->reported = false;
                session->traffic = (struct ws_traffic){.received = 0};
                session->active = aw_loop_now();
        }
        aw_event_set(&session->reopened);
        return ws != NULL;
}

async bool
reconnect_wait(struct session *session, const struct ws *ended)
{
        /* The receiver may not know of the end yet. */
        while (session->options->connection.reconnect > 0 && session->ws == ended &&
               !session->ended && !session->failed) {
                aw_event_clear(&session->reopened);
                if (await(aw_event_wait(&session->reopened, AW_NEVER)) == -1)
                        return false;
        }
        errno = EPIPE;
        return session->ws != ended;
}
