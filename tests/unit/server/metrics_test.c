/* SPDX-License-Identifier: MIT */
/* Wraps: fopen. */
/* What the server counts, and how it is printed. */
#include <ctype.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "metrics.h"
#include "networks.h"
#include "unit/support.h"

static struct metrics blocks[3];

/* What /proc/self/statm says in place of the system's. */
static const char *statm = "/proc/self/statm";

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

FILE *
__wrap_fopen(const char *path, const char *mode)
{
        return __real_fopen(strcmp(path, "/proc/self/statm") == 0 ? statm : path, mode);
}

static char *
rendered(size_t count)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_non_null(out);
        metrics_render(out, blocks, count);
        assert_int_equal(fclose(out), 0);
        return text;
}

static void
assert_line(const char *text, const char *format, ...)
{
        char line[300] = "\n";
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(line + 1, sizeof(line) - 2, format, arguments);
        va_end(arguments);
        strcat(line, "\n");
        if (strstr(text, line) == NULL)
                fail_msg("no line '%s' in %s", line + 1, text);
}

static const char *
prefix_of(const struct metrics_row *row)
{
        return strncmp(row->name, "process_", 8) == 0 ? "" : "wsechod_";
}

static bool
ends_in(const char *name, const char *end)
{
        size_t length = strlen(name), tail = strlen(end);

        return length > tail && strcmp(name + length - tail, end) == 0;
}

/* The table. */

static void
names_and_units_are_as_prometheus_asks(void **state)
{
        size_t i;

        (void)state;
        for (i = 0; i < metrics_rows; i++) {
                const struct metrics_row *row = &metrics_table[i];
                const char *c;

                for (c = row->name; *c != '\0'; c++)
                        assert_true(islower((unsigned char)*c) || *c == '_');
                assert_int_equal(ends_in(row->name, "_total"), row->type == METRICS_COUNTER);
                if (row->type == METRICS_HISTOGRAM)
                        assert_true(ends_in(row->name, "_seconds"));
                if (row->microseconds)
                        assert_non_null(strstr(row->name, "_seconds"));
        }
}

/* The rows of a name stand together, have one type, and the first alone has the help. */
static void
each_name_has_one_help_and_one_type(void **state)
{
        size_t i, j;

        (void)state;
        for (i = 0; i < metrics_rows; i++) {
                const struct metrics_row *row = &metrics_table[i];
                bool first = i == 0 || strcmp(row[-1].name, row->name) != 0;

                assert_int_equal(row->help != NULL, first);
                if (!first)
                        assert_int_equal(row->type, row[-1].type);
                for (j = 0; first && j < i; j++)
                        assert_string_not_equal(metrics_table[j].name, row->name);
        }
}

static void
rows_lie_in_the_block_and_share_nothing(void **state)
{
        bool taken[sizeof(struct metrics) / sizeof(uint64_t)] = {false};
        size_t i, j, length;

        (void)state;
        for (i = 0; i < metrics_rows; i++) {
                const struct metrics_row *row = &metrics_table[i];

                length = row->type == METRICS_HISTOGRAM
                                 ? sizeof(struct aw_histogram) / sizeof(uint64_t)
                                 : row->count;
                assert_true(row->offset % sizeof(uint64_t) == 0 && row->count > 0);
                assert_true(row->offset + length * sizeof(uint64_t) <= sizeof(struct metrics));
                for (j = 0; j < length; j++) {
                        assert_false(taken[row->offset / sizeof(uint64_t) + j]);
                        taken[row->offset / sizeof(uint64_t) + j] = true;
                }
        }
        assert_int_equal(sizeof(struct metrics) % 64, 0);
}

/* Printing: each number of a block is another one. */

static void
fill(struct metrics *block, uint64_t first)
{
        uint64_t *numbers = (uint64_t *)(void *)block;

        for (size_t i = 0; i < sizeof(*block) / sizeof(uint64_t); i++)
                numbers[i] = first + i;
}

static void
assert_row(const char *text, const struct metrics_row *row, const char *name, const char *worker,
           uint64_t base, uint64_t times)
{
        char labels[200], value[60];
        size_t i;

        for (i = 0; row->type != METRICS_HISTOGRAM && i < row->count; i++) {
                uint64_t number = base + times * (row->offset / sizeof(uint64_t) + i);

                snprintf(labels, sizeof(labels), "%s%s%s%s%s%s%s%s", worker,
                         *worker != '\0' && (row->labels != NULL || row->label != NULL) ? "," : "",
                         row->labels == NULL ? "" : row->labels,
                         row->labels != NULL && row->label != NULL ? "," : "",
                         row->label == NULL ? "" : row->label, row->label == NULL ? "" : "=\"",
                         row->label == NULL ? "" : row->values[i], row->label == NULL ? "" : "\"");
                if (row->microseconds)
                        snprintf(value, sizeof(value), "%" PRIu64 ".%06" PRIu64, number / 1000000,
                                 number % 1000000);
                else
                        snprintf(value, sizeof(value), "%" PRIu64, number);
                assert_line(text, "%s%s%s%s %s", name, *labels != '\0' ? "{" : "", labels,
                            *labels != '\0' ? "}" : "", value);
        }
}

static void
each_row_is_printed_with_its_value(void **state)
{
        char name[100], *text;
        size_t i;

        (void)state;
        fill(&blocks[0], 1000001);
        text = rendered(1);
        for (i = 0; i < metrics_rows; i++) {
                snprintf(name, sizeof(name), "%s%s", prefix_of(&metrics_table[i]),
                         metrics_table[i].name);
                assert_row(text, &metrics_table[i], name, "", 1000001, 1);
                if (metrics_table[i].help != NULL)
                        assert_line(text, "# HELP %s %s", name, metrics_table[i].help);
        }
        assert_line(text, "# TYPE wsechod_connections_open gauge");
        assert_line(text, "# TYPE wsechod_messages_total counter");
        assert_line(text, "# TYPE wsechod_handshake_seconds histogram");
        assert_line(text, "wsechod_build_info{version=\"" AW_VERSION "\",loop=\"\"} 1");
        assert_null(strstr(text, "worker"));
        free(text);
}

static void
of_several_blocks_the_sums_and_each_are_printed(void **state)
{
        char name[100], worker[30], *text;
        size_t i, j;

        (void)state;
        for (i = 0; i < 3; i++)
                fill(&blocks[i], 10000000 * (i + 1));
        text = rendered(3);
        for (i = 0; i < metrics_rows; i++) {
                const struct metrics_row *row = &metrics_table[i];

                snprintf(name, sizeof(name), "%s%s", prefix_of(row), row->name);
                if (row->earliest)
                        assert_row(text, row, name, "", 10000000, 1);
                else
                        assert_row(text, row, name, "", 60000000, 3);
                for (j = 0; j < 3; j++) {
                        snprintf(name, sizeof(name), "wsechod_worker_%s", row->name);
                        snprintf(worker, sizeof(worker), "worker=\"%zu\"", j);
                        assert_row(text, row, name, worker, 10000000 * (j + 1), 1);
                }
        }
        free(text);
}

static void
a_histogram_is_cumulative_and_has_its_sum(void **state)
{
        char *text;

        (void)state;
        memset(blocks, 0, sizeof(blocks));
        aw_histogram_add(&blocks[0].lag, 5);
        aw_histogram_add(&blocks[0].lag, 1500);
        aw_histogram_add(&blocks[1].lag, 7200 * INT64_C(1000000));
        text = rendered(2);
        assert_line(text, "wsechod_loop_lag_seconds_bucket{le=\"1e-05\"} 1");
        assert_line(text, "wsechod_loop_lag_seconds_bucket{le=\"0.001\"} 1");
        assert_line(text, "wsechod_loop_lag_seconds_bucket{le=\"0.002\"} 2");
        assert_line(text, "wsechod_loop_lag_seconds_bucket{le=\"3600\"} 2");
        assert_line(text, "wsechod_loop_lag_seconds_bucket{le=\"+Inf\"} 3");
        assert_line(text, "wsechod_loop_lag_seconds_sum 7200.001505");
        assert_line(text, "wsechod_loop_lag_seconds_count 3");
        assert_line(text, "wsechod_worker_loop_lag_seconds_bucket{worker=\"1\",le=\"+Inf\"} 1");
        assert_line(text, "wsechod_worker_loop_lag_seconds_sum{worker=\"0\"} 0.001505");
        free(text);
}

/* Counting. */

static void
a_block_that_is_taken_over_counts_on_but_for_what_is_there_now(void **state)
{
        (void)state;
        memset(&blocks[0], 0, sizeof(blocks[0]));
        blocks[0].accepted = 5;
        blocks[0].open = 3;
        blocks[0].shaking = 2;
        blocks[0].message_memory = 9;
        blocks[0].traffic.sent.messages[1] = 7;
        metrics_use(&blocks[0]);
        assert_ptr_equal(metrics_block(), &blocks[0]);
        assert_int_equal(blocks[0].accepted, 5);
        assert_int_equal(blocks[0].open + blocks[0].shaking + blocks[0].message_memory, 0);
        assert_int_equal(blocks[0].traffic.sent.messages[1], 7);
}

static struct metrics *
fresh(void)
{
        memset(&blocks[0], 0, sizeof(blocks[0]));
        metrics_use(&blocks[0]);
        return &blocks[0];
}

static void
a_connection_is_counted_from_its_beginning_to_its_end(void **state)
{
        struct metrics *block = fresh();
        struct ws_info info = {.accepted = 1000, .tls = "TLSv1.3"};

        (void)state;
        metrics_event(WS_EVENT_ACCEPTED, &info);
        assert_int_equal(block->accepted, 1);
        assert_int_equal(block->shaking, 1);
        metrics_event(WS_EVENT_SECURE, &info);
        info.resumed = true;
        metrics_event(WS_EVENT_SECURE, &info);
        info.tls = "TLSv1.2";
        metrics_event(WS_EVENT_SECURE, &info);
        assert_int_equal(block->tls[1][0], 1);
        assert_int_equal(block->tls[1][1], 1);
        assert_int_equal(block->tls[0][0], 0);
        assert_int_equal(block->tls[0][1], 1);
        info.opened = 4000;
        info.status = 101;
        metrics_event(WS_EVENT_OPENED, &info);
        assert_int_equal(block->opened, 1);
        assert_int_equal(block->open, 1);
        assert_int_equal(block->shaking, 0);
        assert_int_equal(block->handshake.sum, 3000);
        info.ended = 104000;
        info.received_close = 1001;
        metrics_event(WS_EVENT_ENDED, &info);
        assert_int_equal(block->open, 0);
        assert_int_equal(block->lifetime.sum, 100000);
        assert_int_equal(block->received_closes[metrics_code_index(1001)], 1);
        assert_int_equal(block->sent_closes[metrics_code_index(1006)], 1);
        for (size_t i = 0; i < METRICS_REASONS; i++)
                assert_int_equal(block->refused[i], 0);
}

static void
assert_refused(struct ws_info info, const char *reason)
{
        struct metrics *block = fresh();
        size_t i;

        info.accepted = 1;
        info.ended = 2;
        metrics_event(WS_EVENT_ACCEPTED, &info);
        metrics_event(WS_EVENT_ENDED, &info);
        assert_int_equal(block->shaking, 0);
        assert_int_equal(block->tls_errors, info.tls_failed);
        for (i = 0; i < METRICS_REASONS; i++)
                if (block->refused[i] != (strcmp(metrics_reason_names[i], reason) == 0))
                        fail_msg("'%s' is %d, and not '%s'", metrics_reason_names[i],
                                 (int)block->refused[i], reason);
}

static void
a_connection_that_is_refused_has_a_reason(void **state)
{
        struct metrics *block;

        (void)state;
        assert_refused((struct ws_info){.status = 400}, "bad_request");
        assert_int_equal(blocks[0].responses[2], 1);
        assert_refused((struct ws_info){.status = 401}, "login");
        assert_refused((struct ws_info){.status = 403}, "forbidden");
        assert_refused((struct ws_info){.status = 404}, "not_found");
        assert_refused((struct ws_info){.status = 405}, "method");
        assert_refused((struct ws_info){.status = 426}, "upgrade_required");
        assert_refused((struct ws_info){.status = 431}, "too_large");
        assert_refused((struct ws_info){.status = 503}, "busy");
        assert_int_equal(blocks[0].responses[3], 1);
        assert_refused((struct ws_info){.status = 500}, "other");
        assert_refused((struct ws_info){.tls_failed = true, .ended_by = WS_SIDE_CLIENT}, "tls");
        assert_refused((struct ws_info){.tls_failed = true, .client_refused = true},
                       "client_certificate");
        assert_refused((struct ws_info){.status = 403, .foreign_origin = true}, "origin");
        assert_refused(
                (struct ws_info){.limit = WS_LIMIT_HANDSHAKE_TIMEOUT, .ended_by = WS_SIDE_SERVER},
                "timeout");
        assert_int_equal(blocks[0].limits[WS_LIMIT_HANDSHAKE_TIMEOUT - 1], 1);
        assert_refused((struct ws_info){.status = 408}, "timeout");
        assert_refused((struct ws_info){.status = 429}, "limited");
        assert_refused((struct ws_info){.status = 403, .why = networks_denied}, "denied");
        assert_refused(
                (struct ws_info){.proxy_fault = WS_PROXY_UNTRUSTED, .ended_by = WS_SIDE_SERVER},
                "proxy_untrusted");
        assert_refused((struct ws_info){.proxy_fault = WS_PROXY_WRONG, .ended_by = WS_SIDE_CLIENT},
                       "proxy_header");
        assert_refused((struct ws_info){.ended_by = WS_SIDE_CLIENT}, "gone");
        assert_refused((struct ws_info){.ended_by = WS_SIDE_SERVER}, "ending");
        /* A page is none, and neither is a redirection. */
        assert_refused((struct ws_info){.status = 200}, "");
        assert_int_equal(blocks[0].responses[0], 1);
        assert_refused((struct ws_info){.status = 302}, "");
        block = fresh();
        metrics_event(WS_EVENT_TURNED_AWAY, NULL);
        assert_int_equal(block->refused[metrics_reason_named("descriptors")], 1);
        assert_int_equal(block->shaking, 0);
}

static void
limits_that_are_exceeded_are_counted_by_name(void **state)
{
        struct metrics *block = fresh();

        (void)state;
        metrics_limit(METRICS_RATE_PER_ADDRESS);
        metrics_turned_away();
        for (int i = 0; i < METRICS_LIMITS; i++)
                assert_int_equal(block->limits[i],
                                 strcmp(metrics_limit_names[i], "rate-per-address") == 0 ||
                                         strcmp(metrics_limit_names[i], "max-connections") == 0);
        assert_int_equal(block->refused[metrics_reason_named("busy")], 1);
        assert_int_equal(block->accepted, 1);
}

/* What a worker had open when it was killed is not there any more; what it counted is. */
static void
of_a_worker_that_is_gone_the_counts_stay(void **state)
{
        struct metrics *block = fresh();

        (void)state;
        block->open = block->shaking = block->tasks = 7;
        block->opened = block->limits[2] = 5;
        metrics_forget(block);
        assert_true(block->open == 0 && block->shaking == 0 && block->tasks == 0);
        assert_true(block->opened == 5 && block->limits[2] == 5);
}

static void
each_close_code_has_its_place(void **state)
{
        static const struct {
                unsigned code;
                const char *name;
        } codes[] = {{1000, "1000"},      {1015, "1015"},      {1016, "other"},
                     {2999, "other"},     {3000, "3000-3999"}, {3999, "3000-3999"},
                     {4000, "4000-4999"}, {4999, "4000-4999"}, {999, "other"},
                     {5000, "other"}};

        (void)state;
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                assert_string_equal(metrics_code_names[metrics_code_index(codes[i].code)],
                                    codes[i].name);
}

/* A file that is not there, and some with other texts. */
static async int
memory_is_what_the_system_says_or_none(NOTHING)
{
        static const struct {
                const char *text;
                uint64_t pages;
        } all[] = {{"7 5 3\n", 5}, {"", 0}, {"7\n", 0}, {"7 x\n", 0}};
        struct metrics *block = fresh();
        size_t descriptors = test_count_descriptors();
        char path[] = "/tmp/metrics_test.XXXXXX";
        int fd = mkstemp(path);

        statm = path;
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                expect_int(ftruncate(fd, 0), 0);
                expect_int(pwrite(fd, all[i].text, strlen(all[i].text), 0),
                           (long long)strlen(all[i].text));
                metrics_sample();
                expect(block->resident_memory == all[i].pages * (uint64_t)sysconf(_SC_PAGESIZE));
        }
        close(fd);
        unlink(path);
        metrics_sample();
        expect(block->resident_memory == 0);
        statm = "/proc/self/statm";
        expect_int((long long)test_count_descriptors(), (long long)descriptors);
        return 0;
}

static async int
what_is_not_counted_is_looked_up(NOTHING)
{
        struct metrics *block = fresh();
        struct aw_task *watching = aw_spawn("metrics", metrics_watch_loop, NULL);
        uint64_t start;

        expect_int(await(aw_sleep(0)), 0);
        start = block->start_time;
        expect(block->tasks == 2 && block->stack_space > 0 && block->cpu_time > 0);
        expect(block->resident_memory > 1 << 20 && start > 0);
        expect(block->connection_memory == 0);
        block->tasks = 0;
        metrics_sample();
        expect(block->tasks == 2 && block->start_time == start);
        aw_cancel(watching);
        expect_int(await(aw_join(watching)), 0);
        metrics_sample();
        expect(block->tasks == 1);
        return 0;
}

static uint64_t
cpu_time(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
               (uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec;
}

/* Each of these numbers is the predecessor's, for this process has counted nothing of the kind. */
static async int
what_is_looked_up_goes_on_from_what_the_predecessor_had(NOTHING)
{
        struct metrics *block = &blocks[0];
        uint64_t before, slow = aw_loop_slow_count(aw_loop_get());
        struct aw_log_losses losses;

        memset(block, 0, sizeof(*block));
        block->compression.sent = (struct ws_compressed){1, 20, 3};
        block->compression.received = (struct ws_compressed){4, 50, 6};
        block->traffic.pauses = 7;
        block->traffic.rests = 8;
        block->traffic.sent.pings = 8;
        block->slow_tasks = 9;
        block->log_lost = 10;
        block->log_left_out = 11;
        block->access_log_lost = 12;
        block->cpu_time = 13000000;
        block->start_time = 14;
        metrics_use(block);
        before = cpu_time();
        metrics_sample();
        aw_log_losses(&losses);
        expect_int(block->compression.sent.messages, 1);
        expect_int(block->compression.sent.plain, 20);
        expect_int(block->compression.sent.compressed, 3);
        expect_int(block->compression.received.messages, 4);
        expect_int(block->compression.received.plain, 50);
        expect_int(block->compression.received.compressed, 6);
        expect_int(block->traffic.pauses, 7);
        expect_int(block->traffic.rests, 8);
        expect_int(block->traffic.sent.pings, 8);
        expect_int(block->slow_tasks, 9 + slow);
        expect_int(block->log_lost, 10 + losses.lost);
        expect_int(block->log_left_out, 11 + losses.left_out);
        expect_int(block->access_log_lost, 12);
        expect(block->cpu_time >= 13000000 + before);
        expect(block->cpu_time <= 13000000 + cpu_time());
        /* It is a process of its own. */
        expect(block->start_time > 14);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_and_units_are_as_prometheus_asks),
                cmocka_unit_test(each_name_has_one_help_and_one_type),
                cmocka_unit_test(rows_lie_in_the_block_and_share_nothing),
                cmocka_unit_test(each_row_is_printed_with_its_value),
                cmocka_unit_test(of_several_blocks_the_sums_and_each_are_printed),
                cmocka_unit_test(a_histogram_is_cumulative_and_has_its_sum),
                cmocka_unit_test(a_block_that_is_taken_over_counts_on_but_for_what_is_there_now),
                cmocka_unit_test(a_connection_is_counted_from_its_beginning_to_its_end),
                cmocka_unit_test(a_connection_that_is_refused_has_a_reason),
                cmocka_unit_test(limits_that_are_exceeded_are_counted_by_name),
                cmocka_unit_test(of_a_worker_that_is_gone_the_counts_stay),
                cmocka_unit_test(each_close_code_has_its_place),
                on_loop(memory_is_what_the_system_says_or_none),
                on_loop(what_is_not_counted_is_looked_up),
                on_loop(what_is_looked_up_goes_on_from_what_the_predecessor_had),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
