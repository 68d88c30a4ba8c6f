/* SPDX-License-Identifier: MIT */
/* The command line. */
#include <grp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

#include "options.h"

#include "await/deflate.h"
#include "await/log.h"
#include "await/tls.h"

#define FIELD(name) offsetof(struct server_options, name)

static const struct aw_opt options_table[] = {
        {.name = "listen",
         .letter = 'l',
         .kind = AW_OPT_STRINGS,
         .argument = "URL",
         .help = "listen on wss://HOST:PORT, ws://HOST:PORT, unix:/PATH or unix:@NAME; may be "
                 "repeated; "
                 "host * "
                 "is all addresses, port 0 a free one (" SERVER_URL ")",
         .offset = FIELD(listen)},
        TLS_ROWS(FIELD(tls_settings)),
        ACCESS_ROWS(FIELD(access)),
        {.name = "max-message",
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .help = "close with 1009 at a longer message (16M)",
         .offset = FIELD(max_message),
         .minimum = 1,
         .maximum = (uint64_t)1 << 30},
        {.name = "subprotocol",
         .kind = AW_OPT_STRING,
         .argument = "first|none|NAME",
         .help = "which of the subprotocols that a client offers is chosen (first)",
         .offset = FIELD(subprotocol)},
        {.name = "compress",
         .kind = AW_OPT_STRING,
         .argument = "off|shared|context[:BITS]",
         .help = "compress messages for clients that offer it; context: with what was said before, "
                 "which takes memory of each connection (shared)",
         .offset = FIELD(compress)},
        {.name = "compress-level",
         .kind = AW_OPT_NUMBER,
         .argument = "LEVEL",
         .help = "from 1, fast, to 9, small (3)",
         .offset = FIELD(compress_level),
         .minimum = 1,
         .maximum = 9},
        {.name = "compress-min",
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .help = "do not compress shorter messages (256)",
         .offset = FIELD(compress_min),
         .minimum = 1,
         .maximum = (uint64_t)1 << 30},
        {.name = "socket-mode",
         .kind = AW_OPT_STRING,
         .argument = "MODE",
         .help = "who may connect to a Unix socket, octal as for chmod (by the umask)",
         .offset = FIELD(socket_mode)},
        {.name = "socket-group",
         .kind = AW_OPT_STRING,
         .argument = "GROUP",
         .help = "the group of a Unix socket's file (the server's)",
         .offset = FIELD(socket_group)},
        LIMIT_ROWS(FIELD(limits)),
        NETWORKS_ROWS(FIELD(networks)),
        {.name = "test",
         .kind = AW_OPT_CHOICE,
         .argument = "off|safe|all",
         .help = "which test behaviours a URL may ask for; all: also those that break the protocol "
                 "(safe)",
         .offset = FIELD(test)},
        {.name = "workers",
         .kind = AW_OPT_STRING,
         .argument = "N|auto",
         .help = "processes that serve, at most 1024; auto: one for each core (1)",
         .offset = FIELD(workers)},
        {.name = "worker-timeout",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "replace one of several workers that hangs for so long; 0: never (10s)",
         .offset = FIELD(worker_timeout)},
        {.name = "drain-timeout",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "at the end wait so long for connections to close (8s)",
         .offset = FIELD(drain_timeout)},
        {.name = "drain-delay",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "before that say so long at /-/readyz that it ends, and serve on (0)",
         .offset = FIELD(drain_delay)},
        {.name = "ticket-rotation",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "a new key for TLS session tickets each time; those of the last two are still "
                 "taken (1h)",
         .offset = FIELD(ticket_rotation),
         .minimum = 1000000},
        {.name = "config",
         .kind = AW_OPT_CONFIG,
         .argument = "FILE",
         .help = "read options from a file, one on a line, without their dashes",
         .offset = FIELD(config)},
        {.name = "check",
         .kind = AW_OPT_FLAG,
         .help = "check options, certificates and names, and exit",
         .offset = FIELD(check)},
        {.name = "daemon",
         .kind = AW_OPT_FLAG,
         .help = "go to the background once it serves",
         .offset = FIELD(daemon)},
        {.name = "pidfile",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "write the number of the process to a file, which is locked while it runs",
         .offset = FIELD(pidfile)},
        {.name = "takeover",
         .kind = AW_OPT_FLAG,
         .help = "take the sockets over from the server that runs with this --pidfile, if one does",
         .offset = FIELD(takeover)},
        {.name = "takeover-timeout",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "give a new server up that does not serve by then (60s)",
         .offset = FIELD(takeover_timeout),
         .minimum = 100000},
        {.name = "user",
         .kind = AW_OPT_STRING,
         .argument = "NAME",
         .help = "become this user once the sockets are open",
         .offset = FIELD(user)},
        {.name = "loop",
         .kind = AW_OPT_CHOICE,
         .argument = "auto|ev|uv|poll",
         .help = "event loop: libev, libuv or poll (auto)",
         .offset = FIELD(loop)},
        {.name = "slow-task",
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "log a task that keeps the loop for longer; 0: never (100ms)",
         .offset = FIELD(slow_task)},
        {.name = "admin",
         .kind = AW_OPT_STRING,
         .argument = "URL",
         .help = "show /metrics, /tasks and /connections on http://HOST:PORT or unix:/PATH, to all "
                 "who can connect",
         .offset = FIELD(admin)},
        {.name = "access-log",
         .kind = AW_OPT_STRING,
         .argument = "FILE|-",
         .help = "write a line for each connection at its end to a file, which SIGHUP reopens, or "
                 "to standard output",
         .offset = FIELD(access_log)},
        {.name = "log-format",
         .kind = AW_OPT_CHOICE,
         .argument = "text|json",
         .help = "the form of the lines of both logs (text)",
         .offset = FIELD(log_format)},
        {.name = "log-level",
         .kind = AW_OPT_CHOICE,
         .argument = "error|warning|info|debug",
         .help = "how much to log (info)",
         .offset = FIELD(log_level)},
        {.name = NULL},
};

static const struct aw_opt_program program = {
        .name = "wsechod",
        .synopsis = "[options]",
        .summary = "A secure WebSocket echo server: sends back every message that it gets.",
        .options = options_table,
        .environment = "WSECHOD_",
        .epilogue =
                "SIGTERM, SIGINT or SIGQUIT closes all connections and ends the server, a\n"
                "second one at once; SIGHUP reloads the certificates and the options, and reopens\n"
                "the access log; SIGUSR1 prints its tasks; SIGUSR2 starts the program anew,\n"
                "which takes over.",
};

bool
options_has_scheme(const struct server_options *options, const char *scheme)
{
        size_t length = strlen(scheme), i;

        for (i = 0; i < options->listen.count; i++)
                if (strncasecmp(options->listen.items[i], scheme, length) == 0)
                        return true;
        return options->listen.count == 0 && strncmp(SERVER_URL, scheme, length) == 0;
}

unsigned
options_socket_mode(const char *text)
{
        size_t length = strspn(text, "01234567");

        return length <= 4 && text[length] == '\0' && strtoul(text, NULL, 8) <= 0777
                       ? (unsigned)strtoul(text, NULL, 8)
                       : 0;
}

unsigned
options_workers(const char *text)
{
        uint64_t number;

        if (strcmp(text, "auto") == 0)
                return uv_available_parallelism();
        return aw_opt_number(text, &number) == -1 || number > OPTIONS_WORKERS_MAX
                       ? 0
                       : (unsigned)number;
}

gid_t
options_socket_group(const char *text)
{
        const struct group *group = getgrnam(text);
        uint64_t number;

        if (group != NULL)
                return group->gr_gid;
        return aw_opt_number(text, &number) == -1 || number > INT32_MAX ? 0 : (gid_t)number;
}

void
options_refuse_value(const struct server_options *options, const char *name, const char *value,
                     const char *format, ...)
{
        char place[AW_OPT_PLACE_SIZE], *sentence;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) == -1)
                sentence = NULL;
        va_end(arguments);
        aw_log(AW_LOG_ERROR, "%s%s", aw_opt_place(&options->config, name, value, place),
               sentence == NULL ? "out of memory" : sentence);
        free(sentence);
}

static enum aw_opt_status
check(const struct aw_opt_program *said, struct server_options *options, int operands, char **argv)
{
        enum aw_opt_status status;

        if (operands > 0)
                return aw_opt_usage_error(said, "unexpected argument '%s'", argv[1]);
        status = options_verify(said, options);
        if (status == AW_OPT_RUN &&
            networks_check(&options->networks, &options->config, said) == -1)
                status = AW_OPT_USAGE;
        return status;
}

enum aw_opt_status
options_parse(int argc, char **argv, struct server_options *options,
              void (*complain)(const char *sentence))
{
        struct aw_opt_program said = program;
        char **words = calloc((size_t)argc + 1, sizeof(*words));
        enum aw_opt_status status;
        int operands = 0;

        *options = (struct server_options){
                .max_message = (uint64_t)16 << 20,
                .limits = limit_defaults(),
                .subprotocol = "first",
                .compress = "shared",
                .compress_level = WS_DEFLATE_LEVEL,
                .compress_min = WS_DEFLATE_THRESHOLD,
                .test = "safe",
                .loop = "auto",
                .slow_task = 100 * AW_MILLISECOND,
                .log_format = "text",
                .log_level = "info",
                .workers = "1",
                .worker_timeout = 10 * AW_SECOND,
                .ticket_rotation = 3600 * AW_SECOND,
                .drain_timeout = 8 * AW_SECOND,
                .takeover_timeout = 60 * AW_SECOND,
        };
        said.complain = complain;
        if (words == NULL) {
                aw_opt_usage_error(&said, "out of memory");
                return AW_OPT_FAILED;
        }
        memcpy(words, argv, (size_t)argc * sizeof(*words));
        status = aw_opt_parse(&said, argc, words, options, &operands);
        if (status == AW_OPT_RUN)
                status = check(&said, options, operands, words);
        free(words);
        return status;
}

static void
warn(const char *sentence)
{
        aw_log(AW_LOG_WARNING, "%s", sentence);
}

void
options_warn_ignored(void)
{
        aw_opt_tell_ignored(&program, warn);
}

void
options_clear(struct server_options *options)
{
        aw_tls_context_unref(options->tls);
        tls_settings_free(&options->tls_settings);
        access_settings_free(&options->access);
        aw_opt_strings_free(&options->listen);
        networks_clear(&options->networks);
        aw_opt_config_free(&options->config);
}

static bool
is_same_text(const void *now, const void *fresh)
{
        const char *one = *(const char *const *)now, *other = *(const char *const *)fresh;

        return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool
is_same_time(const void *now, const void *fresh)
{
        return *(const int64_t *)now == *(const int64_t *)fresh;
}

static bool
is_same_list(const void *now, const void *fresh)
{
        const struct aw_opt_strings *one = now, *other = fresh;
        size_t i = 0;

        while (i < one->count && i < other->count && strcmp(one->items[i], other->items[i]) == 0)
                i++;
        return i == one->count && i == other->count;
}

void
options_warn_fixed(const struct server_options *now, const struct server_options *fresh)
{
        static const struct {
                const char *name;
                size_t offset;
                bool (*is_same)(const void *now, const void *fresh);
        } fixed[] = {{"listen", FIELD(listen), is_same_list},
                     {"workers", FIELD(workers), is_same_text},
                     {"socket-mode", FIELD(socket_mode), is_same_text},
                     {"socket-group", FIELD(socket_group), is_same_text},
                     {"loop", FIELD(loop), is_same_text},
                     {"slow-task", FIELD(slow_task), is_same_time},
                     {"pidfile", FIELD(pidfile), is_same_text},
                     {"user", FIELD(user), is_same_text},
                     {"admin", FIELD(admin), is_same_text},
                     {"access-log", FIELD(access_log), is_same_text}};

        for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
                if (!fixed[i].is_same((const char *)now + fixed[i].offset,
                                      (const char *)fresh + fixed[i].offset))
                        aw_log(AW_LOG_WARNING, "--%s has changed: that takes a restart, or SIGUSR2",
                               fixed[i].name);
}
