/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench.h"

#include "await/log.h"
#include "await/ws.h"
#include "base/say.h"
#include "base/utf8.h"
#include "condition.h"
#include "limits.h"
#include "source.h"
#include "target.h"

#define THREADS_MAX 256

void
bench_say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        aw_log_say(format, arguments);
        va_end(arguments);
}

const char *
bench_cure(const struct aw_error *error)
{
        if (!error->of_proxy && error->cause == AW_CAUSE_REDIRECTED)
                return ": give that URL";
        if (!error->of_proxy && error->cause == AW_CAUSE_CREDENTIALS)
                return ": --header 'Authorization: ...'";
        return network_cure(error);
}

static enum bench_status
refuse(const struct aw_opt_program *program, const char *sentence)
{
        return (enum bench_status)aw_opt_usage_error(program, "%s", sentence);
}

/* Options that say different things, and those that mean nothing without another one, or beside it. */
static enum bench_status
check_conflicts(const struct bench_options *o, const struct aw_opt_program *program)
{
        const struct {
                bool is_so;
                const char *sentence;
        } conflicts[] = {
                {o->churn + o->idle + o->no_echo > 1,
                 "--churn, --idle and --no-echo are three different tests: give one of them"},
                {o->message != NULL && o->size != NULL,
                 "--message and --size both say what is sent: give one of them"},
                {o->rate > 0 && (o->churn || o->idle),
                 "--rate is for messages: for connections there is --connect-rate"},
                {o->connect_rate > 0 && o->ramp > 0,
                 "--connect-rate and --ramp both say how fast connections are opened: give one of "
                 "them"},
                {o->compare && o->idle,
                 "--compare compares messages, and --idle sends none: give one of them"},
                {o->compare && o->duration == 0 && o->messages == 0,
                 "--compare needs turns that end: give a --duration"},
                {o->compare && (o->csv != NULL || o->hdr != NULL || o->report != NULL ||
                                o->fail_if.count > 0),
                 "--compare prints ratios: --csv, --hdr, --report and --fail-if are for one "
                 "server"},
                {o->compare && o->server_pids.count > 2,
                 "--compare takes --server-pid twice at most: for the first server, and for the "
                 "second one"},
                {o->rounds > 0 && !o->compare,
                 "--rounds is for --compare, in which servers take turns"},
                {o->resume && !o->churn, "--resume is for --churn, whose connections come again"},
                {o->idle && o->messages > 0, "--idle sends no messages: use --duration"},
                {o->idle && (o->message != NULL || o->size != NULL || o->in_flight > 0),
                 "--idle sends no messages: --message, --size and --in-flight are for other tests"},
                {(o->churn || o->no_echo) && o->in_flight > 0,
                 "--in-flight is for connections that wait for echoes and stay: --churn has one "
                 "message in each, and --no-echo waits for none"},
        };

        for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++)
                if (conflicts[i].is_so)
                        return refuse(program, conflicts[i].sentence);
        return BENCH_OK;
}

static void
set_defaults(struct bench_options *o)
{
        o->work = o->churn     ? BENCH_CHURN
                  : o->idle    ? BENCH_IDLE
                  : o->no_echo ? BENCH_NO_ECHO
                               : BENCH_ECHO;
        if (o->duration < 0)
                o->duration = o->messages > 0 ? 0 : o->compare ? AW_SECOND : 10 * AW_SECOND;
        /* Whoever asks for a number of messages wants to see that number. */
        if (o->warm_up < 0)
                o->warm_up = o->messages > 0 || o->idle ? 0
                             : o->compare               ? 200 * AW_MILLISECOND
                                                        : AW_SECOND;
        /* An open loop is not held up by what has not come back. */
        if (o->in_flight == 0)
                o->in_flight = o->rate > 0 ? 1024 : 1;
        if (o->rounds == 0)
                o->rounds = 10;
}

/* All of a file, malloc'ed. NULL with errno. */
static void *
read_file(const char *path, size_t *length)
{
        FILE *file = fopen(path, "rb");
        char *data = NULL;
        size_t size = 0, got;
        int error;

        *length = 0;
        if (file == NULL)
                return NULL;
        do {
                char *more = realloc(data, size + 65536);

                if (more == NULL)
                        break;
                data = more;
                size += 65536;
                got = fread(data + *length, 1, size - *length, file);
                *length += got;
        } while (*length == size && *length <= SIZES_MAX);
        error = *length == size || ferror(file) ? (errno == 0 ? EFBIG : errno) : 0;
        fclose(file);
        if (error != 0) {
                free(data);
                errno = error;
                return NULL;
        }
        return data;
}

static enum bench_status
prepare_message(struct bench_options *o, const struct aw_opt_program *program)
{
        const char *size = o->size != NULL ? o->size : "128", *problem;

        if (o->message == NULL) {
                if (sizes_parse(size, &o->sizes, &problem) == 0)
                        return BENCH_OK;
                return (enum bench_status)aw_opt_usage_error(program, "option '--size': '%s': %s",
                                                             size, problem);
        }
        errno = 0;
        if (o->message[0] == '@') {
                o->text = read_file(o->message + 1, &o->text_length);
        } else {
                o->text = strdup(o->message);
                o->text_length = strlen(o->message);
        }
        if (o->text != NULL && (o->binary || aw_utf8_valid(o->text, o->text_length)))
                return BENCH_OK;
        if (o->text != NULL)
                bench_say("the message is not UTF-8: send it with --binary");
        else
                bench_say("%s: %s", o->message + (o->message[0] == '@'), strerror(errno));
        return BENCH_USAGE;
}

/* Whether that is so of each URL. */
static bool
all_are(bool (*is)(const struct bench_options *options, const char *url),
        const struct bench_options *o, char *const *urls)
{
        size_t i = 0;

        while (urls[i] != NULL && is(o, urls[i]))
                i++;
        return urls[i] == NULL;
}

/* Whether the server is not on this machine, as far as the URL tells. */
static bool
is_far(const struct bench_options *o, const char *url)
{
        const char *host = strstr(url, "://");

        (void)o;
        if (host == NULL)
                return false;
        host += 3;
        return strncasecmp(host, "localhost", 9) != 0 && strncmp(host, "127.", 4) != 0 &&
               strncmp(host, "[::1]", 5) != 0;
}

static size_t
cores(void)
{
        cpu_set_t set;
        int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

        return count < 1 ? 1 : (size_t)count;
}

static enum bench_status
prepare_threads(struct bench_options *o, const struct aw_opt_program *program, char *const *urls)
{
        uint64_t count = cores();

        /* A server on this machine needs cores, too. */
        if (!all_are(is_far, o, urls) && count > 1)
                count /= 2;
        if (strcmp(o->threads, "auto") != 0 &&
            (aw_opt_number(o->threads, &count) == -1 || count < 1 || count > THREADS_MAX))
                return (enum bench_status)aw_opt_usage_error(
                        program, "option '--threads' must be auto or from 1 to %d, not '%s'",
                        THREADS_MAX, o->threads);
        o->thread_count = (size_t)(count < o->connections ? count : o->connections);
        if (o->messages > 0 && o->messages < o->thread_count)
                o->thread_count = (size_t)o->messages;
        return BENCH_OK;
}

static enum bench_status
prepare_tls(struct bench_options *o, char *const *urls)
{
        struct aw_error error;
        bool needed = false;

        for (size_t i = 0; urls[i] != NULL; i++) {
                if (o->proxy_tls == NULL && network_proxy_tls(&o->network, &o->trust, urls[i],
                                                              &o->proxy_tls, &error) == -1) {
                        bench_say("%s", error.text);
                        return BENCH_USAGE;
                }
                needed = needed || strncasecmp(urls[i], "wss:", 4) == 0;
        }
        if (!needed)
                return BENCH_OK;
        o->tls = network_tls(&o->trust, true, &error);
        if (o->tls != NULL && o->resume)
                aw_tls_context_resume(o->tls);
        if (o->tls != NULL)
                return BENCH_OK;
        bench_say("%s%s", error.text, bench_cure(&error));
        return BENCH_USAGE;
}

/* Not over a Unix socket. */
static bool
is_tcp(const struct bench_options *o, const char *url)
{
        return o->network.unix_socket == NULL &&
               (strncasecmp(url, "ws:", 3) == 0 || strncasecmp(url, "wss:", 4) == 0);
}

static bool
is_not_tcp(const struct bench_options *o, const char *url)
{
        return !is_tcp(o, url);
}

/* Whether the server is reached straight, on an IPv4 address of the loopback interface. */
static bool
is_loopback(const struct bench_options *o, const char *url)
{
        const char *host = strstr(url, "://");
        struct aw_connect_options way;
        struct aw_error error;

        /* A proxy may be the environment's. What is wrong with the way is told later. */
        network_connect_options(&o->network, url, &way, &error);
        return host != NULL && strncmp(host + 3, "127.", 4) == 0 && is_tcp(o, url) &&
               way.interface == NULL && way.proxy == NULL && way.connect_to_count == 0;
}

static enum bench_status
prepare_sources(struct bench_options *o, const struct aw_opt_program *program, char *const *urls)
{
        bool fits = all_are(is_loopback, o, urls);

        if (o->sources > 0 && !fits)
                return refuse(program, "--sources are addresses of this machine's loopback "
                                       "interface: the URL must be of 127.0.0.1, and there can be "
                                       "no --interface, --connect-to or proxy");
        if (o->sources == 0 && fits)
                o->sources = limits_sources(o->connections);
        if (o->sources > SOURCES_MAX)
                o->sources = SOURCES_MAX;
        return BENCH_OK;
}

static enum bench_status
check_limits(const struct bench_options *o, char *const *urls)
{
        uint64_t sources = o->sources > 0 ? o->sources : !all_are(is_not_tcp, o, urls);
        char problem[512];

        if (limits_check(o->connections, o->thread_count, sources, problem, sizeof(problem)) == 0)
                return BENCH_OK;
        bench_say("%s", problem);
        return BENCH_USAGE;
}

static enum bench_status
check_pids(const struct bench_options *o, const struct aw_opt_program *program)
{
        const char *missing = target_missing(&o->server_pids);

        if (missing == NULL)
                return BENCH_OK;
        return (enum bench_status)aw_opt_usage_error(
                program,
                "option '--server-pid' needs the number of a process that runs on this machine, "
                "not '%s'",
                missing);
}

static enum bench_status
prepare_deflate(struct bench_options *o, const struct aw_opt_program *program)
{
        /* Each message, however short: who asks for it wants to know what it costs. */
        o->deflate.threshold = 1;
        if (network_deflate(o->compress, o->compress_mode, &o->deflate) == 0)
                return BENCH_OK;
        return (enum bench_status)aw_opt_usage_error(
                program,
                "option '--compress-mode' must be shared, context, or context:BITS with 9 to 15, "
                "not '%s'",
                o->compress_mode);
}

/* All of them, before the first one is connected to. */
static enum bench_status
check_urls(const struct bench_options *o, char *const *urls)
{
        struct aw_error error;

        for (size_t i = 0; urls[i] != NULL; i++) {
                const struct ws_connect_options to = {.url = urls[i],
                                                      .server_name = o->trust.server_name,
                                                      .tls = o->tls,
                                                      .deflate = o->deflate,
                                                      .headers = o->headers.items,
                                                      .header_count = o->headers.count};

                if (ws_connect_check(&to, &error) == -1) {
                        bench_say("%s", error.text);
                        return BENCH_USAGE;
                }
        }
        return BENCH_OK;
}

enum bench_status
bench_prepare(struct bench_options *o, const struct aw_opt_program *program, char *const *urls)
{
        enum bench_status status = check_conflicts(o, program);

        set_defaults(o);
        if (status == BENCH_OK)
                status = condition_check(o, program);
        if (status == BENCH_OK)
                status = check_pids(o, program);
        if (status == BENCH_OK)
                status = prepare_threads(o, program, urls);
        if (status == BENCH_OK)
                status = prepare_message(o, program);
        if (status == BENCH_OK)
                status = prepare_deflate(o, program);
        if (status == BENCH_OK)
                status = prepare_sources(o, program, urls);
        if (status == BENCH_OK)
                status = check_limits(o, urls);
        if (status == BENCH_OK)
                status = prepare_tls(o, urls);
        if (status == BENCH_OK)
                status = check_urls(o, urls);
        return status;
}

void
bench_release(struct bench_options *o)
{
        free(o->text);
        o->text = NULL;
        aw_tls_context_unref(o->tls);
        aw_tls_context_unref(o->proxy_tls);
        o->tls = o->proxy_tls = NULL;
        aw_opt_strings_free(&o->network.resolve);
        aw_opt_strings_free(&o->network.connect_to);
        aw_opt_strings_free(&o->headers);
        aw_opt_strings_free(&o->server_pids);
        aw_opt_strings_free(&o->fail_if);
}
