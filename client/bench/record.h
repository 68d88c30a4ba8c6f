/* SPDX-License-Identifier: MIT */
/* What a thread counts and measures; those of all threads add up. Times are nanoseconds. */
#ifndef RECORD_H
#define RECORD_H

#include "await/ws.h"
#include "histogram.h"
#include "window.h"

/*
 * Of messages. Once all connections are closed: sent = right + wrong + lost, and
 * received = right + wrong + doubled + late + unasked, unless nothing is compared (--no-echo).
 */
struct record_counts {
        uint64_t sent, sent_bytes;
        uint64_t received, received_bytes;
        uint64_t right, wrong, doubled, late, unasked, lost;
        uint64_t unsent; /* was to be sent, and never was */
};

/* When something happens: the warm-up is before measuring. */
enum record_phase { RECORD_BEFORE, RECORD_DURING, RECORD_AFTER };

/* What happened since it was last asked for: what came, and what was found to be wrong. */
struct record_interval {
        uint64_t received, received_bytes, errors;
        struct aw_histogram latency;
};

struct record {
        struct record_counts measured;   /* what was due while measuring, and its echoes */
        struct record_counts other;      /* the rest: of the warm-up, and what nobody asked for */
        uint64_t in_time, in_time_bytes; /* what was received while measuring, and is not wrong */
        int64_t last;                    /* when the last measured message was back, or given up */
        uint64_t opened, refused, cut;   /* connections */
        uint64_t cycles;                 /* of churn, while measuring, with their echoes */
        struct aw_histogram latency;     /* of right echoes, from when the message was due */
        struct aw_histogram lag;         /* from when a message was due until it was sent */
        struct aw_histogram connect;     /* until the handshake was done */
        struct aw_histogram cycle;       /* from connecting to closed */
        struct record_interval warming;  /* before measuring */
        struct record_interval interval; /* of measuring; and what was found wrong after it */
        enum aw_error_kind failure; /* of the first connection that failed or was cut; 0: none */
        char reason[320];           /* why */
};

/* Adds all of `from`, but for its intervals. */
void record_merge(struct record *into, const struct record *from);

/* A message went out, by the time that it was due. */
void record_sent(struct record *record, size_t length, bool measured);

/* A message came. `due` is of the one that it is, or stands for. */
void record_echo(struct record *record, enum window_verdict verdict, const struct window_echo *echo,
                 size_t length, int64_t now, enum record_phase phase, bool measured);

/* A message was given up. */
void record_lost(struct record *record, int64_t now, enum record_phase phase, bool measured);

/* A connection was refused, or cut. The first reason is kept, as the log would show it. */
void record_failure(struct record *record, enum aw_error_kind failure, const char *reason);

/* Measured and others. */
struct record_counts record_total(const struct record *record);

/* Wrong, doubled, late, unasked and lost ones. */
uint64_t record_errors(const struct record_counts *counts);

#endif
