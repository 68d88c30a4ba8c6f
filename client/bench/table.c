/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "clock.h"
#include "conductor.h"
#include "figures.h"
#include "number.h"
#include "report.h"

#define BAR 40 /* columns of the histogram's longest bar */

#define BUSY   0.90 /* of a core: more, and this program may be the limit */
#define WAITED 0.05 /* of the time: more, and the latencies tell of that, too */

static void
print_range(const struct sizes_part *part, FILE *out)
{
        char low[NUMBER_ROOM], high[NUMBER_ROOM];

        fputs(number_grouped(part->low, low), out);
        if (part->high > part->low)
                fprintf(out, "-%s", number_grouped(part->high, high));
}

/* "128", "64-4,096" or "90 % 128, 10 % 65,536". */
static void
print_mix(const struct sizes *sizes, FILE *out)
{
        for (size_t i = 0; i < sizes->count; i++) {
                if (sizes->count > 1)
                        fprintf(out, "%s%g %% ", i > 0 ? ", " : "",
                                (double)sizes->parts[i].share / SIZES_ONE_PERCENT);
                print_range(&sizes->parts[i], out);
        }
        fprintf(out, " byte%s",
                sizes->count == 1 && sizes->max == 1 && sizes->mean == 1 ? "" : "s");
}

static void
print_sizes(const struct bench_options *options, FILE *out)
{
        char bytes[NUMBER_ROOM];

        if (options->work == BENCH_IDLE)
                fputs("idle", out);
        else if (options->text != NULL)
                fputs(number_bytes(options->text_length, bytes), out);
        else
                print_mix(&options->sizes, out);
}

static void
print_what(const struct result *result, FILE *out)
{
        const struct bench_options *options = result->options;
        char number[NUMBER_ROOM];

        fprintf(out, "%s connection%s to %s", number_grouped(options->connections, number),
                options->connections == 1 ? "" : "s", result->url);
        if (result->description[0] != '\0')
                fprintf(out, " (%.*s)", (int)strcspn(result->description, ","),
                        result->description);
        fputs(", ", out);
        print_sizes(options, out);
        if (options->work == BENCH_ECHO && options->rate == 0)
                fprintf(out, ", %s in flight", number_grouped(options->in_flight, number));
        if (options->rate > 0)
                fprintf(out, ", %s messages/s asked for", number_grouped(options->rate, number));
        if (options->churn)
                fputs(", a new connection for each", out);
        if (options->no_echo)
                fputs(", no echo", out);
        if (result->duration > 0)
                fprintf(out, ", %s", number_duration(result->duration, number));
        else
                fputs(", ended before measuring began", out);
        fprintf(out, "%s\n", result->interrupted ? " (interrupted)" : "");
}

static void
print_connections(const struct result *result, FILE *out)
{
        const struct record *record = &result->record;
        double seconds = (double)result->opening / CLOCK_SECOND;
        char opened[NUMBER_ROOM], refused[NUMBER_ROOM], cut[NUMBER_ROOM], each[NUMBER_ROOM];
        char after[NUMBER_ROOM];

        fprintf(out, "connections   %s open", number_grouped(record->opened, opened));
        if (!result->options->churn && seconds > 0)
                fprintf(out, " after %s (%s/s)", number_duration(result->opening, after),
                        number_grouped((uint64_t)((double)record->opened / seconds), each));
        if (result->options->resume)
                fprintf(out, ", %s of them with a resumed TLS session",
                        number_grouped(result->resumed, each));
        fprintf(out, ", %s refused, %s cut\n", number_grouped(record->refused, refused),
                number_grouped(record->cut, cut));
}

static void
print_percentiles(const char *title, const struct aw_histogram *histogram, FILE *out)
{
        static const double percents[] = {50, 90, 99, 99.9};
        char number[NUMBER_ROOM];

        if (aw_histogram_count(histogram) == 0)
                return;
        fprintf(out, "%-13s min %s", title,
                number_ms(figures_milliseconds(aw_histogram_min(histogram)), number));
        fprintf(out, "  mean %s", number_ms(aw_histogram_mean(histogram) / 1e6, number));
        for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
                fprintf(out, "  p%g %s", percents[i],
                        number_ms(figures_milliseconds(
                                          aw_histogram_percentile(histogram, percents[i])),
                                  number));
        fprintf(out, "  max %s ms\n",
                number_ms(figures_milliseconds(aw_histogram_max(histogram)), number));
}

/* Messages that were due in one span of time, and what became of each. */
static void
print_counts(const char *title, const struct record_counts *counts, FILE *out)
{
        const struct {
                const char *before;
                uint64_t count;
                const char *name;
                bool always;
        } parts[] = {{"", counts->sent, "sent", true},
                     {": ", counts->right, "echoed", true},
                     {", ", counts->wrong, "wrong", true},
                     {", ", counts->lost, "lost", true},
                     {"; ", counts->doubled, "doubled", true},
                     {", ", counts->late, "late", true},
                     {", ", counts->unasked, "unasked", false},
                     {", ", counts->unsent, "never sent", false}};
        char number[NUMBER_ROOM];

        fprintf(out, "%-14s", title);
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                if (parts[i].always || parts[i].count > 0)
                        fprintf(out, "%s%s %s", parts[i].before,
                                number_grouped(parts[i].count, number), parts[i].name);
}

static void
print_messages(const struct result *result, FILE *out)
{
        const struct record *record = &result->record;
        const struct record_counts *other = &record->other;
        char sent[NUMBER_ROOM], received[NUMBER_ROOM];

        if (result->options->no_echo)
                fprintf(out, "messages      %s sent, %s received",
                        number_grouped(record->measured.sent, sent),
                        number_grouped(record->in_time, received));
        else
                print_counts("messages", &record->measured, out);
        if (result->options->no_echo && record_total(record).unsent > 0)
                fprintf(out, ", %s never sent", number_grouped(record_total(record).unsent, sent));
        fputc('\n', out);
        if (result->options->no_echo || other->sent + other->received + other->unsent == 0)
                return;
        print_counts("not measured", &record->other, out);
        fputc('\n', out);
}

static void
print_rate(const struct result *result, FILE *out)
{
        double seconds = (double)result->duration / CLOCK_SECOND;
        double bytes = result->options->no_echo ? (double)result->record.measured.sent_bytes
                                                : (double)result->record.in_time_bytes;
        char number[NUMBER_ROOM];

        if (!(seconds > 0))
                return;
        fprintf(out, "rate          %s %s",
                number_grouped((uint64_t)(figures_rate(result) + 0.5), number),
                result->options->churn ? "cycles/s" : "messages/s");
        if (!result->options->churn)
                fprintf(out, ", %.3g MB/s%s", bytes / seconds / 1e6,
                        result->options->no_echo ? "" : " each way");
        fputc('\n', out);
}

/* The next bound of the histogram's lines: 1, 2.5 or 5 times a power of ten. */
static double
next_bound(double value)
{
        double power = pow(10, floor(log10(value) + 1e-9));
        double digit = value / power * (1 + 1e-9);

        return (digit < 2.5 ? 2.5 : digit < 5 ? 5 : 10) * power;
}

static void
print_bar(double low, double high, double share, double most, FILE *out)
{
        char a[NUMBER_ROOM], b[NUMBER_ROOM];
        int length = (int)(share / most * BAR + 0.5);

        fprintf(out, "%7s - %7s ms  %-*.*s %5.1f %%\n", number_ms(low, a), number_ms(high, b), BAR,
                length, "########################################", share * 100);
}

/* The upper bound of the line that begins at `low`; the last one ends at the maximum. */
static double
bound_above(double low, double max)
{
        double high = next_bound(low > 1e-3 ? low : 1e-3);

        return high < max ? high : max;
}

/* Draws the lines if `out` is not NULL; returns the largest share of a line. */
static double
each_line(const struct aw_histogram *latency, double most, FILE *out)
{
        double low = figures_milliseconds(aw_histogram_min(latency)), found = 0;
        double max = figures_milliseconds(aw_histogram_max(latency));
        uint64_t total = aw_histogram_count(latency), below = 0;

        while (below < total) {
                double high = bound_above(low, max), share;
                uint64_t upto =
                        high < max ? aw_histogram_below(latency, (uint64_t)(high * 1e6)) : total;

                share = (double)(upto - below) / (double)total;
                found = fmax(found, share);
                if (out != NULL)
                        print_bar(low, high, share, most, out);
                below = upto;
                low = high;
        }
        return found;
}

static void
print_histogram(const struct result *result, FILE *out)
{
        const struct aw_histogram *latency = &result->record.latency;

        if (aw_histogram_count(latency) > 0)
                each_line(latency, each_line(latency, 1, NULL), out);
}

static void
print_server(const struct result *result, FILE *out)
{
        double memory = figures_server_memory(result), each = figures_server_cpu(result);

        if (result->target.count == 0)
                return;
        fputs("server        ", out);
        if (each > 0)
                fprintf(out, "%.2f us of a core for each %s, ", each,
                        result->options->churn ? "cycle" : "message");
        fprintf(out, "%.0f %% of one core",
                result->duration > 0 ? 100 * (double)result->target.cpu / (double)result->duration
                                     : 0);
        if (memory >= 0)
                fprintf(out, ", %.1f KiB for each connection", memory / 1024);
        if (result->target.ended > 0)
                fprintf(out, ", %zu of its processes ended meanwhile", result->target.ended);
        fputc('\n', out);
}

static void
print_own(const struct result *result, FILE *out)
{
        const char *why = figures_why_unsent(result);
        double busy = figures_busy(result);
        uint64_t lag = aw_histogram_percentile(&result->record.lag, 99);

        fprintf(out, "this side     %.0f %% of one core%s, %.2f us for each %s\n", 100 * busy,
                result->options->thread_count > 1 ? " in the busiest thread" : "",
                figures_own_cpu(result), result->options->churn ? "cycle" : "message");
        if (busy > BUSY)
                fprintf(out, "              this program is the limit: use --threads %zu\n",
                        result->options->thread_count * 2);
        if (figures_waited(result) > WAITED)
                fprintf(out,
                        "              it waited for a core %.0f %% of the time: other work on "
                        "this "
                        "machine distorts the latencies\n",
                        100 * figures_waited(result));
        if (why != NULL)
                fprintf(out, "              messages were never sent: %s\n", why);
        else if (lag > 1000000)
                fprintf(out,
                        "              messages went out late (p99 %.2f ms): the server did not "
                        "take them, or this side could not keep up\n",
                        figures_milliseconds(lag));
}

void
report_table(const struct result *result, FILE *out)
{
        print_what(result, out);
        print_connections(result, out);
        print_percentiles("handshake", &result->record.connect, out);
        if (result->options->work != BENCH_IDLE) {
                print_messages(result, out);
                print_rate(result, out);
        } else {
                fputs("messages      none: --idle sends nothing, so there are no latencies\n", out);
        }
        print_percentiles(result->options->rate > 0 ? "from due" : "round trip",
                          &result->record.latency, out);
        if (result->options->churn)
                print_percentiles("cycle", &result->record.cycle, out);
        print_histogram(result, out);
        print_server(result, out);
        if (result->options->work != BENCH_IDLE)
                print_own(result, out);
        if (result->record.reason[0] != '\0')
                fprintf(out, "first failure %s\n", result->record.reason);
}
