/* SPDX-License-Identifier: MIT */
/* Closing, in every state. */
#include "unit/clock.h"
#include "unit/ws/raw.h"

/* Both sides speak the protocol. */

static async int
either_side_may_close_first(struct pair *pair)
{
        struct ws *first[] = {pair->client, NULL}, *second[] = {pair->server, NULL};
        struct pair other = *pair;
        struct aw_task *task;
        int i;

        expect_int(await(pair_open(&other)), 0);
        first[1] = other.server;
        second[1] = other.client;
        for (i = 0; i < 2; i++) {
                task = close_start(&(struct closing){first[i], 4321, "that was \xc3\xa4ll"});
                expect_closed(second[i], 4321, "that was \xc3\xa4ll");
                expect_error(await(ws_send_text(second[i], "more", SOON)), EPIPE);
                expect_int(await(ws_close(second[i], WS_GOING_AWAY, "not sent")), 0);
                expect_int(await(aw_join(task)), 0);
        }
        ws_listener_close(other.listener);
        pair->client = pair->server = NULL;
        return 0;
}

/* Closes with these, and looks at what the peer sees. */
static async void
expect_seen(struct pair *pair, unsigned code, const char *reason, int error, unsigned seen_code,
            const char *seen)
{
        struct pair other = *pair;
        struct aw_task *task;

        if (!expect_int(await(pair_open(&other)), 0))
                return;
        task = close_start(&(struct closing){other.client, code, reason});
        expect_closed(other.server, seen_code, seen);
        expect_int(await(ws_close(other.server, WS_NORMAL, NULL)), 0);
        if (error == 0)
                expect_int(await(aw_join(task)), 0);
        else
                expect_error(await(aw_join(task)), error);
        ws_listener_close(other.listener);
}

static async int
a_reason_is_cut_at_a_character(struct pair *pair)
{
        char text[202] = "", cut[124] = "";

        for (int i = 0; i < 100; i++)
                strcat(text, "\xc3\xa9");
        memcpy(cut, text, 122);
        await(expect_seen(pair, WS_NORMAL, text, 0, WS_NORMAL, cut));
        memmove(text + 1, text, 201);
        text[0] = 'a';
        memcpy(cut, text, 123);
        await(expect_seen(pair, WS_NORMAL, text, 0, WS_NORMAL, cut));
        await(expect_seen(pair, WS_NORMAL, "\xff", 0, WS_NORMAL, ""));
        await(expect_seen(pair, WS_NORMAL, "so far\xc3", 0, WS_NORMAL, "so far"));
        await(expect_seen(pair, WS_NORMAL, "so far\xff, and not on", 0, WS_NORMAL, "so far"));
        await(expect_seen(pair, WS_NORMAL, "", 0, WS_NORMAL, ""));
        return 0;
}

/* It is closed all the same. */
static async int
a_code_that_cannot_be_sent_is_an_error(struct pair *pair)
{
        static const unsigned wrong[] = {0, 999, 1004, 1015, 1016, 2999, 5000, 70000, 65536 + 1000};
        static const unsigned right[] = {1000, 1014, 3000, 4999};

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                await(expect_seen(pair, wrong[i], "why", EINVAL, WS_NO_STATUS, ""));
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
                await(expect_seen(pair, right[i], "why", 0, right[i], "why"));
        /* These stand for a Close frame without a code: what one peer said the other may be told. */
        await(expect_seen(pair, WS_NO_STATUS, NULL, 0, WS_NO_STATUS, ""));
        await(expect_seen(pair, WS_ABNORMAL, NULL, 0, WS_NO_STATUS, ""));
        return 0;
}

static async int
both_sides_may_close_at_once(struct pair *pair)
{
        struct closing closings[] = {{pair->client, 4001, "client"},
                                     {pair->server, 4002, "server"}};
        struct aw_task *tasks[] = {close_start(&closings[0]), close_start(&closings[1])};

        expect_int(await(aw_gather(tasks, 2, NULL)), 0);
        pair->client = pair->server = NULL;
        return 0;
}

static async int
what_was_sent_before_the_close_arrives(struct pair *pair)
{
        size_t size = 200000, i;
        uint8_t *data = pattern(size);
        struct ws_message message = message_of(WS_BINARY, data, size);
        struct closing closing = {pair->client, WS_NORMAL, NULL};
        struct aw_task *task;

        for (i = 0; i < 2; i++)
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        task = close_start(&closing);
        pair->client = NULL;
        for (i = 0; i < 2; i++) {
                expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
                expect_message(&message, WS_BINARY, data, size);
        }
        expect_closed(pair->server, WS_NORMAL, "");
        expect_int(await(ws_close(pair->server, WS_NORMAL, NULL)), 0);
        expect_int(await(aw_join(task)), 0);
        pair->server = NULL;
        free(data);
        return 0;
}

static async int
send_without_end(void *argument)
{
        const struct pair *pair = argument;
        size_t size = 100000;
        uint8_t *data = pattern(size);
        struct ws_message message = message_of(WS_BINARY, data, size);
        int result;

        while ((result = await(ws_send(pair->client, &message, AW_NEVER))) == 0)
                continue;
        free(data);
        return result;
}

/* However much of it there is, and although the other side's reading had stopped. */
static async int
unread_messages_are_dropped_when_closing(struct pair *pair)
{
        struct aw_task *task = aw_spawn("sender", send_without_end, pair);

        wait_until(is_paused(pair->server));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        await(close_pair(pair));
        return 0;
}

static async int
a_dropped_connection_is_lost_to_the_peer(struct pair *pair)
{
        ws_drop(pair->client);
        pair->client = NULL;
        expect_closed(pair->server, WS_ABNORMAL, "");
        expect_error(await(ws_ping(pair->server, SOON)), EPIPE);
        /* It could be that the peer ended only its own direction, until it refuses what we send. */
        while (await(ws_send_text(pair->server, "anyone?", SOON)) == 0)
                await(aw_sleep(0));
        expect_int(errno, EPIPE);
        expect_error(await(ws_close(pair->server, WS_NORMAL, NULL)), EPIPE);
        pair->server = NULL;
        return 0;
}

static async int
nothing_can_be_closed_and_dropped(struct pair *pair)
{
        (void)pair;
        ws_drop(NULL);
        ws_listener_close(NULL);
        expect_int(await(ws_close(NULL, WS_NORMAL, NULL)), 0);
        return 0;
}

/* What our Close frame looks like. */

static async void
expect_close_frame(struct pair *pair, unsigned code, const char *reason, const char *payload,
                   size_t length)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task = close_start(&(struct closing){server, code, reason});

        raw_expect_frame(fd, 0x88, payload, length);
        raw_frame(fd, 0x88, RAW_MASK, payload, length);
        await(raw_expect_end(fd));
        close(fd);
        expect_int(await(aw_join(task)), 0);
}

static async int
a_close_frame_has_code_and_reason(struct pair *pair)
{
        char longest[2 + 200 + 1] = "\x03\xf0";

        memset(longest + 2, 'r', 200);
        await(expect_close_frame(pair, 1000, NULL, "\x03\xe8", 2));
        await(expect_close_frame(pair, 4999, "why", "\x13\x87why", 5));
        await(expect_close_frame(pair, 1008, longest + 2, longest, 125));
        await(expect_close_frame(pair, WS_NO_STATUS, NULL, "", 0));
        return 0;
}

/* What the peer's may look like. */

static async void
expect_answer(struct pair *pair, const char *payload, size_t length, unsigned code)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));

        raw_frame(fd, 0x88, RAW_MASK, payload, length);
        /* Nothing counts that comes after it. */
        raw_text(fd, "ignored");
        raw_send(fd, "garbage", 7);
        expect_closed(server, code, length > 2 ? payload + 2 : "");
        raw_expect_frame(fd, 0x88, payload, length > 2 ? 2 : length);
        close(fd);
        expect_int(await(ws_close(server, WS_NORMAL, NULL)), 0);
}

static async int
the_peers_code_is_answered_with_the_same(struct pair *pair)
{
        await(expect_answer(pair, "", 0, WS_NO_STATUS));
        await(expect_answer(pair, "\x03\xe8", 2, 1000));
        await(expect_answer(pair, "\x03\xf6\xc3\xbc", 4, 1014));
        await(expect_answer(pair, "\x0b\xb8", 2, 3000));
        await(expect_answer(pair, "\x13\x87reason", 8, 4999));
        return 0;
}

static async int
messages_before_a_close_frame_are_received_and_replied_to(struct pair *pair)
{
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));

        raw_text(fd, "one");
        raw_text(fd, "two");
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe9", 2);
        wait_until(has_peers_close(server));
        expect_int(ws_peer_close(server)->code, 1001);
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_text(&message, "one");
        expect_int(await(ws_send(server, &message, SOON)), 0);
        await(idle_turns());
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_text(&message, "two");
        expect_int(await(ws_send(server, &message, SOON)), 0);
        expect_closed(server, 1001, "");
        expect_error(await(ws_send(server, &message, SOON)), EPIPE);
        raw_expect_frame(fd, 0x81, "one", 3);
        raw_expect_frame(fd, 0x81, "two", 3);
        raw_expect_frame(fd, 0x88, "\x03\xe9", 2);
        close(fd);
        expect_int(await(ws_close(server, WS_NORMAL, NULL)), 0);
        return 0;
}

/* The peer has closed, but the task that has its last message does not know yet, and closes too. */
static async int
who_closes_when_the_peers_close_is_due_answers_it(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task;

        raw_text(fd, "one");
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe9", 2);
        wait_until(has_peers_close(server));
        expect_received(server, "one");
        await(idle_turns());
        task = close_start(&(struct closing){server, WS_NORMAL, NULL});
        raw_expect_frame(fd, 0x88, "\x03\xe9", 2);
        await(raw_expect_end(fd));
        close(fd);
        expect_int(await(aw_join(task)), 0);
        return 0;
}

/* Also if no task ever asks. */
static async int
a_close_frame_is_answered_while_nobody_receives(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));

        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        raw_expect_frame(fd, 0x88, "\x03\xe8", 2);
        close(fd);
        expect_int(await(ws_close(server, WS_NORMAL, NULL)), 0);
        return 0;
}

static async int
a_message_cut_short_by_our_close_is_dropped(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task;

        raw_frame(fd, 0x01, RAW_MASK, "begun", 5);
        wait_until(half_a_message(server) != NULL);
        task = close_start(&(struct closing){server, WS_NORMAL, NULL});
        raw_expect_close(fd, 1000);
        raw_frame(fd, 0x80, RAW_MASK, "ended", 5);
        raw_text(fd, "another");
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        await(raw_expect_end(fd));
        close(fd);
        expect_int(await(aw_join(task)), 0);
        return 0;
}

/* Nothing has failed, so the peer ends its frame before it answers. */
static async int
what_looks_like_an_answer_within_a_frame_is_none(struct pair *pair)
{
        static const char begin[] = "\x82\xfe\x01\x00\0\0\0\0begun",
                          part[] = "a Close frame: \x88\x82\0\0\0\0\x0f\xa0",
                          rest[256 - (sizeof("begun") - 1) - (sizeof(part) - 1)];
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct aw_task *task;

        raw_send(fd, begin, sizeof(begin) - 1);
        wait_until(half_a_message(server) != NULL);
        task = close_start(&(struct closing){server, WS_NORMAL, NULL});
        raw_expect_close(fd, 1000);
        raw_send(fd, part, sizeof(part) - 1);
        await(idle_turns());
        expect_int(ws_peer_close(server)->code, 0);
        raw_send(fd, rest, sizeof(rest));
        await(idle_turns());
        expect(!has_peers_close(server));
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe9", 2);
        await(raw_expect_end(fd));
        close(fd);
        expect_int(await(aw_join(task)), 0);
        return 0;
}

/* Only frames of messages count, and all of one must have come. */
static async int
it_is_told_whether_a_lost_connection_was_within_a_message(struct pair *pair)
{
        static const struct {
                const char *bytes;
                size_t length;
                bool cut_off;
        } ends[] = {
                {"", 0, false},
                {"\x81", 1, true},
                {"\x82\xfe\x01", 3, true},
                {"\x81\x82" RAW_MASK "a", 7, true},
                {"\x01\x80" RAW_MASK, 6, true},
                {"\x01\x80" RAW_MASK "\x89\x80" RAW_MASK, 12, true},
                {"\x01\x80" RAW_MASK "\x80\x80" RAW_MASK, 12, false},
                {"\x81\x80" RAW_MASK "\x89", 7, false},
                {"\x88\x82" RAW_MASK "a", 7, false},
        };

        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                struct ws_message message;
                struct ws *server;
                int fd = await(raw_client(pair->listener, &server, 0));

                raw_send(fd, ends[i].bytes, ends[i].length);
                close(fd);
                while (await(ws_receive(server, &message, SOON)) == 0)
                        ;
                expect_int(errno, EPIPE);
                expect_int(ws_peer_close(server)->code, WS_ABNORMAL);
                expect_int(ws_peer_close(server)->cut_off, ends[i].cut_off);
                ws_drop(server);
        }
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_both_pairs(either_side_may_close_first),
                on_pair(a_reason_is_cut_at_a_character),
                on_pair(a_code_that_cannot_be_sent_is_an_error),
                on_both_pairs(both_sides_may_close_at_once),
                on_both_pairs(what_was_sent_before_the_close_arrives),
                on_both_pairs(unread_messages_are_dropped_when_closing),
                on_both_pairs(a_dropped_connection_is_lost_to_the_peer),
                on_pair(nothing_can_be_closed_and_dropped),
                on_pair(a_close_frame_has_code_and_reason),
                on_pair(the_peers_code_is_answered_with_the_same),
                on_pair(messages_before_a_close_frame_are_received_and_replied_to),
                on_pair(who_closes_when_the_peers_close_is_due_answers_it),
                on_pair(a_close_frame_is_answered_while_nobody_receives),
                on_pair(a_message_cut_short_by_our_close_is_dropped),
                on_pair(what_looks_like_an_answer_within_a_frame_is_none),
                on_pair(it_is_told_whether_a_lost_connection_was_within_a_message),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
