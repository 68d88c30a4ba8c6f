/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "clock.h"
#include "conductor.h"
#include "figures.h"
#include "json_text.h"
#include "report.h"

static json_t *
number(uint64_t value)
{
        return json_integer((json_int_t)value);
}

/* The time in UTC, to the millisecond. */
static void
rfc3339(int64_t wall, char out[40])
{
        time_t seconds = (time_t)(wall / CLOCK_SECOND);
        struct tm utc;
        size_t length;

        gmtime_r(&seconds, &utc);
        length = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(out + length, 40 - length, ".%03dZ", (int)(wall % CLOCK_SECOND / 1000000));
}

/* A figure for each message; null if there were none. */
static json_t *
json_each(double value)
{
        return value > 0 ? json_real(value) : json_null();
}

static json_t *
json_counts(const struct record_counts *counts)
{
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sent",
                         number(counts->sent), "bytes_sent", number(counts->sent_bytes), "received",
                         number(counts->received), "bytes_received", number(counts->received_bytes),
                         "right", number(counts->right), "wrong", number(counts->wrong), "doubled",
                         number(counts->doubled), "late", number(counts->late), "unasked",
                         number(counts->unasked), "lost", number(counts->lost), "unsent",
                         number(counts->unsent));
}

/* Milliseconds; null if there is nothing. */
static json_t *
json_histogram(const struct aw_histogram *histogram)
{
        static const struct {
                const char *name;
                double percent;
        } percentiles[] = {{"p50", 50}, {"p75", 75},     {"p90", 90},      {"p95", 95},
                           {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}};
        json_t *object;

        if (aw_histogram_count(histogram) == 0)
                return json_null();
        object = json_pack("{s:o, s:f, s:f, s:f}", "count", number(aw_histogram_count(histogram)),
                           "min", figures_milliseconds(aw_histogram_min(histogram)), "mean",
                           aw_histogram_mean(histogram) / 1e6, "deviation",
                           aw_histogram_deviation(histogram) / 1e6);
        for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
                json_object_set_new(object, percentiles[i].name,
                                    json_real(figures_milliseconds(aw_histogram_percentile(
                                            histogram, percentiles[i].percent))));
        json_object_set_new(object, "max",
                            json_real(figures_milliseconds(aw_histogram_max(histogram))));
        return object;
}

static json_t *
json_options(const struct bench_options *options)
{
        static const char *const works[] = {
                [BENCH_ECHO] = "echo",
                [BENCH_NO_ECHO] = "no-echo",
                [BENCH_CHURN] = "churn",
                [BENCH_IDLE] = "idle",
        };

        return json_pack(
                "{s:s, s:o, s:o, s:f, s:o, s:f, s:o}", "work", works[options->work], "connections",
                number(options->connections), "in_flight", number(options->in_flight), "bytes",
                options->text != NULL ? (double)options->text_length : options->sizes.mean, "rate",
                options->rate > 0 ? number(options->rate) : json_null(), "warm_up",
                (double)options->warm_up / AW_SECOND, "threads", number(options->thread_count));
}

static json_t *
json_seconds(const struct result *result)
{
        json_t *array = json_array();

        for (size_t i = 0; i < result->second_count; i++) {
                const struct result_second *second = &result->seconds[i];

                json_array_append_new(
                        array,
                        json_pack("{s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "seconds", second->seconds,
                                  "received", number(second->received), "bytes_received",
                                  number(second->received_bytes), "errors", number(second->errors),
                                  "p50", json_each(figures_milliseconds(second->p50)), "p99",
                                  json_each(figures_milliseconds(second->p99)), "max",
                                  json_each(figures_milliseconds(second->max))));
        }
        return array;
}

static json_t *
json_server(const struct result *result)
{
        double memory = figures_server_memory(result);

        if (result->target.count == 0)
                return json_null();
        return json_pack("{s:o, s:o, s:f, s:o, s:o}", "processes", number(result->target.count),
                         "ended", number(result->target.ended), "cpu_seconds",
                         (double)result->target.cpu / CLOCK_SECOND, "cpu_us_per_message",
                         json_each(figures_server_cpu(result)), "bytes_per_connection",
                         memory >= 0 ? json_real(memory) : json_null());
}

static json_t *
json_result(const struct result *result)
{
        const struct record *record = &result->record;
        struct record_counts total = record_total(record);
        char when[40];

        rfc3339(result->wall, when);
        return json_pack("{s:o, s:s, s:b, s:s, s:f, s:o, s:{s:o, s:o, s:o, s:o, s:f, s:o}, s:o, "
                         "s:o, s:o, s:s?, s:f, "
                         "s:f, s:o, s:o, s:o, s:o, s:o, s:{s:f, s:o, s:f, s:f}, s:s, s:o}",
                         "url", json_any_text(result->url, strlen(result->url)), "connection",
                         result->description, "interrupted", (int)result->interrupted, "begin",
                         when, "seconds", (double)result->duration / CLOCK_SECOND, "options",
                         json_options(result->options), "connections", "open",
                         number(record->opened), "resumed", number(result->resumed), "refused",
                         number(record->refused), "cut", number(record->cut), "opening_seconds",
                         (double)result->opening / CLOCK_SECOND, "handshake_ms",
                         json_histogram(&record->connect), "measured",
                         json_counts(&record->measured), "total", json_counts(&total), "unsent",
                         number(total.unsent), "why_unsent", figures_why_unsent(result), "rate",
                         figures_rate(result), "bytes_per_second",
                         result->duration > 0 ? (double)record->in_time_bytes * CLOCK_SECOND /
                                                        (double)result->duration
                                              : 0.0,
                         "latency_ms", json_histogram(&record->latency), "lag_ms",
                         json_histogram(&record->lag), "cycles", number(record->cycles), "cycle_ms",
                         json_histogram(&record->cycle), "server", json_server(result), "generator",
                         "cpu_seconds", (double)result->cpu / CLOCK_SECOND, "cpu_us_per_message",
                         json_each(figures_own_cpu(result)), "busiest_thread", figures_busy(result),
                         "waited", figures_waited(result), "first_failure", record->reason,
                         "by_second", json_seconds(result));
}

int
report_json(const struct result *result, FILE *out)
{
        json_t *root = json_result(result);

        if (root == NULL) {
                errno = ENOMEM;
                return -1;
        }
        json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        fputc('\n', out);
        json_decref(root);
        return 0;
}
