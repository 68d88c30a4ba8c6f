/* SPDX-License-Identifier: MIT */
/*
 * Loads a WebSocket echo server and checks every echo. It shares neither loop nor connections with
 * the library, so that it measures every server alike: epoll and OpenSSL, one thread. As much as
 * has come is read, then answered with one write.
 *
 * Prints "open" once all connections are, "begin" when measuring begins, and then the figures as
 * one line of JSON.
 */
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/histogram.h"
#include "cli/opt.h"
#include "load_link.h"

#define SECOND   1000000000LL
#define AT_ONCE  64            /* handshakes */
#define PATIENCE (60 * SECOND) /* with the opening of all */
#define EVENTS   256

struct options {
        uint64_t connections, idle, in_flight, size, messages;
        int64_t duration, warm_up;
        bool connect_rate, hold;
        struct aw_opt_strings cpu_of;
};

enum phase { OPENING, HOLDING, WARMING, MEASURING, DONE };

struct load {
        struct options options;
        struct peer peer;
        struct link *links; /* those that are to be idle first */
        size_t count, opened, opening, ready, broken;
        enum phase phase;
        int64_t now, until, begin, end;
        uint64_t messages, errors;
        uint64_t begun; /* messages that were queued */
        double servers_cpu, own_cpu;
        struct aw_histogram latencies; /* nanoseconds */
};

static int64_t
clock_ns(clockid_t clock)
{
        struct timespec t;

        return clock_gettime(clock, &t) == 0 ? t.tv_sec * SECOND + t.tv_nsec : 0;
}

/* Nanoseconds of processor time that the server's processes have used, the kernel's included. */
static double
servers_cpu(const struct load *load)
{
        double sum = 0;

        for (size_t i = 0; i < load->options.cpu_of.count; i++) {
                uint64_t pid;
                clockid_t clock;

                if (aw_opt_number(load->options.cpu_of.items[i], &pid) == 0 &&
                    clock_getcpuclockid((pid_t)pid, &clock) == 0)
                        sum += (double)clock_ns(clock);
        }
        return sum;
}

static void
say(const char *word)
{
        puts(word);
        fflush(stdout);
}

static void
enter(struct load *load, enum phase phase, int64_t duration)
{
        load->phase = phase;
        load->until = load->now + duration;
}

static void
begin_measuring(struct load *load)
{
        say("begin");
        load->servers_cpu = servers_cpu(load);
        load->own_cpu = (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        load->now = load->begin = clock_ns(CLOCK_MONOTONIC);
        load->messages = 0;
        aw_histogram_reset(&load->latencies);
        enter(load, MEASURING, load->options.duration * 1000);
}

static void
end_measuring(struct load *load)
{
        load->end = load->now;
        load->servers_cpu = servers_cpu(load) - load->servers_cpu;
        load->own_cpu = (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) - load->own_cpu;
        load->phase = DONE;
}

/* The next message, unless all that were wanted are on their way. */
static void
queue_next(struct load *load, struct link *link)
{
        if (load->options.messages > 0 && load->begun == load->options.messages)
                return;
        load->begun++;
        link_queue(link, load->now);
}

/* One message, or with --connect-rate one connection, is done. */
static void
count(struct load *load, int64_t since)
{
        load->messages++;
        if (load->phase != MEASURING)
                return;
        aw_histogram_record(&load->latencies, (uint64_t)(load->now - since));
        if (load->messages == load->options.messages)
                end_measuring(load);
}

static void
on_echo(struct link *link, int64_t sent)
{
        struct load *load = link->owner;

        if (load->options.connect_rate) {
                link_queue_close(link);
        } else if (link->idle) {
                load->opening--;
                load->ready++;
        } else {
                count(load, sent);
                queue_next(load, link);
        }
}

/* A connection that was meant to last is gone. */
static void
give_up(struct load *load, struct link *link, const char *why)
{
        if (load->errors++ == 0)
                fprintf(stderr, "load: %s\n", why);
        load->broken++;
        link_close(link);
}

static void
after_upgrade(struct load *load, struct link *link)
{
        if (link->idle || load->options.connect_rate) {
                link_queue(link, load->now);
                link_flush(link);
        } else {
                load->opening--;
                load->ready++;
        }
}

static void
start(struct load *load, struct link *link)
{
        link_connect(link, load->now);
        if (link->state == LINK_FAILED)
                give_up(load, link, link->error);
}

static void
serve(struct load *load, struct link *link)
{
        bool upgrading = link->state == LINK_UPGRADING;

        link_serve(link);
        if (upgrading && link->state == LINK_OPEN)
                after_upgrade(load, link);
        if (link->state == LINK_FAILED) {
                give_up(load, link, link->error);
        } else if (link->state == LINK_CLOSED) {
                count(load, link->begin);
                link_close(link);
        }
        if (load->options.connect_rate && link->state == LINK_CLOSED && load->phase != DONE)
                start(load, link);
}

static void
open_more(struct load *load)
{
        while (load->opened < load->count &&
               (load->opening < AT_ONCE || load->options.connect_rate)) {
                start(load, &load->links[load->opened++]);
                load->opening++;
        }
}

static void
begin_traffic(struct load *load)
{
        load->now = clock_ns(CLOCK_MONOTONIC);
        enter(load, WARMING, load->options.warm_up * 1000);
        if (load->options.messages > 0)
                begin_measuring(load);
        if (load->options.connect_rate)
                return;
        for (size_t i = load->options.idle; i < load->count; i++) {
                struct link *link = &load->links[i];

                for (uint64_t k = 0; k < load->options.in_flight && link->state == LINK_OPEN; k++)
                        queue_next(load, link);
                if (link->state == LINK_OPEN)
                        link_flush(link);
        }
}

static void
hold(struct load *load)
{
        struct epoll_event event = {.events = EPOLLIN};

        say("open");
        enter(load, HOLDING, INT64_MAX - load->now);
        if (!load->options.hold)
                begin_traffic(load);
        else if (epoll_ctl(load->peer.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == -1)
                load->phase = DONE;
}

/* Standard input has ended, or has something to say. */
static void
let_go(struct load *load)
{
        epoll_ctl(load->peer.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        if (load->options.connections > 0)
                begin_traffic(load);
        else
                load->phase = DONE;
}

static void
next_phase(struct load *load)
{
        if (load->phase == OPENING && (load->ready == load->count || load->options.connect_rate))
                hold(load);
        if (load->broken > 0 && !load->options.connect_rate)
                load->phase = DONE;
        if (load->now < load->until)
                return;
        if (load->phase == OPENING) {
                give_up(load, &load->links[load->opened - 1], "opening takes too long");
                load->phase = DONE;
        } else if (load->phase == WARMING) {
                begin_measuring(load);
        } else if (load->phase == MEASURING) {
                end_measuring(load);
        }
}

static int
timeout_ms(const struct load *load)
{
        int64_t left = (load->until - load->now + SECOND / 1000 - 1) / (SECOND / 1000);

        return left < 0 ? 0 : left > 1000 ? 1000 : (int)left;
}

static void
run(struct load *load)
{
        struct epoll_event events[EVENTS];

        load->now = clock_ns(CLOCK_MONOTONIC);
        enter(load, OPENING, PATIENCE);
        while (load->phase != DONE) {
                int n;

                open_more(load);
                n = epoll_wait(load->peer.epoll, events, EVENTS, timeout_ms(load));
                for (int i = 0; i < n && load->phase != DONE; i++) {
                        load->now = clock_ns(CLOCK_MONOTONIC);
                        if (events[i].data.ptr == NULL)
                                let_go(load);
                        else
                                serve(load, events[i].data.ptr);
                }
                load->now = clock_ns(CLOCK_MONOTONIC);
                next_phase(load);
        }
}

static double
percentile_us(const struct load *load, double percent)
{
        return (double)aw_histogram_percentile(&load->latencies, percent) / 1000;
}

static void
report(const struct load *load)
{
        double seconds = (double)(load->end - load->begin) / SECOND;

        printf("{\"messages\": %llu, \"seconds\": %.6f, \"rate\": %.1f, \"p50_us\": %.1f, "
               "\"p99_us\": %.1f, \"p999_us\": %.1f, \"server_cpu_s\": %.6f, \"load_cpu_s\": %.6f, "
               "\"errors\": %llu}\n",
               (unsigned long long)load->messages, seconds,
               seconds > 0 ? (double)load->messages / seconds : 0, percentile_us(load, 50),
               percentile_us(load, 99), percentile_us(load, 99.9), load->servers_cpu / SECOND,
               load->own_cpu / SECOND, (unsigned long long)load->errors);
        fflush(stdout);
}

static int
prepare(struct load *load)
{
        const struct options *options = &load->options;
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        load->count = options->connections + options->idle;
        load->links = calloc(load->count + 1, sizeof(*load->links));
        if (load->links == NULL)
                return peer_fail("connections", "out of memory");
        for (size_t i = 0; i < load->count; i++)
                load->links[i] = (struct link){
                        .peer = &load->peer, .owner = load, .fd = -1, .idle = i < options->idle};
        load->peer.echoed = on_echo;
        return 0;
}

static void
release(struct load *load)
{
        for (size_t i = 0; load->links != NULL && i < load->count; i++)
                link_close(&load->links[i]);
        free(load->links);
        peer_free(&load->peer);
        aw_opt_strings_free(&load->options.cpu_of);
}

#define FIELD(name) offsetof(struct load, options.name)

static const struct aw_opt table[] = {
        {.name = "connections",
         .letter = 'c',
         .kind = AW_OPT_NUMBER,
         .argument = "N",
         .help = "that send (100)",
         .offset = FIELD(connections),
         .maximum = 60000},
        {.name = "idle",
         .letter = 'i',
         .kind = AW_OPT_NUMBER,
         .argument = "N",
         .help = "more that fall silent after one echo (0)",
         .offset = FIELD(idle),
         .maximum = 60000},
        {.name = "in-flight",
         .letter = 'f',
         .kind = AW_OPT_NUMBER,
         .argument = "N",
         .help = "messages at once in a connection (1)",
         .offset = FIELD(in_flight),
         .minimum = 1,
         .maximum = 4096},
        {.name = "size",
         .letter = 's',
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .help = "of a message (128)",
         .offset = FIELD(size),
         .maximum = 1 << 30},
        {.name = "duration",
         .letter = 'd',
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "of measuring (2s)",
         .offset = FIELD(duration)},
        {.name = "messages",
         .letter = 'n',
         .kind = AW_OPT_NUMBER,
         .argument = "N",
         .help = "to send at most, without warming up (no limit)",
         .offset = FIELD(messages)},
        {.name = "warm-up",
         .letter = 'w',
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "before measuring (500ms)",
         .offset = FIELD(warm_up)},
        {.name = "connect-rate",
         .letter = 'r',
         .kind = AW_OPT_FLAG,
         .help = "each connection connects, echoes once and closes, over and over",
         .offset = FIELD(connect_rate)},
        {.name = "hold",
         .kind = AW_OPT_FLAG,
         .help = "wait for input (or its end) once all are open",
         .offset = FIELD(hold)},
        {.name = "cpu-of",
         .letter = 'p',
         .kind = AW_OPT_STRINGS,
         .argument = "PID",
         .help = "count its processor time; repeatable",
         .offset = FIELD(cpu_of)},
        {.name = NULL},
};

static const struct aw_opt_program program = {.name = "load",
                                              .synopsis = "[options] URL",
                                              .summary = "Loads a WebSocket echo server.",
                                              .options = table};

int
main(int argc, char **argv)
{
        static struct load load = {.options = {.connections = 100,
                                               .in_flight = 1,
                                               .size = 128,
                                               .duration = 2000000,
                                               .warm_up = 500000}};
        int operands, status = 1;
        enum aw_opt_status parsed = aw_opt_parse(&program, argc, argv, &load, &operands);

        if (parsed == AW_OPT_RUN && operands != 1)
                parsed = aw_opt_usage_error(&program, "one URL is wanted");
        if (parsed != AW_OPT_RUN)
                return parsed == AW_OPT_DONE ? 0 : (int)parsed;
        signal(SIGPIPE, SIG_IGN);
        if (prepare(&load) == 0 &&
            peer_init(&load.peer, argv[1], load.options.size, load.options.in_flight) == 0) {
                run(&load);
                report(&load);
                status = load.errors > 0;
        }
        release(&load);
        return status;
}
