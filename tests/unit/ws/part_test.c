/* SPDX-License-Identifier: MIT */
/* Messages in parts, the end of one direction, and what an observer sees of a connection. */
#include "unit/ws/raw.h"

static struct ws_message
text_of(const char *text)
{
        return message_of(WS_TEXT, text, strlen(text));
}

/* Sends a part, which must go well. */
#define send_part(ws, text, final) await(test_send_part((ws), (text), (final), __FILE__, __LINE__))

static async void
test_send_part(struct ws *ws, const char *text, bool final, const char *file, int line)
{
        struct ws_message part = text_of(text);

        test_expect_int(await(ws_send_part(ws, &part, final, SOON)), 0, file, line, "the part");
}

static async int
parts_become_one_message(struct pair *pair)
{
        send_part(pair->client, "one ", false);
        send_part(pair->client, "", false);
        send_part(pair->client, "gr\xc3", false);
        send_part(pair->client, "\xbc\xc3\x9f", true);
        expect_received(pair->server, "one gr\xc3\xbc\xc3\x9f");
        send_part(pair->server, "alone", true);
        expect_received(pair->client, "alone");
        await(close_pair(pair));
        return 0;
}

static async int
send_between(void *ws)
{
        return await(ws_send_text(ws, "between", SOON));
}

static async int
messages_wait_for_the_last_part(struct pair *pair)
{
        struct aw_task *task;

        send_part(pair->client, "begun, ", false);
        task = aw_spawn("between", send_between, pair->client);
        await(idle_turns());
        expect(!aw_task_done(task));
        send_part(pair->client, "done", true);
        expect_int(await(aw_join(task)), 0);
        expect_received(pair->server, "begun, done");
        expect_received(pair->server, "between");
        await(close_pair(pair));
        return 0;
}

static async int
a_message_that_waits_for_a_part_has_a_deadline(struct pair *pair)
{
        struct aw_task *task;

        send_part(pair->client, "begun", false);
        expect_error(await(ws_send_text(pair->client, "late", NOW_OR_NOT)), ETIMEDOUT);
        task = aw_spawn("between", send_between, pair->client);
        await(idle_turns());
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        return 0;
}

static async int
parts_are_utf8_as_a_whole(struct pair *pair)
{
        struct ws_message half = text_of("\xc3"), wrong = text_of("x");

        expect_error(await(ws_send_part(pair->client, &half, true, SOON)), EILSEQ);
        expect_int(await(ws_send_part(pair->client, &half, false, SOON)), 0);
        expect_error(await(ws_send_part(pair->client, &wrong, true, SOON)), EILSEQ);
        expect_error(await(ws_send_part(pair->client, &half, true, SOON)), EILSEQ);
        return 0;
}

/* By the type of the first one, whatever the others say. */
static async int
parts_are_of_the_type_of_the_first_one(struct pair *pair)
{
        struct ws_message first = text_of("a"),
                          later = {.data = (const uint8_t *)"\xff\xfe", .length = 2};
        struct ws_message received;

        expect_error(await(ws_send_part(pair->client, &later, false, SOON)), EINVAL);
        expect_int(await(ws_send_part(pair->client, &first, false, SOON)), 0);
        expect_error(await(ws_send_part(pair->client, &later, true, SOON)), EILSEQ);
        later = text_of("b");
        expect_int(await(ws_send_part(pair->client, &later, true, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &received, SOON)), 0);
        expect(received.type == WS_TEXT && received.length == 2);
        first.type = WS_BINARY;
        later = text_of("\xff");
        expect_int(await(ws_send_part(pair->client, &first, false, SOON)), 0);
        expect_int(await(ws_send_part(pair->client, &later, true, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &received, SOON)), 0);
        expect(received.type == WS_BINARY && received.length == 2);
        return 0;
}

static async int
send_parts(void *argument)
{
        struct pair *pair = argument;
        uint8_t *data = pattern(100000);
        struct ws_message part = message_of(WS_BINARY, data, 100000);
        int result = 0;

        while (result == 0)
                result = await(ws_send_part(pair->client, &part, false, SOON));
        free(data);
        return result;
}

static async int
parts_wait_for_room_until_they_are_cancelled_or_late(struct pair *pair)
{
        struct ws_message part = message_of(WS_BINARY, "x", 1);
        struct aw_task *task;

        pair->server->max_message = (uint64_t)1 << 30;
        aw_transport_pause(pair->server->transport, true);
        task = aw_spawn("parts", send_parts, pair);
        wait_until(outbox_bytes(pair->client) > WS_QUEUE_HIGH);
        expect_error(await(ws_send_part(pair->client, &part, false, NOW_OR_NOT)), ETIMEDOUT);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        return 0;
}

static async int
nothing_is_sent_in_parts_after_the_end(struct pair *pair)
{
        struct ws_message part = text_of("late");

        ws_shutdown(pair->client, WS_NORMAL, NULL);
        expect_error(await(ws_send_part(pair->client, &part, true, SOON)), EPIPE);
        expect_error(ws_send_ping(pair->client, "late", 4), EPIPE);
        return 0;
}

/* The end of our direction. */

static async int
what_comes_before_the_answer_to_our_close_is_received(struct pair *pair)
{
        ws_shutdown(pair->client, 4001, "enough");
        ws_shutdown(pair->client, 4002, "not sent");
        expect_int(await(ws_send_text(pair->server, "one", SOON)), 0);
        expect_int(await(ws_send_text(pair->server, "two", SOON)), 0);
        expect_error(await(ws_send_text(pair->client, "late", SOON)), EPIPE);
        expect_closed(pair->server, 4001, "enough");
        expect_received(pair->client, "one");
        expect_received(pair->client, "two");
        expect_closed(pair->client, 4001, "");
        await(close_pair(pair));
        return 0;
}

static async int
a_ping_that_comes_after_our_close_is_not_answered(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct ws_message message;

        ws_shutdown(server, WS_NORMAL, NULL);
        raw_frame(fd, 0x89, RAW_MASK, "ping", 4);
        raw_frame(fd, 0x81, RAW_MASK, "last", 4);
        raw_frame(fd, 0x88, RAW_MASK, "\x03\xe8", 2);
        expect_received(server, "last");
        expect_error(await(ws_receive(server, &message, SOON)), EPIPE);
        raw_expect_frame(fd, 0x88, "\x03\xe8", 2);
        expect_int(await(ws_close(server, WS_NORMAL, NULL)), 0);
        await(raw_expect_end(fd));
        close(fd);
        return 0;
}

static async int
what_still_comes_is_dropped_by_the_close(struct pair *pair)
{
        ws_shutdown(pair->client, WS_NORMAL, NULL);
        expect_int(await(ws_send_text(pair->server, "one", SOON)), 0);
        expect_closed(pair->server, WS_NORMAL, "");
        await(close_pair(pair));
        return 0;
}

/* Progress. */

static async int
traffic_counts_messages_and_no_pings(struct pair *pair)
{
        struct ws_traffic before, after;

        expect_int(await(ws_send_text(pair->client, "12345", SOON)), 0);
        expect_received(pair->server, "12345");
        ws_traffic(pair->server, &after);
        expect_int((long long)after.received, 5);
        expect_int((long long)after.sent, 0);
        do
                await(aw_sleep(0));
        while (aw_transport_outstanding(pair->client->transport) > 0);
        ws_traffic(pair->client, &before);
        expect(before.sent >= 5);
        expect_int(await(ws_ping(pair->client, SOON)), 0);
        expect_int(await(ws_ping(pair->server, SOON)), 0);
        ws_traffic(pair->client, &after);
        expect_int((long long)after.sent, (long long)before.sent);
        expect_int((long long)after.received, 0);
        await(close_pair(pair));
        return 0;
}

static async int
a_problem_says_how_the_protocol_was_broken(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct ws_message message;

        expect(ws_problem(server) == NULL);
        raw_frame(fd, 0x83, RAW_MASK, "", 0);
        expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
        expect(strcmp(ws_problem(server), "a reserved opcode") == 0);
        expect_log("closing with 1002: a reserved opcode");
        close(fd);
        ws_drop(server);
        return 0;
}

/* The observer. */

struct seen {
        char text[4096];
        enum ws_step steps[8];
        size_t count;
};

static void
see_step(void *argument, enum ws_step step, const char *text)
{
        struct seen *seen = argument;

        if (seen->count < 8)
                seen->steps[seen->count++] = step;
        strncat(seen->text, text, sizeof(seen->text) - strlen(seen->text) - 1);
}

static void
see_frame(void *argument, const struct ws_frame *frame)
{
        struct seen *seen = argument;
        size_t length = strlen(seen->text);

        snprintf(seen->text + length, sizeof(seen->text) - length, "%s%x%s:%d:%.*s\n",
                 frame->sent ? ">" : "<", frame->opcode, frame->final ? "" : "+",
                 (int)frame->length, frame->payload == NULL ? 0 : (int)frame->length,
                 frame->payload == NULL ? "" : (const char *)frame->payload);
}

static async int
an_observer_sees_each_step_and_each_frame(struct pair *pair)
{
        struct seen seen = {.count = 0};
        const struct ws_observer observer = {
                .step = see_step, .frame = see_frame, .argument = &seen};
        struct connecting connecting = {
                .options = {.tls = pair->client_tls, .observer = &observer}};
        struct ws *server;
        bool tls = pair->client_tls != NULL;

        connect_start(&connecting, ws_listener_url(pair->listener, 0));
        server = await(ws_accept(pair->listener, SOON));
        expect_int(await(aw_join(connecting.task)), 0);
        expect_int((long long)seen.count, tls ? 5 : 4);
        expect_int(seen.steps[1], WS_STEP_CONNECTED);
        expect(!tls ||
               (seen.steps[2] == WS_STEP_SECURE &&
                strstr(seen.text, "\ncertificate 0: CN=localhost; for localhost, ") != NULL &&
                strstr(seen.text, "SHA-256 ") != NULL));
        expect(strstr(seen.text, "127.0.0.1:") != NULL);
        expect(strstr(seen.text, "GET / HTTP/1.1\r\n") != NULL);
        expect(strstr(seen.text, "HTTP/1.1 101 ") != NULL);
        seen.text[0] = '\0';
        expect_int(ws_send_ping(connecting.ws, "there?", 6), 0);
        expect_error(ws_send_ping(connecting.ws, seen.text, 126), EMSGSIZE);
        send_part(connecting.ws, "par", false);
        send_part(connecting.ws, "ts", true);
        expect_received(server, "parts");
        expect_int(await(ws_send_text(server, "reply", SOON)), 0);
        expect_received(connecting.ws, "reply");
        test_expect(strcmp(seen.text, ">9:6:there?\n>1+:3:\n>0:2:\n<a:6:there?\n<1:5:\n") == 0,
                    __FILE__, __LINE__, "the frames are seen (%s)", seen.text);
        ws_drop(connecting.ws);
        ws_drop(server);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_both_pairs(parts_become_one_message),
                on_pair(messages_wait_for_the_last_part),
                on_pair(a_message_that_waits_for_a_part_has_a_deadline),
                on_pair(parts_are_utf8_as_a_whole),
                on_pair(parts_are_of_the_type_of_the_first_one),
                on_pair(parts_wait_for_room_until_they_are_cancelled_or_late),
                on_pair(nothing_is_sent_in_parts_after_the_end),
                on_both_pairs(what_comes_before_the_answer_to_our_close_is_received),
                on_pair(a_ping_that_comes_after_our_close_is_not_answered),
                on_pair(what_still_comes_is_dropped_by_the_close),
                on_both_pairs(traffic_counts_messages_and_no_pings),
                on_pair(a_problem_says_how_the_protocol_was_broken),
                on_both_pairs(an_observer_sees_each_step_and_each_frame),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
