/* SPDX-License-Identifier: MIT */
/* What watch.h tells of a connection: most of it is noted where it happens. */
#include <errno.h>

#include "task/suspend.h"
#include "ws/listener_private.h"
#include "ws/watch_private.h"

/* Of so many reads with messages one is timed. */
#define SAMPLE 17

void
ws_watch_event(struct ws *ws, enum ws_event event)
{
        if (ws->watch != NULL && ws->watch->event != NULL)
                ws->watch->event(ws->watch->argument, event, ws);
}

void
ws_watch_end(struct ws *ws, enum ws_side side, const char *why)
{
        if (ws->seen.ended_by != WS_SIDE_NONE)
                return;
        ws->seen.ended_by = side;
        ws->seen.why = why;
}

/* In words about the client; but we close without a reason only when there is no memory. */
static const char *
words_for(int error)
{
        switch (error) {
        case 0:
        case ENOMEM:
                return "out of memory";
        case ECONNABORTED:
                return "it ended the stream";
        case ECONNRESET:
        case EPIPE:
                return "it reset the connection";
        case ETIMEDOUT:
                return "it was not there any more";
        default:
                return "the connection was lost";
        }
}

void
ws_watch_lost(struct ws *ws, int error, const char *text)
{
        ws->seen.tls_failed = text != NULL;
        ws_watch_end(ws, error == ENOMEM || error == 0 ? WS_SIDE_SERVER : WS_SIDE_CLIENT,
                     text != NULL ? text : words_for(error));
}

/* The text of a failure of TLS is the session's, which goes. */
void
ws_watch_ended(struct ws *ws)
{
        ws->seen.ended = aw_loop_now();
        ws_watch_event(ws, WS_EVENT_ENDED);
        ws->seen.why = "";
}

/*
 * The last message that has come is to be timed, if one has that nobody has seen yet. The clock
 * costs as much as a small echo, so that is done now and then.
 */
void
ws_watch_mark(struct ws *ws)
{
        struct ws_buffer *message = ws->in.inbox.last;

        if (message == NULL || message->opcode > WS_OP_BINARY)
                return;
        message->special |= WS_BUFFER_TIMED;
        message->came = aw_loop_now();
        ws->seen.skip = SAMPLE - 1;
}

static void
add_time(struct ws *ws, const struct ws_buffer *buffer)
{
        if (ws->listener != NULL)
                aw_histogram_add(&ws->listener->gone.echo, aw_loop_now() - buffer->came);
}

void
ws_watch_control(struct ws_count *count, unsigned opcode)
{
        if (opcode == WS_OP_PING)
                count->pings++;
        else if (opcode == WS_OP_PONG)
                count->pongs++;
}

/* A part has the type of its message's first one, which is the last that was sent. */
void
ws_watch_sent_other(struct ws *ws, const struct ws_buffer *buffer)
{
        struct ws_count *sent = &ws->seen.sent;

        if (buffer->opcode > WS_OP_BINARY) {
                ws_watch_control(sent, buffer->opcode);
                return;
        }
        if (buffer->opcode != WS_OP_CONTINUATION)
                ws->out.type = buffer->opcode - WS_OP_TEXT;
        if ((buffer->special & WS_BUFFER_PARTIAL) == 0)
                sent->messages[ws->out.type]++;
        sent->bytes[ws->out.type] += buffer->length;
        if ((buffer->special & WS_BUFFER_TIMED) != 0)
                add_time(ws, buffer);
}

static void
add_count(struct ws_count *sum, const struct ws_count *more)
{
        for (size_t i = 0; i < 2; i++) {
                sum->messages[i] += more->messages[i];
                sum->bytes[i] += more->bytes[i];
        }
        sum->pings += more->pings;
        sum->pongs += more->pongs;
        sum->fragments += more->fragments;
}

static void
add_seen(struct ws_counters *sum, const struct ws_seen *seen)
{
        add_count(&sum->received, &seen->received);
        add_count(&sum->sent, &seen->sent);
        sum->pauses += seen->pauses;
        sum->rests += seen->rests;
}

void
ws_watch_gone(struct ws *ws)
{
        add_seen(&ws->listener->gone, &ws->seen);
}

void
ws_listener_count(const struct ws_listener *listener, struct ws_counters *counters)
{
        const struct ws_counters *gone = &listener->gone;
        const struct ws *ws;
        size_t i;

        add_count(&counters->received, &gone->received);
        add_count(&counters->sent, &gone->sent);
        counters->pauses += gone->pauses;
        counters->rests += gone->rests;
        for (i = 0; i <= AW_HISTOGRAM_BOUNDS; i++)
                counters->echo.buckets[i] += gone->echo.buckets[i];
        counters->echo.sum += gone->echo.sum;
        for (ws = listener->connections; ws != NULL; ws = ws->next)
                add_seen(counters, &ws->seen);
}

/* Where the first task in one of the queues waits. */
static const char *
site_of(const struct ws *ws)
{
        const struct aw_waiters *const queues[] = {&ws->receiver, &ws->senders, &ws->watchers,
                                                   &ws->pingers};
        const char *site = NULL;
        size_t i;

        for (i = 0; i < sizeof(queues) / sizeof(queues[0]) && site == NULL; i++)
                site = aw_waiters_site(queues[i]);
        return site;
}

void
ws_info(const struct ws *ws, struct ws_info *info)
{
        const struct ws_seen *seen = &ws->seen;

        *info = (struct ws_info){
                .peer = ws->peer,
                .request = ws->request,
                .subprotocol = ws->subprotocol,
                .tls = seen->tls,
                .resumed = seen->resumed,
                .cipher = seen->cipher,
                .application = seen->application,
                .server_name = seen->server_name,
                .client_subject = seen->client_subject,
                .status = seen->status,
                .proxy_fault = seen->proxy_fault,
                .accepted = seen->accepted,
                .opened = seen->opened,
                .ended = seen->ended,
                .received = seen->received,
                .sent = seen->sent,
                .unread = ws->in.inbox.bytes,
                .queued = ws->out.outbox.bytes +
                          (ws->transport == NULL ? 0 : aw_transport_held(ws->transport)),
                .received_close = ws->peer_close.code == WS_ABNORMAL ? 0 : ws->peer_close.code,
                .sent_close = seen->sent_close,
                .ended_by = seen->ended_by,
                .tls_failed = seen->tls_failed,
                .client_refused = seen->client_refused,
                .foreign_origin = seen->foreign_origin,
                .limit = seen->limit,
                .why = seen->why == NULL ? "" : seen->why,
                .awaits = site_of(ws)};
}

void
ws_listener_each(const struct ws_listener *listener,
                 bool (*each)(const struct ws *ws, void *argument), void *argument)
{
        const struct ws *ws;

        for (ws = listener->connections; ws != NULL && each(ws, argument); ws = ws->next)
                continue;
}
