/* SPDX-License-Identifier: MIT */
/*
 * A connection of the load generator: TCP or TLS, the opening handshake, and echoes that are
 * checked. Non-blocking, under the caller's epoll. Whole in a header, for each source file here is
 * a program of its own.
 */
#ifndef LOAD_LINK_H
#define LOAD_LINK_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

#include "load_peer.h"

#define LINK_CONTROL (WS_FRAME_HEADER_MAX + WS_FRAME_CONTROL_MAX)

enum link_state { LINK_CLOSED, LINK_UPGRADING, LINK_OPEN, LINK_FAILED };

struct link {
        struct peer *peer;
        void *owner;
        int fd;
        SSL *ssl;
        enum link_state state;
        bool idle;
        bool wants_output; /* is registered for */
        bool close_sent, close_received;
        uint8_t *output;
        size_t output_begin, output_end, output_size;
        uint64_t sent, received;      /* messages */
        int64_t *times;               /* when those in flight were queued, a ring */
        struct ws_frame_header frame; /* the one that comes in */
        uint64_t left;                /* of its payload */
        uint64_t position;            /* in the message */
        uint8_t held[1024];           /* the response, a part of a header, or a control frame */
        size_t held_length;
        int64_t begin; /* of connecting */
        const char *error;
};

/* One state's end: the connection failed, with this sentence. */
static int
link_fail(struct link *link, const char *error)
{
        link->state = LINK_FAILED;
        link->error = error;
        return -1;
}

static void
link_close(struct link *link)
{
        SSL_free(link->ssl);
        link->ssl = NULL;
        if (link->fd >= 0)
                close(link->fd);
        link->fd = -1;
        free(link->output);
        link->output = NULL;
        free(link->times);
        link->times = NULL;
        link->state = LINK_CLOSED;
}

static void
link_watch(struct link *link, int operation, bool output)
{
        struct epoll_event event = {.events = EPOLLIN | (output ? EPOLLOUT : 0), .data.ptr = link};

        if (epoll_ctl(link->peer->epoll, operation, link->fd, &event) == -1)
                link_fail(link, "epoll_ctl() failed");
        link->wants_output = output;
}

/* What a read or write over TLS came to: 0 try again, -1 it is over. */
static ssize_t
link_tls_result(struct link *link, int result)
{
        switch (SSL_get_error(link->ssl, result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
                return 0;
        case SSL_ERROR_ZERO_RETURN:
                return -1;
        default:
                ERR_clear_error();
                return -1;
        }
}

static ssize_t
link_plain_result(ssize_t result)
{
        if (result > 0)
                return result;
        return result == -1 && errno == EAGAIN ? 0 : -1;
}

static ssize_t
link_read(struct link *link, uint8_t *to, size_t size)
{
        int result;

        if (link->ssl == NULL)
                return link_plain_result(recv(link->fd, to, size, 0));
        result = SSL_read(link->ssl, to, (int)size);
        return result > 0 ? result : link_tls_result(link, result);
}

static ssize_t
link_write(struct link *link, const uint8_t *from, size_t size)
{
        int result;

        if (link->ssl == NULL)
                return link_plain_result(send(link->fd, from, size, MSG_NOSIGNAL));
        result = SSL_write(link->ssl, from, (int)size);
        return result > 0 ? result : link_tls_result(link, result);
}

/* Sends what is queued, as far as the kernel takes it. */
static void
link_flush(struct link *link)
{
        while (link->output_begin < link->output_end) {
                ssize_t n = link_write(link, link->output + link->output_begin,
                                       link->output_end - link->output_begin);

                if (n == -1) {
                        link_fail(link, "lost while sending");
                        return;
                }
                if (n == 0)
                        break;
                link->output_begin += (size_t)n;
        }
        if (link->output_begin == link->output_end)
                link->output_begin = link->output_end = 0;
        /* In TLS's handshake it is input that is waited for. */
        bool output = link->output_end > 0 && (link->ssl == NULL || SSL_want_write(link->ssl));
        if (output != link->wants_output)
                link_watch(link, EPOLL_CTL_MOD, output);
}

/* Room for `size` bytes of output. There is always enough: see link_connect(). */
static uint8_t *
link_reserve(struct link *link, size_t size)
{
        uint8_t *room;

        if (link->output_end + size > link->output_size) {
                link->output_end -= link->output_begin;
                memmove(link->output, link->output + link->output_begin, link->output_end);
                link->output_begin = 0;
        }
        if (link->output_end + size > link->output_size)
                return NULL;
        room = link->output + link->output_end;
        link->output_end += size;
        return room;
}

/* The stamp of a message; little endian everywhere that this is run. */
static void
link_stamp(uint8_t stamp[8], uint64_t number)
{
        memcpy(stamp, &number, 8);
}

static void
link_queue(struct link *link, int64_t now)
{
        struct peer *peer = link->peer;
        uint8_t *room = link_reserve(link, peer->frame_size);

        if (room == NULL) {
                link_fail(link, "more in flight than was said");
                return;
        }
        memcpy(room, peer->frame, peer->frame_size);
        if (peer->stamp > 0) {
                link_stamp(room + peer->header_size, link->sent);
                ws_frame_mask(room + peer->header_size, room + peer->header_size, peer->stamp,
                              peer->mask, 0);
        }
        link->times[link->sent++ % peer->in_flight] = now;
}

/* A control frame, if there is room: a peer that floods us with pings does without some pongs. */
static void
link_queue_control(struct link *link, enum ws_opcode opcode, const uint8_t *payload, size_t length)
{
        uint8_t header[WS_FRAME_HEADER_MAX];
        size_t size = ws_frame_build(header, opcode, length, link->peer->mask);
        uint8_t *room = link_reserve(link, size + length);

        if (room == NULL)
                return;
        memcpy(room, header, size);
        ws_frame_mask(room + size, payload, length, link->peer->mask, 0);
}

static void
link_queue_close(struct link *link)
{
        static const uint8_t normal[] = {1000 >> 8, 1000 & 255};

        if (!link->close_sent)
                link_queue_control(link, WS_OP_CLOSE, normal, sizeof(normal));
        link->close_sent = true;
}

/* True if these are the next bytes of the message that is due. */
static bool
link_matches(const struct link *link, const uint8_t *data, size_t length)
{
        const struct peer *peer = link->peer;
        uint64_t at = link->position;
        uint8_t stamp[8];

        if (length > peer->size - at || link->received == link->sent)
                return false;
        link_stamp(stamp, link->received);
        for (; length > 0 && at < peer->stamp; at++, data++, length--)
                if (*data != stamp[at])
                        return false;
        return memcmp(data, peer->payload + at, length) == 0;
}

static int
link_end_message(struct link *link)
{
        int64_t sent = link->times[link->received % link->peer->in_flight];

        if (link->position != link->peer->size || link->received == link->sent)
                return link_fail(link, "an echo is too short");
        link->position = 0;
        link->received++;
        link->peer->echoed(link, sent);
        return 0;
}

static int
link_end_control(struct link *link)
{
        if (link->frame.opcode == WS_OP_PING)
                link_queue_control(link, WS_OP_PONG, link->held, link->held_length);
        if (link->frame.opcode == WS_OP_CLOSE)
                link->close_received = true;
        link->held_length = 0;
        return 0;
}

static int
link_end_frame(struct link *link)
{
        if (link->frame.opcode >= WS_OP_CLOSE)
                return link_end_control(link);
        return link->frame.final ? link_end_message(link) : 0;
}

/* Takes the header at the begin of the data, or what is there of it. */
static ssize_t
link_take_header(struct link *link, const uint8_t *data, size_t length)
{
        size_t held = link->held_length, n = sizeof(link->held) - held;
        struct ws_frame_header *frame = &link->frame;

        n = n < length ? n : length;
        n = n < WS_FRAME_HEADER_MAX ? n : WS_FRAME_HEADER_MAX;
        memcpy(link->held + held, data, n);
        switch (ws_frame_parse(link->held, held + n, frame)) {
        case 0:
                link->held_length += n;
                return (ssize_t)n;
        case -1:
                return link_fail(link, "a frame has a bad header");
        }
        if (frame->masked || frame->reserved != 0)
                return link_fail(link, "a frame has bits that were not agreed on");
        if (frame->opcode >= WS_OP_CLOSE && frame->length > WS_FRAME_CONTROL_MAX)
                return link_fail(link, "a control frame is too long");
        if (frame->opcode < WS_OP_CLOSE &&
            frame->opcode != (link->position > 0 ? WS_OP_CONTINUATION : WS_OP_BINARY))
                return link_fail(link, "a frame is not of the expected type");
        link->held_length = 0;
        link->left = frame->length;
        return (ssize_t)(frame->size - held);
}

/* Takes payload; *data has the next byte of it. */
static ssize_t
link_take_payload(struct link *link, const uint8_t *data, size_t length)
{
        size_t n = length < link->left ? length : (size_t)link->left;

        if (link->frame.opcode >= WS_OP_CLOSE) {
                memcpy(link->held + link->held_length, data, n);
                link->held_length += n;
        } else {
                if (!link_matches(link, data, n))
                        return link_fail(link, "an echo is not what was sent");
                link->position += n;
        }
        link->left -= n;
        return (ssize_t)n;
}

static int
link_take_frames(struct link *link, const uint8_t *data, size_t length)
{
        while (length > 0 && link->state == LINK_OPEN) {
                bool payload = link->left > 0;
                ssize_t n = payload ? link_take_payload(link, data, length)
                                    : link_take_header(link, data, length);

                if (n == -1)
                        return -1;
                data += n;
                length -= (size_t)n;
                if (link->left == 0 && (payload || link->held_length == 0) &&
                    link_end_frame(link) == -1)
                        return -1;
        }
        return 0;
}

/* Takes the response to the opening handshake; what follows it are frames. */
static int
link_take_response(struct link *link, const uint8_t *data, size_t length)
{
        size_t before = link->held_length, n = sizeof(link->held) - 1 - before;
        char *end, *text = (char *)link->held;

        n = n < length ? n : length;
        memcpy(link->held + before, data, n);
        link->held_length += n;
        link->held[link->held_length] = 0;
        end = strstr(text, "\r\n\r\n");
        if (end == NULL)
                return link->held_length < sizeof(link->held) - 1
                               ? 0
                               : link_fail(link, "the response is too long");
        n = (size_t)(end - text) + 4 - before;
        *end = 0;
        if (strncmp(text, "HTTP/1.1 101", 12) != 0 || strstr(text, peer_accept) == NULL)
                return link_fail(link, "the handshake was refused");
        link->held_length = 0;
        link->state = LINK_OPEN;
        return link_take_frames(link, data + n, length - n);
}

/* Reads what is there. */
static void
link_receive(struct link *link)
{
        uint8_t *input = link->peer->input;

        do {
                ssize_t n = link_read(link, input, PEER_INPUT);

                if (n == 0)
                        return;
                if (n == -1 && link->close_sent && link->close_received)
                        link->state = LINK_CLOSED;
                else if (n == -1)
                        link_fail(link, "lost");
                else if (link->state == LINK_UPGRADING)
                        link_take_response(link, input, (size_t)n);
                else
                        link_take_frames(link, input, (size_t)n);
        } while ((link->state == LINK_UPGRADING || link->state == LINK_OPEN) && link->ssl != NULL &&
                 SSL_has_pending(link->ssl));
}

/* What epoll says. Afterwards link->state may be another one. */
static void
link_serve(struct link *link)
{
        if (link->state == LINK_UPGRADING)
                link_flush(link);
        if (link->state != LINK_FAILED)
                link_receive(link);
        if (link->state == LINK_UPGRADING || link->state == LINK_OPEN)
                link_flush(link);
}

static int
link_open_socket(struct link *link)
{
        const struct addrinfo *address = link->peer->address;
        int on = 1;

        link->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (link->fd == -1)
                return link_fail(link, "no socket to be had");
        setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (connect(link->fd, address->ai_addr, address->ai_addrlen) == -1 && errno != EINPROGRESS)
                return link_fail(link, "cannot connect");
        return 0;
}

static int
link_use_tls(struct link *link)
{
        if (link->peer->tls == NULL)
                return 0;
        link->ssl = SSL_new(link->peer->tls);
        if (link->ssl == NULL || SSL_set_fd(link->ssl, link->fd) != 1)
                return link_fail(link, "out of memory");
        SSL_set_connect_state(link->ssl);
        if (!link->idle) {
                /* One recv for many records. */
                SSL_set_read_ahead(link->ssl, 1);
                SSL_set_default_read_buffer_len(link->ssl, PEER_INPUT);
        }
        return 0;
}

/* Begins to connect; the state is LINK_UPGRADING or LINK_FAILED then. */
static void
link_connect(struct link *link, int64_t now)
{
        const struct peer *peer = link->peer;
        size_t in_flight = link->idle ? 1 : peer->in_flight, request = strlen(peer->request);

        *link = (struct link){.peer = link->peer,
                              .owner = link->owner,
                              .idle = link->idle,
                              .fd = -1,
                              .begin = now,
                              .state = LINK_UPGRADING};
        link->output_size = in_flight * peer->frame_size + request + 2 * LINK_CONTROL;
        link->output = malloc(link->output_size);
        link->times = calloc(peer->in_flight, sizeof(*link->times));
        if (link->output == NULL || link->times == NULL) {
                link_fail(link, "out of memory");
                return;
        }
        memcpy(link->output, peer->request, request);
        link->output_end = request;
        if (link_open_socket(link) == 0 && link_use_tls(link) == 0)
                link_watch(link, EPOLL_CTL_ADD, true);
}

#endif
