/* SPDX-License-Identifier: MIT */
/* wsechod: the command line. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "admin.h"
#include "await/log.h"
#include "await/tls.h"
#include "await/ws.h"
#include "log_form.h"
#include "server.h"

#define FIELD(name) offsetof(struct server_options, name)

static const struct aw_opt options_table[] = {
        {.name = "listen",
         .letter = 'l',
         .kind = AW_OPT_STRINGS,
         .argument = "URL",
         .help = "listen on wss://HOST:PORT, ws://HOST:PORT or unix:/PATH; may be repeated; host * "
                 "is all addresses, port 0 a free one (" SERVER_URL ")",
         .offset = FIELD(listen)},
        {.name = "cert",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "certificate chain, PEM (a self-signed one is made at start)",
         .offset = FIELD(cert)},
        {.name = "key",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "the certificate's private key, PEM",
         .offset = FIELD(key)},
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
        {.name = "socket-mode",
         .kind = AW_OPT_STRING,
         .argument = "MODE",
         .help = "who may connect to a Unix socket, octal as for chmod (by the umask)",
         .offset = FIELD(socket_mode)},
        {.name = "max-memory",
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .help = "over it refuse large messages with 1013, new connections with 503 (a quarter of "
                 "the machine's memory)",
         .offset = FIELD(max_memory),
         .minimum = (uint64_t)1 << 20,
         .maximum = (uint64_t)1 << 50},
        {.name = "test",
         .kind = AW_OPT_CHOICE,
         .argument = "off|safe|all",
         .help = "which test behaviours a URL may ask for; all: also those that break the protocol "
                 "(safe)",
         .offset = FIELD(test)},
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
        .epilogue = "SIGTERM, SIGINT or SIGQUIT closes all connections and ends the server, a\n"
                    "second one at once; SIGUSR1 prints its tasks; SIGHUP reopens the access log.",
};

static int
check(const struct server_options *options, int operands, char **argv)
{
        /* What may stand in a name (RFC 9110 section 5.6.2). */
        static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789!#$%&'*+-.^_`|~";

        if (operands > 0)
                return aw_opt_usage_error(&program, "unexpected argument '%s'", argv[1]);
        if ((options->cert == NULL) != (options->key == NULL))
                return aw_opt_usage_error(&program, "--cert and --key go together: --%s is missing",
                                          options->cert == NULL ? "cert" : "key");
        if (options->subprotocol[0] == '\0' ||
            options->subprotocol[strspn(options->subprotocol, token)] != '\0')
                return aw_opt_usage_error(&program, "--subprotocol: '%s' is no subprotocol's name",
                                          options->subprotocol);
        if (options->socket_mode != NULL && server_socket_mode(options->socket_mode) == 0)
                return aw_opt_usage_error(&program,
                                          "--socket-mode: '%s' is not an octal mode from 1 to 777",
                                          options->socket_mode);
        if (options->socket_mode != NULL && !server_has_scheme(options, "unix:") &&
            !server_has_scheme(options, "ws+unix:"))
                return aw_opt_usage_error(&program,
                                          "--socket-mode: no --listen names a Unix socket");
        if (options->admin != NULL && !admin_is_url(options->admin))
                return aw_opt_usage_error(
                        &program, "--admin: '%s' is neither http://HOST:PORT nor unix:/PATH",
                        options->admin);
        return AW_OPT_RUN;
}

static int
run_server(struct server_options *options)
{
        struct aw_loop_options loop = {
                .backend = options->loop,
                .slow = options->slow_task == 0 ? -1 : options->slow_task,
        };
        int status;

        ws_set_max_memory(options->max_memory);
        aw_log_set_program(program.name);
        aw_log_set_level((enum aw_log_level)aw_log_level_parse(options->log_level));
        log_form_set(options->log_format);
        if (server_load(options) == -1)
                return 1;
        status = aw_run(&loop, server_run, options);
        if (status == -1) {
                aw_log(AW_LOG_ERROR, "event loop '%s': %s", options->loop, strerror(errno));
                status = 1;
        }
        return status;
}

/*
 * Large messages come and go: their memory is kept for the next one rather than given back to the
 * system and faulted in anew, page by page, which cost a tenth of a 1 MiB message's time. Both
 * values have to be set, or the C library stops adapting the other one.
 */
static void
keep_memory(void)
{
#ifdef __GLIBC__
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

static uint64_t
quarter_of_memory(void)
{
        return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE) / 4;
}

/*
 * What never ends the server, also while it starts or ends. The loop is told of all but the first
 * nevertheless: a signal that is blocked is kept, ignored or not.
 */
static void
ignore_signals(void)
{
        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, SIG_IGN);
}

int
main(int argc, char **argv)
{
        struct server_options options = {
                .max_message = (uint64_t)16 << 20,
                .max_memory = quarter_of_memory(),
                .subprotocol = "first",
                .test = "safe",
                .loop = "auto",
                .slow_task = 100 * AW_MILLISECOND,
                .log_format = "text",
                .log_level = "info",
        };
        int operands = 0, status;

        keep_memory();
        ignore_signals();
        aw_opt_keep_standard();
        status = (int)aw_opt_parse(&program, argc, argv, &options, &operands);
        if (status == AW_OPT_RUN)
                status = check(&options, operands, argv);
        if (status == AW_OPT_RUN)
                status = run_server(&options);
        else if (status != AW_OPT_USAGE)
                status = status == AW_OPT_DONE ? 0 : 1;
        access_log_close();
        aw_tls_context_unref(options.tls);
        aw_opt_strings_free(&options.listen);
        return status;
}
