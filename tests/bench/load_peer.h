/* SPDX-License-Identifier: MIT */
/*
 * What all connections of the load generator share: where they go, and the message they send.
 * Whole in a header, as load_link.h is.
 */
#ifndef LOAD_PEER_H
#define LOAD_PEER_H

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "net/url.h"
#include "ws/frame_private.h"

#define PEER_INPUT 65536

struct link;

struct peer {
        int epoll;
        SSL_CTX *tls; /* NULL: plain */
        struct addrinfo *address;
        char request[AW_URL_TARGET_MAX + 1024];
        size_t size, in_flight;
        uint8_t *payload; /* of every message, but for its stamp */
        size_t stamp;     /* bytes at its begin that number the message: 8, or 0 */
        uint8_t *frame;   /* the same as it is sent */
        size_t frame_size, header_size;
        uint8_t mask[4];
        uint8_t input[PEER_INPUT];
        void (*echoed)(struct link *link, int64_t sent);
};

/* The accept that a server must answer to this key with (RFC 6455 section 1.3). */
static const char peer_key[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char peer_accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static int
peer_fail(const char *what, const char *why)
{
        fprintf(stderr, "load: %s: %s\n", what, why);
        return -1;
}

static int
peer_resolve(struct peer *peer, const struct aw_url *url)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        char port[8];
        int error;

        if (url->scheme == AW_URL_UNIX)
                return peer_fail(url->socket, "only ws: and wss: can be measured");
        snprintf(port, sizeof(port), "%u", (unsigned)url->port);
        error = getaddrinfo(url->host, port, &hints, &peer->address);
        return error == 0 ? 0 : peer_fail(url->host, gai_strerror(error));
}

/* TLS 1.3 with OpenSSL's own choice of ciphers, without resumption. No certificate is verified. */
static int
peer_use_tls(struct peer *peer)
{
        peer->tls = SSL_CTX_new(TLS_client_method());
        if (peer->tls == NULL || SSL_CTX_set_min_proto_version(peer->tls, TLS1_3_VERSION) != 1)
                return peer_fail("TLS", "cannot be used");
        SSL_CTX_set_mode(peer->tls,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_options(peer->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
        SSL_CTX_set_session_cache_mode(peer->tls, SSL_SESS_CACHE_OFF);
        return 0;
}

/* The message, and its frame: masked once, for its mask is the same each time. */
static int
peer_make_message(struct peer *peer)
{
        peer->payload = malloc(peer->size + 1);
        peer->frame = malloc(peer->size + WS_FRAME_HEADER_MAX);
        if (peer->payload == NULL || peer->frame == NULL)
                return peer_fail("message", "out of memory");
        for (size_t at = 0; at < peer->size; at += 256)
                if (getrandom(peer->payload + at, peer->size - at < 256 ? peer->size - at : 256,
                              0) == -1)
                        return peer_fail("message", "no random bytes");
        if (getrandom(peer->mask, sizeof(peer->mask), 0) == -1)
                return peer_fail("mask", "no random bytes");
        peer->stamp = peer->size >= 8 ? 8 : 0;
        peer->header_size = ws_frame_build(peer->frame, WS_OP_BINARY, peer->size, peer->mask);
        ws_frame_mask(peer->frame + peer->header_size, peer->payload, peer->size, peer->mask, 0);
        peer->frame_size = peer->header_size + peer->size;
        return 0;
}

/* 0, or -1 and a sentence on standard error. The caller sets `echoed`. */
static int
peer_init(struct peer *peer, const char *text, size_t size, size_t in_flight)
{
        static struct aw_url url;
        struct aw_error error;

        if (aw_url_parse(text, &url, &error) == -1)
                return peer_fail(text, error.text);
        snprintf(peer->request, sizeof(peer->request),
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 url.target, url.host_header, peer_key);
        peer->size = size;
        peer->in_flight = in_flight;
        peer->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (peer->epoll == -1)
                return peer_fail("epoll", strerror(errno));
        if (url.scheme == AW_URL_WSS && peer_use_tls(peer) == -1)
                return -1;
        return peer_resolve(peer, &url) == -1 ? -1 : peer_make_message(peer);
}

static void
peer_free(struct peer *peer)
{
        free(peer->payload);
        free(peer->frame);
        if (peer->address != NULL)
                freeaddrinfo(peer->address);
        SSL_CTX_free(peer->tls);
}

#endif
