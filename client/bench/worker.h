/* SPDX-License-Identifier: MIT */
/*
 * A thread that loads the server: its loop, and its share of the connections, the messages and the
 * rate. Everything in it belongs to its thread; the conductor's thread talks to it by calls that
 * run on its loop, and is told by calls that run on the conductor's.
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>

#include "alarm.h"
#include "await/ws.h"
#include "bench.h"
#include "record.h"
#include "schedule.h"
#include "source.h"

struct connection;

#define WORKER_ANY_SIZE UINT32_MAX

/* What a worker tells the conductor, in this order. */
enum worker_stage {
        WORKER_STARTED,   /* its loop can be called */
        WORKER_OPENED,    /* all connections are open, or have failed */
        WORKER_OVER,      /* it sends no more */
        WORKER_DONE,      /* all is closed; it waits to be released */
        WORKER_ENDED,     /* its loop is gone; this may come at any time */
        WORKER_COLLECTED, /* this, too */
        WORKER_STAGES,
};

/* On its way to the conductor. */
struct worker_note {
        struct aw_handle handle;
        struct worker *worker;
        enum worker_stage stage;
};

struct worker {
        const struct bench_options *options;
        struct ws_connect_options to;
        struct aw_connect_options way; /* what that points to */
        struct source *sources;        /* if there are several, options->sources of them */
        size_t index, workers;         /* which one it is, of how many */
        pthread_t thread;
        struct aw_loop *loop;

        struct connection *connections;
        size_t count, settled; /* of them; those that are open or have failed */
        size_t busy;           /* those whose task runs */
        struct aw_event changed;
        struct aw_semaphore opening;

        struct payload payload;
        bool payload_busy; /* the scratch copy is in use */
        uint64_t random;
        uint32_t fixed_size; /* of all messages, or WORKER_ANY_SIZE */
        struct record record;
        struct record_interval *taking, *taken; /* what worker_collect() takes, and fills */

        int64_t started;          /* when traffic began */
        int64_t begin, end;       /* of measuring; CLOCK_NEVER: not known */
        int64_t paced;            /* when the next connection may be opened */
        uint64_t quota;           /* of messages to measure that are still to be sent */
        struct schedule schedule; /* with --rate: when messages are due, */
        uint64_t offered;         /* how many were, */
        uint64_t last;            /* and how many will have been in the end */
        bool given_up;            /* what was due and has not been sent will not be */
        bool interrupted;         /* it is to end soon, */
        bool hopeless;            /* and nothing came for a while */
        uint64_t came;            /* messages by the beginning of that */
        struct alarm alarm;
        struct aw_task *opener;
        bool generating; /* more messages may become due */
        struct aw_event traffic, go, over, released;
        int64_t cpu, waited;   /* nanoseconds used, and spent waiting for a core, while measuring */
        char description[256]; /* of its first connection, or "" */
        int error;             /* why it ended, or 0 */

        /* The conductor's: its loop, and what is called there for each note. */
        struct aw_loop *conductor;
        void (*noted)(struct worker *worker, enum worker_stage stage);
        void *argument;
        struct worker_note notes[WORKER_STAGES];
        struct aw_handle going, stopping, hurrying, releasing, collecting;
        int64_t going_begin, going_end, all_over;
        unsigned reached; /* bits: the stages that the conductor knows of */
        bool stopped;     /* it was told to */
};

/* Starts the thread. 0, or -1 with errno. The worker is zeroed but for what its head names. */
int worker_start(struct worker *worker);

/* On the conductor's thread, once it has started and before it is released. */
void worker_go(struct worker *worker, int64_t begin, int64_t end);
void worker_stop(struct worker *worker); /* once */

/* `over` is when the last of all workers was over: what was due by then and not sent is counted. */
void worker_release(struct worker *worker, int64_t over);

/* What happened since the last time: while measuring, or before. */
static inline struct record_interval *
worker_interval(struct worker *worker, bool measured)
{
        return measured ? &worker->record.interval : &worker->record.warming;
}

/* Moves that into *interval, and then calls noted() with WORKER_COLLECTED. One at a time. */
void worker_collect(struct worker *worker, bool measured, struct record_interval *interval);

/* For its connections, on its own thread. */

/* True if nothing more is to be sent. */
bool worker_is_over(const struct worker *worker, int64_t now);
void worker_end(struct worker *worker);

/* When a connection that is being closed from now on is dropped. */
aw_time worker_closing_limit(const struct worker *worker);

/* One connection's task has ended. Without connections it is over. */
void worker_lacks(struct worker *worker);

/* Whether what is due at that time is measured. */
static inline bool
worker_measures(const struct worker *worker, int64_t due)
{
        return due >= worker->begin && due < worker->end;
}

static inline enum record_phase
worker_phase(const struct worker *worker, int64_t now)
{
        return now < worker->begin ? RECORD_BEFORE
               : now < worker->end ? RECORD_DURING
                                   : RECORD_AFTER;
}

uint64_t worker_random(struct worker *worker);

/* With --connect-rate or --ramp: waits until the next connection is due. 0, or -1 if cancelled. */
async int worker_pace(struct worker *worker);

#endif
