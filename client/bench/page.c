/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "conductor.h"
#include "figures.h"
#include "number.h"
#include "plot.h"
#include "report.h"

static const char style[] =
        ":root{color-scheme:light dark;--back:#fff;--text:#1a1d21;--faint:#667;--grid:#e3e6ea;"
        "--card:#f5f6f8;--a:#1a5fb4;--b:#c64600;--c:#7a3e9d;--bad:#b3261e}"
        "@media(prefers-color-scheme:dark){:root{--back:#14171a;--text:#e8eaed;--faint:#9aa3ad;"
        "--grid:#2b3036;--card:#1d2126;--a:#78aeed;--b:#ffa348;--c:#dc8add;--bad:#ff8a80}}"
        "*{box-sizing:border-box}"
        "body{margin:0 auto;max-width:1240px;padding:24px;background:var(--back);"
        "color:var(--text);font:15px/1.5 system-ui,sans-serif}"
        "h1{font-size:22px;margin:0 0 2px;overflow-wrap:anywhere}p{margin:0 0 18px;"
        "color:var(--faint)}"
        "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:12px;"
        "margin:0 0 18px}"
        "dl div{background:var(--card);border-radius:8px;padding:10px 14px}"
        "dt{color:var(--faint);font-size:13px}"
        "dd{margin:0;font-size:22px;font-variant-numeric:tabular-nums}"
        "dd.bad{color:var(--bad)}"
        "main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(520px,100%),1fr));"
        "gap:14px}"
        "figure{margin:0;background:var(--card);border-radius:8px;padding:10px}"
        "figure{overflow-x:auto}"
        "svg{width:100%;min-width:440px;height:auto;display:block;font-family:system-ui,sans-serif}"
        ".grid{stroke:var(--grid)}.tick{fill:var(--faint);font-size:13px}"
        ".title{fill:var(--text);font-size:15px;font-weight:600}"
        ".line{fill:none;stroke-width:2;stroke-linejoin:round}"
        ".line0{stroke:var(--a)}.line1{stroke:var(--b);stroke-dasharray:7 3}"
        ".line2{stroke:var(--c);stroke-dasharray:2 3}"
        "pre{background:var(--card);border-radius:8px;padding:14px;overflow-x:auto;"
        "font-size:13px;line-height:1.45}";

static void
print_markup(const char *text, FILE *out)
{
        for (; *text != '\0'; text++)
                switch (*text) {
                case '<':
                        fputs("&lt;", out);
                        break;
                case '>':
                        fputs("&gt;", out);
                        break;
                case '&':
                        fputs("&amp;", out);
                        break;
                case '\'':
                        fputs("&#39;", out);
                        break;
                case '"':
                        fputs("&quot;", out);
                        break;
                default:
                        fputc(*text, out);
                }
}

static void
print_card(const char *name, const char *unit, const char *value, bool bad, FILE *out)
{
        fprintf(out, "<div><dt>%s%s</dt><dd%s>%s</dd></div>\n", name, unit,
                bad ? " class='bad'" : "", value);
}

static void
print_cards(const struct result *result, FILE *out)
{
        static const char *const latencies[] = {"p50", "p90", "p99", "p99.9", "max"};
        double errors = figures_value(result, "errors");
        bool none = aw_histogram_count(&result->record.latency) == 0;
        char number[NUMBER_ROOM];

        fputs("<dl>\n", out);
        print_card("rate", result->options->churn ? ", cycles/s" : ", messages/s",
                   number_grouped((uint64_t)(figures_rate(result) + 0.5), number), false, out);
        for (size_t i = 0; i < sizeof(latencies) / sizeof(latencies[0]); i++)
                print_card(latencies[i], ", ms",
                           none ? "none" : number_ms(figures_value(result, latencies[i]), number),
                           false, out);
        if (figures_server_cpu(result) > 0)
                print_card("server, us each", "",
                           number_rounded(figures_server_cpu(result), number), false, out);
        print_card("errors", "", number_grouped((uint64_t)errors, number), errors > 0, out);
        fputs("</dl>\n", out);
}

#define PER_NINE 50 /* points from 90 % to 99 %, from there to 99.9 %, and so on */

/* The percentile axis: each step is a tenth of what is left. */
static void
percent_label(double x, char *out, size_t size)
{
        int nines = (int)(x + 0.5);

        snprintf(out, size, "%.*f %%", nines > 2 ? nines - 2 : 0, 100 - 100 / pow(10, nines));
}

static void
draw_percentiles(const struct result *result, FILE *out)
{
        const struct aw_histogram *latency = &result->record.latency;
        struct plot plot = {.title = "Latency by percentile",
                            .x_name = "of all messages",
                            .y_name = "ms",
                            .count = 1,
                            .x_label = percent_label,
                            .x_step = 1};
        double most = log10((double)aw_histogram_count(latency) + 1e-9);

        for (int i = 0; i <= most * PER_NINE; i++) {
                double x = (double)i / PER_NINE;

                plot_add(&plot, 0, x,
                         figures_milliseconds(
                                 aw_histogram_percentile(latency, 100 - 100 / pow(10, x))));
        }
        plot_draw(&plot, out);
        plot_free(&plot);
}

/* A value of each second. */
static void
draw_seconds(const struct result *result, struct plot *plot,
             double (*value)(const struct result_second *second, size_t line), FILE *out)
{
        double at = 0;

        plot->x_name = "s";
        for (size_t i = 0; i < result->second_count; i++) {
                at += result->seconds[i].seconds;
                for (size_t line = 0; line < plot->count; line++)
                        plot_add(plot, line, at, value(&result->seconds[i], line));
        }
        plot_draw(plot, out);
        plot_free(plot);
}

static double
rate_of(const struct result_second *second, size_t line)
{
        (void)line;
        return second->seconds > 0 ? (double)second->received / second->seconds : 0;
}

static double
latency_of(const struct result_second *second, size_t line)
{
        return figures_milliseconds(line == 0   ? second->p50
                                    : line == 1 ? second->p99
                                                : second->max);
}

static double
errors_of(const struct result_second *second, size_t line)
{
        (void)line;
        return (double)second->errors;
}

static void
draw_plots(const struct result *result, FILE *out)
{
        struct plot rate = {.title = "Throughput", .y_name = "messages/s", .count = 1};
        struct plot latency = {.title = "Latency over time",
                               .y_name = "ms",
                               .count = 3,
                               .lines = {{.name = "p50"}, {.name = "p99"}, {.name = "max"}}};
        struct plot errors = {
                .title = "Errors", .y_name = "in each second", .count = 1, .y_least = 5};

        fputs("<main>\n", out);
        draw_percentiles(result, out);
        draw_seconds(result, &rate, rate_of, out);
        draw_seconds(result, &latency, latency_of, out);
        draw_seconds(result, &errors, errors_of, out);
        fputs("</main>\n", out);
}

static void
print_table(const struct result *result, FILE *out)
{
        char *text = NULL;
        size_t size;
        FILE *memory = open_memstream(&text, &size);

        if (memory == NULL)
                return;
        report_table(result, memory);
        if (fclose(memory) == 0) {
                fputs("<pre>", out);
                print_markup(text, out);
                fputs("</pre>\n", out);
        }
        free(text);
}

void
report_page(const struct result *result, FILE *out)
{
        time_t begin = (time_t)(result->wall / CLOCK_SECOND);
        char when[64] = "";
        struct tm local;

        if (localtime_r(&begin, &local) != NULL)
                strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &local);
        fprintf(out,
                "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
                "<meta name='viewport' content='width=device-width,initial-scale=1'>"
                "<title>wsbench</title><style>%s</style></head><body>\n<h1>",
                style);
        print_markup(result->url, out);
        fprintf(out, "</h1><p>wsbench %s, %s</p>\n", AW_VERSION, when);
        print_cards(result, out);
        draw_plots(result, out);
        print_table(result, out);
        fputs("</body></html>\n", out);
}
