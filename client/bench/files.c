/* SPDX-License-Identifier: MIT */
/* The forms that other programs read. */
#include <inttypes.h>

#include "conductor.h"
#include "figures.h"
#include "report.h"

void
report_csv(const struct result *result, FILE *out)
{
        double at = 0;

        fputs("second,seconds,messages,bytes,errors,rate,p50_ms,p99_ms,max_ms\n", out);
        for (size_t i = 0; i < result->second_count; i++) {
                const struct result_second *second = &result->seconds[i];

                at += second->seconds;
                fprintf(out, "%.3f,%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.1f", at,
                        second->seconds, second->received, second->received_bytes, second->errors,
                        second->seconds > 0 ? (double)second->received / second->seconds : 0);
                /* A second without an echo has no latencies. */
                if (second->max > 0)
                        fprintf(out, ",%.4f,%.4f,%.4f\n", figures_milliseconds(second->p50),
                                figures_milliseconds(second->p99),
                                figures_milliseconds(second->max));
                else
                        fputs(",,,\n", out);
        }
}

/* Five lines for each halving of the distance to 100 %, as HdrHistogram has them. */
#define HDR_TICKS 5

static void
hdr_line(const struct aw_histogram *latency, double percent, FILE *out)
{
        uint64_t value = aw_histogram_percentile(latency, percent);

        fprintf(out, "%12.3f %2.12f %10" PRIu64, figures_milliseconds(value), percent / 100,
                aw_histogram_below(latency, value));
        if (percent < 100)
                fprintf(out, " %14.2f", 1 / (1 - percent / 100));
        fputc('\n', out);
}

void
report_hdr(const struct result *result, FILE *out)
{
        const struct aw_histogram *latency = &result->record.latency;
        double percent = 0, half = 100;

        fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                "1/(1-Percentile)");
        /* Down to the distance that one value makes. */
        while (aw_histogram_count(latency) > 0 &&
               half / 100 * (double)aw_histogram_count(latency) >= 1) {
                for (int tick = 0; tick < HDR_TICKS; tick++)
                        hdr_line(latency, percent + half / 2 * tick / HDR_TICKS, out);
                percent += half / 2;
                half /= 2;
        }
        if (aw_histogram_count(latency) > 0)
                hdr_line(latency, 100, out);
        fprintf(out,
                "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n"
                "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n"
                "#[Buckets = %12d, SubBuckets     = %12d]\n",
                aw_histogram_mean(latency) / 1e6, aw_histogram_deviation(latency) / 1e6,
                figures_milliseconds(aw_histogram_max(latency)), aw_histogram_count(latency),
                AW_HISTOGRAM_BUCKETS / AW_HISTOGRAM_OCTAVE, AW_HISTOGRAM_OCTAVE);
}
