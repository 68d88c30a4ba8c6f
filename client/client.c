/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#include "await/log.h"
#include "await/signals.h"
#include "await/tls.h"
#include "base/say.h"
#include "output.h"
#include "session.h"

void
client_say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        aw_log_say(format, arguments);
        va_end(arguments);
}

enum client_status
client_failed(const struct ws *ws)
{
        const struct ws_peer_close *peer = ws_peer_close(ws);
        int error = errno;

        if (error == ETIMEDOUT) {
                client_say("time-out: no reply from %s", ws_peer(ws));
                return CLIENT_TIMEOUT;
        }
        if (error == EILSEQ) {
                client_say("the message is not UTF-8: send it with --binary");
                return CLIENT_USAGE;
        }
        if (error == EMSGSIZE)
                client_say("closed: a message from %s is over the limit", ws_peer(ws));
        else if (error == EPROTO)
                client_say("closed: %s broke the WebSocket protocol", ws_peer(ws));
        else if (error != EPIPE)
                client_say("%s", strerror(error));
        else if (peer->code == WS_ABNORMAL || peer->code == 0)
                client_say("the connection to %s was lost (1006)", ws_peer(ws));
        else
                client_say("%s closed with %u%s%s", ws_peer(ws), peer->code,
                           peer->reason[0] == '\0' ? "" : ": ", peer->reason);
        return error == EPIPE || error == EPROTO || error == EMSGSIZE ? CLIENT_CLOSED
                                                                      : CLIENT_LOCAL;
}

enum client_status
client_refused(const struct aw_error *error)
{
        static const enum client_status statuses[] = {
                [AW_ERROR_USAGE] = CLIENT_USAGE,         [AW_ERROR_CONNECTION] = CLIENT_CONNECTION,
                [AW_ERROR_RESOLVE] = CLIENT_CONNECTION,  [AW_ERROR_CERTIFICATE] = CLIENT_TLS,
                [AW_ERROR_SYSTEM] = CLIENT_LOCAL,        [AW_ERROR_TLS] = CLIENT_TLS,
                [AW_ERROR_HANDSHAKE] = CLIENT_HANDSHAKE, [AW_ERROR_TIMEOUT] = CLIENT_TIMEOUT,
                [AW_ERROR_CANCELLED] = CLIENT_LOCAL,     [AW_ERROR_MEMORY] = CLIENT_LOCAL,
        };

        client_say("%s", error->text);
        return statuses[error->kind];
}

void
client_connected(const struct ws *ws, const struct client_options *options)
{
        char description[256];

        if (!options->printing.verbose)
                return;
        ws_describe(ws, description, sizeof(description));
        client_say("connected to %s (%s)", ws_peer(ws), description);
}

int
client_load(struct client_options *options)
{
        struct aw_error error;

        if (strncasecmp(options->url, "wss:", 4) != 0)
                return 0;
        options->tls_context =
                aw_tls_context_client(options->tls.cacert, options->tls.insecure, &error);
        if (options->tls_context != NULL)
                return 0;
        client_say("%s", error.text);
        return -1;
}

static async enum client_status
converse(const struct client_options *options)
{
        struct ws_connect_options to = {.url = options->url,
                                        .tls = options->tls_context,
                                        .headers = options->handshake.headers.items,
                                        .header_count = options->handshake.headers.count,
                                        .max_message = options->connection.max_message};

        struct output *output = output_open();
        enum client_status status = CLIENT_LOCAL;

        if (output != NULL)
                status = options->sending.count > 0 ? await(session_messages(&to, options, output))
                                                    : await(session_lines(&to, options, output));
        output_free(output);
        return status;
}

/* SIGUSR1 shows the tasks. */
static async int
await_signals(void *signals)
{
        while (await(aw_signals_wait(signals, AW_NEVER)) != -1)
                aw_task_dump(stderr);
        return 0;
}

async int
client_run(void *argument)
{
        static const int numbers[] = {SIGUSR1};
        struct aw_signals *signals = aw_signals_open(numbers, 1);
        struct aw_task *task = signals == NULL ? NULL : aw_spawn("signals", await_signals, signals);
        int status = (int)await(converse(argument));

        if (task != NULL) {
                aw_cancel(task);
                await(aw_join(task));
        }
        aw_signals_close(signals);
        /* A name server that does not answer still keeps its thread, for as long as it likes. */
        if (status == CLIENT_TIMEOUT)
                _exit(status);
        return status;
}
