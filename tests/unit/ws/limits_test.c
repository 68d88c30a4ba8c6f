/* SPDX-License-Identifier: MIT */
/* What a listener's options allow a connection: its handshake, its time, its messages, its buffers. */
#include "await/watch.h"
#include "unit/clock.h"
#include "unit/ws/raw.h"
#include "ws/raw.h"

#define IDLE (80 * AW_SECOND)
#define LIFE (300 * AW_SECOND)
#define RATE 10

static struct ws_info ended; /* the connection that has ended last */
static char why[200];

static void
told(void *argument, enum ws_event event, const struct ws *ws)
{
        (void)argument;
        if (event != WS_EVENT_ENDED)
                return;
        ws_info(ws, &ended);
        snprintf(why, sizeof(why), "%s", ended.why);
}

static const struct ws_watch watch = {.event = told};

static async struct ws_listener *
listen_with(struct ws_listen_options options)
{
        struct aw_error error;
        struct ws_listener *listener;

        ended = (struct ws_info){.peer = NULL};
        options.url = ANY_PORT;
        options.watch = &watch;
        listener = await(ws_listen(&options, &error));
        test_expect(listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
        return listener;
}

static async void
expect_ended(enum ws_limit limit, const char *reason, int line)
{
        wait_until(ended.ended != 0);
        test_expect_int(ended.limit, limit, __FILE__, line, "the limit");
        test_expect(strcmp(why, reason) == 0, __FILE__, line, "the reason is '%s'", why);
        test_expect_int(ended.ended_by, WS_SIDE_SERVER, __FILE__, line, "the side");
}

/* An echo; its value is the errno that it ended with. */
static async int
echo_and_close(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;
        int error;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        error = errno;
        await(ws_close(ws, WS_NORMAL, NULL));
        return error;
}

/* The Close frame's code, then its reason. */
static async void
expect_close_reason(int fd, unsigned code, const char *reason, int line)
{
        uint8_t frame[2 + 125] = {0};
        size_t length;

        await(raw_read_all(fd, frame, 4));
        test_expect_int(frame[0], 0x88, __FILE__, line, "the frame");
        test_expect_int(frame[2] << 8 | frame[3], code, __FILE__, line, "the code");
        length = frame[1] - 2U;
        test_expect_int((long long)length, (long long)strlen(reason), __FILE__, line, "its length");
        await(raw_read_all(fd, frame, length < 124 ? length : 0));
        test_expect(memcmp(frame, reason, length) == 0, __FILE__, line, "the reason");
}

static void
answer_close(int fd)
{
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe9", 2);
        shutdown(fd, SHUT_WR);
}

static async int
an_idle_connection_is_closed_with_1001_and_a_reason(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.idle_timeout = IDLE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("echo", echo_and_close, ws);

        for (int i = 0; i < 8; i++)
                await(clock_advance(IDLE / 8 - AW_SECOND));
        expect(!ws->draining);
        await(clock_advance(IDLE / 8 - AW_SECOND));
        await(expect_close_reason(fd, WS_GOING_AWAY, "no message for too long", __LINE__));
        expect_log("closing with 1001: no message for too long");
        answer_close(fd);
        expect_int(await(aw_join(task)), ESHUTDOWN);
        await(expect_ended(WS_LIMIT_IDLE_TIMEOUT, "no message for too long", __LINE__));
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* A message that came, a part of one, and one that was sent. */
static async int
messages_either_way_are_no_idleness_and_pings_are(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.idle_timeout = IDLE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        for (int i = 0; i < 3; i++) {
                for (int j = 0; j < 7; j++)
                        await(clock_advance(IDLE / 8));
                if (i == 0)
                        raw_text(fd, "hello");
                else if (i == 1)
                        raw_frame(fd, 0x01, RAW_MASK, "half", 4);
                else
                        expect_int(await(ws_send_text(ws, "told", SOON)), 0);
                await(idle_turns());
        }
        expect_int(await(ws_receive(ws, &message, SOON)), 0);
        for (int i = 0; i < 10; i++) {
                raw_frame(fd, 0x89, RAW_MASK, "ping", 4);
                await(idle_turns());
                await(clock_advance(IDLE / 8));
        }
        /* The half message is waited for, for a while. */
        await(clock_advance(WS_CLOSE_TIME));
        expect_error(await(ws_receive(ws, &message, SOON)), ESHUTDOWN);
        expect_log("closing with 1001: no message for too long");
        raw_end(listener, ws, fd);
        return 0;
}

/* The time until then is no idleness, but part of its life. */
static async int
a_connection_whose_response_was_held_back_has_its_limits(NOTHING)
{
        struct ws_listener *listener = await(listen_with((struct ws_listen_options){
                .idle_timeout = IDLE, .max_lifetime = LIFE, .handler = raw_hold}));
        struct ws *ws;
        int fd = await(raw_held_client(listener, &ws));

        for (int i = 0; i < 9; i++)
                await(clock_advance(IDLE / 8));
        await(clock_advance(IDLE / 16));
        await(raw_let_out(ws, fd));
        for (int i = 0; i < 7; i++)
                await(clock_advance(IDLE / 8));
        await(clock_advance(IDLE / 8 - AW_SECOND));
        expect(!ws->draining);
        await(clock_advance(2 * AW_SECOND));
        expect(ws->draining);
        expect_log("closing with 1001: no message for too long");
        ws_drop(ws);
        close(fd);
        fd = await(raw_held_client(listener, &ws));
        await(clock_advance(IDLE / 8));
        await(raw_let_out(ws, fd));
        for (int i = 1; i < 30; i++) {
                expect(!ws->draining);
                raw_text(fd, "x");
                await(idle_turns());
                await(clock_advance(i == 1 ? LIFE / 30 * 2 - IDLE / 8 : LIFE / 30));
        }
        await(clock_advance(AW_SECOND));
        expect(ws->draining);
        expect_log("closing with 1001: it has been open");
        raw_end(listener, ws, fd);
        return 0;
}

/* Reads so many bytes, of a message that is not there whole. */
static async void
take_some(int fd, size_t size)
{
        uint8_t *data = malloc(size);

        if (expect(data != NULL))
                await(raw_read_all(fd, data, size));
        free(data);
}

/*
 * For longer than it may be idle it takes one message, slowly: a whole one as it is queued, or one that
 * a test behaviour lets out piece by piece. Then it stops.
 */
static async int
a_peer_that_still_takes_a_message_is_not_idle(NOTHING)
{
        const size_t size = 8 << 20, step = 128 << 10;
        uint8_t *data = calloc(1, size);
        struct ws_message message = message_of(WS_BINARY, data, size);

        for (int kind = 0; kind < 2 && expect(data != NULL); kind++) {
                struct ws_listener *listener =
                        await(listen_with((struct ws_listen_options){.idle_timeout = IDLE}));
                struct ws *ws;
                int fd = await(raw_client(listener, &ws, 4096));

                if (kind == 1) {
                        expect_int(ws_raw_begin(ws), 0);
                        ws_raw_allow(ws, size / 2);
                }
                expect_int(await(ws_send(ws, &message, SOON)), 0);
                for (int i = 0; i < 24; i++) {
                        await(take_some(fd, step));
                        await(clock_advance(IDLE / 8));
                }
                expect(!ws->draining);
                /* What the kernels still move counts as progress once. */
                for (int i = 0; i < 18; i++)
                        await(clock_advance(IDLE / 8));
                expect(ws->draining);
                expect_log("closing with 1001: no message for too long");
                raw_end(listener, ws, fd);
        }
        free(data);
        return 0;
}

static async int
a_connection_has_a_lifetime_however_busy_it_is(NOTHING)
{
        struct ws_listener *listener = await(listen_with(
                (struct ws_listen_options){.idle_timeout = IDLE, .max_lifetime = LIFE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("echo", echo_and_close, ws);

        for (int i = 0; i < 29; i++) {
                raw_text(fd, "x");
                await(clock_advance(LIFE / 30));
                raw_expect_frame(fd, 0x81, "x", 1);
        }
        /* What came before is still echoed. */
        raw_text(fd, "y");
        await(idle_turns());
        await(clock_advance(LIFE / 30 + AW_SECOND));
        raw_expect_frame(fd, 0x81, "y", 1);
        await(expect_close_reason(fd, WS_GOING_AWAY, "it has been open for as long as it may be",
                                  __LINE__));
        expect_log("closing with 1001: it has been open");
        answer_close(fd);
        expect_int(await(aw_join(task)), ESHUTDOWN);
        await(expect_ended(WS_LIMIT_LIFETIME, "it has been open for as long as it may be",
                           __LINE__));
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* Its task does something else, and the peer answers nothing. */
static async int
who_does_not_come_to_its_end_is_closed_and_gone(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_lifetime = LIFE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));

        await(clock_advance(LIFE));
        expect_log("closing with 1001: it has been open");
        await(clock_advance(WS_CLOSE_TIME));
        raw_expect_close(fd, WS_GOING_AWAY);
        expect_int(ended.ended, 0);
        await(clock_advance(WS_CLOSE_TIME + WS_LINGER_TIME));
        await(expect_ended(WS_LIMIT_LIFETIME, "it has been open for as long as it may be",
                           __LINE__));
        await(raw_expect_end(fd));
        raw_end(listener, ws, fd);
        return 0;
}

/* A sender that waits for room comes to its end as well. */
static async int
a_peer_that_reads_nothing_does_not_outlive_its_time(NOTHING)
{
        static uint8_t data[60000];
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_lifetime = LIFE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 4096));
        struct aw_task *task = aw_spawn("echo", echo_and_close, ws);
        size_t size = ws_frame_build(data, WS_OP_BINARY, 50000, (const uint8_t *)RAW_MASK) + 50000,
               sent = 0;
        ssize_t more;

        while (!is_paused(ws) && test_failures == 0) {
                more = send(fd, data + sent % size, size - sent % size,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
                sent += more > 0 ? (size_t)more : 0;
                await(aw_sleep(0));
        }
        await(clock_advance(LIFE));
        expect_log("closing with 1001: it has been open");
        for (int i = 0; i < 20 && ended.ended == 0; i++)
                await(clock_advance(AW_SECOND));
        await(expect_ended(WS_LIMIT_LIFETIME, "it has been open for as long as it may be",
                           __LINE__));
        await(aw_join(task));
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static void
send_many(int fd, int count)
{
        for (int i = 0; i < count; i++)
                raw_text(fd, "m");
}

static async void
expect_many(int fd, int count)
{
        for (int i = 0; i < count; i++)
                raw_expect_frame(fd, 0x81, "m", 1);
}

static async int
more_messages_than_the_rate_allows_are_1008(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_message_rate = RATE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("echo", echo_and_close, ws);

        /* Twice as many at once, and then as many as are allowed, each second. */
        send_many(fd, 2 * RATE);
        await(expect_many(fd, 2 * RATE));
        await(clock_advance(AW_SECOND));
        for (int i = 0; i < 5; i++) {
                send_many(fd, RATE);
                await(expect_many(fd, RATE));
                await(clock_advance(AW_SECOND));
        }
        /* What was saved, up to another second's. */
        await(clock_advance(60 * AW_SECOND));
        send_many(fd, 2 * RATE);
        await(expect_many(fd, 2 * RATE));
        send_many(fd, 3);
        await(expect_close_reason(fd, WS_POLICY_VIOLATION, "more messages than are allowed",
                                  __LINE__));
        expect_log("closing with 1008: more messages than are allowed");
        answer_close(fd);
        expect_int(await(aw_join(task)), EDQUOT);
        await(expect_ended(WS_LIMIT_MESSAGE_RATE, "more messages than are allowed", __LINE__));
        expect_int((long long)ended.received.messages[0], 2 * RATE + 5 * RATE + 2 * RATE);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static void
flood(int fd, int kind)
{
        for (int i = 0; i < 3 * RATE; i++)
                if (kind == 0)
                        raw_frame(fd, 0x89, RAW_MASK, "", 0);
                else if (kind == 1)
                        raw_frame(fd, 0x8a, RAW_MASK, "", 0);
                else
                        raw_frame(fd, i == 0 ? 0x01 : 0x00, RAW_MASK, "", 0);
}

static async int
pings_pongs_and_fragments_count_as_messages(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_message_rate = RATE}));

        for (int kind = 0; kind < 3; kind++) {
                struct ws *ws;
                int fd = await(raw_client(listener, &ws, 0));
                struct ws_message message;

                flood(fd, kind);
                expect_error(await(ws_receive(ws, &message, SOON)), EDQUOT);
                expect_log("closing with 1008: more messages than are allowed");
                ended.ended = 0;
                ws_drop(ws);
                await(expect_ended(WS_LIMIT_MESSAGE_RATE, "more messages than are allowed",
                                   __LINE__));
                if (kind == 2)
                        expect_int((long long)ended.received.fragments, 2 * RATE - 1);
                close(fd);
        }
        ws_listener_close(listener);
        return 0;
}

static long long
rests_of(const struct ws_listener *listener)
{
        struct ws_counters counters = {.rests = 0};

        ws_listener_count(listener, &counters);
        return (long long)counters.rests;
}

/* In one go: Pings and Pongs, or fragments of a message. All are empty. */
static void
send_trifles(int fd, int kind, int count)
{
        uint8_t data[6 * 5 * RATE] = {0};

        for (int i = 0; i < count; i++) {
                data[6 * i] = kind == 1 ? 0x00 : 0x89 + i % 2;
                data[6 * i + 1] = 0x80;
        }
        raw_send(fd, data, 6 * (size_t)count);
}

/*
 * Twice the rate at once, what was saved up included; of what is over that each costs the time in which
 * it is earned. Nothing is lost: what came before the rest is dealt with, what comes in it is read later.
 */
static async int
control_frames_and_tiny_fragments_are_read_at_their_rate(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_control_rate = RATE}));

        for (int kind = 0; kind < 2; kind++) {
                long long before = rests_of(listener);
                struct ws *ws;
                int fd = await(raw_client(listener, &ws, 0));
                struct ws_message message;

                if (kind == 1)
                        raw_frame(fd, 0x01, RAW_MASK, "", 0);
                clock_stop();
                await(clock_advance(60 * AW_SECOND));
                send_trifles(fd, kind, 2 * RATE - kind);
                await(idle_turns());
                expect(!is_paused(ws));
                /* Half a second for five of them. */
                send_trifles(fd, kind, RATE / 2);
                wait_until(is_paused(ws));
                expect_int(rests_of(listener), before + 1);
                raw_frame(fd, kind == 0 ? 0x81 : 0x80, RAW_MASK, "m", 1);
                await(clock_advance(AW_SECOND / 2 - AW_SECOND / 50));
                expect(is_paused(ws));
                await(clock_advance(AW_SECOND / 50 + 1));
                expect(!is_paused(ws));
                clock_go_on();
                expect_int(await(ws_receive(ws, &message, SOON)), 0);
                expect_int((long long)message.length, 1);
                ws_drop(ws);
                close(fd);
        }
        ws_listener_close(listener);
        return 0;
}

/* Whole messages, however small, the last fragments of others, and fragments that are no trifle. */
static async int
messages_are_no_trifles(NOTHING)
{
        static const char data[WS_TRIFLE] = {0};
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_control_rate = RATE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;

        for (int i = 0; i < 3 * RATE; i++) {
                raw_frame(fd, 0x82, RAW_MASK, "", 0);
                raw_frame(fd, 0x02, RAW_MASK, data, WS_TRIFLE);
                raw_frame(fd, 0x80, RAW_MASK, "", 0);
                expect_int(await(ws_receive(ws, &message, SOON)), 0);
                expect_int((long long)message.length, 0);
                expect_int(await(ws_receive(ws, &message, SOON)), 0);
                expect_int((long long)message.length, WS_TRIFLE);
        }
        expect_int(rests_of(listener), 0);
        /* One byte less is one. */
        for (int i = 0; i < 2 * RATE + 1; i++)
                raw_frame(fd, i == 0 ? 0x02 : 0x00, RAW_MASK, data, WS_TRIFLE - 1);
        wait_until(is_paused(ws));
        expect_int(rests_of(listener), 1);
        raw_end(listener, ws, fd);
        return 0;
}

/* As TLS hands on what one read brought: by records. Each makes the rest longer. */
static async int
all_that_one_read_brings_is_one_rest(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_control_rate = RATE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        static const uint8_t pong[6] = {0x8a, 0x80};

        clock_stop();
        send_trifles(fd, 0, 2 * RATE);
        await(idle_turns());
        expect(!is_paused(ws));
        for (int i = 0; i < RATE; i++)
                ws_connection_callbacks.data(ws, pong, sizeof(pong));
        expect_int(rests_of(listener), 1);
        await(clock_advance(AW_SECOND - AW_SECOND / 50));
        expect(is_paused(ws));
        await(clock_advance(AW_SECOND / 50 + RATE));
        expect(!is_paused(ws));
        clock_go_on();
        raw_end(listener, ws, fd);
        return 0;
}

/* It neither is forgotten for a rest, however long, nor does the rest outlive it. */
static async int
a_connection_that_rests_ends_in_time(NOTHING)
{
        for (int kind = 0; kind < 3; kind++) {
                struct ws_listener *listener = await(listen_with(
                        (struct ws_listen_options){.max_control_rate = 1,
                                                   .idle_timeout = kind == 0 ? IDLE : 0,
                                                   .max_lifetime = kind == 1 ? LIFE : 0}));
                struct ws *ws;
                int fd = await(raw_client(listener, &ws, 0));
                struct aw_task *task = aw_spawn("echo", echo_and_close, ws);

                if (kind == 1)
                        await(clock_advance(LIFE - AW_SECOND));
                if (kind == 0)
                        for (int i = 0; i < 8; i++)
                                await(clock_advance(IDLE / 8 - i / 7 * AW_SECOND));
                /* For nearly a minute. */
                send_trifles(fd, 0, 5 * RATE);
                wait_until(is_paused(ws));
                if (kind == 2)
                        ws_listener_drain(listener);
                else
                        await(clock_advance(AW_SECOND));
                await(idle_turns());
                expect_int(ws->out.state >= WS_OUT_CLOSING, true);
                expect(!is_paused(ws));
                if (kind < 2)
                        expect_log("closing with 1001: ");
                answer_close(fd);
                expect_int(await(aw_join(task)), ESHUTDOWN);
                wait_until(ended.ended != 0);
                close(fd);
                ws_listener_close(listener);
        }
        return 0;
}

/* The message that it is in is read to its end, which is here already. */
static async int
a_drain_ends_a_rest(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_control_rate = 1}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("echo", echo_and_close, ws);

        raw_frame(fd, 0x01, RAW_MASK, "be", 2);
        send_trifles(fd, 1, 5 * RATE);
        wait_until(is_paused(ws));
        raw_frame(fd, 0x80, RAW_MASK, "gun", 3);
        await(idle_turns());
        ws_listener_drain(listener);
        raw_expect_frame(fd, 0x81, "begun", 5);
        raw_expect_close(fd, WS_GOING_AWAY);
        answer_close(fd);
        expect_int(await(aw_join(task)), ESHUTDOWN);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* Who has sent all that it may can still close. */
static async int
a_close_frame_is_no_message(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_message_rate = RATE}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("echo", echo_and_close, ws);

        send_many(fd, 2 * RATE);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        await(expect_many(fd, 2 * RATE));
        raw_expect_close(fd, WS_NORMAL);
        expect_int(await(aw_join(task)), EPIPE);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

/* Reading stops when the buffer is full, and that is counted. */
static async int
a_buffer_is_as_large_as_the_option_says(NOTHING)
{
        static uint8_t data[2000];
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.max_buffer = 16384}));
        size_t size = ws_frame_build(data, WS_OP_BINARY, 1000, (const uint8_t *)RAW_MASK) + 1000;
        struct ws_counters counters = {.pauses = 0};
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct ws_message message;
        size_t sent = 0, got = 0;

        while (!is_paused(ws) && sent < 1000) {
                raw_send(fd, data, size);
                sent++;
                await(idle_turns());
        }
        expect(inbox_bytes(ws) > 16384);
        expect(inbox_bytes(ws) < 2 * 16384);
        ws_listener_count(listener, &counters);
        expect_int((long long)counters.pauses, 1);
        for (; got < sent && await(ws_receive(ws, &message, SOON)) == 0; got++)
                expect_int((long long)message.length, 1000);
        expect_int((long long)got, (long long)sent);
        expect_error(await(ws_receive(ws, &message, NOW_OR_NOT)), ETIMEDOUT);
        expect(!is_paused(ws));
        raw_end(listener, ws, fd);
        return 0;
}

static async int
a_handshake_has_the_time_that_the_option_says(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.handshake_timeout = AW_SECOND}));
        int fd = raw_connect(ws_listener_url(listener, 0), 0);
        char head[4096];

        wait_until(ws_connection_count() == 1);
        await(clock_advance(AW_SECOND / 2));
        expect_int(ended.ended, 0);
        await(clock_advance(AW_SECOND / 2));
        await(raw_read_head(fd, head));
        expect(strstr(head, "HTTP/1.1 408 Request Timeout\r\n") == head);
        expect_log("refused with 408: no complete handshake in time");
        shutdown(fd, SHUT_WR);
        await(expect_ended(WS_LIMIT_HANDSHAKE_TIMEOUT, "no complete handshake in time", __LINE__));
        expect_int(ended.status, 408);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static bool
admit_one(void *argument)
{
        int *left = argument;

        return (*left)-- > 0;
}

static async int
who_is_not_admitted_is_told_so_and_costs_nothing(NOTHING)
{
        int left = 1;
        struct ws_listener *listener = await(
                listen_with((struct ws_listen_options){.admit = admit_one, .argument = &left}));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0)), other;
        char head[4096];

        other = raw_connect(ws_listener_url(listener, 0), 0);
        await(raw_read_head(other, head));
        expect(strstr(head, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n") == head);
        await(raw_expect_end(other));
        expect_int((long long)ws_connection_count(), 1);
        close(other);
        /* The listener goes on. */
        left = 1;
        other = fd;
        ws_drop(ws);
        fd = await(raw_client(listener, &ws, 0));
        ws_drop(ws);
        close(other);
        close(fd);
        ws_listener_close(listener);
        return 0;
}

static void
refuse(const struct ws_request *request, struct ws_answer *answer, void *argument)
{
        static const char *const fields[] = {"Retry-After: 1"};

        (void)request;
        (void)argument;
        *answer = (struct ws_answer){
                .status = 429, .fields = fields, .field_count = 1, .why = "too many of them"};
}

static async int
a_refusal_says_why_to_the_log_and_to_who_watches(NOTHING)
{
        struct ws_listener *listener =
                await(listen_with((struct ws_listen_options){.handler = refuse}));
        int fd = raw_connect(ws_listener_url(listener, 0), 0);
        char head[4096];

        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        await(raw_read_head(fd, head));
        expect(strstr(head, "HTTP/1.1 429 Too Many Requests\r\n") == head);
        expect(strstr(head, "\r\nRetry-After: 1\r\n") != NULL);
        expect_log("refused with 429: too many of them");
        close(fd);
        await(expect_ended(WS_LIMIT_NONE, "too many of them", __LINE__));
        ws_listener_close(listener);
        return 0;
}

/* The bound is for the sum of what all processes that share it take. */
static async int
processes_share_the_bound_for_memory(NOTHING)
{
        static uint64_t parts[3] = {1 << 20, 0, 7};
        struct ws_listener *listener;
        int fd;
        struct ws *ws;
        char head[4096];

        ws_share_memory(parts, 3, 1);
        ws_set_max_memory(2 << 20);
        listener = await(listen_with((struct ws_listen_options){.url = NULL}));
        fd = await(raw_client(listener, &ws, 0));
        ws_drop(ws);
        close(fd);
        wait_until(ws_connection_count() == 0);
        parts[2] = 1 << 20;
        ended.ended = 0;
        fd = raw_connect(ws_listener_url(listener, 0), 0);
        raw_send(fd, RAW_REQUEST, strlen(RAW_REQUEST));
        await(raw_read_head(fd, head));
        expect(strstr(head, "HTTP/1.1 503 Service Unavailable\r\n") == head);
        expect(strstr(head, "\r\nRetry-After: 5\r\n") != NULL);
        expect_log("refused with 503: the server has no memory");
        close(fd);
        await(expect_ended(WS_LIMIT_MEMORY,
                           "the server has no memory for another connection: try again later",
                           __LINE__));
        expect(ws_memory() < 1 << 20);
        expect_int((long long)parts[0], 1 << 20);
        ws_set_max_memory(0);
        ws_listener_close(listener);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(an_idle_connection_is_closed_with_1001_and_a_reason),
                on_loop(messages_either_way_are_no_idleness_and_pings_are),
                on_loop(a_connection_whose_response_was_held_back_has_its_limits),
                on_loop(a_peer_that_still_takes_a_message_is_not_idle),
                on_loop(a_connection_has_a_lifetime_however_busy_it_is),
                on_loop(who_does_not_come_to_its_end_is_closed_and_gone),
                on_loop(a_peer_that_reads_nothing_does_not_outlive_its_time),
                on_loop(more_messages_than_the_rate_allows_are_1008),
                on_loop(pings_pongs_and_fragments_count_as_messages),
                on_loop(control_frames_and_tiny_fragments_are_read_at_their_rate),
                on_loop(messages_are_no_trifles),
                on_loop(all_that_one_read_brings_is_one_rest),
                on_loop(a_connection_that_rests_ends_in_time),
                on_loop(a_drain_ends_a_rest),
                on_loop(a_close_frame_is_no_message),
                on_loop(a_buffer_is_as_large_as_the_option_says),
                on_loop(a_handshake_has_the_time_that_the_option_says),
                on_loop(who_is_not_admitted_is_told_so_and_costs_nothing),
                on_loop(a_refusal_says_why_to_the_log_and_to_who_watches),
                on_loop(processes_share_the_bound_for_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
