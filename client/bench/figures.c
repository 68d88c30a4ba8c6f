/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

#include "await/log.h"
#include "bench.h"
#include "clock.h"
#include "conductor.h"

double
figures_milliseconds(uint64_t nanoseconds)
{
        return (double)nanoseconds / 1e6;
}

/* How often what is measured was done in the time of measuring. */
static uint64_t
done_in_time(const struct result *result)
{
        switch (result->options->work) {
        case BENCH_CHURN:
                return result->record.cycles;
        case BENCH_NO_ECHO:
                return result->record.measured.sent;
        default:
                return result->record.in_time;
        }
}

double
figures_rate(const struct result *result)
{
        double seconds = (double)result->duration / CLOCK_SECOND;

        return seconds > 0 ? (double)done_in_time(result) / seconds : 0;
}

static double
each_us(const struct result *result, int64_t nanoseconds)
{
        uint64_t done = done_in_time(result);

        return done > 0 ? (double)nanoseconds / 1000 / (double)done : 0;
}

double
figures_server_cpu(const struct result *result)
{
        return each_us(result, result->target.cpu);
}

double
figures_own_cpu(const struct result *result)
{
        return each_us(result, result->cpu);
}

double
figures_busy(const struct result *result)
{
        return result->duration > 0 ? (double)result->cpu_most / (double)result->duration : 0;
}

double
figures_waited(const struct result *result)
{
        return result->duration > 0 ? (double)result->waited / (double)result->duration : 0;
}

double
figures_server_memory(const struct result *result)
{
        const struct target *target = &result->target;

        if (target->count == 0 || target->empty < 0 || target->occupied < 0 ||
            result->record.opened == 0 || result->options->work == BENCH_CHURN)
                return NAN;
        return (double)(target->occupied - target->empty) / (double)result->record.opened;
}

const char *
figures_why_unsent(const struct result *result)
{
        const struct bench_options *options = result->options;

        if (record_total(&result->record).unsent == 0)
                return NULL;
        if (options->messages > 0 && result->interrupted)
                return "it was interrupted";
        if (options->messages > 0 && options->duration > 0 &&
            result->duration >= options->duration * 1000)
                return "the time was over";
        if (options->rate == 0)
                return "connections were refused or cut";
        return result->record.refused + result->record.cut > 0
                       ? "connections were refused or cut, the server did not take them, or this "
                         "side could not keep up"
                       : "the server did not take them, or this side could not keep up";
}

/* Durations that are not percentiles, and counts. */

static double
percentile_ms(const struct aw_histogram *histogram, double percent)
{
        return aw_histogram_count(histogram) > 0
                       ? figures_milliseconds(aw_histogram_percentile(histogram, percent))
                       : NAN;
}

static double
min_ms(const struct result *result)
{
        return percentile_ms(&result->record.latency, 0);
}

static double
mean_ms(const struct result *result)
{
        const struct aw_histogram *latency = &result->record.latency;

        return aw_histogram_count(latency) > 0 ? aw_histogram_mean(latency) / 1e6 : NAN;
}

static double
max_ms(const struct result *result)
{
        return percentile_ms(&result->record.latency, 100);
}

static double
rate(const struct result *result)
{
        return result->duration > 0 ? figures_rate(result) : NAN;
}

static double
server_cpu(const struct result *result)
{
        return result->target.count > 0 && done_in_time(result) > 0 ? figures_server_cpu(result)
                                                                    : NAN;
}

static double
count_errors(const struct result *result)
{
        struct record_counts total = record_total(&result->record);

        return (double)(record_errors(&total) + result->record.cut + result->record.refused);
}

#define COUNT(figure, field)                                                                       \
        static double count_##figure(const struct result *result)                                  \
        {                                                                                          \
                return (double)result->record.field;                                               \
        }
#define MESSAGES(figure)                                                                           \
        static double count_##figure(const struct result *result)                                  \
        {                                                                                          \
                return (double)record_total(&result->record).figure;                               \
        }
MESSAGES(lost)
MESSAGES(wrong)
MESSAGES(doubled)
MESSAGES(late)
MESSAGES(unasked)
MESSAGES(unsent)
COUNT(refused, refused)
COUNT(cut, cut)
COUNT(opened, opened)

/* What a figure is of, where there is not always something. */
enum {
        OF_ECHOES = 1,
        OF_MESSAGES = 2,
        OF_SERVER = 4,
        OF_CONNECTIONS = 8,
        OF_COMPARING = 16,
};

static const struct figure {
        const char *name;
        bool is_duration;
        double (*value)(const struct result *result);
        unsigned of;
} table[] = {
        {"min", true, min_ms, OF_ECHOES},
        {"mean", true, mean_ms, OF_ECHOES},
        {"max", true, max_ms, OF_ECHOES},
        {"rate", false, rate, OF_MESSAGES},
        {"errors", false, count_errors, 0},
        {"lost", false, count_lost, OF_COMPARING},
        {"wrong", false, count_wrong, OF_COMPARING},
        {"doubled", false, count_doubled, OF_COMPARING},
        {"late", false, count_late, OF_COMPARING},
        {"unasked", false, count_unasked, OF_COMPARING},
        {"unsent", false, count_unsent, 0},
        {"refused", false, count_refused, 0},
        {"cut", false, count_cut, 0},
        {"open", false, count_opened, 0},
        {"server-cpu", false, server_cpu, OF_MESSAGES | OF_SERVER},
        {"server-memory", false, figures_server_memory, OF_SERVER | OF_CONNECTIONS},
        {NULL, false, NULL, 0},
};

static const struct figure *
find_figure(const char *name)
{
        for (const struct figure *figure = table; figure->name != NULL; figure++)
                if (strcmp(figure->name, name) == 0)
                        return figure;
        return NULL;
}

/* "p99" or "p99.9", after "handshake-" that of the handshakes. */
static bool
parse_percentile(const char *name, bool *handshake, double *percent)
{
        static const char prefix[] = "handshake-";
        char *end;

        *handshake = strncmp(name, prefix, sizeof(prefix) - 1) == 0;
        if (*handshake)
                name += sizeof(prefix) - 1;
        if (name[0] != 'p' || name[1] < '0' || name[1] > '9')
                return false;
        *percent = strtod(name + 1, &end);
        return *end == '\0' && *percent <= 100;
}

bool
figures_known(const char *name, bool *is_duration)
{
        const struct figure *figure = find_figure(name);
        double percent;
        bool handshake;

        *is_duration = figure == NULL || figure->is_duration;
        return figure != NULL || parse_percentile(name, &handshake, &percent);
}

const char *
figures_missing(const char *name, const struct bench_options *options)
{
        const struct figure *figure = find_figure(name);
        double percent;
        bool handshake = false;
        unsigned of = figure != NULL ? figure->of : OF_ECHOES;

        if (figure == NULL && parse_percentile(name, &handshake, &percent) && handshake)
                of = 0;
        if ((of & OF_SERVER) != 0 && options->server_pids.count == 0)
                return "needs --server-pid";
        if ((of & (OF_ECHOES | OF_MESSAGES)) != 0 && options->work == BENCH_IDLE)
                return "is of messages, and --idle sends none";
        if ((of & (OF_ECHOES | OF_COMPARING)) != 0 && options->work == BENCH_NO_ECHO)
                return "is of echoes, and --no-echo waits for none";
        if ((of & OF_CONNECTIONS) != 0 && options->work == BENCH_CHURN)
                return "is of connections that stay, and --churn closes them";
        return NULL;
}

double
figures_value(const struct result *result, const char *name)
{
        const struct figure *figure = find_figure(name);
        double percent;
        bool handshake;

        if (figure != NULL)
                return figure->value(result);
        if (!parse_percentile(name, &handshake, &percent))
                aw_log_abort("there is no figure '%s'", name);
        return percentile_ms(handshake ? &result->record.connect : &result->record.latency,
                             percent);
}
