/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"

#include "conductor.h"
#include "figures.h"
#include "json_text.h"
#include "live.h"
#include "number.h"

/* What is compared. The last one needs to know the servers' processes. */
static const char *const figures[] = {"rate", "mean", "p50", "p90", "p99", "p99.9", "server-cpu"};

#define FIGURES (sizeof(figures) / sizeof(figures[0]))

struct comparison {
        const struct bench_options *options;
        const char *urls[2];
        size_t rounds; /* that are complete */
        double (*values)[2][FIGURES];
        uint64_t errors[2];
        sigset_t interrupts; /* wait while it is nobody's turn */
        bool live, interrupted;
};

/* Student's t: 97.5 % of the distribution with so many degrees of freedom lie below. */
static double
student(size_t freedom)
{
        static const double few[] = {0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447,
                                     2.365, 2.306,  2.262, 2.228, 2.201, 2.179, 2.160,
                                     2.145, 2.131,  2.120, 2.110, 2.101, 2.093, 2.086};
        double z = 1.959964, n = (double)freedom;

        if (freedom < sizeof(few) / sizeof(few[0]))
                return few[freedom];
        return z + (z * z * z + z) / (4 * n) +
               (5 * pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * n * n);
}

struct compare_ratio
compare_ratio(const double *logarithms, size_t count)
{
        double mean = 0, squares = 0, half;

        for (size_t i = 0; i < count; i++)
                mean += logarithms[i] / (double)count;
        for (size_t i = 0; i < count; i++)
                squares += (logarithms[i] - mean) * (logarithms[i] - mean);
        half = student(count - 1) * sqrt(squares / (double)(count - 1) / (double)count);
        return (struct compare_ratio){exp(mean), exp(mean - half), exp(mean + half)};
}

/* The ratio of a figure; false if a round lacks it. */
static bool
ratio_of(const struct comparison *comparison, size_t figure, struct compare_ratio *ratio)
{
        double *logarithms = calloc(comparison->rounds + 1, sizeof(*logarithms));
        bool known = logarithms != NULL && comparison->rounds >= 2;

        for (size_t i = 0; known && i < comparison->rounds; i++) {
                double first = comparison->values[i][0][figure];
                double second = comparison->values[i][1][figure];

                known = first > 0 && second > 0;
                if (known)
                        logarithms[i] = log(second / first);
        }
        if (known)
                *ratio = compare_ratio(logarithms, comparison->rounds);
        free(logarithms);
        return known;
}

static double
mean_of(const struct comparison *comparison, size_t server, size_t figure)
{
        double sum = 0;

        for (size_t i = 0; i < comparison->rounds; i++)
                sum += comparison->values[i][server][figure];
        return comparison->rounds > 0 ? sum / (double)comparison->rounds : 0;
}

/* A percentile that fewer than ten messages exceed is a matter of luck. */
static bool
is_sound(const struct result *result, const char *figure)
{
        double beyond = 100 - strtod(figure + 1, NULL);

        return figure[0] != 'p' ||
               (double)aw_histogram_count(&result->record.latency) * beyond / 100 >= 10;
}

/* Whether an interrupt came when it was nobody's turn. */
static bool
look_between_turns(struct comparison *comparison)
{
        if (sigtimedwait(&comparison->interrupts, NULL, &(struct timespec){0, 0}) > 0)
                comparison->interrupted = true;
        return comparison->interrupted;
}

/* An interrupt while connections are opened is no failure of the server's. */
static enum bench_status
failure_of_turn(const struct result *result)
{
        if (result != NULL && result->error == 0 && result->interrupted &&
            result->record.failure == 0)
                return BENCH_OK;
        return conductor_failure(result);
}

/* One server's turn. */
static enum bench_status
take_turn(struct comparison *comparison, size_t server)
{
        const struct aw_opt_strings *given = &comparison->options->server_pids;
        struct aw_opt_strings pids = {.items = given->items + server,
                                      .count = server < given->count};
        char phase[64];
        struct result *result;
        struct live live;
        enum bench_status status;

        live_init(&live, comparison->live);
        snprintf(phase, sizeof(phase), "round %zu of %zu", comparison->rounds + 1,
                 (size_t)comparison->options->rounds);
        live_phase(&live, phase, 0);
        result = conductor_run(comparison->options, comparison->urls[server], &pids, false);
        live_clear(&live);
        status = failure_of_turn(result);
        if (status == BENCH_OK) {
                for (size_t i = 0; i < FIGURES; i++)
                        if (is_sound(result, figures[i]))
                                comparison->values[comparison->rounds][server][i] =
                                        figures_value(result, figures[i]);
                comparison->errors[server] += (uint64_t)figures_value(result, "errors");
                comparison->interrupted = comparison->interrupted || result->interrupted;
        }
        conductor_free(result);
        return status;
}

static enum bench_status
run_rounds(struct comparison *comparison)
{
        enum bench_status status = BENCH_OK;
        uint64_t rounds = comparison->options->rounds;

        for (uint64_t round = 0; round < rounds && !look_between_turns(comparison); round++) {
                size_t first = round % 2;

                status = take_turn(comparison, first);
                if (status == BENCH_OK && !look_between_turns(comparison))
                        status = take_turn(comparison, 1 - first);
                if (status != BENCH_OK || comparison->interrupted)
                        break;
                comparison->rounds++;
        }
        return status;
}

static void
print_comparison(const struct comparison *comparison)
{
        char asked[32] = "";

        if (comparison->rounds < comparison->options->rounds)
                snprintf(asked, sizeof(asked), " of %zu", (size_t)comparison->options->rounds);
        printf("%zu%s round%s%s, in each both servers in turn\n"
               "1: %s\n"
               "2: %s\n"
               "%-14s %12s %12s   2 / 1, 95 %% confidence\n",
               comparison->rounds, asked, comparison->rounds == 1 && asked[0] == '\0' ? "" : "s",
               comparison->interrupted ? " (interrupted)" : "", comparison->urls[0],
               comparison->urls[1], "", "1", "2");
        for (size_t i = 0; i < FIGURES; i++) {
                struct compare_ratio ratio;
                char means[2][NUMBER_ROOM];
                bool is_duration;

                figures_known(figures[i], &is_duration);
                if (!ratio_of(comparison, i, &ratio))
                        continue;
                printf("%-10s %-3s %12s %12s   %.3f  %.3f to %.3f%s\n", figures[i],
                       is_duration                             ? "ms"
                       : strcmp(figures[i], "server-cpu") == 0 ? "us"
                                                               : "/s",
                       number_rounded(mean_of(comparison, 0, i), means[0]),
                       number_rounded(mean_of(comparison, 1, i), means[1]), ratio.mean, ratio.low,
                       ratio.high,
                       ratio.low <= 1 && ratio.high >= 1 ? "  no difference shown" : "");
        }
        for (size_t i = 0; i < 2; i++)
                if (comparison->errors[i] > 0)
                        printf("%llu errors of %zu: %s\n",
                               (unsigned long long)comparison->errors[i], i + 1,
                               comparison->urls[i]);
}

static json_t *
json_of(const struct comparison *comparison)
{
        json_t *root =
                json_pack("{s:[o,o], s:I, s:I, s:b, s:[I,I]}", "urls",
                          json_any_text(comparison->urls[0], strlen(comparison->urls[0])),
                          json_any_text(comparison->urls[1], strlen(comparison->urls[1])), "rounds",
                          (json_int_t)comparison->rounds, "rounds_asked",
                          (json_int_t)comparison->options->rounds, "interrupted",
                          (int)comparison->interrupted, "errors", (json_int_t)comparison->errors[0],
                          (json_int_t)comparison->errors[1]);
        json_t *ratios = json_object();

        for (size_t i = 0; i < FIGURES; i++) {
                struct compare_ratio ratio;

                if (ratio_of(comparison, i, &ratio))
                        json_object_set_new(
                                ratios, figures[i],
                                json_pack("{s:f, s:f, s:f, s:[f,f]}", "ratio", ratio.mean, "low",
                                          ratio.low, "high", ratio.high, "means",
                                          mean_of(comparison, 0, i), mean_of(comparison, 1, i)));
        }
        json_object_set_new(root, "ratios", ratios);
        return root;
}

static enum bench_status
tell_comparison(const struct comparison *comparison)
{
        json_t *root;

        if (comparison->options->json) {
                root = json_of(comparison);
                if (root == NULL) {
                        bench_say("out of memory");
                        return BENCH_LOCAL;
                }
                json_dumpf(root, stdout, JSON_INDENT(2));
                putchar('\n');
                json_decref(root);
        } else {
                print_comparison(comparison);
        }
        if (fflush(stdout) == 0 && !ferror(stdout))
                return comparison->errors[0] + comparison->errors[1] > 0 ? BENCH_ERRORS : BENCH_OK;
        bench_say("standard output: %s", strerror(errno));
        return BENCH_LOCAL;
}

enum bench_status
compare_run(const struct bench_options *options, const char *first, const char *second)
{
        struct comparison comparison = {
                .options = options, .urls = {first, second}, .live = live_is_wanted()};
        enum bench_status status, told = BENCH_OK;
        sigset_t before;

        comparison.values = calloc(options->rounds, sizeof(*comparison.values));
        if (comparison.values == NULL) {
                bench_say("out of memory");
                return BENCH_LOCAL;
        }
        sigemptyset(&comparison.interrupts);
        for (size_t i = 0; i < sizeof(conductor_interrupts) / sizeof(conductor_interrupts[0]); i++)
                sigaddset(&comparison.interrupts, conductor_interrupts[i]);
        pthread_sigmask(SIG_BLOCK, &comparison.interrupts, &before);
        status = run_rounds(&comparison);
        look_between_turns(&comparison);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        /* A turn that fails leaves the rounds before it. */
        if (status == BENCH_OK || comparison.rounds > 0)
                told = tell_comparison(&comparison);
        free(comparison.values);
        return status == BENCH_OK ? told : status;
}
