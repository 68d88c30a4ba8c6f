/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "connection.h"

#include "clock.h"
#include "traffic.h"

/* For the answer to the Ping before the end. */
#define PING_TIME AW_SECOND

/* Before a churning connection that was refused tries again. */
#define RETRY_DELAY (100 * AW_MILLISECOND)

/*
 * Until all is done (0), or the connection is at its end or the task cancelled (-1 with errno). If
 * nothing could be sent it was cancelled, and c->failed says why.
 */
static async int
echo_until_over(struct connection *c)
{
        struct worker *worker = c->worker;
        struct ws_message message;
        int64_t now = clock_now();

        if (worker->options->work == BENCH_NO_ECHO)
                traffic_wake(c);
        else if (worker->options->work == BENCH_ECHO && await(traffic_pump(c, now, false)) == -1)
                return -1;
        do {
                if (await(ws_receive(c->ws, &message, AW_NEVER)) == -1)
                        return -1;
                now = clock_now();
                traffic_receive(c, &message, now);
                if (worker->options->work == BENCH_ECHO && await(traffic_pump(c, now, false)) == -1)
                        return -1;
        } while (worker->generating || !worker_is_over(worker, now) || !traffic_is_idle(c));
        return 0;
}

/* Opening and closing. */

/* The connection is open, or will not be. */
static void
settle(struct connection *c)
{
        if (c->settled)
                return;
        c->settled = true;
        c->worker->settled++;
        aw_semaphore_release(&c->worker->opening);
        aw_event_set(&c->worker->changed);
}

/* TLS, and compression if there is one. */
static void
describe_connection(const struct ws *ws, char *out, size_t size)
{
        size_t used;

        ws_describe(ws, out, size);
        used = strlen(out);
        if (ws_extension(ws) != NULL)
                snprintf(out + used, size - used, ", %s", ws_extension(ws));
}

static async int
open_one(struct connection *c)
{
        struct worker *worker = c->worker;
        int64_t begin = clock_now(), now;
        struct ws_connect_options to = worker->to;
        struct aw_error error;
        char why[400];
        bool plain;

        /* By turns, over all workers. */
        if (worker->sources != NULL)
                to.network = &worker->sources[c->window.connection % worker->options->sources].way;
        c->ws = await(ws_connect(&to, &error, aw_loop_now() + worker->options->timeout));
        now = clock_now();
        if (c->ws != NULL) {
                if (worker->record.opened++ == 0)
                        describe_connection(c->ws, worker->description,
                                            sizeof(worker->description));
                if (worker->options->work != BENCH_CHURN || worker_measures(worker, begin))
                        aw_histogram_record(&worker->record.connect, (uint64_t)(now - begin));
                return 0;
        }
        if (error.kind != AW_ERROR_CANCELLED) {
                worker->record.refused++;
                /* So a server of TLS answers who does not speak it. */
                plain = error.status == 400 && !error.of_proxy &&
                        strncasecmp(worker->to.url, "ws:", 3) == 0;
                snprintf(why, sizeof(why), "%s%s", error.text,
                         plain ? ": try wss://, if this port is for TLS" : bench_cure(&error));
                record_failure(&worker->record, error.kind, why);
        }
        return -1;
}

/* Why the connection did not last: the peer, as far as we know. */
static void
note_cut(struct connection *c, int error)
{
        const struct ws_peer_close *peer = ws_peer_close(c->ws);
        char reason[320];

        if (error == ECANCELED)
                return;
        c->worker->record.cut++;
        if (error == EPIPE && peer->code != 0 && peer->code != WS_ABNORMAL)
                snprintf(reason, sizeof(reason), "%s closed with %u%s%s", ws_peer(c->ws),
                         peer->code, peer->reason[0] == '\0' ? "" : ": ", peer->reason);
        else if (error == EPIPE)
                snprintf(reason, sizeof(reason), "the connection to %s was lost (1006)",
                         ws_peer(c->ws));
        else if (error == ETIMEDOUT)
                snprintf(reason, sizeof(reason),
                         c->failed == ETIMEDOUT ? "time-out: %s does not take what is sent to it"
                         : c->worker->options->work == BENCH_NO_ECHO
                                 ? "time-out: %s does not answer the Ping after the last message"
                                 : "time-out: no echo from %s",
                         ws_peer(c->ws));
        else
                snprintf(reason, sizeof(reason), "%s: %s", ws_peer(c->ws),
                         error == EPROTO ? "it broke the WebSocket protocol"
                         : error == EMSGSIZE
                                 ? "it sent a message that is longer than any sent to it"
                                 : strerror(error));
        record_failure(&c->worker->record, AW_ERROR_CONNECTION, reason);
}

/* Without echoes nothing else tells that all has arrived, which may take as long as an echo. */
static async int
ping_once(void *argument)
{
        struct connection *c = argument;
        const struct worker *worker = c->worker;
        aw_time patience = worker->options->timeout;
        int result;

        if (patience > PING_TIME && (worker->options->work != BENCH_NO_ECHO || worker->interrupted))
                patience = PING_TIME;
        result = await(ws_ping(c->ws, aw_loop_now() + patience));
        aw_cancel(c->task);
        return result;
}

/*
 * What is still to come, although nothing is on its way, is here before the answer to a Ping: second
 * echoes and messages that nobody asked for. 0, or -1 with errno if there was no answer.
 */
static async int
receive_rest(struct connection *c)
{
        struct aw_task *ping = aw_spawn("ping", ping_once, c);
        struct ws_message message;
        int result, error;

        if (ping == NULL)
                return -1;
        while (await(ws_receive(c->ws, &message, AW_NEVER)) == 0)
                traffic_receive(c, &message, clock_now());
        error = errno;
        /* Cancelled or not, what has come is there. */
        while (await(ws_receive(c->ws, &message, aw_loop_now())) == 0)
                traffic_receive(c, &message, clock_now());
        aw_cancel(ping);
        result = await(aw_join(ping));
        /* The connection's end is why, and not that nobody waits for the answer any more. */
        if (result == -1 && error != ECANCELED)
                errno = error;
        return result;
}

/* What came after the echo is here before the peer's Close. 0, or -1 if that does not come. */
static async int
receive_until_closed(struct connection *c)
{
        aw_time limit = worker_closing_limit(c->worker);
        struct ws_message message;

        ws_shutdown(c->ws, WS_NORMAL, NULL);
        while (await(ws_receive(c->ws, &message, limit)) == 0)
                traffic_receive(c, &message, clock_now());
        return errno == ETIMEDOUT || errno == ECANCELED ? -1 : 0;
}

static async void
close_one(struct connection *c)
{
        struct ws *ws = c->ws;
        struct aw_timeout timeout;
        bool is_dead;

        await(traffic_stop(c));
        is_dead = c->worker->options->work == BENCH_CHURN && await(receive_until_closed(c)) == -1;
        c->ws = NULL;
        traffic_lose(c);
        if (is_dead) {
                ws_drop(ws);
                return;
        }
        aw_timeout_enter(&timeout, worker_closing_limit(c->worker));
        aw_timeout_exit(&timeout, await(ws_close(ws, WS_NORMAL, NULL)));
}

/* Churn. */

/* With --messages: the one of this cycle was to be sent, and is not. */
static void
note_unsent(struct connection *c)
{
        if (c->measured && c->worker->options->messages > 0)
                c->worker->record.measured.unsent++;
}

/* Waits for the one echo. Whether it was right, or -1 with errno. */
static async int
exchange_one(struct connection *c)
{
        int64_t now = clock_now(), limit = aw_loop_now() + c->worker->options->timeout;
        enum window_verdict verdict = WINDOW_UNJUDGED;
        struct ws_message message;

        if (await(traffic_send(c, now, now)) == -1) {
                note_unsent(c);
                return -1;
        }
        while (c->window.count > 0) {
                if (await(ws_receive(c->ws, &message, limit)) == -1)
                        return -1;
                verdict = traffic_receive(c, &message, clock_now());
        }
        return verdict == WINDOW_RIGHT;
}

static async int
cycle_once(struct connection *c)
{
        struct worker *worker = c->worker;
        int64_t begin = clock_now();
        int result;

        c->measured = worker_measures(worker, begin);
        if (c->measured && --worker->quota == 0)
                worker_end(worker);
        if (await(open_one(c)) == -1) {
                note_unsent(c);
                return -1;
        }
        result = await(exchange_one(c));
        if (result == -1)
                note_cut(c, errno);
        await(close_one(c));
        if (c->measured)
                worker->record.last = clock_now();
        /* One without its echo may be over fast, and is no measure of anything. */
        if (c->measured && result == 1) {
                worker->record.cycles++;
                aw_histogram_record(&worker->record.cycle, (uint64_t)(worker->record.last - begin));
        }
        return 0;
}

static async void
churn(struct connection *c)
{
        while (!worker_is_over(c->worker, clock_now())) {
                /* --ramp is for when the first one begins. */
                if (c->worker->options->connect_rate > 0 && await(worker_pace(c->worker)) == -1)
                        return;
                /* The others may have begun all while this one waited for its turn. */
                if (worker_is_over(c->worker, clock_now()))
                        return;
                if (await(cycle_once(c)) == -1 && await(aw_sleep(RETRY_DELAY)) == -1)
                        return;
        }
}

static async void
serve_connection(struct connection *c)
{
        int error, result;

        if (await(open_one(c)) == -1)
                return;
        settle(c);
        error = await(aw_event_wait(&c->worker->traffic, AW_NEVER)) == -1 ||
                                await(echo_until_over(c)) == -1
                        ? errno
                        : 0;
        c->closing = true;
        if (error == 0 || error == ECANCELED) {
                result = await(receive_rest(c));
                error = c->failed;
                /* Without echoes it is the answer that shows that all has arrived. */
                if (result == -1 && error == 0 && c->worker->options->work == BENCH_NO_ECHO &&
                    !c->worker->interrupted)
                        error = errno;
        }
        if (error != 0)
                note_cut(c, error);
        await(close_one(c));
}

async int
connection_run(void *argument)
{
        struct connection *c = argument;

        if (c->worker->options->work == BENCH_CHURN) {
                settle(c);
                if (await(aw_event_wait(&c->worker->traffic, AW_NEVER)) == 0)
                        await(churn(c));
        } else {
                await(serve_connection(c));
        }
        settle(c);
        c->over = true;
        worker_lacks(c->worker);
        return 0;
}
