/* SPDX-License-Identifier: MIT */
/* wsecho: the command line. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "await/log.h"
#include "await/tls.h"
#include "client.h"

#define FIELD(name) offsetof(struct client_options, name)

static const struct aw_opt options_table[] = {
        {.name = "cacert",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "trust the certificates in FILE, PEM (the system's)",
         .offset = FIELD(cacert)},
        {.name = "insecure",
         .letter = 'k',
         .kind = AW_OPT_FLAG,
         .help = "do not verify the server's certificate",
         .offset = FIELD(insecure)},
        {.name = "timeout",
         .letter = 't',
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "give up after this long without a connection, or without a reply; 0: never (10s)",
         .offset = FIELD(timeout)},
        {.name = "binary",
         .letter = 'b',
         .kind = AW_OPT_FLAG,
         .help = "send binary messages, not text",
         .offset = FIELD(binary)},
        {.name = "header",
         .letter = 'H',
         .kind = AW_OPT_STRINGS,
         .argument = "FIELD",
         .help = "send the header field 'Name: value' with the handshake; may be repeated",
         .offset = FIELD(headers)},
        {.name = "max-message",
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .help = "close at a longer message, send no longer line (16M)",
         .offset = FIELD(max_message),
         .minimum = 1,
         .maximum = (uint64_t)1 << 30},
        {.name = "loop",
         .kind = AW_OPT_CHOICE,
         .argument = "auto|ev|uv|poll",
         .help = "event loop: libev, libuv or poll (auto)",
         .offset = FIELD(loop)},
        {.name = "verbose",
         .letter = 'v',
         .kind = AW_OPT_FLAG,
         .help = "tell on standard error what goes on",
         .offset = FIELD(verbose)},
        {.name = NULL},
};

static const struct aw_opt_program program = {
        .name = "wsecho",
        .synopsis = "[options] URL [MESSAGE...]",
        .summary = "A WebSocket client: sends each MESSAGE, or each line of standard input, and "
                   "prints the replies.",
        .options = options_table,
        .epilogue = "URL is wss://HOST[:PORT][/PATH], ws://HOST[:PORT][/PATH], unix:/SOCKET or\n"
                    "ws+unix:/SOCKET[:/PATH].\n"
                    "\n"
                    "Exit status: 0 ok, 1 trouble here, 2 usage, 3 no connection, 4 TLS refused,\n"
                    "5 handshake refused, 6 closed early, 7 time-out.",
};

static int
run_client(struct client_options *options)
{
        struct aw_loop_options loop = {.backend = options->loop, .slow = options->verbose ? 0 : -1};
        int status;

        aw_log_set_program(program.name);
        aw_log_set_level(options->verbose ? AW_LOG_INFO : AW_LOG_WARNING);
        if (client_load(options) == -1)
                return CLIENT_USAGE;
        status = aw_run(&loop, client_run, options);
        if (status == -1) {
                client_say("event loop '%s': %s", options->loop, strerror(errno));
                status = CLIENT_LOCAL;
        }
        return status;
}

int
main(int argc, char **argv)
{
        struct client_options options = {
                .timeout = 10 * AW_SECOND,
                .max_message = WS_MESSAGE_MAX,
                .loop = "auto",
        };
        int operands = 0, status;

        aw_opt_keep_standard();
        status = (int)aw_opt_parse(&program, argc, argv, &options, &operands);
        if (status == AW_OPT_RUN && operands == 0)
                status = aw_opt_usage_error(&program, "the URL is missing");
        if (status == AW_OPT_RUN) {
                options.url = argv[1];
                options.messages = argv + 2;
                options.count = operands - 1;
                status = run_client(&options);
        } else if (status != AW_OPT_USAGE) {
                status = status == AW_OPT_DONE ? CLIENT_OK : CLIENT_LOCAL;
        }
        aw_tls_context_unref(options.tls);
        aw_opt_strings_free(&options.headers);
        return status;
}
