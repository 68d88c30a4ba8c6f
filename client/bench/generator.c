/* SPDX-License-Identifier: MIT */
#include "generator.h"

#include "traffic.h"

/* Nanoseconds in which messages are offered before the loop has its turn. */
#define SHARE 1000000

#define LOOK_EVERY (20 * AW_MILLISECOND) /* whether all have been sent */

/* Before and after measuring begins: with --messages no more than so many are measured. */
static uint64_t
last_by_quota(const struct worker *worker)
{
        uint64_t before = schedule_before(&worker->schedule, worker->begin);

        return worker->quota > UINT64_MAX - before ? UINT64_MAX : before + worker->quota;
}

void
generator_prepare(struct worker *worker)
{
        uint64_t by_time, by_quota;

        worker->schedule = (struct schedule){
                .begin = worker->begin - worker->options->warm_up * 1000,
                .rate = worker->options->rate,
                .index = worker->index,
                .workers = worker->workers,
        };
        by_time = schedule_before(&worker->schedule, worker->end);
        by_quota = last_by_quota(worker);
        worker->last = by_quota < by_time ? by_quota : by_time;
}

/* How many are due by now. */
static uint64_t
due_by(const struct worker *worker, int64_t now)
{
        int64_t until = now < worker->end ? now + 1 : worker->end;
        uint64_t due = schedule_before(&worker->schedule, until);

        return due < worker->last ? due : worker->last;
}

/*
 * Has connections send what they may, `count` of them from that one on, each once: it sends all that
 * is due in it. -1 if it was cancelled.
 */
static async int
offer(struct worker *worker, uint64_t first, uint64_t count, int64_t now)
{
        int64_t begun = now;

        for (uint64_t i = 0; i < count && !aw_event_is_set(&worker->over); i++) {
                struct connection *c = &worker->connections[(first + i) % worker->count];

                if (await(traffic_offer(c, now)) == -1)
                        return -1;
                now = clock_now();
                if (now - begun < SHARE)
                        continue;
                if (await(aw_sleep(0)) == -1)
                        return -1;
                begun = now = clock_now();
        }
        return 0;
}

/* Until nothing more will be due, or the run is over. -1 if it was cancelled. */
static async int
generate(struct worker *worker)
{
        bool rested = true;

        while (worker->offered < worker->last && !aw_event_is_set(&worker->over)) {
                int64_t now = clock_now();
                uint64_t first = worker->offered, due = due_by(worker, now);

                if (due <= first) {
                        int64_t next = schedule_due(&worker->schedule, first);

                        if (await(alarm_wait(&worker->alarm, next)) == -1)
                                return -1;
                        rested = true;
                } else if (!rested) {
                        /* It is behind. What it sent goes out now, and what came is read. */
                        if (await(aw_sleep(0)) == -1)
                                return -1;
                        rested = true;
                } else {
                        uint64_t count = due - first;

                        worker->offered = due;
                        if (count > worker->count)
                                count = worker->count;
                        if (await(offer(worker, first, count, now)) == -1)
                                return -1;
                        rested = false;
                }
        }
        return 0;
}

/* How many of the worker's messages before this number have not been sent. */
static uint64_t
unsent_before(const struct worker *worker, uint64_t number)
{
        uint64_t unsent = 0;

        for (size_t i = 0; i < worker->count; i++) {
                uint64_t own = number > i ? (number - i - 1) / worker->count + 1 : 0;

                if (own > worker->connections[i].started)
                        unsent += own - worker->connections[i].started;
        }
        return unsent;
}

void
generator_count(struct worker *worker, int64_t over)
{
        uint64_t due = due_by(worker, over), warming, unsent;

        if (worker->options->messages > 0)
                due = last_by_quota(worker);
        if (due > worker->offered)
                worker->offered = due;
        warming = schedule_before(&worker->schedule, worker->begin);
        unsent = unsent_before(worker, worker->offered);
        worker->record.other.unsent =
                unsent_before(worker, warming < worker->offered ? warming : worker->offered);
        worker->record.measured.unsent = unsent - worker->record.other.unsent;
}

/* Whether a connection still has something to send. */
static bool
is_behind(const struct worker *worker)
{
        for (size_t i = 0; i < worker->count; i++)
                if (traffic_is_behind(&worker->connections[i]))
                        return true;
        return false;
}

/* What is due waits for those before it, as long as any go out. -1 if it was cancelled. */
static async int
catch_up(struct worker *worker)
{
        aw_time limit = aw_loop_now() + worker->options->timeout;
        uint64_t before = unsent_before(worker, worker->offered), unsent;

        while (is_behind(worker) && !aw_event_is_set(&worker->over) && aw_loop_now() < limit) {
                if (await(aw_sleep(LOOK_EVERY)) == -1)
                        return -1;
                unsent = unsent_before(worker, worker->offered);
                if (unsent < before)
                        limit = aw_loop_now() + worker->options->timeout;
                before = unsent;
        }
        return 0;
}

async int
generator_run(void *argument)
{
        struct worker *worker = argument;
        int result = await(generate(worker));

        worker->generating = false;
        if (result == 0 && worker->offered == last_by_quota(worker) &&
            (result = await(catch_up(worker))) == 0)
                worker_end(worker);
        return result;
}

async void
generator_finish(struct worker *worker)
{
        int64_t now = clock_now();
        uint64_t due = due_by(worker, now);

        worker->generating = false;
        if (due > worker->offered)
                worker->offered = due;
        if (!worker->given_up)
                await(offer(worker, 0, worker->count, now));
}
