/* SPDX-License-Identifier: MIT */
/* What is said when something went wrong, and which exit status that is. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "await/watch.h"
#include "client.h"
#include "connect.h"
#include "network.h"

/* A connection is lost to a server's silence because we say so. */
static const char *
why_lost(const struct ws *ws)
{
        struct ws_info info;

        ws_info(ws, &info);
        return info.limit == WS_LIMIT_PING_TIMEOUT ? ", for it did not answer pings" : "";
}

void
client_describe_end(const struct ws *ws, int error, char *out, size_t size)
{
        const struct ws_peer_close *peer = ws_peer_close(ws);

        if (error == EMSGSIZE)
                snprintf(out, size,
                         "closed: a message from %s is over the limit: raise it with --max-message",
                         ws_peer(ws));
        else if (error == EPROTO)
                snprintf(out, size, "closed: %s broke the WebSocket protocol: %s", ws_peer(ws),
                         ws_problem(ws) == NULL ? "TLS" : ws_problem(ws));
        else if (error == ETIMEDOUT)
                snprintf(out, size, "time-out: %s does not take what is sent", ws_peer(ws));
        else if (error != EPIPE)
                snprintf(out, size, "%s", strerror(error));
        else if (peer->code == WS_ABNORMAL || peer->code == 0)
                snprintf(out, size, "the connection to %s was lost (1006)%s%s", ws_peer(ws),
                         why_lost(ws), peer->cut_off ? ", in the middle of a message" : "");
        else
                snprintf(out, size, "%s closed with %u%s%s", ws_peer(ws), peer->code,
                         peer->reason[0] == '\0' ? "" : ": ", peer->reason);
}

enum client_status
client_failed(const struct ws *ws, int error)
{
        char why[400];

        client_describe_end(ws, error, why, sizeof(why));
        client_say("%s", why);
        if (error == ETIMEDOUT)
                return CLIENT_TIMEOUT;
        return error == EPIPE || error == EPROTO || error == EMSGSIZE ? CLIENT_CLOSED
                                                                      : CLIENT_LOCAL;
}

/* What a refusal says, in one line. Pages of HTML in a redirect or a 200 are for nobody. */
static char *
tell_body(const struct aw_error *error, const struct connector *connector)
{
        const char *body = connector == NULL ? NULL : connector->body;
        char *text, *to;

        if (body == NULL || error->status < 400)
                return NULL;
        text = to = strdup(body);
        for (; text != NULL && *body != '\0'; body++)
                if (strchr(" \t\r\n", *body) == NULL)
                        *to++ = *body;
                else if (to > text && to[-1] != ' ')
                        *to++ = ' ';
        if (text != NULL)
                *to = '\0';
        while (text != NULL && to > text && to[-1] == ' ')
                *--to = '\0';
        return text;
}

/* What may be done about it, and has not been done already. */
static const char *
cure_of(const struct aw_error *error, const struct connector *connector)
{
        if (connector == NULL || error->of_proxy)
                return network_cure(error);
        if (error->cause == AW_CAUSE_REDIRECTED && connector->location == NULL)
                return ", without a Location: it does not say where to go";
        if (error->cause == AW_CAUSE_CREDENTIALS && connector_has_credentials(connector))
                return ": the credentials that were given are refused";
        if (error->cause == AW_CAUSE_NAME && connector->options->tls.server_name != NULL)
                return ": give --servername a name that it is for";
        if (error->cause == AW_CAUSE_NAME && connector->options->network.resolve.count > 0)
                return ": use --servername";
        return network_cure(error);
}

enum client_status
client_refused(const struct aw_error *error, const struct connector *connector)
{
        static const enum client_status statuses[] = {
                [AW_ERROR_USAGE] = CLIENT_USAGE,         [AW_ERROR_CONNECTION] = CLIENT_CONNECTION,
                [AW_ERROR_RESOLVE] = CLIENT_CONNECTION,  [AW_ERROR_CERTIFICATE] = CLIENT_TLS,
                [AW_ERROR_SYSTEM] = CLIENT_LOCAL,        [AW_ERROR_TLS] = CLIENT_TLS,
                [AW_ERROR_HANDSHAKE] = CLIENT_HANDSHAKE, [AW_ERROR_TIMEOUT] = CLIENT_TIMEOUT,
                [AW_ERROR_CANCELLED] = CLIENT_LOCAL,     [AW_ERROR_MEMORY] = CLIENT_LOCAL,
        };
        char *body = tell_body(error, connector);

        /* Whoever stops us knows why. */
        if (error->kind != AW_ERROR_CANCELLED)
                client_say("%s%s%s%s%s", error->text, cure_of(error, connector),
                           body == NULL || *body == '\0' ? "" : "; it says \"",
                           body == NULL ? "" : body, body == NULL || *body == '\0' ? "" : "\"");
        free(body);
        return statuses[error->kind];
}

/* `| head -1` is no failure, and ends a program without a word. */
enum client_status
client_output_failed(void)
{
        if (errno == EPIPE && client_dies_of_pipe())
                return CLIENT_SIGNAL + SIGPIPE;
        client_say("standard output: %s", strerror(errno));
        return CLIENT_LOCAL;
}
