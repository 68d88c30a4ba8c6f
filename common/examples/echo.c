/* SPDX-License-Identifier: MIT */
/* EchoWebsocket: connect, send, receive. echo URL [CA-FILE], without which nobody is verified. */
#include <await/tls.h>
#include <await/ws.h>
#include <stdio.h>

static async struct ws *
echo_connect(const char *url, const char *ca_file)
{
        struct aw_error tls_error;
        struct aw_tls_context *tls = aw_tls_context_client(ca_file, ca_file == NULL, &tls_error);
        struct ws_connect_options options = {.url = url, .tls = tls};
        struct aw_error error;
        struct ws *ws = NULL;

        if (tls == NULL)
                fprintf(stderr, "%s\n", tls_error.text);
        else if ((ws = await(ws_connect(&options, &error, aw_loop_now() + 5 * AW_SECOND))) == NULL)
                fprintf(stderr, "%s\n", error.text);
        aw_tls_context_unref(tls);
        return ws;
}

static async int
echo(void *argument)
{
        char **words = argument; /* the program, the URL and perhaps a file */
        struct ws *ws = await(echo_connect(words[1], words[2]));
        struct ws_message message;

        if (ws == NULL)
                return -1;
        if (await(ws_send_text(ws, "Hello World!", AW_NEVER)) == 0 &&
            await(ws_receive(ws, &message, AW_NEVER)) == 0)
                printf("%.*s\n", (int)message.length, (const char *)message.data);
        return await(ws_close(ws, WS_NORMAL, NULL));
}

int
main(int argc, char **argv)
{
        if (argc != 2 && argc != 3) {
                fprintf(stderr, "usage: %s URL [CA-FILE]\n", argv[0]);
                return 2;
        }
        return aw_run(NULL, echo, argv) == -1;
}
