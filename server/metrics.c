/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"

#include "access_log.h"
#include "await/log.h"

#define SAMPLE_TIME AW_SECOND
#define LAG_TIME    (SAMPLE_TIME / 10) /* a turn that takes longer is seen, whenever it comes */

static struct metrics own;
static struct metrics *block = &own;

/* What was in it when it became ours. */
static struct metrics found;

/* Where messages are counted. */
static struct ws_listener *const *sources;
static const size_t *source_count;

/* Counting. */

static uint64_t *
value_at(const struct metrics_row *row, struct metrics *metrics, size_t index)
{
        return (uint64_t *)(void *)((char *)metrics + row->offset) + index;
}

void
metrics_forget(struct metrics *given)
{
        size_t i, j;

        for (i = 0; i < metrics_rows; i++)
                for (j = 0; metrics_table[i].type == METRICS_GAUGE && j < metrics_table[i].count;
                     j++)
                        *value_at(&metrics_table[i], given, j) = 0;
}

void
metrics_use(struct metrics *given)
{
        block = given;
        metrics_forget(block);
        found = *block;
}

struct metrics *
metrics_block(void)
{
        return block;
}

static void
count_tls(const struct ws_info *info)
{
        block->tls[strcmp(info->tls, "TLSv1.3") == 0 ? 1 : 0][info->resumed ? 1 : 0]++;
}

static void
count_opened(const struct ws_info *info)
{
        block->opened++;
        block->open++;
        block->shaking--;
        aw_histogram_add(&block->handshake, info->opened - info->accepted);
}

static void
count_code(uint64_t *codes, unsigned code)
{
        codes[metrics_code_index(code == 0 ? WS_ABNORMAL : code)]++;
}

static void
count_closed(const struct ws_info *info)
{
        block->open--;
        aw_histogram_add(&block->lifetime, info->ended - info->opened);
        count_code(block->received_closes, info->received_close);
        count_code(block->sent_closes, info->sent_close);
}

/* A page that was asked for is no WebSocket that was refused. */
static void
count_refused(const struct ws_info *info)
{
        int class = info->status / 100;

        block->shaking--;
        if (class >= 2 && class < 2 + METRICS_CLASSES)
                block->responses[class - 2]++;
        if (class != 2 && class != 3)
                block->refused[metrics_reason_index(info)]++;
}

void
metrics_event(enum ws_event event, const struct ws_info *info)
{
        switch (event) {
        case WS_EVENT_ACCEPTED:
                block->accepted++;
                block->shaking++;
                break;
        case WS_EVENT_SECURE:
                count_tls(info);
                break;
        case WS_EVENT_OPENED:
                count_opened(info);
                break;
        case WS_EVENT_ENDED:
                block->tls_errors += info->tls_failed;
                if (info->limit != WS_LIMIT_NONE)
                        block->limits[info->limit - 1]++;
                if (info->opened != 0)
                        count_closed(info);
                else
                        count_refused(info);
                break;
        case WS_EVENT_TURNED_AWAY:
                block->accepted++;
                block->refused[metrics_reason_named("descriptors")]++;
                break;
        }
}

void
metrics_limit(enum metrics_limit limit)
{
        block->limits[limit]++;
}

void
metrics_turned_away(void)
{
        block->accepted++;
        block->refused[metrics_reason_named("busy")]++;
        metrics_limit(METRICS_MAX_CONNECTIONS);
}

/* Looking up. */

static uint64_t
microseconds_of(const struct timeval *time)
{
        return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* Without /proc it is 0. */
static uint64_t
resident_memory(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        unsigned long pages = 0;

        if (file == NULL)
                return 0;
        if (fscanf(file, "%*u %lu", &pages) != 1)
                pages = 0;
        fclose(file);
        return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
add_compressed(struct ws_compressed *sum, const struct ws_compressed *more)
{
        sum->messages += more->messages;
        sum->plain += more->plain;
        sum->compressed += more->compressed;
}

static void
sample_compression(void)
{
        struct ws_compression counts;

        ws_compression_total(&counts);
        add_compressed(&counts.received, &found.compression.received);
        add_compressed(&counts.sent, &found.compression.sent);
        block->compression = counts;
}

static uint64_t
now_since_1970(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

const struct ws_counters *
metrics_found_traffic(void)
{
        return &found.traffic;
}

void
metrics_set_listeners(struct ws_listener *const *listeners, const size_t *count)
{
        sources = listeners;
        source_count = count;
}

void
metrics_sample(void)
{
        struct ws_counters traffic = found.traffic;
        uint64_t connections = ws_connection_count() * WS_CONNECTION_COST, all = ws_memory();
        struct aw_log_losses losses;
        struct aw_task_usage tasks;
        struct rusage usage;
        size_t i;

        for (i = 0; sources != NULL && i < *source_count; i++)
                ws_listener_count(sources[i], &traffic);
        block->traffic = traffic;
        sample_compression();
        aw_task_usage(&tasks);
        aw_log_losses(&losses);
        getrusage(RUSAGE_SELF, &usage);
        block->tasks = tasks.tasks;
        block->stack_space = tasks.space;
        block->slow_tasks = found.slow_tasks + aw_loop_slow_count(aw_loop_get());
        block->connection_memory = connections;
        block->message_memory = all > connections ? all - connections : 0;
        block->resident_memory = resident_memory();
        block->log_lost = found.log_lost + losses.lost;
        block->log_left_out = found.log_left_out + losses.left_out;
        block->access_log_lost = found.access_log_lost + access_log_lost();
        block->cpu_time = found.cpu_time + microseconds_of(&usage.ru_utime) +
                          microseconds_of(&usage.ru_stime);
        if (block->start_time == 0)
                block->start_time = now_since_1970();
}

async int
metrics_watch_loop(void *unused)
{
        aw_time due = aw_loop_now(), sample = due;

        (void)unused;
        do {
                if (due >= sample) {
                        metrics_sample();
                        sample = due + SAMPLE_TIME;
                }
                due += LAG_TIME;
                if (await(aw_sleep_until(due)) == -1)
                        return 0;
                aw_histogram_add(&block->lag, aw_loop_now() - due);
                /* After a long pause it does not catch up. */
                if (aw_loop_now() - due > LAG_TIME)
                        due = aw_loop_now();
        } while (true);
}

/* Showing. */

/* The sums over `count` blocks of what stands there. */
static uint64_t
total(const struct metrics_row *row, const struct metrics *blocks, size_t count, size_t index)
{
        uint64_t sum = 0, value;
        size_t i;

        for (i = 0; i < count; i++) {
                const char *at = (const char *)&blocks[i] + row->offset;

                value = __atomic_load_n((const uint64_t *)(const void *)at + index,
                                        __ATOMIC_RELAXED);
                if (!row->earliest)
                        sum += value;
                else if (value != 0 && (sum == 0 || value < sum))
                        sum = value;
        }
        return sum;
}

/* What a line belongs to. */
struct line {
        FILE *out;
        const struct metrics_row *row;
        const char *worker; /* "worker=\"0\"", or NULL */
};

static void
print_name(const struct line *line, const char *suffix)
{
        const char *name = line->row->name;

        fprintf(line->out, "%s%s%s%s",
                strncmp(name, "process_", 8) == 0 && line->worker == NULL ? "" : "wsechod_",
                line->worker == NULL ? "" : "worker_", name, suffix);
}

/* Labels that are given, each NULL or `name="value"`, in braces if there are any. */
static void
print_labels(const struct line *line, const char *name, const char *value)
{
        const char *const given[] = {line->worker, line->row->labels};
        const char *before = "{";

        for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
                if (given[i] == NULL)
                        continue;
                fprintf(line->out, "%s%s", before, given[i]);
                before = ",";
        }
        if (name != NULL)
                fprintf(line->out, "%s%s=\"%s\"}", before, name, value);
        else if (*before == ',')
                fputc('}', line->out);
}

static void
print_value(FILE *out, uint64_t value, bool microseconds)
{
        if (microseconds)
                fprintf(out, " %" PRIu64 ".%06" PRIu64 "\n", value / 1000000, value % 1000000);
        else
                fprintf(out, " %" PRIu64 "\n", value);
}

static void
print_buckets(const struct line *line, const struct metrics *blocks, size_t count)
{
        uint64_t so_far = 0;
        char bound[32];
        unsigned i;

        for (i = 0; i <= AW_HISTOGRAM_BOUNDS; i++) {
                so_far += total(line->row, blocks, count, i);
                if (i < AW_HISTOGRAM_BOUNDS)
                        snprintf(bound, sizeof(bound), "%g",
                                 (double)aw_histogram_bound(i) / AW_SECOND);
                print_name(line, "_bucket");
                print_labels(line, "le", i < AW_HISTOGRAM_BOUNDS ? bound : "+Inf");
                print_value(line->out, so_far, false);
        }
        print_name(line, "_sum");
        print_labels(line, NULL, NULL);
        print_value(line->out, total(line->row, blocks, count, i), true);
        print_name(line, "_count");
        print_labels(line, NULL, NULL);
        print_value(line->out, so_far, false);
}

static void
print_row(const struct line *line, const struct metrics *blocks, size_t count)
{
        const struct metrics_row *row = line->row;
        size_t i;

        if (row->type == METRICS_HISTOGRAM) {
                print_buckets(line, blocks, count);
                return;
        }
        for (i = 0; i < row->count; i++) {
                print_name(line, "");
                print_labels(line, row->label, row->label == NULL ? NULL : row->values[i]);
                print_value(line->out, total(row, blocks, count, i), row->microseconds);
        }
}

/* Of the rows with one name the first has the help. */
static void
print_head(const struct line *line)
{
        static const char *const types[] = {"counter", "gauge", "histogram"};

        fputs("# HELP ", line->out);
        print_name(line, "");
        fprintf(line->out, " %s%s\n# TYPE ", line->row->help,
                line->worker == NULL ? "" : " By worker.");
        print_name(line, "");
        fprintf(line->out, " %s\n", types[line->row->type]);
}

/* All rows of the name that the first one has; returns how many those are. */
static size_t
print_family(FILE *out, const struct metrics_row *first, const struct metrics *blocks, size_t count,
             bool each)
{
        const struct metrics_row *end = metrics_table + metrics_rows, *row;
        struct line line = {.out = out, .row = first, .worker = each ? "" : NULL};
        char worker[32];
        size_t i, times = each ? count : 1;

        print_head(&line);
        for (i = 0; i < times; i++) {
                snprintf(worker, sizeof(worker), "worker=\"%zu\"", i);
                line.worker = each ? worker : NULL;
                for (row = first; row < end && strcmp(row->name, first->name) == 0; row++) {
                        line.row = row;
                        print_row(&line, each ? blocks + i : blocks, each ? 1 : count);
                }
        }
        for (row = first; row < end && strcmp(row->name, first->name) == 0; row++)
                continue;
        return (size_t)(row - first);
}

static void
print_build(FILE *out)
{
        fprintf(out,
                "# HELP wsechod_build_info What is running; always 1.\n"
                "# TYPE wsechod_build_info gauge\n"
                "wsechod_build_info{version=\"%s\",loop=\"%s\"} 1\n",
                AW_VERSION, aw_loop_get() == NULL ? "" : aw_loop_backend(aw_loop_get()));
}

void
metrics_render(FILE *out, const struct metrics *blocks, size_t count)
{
        size_t i;

        print_build(out);
        for (i = 0; i < metrics_rows;)
                i += print_family(out, &metrics_table[i], blocks, count, false);
        for (i = 0; count > 1 && i < metrics_rows;)
                i += print_family(out, &metrics_table[i], blocks, count, true);
}
