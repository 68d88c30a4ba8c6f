/* SPDX-License-Identifier: MIT */
/* Wraps: send. */
/* The echo of a message that came alone, which is sent at once; also if the kernel does not take it. */
#include "await/watch.h"
#include "unit/ws/raw.h"

/* What the kernel says to the next send() of this descriptor: how much it takes, or an errno. */
static struct {
        int fd;
        unsigned calls;
        ssize_t most; /* -1: all */
        int error;
} kernel;

ssize_t __real_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);

ssize_t
__wrap_send(int fd, const void *data, size_t length, int flags)
{
        if (fd != kernel.fd)
                return __real_send(fd, data, length, flags);
        if (++kernel.calls == 1 && kernel.error != 0) {
                errno = kernel.error;
                return -1;
        }
        if (kernel.calls == 1 && kernel.most >= 0 && (size_t)kernel.most < length)
                length = (size_t)kernel.most;
        return __real_send(fd, data, length, flags);
}

static void
kernel_takes(const struct ws *ws, ssize_t most, int error)
{
        kernel.fd = aw_transport_fd(ws->transport);
        kernel.calls = 0;
        kernel.most = most;
        kernel.error = error;
}

static async struct ws_listener *
listen_plain(void)
{
        struct ws_listen_options options = {.url = ANY_PORT};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));

        test_expect(listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
        return listener;
}

static struct ws_count
sent_by(const struct ws_listener *listener)
{
        struct ws_counters counters = {.pauses = 0};

        ws_listener_count(listener, &counters);
        return counters.sent;
}

static async void
end_all(struct ws *ws, int fd, struct ws_listener *listener)
{
        kernel.fd = -1;
        raw_end(listener, ws, fd);
        await(idle_turns());
}

/* Receives one message, which the peer has sent when the task waited already. */
static async void
receive_alone(struct ws *ws, int fd, const char *text, struct ws_message *message)
{
        raw_text(fd, text);
        expect_int(await(ws_receive(ws, message, SOON)), 0);
}

static async int
it_is_sent_before_the_task_goes_on(NOTHING)
{
        struct ws_listener *listener = await(listen_plain());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        for (int i = 0; i < 40; i++) {
                await(receive_alone(ws, fd, "alone", &message));
                kernel_takes(ws, -1, 0);
                expect_int(await(ws_send(ws, &message, SOON)), 0);
                expect_int((int)kernel.calls, 1);
                raw_expect_frame(fd, 0x81, "alone", 5);
        }
        /* Timed ones are among these. */
        expect_int((long long)sent_by(listener).messages[0], 40);
        expect_int((long long)sent_by(listener).bytes[0], 40 * 5);
        expect_int((long long)ws->out.messages, 0);
        await(end_all(ws, fd, listener));
        return 0;
}

/* All that comes behind it waits for the flush, and goes out together. */
static async int
what_is_sent_besides_goes_out_together_behind_it(NOTHING)
{
        struct ws_listener *listener = await(listen_plain());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        await(receive_alone(ws, fd, "first", &message));
        kernel_takes(ws, -1, 0);
        expect_int(await(ws_send(ws, &message, SOON)), 0);
        expect_int(await(ws_send(ws, &message, SOON)), 0);
        expect_int(await(ws_send_text(ws, "third", SOON)), 0);
        expect_int((int)kernel.calls, 1);
        await(idle_turns());
        expect_int((int)kernel.calls, 2);
        raw_expect_frame(fd, 0x81, "first", 5);
        raw_expect_frame(fd, 0x81, "first", 5);
        raw_expect_frame(fd, 0x81, "third", 5);
        await(end_all(ws, fd, listener));
        return 0;
}

/* Neither the replies to others, nor what was sent before. */
static async int
it_overtakes_nothing(NOTHING)
{
        struct ws_listener *listener = await(listen_plain());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        await(receive_alone(ws, fd, "reply", &message));
        expect_int(await(ws_send_text(ws, "before", SOON)), 0);
        expect_int(await(ws_send(ws, &message, SOON)), 0);
        await(idle_turns());
        raw_expect_frame(fd, 0x81, "before", 6);
        raw_expect_frame(fd, 0x81, "reply", 5);
        /* A message, a Ping, and another message in one go. */
        raw_send(fd, "\x81\x81" RAW_MASK "\x39\x89\x80" RAW_MASK "\x81\x81" RAW_MASK "\x3a", 20);
        for (int i = 0; i < 2; i++) {
                expect_int(await(ws_receive(ws, &message, SOON)), 0);
                expect_int(await(ws_send(ws, &message, SOON)), 0);
        }
        await(idle_turns());
        for (int i = 0; i < 3; i++) {
                uint8_t frame[3];

                await(raw_read_all(fd, frame, i == 1 ? 2 : 3));
                expect_int(frame[0], i == 1 ? 0x8a : 0x81);
        }
        await(end_all(ws, fd, listener));
        return 0;
}

/* Within the header, after it, but for one byte, and not at all for now. */
static async int
what_the_kernel_does_not_take_follows(NOTHING)
{
        struct ws_listener *listener = await(listen_plain());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        for (ssize_t most = 0; most < 7; most++) {
                await(receive_alone(ws, fd, "parts", &message));
                kernel_takes(ws, most, most == 0 ? EAGAIN : 0);
                expect_int(await(ws_send(ws, &message, SOON)), 0);
                expect_int((int)kernel.calls, 1);
                expect_int(await(ws_send_text(ws, "behind", SOON)), 0);
                await(idle_turns());
                raw_expect_frame(fd, 0x81, "parts", 5);
                raw_expect_frame(fd, 0x81, "behind", 6);
        }
        expect_int((long long)sent_by(listener).messages[0], 14);
        await(end_all(ws, fd, listener));
        return 0;
}

static async int
a_connection_that_is_lost_is_seen_by_the_next_await(NOTHING)
{
        struct ws_listener *listener = await(listen_plain());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        await(receive_alone(ws, fd, "lost", &message));
        kernel_takes(ws, -1, EPIPE);
        expect_int(await(ws_send(ws, &message, SOON)), 0);
        shutdown(fd, SHUT_RDWR);
        expect_error(await(ws_receive(ws, &message, SOON)), EPIPE);
        await(end_all(ws, fd, listener));
        return 0;
}

/* It is put together with others, or goes out from where it is. */
static async int
a_large_one_is_not_sent_at_once(NOTHING)
{
        static uint8_t data[5000];
        size_t size = ws_frame_build(data, WS_OP_BINARY, 4097, (const uint8_t *)RAW_MASK) + 4097;
        struct ws_listener *listener = await(listen_plain());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;
        uint8_t header[4];

        raw_send(fd, data, size);
        expect_int(await(ws_receive(ws, &message, SOON)), 0);
        kernel_takes(ws, -1, 0);
        expect_int(await(ws_send(ws, &message, SOON)), 0);
        expect_int((int)kernel.calls, 0);
        await(idle_turns());
        expect_int((int)kernel.calls, 1);
        await(raw_read_all(fd, header, 4));
        expect_int(header[2] << 8 | header[3], 4097);
        await(end_all(ws, fd, listener));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(it_is_sent_before_the_task_goes_on),
                on_loop(what_is_sent_besides_goes_out_together_behind_it),
                on_loop(it_overtakes_nothing),
                on_loop(what_the_kernel_does_not_take_follows),
                on_loop(a_connection_that_is_lost_is_seen_by_the_next_await),
                on_loop(a_large_one_is_not_sent_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
