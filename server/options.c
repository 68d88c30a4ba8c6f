/* SPDX-License-Identifier: MIT */
/* The command line. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "options.h"

#include "await/tls.h"

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
                    "second one at once; SIGUSR1 prints its tasks.",
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

        return text[length] == '\0' && length <= 4 && strtoul(text, NULL, 8) <= 0777
                       ? (unsigned)strtoul(text, NULL, 8)
                       : 0;
}

static enum aw_opt_status
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
        if (options->socket_mode != NULL && options_socket_mode(options->socket_mode) == 0)
                return aw_opt_usage_error(&program,
                                          "--socket-mode: '%s' is not an octal mode from 1 to 777",
                                          options->socket_mode);
        if (options->socket_mode != NULL && !options_has_scheme(options, "unix:") &&
            !options_has_scheme(options, "ws+unix:"))
                return aw_opt_usage_error(&program,
                                          "--socket-mode: no --listen names a Unix socket");
        return AW_OPT_RUN;
}

static uint64_t
quarter_of_memory(void)
{
        return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGE_SIZE) / 4;
}

enum aw_opt_status
options_parse(int argc, char **argv, struct server_options *options)
{
        enum aw_opt_status status;
        int operands = 0;

        *options = (struct server_options){
                .max_message = (uint64_t)16 << 20,
                .max_memory = quarter_of_memory(),
                .subprotocol = "first",
                .test = "safe",
                .loop = "auto",
                .slow_task = 100 * AW_MILLISECOND,
                .log_level = "info",
        };
        status = aw_opt_parse(&program, argc, argv, options, &operands);
        return status == AW_OPT_RUN ? check(options, operands, argv) : status;
}

void
options_free(struct server_options *options)
{
        aw_tls_context_unref(options->tls);
        aw_opt_strings_free(&options->listen);
}
