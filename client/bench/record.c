/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "record.h"

#include "await/log.h"

static void
merge_counts(struct record_counts *into, const struct record_counts *from)
{
        into->sent += from->sent;
        into->sent_bytes += from->sent_bytes;
        into->received += from->received;
        into->received_bytes += from->received_bytes;
        into->right += from->right;
        into->wrong += from->wrong;
        into->doubled += from->doubled;
        into->late += from->late;
        into->unasked += from->unasked;
        into->lost += from->lost;
        into->unsent += from->unsent;
}

void
record_merge(struct record *into, const struct record *from)
{
        merge_counts(&into->measured, &from->measured);
        merge_counts(&into->other, &from->other);
        into->in_time += from->in_time;
        into->in_time_bytes += from->in_time_bytes;
        if (from->last > into->last)
                into->last = from->last;
        into->opened += from->opened;
        into->refused += from->refused;
        into->cut += from->cut;
        into->cycles += from->cycles;
        aw_histogram_merge(&into->latency, &from->latency);
        aw_histogram_merge(&into->lag, &from->lag);
        aw_histogram_merge(&into->connect, &from->connect);
        aw_histogram_merge(&into->cycle, &from->cycle);
        if (into->failure == 0)
                record_failure(into, from->failure, from->reason);
}

struct record_counts
record_total(const struct record *record)
{
        struct record_counts total = record->measured;

        merge_counts(&total, &record->other);
        return total;
}

static struct record_counts *
counts_of(struct record *record, bool measured)
{
        return measured ? &record->measured : &record->other;
}

static struct record_interval *
phase_interval(struct record *record, enum record_phase phase)
{
        return phase == RECORD_BEFORE ? &record->warming : &record->interval;
}

void
record_sent(struct record *record, size_t length, bool measured)
{
        struct record_counts *counts = counts_of(record, measured);

        counts->sent++;
        counts->sent_bytes += length;
}

static void
count_verdict(struct record_counts *counts, enum window_verdict verdict)
{
        switch (verdict) {
        case WINDOW_RIGHT:
                counts->right++;
                break;
        case WINDOW_WRONG:
                counts->wrong++;
                break;
        case WINDOW_UNASKED:
                counts->unasked++;
                break;
        case WINDOW_DOUBLED:
                counts->doubled++;
                break;
        case WINDOW_LATE:
                counts->late++;
                break;
        case WINDOW_REVISED:
                counts->right++;
                counts->wrong--;
                counts->unasked++;
                break;
        case WINDOW_UNJUDGED:
                break;
        }
}

void
record_echo(struct record *record, enum window_verdict verdict, const struct window_echo *echo,
            size_t length, int64_t now, enum record_phase phase, bool measured)
{
        struct record_counts *counts = counts_of(record, measured);
        struct record_interval *interval = phase_interval(record, phase);
        bool is_right = verdict == WINDOW_RIGHT || verdict == WINDOW_REVISED;
        bool is_good = is_right || verdict == WINDOW_UNJUDGED;
        uint64_t latency = (uint64_t)(now - echo->due);

        count_verdict(counts, verdict);
        counts->received++;
        counts->received_bytes += length;
        if (phase == RECORD_DURING && is_good) {
                record->in_time++;
                record->in_time_bytes += length;
        }
        if (phase != RECORD_AFTER) {
                interval->received++;
                interval->received_bytes += length;
        }
        if (measured && (is_right || verdict == WINDOW_WRONG))
                record->last = now;
        if (!is_good)
                interval->errors++;
        else if (is_right && phase != RECORD_AFTER)
                aw_histogram_record(&interval->latency, latency);
        if (is_right && measured)
                aw_histogram_record(&record->latency, latency);
}

void
record_lost(struct record *record, int64_t now, enum record_phase phase, bool measured)
{
        counts_of(record, measured)->lost++;
        if (measured)
                record->last = now;
        phase_interval(record, phase)->errors++;
}

void
record_failure(struct record *record, enum aw_error_kind failure, const char *reason)
{
        size_t used;

        if (record->failure != 0 || failure == 0)
                return;
        record->failure = failure;
        /* Servers say part of it, and it goes to a terminal. */
        aw_log_escape(reason, strlen(reason), "", record->reason, sizeof(record->reason), &used);
}

uint64_t
record_errors(const struct record_counts *counts)
{
        return counts->wrong + counts->doubled + counts->late + counts->unasked + counts->lost;
}
