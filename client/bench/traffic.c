/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traffic.h"

#include "clock.h"
#include "number.h"

/*
 * What may be on its way in a connection before sending is left to a task of its own, because it
 * might have to wait: the library takes 256 KiB before that. A receiver that waited to send could
 * wait for a server that waits to send, too.
 */
#define UNDISTURBED    ((uint64_t)160 << 10)
#define FRAME_OVERHEAD 128

/* The first thing that goes wrong is told in a sentence. */
static void
tell_first(struct connection *c, enum aw_error_kind kind, const char *what)
{
        char reason[320];

        snprintf(reason, sizeof(reason), "connection %" PRIu32 ", %s", c->window.connection + 1,
                 what);
        record_failure(&c->worker->record, kind, reason);
}

/* Whether a message that was due then is measured, or the cycle that it is all of. */
static bool
is_measured(const struct connection *c, int64_t due)
{
        return c->worker->options->work == BENCH_CHURN ? c->measured
                                                       : worker_measures(c->worker, due);
}

static void
note_lost(struct connection *c, const struct window_echo *lost, const char *when)
{
        int64_t now = clock_now();
        char what[128];

        if (c->worker->record.failure == 0) {
                snprintf(what, sizeof(what), "message %" PRIu64 ": lost, no echo %s",
                         lost->number + 1, when);
                tell_first(c, AW_ERROR_CONNECTION, what);
        }
        record_lost(&c->worker->record, now, worker_phase(c->worker, now),
                    is_measured(c, lost->due));
}

void
traffic_lose(struct connection *c)
{
        struct window_echo lost;

        while (window_expire(&c->window, CLOCK_NEVER, &lost))
                note_lost(c, &lost, "by the end of the connection");
}

/* Sending. */

static enum ws_type
type_sent(const struct connection *c)
{
        return c->worker->options->binary ? WS_BINARY : WS_TEXT;
}

static async int
send_data(struct connection *c, const uint8_t *data, size_t size, aw_time deadline)
{
        struct ws_message message = {.type = type_sent(c), .data = data, .length = size};

        return await(ws_send(c->ws, &message, deadline));
}

/* In memory of its own, because the shared one is in use by a task that waits. */
static async int
send_copy(struct connection *c, uint64_t number, size_t size, aw_time deadline)
{
        uint8_t *copy = malloc(size + 1);
        int result;

        if (copy == NULL)
                return -1;
        payload_write(&c->worker->payload, c->window.connection, number, size, copy);
        result = await(send_data(c, copy, size, deadline));
        free(copy);
        return result;
}

static async int
send_numbered(struct connection *c, uint64_t number, size_t size, aw_time deadline)
{
        struct worker *worker = c->worker;
        const uint8_t *data;
        int result;

        if (worker->payload_busy)
                return await(send_copy(c, number, size, deadline));
        worker->payload_busy = true;
        data = payload_make(&worker->payload, c->window.connection, number, size);
        result = await(send_data(c, data, size, deadline));
        payload_unmake(&worker->payload, data, size);
        worker->payload_busy = false;
        return result;
}

/* It is this side that does not send: the peer is not to blame. */
static void
note_unsendable(struct connection *c, uint64_t number, size_t size, int error)
{
        char what[192], bytes[NUMBER_ROOM];

        snprintf(what, sizeof(what), "message %" PRIu64 ": its %s cannot be sent from here: %s",
                 number + 1, number_bytes(size, bytes), aw_error_text(error));
        tell_first(c, AW_ERROR_SYSTEM, what);
}

async int
traffic_send(struct connection *c, int64_t due, int64_t now)
{
        struct worker *worker = c->worker;
        uint32_t size = worker->fixed_size != WORKER_ANY_SIZE
                                ? worker->fixed_size
                                : sizes_pick(&worker->options->sizes, worker_random(worker));
        bool measured = is_measured(c, due);
        struct window_echo lost;
        uint64_t number = window_push(&c->window, due, now, size, &lost);
        /* As long as an echo may take, what was sent before may take to make room for this. */
        aw_time deadline = now / 1000 + worker->options->timeout;
        int error;

        if (lost.due != -1)
                note_lost(c, &lost, "although many later ones came");
        if (await(send_numbered(c, number, size, deadline)) == -1) {
                error = errno;
                if (!window_pull(&c->window))
                        record_sent(&worker->record, size, measured);
                if (error != ECANCELED && error != EPIPE && error != ETIMEDOUT)
                        note_unsendable(c, number, size, error);
                errno = error;
                return -1;
        }
        record_sent(&worker->record, size, measured);
        if (measured && worker->options->rate > 0)
                aw_histogram_record(&worker->record.lag, (uint64_t)(now - due));
        /* Nothing will come back: it is not on its way any more. */
        if (worker->options->work == BENCH_NO_ECHO)
                window_expire(&c->window, CLOCK_NEVER, &lost);
        return 0;
}

/* With --rate: the number, in the worker, of this connection's next message. */
static uint64_t
next_number(const struct connection *c)
{
        return c->started * c->worker->count + c->index;
}

/* With --rate: whether that is due, and is still to be sent. */
static bool
is_due(const struct connection *c)
{
        return next_number(c) < c->worker->offered && !c->worker->given_up;
}

/* Whether a message may be sent now, and if so when it was due. */
static bool
may_send(struct connection *c, int64_t now, int64_t *due)
{
        struct worker *worker = c->worker;

        if (worker->options->work == BENCH_ECHO && c->window.count >= worker->options->in_flight)
                return false;
        if (worker->options->rate > 0) {
                if (!is_due(c))
                        return false;
                *due = schedule_due(&worker->schedule, next_number(c));
                return true;
        }
        *due = now;
        if (now < worker->begin)
                return !aw_event_is_set(&worker->over);
        if (worker_is_over(worker, now))
                return false;
        worker->quota--;
        return true;
}

/* It did not go out: another connection may send it. */
static void
unsend(struct connection *c, int64_t due)
{
        if (c->worker->options->rate == 0 && due >= c->worker->begin)
                c->worker->quota++;
}

static uint64_t
weight(const struct window *window)
{
        return window->bytes + window->count * FRAME_OVERHEAD;
}

/* The task that sends when sending may have to wait. */
static async int send_on(void *argument);

void
traffic_wake(struct connection *c)
{
        if (c->closing)
                return;
        aw_event_set(&c->wake);
        if (c->sender == NULL)
                c->sender = aw_spawn("sender", send_on, c);
}

/* A send failed. 0: others take care of that; -1: the caller was cancelled. */
static int
give_up_sending(struct connection *c, int error)
{
        if (error == ECANCELED) {
                errno = ECANCELED;
                return -1;
        }
        /* Whoever receives learns of the connection's end. Nothing else would tell him. */
        if (error != EPIPE && c->failed == 0) {
                c->failed = error;
                c->closing = true;
                aw_cancel(c->task);
        }
        return 0;
}

async int
traffic_pump(struct connection *c, int64_t now, bool may_wait)
{
        int error = 0;
        int64_t due;

        if (c->sending || c->closing || c->ws == NULL)
                return 0;
        if (!may_wait && (c->lossy || weight(&c->window) > UNDISTURBED)) {
                traffic_wake(c);
                return 0;
        }
        c->sending = true;
        while (may_send(c, now, &due)) {
                if (await(traffic_send(c, due, now)) == -1) {
                        error = errno;
                        unsend(c, due);
                        break;
                }
                c->started++;
                if (may_wait)
                        now = clock_now();
                else if (weight(&c->window) > UNDISTURBED) {
                        traffic_wake(c);
                        break;
                }
        }
        c->sending = false;
        aw_wake_all(&c->quiet);
        if (c->worker->quota == 0)
                worker_end(c->worker);
        return error == 0 ? 0 : give_up_sending(c, error);
}

static async int
send_on(void *argument)
{
        struct connection *c = argument;

        while (await(aw_event_wait(&c->wake, AW_NEVER)) == 0) {
                aw_event_clear(&c->wake);
                if (await(traffic_pump(c, clock_now(), true)) == -1)
                        break;
        }
        return 0;
}

async int
traffic_offer(struct connection *c, int64_t now)
{
        if (c->worker->options->work != BENCH_NO_ECHO)
                return await(traffic_pump(c, now, false));
        traffic_wake(c);
        return 0;
}

bool
traffic_is_behind(const struct connection *c)
{
        return c->ws != NULL && !c->closing && is_due(c);
}

bool
traffic_is_idle(const struct connection *c)
{
        return c->window.count == 0 && !c->sending && (c->worker->options->rate == 0 || !is_due(c));
}

/* Whether there is something to be sent, which nothing that comes will have sent. */
static bool
is_waiting_to_send(const struct connection *c)
{
        const struct worker *worker = c->worker;

        return c->ws != NULL && !c->sending && worker->options->work == BENCH_ECHO &&
               aw_event_is_set(&worker->traffic) && c->window.count < worker->options->in_flight &&
               (worker->options->rate > 0 ? is_due(c) : !worker_is_over(worker, clock_now()));
}

/* The one that is being sent has its own time for that. */
static bool
may_expire(const struct connection *c)
{
        return c->window.ring != NULL && (!c->sending || c->window.base + 1 < c->window.next);
}

void
traffic_expire(struct connection *c, int64_t before)
{
        struct window_echo lost;

        while (may_expire(c) && window_expire(&c->window, before, &lost)) {
                note_lost(c, &lost, "in time");
                c->lossy = true;
        }
        if (is_waiting_to_send(c))
                traffic_wake(c);
}

async void
traffic_stop(struct connection *c)
{
        if (c->sender != NULL) {
                aw_cancel(c->sender);
                await(aw_join(c->sender));
                c->sender = NULL;
        }
        while (c->sending &&
               (await(aw_wait_in(&c->quiet, AW_NEVER, NULL)) == 0 || errno == ECANCELED))
                continue;
}

/* Receiving. */

/* Whether it is text if texts are sent, and binary if not. */
static bool
is_typed(const struct connection *c, const struct ws_message *message)
{
        return message->type == type_sent(c);
}

/* What was told of a wrong echo is taken back. */
static void
untell(struct connection *c, uint64_t number)
{
        struct record *record = &c->worker->record;
        char told[128];
        int length = snprintf(told, sizeof(told),
                              "connection %" PRIu32 ", message %" PRIu64 ": its echo is wrong",
                              c->window.connection + 1, number);

        if (strncmp(record->reason, told, (size_t)length) == 0)
                record->failure = 0;
}

/* What is not as it should be, for people. */
static void
tell_echo(struct connection *c, enum window_verdict verdict, const struct window_echo *echo,
          const struct ws_message *message)
{
        uint64_t number = echo->number + 1;
        char what[192], bytes[NUMBER_ROOM];

        if (verdict == WINDOW_REVISED)
                untell(c, number);
        switch (verdict) {
        case WINDOW_WRONG:
                snprintf(what, sizeof(what),
                         "message %" PRIu64 ": its echo is wrong, %s%s came for %" PRIu32
                         ", the first %zu as sent",
                         number, number_bytes(message->length, bytes),
                         is_typed(c, message)         ? ""
                         : message->type == WS_BINARY ? " (binary, not text)"
                                                      : " (text, not binary)",
                         echo->size,
                         payload_difference(&c->worker->payload, c->window.connection, echo->number,
                                            echo->size, message->data, message->length));
                break;
        case WINDOW_DOUBLED:
                snprintf(what, sizeof(what), "an echo of %s came a second time",
                         number_bytes(message->length, bytes));
                break;
        case WINDOW_LATE:
                snprintf(what, sizeof(what), "message %" PRIu64 ": its echo came too late", number);
                break;
        default:
                snprintf(what, sizeof(what), "a message came that nobody asked for");
        }
        tell_first(c, AW_ERROR_CONNECTION, what);
}

enum window_verdict
traffic_receive(struct connection *c, const struct ws_message *message, int64_t now)
{
        struct worker *worker = c->worker;
        struct window_echo echo = {.due = now};
        enum window_verdict verdict =
                worker->options->work == BENCH_NO_ECHO ? WINDOW_UNJUDGED : WINDOW_UNASKED;

        if (worker->options->work == BENCH_ECHO || worker->options->work == BENCH_CHURN)
                verdict = window_judge(&c->window, &worker->payload, message->data, message->length,
                                       is_typed(c, message), &echo);
        if (verdict != WINDOW_RIGHT && verdict != WINDOW_UNJUDGED &&
            (worker->record.failure == 0 || verdict == WINDOW_REVISED))
                tell_echo(c, verdict, &echo, message);
        /* What has no time of its own counts by when it came. */
        if (echo.due == -1)
                echo.due = now;
        record_echo(&worker->record, verdict, &echo, message->length, now,
                    worker_phase(worker, now), is_measured(c, echo.due));
        return verdict;
}
