/* SPDX-License-Identifier: MIT */
/* Pings that look whether a silent peer is still there. */
#include "unit/clock.h"
#include "unit/ws/raw.h"
#include "ws/raw.h"

#define INTERVAL (20 * AW_SECOND)
#define TIMEOUT  (7 * AW_SECOND)

static async struct ws_listener *
listen_with(aw_time timeout, void (*handler)(const struct ws_request *, struct ws_answer *, void *))
{
        struct ws_listen_options options = {.url = ANY_PORT,
                                            .ping_interval = INTERVAL,
                                            .ping_timeout = timeout,
                                            .handler = handler};
        struct aw_error error;
        struct ws_listener *listener = await(ws_listen(&options, &error));

        test_expect(listener != NULL, __FILE__, __LINE__, "listening: %s", error.text);
        return listener;
}

static async struct ws_listener *
listen_with_pings(void)
{
        return await(listen_with(TIMEOUT, NULL));
}

static async int
receive_in_task(void *ws)
{
        struct ws_message message;

        return await(ws_receive(ws, &message, AW_NEVER));
}

static async int
a_silent_peer_is_asked_and_then_dropped(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("receive", receive_in_task, ws);

        /* The handshake was a sign of life. */
        await(clock_advance(INTERVAL - AW_SECOND));
        expect_int((long long)ws->out.ping_sent, 0);
        await(clock_advance(2 * AW_SECOND));
        raw_expect_frame(fd, 0x89, "1", 1);
        await(clock_advance(TIMEOUT - AW_SECOND));
        expect(!aw_task_done(task));
        await(clock_advance(2 * AW_SECOND));
        expect_error(await(aw_join(task)), EPIPE);
        expect_int(ws_peer_close(ws)->code, WS_ABNORMAL);
        expect_log("dropped, for it does not answer pings");
        raw_end(listener, ws, fd);
        return 0;
}

/* Which one: the Pong, another one, a message, or a part of a frame. */
static async void
show_life(int fd, int how)
{
        if (how == 0)
                raw_frame(fd, 0x8a, RAW_MASK, "1", 1);
        else if (how == 1)
                raw_frame(fd, 0x8a, RAW_MASK, "unasked", 7);
        else if (how == 2)
                raw_text(fd, "hi");
        else
                raw_send(fd, "\x81", 1);
        await(idle_turns());
}

static async int
any_data_counts_as_life(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());

        for (int how = 0; how < 4; how++) {
                struct ws *ws;
                int fd = await(raw_client(listener, &ws, 0));
                struct aw_task *task = aw_spawn("receive", receive_in_task, ws);

                await(clock_advance(INTERVAL + AW_SECOND));
                raw_expect_frame(fd, 0x89, "1", 1);
                await(clock_advance(TIMEOUT / 2));
                await(show_life(fd, how));
                await(clock_advance(TIMEOUT));
                await(clock_advance(INTERVAL - TIMEOUT - AW_SECOND));
                expect_int((long long)ws->out.ping_sent, 1);
                expect_int(aw_task_done(task), how == 2);
                aw_cancel(task);
                await(aw_join(task));
                /* It is asked anew when it has been silent for as long again. */
                await(clock_advance(2 * AW_SECOND));
                raw_expect_frame(fd, 0x89, "2", 1);
                ws_drop(ws);
                close(fd);
        }
        ws_listener_close(listener);
        return 0;
}

/* Though there would be much time for the answer. */
static async int
who_has_answered_is_asked_again_after_an_interval(NOTHING)
{
        struct ws_listener *listener = await(listen_with(10 * INTERVAL, NULL));
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));

        for (int i = 1; i <= 3; i++) {
                char number[] = {(char)('0' + i), '\0'};

                await(clock_advance(INTERVAL - AW_SECOND));
                expect_int((long long)ws->out.ping_sent, i - 1);
                /* One looks once in an interval. */
                await(clock_advance(INTERVAL));
                raw_expect_frame(fd, 0x89, number, 1);
                raw_frame(fd, 0x8a, RAW_MASK, number, 1);
                wait_until(ws->out.ping_answered == (uint64_t)i);
        }
        raw_end(listener, ws, fd);
        return 0;
}

static async int
who_shows_life_is_not_asked(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));

        for (int i = 0; i < 5; i++) {
                raw_frame(fd, 0x8a, RAW_MASK, "", 0);
                await(idle_turns());
                await(clock_advance(INTERVAL - AW_SECOND));
        }
        expect_int((long long)ws->out.ping_sent, 0);
        ws_listener_drain(listener);
        expect_error(await(receive_in_task(ws)), ESHUTDOWN);
        raw_expect_close(fd, WS_GOING_AWAY);
        close(fd);
        ws_drop(ws);
        ws_listener_close(listener);
        return 0;
}

/* What it sends is not read, so whether it is there is not known. */
static async int
a_peer_that_is_not_read_from_is_not_dropped(NOTHING)
{
        static const uint8_t data[60000];
        struct ws_listener *listener = await(listen_with_pings());
        struct connecting connecting = {.deadline = 0};
        struct ws_message message = message_of(WS_BINARY, data, sizeof(data));
        struct ws *ws;

        connect_start(&connecting, ws_listener_url(listener, 0));
        ws = await(ws_accept(listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        while (!is_paused(ws) && test_failures == 0) {
                expect_int(await(ws_send(connecting.ws, &message, SOON)), 0);
                await(idle_turns());
        }
        for (int i = 0; i < 4; i++)
                await(clock_advance(INTERVAL));
        expect_int(await(ws_receive(ws, &message, SOON)), 0);
        ws_drop(connecting.ws);
        ws_drop(ws);
        ws_listener_close(listener);
        return 0;
}

/* It has sent much, and reads none of the echoes: we cannot hear it, but it could take them. */
static async int
a_peer_that_takes_nothing_of_what_waits_for_it_is_dropped(NOTHING)
{
        static uint8_t data[60000];
        size_t size = ws_frame_build(data, WS_OP_BINARY, 50000, (const uint8_t *)RAW_MASK) + 50000,
               sent = 0;
        ssize_t more;
        struct ws_listener *listener = await(listen_with_pings());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 4096));
        struct aw_task *task = aw_spawn("echo", echo_in_task, ws);

        while (!is_paused(ws) && test_failures == 0) {
                more = send(fd, data + sent % size, size - sent % size,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
                sent += more > 0 ? (size_t)more : 0;
                await(aw_sleep(0));
        }
        /* What the kernels still move counts as progress once. */
        for (int i = 0; i < 6 && !aw_task_done(task); i++)
                await(clock_advance(INTERVAL));
        expect(aw_task_done(task));
        expect_log("dropped, for it does not answer pings");
        await(aw_join(task));
        raw_end(listener, ws, fd);
        return 0;
}

/* It is we who stood still: its answer is here, and nobody has read it. */
static async int
who_has_answered_is_not_dropped(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("receive", receive_in_task, ws);

        await(clock_advance(INTERVAL + AW_SECOND));
        raw_expect_frame(fd, 0x89, "1", 1);
        aw_transport_pause(ws->transport, true);
        await(idle_turns());
        raw_frame(fd, 0x8a, RAW_MASK, "1", 1);
        await(clock_advance(TIMEOUT + AW_SECOND));
        expect(!aw_task_done(task));
        aw_transport_pause(ws->transport, false);
        wait_until(ws->out.ping_answered == 1);
        await(clock_advance(INTERVAL - AW_SECOND));
        expect(!aw_task_done(task));
        await(clock_advance(2 * AW_SECOND));
        raw_expect_frame(fd, 0x89, "2", 1);
        aw_cancel(task);
        await(aw_join(task));
        raw_end(listener, ws, fd);
        return 0;
}

/* Its silence counts from when it has the response. */
static async int
who_waits_for_the_response_is_asked_behind_it(NOTHING)
{
        struct ws_listener *listener = await(listen_with(TIMEOUT, raw_hold));
        struct ws *ws;
        int fd = await(raw_held_client(listener, &ws));

        for (int i = 0; i < 3; i++)
                await(clock_advance(INTERVAL + AW_SECOND));
        await(clock_advance(INTERVAL / 2));
        await(raw_let_out(ws, fd));
        await(clock_advance(INTERVAL - AW_SECOND));
        expect_int((long long)ws->out.ping_sent, 0);
        await(clock_advance(2 * AW_SECOND));
        raw_expect_frame(fd, 0x89, "1", 1);
        await(clock_advance(TIMEOUT + AW_SECOND));
        expect_log("dropped, for it does not answer pings");
        raw_end(listener, ws, fd);
        return 0;
}

/* A test behaviour lets nothing out for a while. */
static async int
a_ping_that_is_held_back_is_no_question_yet(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("receive", receive_in_task, ws);

        expect_int(ws_raw_begin(ws), 0);
        ws_raw_allow(ws, 0);
        await(clock_advance(INTERVAL + AW_SECOND));
        expect_int((long long)ws->out.ping_sent, 1);
        for (int i = 0; i < 4; i++)
                await(clock_advance(TIMEOUT - AW_SECOND));
        await(clock_advance(TIMEOUT / 2));
        expect(!aw_task_done(task));
        ws_raw_allow(ws, WS_RAW_NO_LIMIT);
        raw_expect_frame(fd, 0x89, "1", 1);
        await(clock_advance(TIMEOUT - AW_SECOND));
        expect(!aw_task_done(task));
        await(clock_advance(2 * AW_SECOND));
        expect_error(await(aw_join(task)), EPIPE);
        expect_log("dropped, for it does not answer pings");
        raw_end(listener, ws, fd);
        return 0;
}

static async int
pings_of_the_program_give_a_silent_peer_no_more_time(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());
        struct ws *ws;
        int fd = await(raw_client(listener, &ws, 0));
        struct aw_task *task = aw_spawn("receive", receive_in_task, ws);

        await(clock_advance(INTERVAL + AW_SECOND));
        for (int i = 0; i < 3; i++) {
                expect(!aw_task_done(task));
                expect_int(ws_alive_ping(ws), 0);
                await(idle_turns());
                await(clock_advance(TIMEOUT / 3 + AW_SECOND));
        }
        await(idle_turns());
        expect(aw_task_done(task));
        expect_error(await(aw_join(task)), EPIPE);
        expect_log("dropped, for it does not answer pings");
        raw_end(listener, ws, fd);
        return 0;
}

/* A server that hangs. */
static async int
a_client_asks_too(NOTHING)
{
        char url[64];
        int listener = raw_listen(url, 1), fd;
        struct connecting connecting = {.options = {.ping_interval = INTERVAL}};
        struct aw_task *task;

        connect_start(&connecting, url);
        fd = await(raw_server(listener, "101 Switching Protocols", ""));
        expect_int(await(aw_join(connecting.task)), 0);
        task = aw_spawn("receive", receive_in_task, connecting.ws);
        for (int i = 0; i < 4 && !aw_task_done(task); i++)
                await(clock_advance(INTERVAL));
        expect_error(await(aw_join(task)), EPIPE);
        expect_log("dropped, for it does not answer pings");
        ws_drop(connecting.ws);
        close(fd);
        close(listener);
        return 0;
}

static async int
two_peers_that_are_there_stay_connected(NOTHING)
{
        struct ws_listener *listener = await(listen_with_pings());
        struct connecting connecting = {.options = {.ping_interval = INTERVAL}};
        struct pair pair = {.listener = listener};

        connect_start(&connecting, ws_listener_url(listener, 0));
        pair.server = await(ws_accept(listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        pair.client = connecting.ws;
        for (int i = 0; i < 12; i++) {
                await(clock_advance(TIMEOUT - AW_SECOND));
                await(idle_turns());
        }
        await(close_pair(&pair));
        ws_listener_close(listener);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_silent_peer_is_asked_and_then_dropped),
                on_loop(any_data_counts_as_life),
                on_loop(who_has_answered_is_asked_again_after_an_interval),
                on_loop(who_shows_life_is_not_asked),
                on_loop(a_peer_that_is_not_read_from_is_not_dropped),
                on_loop(a_peer_that_takes_nothing_of_what_waits_for_it_is_dropped),
                on_loop(who_has_answered_is_not_dropped),
                on_loop(who_waits_for_the_response_is_asked_behind_it),
                on_loop(a_ping_that_is_held_back_is_no_question_yet),
                on_loop(pings_of_the_program_give_a_silent_peer_no_more_time),
                on_loop(a_client_asks_too),
                on_loop(two_peers_that_are_there_stay_connected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
