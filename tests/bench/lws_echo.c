/* SPDX-License-Identifier: MIT */
/*
 * A WebSocket echo server as libwebsockets' own examples write it, for comparison: lws's TLS, its
 * poll loop, a ring of messages per connection, and one of them sent per WRITEABLE callback.
 *
 * Usage: lws_echo [--deflate] PORT [CERTIFICATE KEY] (port 0: any that is free); without a
 * certificate it speaks no TLS
 */
#include <libwebsockets.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define RING_DEPTH 128
#define RX_BUFFER  16384

/* A message or a fragment of one, with the room before its payload that lws_write() asks for. */
struct piece {
        void *payload;
        size_t length;
        bool binary, first, final;
};

struct session {
        struct lws_ring *ring;
        uint32_t tail;
        bool paused;
        bool written; /* the piece at the tail, which lws may read until the next WRITEABLE */
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
        (void)number;
        interrupted = 1;
}

static void
destroy_piece(void *item)
{
        struct piece *piece = item;

        free(piece->payload);
}

static int
on_receive(struct lws *wsi, struct session *session, const void *in, size_t length)
{
        struct piece piece = {
                .payload = malloc(LWS_PRE + length),
                .length = length,
                .binary = lws_frame_is_binary(wsi),
                .first = lws_is_first_fragment(wsi),
                .final = lws_is_final_fragment(wsi),
        };

        if (piece.payload == NULL)
                return -1;
        memcpy((char *)piece.payload + LWS_PRE, in, length);
        if (lws_ring_insert(session->ring, &piece, 1) != 1) {
                free(piece.payload);
                return -1;
        }
        if (!session->paused && lws_ring_get_count_free_elements(session->ring) < 3) {
                session->paused = true;
                lws_rx_flow_control(wsi, 0);
        }
        lws_callback_on_writable(wsi);
        return 0;
}

static int
on_writeable(struct lws *wsi, struct session *session)
{
        const struct piece *piece;
        int flags;

        if (session->written)
                lws_ring_consume_single_tail(session->ring, &session->tail, 1);
        session->written = false;
        piece = lws_ring_get_element(session->ring, &session->tail);
        if (piece == NULL)
                return 0;
        flags = lws_write_ws_flags(piece->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT, piece->first,
                                   piece->final);
        if (lws_write(wsi, (unsigned char *)piece->payload + LWS_PRE, piece->length,
                      (enum lws_write_protocol)flags) < (int)piece->length)
                return -1;
        session->written = true;
        if (lws_ring_get_count_waiting_elements(session->ring, &session->tail) > 1)
                lws_callback_on_writable(wsi);
        if (session->paused && lws_ring_get_count_free_elements(session->ring) > 5) {
                session->paused = false;
                lws_rx_flow_control(wsi, 1);
        }
        return 0;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
        struct session *session = user;

        switch (reason) {
        case LWS_CALLBACK_ESTABLISHED:
                session->ring = lws_ring_create(sizeof(struct piece), RING_DEPTH, destroy_piece);
                return session->ring == NULL ? -1 : 0;
        case LWS_CALLBACK_CLOSED:
                /* A connection lost in its handshake is closed without having been established. */
                if (session->ring != NULL)
                        lws_ring_destroy(session->ring);
                return 0;
        case LWS_CALLBACK_RECEIVE:
                return on_receive(wsi, session, in, length);
        case LWS_CALLBACK_SERVER_WRITEABLE:
                return on_writeable(wsi, session);
        default:
                return 0;
        }
}

static const struct lws_protocols protocols[] = {
        {"echo", callback, sizeof(struct session), RX_BUFFER, 0, NULL, 0},
        {NULL, NULL, 0, 0, 0, NULL, 0},
};

static const struct lws_extension extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate,
         "permessage-deflate; client_no_context_takeover; client_max_window_bits"},
        {NULL, NULL, NULL},
};

int
main(int argc, char **argv)
{
        struct lws_context_creation_info info = {
                .protocols = protocols,
                .pt_serv_buf_size = 32 * 1024,
                .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                           LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8,
                .vhost_name = "localhost",
        };
        struct rlimit files;
        struct lws_context *context;
        struct lws_vhost *vhost;

        if (argc > 1 && strcmp(argv[1], "--deflate") == 0) {
                info.extensions = extensions;
                argc--;
                argv++;
        }
        if (argc != 2 && argc != 4) {
                fprintf(stderr, "usage: lws_echo [--deflate] PORT [CERTIFICATE KEY]\n");
                return 2;
        }
        info.port = (int)strtol(argv[1], NULL, 10);
        info.ssl_cert_filepath = argc == 4 ? argv[2] : NULL;
        info.ssl_private_key_filepath = argc == 4 ? argv[3] : NULL;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max < 131072 ? files.rlim_max : 131072;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        lws_set_log_level(LLL_ERR, NULL);
        context = lws_create_context(&info);
        vhost = context == NULL ? NULL : lws_create_vhost(context, &info);
        if (vhost == NULL) {
                lws_context_destroy(context);
                return 1;
        }
        fprintf(stderr, "listening on %s://127.0.0.1:%d\n", argc == 4 ? "wss" : "ws",
                lws_get_vhost_listen_port(vhost));
        while (!interrupted && lws_service(context, 0) >= 0)
                ;
        lws_context_destroy(context);
        return 0;
}
