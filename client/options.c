/* SPDX-License-Identifier: MIT */
/* wsecho's command line: each option is a row of the table, under its topic. */
#include <stddef.h>

#include "options.h"

#include "await/ws.h"

#define FIELD(name) offsetof(struct client_options, name)

static const struct aw_opt table[] = {
        {.topic = "Connection",
         .name = "timeout",
         .letter = 't',
         .kind = AW_OPT_DURATION,
         .argument = "TIME",
         .help = "give up after this long without a connection, or without a reply; 0: never (10s)",
         .offset = FIELD(connection.timeout)},
        {.name = "max-message",
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .help = "close at a longer message, send no longer line (16M)",
         .offset = FIELD(connection.max_message),
         .minimum = 1,
         .maximum = (uint64_t)1 << 30},
        {.name = "loop",
         .kind = AW_OPT_CHOICE,
         .argument = "auto|ev|uv|poll",
         .help = "event loop: libev, libuv or poll (auto)",
         .offset = FIELD(connection.loop)},

        {.topic = "TLS",
         .name = "cacert",
         .kind = AW_OPT_STRING,
         .argument = "FILE",
         .help = "trust the certificates in FILE, PEM (the system's)",
         .offset = FIELD(tls.cacert)},
        {.name = "insecure",
         .letter = 'k',
         .kind = AW_OPT_FLAG,
         .help = "do not verify the server's certificate",
         .offset = FIELD(tls.insecure)},

        {.topic = "Handshake",
         .name = "header",
         .letter = 'H',
         .kind = AW_OPT_STRINGS,
         .argument = "FIELD",
         .help = "send the header field 'Name: value' with the handshake; may be repeated",
         .offset = FIELD(handshake.headers)},

        {.topic = "Sending",
         .name = "binary",
         .letter = 'b',
         .kind = AW_OPT_FLAG,
         .help = "send binary messages, not text",
         .offset = FIELD(sending.binary)},

        {.topic = "Printing",
         .name = "verbose",
         .letter = 'v',
         .kind = AW_OPT_FLAG,
         .help = "tell on standard error what goes on",
         .offset = FIELD(printing.verbose)},
        {.name = NULL},
};

const struct aw_opt_program options_program = {
        .name = "wsecho",
        .synopsis = "[options] URL [MESSAGE...]",
        .summary = "A WebSocket client: sends each MESSAGE, or each line of standard input, and "
                   "prints the replies.",
        .options = table,
        .epilogue = "URL is wss://HOST[:PORT][/PATH], ws://HOST[:PORT][/PATH], unix:/SOCKET or\n"
                    "ws+unix:/SOCKET[:/PATH].\n"
                    "\n"
                    "Exit status: 0 ok, 1 trouble here, 2 usage, 3 no connection, 4 TLS refused,\n"
                    "5 handshake refused, 6 closed early, 7 time-out.",
};

void
options_init(struct client_options *options)
{
        *options = (struct client_options){
                .connection = {.timeout = 10 * AW_SECOND,
                               .max_message = WS_MESSAGE_MAX,
                               .loop = "auto"},
        };
}

bool
options_take_operands(struct client_options *options, char **operands, int count)
{
        if (count == 0) {
                aw_opt_usage_error(&options_program, "the URL is missing");
                return false;
        }
        options->url = operands[0];
        options->sending.messages = operands + 1;
        options->sending.count = count - 1;
        return true;
}

void
options_free(struct client_options *options)
{
        aw_opt_strings_free(&options->handshake.headers);
}
