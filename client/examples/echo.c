/* SPDX-License-Identifier: MIT */
/* EchoWebsocket: connect, send, receive. Its argument is the URL of an echo server, ws or wss. */
#include <await/tls.h>
#include <await/ws.h>

#include <stdio.h>

static async struct ws *
echo_connect(const char *url)
{
        struct aw_tls_error tls_error;
        struct ws_error error;
        /* Insecure: no certificate is asked for. */
        struct aw_tls_context *tls = aw_tls_context_client(NULL, true, &tls_error);
        struct ws_connect_options options = {.url = url, .tls = tls};
        struct ws *ws;

        if (tls == NULL) {
        }
        ws = await(ws_connect(&options, &error, aw_loop_now() + 5 * AW_SECOND));
        if (ws == NULL)
                fprintf(stderr, "%s\n", error.text);
        aw_tls_context_unref(tls);
        return ws;
}
