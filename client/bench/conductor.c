/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conductor.h"

#include "await/signals.h"
#include "await/task_wait.h"
#include "clock.h"
#include "live.h"
#include "worker.h"

const int conductor_interrupts[2] = {SIGINT, SIGTERM};

struct conductor {
        const struct bench_options *options;
        struct result *result;
        struct worker *workers;
        size_t count;
        struct aw_event changed; /* a worker has told something, or it is to end */
        struct live live;
        int64_t begin, end, over;          /* of measuring, and when all workers were over */
        int64_t collected;                 /* when the last interval ended */
        struct record_interval *intervals; /* one for each worker, and one for all */
        size_t collecting;
        uint64_t resumed;       /* TLS sessions before this run */
        bool stopping, ran_out; /* all was sent before the end, or could not be */
};

/* The workers. */

static void
on_note(struct worker *worker, enum worker_stage stage)
{
        struct conductor *conductor = worker->argument;

        if (stage == WORKER_COLLECTED)
                conductor->collecting--;
        worker->reached |= 1u << stage;
        aw_event_set(&conductor->changed);
}

static bool
has_reached(const struct worker *worker, enum worker_stage stage)
{
        return (worker->reached & (1u << stage)) != 0;
}

/* It can be called. */
static bool
is_there(const struct worker *worker)
{
        return has_reached(worker, WORKER_STARTED) && !has_reached(worker, WORKER_DONE) &&
               !has_reached(worker, WORKER_ENDED);
}

/* Whether all workers have come so far, or to their end. */
static bool
all_reached(const struct conductor *conductor, enum worker_stage stage)
{
        for (size_t i = 0; i < conductor->count; i++)
                if (!has_reached(&conductor->workers[i], stage) &&
                    !has_reached(&conductor->workers[i], WORKER_ENDED))
                        return false;
        return true;
}

/* Waits for that, but not beyond a time. */
static async void
wait_for_all(struct conductor *conductor, enum worker_stage stage, aw_time limit)
{
        int result = 0;

        while (result == 0 && !all_reached(conductor, stage)) {
                aw_event_clear(&conductor->changed);
                result = await(aw_event_wait(&conductor->changed, limit));
        }
}

static void
stop_all(struct conductor *conductor)
{
        conductor->stopping = true;
        conductor->result->interrupted = true;
        for (size_t i = 0; i < conductor->count; i++)
                if (is_there(&conductor->workers[i]) && !conductor->workers[i].stopped)
                        worker_stop(&conductor->workers[i]);
}

/* The first Ctrl-C ends the run with the result so far, the second one the program. */
static async int
watch_interrupts(void *argument)
{
        struct conductor *conductor = argument;
        struct aw_signals *signals = aw_signals_open(conductor_interrupts, 2);
        int number;

        while (signals != NULL && (number = await(aw_signals_wait(signals, AW_NEVER))) != -1) {
                if (conductor->stopping) {
                        live_clear(&conductor->live);
                        _exit(128 + number);
                }
                stop_all(conductor);
        }
        aw_signals_close(signals);
        return 0;
}

/* Seconds. */

/* What all workers did since the last time becomes one more second of the result. */
static void
add_second(struct conductor *conductor, int64_t now, bool measured)
{
        struct result *result = conductor->result;
        struct record_interval *all = &conductor->intervals[conductor->count];
        struct result_second second = {.seconds =
                                               (double)(now - conductor->collected) / CLOCK_SECOND},
                             *seconds;

        *all = (struct record_interval){.received = 0};
        for (size_t i = 0; i < conductor->count; i++) {
                const struct record_interval *interval = &conductor->intervals[i];

                all->received += interval->received;
                all->received_bytes += interval->received_bytes;
                all->errors += interval->errors;
                aw_histogram_merge(&all->latency, &interval->latency);
        }
        second.received = all->received;
        second.received_bytes = all->received_bytes;
        second.errors = all->errors;
        second.p50 = aw_histogram_percentile(&all->latency, 50);
        second.p99 = aw_histogram_percentile(&all->latency, 99);
        second.max = aw_histogram_max(&all->latency);
        live_second(&conductor->live, &second, measured);
        if (!measured)
                return;
        seconds = realloc(result->seconds, (result->second_count + 1) * sizeof(*seconds));
        if (seconds == NULL)
                return;
        result->seconds = seconds;
        seconds[result->second_count++] = second;
}

static async void
collect_all(struct conductor *conductor, bool measured)
{
        int64_t now = clock_now();

        for (size_t i = 0; i < conductor->count; i++) {
                struct worker *worker = &conductor->workers[i];

                conductor->intervals[i] = (struct record_interval){.received = 0};
                if (is_there(worker)) {
                        conductor->collecting++;
                        worker_collect(worker, measured, &conductor->intervals[i]);
                } else if (has_reached(worker, WORKER_STARTED)) {
                        /* It is quiet by now: what happened last is left there. */
                        conductor->intervals[i] = *worker_interval(worker, measured);
                        *worker_interval(worker, measured) =
                                (struct record_interval){.received = 0};
                }
        }
        while (conductor->collecting > 0) {
                aw_event_clear(&conductor->changed);
                if (await(aw_event_wait(&conductor->changed, AW_NEVER)) == -1)
                        return;
        }
        add_second(conductor, now, measured);
        conductor->collected = now;
}

/* Once all are over. */
static void
end_measuring(struct conductor *conductor)
{
        struct result *result = conductor->result;

        if (conductor->over != 0)
                return;
        target_look(&result->target, true);
        conductor->over = clock_now();
        conductor->ran_out = !conductor->stopping && conductor->over < conductor->end;
        /* All connections may have been lost before. */
        if (conductor->over > conductor->begin)
                result->duration = conductor->over - conductor->begin;
}

/* A second at a time, until it is time or all are over; what they have measured comes back meanwhile. */
static async void
tick(struct conductor *conductor, int64_t from, int64_t until, bool measured)
{
        enum worker_stage stage = measured ? WORKER_DONE : WORKER_OVER;
        int64_t next = from;

        conductor->collected = from;
        while (!all_reached(conductor, stage) && next < until) {
                next = next + CLOCK_SECOND < until ? next + CLOCK_SECOND : until;
                await(wait_for_all(conductor, WORKER_OVER, next / 1000));
                if (measured && all_reached(conductor, WORKER_OVER)) {
                        end_measuring(conductor);
                        await(wait_for_all(conductor, WORKER_DONE, next / 1000));
                } else if (measured) {
                        target_look(&conductor->result->target, false);
                }
                await(collect_all(conductor, measured));
        }
}

/* One run. */

static void
begin_measuring(struct conductor *conductor)
{
        const struct bench_options *options = conductor->options;
        int64_t now = clock_now();

        conductor->begin = now + options->warm_up * 1000;
        conductor->end =
                options->duration <= 0 ? CLOCK_NEVER : conductor->begin + options->duration * 1000;
        for (size_t i = 0; i < conductor->count; i++)
                if (is_there(&conductor->workers[i]) && !conductor->workers[i].stopped)
                        worker_go(&conductor->workers[i], conductor->begin, conductor->end);
        conductor->result->wall = clock_read(CLOCK_REALTIME) + (conductor->begin - clock_now());
}

static async void
measure_all(struct conductor *conductor)
{
        struct result *result = conductor->result;

        begin_measuring(conductor);
        live_phase(&conductor->live, "warming up", conductor->options->warm_up);
        await(tick(conductor, clock_now(), conductor->begin, false));
        target_begin(&result->target);
        live_phase(&conductor->live, NULL, conductor->options->duration);
        if (clock_now() >= conductor->begin)
                await(tick(conductor, conductor->begin, conductor->end, true));
        await(wait_for_all(conductor, WORKER_OVER, AW_NEVER));
        end_measuring(conductor);
}

static async int
conduct(void *argument)
{
        struct conductor *conductor = argument;
        struct result *result = conductor->result;
        struct aw_task *interrupts = aw_spawn("interrupts", watch_interrupts, conductor);
        int64_t begin = clock_now();
        size_t started = 0;

        /* The signals are blocked before there are other threads. */
        await(aw_sleep(0));
        result->target.empty = target_memory(&result->target);
        live_phase(&conductor->live, "opening", 0);
        for (; started < conductor->count; started++) {
                conductor->workers[started].conductor = aw_loop_get();
                if (worker_start(&conductor->workers[started]) == -1)
                        break;
        }
        if (started < conductor->count) {
                result->error = errno;
                conductor->count = started;
        }
        await(wait_for_all(conductor, WORKER_STARTED, AW_NEVER));
        /* Who interrupted it before met workers that could not be told. */
        if (conductor->stopping)
                stop_all(conductor);
        await(wait_for_all(conductor, WORKER_OPENED, AW_NEVER));
        result->opening = clock_now() - begin;
        result->target.occupied = target_memory(&result->target);
        /* A worker that has ended by now could not begin: there will be no result. */
        for (size_t i = 0; i < conductor->count; i++)
                if (has_reached(&conductor->workers[i], WORKER_ENDED))
                        result->error = conductor->workers[i].error;
        if (!conductor->stopping && result->error == 0)
                await(measure_all(conductor));
        else
                stop_all(conductor);
        live_phase(&conductor->live, "closing", 0);
        await(wait_for_all(conductor, WORKER_DONE, AW_NEVER));
        live_clear(&conductor->live);
        if (result->duration > 0)
                await(collect_all(conductor, true));
        for (size_t i = 0; i < conductor->count; i++) {
                if (!has_reached(&conductor->workers[i], WORKER_ENDED))
                        worker_release(&conductor->workers[i], conductor->over);
        }
        await(wait_for_all(conductor, WORKER_ENDED, AW_NEVER));
        for (size_t i = 0; i < conductor->count; i++)
                pthread_join(conductor->workers[i].thread, NULL);
        if (interrupts != NULL) {
                aw_cancel(interrupts);
                await(aw_join(interrupts));
        }
        return 0;
}

/* Connections, messages and the like are divided as evenly as whole numbers can be. */
static uint64_t
share_of(uint64_t all, size_t index, size_t count)
{
        return all / count + (index < all % count);
}

static void
prepare_worker_of(struct conductor *conductor, size_t index)
{
        const struct bench_options *options = conductor->options;
        struct worker *worker = &conductor->workers[index];
        struct aw_error error;

        *worker = (struct worker){
                .options = options,
                .to = {.url = conductor->result->url,
                       .server_name = options->trust.server_name,
                       .tls = options->tls,
                       .headers = options->headers.items,
                       .header_count = options->headers.count,
                       .deflate = options->deflate,
                       .max_message = options->text != NULL ? options->text_length + 1
                                                            : options->sizes.max + UINT64_C(1)},
                .index = index,
                .workers = conductor->count,
                .count = share_of(options->connections, index, conductor->count),
                .quota = options->messages == 0
                                 ? UINT64_MAX
                                 : share_of(options->messages, index, conductor->count),
                .noted = on_note,
                .argument = conductor,
        };
        /* bench_prepare() has seen that this does not fail. */
        network_connect_options(&options->network, worker->to.url, &worker->way, &error);
        worker->way.proxy_tls = options->proxy_tls;
        worker->to.network = &worker->way;
        if (options->work == BENCH_NO_ECHO || worker->to.max_message < WS_MESSAGE_MAX)
                worker->to.max_message = WS_MESSAGE_MAX;
}

/* They end where measuring does. What was found wrong after that counts in the last one. */
static void
end_seconds(struct result *result)
{
        double left = (double)result->duration / CLOCK_SECOND;
        size_t kept = 0;

        for (size_t i = 0; i < result->second_count; i++) {
                struct result_second *second = &result->seconds[i];

                if (left > 0 && second->seconds > left)
                        second->seconds = left;
                if (left > 0) {
                        left -= second->seconds;
                        kept = i + 1;
                } else if (kept > 0) {
                        result->seconds[kept - 1].received += second->received;
                        result->seconds[kept - 1].received_bytes += second->received_bytes;
                        result->seconds[kept - 1].errors += second->errors;
                }
        }
        result->second_count = kept;
}

static void
sum_up_workers(struct conductor *conductor)
{
        struct result *result = conductor->result;
        int64_t last;

        for (size_t i = 0; i < conductor->count; i++) {
                const struct worker *worker = &conductor->workers[i];

                record_merge(&result->record, &worker->record);
                result->cpu += worker->cpu;
                if (worker->waited > result->waited)
                        result->waited = worker->waited;
                if (worker->cpu > result->cpu_most)
                        result->cpu_most = worker->cpu;
                if (worker->error != 0 && worker->error != ECANCELED && result->error == 0)
                        result->error = worker->error;
                if (worker->description[0] != '\0')
                        memcpy(result->description, worker->description,
                               sizeof(result->description));
        }
        if (conductor->options->tls != NULL)
                result->resumed =
                        aw_tls_context_resumed(conductor->options->tls) - conductor->resumed;
        last = result->record.last - conductor->begin;
        /* A number of messages has taken until the last of them was back. */
        if (conductor->options->messages > 0 && conductor->ran_out && last > 0 &&
            (result->record.measured.unsent == 0 || last > result->duration))
                result->duration = last;
        if (conductor->end != CLOCK_NEVER && result->duration > conductor->end - conductor->begin)
                result->duration = conductor->end - conductor->begin;
        end_seconds(result);
}

struct result *
conductor_run(const struct bench_options *options, const char *url,
              const struct aw_opt_strings *server_pids, bool live)
{
        struct aw_loop_options loop = {.backend = options->loop, .slow = -1};
        struct conductor conductor = {.options = options, .count = options->thread_count};
        struct result *result = calloc(1, sizeof(*result));

        if (result == NULL)
                return NULL;
        conductor.result = result;
        if (options->tls != NULL)
                conductor.resumed = aw_tls_context_resumed(options->tls);
        conductor.workers = calloc(conductor.count, sizeof(*conductor.workers));
        conductor.intervals = calloc(conductor.count + 1, sizeof(*conductor.intervals));
        result->options = options;
        result->url = url;
        if (conductor.workers == NULL || conductor.intervals == NULL) {
                result->error = ENOMEM;
        } else if (target_find(&result->target, server_pids, &result->missing) == -1) {
                result->error = ESRCH;
        } else {
                for (size_t i = 0; i < conductor.count; i++)
                        prepare_worker_of(&conductor, i);
                live_init(&conductor.live, live);
                if (aw_run(&loop, conduct, &conductor) == -1)
                        result->error = errno;
                sum_up_workers(&conductor);
        }
        free(conductor.workers);
        free(conductor.intervals);
        return result;
}

enum bench_status
conductor_failure(const struct result *result)
{
        static const enum bench_status none[] = {
                [AW_ERROR_USAGE] = BENCH_USAGE,         [AW_ERROR_CONNECTION] = BENCH_CONNECTION,
                [AW_ERROR_RESOLVE] = BENCH_CONNECTION,  [AW_ERROR_CERTIFICATE] = BENCH_TLS,
                [AW_ERROR_SYSTEM] = BENCH_LOCAL,        [AW_ERROR_TLS] = BENCH_TLS,
                [AW_ERROR_HANDSHAKE] = BENCH_HANDSHAKE, [AW_ERROR_TIMEOUT] = BENCH_TIMEOUT,
                [AW_ERROR_CANCELLED] = BENCH_LOCAL,     [AW_ERROR_MEMORY] = BENCH_LOCAL,
        };

        if (result == NULL || result->error != 0) {
                if (result != NULL && result->missing != NULL)
                        bench_say("there is no process %s to look at: --server-pid must name one "
                                  "that runs",
                                  result->missing);
                else
                        bench_say("%s", strerror(result == NULL ? ENOMEM : result->error));
                return BENCH_LOCAL;
        }
        if (result->record.opened > 0)
                return BENCH_OK;
        if (result->record.failure == 0) {
                bench_say("it ended before a connection was open");
                return BENCH_TIMEOUT;
        }
        bench_say("%s", result->record.reason);
        return none[result->record.failure];
}

void
conductor_free(struct result *result)
{
        if (result != NULL)
                free(result->seconds);
        free(result);
}
