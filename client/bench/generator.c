/* SPDX-License-Identifier: MIT */
#include "generator.h"

#include "traffic.h"

/* Nanoseconds in which messages are offered before the loop has its turn. */
#define SHARE 1000000

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
                if (await(traffic_offer(&worker->connections[(first + i) % worker->count], now)) ==
                    -1)
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

async int
generator_run(void *argument)
{
        struct worker *worker = argument;
        int result = await(generate(worker));

        worker->generating = false;
        /* All of --messages are on their way, or wait for those that are. */
        if (result == 0 && worker->offered == last_by_quota(worker))
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
