/* SPDX-License-Identifier: MIT */
/*
 * What an echo costs at the least: a WebSocket server of epoll and OpenSSL, one thread, nothing of
 * the library. It turns the frames of a read into replies where they stand, and sends these with
 * one write. Parts of frames go back as they come, so no message is held. Neither UTF-8 nor Close
 * codes nor the order of fragments are checked, and a Pong comes back, as it may (RFC 6455 5.5.3).
 *
 * Usage: limit PORT [CERTIFICATE KEY] (port 0: any that is free; TLS 1.3 with a certificate)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define INPUT  65536
#define HELD   4096 /* the longest request */
#define ANSWER 129  /* bytes of the answer to it */
#define EVENTS 256

enum { CLOSE = 8, PING, PONG };

struct connection {
        int fd;
        SSL *ssl; /* NULL: plain */
        enum { UPGRADING, OPEN, CLOSING, CLOSED } state;
        uint32_t events;        /* asked of epoll */
        uint8_t opcode;         /* of the frame that comes in */
        uint32_t mask;          /* turned to the byte that comes next; little endian */
        uint64_t left;          /* of the frame's payload */
        uint8_t *in, *in_end;   /* what was read; the begin of a request or header may stay */
        uint8_t *out, *out_end; /* to be sent, in front of that; nothing is read until then */
        uint8_t buffer[];       /* HELD + INPUT */
};

static int epoll;

static _Noreturn void
fail(void)
{
        perror("limit");
        ERR_print_errors_fp(stderr);
        exit(1);
}

typedef uint32_t vector __attribute__((vector_size(32), aligned(1), may_alias));

/* `to` may lie in front of `from`: it goes upwards. */
#ifdef __x86_64__
__attribute__((target_clones("avx2", "default")))
#endif
static void
unmask(uint8_t *to, const uint8_t *from, size_t length, uint32_t mask)
{
        const vector masks = {mask, mask, mask, mask, mask, mask, mask, mask};

#pragma GCC unroll 4
        for (; length >= sizeof(masks); length -= 32, from += 32, to += 32)
                *(vector *)to = *(const vector *)from ^ masks;
        for (; length > 0; length--, mask = mask >> 8 | mask << 24)
                *to++ = *from++ ^ (uint8_t)mask;
}

/* Takes a header and writes the reply's: 1, 0 if it is not complete, -1 if it is wrong. */
static int
turn_header(struct connection *c)
{
        size_t available = (size_t)(c->in_end - c->in), size = 2;
        uint64_t left;

        if (available < 2)
                return 0;
        if ((c->in[0] & 0x70) != 0 || (c->in[1] & 0x80) == 0)
                return -1;
        left = c->in[1] & 127;
        size += left == 127 ? 8 : left == 126 ? 2 : 0;
        if (available < size + 4)
                return 0;
        for (size_t i = 2; i < size; i++)
                left = (i > 2 ? left << 8 : 0) | c->in[i];
        c->left = left;
        memcpy(&c->mask, c->in + size, 4);
        c->opcode = c->in[0] & 15;
        memmove(c->out_end, c->in, size);
        c->out_end[0] ^= c->opcode == PING ? PING ^ PONG : 0;
        c->out_end[1] &= 127;
        c->out_end += size;
        c->in += size + 4;
        return left >> 63 == 0 ? 1 : -1;
}

/* Answers a request once it is complete. One that is right is longer than its answer. */
static int
upgrade(struct connection *c)
{
        uint8_t digest[20], accept[32], *end = memmem(c->in, c->in_end - c->in, "\r\n\r\n", 4);
        char text[64], *key;

        if (end == NULL)
                return c->in_end - c->in <= HELD ? 0 : -1;
        *end = 0;
        key = strcasestr((char *)c->in, "\r\nSec-WebSocket-Key: ");
        if (key == NULL || end - c->in < ANSWER)
                return -1;
        snprintf(text, sizeof(text), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 21);
        SHA1((uint8_t *)text, strlen(text), digest);
        EVP_EncodeBlock(accept, digest, sizeof(digest));
        c->out_end += snprintf((char *)c->out_end, ANSWER + 1,
                               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                               (char *)accept);
        c->in = end + 4;
        c->state = OPEN;
        return 0;
}

static int
turn_input(struct connection *c)
{
        if (c->state == UPGRADING && upgrade(c) == -1)
                return -1;
        while (c->state == OPEN && (c->in < c->in_end || c->left == 0)) {
                int result = c->left > 0 ? 1 : turn_header(c);
                size_t n = (size_t)(c->in_end - c->in);

                if (result != 1)
                        return result;
                n = n < c->left ? n : (size_t)c->left;
                unmask(c->out_end, c->in, n, c->mask);
                c->mask = c->mask >> n % 4 * 8 | (uint32_t)((uint64_t)c->mask << (32 - n % 4 * 8));
                c->out_end += n;
                c->in += n;
                c->left -= n;
                if (c->left == 0 && c->opcode == CLOSE)
                        c->state = CLOSING;
        }
        if (c->state > OPEN)
                c->in = c->in_end;
        return 0;
}

/* What a read or write came to: bytes, 0 to try again, or -1 at the end. */
static ssize_t
outcome(struct connection *c, ssize_t result)
{
        int error;

        if (result > 0)
                return result;
        if (c->ssl == NULL)
                return result == -1 && errno == EAGAIN ? 0 : -1;
        error = SSL_get_error(c->ssl, (int)result);
        ERR_clear_error();
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Reads what there is, up to INPUT, behind what is held: bytes, 0 for none, -1 at the end. */
static ssize_t
receive(struct connection *c)
{
        size_t held = (size_t)(c->in_end - c->in), length = 0;
        ssize_t n;

        memmove(c->buffer, c->in, held);
        c->in = c->out = c->out_end = c->buffer;
        c->in_end = c->buffer + held;
        do {
                n = outcome(c, c->ssl == NULL ? recv(c->fd, c->in_end, INPUT, 0)
                                              : SSL_read(c->ssl, c->in_end, (int)(INPUT - length)));
                length += n > 0 ? (size_t)n : 0;
                c->in_end = c->buffer + held + length;
        } while (n > 0 && c->ssl != NULL && length < INPUT && SSL_has_pending(c->ssl));
        return length > 0 ? (ssize_t)length : n;
}

/* Sends what is left, reads, and sends the replies. 0, or -1 if the connection is over. */
static int
exchange(struct connection *c)
{
        ssize_t n = INPUT, sent;

        while (n == INPUT) {
                if (c->out == c->out_end) {
                        n = receive(c);
                        if (n == -1 || turn_input(c) == -1)
                                return -1;
                }
                sent = c->out_end - c->out;
                if (sent > 0)
                        sent = outcome(c, c->ssl == NULL
                                                  ? send(c->fd, c->out, (size_t)sent, MSG_NOSIGNAL)
                                                  : SSL_write(c->ssl, c->out, (int)sent));
                c->out += sent == -1 ? 0 : sent;
                if (c->out < c->out_end)
                        return sent == -1 ? -1 : 0;
        }
        /* After the Close it waits for the peer's end: a reset could overtake the reply. */
        if (c->state == CLOSING) {
                c->state = CLOSED;
                if (c->ssl != NULL && SSL_shutdown(c->ssl) == -1)
                        ERR_clear_error();
                shutdown(c->fd, SHUT_WR);
        }
        return 0;
}

static void
serve(struct connection *c)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        int result = exchange(c);

        if (c->out < c->out_end || (c->ssl != NULL && SSL_want_write(c->ssl)))
                event.events = EPOLLOUT;
        if (result == 0 && event.events != c->events)
                result = epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
        c->events = event.events;
        if (result == -1) {
                SSL_free(c->ssl);
                close(c->fd);
                free(c);
        }
}

static void
take(int listener, SSL_CTX *tls)
{
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
        struct connection *c = fd == -1 ? NULL : malloc(sizeof(*c) + HELD + INPUT);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

        if (fd == -1 && (errno == EAGAIN || errno == ECONNABORTED))
                return;
        if (c == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
                fail();
        *c = (struct connection){.fd = fd, .events = EPOLLIN};
        c->in = c->in_end = c->out = c->out_end = c->buffer;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (tls == NULL)
                return;
        c->ssl = SSL_new(tls);
        if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
                fail();
        SSL_set_accept_state(c->ssl);
}

static SSL_CTX *
use_tls(const char *certificate, const char *key)
{
        SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

        if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
            SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
                fail();
        SSL_CTX_set_mode(tls, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_num_tickets(tls, 1);
        SSL_CTX_set_read_ahead(tls, 1); /* one recv() for many records */
        SSL_CTX_set_default_read_buffer_len(tls, INPUT);
        return tls;
}

int
main(int argc, char **argv)
{
        SSL_CTX *tls = argc == 4 ? use_tls(argv[2], argv[3]) : NULL;
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t length = sizeof(address);
        struct epoll_event events[EVENTS] = {{.events = EPOLLIN}};
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), n = 0;

        if (argc != 2 && argc != 4) {
                fprintf(stderr, "usage: limit PORT [CERTIFICATE KEY]\n");
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
        epoll = epoll_create1(0);
        if (bind(listener, (struct sockaddr *)&address, length) == -1 ||
            listen(listener, SOMAXCONN) == -1 ||
            getsockname(listener, (struct sockaddr *)&address, &length) == -1 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events) == -1)
                fail();
        fprintf(stderr, "listening on %s://127.0.0.1:%d\n", tls != NULL ? "wss" : "ws",
                ntohs(address.sin_port));
        for (; n != -1 || errno == EINTR; n = epoll_wait(epoll, events, EVENTS, -1))
                for (int i = 0; i < n; i++)
                        events[i].data.ptr == NULL ? take(listener, tls)
                                                   : serve(events[i].data.ptr);
        fail();
}
