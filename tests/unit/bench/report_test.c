/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* A result in all its forms, word for word. */
#include <time.h>

#include "bench/clock.h"
#include "bench/conductor.h"
#include "bench/report.h"
#include "unit/support.h"

#define MS INT64_C(1000000)

static char letter[] = "x";
static struct bench_options options;
static struct result result;
static struct result_second seconds[2];

/* Two seconds of 1000 connections, with one of each trouble, and more of some. */
static void
begin(void)
{
        options = (struct bench_options){
                .connections = 1000,
                .in_flight = 2,
                .thread_count = 1,
                .sizes = {.parts = {{.low = 128, .high = 128}},
                          .count = 1,
                          .max = 128,
                          .mean = 128},
        };
        result = (struct result){.options = &options,
                                 .url = "ws://h/?<a>&'\"",
                                 .opening = 500 * MS,
                                 .duration = 2 * CLOCK_SECOND,
                                 .cpu = 50 * MS,
                                 .cpu_most = 40 * MS,
                                 .waited = 60 * MS,
                                 .wall = 1700000000 * CLOCK_SECOND + 42 * MS,
                                 .seconds = seconds,
                                 .second_count = 2};
        result.record.opened = 1000;
        result.record.refused = 3;
        result.record.cut = 4;
        result.record.in_time = 9900;
        result.record.in_time_bytes = 9900 * 128;
        result.record.measured = (struct record_counts){.sent = 10000,
                                                        .sent_bytes = 1280000,
                                                        .received = 10005,
                                                        .received_bytes = 1280640,
                                                        .right = 9997,
                                                        .wrong = 1,
                                                        .lost = 2,
                                                        .doubled = 3,
                                                        .late = 4};
        for (int64_t i = 1; i <= 4; i++)
                aw_histogram_record(&result.record.latency, (uint64_t)(i * MS));
        aw_histogram_record(&result.record.connect, (uint64_t)(8 * MS));
        seconds[0] = (struct result_second){.seconds = 1,
                                            .received = 5000,
                                            .received_bytes = 640000,
                                            .errors = 2,
                                            .p50 = (uint64_t)(2 * MS),
                                            .p99 = (uint64_t)(3 * MS),
                                            .max = (uint64_t)(4 * MS)};
        seconds[1] = (struct result_second){.seconds = 0.5};
}

/* From a word of the text on, until before another one. */
static void
is_text(char *text, const char *from, const char *until, const char *wanted)
{
        char *begin = strstr(text, from), *end;

        assert_non_null(begin);
        end = until == NULL ? NULL : strstr(begin, until);
        if (end != NULL)
                *end = '\0';
        if (strcmp(begin, wanted) != 0)
                fail_msg("it is\n%s\nand not\n%s", begin, wanted);
        free(text);
}

static void
writes_part(void (*writer)(const struct result *result, FILE *out), const char *from,
            const char *until, const char *wanted)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        writer(&result, out);
        assert_int_equal(fclose(out), 0);
        is_text(text, from, until, wanted);
}

static void
writes(void (*writer)(const struct result *result, FILE *out), const char *wanted)
{
        writes_part(writer, "", NULL, wanted);
}

/* A table with something else in it. */
static void
writes_table(void (*change)(void), const char *wanted)
{
        begin();
        change();
        writes(report_table, wanted);
}

/* In what is wanted, ' stands for ". */
static void
writes_json(const char *from, const char *until, const char *wanted)
{
        char *text = NULL, *to;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(report_json(&result, out), 0);
        assert_int_equal(fclose(out), 0);
        while ((to = strchr(text, '"')) != NULL)
                *to = '\'';
        is_text(text, from, until, wanted);
}

static void
nothing_else(void)
{
}

static void
table_of_echoes(void **state)
{
        (void)state;
        writes_table(nothing_else,
                     "1,000 connections to ws://h/?<a>&'\", 128 bytes, 2 in flight, 2 s\n"
                     "connections   1,000 open after 500 ms (2,000/s), 3 refused, 4 cut\n"
                     "handshake     min 8.00  mean 8.00  p50 8.00  p90 8.00  p99 8.00  p99.9 8.00  "
                     "max 8.00 ms\n"
                     "messages      10,000 sent: 9,997 echoed, 1 wrong, 2 lost; 3 doubled, 4 late\n"
                     "rate          4,950 messages/s, 0.634 MB/s each way\n"
                     "round trip    min 1.00  mean 2.50  p50 2.01  p90 4.00  p99 4.00  p99.9 4.00  "
                     "max 4.00 ms\n"
                     "   1.00 -    2.50 ms  ########################################  50.0 %\n"
                     "   2.50 -    4.00 ms  ########################################  50.0 %\n"
                     "this side     2 % of one core, 5.05 us for each message\n");
}

static void
churn(void)
{
        options.work = BENCH_CHURN;
        options.churn = options.resume = true;
        options.thread_count = 2;
        result.url = "wss://h";
        strcpy(result.description, "TLSv1.3, with more");
        result.record.cycles = 500;
        result.resumed = 400;
        aw_histogram_record(&result.record.cycle, (uint64_t)(20 * MS));
        result.cpu_most = 1900 * MS;
        result.waited = 120 * MS;
        result.target = (struct target){.count = 1, .cpu = 100 * MS, .occupied = 1024};
}

static void
table_of_cycles(void **state)
{
        (void)state;
        writes_table(
                churn,
                "1,000 connections to wss://h (TLSv1.3), 128 bytes, a new connection for each, 2 "
                "s\n"
                "connections   1,000 open, 400 of them with a resumed TLS session, 3 refused, 4 "
                "cut\n"
                "handshake     min 8.00  mean 8.00  p50 8.00  p90 8.00  p99 8.00  p99.9 8.00  max "
                "8.00 ms\n"
                "messages      10,000 sent: 9,997 echoed, 1 wrong, 2 lost; 3 doubled, 4 late\n"
                "rate          250 cycles/s\n"
                "round trip    min 1.00  mean 2.50  p50 2.01  p90 4.00  p99 4.00  p99.9 4.00  max "
                "4.00 ms\n"
                "cycle         min 20.0  mean 20.0  p50 20.0  p90 20.0  p99 20.0  p99.9 20.0  max "
                "20.0 ms\n"
                "   1.00 -    2.50 ms  ########################################  50.0 %\n"
                "   2.50 -    4.00 ms  ########################################  50.0 %\n"
                "server        200.00 us of a core for each cycle, 5 % of one core\n"
                "this side     95 % of one core in the busiest thread, 100.00 us for each cycle\n"
                "              this program is the limit: use --threads 4\n"
                "              it waited for a core 6 % of the time: other work on this machine "
                "distorts the latencies\n");
}

static void
no_echo(void)
{
        options.work = BENCH_NO_ECHO;
        options.no_echo = true;
        options.rate = 5000;
        options.sizes = (struct sizes){.parts = {{90000, 128, 128}, {10000, 64, 4096}},
                                       .count = 2,
                                       .max = 4096,
                                       .mean = 323.2};
        result.interrupted = true;
        result.record.measured.unsent = 7;
        result.record.other.sent = 1;
        result.target = (struct target){
                .count = 2, .ended = 1, .cpu = 500 * MS, .empty = 1024, .occupied = 1025024};
}

static void
table_without_echoes(void **state)
{
        (void)state;
        writes_table(no_echo,
                     "1,000 connections to ws://h/?<a>&'\", 90 % 128, 10 % 64-4,096 bytes, 5,000 "
                     "messages/s asked for, no echo, 2 s (interrupted)\n"
                     "connections   1,000 open after 500 ms (2,000/s), 3 refused, 4 cut\n"
                     "handshake     min 8.00  mean 8.00  p50 8.00  p90 8.00  p99 8.00  p99.9 8.00  "
                     "max 8.00 ms\n"
                     "messages      10,000 sent, 9,900 received, 7 never sent\n"
                     "rate          5,000 messages/s, 0.64 MB/s\n"
                     "from due      min 1.00  mean 2.50  p50 2.01  p90 4.00  p99 4.00  p99.9 4.00  "
                     "max 4.00 ms\n"
                     "   1.00 -    2.50 ms  ########################################  50.0 %\n"
                     "   2.50 -    4.00 ms  ########################################  50.0 %\n"
                     "server        50.00 us of a core for each message, 25 % of one core, 1.0 KiB "
                     "for each connection, 1 of its processes ended meanwhile\n"
                     "this side     2 % of one core, 5.00 us for each message\n"
                     "              messages were never sent: connections were refused or cut, the "
                     "server did not take them, or this side could not keep up\n");
}

static void
idle(void)
{
        options.work = BENCH_IDLE;
        options.idle = true;
        options.connections = 1;
        result.duration = result.opening = 0;
        result.record.opened = 1;
        aw_histogram_reset(&result.record.latency);
        result.target = (struct target){.count = 1, .empty = -1, .occupied = 5};
        strcpy(result.record.reason, "it was closed");
}

static void
table_of_idle_connections(void **state)
{
        (void)state;
        writes_table(idle, "1 connection to ws://h/?<a>&'\", idle, ended before measuring began\n"
                           "connections   1 open, 3 refused, 4 cut\n"
                           "handshake     min 8.00  mean 8.00  p50 8.00  p90 8.00  p99 8.00  p99.9 "
                           "8.00  max 8.00 ms\n"
                           "messages      none: --idle sends nothing, so there are no latencies\n"
                           "server        0 % of one core\n"
                           "first failure it was closed\n");
}

static void
late(void)
{
        options.text = letter;
        options.text_length = 1;
        result.record.measured.unasked = 6;
        result.record.other = (struct record_counts){.sent = 5, .received = 5, .right = 5};
        aw_histogram_record(&result.record.lag, (uint64_t)(2 * MS));
        for (int64_t i = 0; i < 4; i++)
                aw_histogram_record(&result.record.latency, (uint64_t)(30 * MS));
}

static void
table_of_a_warm_up_and_late_messages(void **state)
{
        (void)state;
        writes_table(late,
                     "1,000 connections to ws://h/?<a>&'\", 1 byte, 2 in flight, 2 s\n"
                     "connections   1,000 open after 500 ms (2,000/s), 3 refused, 4 cut\n"
                     "handshake     min 8.00  mean 8.00  p50 8.00  p90 8.00  p99 8.00  p99.9 8.00  "
                     "max 8.00 ms\n"
                     "messages      10,000 sent: 9,997 echoed, 1 wrong, 2 lost; 3 doubled, 4 late, "
                     "6 unasked\n"
                     "not measured  5 sent: 5 echoed, 0 wrong, 0 lost; 0 doubled, 0 late\n"
                     "rate          4,950 messages/s, 0.634 MB/s each way\n"
                     "round trip    min 1.00  mean 16.2  p50 4.01  p90 30.0  p99 30.0  p99.9 30.0  "
                     "max 30.0 ms\n"
                     "   1.00 -    2.50 ms  ####################                      25.0 %\n"
                     "   2.50 -    5.00 ms  ####################                      25.0 %\n"
                     "   5.00 -    10.0 ms                                             0.0 %\n"
                     "   10.0 -    25.0 ms                                             0.0 %\n"
                     "   25.0 -    30.0 ms  ########################################  50.0 %\n"
                     "this side     2 % of one core, 5.05 us for each message\n"
                     "              messages went out late (p99 2.00 ms): the server did not take "
                     "them, or this side could not keep up\n");
}

/* This much is no reason to warn. */
static void
borders(void)
{
        options.sizes = (struct sizes){.parts = {{.low = 1, .high = 1}}, 1, 1, 1};
        result.cpu_most = 1800 * MS;
        result.waited = 100 * MS;
        result.record.other.received = 1;
        aw_histogram_record(&result.record.lag, (uint64_t)MS);
        aw_histogram_reset(&result.record.connect);
}

static void
table_without_warnings(void **state)
{
        (void)state;
        writes_table(borders,
                     "1,000 connections to ws://h/?<a>&'\", 1 byte, 2 in flight, 2 s\n"
                     "connections   1,000 open after 500 ms (2,000/s), 3 refused, 4 cut\n"
                     "messages      10,000 sent: 9,997 echoed, 1 wrong, 2 lost; 3 doubled, 4 late\n"
                     "not measured  0 sent: 0 echoed, 0 wrong, 0 lost; 0 doubled, 0 late\n"
                     "rate          4,950 messages/s, 0.634 MB/s each way\n"
                     "round trip    min 1.00  mean 2.50  p50 2.01  p90 4.00  p99 4.00  p99.9 4.00  "
                     "max 4.00 ms\n"
                     "   1.00 -    2.50 ms  ########################################  50.0 %\n"
                     "   2.50 -    4.00 ms  ########################################  50.0 %\n"
                     "this side     90 % of one core, 5.05 us for each message\n");
}

static void
a_row_for_each_second(void **state)
{
        (void)state;
        begin();
        writes(report_csv, "second,seconds,messages,bytes,errors,rate,p50_ms,p99_ms,max_ms\n"
                           "1.000,1.000,5000,640000,2,5000.0,2.0000,3.0000,4.0000\n"
                           "1.500,0.500,0,0,0,0.0,,,\n");
}

static void
percentiles_as_hdr_histogram_has_them(void **state)
{
        (void)state;
        begin();
        writes(report_hdr, "       Value     Percentile TotalCount 1/(1-Percentile)\n"
                           "\n"
                           "       1.000 0.000000000000          1           1.00\n"
                           "       1.004 0.100000000000          1           1.11\n"
                           "       1.004 0.200000000000          1           1.25\n"
                           "       2.007 0.300000000000          2           1.43\n"
                           "       2.007 0.400000000000          2           1.67\n"
                           "       2.007 0.500000000000          2           2.00\n"
                           "       2.998 0.550000000000          3           2.22\n"
                           "       2.998 0.600000000000          3           2.50\n"
                           "       2.998 0.650000000000          3           2.86\n"
                           "       2.998 0.700000000000          3           3.33\n"
                           "       2.998 0.750000000000          3           4.00\n"
                           "       4.000 0.775000000000          4           4.44\n"
                           "       4.000 0.800000000000          4           5.00\n"
                           "       4.000 0.825000000000          4           5.71\n"
                           "       4.000 0.850000000000          4           6.67\n"
                           "       4.000 1.000000000000          4\n"
                           "#[Mean    =        2.500, StdDeviation   =        1.121]\n"
                           "#[Max     =        4.000, Total count    =            4]\n"
                           "#[Buckets =           59, SubBuckets     =           64]\n");
        aw_histogram_reset(&result.record.latency);
        writes(report_hdr, "       Value     Percentile TotalCount 1/(1-Percentile)\n"
                           "\n"
                           "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
                           "#[Max     =        0.000, Total count    =            0]\n"
                           "#[Buckets =           59, SubBuckets     =           64]\n");
}

static const char whole_object[] = "{\n"
                                   "  'url': 'ws://h',\n"
                                   "  'connection': '',\n"
                                   "  'interrupted': false,\n"
                                   "  'begin': '2023-11-14T22:13:20.042Z',\n"
                                   "  'seconds': 2.0,\n"
                                   "  'options': {\n"
                                   "    'work': 'echo',\n"
                                   "    'connections': 1000,\n"
                                   "    'in_flight': 2,\n"
                                   "    'bytes': 128.0,\n"
                                   "    'rate': null,\n"
                                   "    'warm_up': 0.0,\n"
                                   "    'threads': 1\n"
                                   "  },\n"
                                   "  'connections': {\n"
                                   "    'open': 1000,\n"
                                   "    'resumed': 0,\n"
                                   "    'refused': 3,\n"
                                   "    'cut': 4,\n"
                                   "    'opening_seconds': 0.5,\n"
                                   "    'handshake_ms': {\n"
                                   "      'count': 1,\n"
                                   "      'min': 8.0,\n"
                                   "      'mean': 8.0,\n"
                                   "      'deviation': 0.02816,\n"
                                   "      'p50': 8.0,\n"
                                   "      'p75': 8.0,\n"
                                   "      'p90': 8.0,\n"
                                   "      'p95': 8.0,\n"
                                   "      'p99': 8.0,\n"
                                   "      'p99.9': 8.0,\n"
                                   "      'p99.99': 8.0,\n"
                                   "      'max': 8.0\n"
                                   "    }\n"
                                   "  },\n"
                                   "  'measured': {\n"
                                   "    'sent': 10000,\n"
                                   "    'bytes_sent': 1280000,\n"
                                   "    'received': 10005,\n"
                                   "    'bytes_received': 1280640,\n"
                                   "    'right': 9997,\n"
                                   "    'wrong': 1,\n"
                                   "    'doubled': 3,\n"
                                   "    'late': 4,\n"
                                   "    'unasked': 0,\n"
                                   "    'lost': 2,\n"
                                   "    'unsent': 0\n"
                                   "  },\n"
                                   "  'total': {\n"
                                   "    'sent': 10000,\n"
                                   "    'bytes_sent': 1280000,\n"
                                   "    'received': 10005,\n"
                                   "    'bytes_received': 1280640,\n"
                                   "    'right': 9997,\n"
                                   "    'wrong': 1,\n"
                                   "    'doubled': 3,\n"
                                   "    'late': 4,\n"
                                   "    'unasked': 0,\n"
                                   "    'lost': 2,\n"
                                   "    'unsent': 0\n"
                                   "  },\n"
                                   "  'unsent': 0,\n"
                                   "  'why_unsent': null,\n"
                                   "  'rate': 4950.0,\n"
                                   "  'bytes_per_second': 633600.0,\n"
                                   "  'latency_ms': {\n"
                                   "    'count': 4,\n"
                                   "    'min': 1.0,\n"
                                   "    'mean': 2.5,\n"
                                   "    'deviation': 1.12062206,\n"
                                   "    'p50': 2.00704,\n"
                                   "    'p75': 2.998272,\n"
                                   "    'p90': 4.0,\n"
                                   "    'p95': 4.0,\n"
                                   "    'p99': 4.0,\n"
                                   "    'p99.9': 4.0,\n"
                                   "    'p99.99': 4.0,\n"
                                   "    'max': 4.0\n"
                                   "  },\n"
                                   "  'lag_ms': null,\n"
                                   "  'cycles': 0,\n"
                                   "  'cycle_ms': null,\n"
                                   "  'server': null,\n"
                                   "  'generator': {\n"
                                   "    'cpu_seconds': 0.05,\n"
                                   "    'cpu_us_per_message': 5.05050505,\n"
                                   "    'busiest_thread': 0.02,\n"
                                   "    'waited': 0.03\n"
                                   "  },\n"
                                   "  'first_failure': 'x',\n"
                                   "  'by_second': [\n"
                                   "    {\n"
                                   "      'seconds': 1.0,\n"
                                   "      'received': 5000,\n"
                                   "      'bytes_received': 640000,\n"
                                   "      'errors': 2,\n"
                                   "      'p50': 2.0,\n"
                                   "      'p99': 3.0,\n"
                                   "      'max': 4.0\n"
                                   "    },\n"
                                   "    {\n"
                                   "      'seconds': 0.5,\n"
                                   "      'received': 0,\n"
                                   "      'bytes_received': 0,\n"
                                   "      'errors': 0,\n"
                                   "      'p50': null,\n"
                                   "      'p99': null,\n"
                                   "      'max': null\n"
                                   "    }\n"
                                   "  ]\n"
                                   "}\n";

static void
an_object(void **state)
{
        (void)state;
        begin();
        result.url = "ws://h";
        result.record.reason[0] = 'x';
        writes_json("", NULL, whole_object);
        churn();
        options.rate = 10;
        options.warm_up = 3 * AW_SECOND;
        options.text = letter;
        options.text_length = 1;
        result.interrupted = true;
        result.record.other.sent = 1;
        writes_json("'connection'", "'connections': {",
                    "'connection': 'TLSv1.3, with more',\n"
                    "  'interrupted': true,\n"
                    "  'begin': '2023-11-14T22:13:20.042Z',\n"
                    "  'seconds': 2.0,\n"
                    "  'options': {\n"
                    "    'work': 'churn',\n"
                    "    'connections': 1000,\n"
                    "    'in_flight': 2,\n"
                    "    'bytes': 1.0,\n"
                    "    'rate': 10,\n"
                    "    'warm_up': 3.0,\n"
                    "    'threads': 2\n"
                    "  },\n"
                    "  ");
        writes_json("'total'", "'received'",
                    "'total': {\n"
                    "    'sent': 10001,\n"
                    "    'bytes_sent': 1280000,\n"
                    "    ");
        writes_json("'cycles'", "'by_second'",
                    "'cycles': 500,\n"
                    "  'cycle_ms': {\n"
                    "    'count': 1,\n"
                    "    'min': 20.0,\n"
                    "    'mean': 20.0,\n"
                    "    'deviation': 0.054016,\n"
                    "    'p50': 20.0,\n"
                    "    'p75': 20.0,\n"
                    "    'p90': 20.0,\n"
                    "    'p95': 20.0,\n"
                    "    'p99': 20.0,\n"
                    "    'p99.9': 20.0,\n"
                    "    'p99.99': 20.0,\n"
                    "    'max': 20.0\n"
                    "  },\n"
                    "  'server': {\n"
                    "    'processes': 1,\n"
                    "    'ended': 0,\n"
                    "    'cpu_seconds': 0.1,\n"
                    "    'cpu_us_per_message': 200.0,\n"
                    "    'bytes_per_connection': null\n"
                    "  },\n"
                    "  'generator': {\n"
                    "    'cpu_seconds': 0.05,\n"
                    "    'cpu_us_per_message': 100.0,\n"
                    "    'busiest_thread': 0.95,\n"
                    "    'waited': 0.06\n"
                    "  },\n"
                    "  'first_failure': 'x',\n"
                    "  ");
}

static const char whole_page[] =
        "</style></head><body>\n"
        "<h1>ws://h/?&lt;a&gt;&amp;&#39;&quot;</h1><p>wsbench " AW_VERSION
        ", 2023-11-14 22:13:20 +0000</p>\n"
        "<dl>\n"
        "<div><dt>rate, messages/s</dt><dd>4,950</dd></div>\n"
        "<div><dt>p50, ms</dt><dd>2.01</dd></div>\n"
        "<div><dt>p90, ms</dt><dd>4.00</dd></div>\n"
        "<div><dt>p99, ms</dt><dd>4.00</dd></div>\n"
        "<div><dt>p99.9, ms</dt><dd>4.00</dd></div>\n"
        "<div><dt>max, ms</dt><dd>4.00</dd></div>\n"
        "<div><dt>errors</dt><dd class='bad'>17</dd></div>\n"
        "</dl>\n"
        "<main>\n"
        "<figure><svg viewBox='0 0 720 300' role='img' aria-label='Latency by "
        "percentile'>\n"
        "<text class='title' x='8' y='20'>Latency by percentile, ms</text>\n"
        "<line class='grid' x1='70' x2='700' y1='254.0' y2='254.0'/><text class='tick' "
        "x='62' y='258.0' text-anchor='end'>0</text>\n"
        "<line class='grid' x1='70' x2='700' y1='184.0' y2='184.0'/><text class='tick' "
        "x='62' y='188.0' text-anchor='end'>1</text>\n"
        "<line class='grid' x1='70' x2='700' y1='114.0' y2='114.0'/><text class='tick' "
        "x='62' y='118.0' text-anchor='end'>2</text>\n"
        "<line class='grid' x1='70' x2='700' y1='44.0' y2='44.0'/><text class='tick' "
        "x='62' y='48.0' text-anchor='end'>3</text>\n"
        "<text class='tick' x='70.0' y='272' text-anchor='middle'>0 %</text>\n"
        "<text class='tick' x='700' y='292' text-anchor='end'>of all messages</text>\n"
        "<polyline class='line line0' points='70.0,184.0 91.0,183.8 112.0,183.8 "
        "133.0,183.8 154.0,183.8 175.0,183.8 196.0,183.8 217.0,113.5 238.0,113.5 "
        "259.0,113.5 280.0,113.5 301.0,113.5 322.0,113.5 343.0,113.5 364.0,113.5 "
        "385.0,113.5 406.0,44.1 427.0,44.1 448.0,44.1 469.0,44.1 490.0,44.1 511.0,44.1 "
        "532.0,44.1 553.0,44.1 574.0,44.1 595.0,44.1 616.0,44.1 637.0,44.1 658.0,44.1 "
        "679.0,44.1 700.0,44.1 '/>\n"
        "</svg></figure>\n"
        "<figure><svg viewBox='0 0 720 300' role='img' aria-label='Throughput'>\n"
        "<text class='title' x='8' y='20'>Throughput, messages/s</text>\n"
        "<line class='grid' x1='70' x2='700' y1='254.0' y2='254.0'/><text class='tick' "
        "x='62' y='258.0' text-anchor='end'>0</text>\n"
        "<line class='grid' x1='70' x2='700' y1='212.0' y2='212.0'/><text class='tick' "
        "x='62' y='216.0' text-anchor='end'>1000</text>\n"
        "<line class='grid' x1='70' x2='700' y1='170.0' y2='170.0'/><text class='tick' "
        "x='62' y='174.0' text-anchor='end'>2000</text>\n"
        "<line class='grid' x1='70' x2='700' y1='128.0' y2='128.0'/><text class='tick' "
        "x='62' y='132.0' text-anchor='end'>3000</text>\n"
        "<line class='grid' x1='70' x2='700' y1='86.0' y2='86.0'/><text class='tick' "
        "x='62' y='90.0' text-anchor='end'>4000</text>\n"
        "<line class='grid' x1='70' x2='700' y1='44.0' y2='44.0'/><text class='tick' "
        "x='62' y='48.0' text-anchor='end'>5000</text>\n"
        "<text class='tick' x='70.0' y='272' text-anchor='middle'>0</text>\n"
        "<text class='tick' x='280.0' y='272' text-anchor='middle'>0.5</text>\n"
        "<text class='tick' x='490.0' y='272' text-anchor='middle'>1</text>\n"
        "<text class='tick' x='700.0' y='272' text-anchor='middle'>1.5</text>\n"
        "<text class='tick' x='700' y='292' text-anchor='end'>s</text>\n"
        "<polyline class='line line0' points='490.0,44.0 700.0,254.0 '/>\n"
        "</svg></figure>\n"
        "<figure><svg viewBox='0 0 720 300' role='img' aria-label='Latency over time'>\n"
        "<text class='title' x='8' y='20'>Latency over time, ms</text>\n"
        "<line class='grid' x1='70' x2='700' y1='254.0' y2='254.0'/><text class='tick' "
        "x='62' y='258.0' text-anchor='end'>0</text>\n"
        "<line class='grid' x1='70' x2='700' y1='201.5' y2='201.5'/><text class='tick' "
        "x='62' y='205.5' text-anchor='end'>1</text>\n"
        "<line class='grid' x1='70' x2='700' y1='149.0' y2='149.0'/><text class='tick' "
        "x='62' y='153.0' text-anchor='end'>2</text>\n"
        "<line class='grid' x1='70' x2='700' y1='96.5' y2='96.5'/><text class='tick' "
        "x='62' y='100.5' text-anchor='end'>3</text>\n"
        "<line class='grid' x1='70' x2='700' y1='44.0' y2='44.0'/><text class='tick' "
        "x='62' y='48.0' text-anchor='end'>4</text>\n"
        "<text class='tick' x='70.0' y='272' text-anchor='middle'>0</text>\n"
        "<text class='tick' x='280.0' y='272' text-anchor='middle'>0.5</text>\n"
        "<text class='tick' x='490.0' y='272' text-anchor='middle'>1</text>\n"
        "<text class='tick' x='700.0' y='272' text-anchor='middle'>1.5</text>\n"
        "<text class='tick' x='700' y='292' text-anchor='end'>s</text>\n"
        "<polyline class='line line0' points='490.0,149.0 700.0,254.0 '/>\n"
        "<polyline class='line line1' points='490.0,96.5 700.0,254.0 '/>\n"
        "<polyline class='line line2' points='490.0,44.0 700.0,254.0 '/>\n"
        "<line class='line line0' x1='430' x2='456' y1='18' y2='18'/><text class='tick' "
        "x='462' y='22'>p50</text>\n"
        "<line class='line line1' x1='520' x2='546' y1='18' y2='18'/><text class='tick' "
        "x='552' y='22'>p99</text>\n"
        "<line class='line line2' x1='610' x2='636' y1='18' y2='18'/><text class='tick' "
        "x='642' y='22'>max</text>\n"
        "</svg></figure>\n"
        "<figure><svg viewBox='0 0 720 300' role='img' aria-label='Errors'>\n"
        "<text class='title' x='8' y='20'>Errors, in each second</text>\n"
        "<line class='grid' x1='70' x2='700' y1='254.0' y2='254.0'/><text class='tick' "
        "x='62' y='258.0' text-anchor='end'>0</text>\n"
        "<line class='grid' x1='70' x2='700' y1='212.0' y2='212.0'/><text class='tick' "
        "x='62' y='216.0' text-anchor='end'>1</text>\n"
        "<line class='grid' x1='70' x2='700' y1='170.0' y2='170.0'/><text class='tick' "
        "x='62' y='174.0' text-anchor='end'>2</text>\n"
        "<line class='grid' x1='70' x2='700' y1='128.0' y2='128.0'/><text class='tick' "
        "x='62' y='132.0' text-anchor='end'>3</text>\n"
        "<line class='grid' x1='70' x2='700' y1='86.0' y2='86.0'/><text class='tick' "
        "x='62' y='90.0' text-anchor='end'>4</text>\n"
        "<line class='grid' x1='70' x2='700' y1='44.0' y2='44.0'/><text class='tick' "
        "x='62' y='48.0' text-anchor='end'>5</text>\n"
        "<text class='tick' x='70.0' y='272' text-anchor='middle'>0</text>\n"
        "<text class='tick' x='280.0' y='272' text-anchor='middle'>0.5</text>\n"
        "<text class='tick' x='490.0' y='272' text-anchor='middle'>1</text>\n"
        "<text class='tick' x='700.0' y='272' text-anchor='middle'>1.5</text>\n"
        "<text class='tick' x='700' y='292' text-anchor='end'>s</text>\n"
        "<polyline class='line line0' points='490.0,170.0 700.0,254.0 '/>\n"
        "</svg></figure>\n"
        "</main>\n"
        "<pre>1,000 connections to ws://h/?&lt;a&gt;&amp;&#39;&quot;, 128 bytes, 2 in "
        "flight, 2 s\n"
        "connections   1,000 open after 500 ms (2,000/s), 3 refused, 4 cut\n"
        "handshake     min 8.00  mean 8.00  p50 8.00  p90 8.00  p99 8.00  p99.9 8.00  max "
        "8.00 ms\n"
        "messages      10,000 sent: 9,997 echoed, 1 wrong, 2 lost; 3 doubled, 4 late\n"
        "rate          4,950 messages/s, 0.634 MB/s each way\n"
        "round trip    min 1.00  mean 2.50  p50 2.01  p90 4.00  p99 4.00  p99.9 4.00  max "
        "4.00 ms\n"
        "   1.00 -    2.50 ms  ########################################  50.0 %\n"
        "   2.50 -    4.00 ms  ########################################  50.0 %\n"
        "this side     2 % of one core, 5.05 us for each message\n"
        "</pre>\n"
        "</body></html>\n";

static void
a_page(void **state)
{
        (void)state;
        setenv("TZ", "UTC0", 1);
        tzset();
        begin();
        writes_part(report_page, "</style>", NULL, whole_page);
        churn();
        result.second_count = 1;
        for (int64_t i = 0; i < 2000; i++)
                aw_histogram_record(&result.record.latency, (uint64_t)(5 * MS));
        writes_part(
                report_page, "'>0 %<", "<polyline",
                "'>0 %</text>\n"
                "<text class='tick' x='260.9' y='272' text-anchor='middle'>90 %</text>\n"
                "<text class='tick' x='451.8' y='272' text-anchor='middle'>99 %</text>\n"
                "<text class='tick' x='642.7' y='272' text-anchor='middle'>99.9 %</text>\n"
                "<text class='tick' x='700' y='292' text-anchor='end'>of all messages</text>\n");
        writes_part(report_page, "<polyline class='line line2'", "</svg>",
                    "<polyline class='line line2' points='700.0,44.0 '/>\n"
                    "<circle class='line2' r='4' cx='700.0' cy='44.0'/>\n"
                    "<line class='line line0' x1='430' x2='456' y1='18' y2='18'/><text "
                    "class='tick' x='462' y='22'>p50</text>\n"
                    "<line class='line line1' x1='520' x2='546' y1='18' y2='18'/><text "
                    "class='tick' x='552' y='22'>p99</text>\n"
                    "<line class='line line2' x1='610' x2='636' y1='18' y2='18'/><text "
                    "class='tick' x='642' y='22'>max</text>\n");
        aw_histogram_reset(&result.record.latency);
        result.record.measured = (struct record_counts){.sent = 1};
        result.record.cut = result.record.refused = 0;
        writes_part(report_page, "<dl>", "<main>",
                    "<dl>\n"
                    "<div><dt>rate, cycles/s</dt><dd>250</dd></div>\n"
                    "<div><dt>p50, ms</dt><dd>none</dd></div>\n"
                    "<div><dt>p90, ms</dt><dd>none</dd></div>\n"
                    "<div><dt>p99, ms</dt><dd>none</dd></div>\n"
                    "<div><dt>p99.9, ms</dt><dd>none</dd></div>\n"
                    "<div><dt>max, ms</dt><dd>none</dd></div>\n"
                    "<div><dt>server, us each</dt><dd>200.0</dd></div>\n"
                    "<div><dt>errors</dt><dd>0</dd></div>\n"
                    "</dl>\n");
        result.seconds = NULL;
        result.second_count = 0;
        writes_part(report_page, "s</text>", "</svg>",
                    "s</text>\n"
                    "<line class='grid' x1='70' x2='700' y1='254.0' y2='254.0'/><text class='tick' "
                    "x='62' y='258.0' text-anchor='end'>0</text>\n"
                    "<line class='grid' x1='70' x2='700' y1='212.0' y2='212.0'/><text class='tick' "
                    "x='62' y='216.0' text-anchor='end'>0.2</text>\n"
                    "<line class='grid' x1='70' x2='700' y1='170.0' y2='170.0'/><text class='tick' "
                    "x='62' y='174.0' text-anchor='end'>0.4</text>\n"
                    "<line class='grid' x1='70' x2='700' y1='128.0' y2='128.0'/><text class='tick' "
                    "x='62' y='132.0' text-anchor='end'>0.6</text>\n"
                    "<line class='grid' x1='70' x2='700' y1='86.0' y2='86.0'/><text class='tick' "
                    "x='62' y='90.0' text-anchor='end'>0.8</text>\n"
                    "<line class='grid' x1='70' x2='700' y1='44.0' y2='44.0'/><text class='tick' "
                    "x='62' y='48.0' text-anchor='end'>1</text>\n"
                    "<text class='tick' x='70.0' y='272' text-anchor='middle'>0 %</text>\n"
                    "<text class='tick' x='700.0' y='272' text-anchor='middle'>90 %</text>\n"
                    "<text class='tick' x='700' y='292' text-anchor='end'>of all messages</text>\n"
                    "<polyline class='line line0' points=''/>\n");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(table_of_echoes),
                cmocka_unit_test(table_of_cycles),
                cmocka_unit_test(table_without_echoes),
                cmocka_unit_test(table_of_idle_connections),
                cmocka_unit_test(table_of_a_warm_up_and_late_messages),
                cmocka_unit_test(table_without_warnings),
                cmocka_unit_test(a_row_for_each_second),
                cmocka_unit_test(percentiles_as_hdr_histogram_has_them),
                cmocka_unit_test(an_object),
                cmocka_unit_test(a_page),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
