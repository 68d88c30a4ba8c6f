/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket client on libwebsockets' own ws role, as its examples write one: a peer for the tests
 * of interoperability and of conformance.
 *
 * Usage: lws_client [--cacert FILE] URL MESSAGE...   sends each, prints each reply, closes
 *        lws_client [--cacert FILE] --echo URL...    echoes, for each URL in turn, to its end
 *
 * An echoing one says on standard error that it is open, and with what it was closed.
 * The status is 0 if all went well, 1 if a connection failed or was lost, 2 after wrong usage.
 */
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RX_BUFFER 16384

/* A message or a fragment of one, with the room before its payload that lws_write() asks for. */
struct piece {
        struct piece *next;
        size_t length;
        bool binary, first, final;
        unsigned char data[];
};

static struct {
        struct piece *head, **tail; /* what is to be sent */
        char *const *messages;      /* that are left; NULL: echo */
        bool ended, failed;
} client;

/* Queues data to be sent. 0, or -1 without memory. */
static int
queue(struct lws *wsi, const void *data, size_t length, const struct piece *kind)
{
        struct piece *piece = malloc(sizeof(*piece) + LWS_PRE + length);

        if (piece == NULL)
                return -1;
        *piece = *kind;
        piece->next = NULL;
        piece->length = length;
        if (length > 0)
                memcpy(piece->data + LWS_PRE, data, length);
        *client.tail = piece;
        client.tail = &piece->next;
        lws_callback_on_writable(wsi);
        return 0;
}

static void
drop_first(void)
{
        struct piece *piece = client.head;

        client.head = piece->next;
        if (client.head == NULL)
                client.tail = &client.head;
        free(piece);
}

/* The next message; after the last one the connection is closed, by returning -1. */
static int
send_next(struct lws *wsi)
{
        const struct piece text = {.first = true, .final = true};
        const char *message = *client.messages;

        if (message == NULL) {
                lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
                return -1;
        }
        client.messages++;
        return queue(wsi, message, strlen(message), &text);
}

static int
on_receive(struct lws *wsi, const void *in, size_t length)
{
        const struct piece kind = {
                .binary = lws_frame_is_binary(wsi),
                .first = lws_is_first_fragment(wsi),
                .final = lws_is_final_fragment(wsi),
        };

        if (client.messages == NULL)
                return queue(wsi, in, length, &kind);
        fwrite(in, 1, length, stdout);
        if (!kind.final)
                return 0;
        putchar('\n');
        return send_next(wsi);
}

static int
on_writeable(struct lws *wsi)
{
        const struct piece *piece = client.head;
        int flags;

        if (piece == NULL)
                return 0;
        flags = lws_write_ws_flags(piece->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, piece->first,
                                   piece->final);
        if (lws_write(wsi, client.head->data + LWS_PRE, piece->length,
                      (enum lws_write_protocol)flags) < (int)piece->length)
                return -1;
        drop_first();
        if (client.head != NULL)
                lws_callback_on_writable(wsi);
        return 0;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
        (void)user;
        switch (reason) {
        case LWS_CALLBACK_CLIENT_ESTABLISHED:
                if (client.messages != NULL)
                        return send_next(wsi);
                fprintf(stderr, "lws_client: open\n");
                return 0;
        case LWS_CALLBACK_CLIENT_RECEIVE:
                return on_receive(wsi, in, length);
        case LWS_CALLBACK_CLIENT_WRITEABLE:
                return on_writeable(wsi);
        case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
                if (client.messages == NULL && length >= 2)
                        fprintf(stderr, "lws_client: closed with %d\n",
                                ((unsigned char *)in)[0] << 8 | ((unsigned char *)in)[1]);
                return 0;
        case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
                fprintf(stderr, "lws_client: %s\n", in == NULL ? "no connection" : (char *)in);
                client.ended = client.failed = true;
                return 0;
        case LWS_CALLBACK_CLIENT_CLOSED:
                client.ended = true;
                client.failed = client.messages != NULL && *client.messages != NULL;
                return 0;
        default:
                return 0;
        }
}

static const struct lws_protocols protocols[] = {
        {"echo", callback, 0, RX_BUFFER, 0, NULL, 0},
        {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* One connection, to its end. True if it went well. */
static bool
visit(struct lws_context *context, const char *url, char *const *messages)
{
        struct lws_client_connect_info info = {.context = context};
        const char *scheme, *path;
        char *copy = strdup(url), target[512], host[256];

        if (copy == NULL || lws_parse_uri(copy, &scheme, &info.address, &info.port, &path) != 0) {
                fprintf(stderr, "lws_client: %s is not a URL\n", url);
                free(copy);
                return false;
        }
        snprintf(target, sizeof(target), "/%s", path);
        snprintf(host, sizeof(host), "%s:%d", info.address, info.port);
        info.path = target;
        info.host = info.origin = host;
        info.local_protocol_name = protocols[0].name;
        info.ssl_connection = strcmp(scheme, "wss") == 0 ? LCCSCF_USE_SSL : 0;
        memset(&client, 0, sizeof(client));
        client.tail = &client.head;
        client.messages = messages;
        if (lws_client_connect_via_info(&info) == NULL && !client.ended)
                client.ended = client.failed = true;
        while (!client.ended && lws_service(context, 0) >= 0)
                ;
        while (client.head != NULL)
                drop_first();
        free(copy);
        return !client.failed;
}

int
main(int argc, char **argv)
{
        struct lws_context_creation_info info = {
                .port = CONTEXT_PORT_NO_LISTEN,
                .protocols = protocols,
                .pt_serv_buf_size = 32 * 1024,
                .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_VALIDATE_UTF8,
        };
        struct lws_context *context;
        bool echo, good = true;

        if (argc > 2 && strcmp(argv[1], "--cacert") == 0) {
                info.client_ssl_ca_filepath = argv[2];
                argc -= 2;
                argv += 2;
        }
        echo = argc > 1 && strcmp(argv[1], "--echo") == 0;
        if (argc < 3) {
                fprintf(stderr, "usage: lws_client [--cacert FILE] URL MESSAGE...\n"
                                "       lws_client [--cacert FILE] --echo URL...\n");
                return 2;
        }
        lws_set_log_level(LLL_ERR, NULL);
        context = lws_create_context(&info);
        if (context == NULL)
                return 1;
        for (argv += 1 + echo; echo && *argv != NULL; argv++)
                good = visit(context, *argv, NULL) && good;
        if (!echo)
                good = visit(context, argv[0], argv + 1);
        lws_context_destroy(context);
        return good ? 0 : 1;
}
