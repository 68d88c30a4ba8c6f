/* SPDX-License-Identifier: MIT */
/* Peers that are no more than a plain socket, driven by the test. */
#ifndef WS_TEST_RAW_H
#define WS_TEST_RAW_H

#include <netinet/tcp.h>

#include "unit/ws/ws_test.h"
#include "ws/raw.h"

#define RAW_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define RAW_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define RAW_REQUEST                                                                                \
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " RAW_KEY "\r\n\r\n"

/* Frames of a client have this mask; those of a server have none. */
#define RAW_MASK "\x01\x02\x03\x04"

/* The reading end of a socket that a test waits for. */
struct raw_wait {
        struct aw_watch *watch;
        struct aw_event event;
};

static inline void
raw_came(void *argument)
{
        struct raw_wait *wait = argument;

        aw_watch_pause(wait->watch, true);
        aw_event_set(&wait->event);
}

/* Waits until there is something to read, or to accept. */
static inline async int
raw_readable(int fd)
{
        struct raw_wait wait = {.watch = NULL};
        int result;

        wait.watch = aw_watch_open(dup(fd), raw_came, &wait);
        if (!expect(wait.watch != NULL))
                return -1;
        result = await(aw_event_wait(&wait.event, SOON));
        aw_watch_close(wait.watch);
        /* It is closed at the end of this turn; its callback uses what is on this stack. */
        await(aw_sleep(0));
        return result;
}

/* Reads what there is, at most size bytes, waiting for the first: 0 at the end. */
static inline async ssize_t
raw_read(int fd, void *data, size_t size)
{
        ssize_t got;

        while ((got = recv(fd, data, size, MSG_DONTWAIT)) == -1 &&
               (errno == EAGAIN || errno == EWOULDBLOCK))
                if (!expect_int(await(raw_readable(fd)), 0))
                        return -1;
        return got;
}

static inline async bool
raw_read_all(int fd, void *data, size_t size)
{
        size_t done = 0;
        ssize_t got = 1;

        while (done < size && got > 0) {
                got = await(raw_read(fd, (char *)data + done, size - done));
                done += got > 0 ? (size_t)got : 0;
        }
        return expect_int((long long)done, (long long)size);
}

/* Reads to the end of the head of an HTTP message; one byte at a time, so not what follows. */
static inline async bool
raw_read_head(int fd, char head[4096])
{
        size_t length = 0;

        head[0] = '\0';
        while (length < 4095 && strstr(head, "\r\n\r\n") == NULL) {
                if (await(raw_read(fd, head + length, 1)) != 1)
                        return expect(!"the end of the stream instead of a head");
                head[++length] = '\0';
        }
        return true;
}

static inline void
raw_send(int fd, const void *data, size_t length)
{
        expect_int(send(fd, data, length, MSG_NOSIGNAL), (long long)length);
}

/* Sends a frame; the first byte is given as it goes out. */
static inline void
raw_frame(int fd, uint8_t first, const char *mask, const void *data, size_t length)
{
        uint8_t frame[1024], key[4] = {0};
        size_t size;

        if (!expect(length <= sizeof(frame) - WS_FRAME_HEADER_MAX))
                return;
        if (mask != NULL)
                memcpy(key, mask, sizeof(key));
        size = ws_frame_build(frame, WS_OP_TEXT, length, mask == NULL ? NULL : key);
        frame[0] = first;
        if (length > 0)
                ws_frame_mask(frame + size, data, length, key, 0);
        raw_send(fd, frame, size + length);
}

static inline void
raw_text(int fd, const char *text)
{
        raw_frame(fd, 0x81, RAW_MASK, text, strlen(text));
}

/* That the next bytes are these: a frame without mask of up to 125 bytes. */
#define raw_expect_frame(fd, first, data, length)                                                  \
        await(test_raw_expect_frame((fd), (first), (data), (length), __FILE__, __LINE__))

static inline async void
test_raw_expect_frame(int fd, uint8_t first, const void *data, size_t length, const char *file,
                      int line)
{
        uint8_t head[2] = {0, 0}, payload[126] = {0};

        if (!await(raw_read_all(fd, head, 2)))
                return;
        test_expect(head[0] == first, file, line, "the frame begins with %#x (it is %#x)", first,
                    head[0]);
        if (!test_expect_int(head[1], (long long)length, file, line, "the frame's length") ||
            !await(raw_read_all(fd, payload, length)))
                return;
        test_expect(memcmp(payload, data, length) == 0, file, line, "the payload is '%.*s' (%.*s)",
                    (int)length, (const char *)data, (int)length, (const char *)payload);
}

/* That a Close frame with this code comes, whatever its reason. */
#define raw_expect_close(fd, code) await(test_raw_expect_close((fd), (code), __FILE__, __LINE__))

static inline async void
test_raw_expect_close(int fd, unsigned code, const char *file, int line)
{
        uint8_t frame[2 + 125] = {0};

        if (!await(raw_read_all(fd, frame, 4)) || !expect(frame[1] >= 2 && frame[1] <= 125))
                return;
        test_expect(frame[0] == 0x88, file, line, "a Close frame comes (%#x)", frame[0]);
        test_expect_int(frame[2] << 8 | frame[3], code, file, line, "its code");
        await(raw_read_all(fd, frame, frame[1] - 2U));
}

/* That the other side ends the stream, after nothing else. */
static inline async void
raw_expect_end(int fd)
{
        char byte;

        expect_int(await(raw_read(fd, &byte, 1)), 0);
}

/* Ends the connection with a reset. */
static inline void
raw_reset(int fd)
{
        struct linger now = {.l_onoff = 1, .l_linger = 0};

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(fd);
}

/* The address that a URL like ws://127.0.0.1:1234 names. */
static inline struct sockaddr_in
raw_address(const char *url)
{
        struct sockaddr_in address = {.sin_family = AF_INET};

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
        return address;
}

/* A client of the listener: connected, not more. A receive buffer of 0 bytes means the usual. */
static inline int
raw_connect(const char *url, int receive_buffer)
{
        struct sockaddr_in address = raw_address(url);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        expect(fd != -1);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (receive_buffer > 0)
                setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
        expect_int(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

/* The opening handshake of such a client. With a small receive buffer both kernels take little. */
static inline async int
raw_client_asks(struct ws_listener *listener, struct ws **server, int receive_buffer,
                const char *request, char head[4096])
{
        int fd = raw_connect(ws_listener_url(listener, 0), receive_buffer);

        raw_send(fd, request, strlen(request));
        *server = await(ws_accept(listener, SOON));
        if (!expect(*server != NULL))
                return fd;
        if (receive_buffer > 0)
                setsockopt(socket_of(*server), SOL_SOCKET, SO_SNDBUF, &receive_buffer,
                           sizeof(receive_buffer));
        await(raw_read_head(fd, head));
        expect(strstr(head, RAW_ACCEPT) != NULL);
        return fd;
}

static inline async int
raw_client(struct ws_listener *listener, struct ws **server, int receive_buffer)
{
        char head[4096];

        return await(raw_client_asks(listener, server, receive_buffer, RAW_REQUEST, head));
}

/* A handler: the response waits until raw_let_out(). */
static inline void
raw_hold(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        (void)request;
        (void)argument;
        ws_raw_hold(answer);
}

/* A client of a listener with that handler. */
static inline async int
raw_held_client(struct ws_listener *listener, struct ws **server)
{
        int fd = raw_connect(ws_listener_url(listener, 0), 0);

        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        *server = await(ws_accept(listener, SOON));
        expect(*server != NULL);
        return fd;
}

static inline async void
raw_let_out(struct ws *ws, int fd)
{
        char head[4096];

        expect_int(await(ws_raw_write(ws, ws_raw_head(ws), strlen(ws_raw_head(ws)), SOON)), 0);
        ws_raw_open(ws);
        await(raw_read_head(fd, head));
}

/* Of all three. */
static inline void
raw_end(struct ws_listener *listener, struct ws *ws, int fd)
{
        ws_drop(ws);
        close(fd);
        ws_listener_close(listener);
}

/* A listening socket, and the URL for it. Of its backlog only the kernel takes care. */
static inline int
raw_listen(char url[64], int backlog)
{
        struct sockaddr_in address = raw_address(ANY_PORT);
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        expect_int(bind(fd, (struct sockaddr *)&address, size), 0);
        expect_int(listen(fd, backlog), 0);
        expect_int(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        snprintf(url, 64, "ws://127.0.0.1:%u/", ntohs(address.sin_port));
        return fd;
}

static inline async int
raw_accept(int listener)
{
        int fd;

        expect_int(await(raw_readable(listener)), 0);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        expect(fd != -1);
        return fd;
}

/* Accepts a client and reads its request; the answer's last fields are given, each with its end. */
static inline async int
raw_server(int listener, const char *status, const char *fields)
{
        char head[4096], accept[WS_ACCEPT_SIZE] = "", answer[1024];
        int fd = await(raw_accept(listener));
        const char *key;

        await(raw_read_head(fd, head));
        key = strstr(head, "Sec-WebSocket-Key: ");
        if (expect(key != NULL))
                ws_handshake_accept(key + strlen("Sec-WebSocket-Key: "), WS_KEY_SIZE - 1, accept);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                 status, accept, fields);
        raw_send(fd, answer, strlen(answer));
        return fd;
}

#endif
