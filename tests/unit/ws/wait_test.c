/* SPDX-License-Identifier: MIT */
/* Closing or dropping a connection ends whoever waits in it, and nothing else. */
#include "unit/ws/raw.h"

static async int
receive_in_task(void *ws)
{
        struct ws_message message;

        return await(ws_receive(ws, &message, SOON));
}

static async int
ping_in_task(void *ws)
{
        return await(ws_ping(ws, SOON));
}

/* Sends until it has to wait. */
static async int
flood_in_task(void *ws)
{
        static const uint8_t data[100000];
        struct ws_message message = message_of(WS_BINARY, data, sizeof(data));

        while (await(ws_send(ws, &message, SOON)) == 0)
                continue;
        return -1;
}

/* One that waits in the connection, whose peer neither reads nor answers. */
struct waiting {
        struct ws *ws;
        struct aw_task *task;
        int fd;
};

static async struct waiting
wait_in(struct pair *pair, aw_task_function *function)
{
        struct waiting waiting = {.fd = await(raw_client(pair->listener, &waiting.ws, 4096))};

        waiting.task = aw_spawn("waiting", function, waiting.ws);
        wait_until(has_waiting_task(waiting.ws));
        return waiting;
}

static aw_task_function *const functions[] = {receive_in_task, ping_in_task, flood_in_task,
                                              close_in_task};

static async int
dropping_ends_whoever_waits_in_it(struct pair *pair)
{
        size_t i;

        for (i = 0; i < 4; i++) {
                struct waiting waiting = await(wait_in(pair, functions[i]));

                ws_drop(waiting.ws);
                expect_error(await(aw_join(waiting.task)), EPIPE);
                close(waiting.fd);
        }
        return 0;
}

/* The peer answers our Close frame, so the one who closes gets what it waits for. */
static async int
closing_ends_whoever_waits_in_it(struct pair *pair)
{
        struct aw_task *closing;
        size_t i;

        for (i = 0; i < 2; i++) {
                struct waiting waiting = await(wait_in(pair, functions[i]));

                closing = aw_spawn("close", close_in_task, waiting.ws);
                expect_error(await(aw_join(waiting.task)), EPIPE);
                raw_frame(waiting.fd, 0x88, RAW_MASK, "\x03\xe8", 2);
                if (i == 1)
                        raw_expect_frame(waiting.fd, 0x89, "1", 1);
                raw_expect_close(waiting.fd, 1000);
                await(raw_expect_end(waiting.fd));
                close(waiting.fd);
                expect_int(await(aw_join(closing)), 0);
        }
        return 0;
}

static async int
closing_ends_a_sender_that_waits(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, flood_in_task));
        struct aw_task *closing = aw_spawn("close", close_in_task, waiting.ws);

        expect_error(await(aw_join(waiting.task)), EPIPE);
        close(waiting.fd);
        expect_error(await(aw_join(closing)), EPIPE);
        return 0;
}

static async int
closing_what_is_being_closed_fails(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, close_in_task));

        expect_error(await(ws_close(waiting.ws, WS_NORMAL, NULL)), EPIPE);
        raw_frame(waiting.fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        close(waiting.fd);
        expect_int(await(aw_join(waiting.task)), 0);
        return 0;
}

static async int
nothing_is_received_from_what_is_being_closed(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, close_in_task));
        struct ws_message message;

        raw_text(waiting.fd, "late");
        await(idle_turns());
        expect_error(await(ws_receive(waiting.ws, &message, SOON)), EPIPE);
        expect_error(await(ws_send_text(waiting.ws, "late", SOON)), EPIPE);
        expect_error(await(ws_ping(waiting.ws, SOON)), EPIPE);
        close(waiting.fd);
        await(aw_join(waiting.task));
        return 0;
}

/* The one who received was woken, but has not run yet. */
static async int
one_that_was_just_woken_ends_too(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, receive_in_task));

        raw_text(waiting.fd, "wake up");
        wait_until(waiting.ws->receiver.first == NULL);
        ws_drop(waiting.ws);
        expect_error(await(aw_join(waiting.task)), EPIPE);
        close(waiting.fd);
        return 0;
}

static async int
one_that_is_cancelled_at_the_same_time_is_cancelled(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, receive_in_task));

        ws_drop(waiting.ws);
        aw_cancel(waiting.task);
        expect_error(await(aw_join(waiting.task)), ECANCELED);
        close(waiting.fd);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_pair(dropping_ends_whoever_waits_in_it),
                on_pair(closing_ends_whoever_waits_in_it),
                on_pair(closing_ends_a_sender_that_waits),
                on_pair(closing_what_is_being_closed_fails),
                on_pair(nothing_is_received_from_what_is_being_closed),
                on_pair(one_that_was_just_woken_ends_too),
                on_pair(one_that_is_cancelled_at_the_same_time_is_cancelled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
