/* SPDX-License-Identifier: MIT */
/* wsbench: the command line. */
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "await/log.h"
#include "await/ws.h"
#include "bench.h"
#include "compare.h"
#include "condition.h"
#include "conductor.h"
#include "forms.h"
#include "live.h"
#include "source.h"

#define FIELD(name) offsetof(struct bench_options, name)

/* A year: so nanoseconds fit where they are counted. */
#define TIME_MAX ((uint64_t)365 * 24 * 3600 * AW_SECOND)

/* So that sums of them, over all rounds of a comparison, are integers of JSON and of its readers. */
#define MESSAGES_MAX UINT64_C(1000000000000)

static const struct aw_opt options_table[] = {
        {.name = "connections",
         .letter = 'c',
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "connections (10)",
         .offset = FIELD(connections),
         .minimum = 1,
         .maximum = 1000000},
        {.name = "duration",
         .letter = 'z',
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "measure for so long; 0: until Ctrl-C (10s)",
         .offset = FIELD(duration),
         .maximum = TIME_MAX},
        {.name = "messages",
         .letter = 'n',
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "measure so many messages in all, and no longer",
         .offset = FIELD(messages),
         .minimum = 1,
         .maximum = MESSAGES_MAX},
        {.name = "size",
         .letter = 's',
         .kind = AW_OPT_STRING,
         .argument = "SIZE",
         .help = "of a message: 128, 64-4096 or 90%:128,10%:64K (128)",
         .offset = FIELD(size)},
        {.name = "message",
         .letter = 'm',
         .kind = AW_OPT_STRING,
         .argument = "TEXT|@FILE",
         .help = "send this message",
         .offset = FIELD(message)},
        {.name = "binary",
         .letter = 'b',
         .kind = AW_OPT_FLAG,
         .help = "send binary messages, not text",
         .offset = FIELD(binary)},
        {.name = "in-flight",
         .letter = 'p',
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "messages at once on their way in each connection (1)",
         .offset = FIELD(in_flight),
         .minimum = 1,
         .maximum = 65536},
        {.name = "rate",
         .letter = 'R',
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "send so many messages a second in all, whatever comes back",
         .offset = FIELD(rate),
         .minimum = 1,
         .maximum = 100000000},
        {.name = "sources",
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "come from so many addresses: 127.0.0.1, 127.0.0.2 and so on (as ports need)",
         .offset = FIELD(sources),
         .minimum = 1,
         .maximum = SOURCES_MAX},
        {.name = "connect-rate",
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "open so many connections a second",
         .offset = FIELD(connect_rate),
         .minimum = 1,
         .maximum = 1000000},
        {.name = "ramp",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "open the connections over this time; each sends at once",
         .offset = FIELD(ramp),
         .maximum = TIME_MAX},
        {.name = "warm-up",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "before measuring (1s)",
         .offset = FIELD(warm_up),
         .maximum = TIME_MAX},
        {.name = "churn",
         .kind = AW_OPT_FLAG,
         .help = "a new connection for each message",
         .offset = FIELD(churn)},
        {.name = "resume",
         .kind = AW_OPT_FLAG,
         .help = "with --churn: resume TLS sessions",
         .offset = FIELD(resume)},
        {.name = "idle",
         .kind = AW_OPT_FLAG,
         .help = "open connections and send nothing",
         .offset = FIELD(idle)},
        {.name = "no-echo",
         .kind = AW_OPT_FLAG,
         .help = "for servers that do not echo: send on; what comes is counted, not compared",
         .offset = FIELD(no_echo)},
        {.name = "timeout",
         .letter = 't',
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "give up a connection, or an echo, after this long (10s)",
         .offset = FIELD(timeout),
         .minimum = 1000,
         .maximum = TIME_MAX},
        {.name = "threads",
         .letter = 'T',
         .kind = AW_OPT_STRING,
         .argument = "auto|NUM",
         .help = "threads: as many as cores, half of them if the server is here (auto)",
         .offset = FIELD(threads)},
        TLS_ROWS(NULL, FIELD(trust), false),
        NETWORK_ROWS(FIELD(network), false),
        {.name = "header",
         .letter = 'H',
         .kind = AW_OPT_STRINGS,
         .argument = "FIELD",
         .help = "send the header field 'Name: value' with the handshake; may be repeated",
         .offset = FIELD(headers)},
        {.name = "compress",
         .kind = AW_OPT_FLAG,
         .help = "offer to compress messages, and compress them if it is agreed to",
         .offset = FIELD(compress)},
        {.name = "compress-mode",
         .kind = AW_OPT_STRING,
         .argument = "shared|context[:BITS]",
         .help = "context: small messages, shared: less memory (context)",
         .offset = FIELD(compress_mode)},
        {.name = "server-pid",
         .kind = AW_OPT_STRINGS,
         .argument = "PID",
         .help = "tell what this process and its children use; may be repeated",
         .offset = FIELD(server_pids)},
        {.name = "json",
         .letter = 'j',
         .kind = AW_OPT_FLAG,
         .help = "print the result as JSON",
         .offset = FIELD(json)},
        {.name = "csv",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "write a row for each second",
         .offset = FIELD(csv)},
        {.name = "hdr",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "write the latencies' percentiles as HdrHistogram does",
         .offset = FIELD(hdr)},
        {.name = "report",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "write an HTML page with plots",
         .offset = FIELD(report)},
        {.name = "fail-if",
         .kind = AW_OPT_STRINGS,
         .argument = "CONDITION",
         .help = "exit with 8 if it holds: 'p99>10ms', 'lost>0'; may be repeated",
         .offset = FIELD(fail_if)},
        {.name = "compare",
         .kind = AW_OPT_FLAG,
         .help = "load two servers in turn, and tell the ratios",
         .offset = FIELD(compare)},
        {.name = "rounds",
         .kind = AW_OPT_NUMBER,
         .argument = "NUM",
         .help = "turns of each server in a comparison (10)",
         .offset = FIELD(rounds),
         .minimum = 3,
         .maximum = 1000},
        {.name = "loop",
         .kind = AW_OPT_CHOICE,
         .argument = "auto|ev|uv|poll",
         .help = "event loop: libev, libuv or poll (auto)",
         .offset = FIELD(loop)},
        {.name = NULL},
};

static const struct aw_opt_program program = {
        .name = "wsbench",
        .synopsis = "[options] URL\n"
                    "       wsbench --compare [options] URL1 URL2",
        .summary = "Loads a WebSocket echo server, checks every echo, and tells how fast it is.",
        .options = options_table,
        .epilogue = "URL is wss://HOST[:PORT][/PATH], ws://HOST[:PORT][/PATH] or\n"
                    "ws+unix:/SOCKET[:/PATH]. With --compare there are two.\n"
                    "\n"
                    "Exit status: 0 ok, 1 trouble here, 2 usage, 3 no connection, 4 TLS refused,\n"
                    "5 handshake refused, 6 errors, 7 time-out, 8 a --fail-if holds.",
};

/* Whether what was found is as it should be. */
static enum bench_status
judge(const struct result *result)
{
        const struct record *record = &result->record;
        struct record_counts total = record_total(record);

        if (condition_judge(&result->options->fail_if, result) != BENCH_OK)
                return BENCH_MISSED;
        return record->refused + record->cut + record_errors(&total) > 0 ? BENCH_ERRORS : BENCH_OK;
}

static enum bench_status
run_once(const struct bench_options *options, const char *url, struct forms *forms)
{
        bool live = live_is_wanted();
        struct result *result = conductor_run(options, url, &options->server_pids, live);
        enum bench_status status = conductor_failure(result), judgement;

        if (status == BENCH_OK) {
                status = forms_write(forms, result);
                judgement = judge(result);
                if (status == BENCH_OK)
                        status = judgement;
        }
        conductor_free(result);
        return status;
}

static enum bench_status
bench(struct bench_options *options, int operands, char **argv)
{
        enum bench_status status;
        struct forms forms;
        int wanted = options->compare ? 2 : 1;

        if (operands < wanted)
                return (enum bench_status)aw_opt_usage_error(
                        &program,
                        operands == 0 ? "the URL is missing" : "--compare needs two URLs");
        if (operands > wanted)
                return (enum bench_status)aw_opt_usage_error(&program, "unexpected argument '%s'",
                                                             argv[1 + wanted]);
        status = bench_prepare(options, &program, argv + 1);
        if (status != BENCH_OK)
                return status;
        if (options->compare)
                return compare_run(options, argv[1], argv[2]);
        status = forms_open(&forms, options);
        if (status == BENCH_OK)
                status = run_once(options, argv[1], &forms);
        forms_close(&forms);
        return status;
}

/*
 * Large messages come and go: their memory is kept for the next one rather than given back to the
 * system and faulted in anew. Both values have to be set, or the C library stops adapting the other
 * one.
 */
static void
keep_freed_memory(void)
{
#ifdef __GLIBC__
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

int
main(int argc, char **argv)
{
        struct bench_options options = {
                .connections = 10,
                .duration = -1,
                .warm_up = -1,
                .timeout = 10 * AW_SECOND,
                .threads = "auto",
                .loop = "auto",
        };
        int operands = 0, status;

        keep_freed_memory();
        aw_opt_keep_standard();
        aw_log_set_program(program.name);
        aw_log_set_level(AW_LOG_WARNING);
        status = (int)aw_opt_parse(&program, argc, argv, &options, &operands);
        if (status == AW_OPT_RUN)
                status = (int)bench(&options, operands, argv);
        else if (status != AW_OPT_USAGE)
                status = status == AW_OPT_DONE ? BENCH_OK : BENCH_LOCAL;
        bench_release(&options);
        return status;
}
