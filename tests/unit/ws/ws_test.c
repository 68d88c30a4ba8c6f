/* SPDX-License-Identifier: MIT */
/* Messages and pings. */
#include "unit/ws/raw.h"

/* Sends back all that comes, then closes. */
static async int
echo(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        await(ws_close(ws, WS_NORMAL, NULL));
        return 0;
}

/* The server's end has its task; from here on only the client's is ours. */
static struct aw_task *
echo_start(struct pair *pair)
{
        struct aw_task *task = aw_spawn("echo", echo, pair->server);

        expect(task != NULL);
        pair->server = NULL;
        return task;
}

static async void
echo_end(struct pair *pair, struct aw_task *task)
{
        expect_int(await(ws_close(pair->client, WS_NORMAL, NULL)), 0);
        pair->client = NULL;
        expect_int(await(aw_join(task)), 0);
}

static async int
messages_arrive_as_they_were_sent(struct pair *pair)
{
        static const char bytes[] = "\0\xff\x80\xc0 no UTF-8";
        struct ws_message message = message_of(WS_BINARY, bytes, sizeof(bytes));

        expect_int(await(ws_send_text(pair->client,
                                      "Gr\xc3\xbc\xc3\x9f"
                                      "e",
                                      SOON)),
                   0);
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_received(pair->server, "Gr\xc3\xbc\xc3\x9f"
                                      "e");
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, bytes, sizeof(bytes));
        expect_int(await(ws_send(pair->server, &message, SOON)), 0);
        expect_int(await(ws_send_text(pair->server, "back", SOON)), 0);
        expect_int(await(ws_receive(pair->client, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, bytes, sizeof(bytes));
        expect_received(pair->client, "back");
        await(close_pair(pair));
        return 0;
}

static async void
expect_echo(struct ws *ws, const uint8_t *data, size_t length)
{
        struct ws_message message = message_of(WS_BINARY, data, length);

        expect_int(await(ws_send(ws, &message, SOON)), 0);
        if (expect_int(await(ws_receive(ws, &message, SOON)), 0))
                expect_message(&message, WS_BINARY, data, length);
}

static async int
a_message_is_text_or_binary(struct pair *pair)
{
        static const int types[] = {0, 3, 8, 9, 10, 11, 15, 16, 17, 66, -1};

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                struct ws_message message = message_of((enum ws_type)types[i], "abc", 3);

                expect_error(await(ws_send(pair->client, &message, SOON)), EINVAL);
        }
        expect_int(await(ws_send_text(pair->client, "still open", SOON)), 0);
        expect_received(pair->server, "still open");
        return 0;
}

static async int
a_message_may_have_any_length(struct pair *pair)
{
        static const size_t lengths[] = {0,     1,     125,    126,     127,
                                         4095,  4096,  16384,  65535,   65536,
                                         65537, 16370, 262144, 1048576, 10000000};
        uint8_t *data = pattern(10000000);
        struct aw_task *task = echo_start(pair);
        size_t i;

        for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
                await(expect_echo(pair->client, data, lengths[i]));
        await(echo_end(pair, task));
        free(data);
        return 0;
}

static async int
many_messages_at_once_arrive_in_order(struct pair *pair)
{
        struct ws_message message;
        struct aw_task *task = echo_start(pair);
        int i, number;

        for (i = 0; i < 1000; i++) {
                message = message_of(WS_BINARY, &i, sizeof(i));
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        }
        for (i = 0; i < 1000; i++) {
                if (!expect_int(await(ws_receive(pair->client, &message, SOON)), 0))
                        break;
                number = i;
                expect_message(&message, WS_BINARY, &number, sizeof(number));
        }
        await(echo_end(pair, task));
        return 0;
}

/* Small ones go out put together, large ones from where they are, several in one call or in part. */
static async int
sizes_may_be_mixed(struct pair *pair)
{
        static const size_t lengths[] = {16384, 16384, 9, 4096, 70000, 16384, 0, 5000, 65535, 4083};
        enum { COUNT = 400, KINDS = sizeof(lengths) / sizeof(lengths[0]) };
        uint8_t *data = pattern(COUNT + 70000);
        struct ws_message message;
        struct aw_task *task = echo_start(pair);
        int echoed = 0;

        for (int i = 0; i < COUNT; i++) {
                message = message_of(WS_BINARY, data + i, lengths[i % KINDS]);
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
                /* So many are on their way at once. */
                for (; echoed < i - 20 || (i == COUNT - 1 && echoed < COUNT); echoed++) {
                        expect_int(await(ws_receive(pair->client, &message, SOON)), 0);
                        expect_message(&message, WS_BINARY, data + echoed, lengths[echoed % KINDS]);
                }
        }
        await(echo_end(pair, task));
        free(data);
        return 0;
}

/* Whose data are whose, and for how long. */

static async int
what_was_sent_may_be_overwritten_at_once(struct pair *pair)
{
        char text[] = "before";

        expect_int(await(ws_send_text(pair->client, text, SOON)), 0);
        memcpy(text, "after!", 6);
        expect_received(pair->server, "before");
        expect_int(await(ws_send_text(pair->server, text, SOON)), 0);
        memset(text, 'x', 6);
        expect_received(pair->client, "after!");
        return 0;
}

static async int
a_received_message_stays_until_the_next_one_is_asked_for(struct pair *pair)
{
        struct ws *ends[] = {pair->server, pair->client}, *from, *to;
        struct ws_message message;
        int i;

        for (i = 0; i < 2; i++) {
                to = ends[i];
                from = ends[1 - i];
                expect_int(await(ws_send_text(from, "first", SOON)), 0);
                expect_int(await(ws_receive(to, &message, SOON)), 0);
                expect_int(await(ws_send_text(from, "second", SOON)), 0);
                await(idle_turns());
                expect_text(&message, "first");
                /* Sending it changes nothing, however often, nor does what was asked for in vain. */
                expect_int(await(ws_send(to, &message, SOON)), 0);
                expect_int(await(ws_send(to, &message, SOON)), 0);
                await(idle_turns());
                expect_text(&message, "first");
                expect_received(from, "first");
                expect_received(from, "first");
                expect_received(to, "second");
        }
        await(close_pair(pair));
        return 0;
}

/* One message to two connections, again after it has gone out, as another type, and a part of it. */
static async int
a_received_message_may_be_sent_anywhere_in_any_form(struct pair *pair)
{
        struct pair other = {.url = ANY_PORT};
        struct ws_message message, part;

        expect_int(await(pair_open(&other)), 0);
        expect_int(await(ws_send_text(pair->client, "for all", SOON)), 0);
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_int(await(ws_send(pair->server, &message, SOON)), 0);
        expect_int(await(ws_send(other.server, &message, SOON)), 0);
        expect_received(pair->client, "for all");
        expect_received(other.client, "for all");
        part = message;
        part.length = 3;
        expect_int(await(ws_send(pair->server, &part, SOON)), 0);
        expect_int(await(ws_send(other.client, &message, SOON)), 0);
        expect_int(await(ws_send(other.server, &message, SOON)), 0);
        expect_received(pair->client, "for");
        expect_received(other.server, "for all");
        expect_received(other.client, "for all");
        part.type = WS_BINARY;
        expect_int(await(ws_send(pair->server, &part, SOON)), 0);
        expect_int(await(ws_receive(pair->client, &part, SOON)), 0);
        expect_message(&part, WS_BINARY, "for", 3);
        await(close_pair(&other));
        ws_listener_close(other.listener);
        return 0;
}

static async int
a_text_that_is_not_utf8_is_not_sent(struct pair *pair)
{
        static const char *const bad[] = {"\xff", "cut \xc3", "\xed\xa0\x80", "\xc0\xaf"};
        struct ws_message message;
        size_t i;

        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                expect_error(await(ws_send_text(pair->client, bad[i], SOON)), EILSEQ);
                message = message_of(WS_TEXT, bad[i], strlen(bad[i]));
                expect_error(await(ws_send(pair->server, &message, SOON)), EILSEQ);
        }
        /* Received as binary it is no better as text. */
        message.type = WS_BINARY;
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        message.type = WS_TEXT;
        expect_error(await(ws_send(pair->server, &message, SOON)), EILSEQ);
        expect_int(await(ws_send_text(pair->server, "good", SOON)), 0);
        expect_received(pair->client, "good");
        await(close_pair(pair));
        return 0;
}

/* Waiting for a message. */

static async int
receiving_in_vain_times_out_and_loses_nothing(struct pair *pair)
{
        struct ws_message message;

        expect_error(await(ws_receive(pair->server, &message, NOW_OR_NOT)), ETIMEDOUT);
        expect_error(await(ws_receive(pair->client, &message, 0)), ETIMEDOUT);
        expect_int(await(ws_send_text(pair->client, "late", SOON)), 0);
        expect_received(pair->server, "late");
        /* What is there already is received whatever the time is. */
        expect_int(await(ws_send_text(pair->client, "there", SOON)), 0);
        wait_until(has_inbox(pair->server));
        expect_int(await(ws_receive(pair->server, &message, 0)), 0);
        expect_text(&message, "there");
        return 0;
}

struct receiving {
        struct ws *ws;
        char text[16];
};

static async int
receive_in_task(void *argument)
{
        struct receiving *receiving = argument;
        struct ws_message message;

        if (await(ws_receive(receiving->ws, &message, SOON)) == -1)
                return -1;
        memcpy(receiving->text, message.data, message.length);
        return 0;
}

static async int
a_cancelled_receiver_takes_nothing(struct pair *pair)
{
        struct receiving receiving = {.ws = pair->server};
        struct aw_task *task = aw_spawn("receive", receive_in_task, &receiving);

        await(idle_turns());
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_int(await(ws_send_text(pair->client, "kept", SOON)), 0);
        expect_received(pair->server, "kept");
        /* Nor does one that is cancelled when its message has come already. */
        task = aw_spawn("receive", receive_in_task, &receiving);
        await(aw_sleep(0));
        expect_int(await(ws_send_text(pair->client, "kept too", SOON)), 0);
        wait_until(has_inbox(pair->server));
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_received(pair->server, "kept too");
        return 0;
}

static async int
a_receiver_is_woken_by_its_message(struct pair *pair)
{
        struct receiving receiving = {.ws = pair->client};
        struct aw_task *task = aw_spawn("receive", receive_in_task, &receiving);

        await(idle_turns());
        expect(!aw_task_done(task));
        expect_int(await(ws_send_text(pair->server, "wake up", SOON)), 0);
        expect_int(await(aw_join(task)), 0);
        expect(strcmp(receiving.text, "wake up") == 0);
        return 0;
}

/* Fragments, as only others make them. */

static async int
fragments_make_one_message(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct ws_message message;

        raw_frame(fd, 0x01, RAW_MASK, "\xc3", 1);
        raw_frame(fd, 0x00, RAW_MASK, "", 0);
        raw_frame(fd, 0x89, RAW_MASK, "between", 7);
        raw_frame(fd, 0x80, RAW_MASK, "\xbc.", 2);
        raw_frame(fd, 0x02, RAW_MASK, "", 0);
        raw_frame(fd, 0x80, RAW_MASK, "", 0);
        expect_received(server, "\xc3\xbc.");
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, "", 0);
        raw_expect_frame(fd, 0x8a, "between", 7);
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
a_message_may_come_one_byte_at_a_time(struct pair *pair)
{
        /* Long enough for a length of two bytes more. The mask is all zeros, which is allowed. */
        uint8_t frame[8 + 126 + 1] = {0x81, 0x80 | 126, 0, 126};
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        size_t i;

        memset(frame + 8, 'x', 126);
        for (i = 0; i < sizeof(frame) - 1; i++) {
                raw_send(fd, &frame[i], 1);
                await(idle_turns());
        }
        expect_received(server, (char *)frame + 8);
        ws_drop(server);
        close(fd);
        return 0;
}

/* What a connection says of itself. */

static async int
a_connection_describes_itself(struct pair *pair)
{
        char text[200];

        expect(strncmp(ws_peer(pair->server), "127.0.0.1:", 10) == 0);
        expect(strcmp(ws_peer(pair->client), strchr(ws_listener_url(pair->listener, 0), '/') + 2) ==
               0);
        ws_describe(pair->client, text, sizeof(text));
        if (pair->client_tls == NULL)
                expect(strcmp(text, "plain") == 0);
        else
                expect(strncmp(text, "TLSv1.3, ", 9) == 0);
        expect_int(ws_peer_close(pair->client)->code, 0);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_both_pairs(messages_arrive_as_they_were_sent),
                on_pair(a_message_is_text_or_binary),
                on_both_pairs(a_message_may_have_any_length),
                on_both_pairs(many_messages_at_once_arrive_in_order),
                on_both_pairs(sizes_may_be_mixed),
                on_both_pairs(what_was_sent_may_be_overwritten_at_once),
                on_both_pairs(a_received_message_stays_until_the_next_one_is_asked_for),
                on_both_pairs(a_received_message_may_be_sent_anywhere_in_any_form),
                on_pair(a_text_that_is_not_utf8_is_not_sent),
                on_both_pairs(receiving_in_vain_times_out_and_loses_nothing),
                on_both_pairs(a_cancelled_receiver_takes_nothing),
                on_both_pairs(a_receiver_is_woken_by_its_message),
                on_pair(fragments_make_one_message),
                on_pair(a_message_may_come_one_byte_at_a_time),
                on_both_pairs(a_connection_describes_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
