/* SPDX-License-Identifier: MIT */
/* Closing or dropping a connection ends whoever waits in it, and nothing else. */
#include "unit/clock.h"
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
        expect(!has_inbox(waiting.ws));
        close(waiting.fd);
        await(aw_join(waiting.task));
        return 0;
}

/* A close_notify ends the peer's direction; its TCP connection stays as it is. */
static async int
the_end_of_tls_alone_ends_whoever_waits_in_it(struct pair *pair)
{
        static aw_task_function *const waits[] = {receive_in_task, ping_in_task, close_in_task};
        struct aw_task *task;

        for (size_t i = 0; i < 3; i++) {
                struct pair other = *pair;

                if (!expect_int(await(pair_open(&other)), 0))
                        break;
                task = aw_spawn("waiting", waits[i], other.server);
                wait_until(has_waiting_task(other.server));
                aw_transport_pause(other.client->transport, true); /* it answers nothing */
                aw_transport_shutdown_passive(other.client->transport);
                expect_error(await(aw_join(task)), EPIPE);
                ws_drop(other.client);
                ws_drop(i == 2 ? NULL : other.server);
                ws_listener_close(other.listener);
        }
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

static async int
flood_patiently(void *ws)
{
        static const uint8_t data[100000];
        struct ws_message message = message_of(WS_BINARY, data, sizeof(data));

        while (await(ws_send(ws, &message, AW_NEVER)) == 0)
                continue;
        return -1;
}

/* A peer that reads is waited for, however slowly it does; one that does not is given up. */
static async int
draining_ends_a_sender_whose_peer_takes_nothing(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, flood_patiently));
        static uint8_t data[200000];
        size_t got;

        ws_listener_drain(pair->listener);
        for (int i = 0; i < 3; i++) {
                for (got = 0; got < sizeof(data);)
                        got += (size_t)await(raw_read(waiting.fd, data, sizeof(data) - got));
                await(idle_turns());
                await(clock_advance(4 * AW_SECOND));
                expect(!aw_task_done(waiting.task));
        }
        await(clock_advance(6 * AW_SECOND));
        await(clock_advance(6 * AW_SECOND));
        expect_error(await(aw_join(waiting.task)), ESHUTDOWN);
        close(waiting.fd);
        ws_drop(waiting.ws);
        return 0;
}

static async int
flood_and_close(void *ws)
{
        await(flood_patiently(ws));
        trace(errno == ESHUTDOWN ? "given up" : strerror(errno));
        return await(ws_close(ws, WS_NORMAL, NULL));
}

/* It has had its five seconds, and does not get them again for its Close frame. */
static async int
closing_waits_no_longer_for_a_peer_that_was_given_up(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, flood_and_close));

        ws_listener_drain(pair->listener);
        await(idle_turns());
        await(clock_advance(6 * AW_SECOND));
        await(idle_turns());
        expect_trace("given up");
        expect(!aw_task_done(waiting.task));
        await(clock_advance(AW_SECOND + AW_MILLISECOND));
        await(idle_turns());
        expect(aw_task_done(waiting.task));
        expect_error(await(aw_join(waiting.task)), ETIMEDOUT);
        close(waiting.fd);
        return 0;
}

/* If it takes things after all it has as long as any other. */
static async int
closing_waits_for_a_peer_that_reads_after_all(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, flood_and_close));
        static uint8_t data[200000];
        size_t got = 0;

        ws_listener_drain(pair->listener);
        await(idle_turns());
        await(clock_advance(6 * AW_SECOND));
        await(idle_turns());
        while (got < sizeof(data))
                got += (size_t)await(raw_read(waiting.fd, data, sizeof(data) - got));
        await(idle_turns());
        await(clock_advance(AW_SECOND + AW_MILLISECOND));
        await(clock_advance(3 * AW_SECOND));
        expect_trace("given up");
        expect(!aw_task_done(waiting.task));
        aw_cancel(waiting.task);
        expect_error(await(aw_join(waiting.task)), ECANCELED);
        close(waiting.fd);
        return 0;
}

/* The deadline of its own is looked at as ever. */
static async int
a_sender_in_a_drain_times_out_or_is_cancelled(struct pair *pair)
{
        struct waiting waiting = await(wait_in(pair, flood_patiently));
        struct ws_message message = message_of(WS_BINARY, "a", 1);

        ws_listener_drain(pair->listener);
        expect_error(await(ws_send(waiting.ws, &message, aw_loop_now() + AW_MILLISECOND)),
                     ETIMEDOUT);
        aw_cancel(waiting.task);
        expect_error(await(aw_join(waiting.task)), ECANCELED);
        close(waiting.fd);
        ws_drop(waiting.ws);
        return 0;
}

/* The members of a chat: the task of each receives, and sends to all. */
static struct chat {
        struct ws *members[2];
        struct aw_task *tasks[2];
        int fd; /* of the second one */
} chat;

static async int
be_a_member(void *argument)
{
        struct ws **self = argument, *ws = *self;
        struct ws_message message;
        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                for (int i = 0; i < 2; i++)
                        if (chat.members[i] != NULL)
                                await(ws_send(chat.members[i], &message, AW_NEVER));
        if (*self == NULL) /* dropped */
                return 0;
        *self = NULL;
        await(ws_close(ws, WS_NORMAL, NULL));
        return 0;
}

enum leaving { LOST, CLOSED, BROKEN, CANCELLED, DRAINED, DROPPED, LEAVINGS };

static async void
leave(struct pair *pair, enum leaving how)
{
        struct ws *ws = chat.members[1];

        if (how == LOST)
                raw_reset(chat.fd);
        else if (how == CLOSED)
                raw_frame(chat.fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        else if (how == BROKEN)
                raw_frame(chat.fd, 0x83, RAW_MASK, "x", 1);
        else if (how == CANCELLED)
                aw_cancel(chat.tasks[1]);
        else if (how == DRAINED)
                ws_listener_drain(pair->listener);
        chat.members[1] = how == DROPPED ? NULL : ws;
        if (how == DROPPED)
                ws_drop(ws);
        await(idle_turns());
        if (how == BROKEN)
                expect_log("closing with 1002: a reserved opcode");
        if (how != LOST)
                close(chat.fd);
}

/* One does not read, so that the other's task waits in sending to it; then it leaves. */
static async void
chat_until_one_leaves(struct pair *pair, enum leaving how)
{
        static const uint8_t data[100000];
        struct ws_message message = message_of(WS_BINARY, data, sizeof(data)), got;

        chat.members[0] = pair->server;
        chat.fd = await(raw_client(pair->listener, &chat.members[1], 4096));
        for (int i = 0; i < 2; i++)
                chat.tasks[i] = aw_spawn("member", be_a_member, &chat.members[i]);
        while (chat.members[1]->senders.first == NULL && test_failures == 0) {
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
                expect_int(await(ws_receive(pair->client, &got, SOON)), 0);
                await(idle_turns());
        }
        await(leave(pair, how));
        expect_int(await(aw_join(chat.tasks[1])), 0);
        await(ws_close(pair->client, WS_NORMAL, NULL));
        expect_int(await(aw_join(chat.tasks[0])), 0);
}

static async int
who_leaves_a_chat_takes_nobody_along(struct pair *pair)
{
        for (enum leaving how = 0; how < LEAVINGS; how++) {
                struct pair other = *pair;

                if (!expect_int(await(pair_open(&other)), 0))
                        break;
                await(chat_until_one_leaves(&other, how));
                ws_listener_close(other.listener);
        }
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
                {"the_end_of_tls_alone_ends_whoever_waits_in_it", test_on_tls_pair, NULL, NULL,
                 (void *)the_end_of_tls_alone_ends_whoever_waits_in_it},
                on_pair(one_that_was_just_woken_ends_too),
                on_pair(draining_ends_a_sender_whose_peer_takes_nothing),
                on_pair(closing_waits_no_longer_for_a_peer_that_was_given_up),
                on_pair(closing_waits_for_a_peer_that_reads_after_all),
                on_pair(a_sender_in_a_drain_times_out_or_is_cancelled),
                on_pair(who_leaves_a_chat_takes_nobody_along),
                on_pair(one_that_is_cancelled_at_the_same_time_is_cancelled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
