/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

#include "await/task_wait.h"
#include "clock.h"
#include "connection.h"
#include "generator.h"
#include "traffic.h"

#define OPENING_MAX 64                    /* handshakes at once, over all workers */
#define LOOK_EVERY  (50 * AW_MILLISECOND) /* for echoes that are overdue */

#define LATE_MAX 20 /* such looks that are put off, one after the other */

/* After Ctrl-C: without a message that comes back; and then for connections to be closed. */
#define HURRY AW_SECOND

/* With --rate: for what was due by the end to be sent after it. */
#define AFTERWARDS (250 * AW_MILLISECOND)

/* Messages and connections. */

bool
worker_is_over(const struct worker *worker, int64_t now)
{
        return worker->quota == 0 || now >= worker->end || worker->over.set;
}

void
worker_end(struct worker *worker)
{
        aw_event_set(&worker->over);
}

aw_time
worker_closing_limit(const struct worker *worker)
{
        return aw_loop_now() + (worker->interrupted ? HURRY : worker->options->timeout);
}

void
worker_lacks(struct worker *worker)
{
        if (--worker->busy == 0 && worker->opener == NULL)
                worker_end(worker);
        aw_event_set(&worker->changed);
}

uint64_t
worker_random(struct worker *worker)
{
        uint64_t x = worker->random;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        return worker->random = x;
}

/* Nanoseconds between the connections of this worker; 0: as fast as can be. */
static int64_t
connect_interval(const struct worker *worker)
{
        const struct bench_options *options = worker->options;

        if (options->connect_rate > 0)
                return (int64_t)((double)worker->workers * CLOCK_SECOND /
                                 (double)options->connect_rate);
        if (options->ramp > 0)
                return options->ramp * 1000 / (int64_t)worker->count;
        return 0;
}

async int
worker_pace(struct worker *worker)
{
        int64_t interval = connect_interval(worker), due = worker->paced;

        if (interval == 0)
                return 0;
        worker->paced += interval;
        return await(aw_sleep_until(due / 1000));
}

/* The first one is due after those of the workers before this one. */
static void
begin_pace(struct worker *worker)
{
        worker->paced = clock_now() + connect_interval(worker) / (int64_t)worker->workers *
                                              (int64_t)worker->index;
}

/* Its tasks. */

/* Opens all connections; -1 with errno if it could not begin with all of them. */
static async int
opener(void *argument)
{
        struct worker *worker = argument;
        const struct bench_options *options = worker->options;
        /* Each cycle of --churn opens a connection: that is when the rate counts. */
        bool is_paced_later = options->work == BENCH_CHURN && options->connect_rate > 0;
        bool is_paced = options->connect_rate > 0 || options->ramp > 0;

        for (size_t i = 0; i < worker->count; i++) {
                struct connection *c = &worker->connections[i];

                if ((!is_paced && await(aw_semaphore_acquire(&worker->opening, AW_NEVER)) == -1) ||
                    (!is_paced_later && await(worker_pace(worker)) == -1))
                        return -1;
                c->task = aw_spawn("connection", connection_run, c);
                if (c->task == NULL)
                        return -1;
                worker->busy++;
        }
        while (worker->settled < worker->count) {
                aw_event_clear(&worker->changed);
                if (await(aw_event_wait(&worker->changed, AW_NEVER)) == -1)
                        return -1;
        }
        return 0;
}

/*
 * Whether this look is on time. If this side stood still, what came meanwhile has to be read first; but
 * one that is late again and again has to look some time.
 */
static bool
is_on_time(int64_t passed, unsigned *late)
{
        *late = passed > 2 * 1000 * LOOK_EVERY && *late < LATE_MAX ? *late + 1 : 0;
        return *late == 0;
}

/* Gives up messages whose echoes are overdue. */
static async int
watchman(void *argument)
{
        struct worker *worker = argument;
        int64_t looked = clock_now();
        unsigned late = 0;

        while (await(aw_sleep(LOOK_EVERY)) == 0) {
                int64_t now = clock_now(), passed = now - looked;
                int64_t before = now - worker->options->timeout * 1000;

                /* The loop's time may be old when the sleep begins, and the sleep short then. */
                if (passed < 1000 * LOOK_EVERY / 2)
                        continue;
                looked = now;
                if (!is_on_time(passed, &late))
                        continue;
                for (size_t i = 0; i < worker->count; i++)
                        traffic_expire(&worker->connections[i], before);
        }
        return 0;
}

static async void
finish_task(struct aw_task *task)
{
        if (task == NULL)
                return;
        aw_cancel(task);
        await(aw_join(task));
}

/* Lets those go that have nothing left to do, or all. */
static void
let_go(struct worker *worker, bool all)
{
        for (size_t i = 0; i < worker->count; i++) {
                struct connection *c = &worker->connections[i];

                if (c->task != NULL && !c->over && (all || (!c->closing && traffic_is_idle(c))))
                        aw_cancel(c->task);
        }
}

/* What is on its way may still come, for a time. */
static async void
let_drain(struct worker *worker)
{
        aw_time since = aw_loop_now(), limit = since + worker->options->timeout;
        bool churning = worker->options->work == BENCH_CHURN;

        while (worker->busy > 0 && aw_loop_now() < limit && !worker->hopeless) {
                /* What --rate has left behind. */
                if (!worker->given_up && aw_loop_now() >= since + AFTERWARDS) {
                        worker->given_up = true;
                        limit = aw_loop_now() + worker->options->timeout;
                }
                /* A cycle comes to its end by itself. */
                if (!churning || worker->started == CLOCK_NEVER)
                        let_go(worker, worker->started == CLOCK_NEVER);
                aw_event_clear(&worker->changed);
                if (await(aw_event_wait(&worker->changed, aw_loop_now() + LOOK_EVERY / 2)) == -1 &&
                    errno != ETIMEDOUT)
                        break;
        }
        worker->given_up = true;
        let_go(worker, true);
}

static async void
join_connections(struct worker *worker)
{
        for (size_t i = 0; i < worker->count; i++)
                if (worker->connections[i].task != NULL)
                        await(aw_join(worker->connections[i].task));
}

/* What it was to send and never did. A thread without connections has its share, too. */
static void
count_unsent(struct worker *worker)
{
        if (worker->options->rate > 0 && worker->begin != CLOCK_NEVER)
                generator_count(worker, worker->all_over);
        else if (worker->options->messages > 0)
                worker->record.measured.unsent += worker->quota;
}

/* Talking to the conductor. */

static void
note_arrives(void *argument)
{
        struct worker_note *note = argument;

        note->worker->noted(note->worker, note->stage);
}

static void
note_to_conductor(struct worker *worker, enum worker_stage stage)
{
        struct worker_note *note = &worker->notes[stage];

        note->worker = worker;
        note->stage = stage;
        aw_call_soon_threadsafe(worker->conductor, &note->handle, note_arrives, note);
}

static void
go_now(void *argument)
{
        struct worker *worker = argument;

        aw_event_set(&worker->go);
}

void
worker_go(struct worker *worker, int64_t begin, int64_t end)
{
        /* Handed over by the call: nobody there looks at them before. */
        worker->going_begin = begin;
        worker->going_end = end;
        aw_call_soon_threadsafe(worker->loop, &worker->going, go_now, worker);
}

static void
hurry_now(void *argument)
{
        struct worker *worker = argument;
        uint64_t before = worker->came;

        worker->came = record_total(&worker->record).received;
        if (worker->came != before) {
                aw_call_later(&worker->hurrying, HURRY, hurry_now, worker);
                return;
        }
        worker->hopeless = true;
        if (worker->busy > 0)
                let_go(worker, true);
}

static void
stop_now(void *argument)
{
        struct worker *worker = argument;
        int64_t now = clock_now();

        worker->interrupted = true;
        worker->came = record_total(&worker->record).received;
        aw_call_later(&worker->hurrying, HURRY, hurry_now, worker);
        if (worker->end > now)
                worker->end = now;
        worker->given_up = true;
        aw_event_set(&worker->over);
        aw_event_set(&worker->go);
        if (worker->opener != NULL)
                aw_cancel(worker->opener);
}

void
worker_stop(struct worker *worker)
{
        worker->stopped = true;
        aw_call_soon_threadsafe(worker->loop, &worker->stopping, stop_now, worker);
}

static void
release_now(void *argument)
{
        struct worker *worker = argument;

        aw_event_set(&worker->released);
}

void
worker_release(struct worker *worker, int64_t over)
{
        worker->all_over = over;
        aw_call_soon_threadsafe(worker->loop, &worker->releasing, release_now, worker);
}

static void
collect_now(void *argument)
{
        struct worker *worker = argument;

        *worker->taken = *worker->taking;
        *worker->taking = (struct record_interval){.received = 0};
        note_to_conductor(worker, WORKER_COLLECTED);
}

void
worker_collect(struct worker *worker, bool measured, struct record_interval *interval)
{
        worker->taking = worker_interval(worker, measured);
        worker->taken = interval;
        aw_call_soon_threadsafe(worker->loop, &worker->collecting, collect_now, worker);
}

/* Its life. */

/* Traffic begins, and with it the warm-up. */
static void
begin_traffic(struct worker *worker)
{
        worker->started = clock_now();
        begin_pace(worker);
        aw_event_set(&worker->traffic);
}

/* How long this thread could have run but had no core, in nanoseconds; 0 if the system won't say. */
static int64_t
time_waited(void)
{
        FILE *file = fopen("/proc/thread-self/schedstat", "re");
        long long waited = 0;

        if (file != NULL && fscanf(file, "%*d %lld", &waited) != 1)
                waited = 0;
        if (file != NULL)
                fclose(file);
        return waited;
}

static async void
measure(struct worker *worker)
{
        struct aw_task *sender = NULL;
        int64_t cpu, waited;

        if (worker->started == CLOCK_NEVER)
                begin_traffic(worker);
        worker->begin = worker->going_begin;
        /* What --ramp has sent by now was not measured when it was sent. */
        if (worker->options->ramp > 0 && worker->options->rate == 0 && clock_now() > worker->begin)
                worker->begin = clock_now();
        if (worker->going_end < worker->end)
                worker->end = worker->going_end;
        /* Each worker's clock is the same: their schedules fit together. */
        if (worker->options->rate > 0) {
                generator_prepare(worker);
                worker->started = worker->schedule.begin;
                sender = aw_spawn("generator", generator_run, worker);
                worker->generating = sender != NULL;
        }
        if (worker->busy == 0)
                worker_end(worker);
        await(aw_event_wait(&worker->over, worker->begin / 1000));
        cpu = clock_read(CLOCK_THREAD_CPUTIME_ID);
        waited = time_waited();
        await(aw_event_wait(&worker->over,
                            worker->end == CLOCK_NEVER ? AW_NEVER : worker->end / 1000));
        worker->cpu = clock_read(CLOCK_THREAD_CPUTIME_ID) - cpu;
        worker->waited = time_waited() - waited;
        await(finish_task(sender));
        if (worker->options->rate > 0)
                await(generator_finish(worker));
}

static async int
load_server(void *argument)
{
        struct worker *worker = argument;
        struct aw_task *watch;
        int result;

        worker->loop = aw_loop_get();
        begin_pace(worker);
        if (worker->options->rate > 0 && alarm_open(&worker->alarm) == -1)
                return -1;
        watch = aw_spawn("watchman", watchman, worker);
        worker->opener = aw_spawn("opener", opener, worker);
        note_to_conductor(worker, WORKER_STARTED);
        if (worker->options->ramp > 0)
                begin_traffic(worker);
        if (worker->opener != NULL && await(aw_join(worker->opener)) == -1)
                worker->error = errno;
        worker->opener = NULL;
        note_to_conductor(worker, WORKER_OPENED);
        if (await(aw_event_wait(&worker->go, AW_NEVER)) == 0 && !worker->interrupted)
                await(measure(worker));
        note_to_conductor(worker, WORKER_OVER);
        await(let_drain(worker));
        await(finish_task(watch));
        await(join_connections(worker));
        alarm_close(&worker->alarm);
        note_to_conductor(worker, WORKER_DONE);
        result = await(aw_event_wait(&worker->released, AW_NEVER));
        aw_handle_cancel(&worker->hurrying);
        count_unsent(worker);
        return result;
}

static uint32_t
fixed_size(const struct bench_options *options)
{
        const struct sizes *sizes = &options->sizes;

        if (options->text != NULL)
                return (uint32_t)options->text_length;
        return sizes->count == 1 && sizes->parts[0].low == sizes->parts[0].high ? sizes->max
                                                                                : WORKER_ANY_SIZE;
}

static int
prepare_worker(struct worker *worker)
{
        size_t concurrent = OPENING_MAX / worker->workers;

        aw_semaphore_init(&worker->opening, concurrent > 0 ? concurrent : 1);
        worker->begin = worker->end = worker->started = CLOCK_NEVER;
        worker->fixed_size = fixed_size(worker->options);
        worker->random = UINT64_C(0x9e3779b97f4a7c15) * (worker->index + 1);
        if (worker->options->text != NULL
                    ? payload_init_fixed(&worker->payload, worker->options->text,
                                         worker->options->text_length) == -1
                    : payload_init(&worker->payload, worker->options->sizes.max) == -1)
                return -1;
        if (worker->options->sources > 1) {
                worker->sources = source_make(&worker->way, worker->options->sources);
                if (worker->sources == NULL)
                        return -1;
        }
        worker->connections = calloc(worker->count, sizeof(*worker->connections));
        if (worker->connections == NULL)
                return -1;
        for (size_t i = 0; i < worker->count; i++) {
                struct connection *c = &worker->connections[i];

                c->worker = worker;
                c->index = i;
                if (window_init(&c->window, (uint32_t)(i * worker->workers + worker->index),
                                worker->options->work == BENCH_ECHO ? worker->options->in_flight
                                                                    : 1) == -1)
                        return -1;
        }
        return 0;
}

static void
release_connections(struct worker *worker)
{
        for (size_t i = 0; worker->connections != NULL && i < worker->count; i++)
                window_free(&worker->connections[i].window);
        free(worker->connections);
        free(worker->sources);
        worker->connections = NULL;
        worker->sources = NULL;
        payload_free(&worker->payload);
}

static void *
run_worker(void *argument)
{
        struct worker *worker = argument;
        struct aw_loop_options loop = {.backend = worker->options->loop, .slow = -1};

        if (prepare_worker(worker) == -1 || aw_run(&loop, load_server, worker) == -1)
                worker->error = errno;
        release_connections(worker);
        note_to_conductor(worker, WORKER_ENDED);
        return NULL;
}

int
worker_start(struct worker *worker)
{
        int error = pthread_create(&worker->thread, NULL, run_worker, worker);

        errno = error;
        return error == 0 ? 0 : -1;
}
