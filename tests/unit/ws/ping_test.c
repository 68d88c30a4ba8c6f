/* SPDX-License-Identifier: MIT */
/* Pings, ours and the peer's. */
#include "unit/ws/raw.h"

static async int
ping_in_task(void *ws)
{
        return await(ws_ping(ws, SOON));
}

static async int
a_ping_is_answered_while_nobody_receives(struct pair *pair)
{
        int i;

        for (i = 0; i < 3; i++) {
                expect_int(await(ws_ping(pair->client, SOON)), 0);
                expect_int(await(ws_ping(pair->server, SOON)), 0);
        }
        return 0;
}

static async int
a_ping_is_answered_behind_messages_that_nobody_receives(struct pair *pair)
{
        expect_int(await(ws_send_text(pair->client, "unread", SOON)), 0);
        expect_int(await(ws_ping(pair->client, SOON)), 0);
        expect_received(pair->server, "unread");
        /* Nor does it wait for the one who looks at a message. */
        expect_int(await(ws_ping(pair->client, SOON)), 0);
        return 0;
}

static async int
several_tasks_may_ping_at_once(struct pair *pair)
{
        struct aw_task *tasks[4];
        size_t i;

        for (i = 0; i < 4; i++)
                tasks[i] = aw_spawn("ping", ping_in_task, pair->client);
        expect_int(await(aw_gather(tasks, 4, NULL)), 0);
        return 0;
}

static async int
a_pong_answers_all_pings_before_it(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *tasks[3];
        size_t i;

        for (i = 0; i < 3; i++)
                tasks[i] = aw_spawn("ping", ping_in_task, server);
        raw_expect_frame(fd, 0x89, "1", 1);
        raw_expect_frame(fd, 0x89, "2", 1);
        raw_expect_frame(fd, 0x89, "3", 1);
        raw_frame(fd, 0x8a, RAW_MASK, "2", 1);
        /* That of the first one is late: it takes nothing back. */
        raw_frame(fd, 0x8a, RAW_MASK, "1", 1);
        expect_int(await(aw_gather(tasks, 2, NULL)), 0);
        expect(!aw_task_done(tasks[2]));
        raw_frame(fd, 0x8a, RAW_MASK, "3", 1);
        expect_int(await(aw_join(tasks[2])), 0);
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
pongs_that_answer_nothing_are_ignored(struct pair *pair)
{
        static const char *const pongs[] = {"", "0", "2", "-1", "1x", "x", "99999999999999999999"};
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = aw_spawn("ping", ping_in_task, server);
        char longest[126];
        size_t i;

        raw_expect_frame(fd, 0x89, "1", 1);
        for (i = 0; i < sizeof(pongs) / sizeof(pongs[0]); i++)
                raw_frame(fd, 0x8a, RAW_MASK, pongs[i], strlen(pongs[i]));
        memset(longest, '0', sizeof(longest));
        raw_frame(fd, 0x8a, RAW_MASK, longest, 125);
        raw_text(fd, "unasked");
        expect_received(server, "unasked");
        expect(!aw_task_done(task));
        raw_frame(fd, 0x8a, RAW_MASK, "1", 1);
        expect_int(await(aw_join(task)), 0);
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
a_ping_that_is_not_answered_times_out(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));

        expect_error(await(ws_ping(server, NOW_OR_NOT)), ETIMEDOUT);
        expect_error(await(ws_ping(server, 0)), ETIMEDOUT);
        /* The answers that are late do no harm. */
        raw_frame(fd, 0x8a, RAW_MASK, "1", 1);
        raw_frame(fd, 0x8a, RAW_MASK, "2", 1);
        raw_frame(fd, 0x8a, RAW_MASK, "3", 1);
        raw_text(fd, "behind them");
        expect_received(server, "behind them");
        expect_error(await(ws_ping(server, NOW_OR_NOT)), ETIMEDOUT);
        ws_drop(server);
        close(fd);
        return 0;
}

/* The peer does not read: what is sent of pings is bounded, and an answer still answers all. */
static async int
pings_do_not_pile_up(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096));
        struct aw_task *task;
        size_t sent = 0, i;

        while (ws_send_ping(server, "", 0) == 0 && sent < 1000000)
                if (++sent % 100 == 0)
                        await(aw_sleep(0));
        expect_int(errno, EAGAIN);
        for (i = 0; i < 1000; i++)
                expect_error(await(ws_ping(server, 0)), ETIMEDOUT);
        expect(server->out.outbox.bytes < 2 * WS_PINGS_MAX);
        expect_int(ws_alive_ping(server), 0);
        expect(server->out.outbox.bytes < 2 * WS_PINGS_MAX);
        task = aw_spawn("ping", ping_in_task, server);
        await(aw_sleep(0));
        ws_drop(server);
        expect_error(await(aw_join(task)), EPIPE);
        close(fd);
        return 0;
}

static async int
a_ping_can_be_cancelled(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = aw_spawn("ping", ping_in_task, server);

        raw_expect_frame(fd, 0x89, "1", 1);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        raw_frame(fd, 0x8a, RAW_MASK, "1", 1);
        raw_text(fd, "still there");
        expect_received(server, "still there");
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
a_ping_fails_when_the_connection_ends(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = aw_spawn("ping", ping_in_task, server);

        raw_expect_frame(fd, 0x89, "1", 1);
        raw_reset(fd);
        expect_error(await(aw_join(task)), EPIPE);
        expect_error(await(ws_ping(server, SOON)), EPIPE);
        ws_drop(server);

        fd = await(raw_client(pair->listener, &server, 0));
        task = aw_spawn("ping", ping_in_task, server);
        raw_expect_frame(fd, 0x89, "1", 1);
        raw_frame(fd, 0x88, RAW_MASK, "", 0);
        expect_error(await(aw_join(task)), EPIPE);
        ws_drop(server);
        close(fd);
        return 0;
}

/* The peer's pings. */

/* Replies to each message with its own text. */
static async int
reply(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        while (await(ws_receive(ws, &message, SOON)) == 0)
                expect_int(await(ws_send(ws, &message, SOON)), 0);
        return 0;
}

static async int
a_pong_comes_after_the_replies_to_what_was_before_the_ping(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = aw_spawn("reply", reply, server);

        await(idle_turns());
        raw_text(fd, "one");
        raw_frame(fd, 0x89, RAW_MASK, "ping", 4);
        raw_text(fd, "two");
        raw_frame(fd, 0x89, RAW_MASK, "", 0);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        raw_expect_frame(fd, 0x81, "one", 3);
        raw_expect_frame(fd, 0x8a, "ping", 4);
        raw_expect_frame(fd, 0x81, "two", 3);
        raw_expect_frame(fd, 0x8a, "", 0);
        raw_expect_frame(fd, 0x88, "\x03\xe8", 2);
        expect_int(await(aw_join(task)), 0);
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
pings_are_answered_while_messages_wait(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        char payload[125];

        memset(payload, 'p', sizeof(payload));
        raw_text(fd, "one");
        raw_frame(fd, 0x89, RAW_MASK, payload, sizeof(payload));
        raw_text(fd, "two");
        raw_frame(fd, 0x89, RAW_MASK, "b", 1);
        raw_expect_frame(fd, 0x8a, payload, sizeof(payload));
        raw_expect_frame(fd, 0x8a, "b", 1);
        expect_received(server, "one");
        expect_received(server, "two");
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
no_pong_follows_our_close_frame(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = aw_spawn("close", close_in_task, server);

        raw_expect_close(fd, 1000);
        raw_frame(fd, 0x89, RAW_MASK, "too late", 8);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        await(raw_expect_end(fd));
        close(fd);
        expect_int(await(aw_join(task)), 0);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_both_pairs(a_ping_is_answered_while_nobody_receives),
                on_both_pairs(a_ping_is_answered_behind_messages_that_nobody_receives),
                on_both_pairs(several_tasks_may_ping_at_once),
                on_pair(a_pong_answers_all_pings_before_it),
                on_pair(pongs_that_answer_nothing_are_ignored),
                on_pair(a_ping_that_is_not_answered_times_out),
                on_pair(pings_do_not_pile_up),
                on_pair(a_ping_can_be_cancelled),
                on_pair(a_ping_fails_when_the_connection_ends),
                on_pair(a_pong_comes_after_the_replies_to_what_was_before_the_ping),
                on_pair(pings_are_answered_while_messages_wait),
                on_pair(no_pong_follows_our_close_frame),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
