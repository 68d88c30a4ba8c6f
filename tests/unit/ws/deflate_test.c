/* SPDX-License-Identifier: MIT */
/* Connections whose messages are compressed (RFC 7692). */
#include "unit/ws/deflate_test.h"

/* Text that comes again, with numbers that do not. */
static char *
prose(size_t length)
{
        char *text = malloc(length + 64);
        size_t used = 0;

        if (!expect(text != NULL))
                return NULL;
        for (unsigned number = 1; used < length; number = number * 1103515245 + 12345)
                used += (size_t)sprintf(text + used, "{\"id\": %u, \"name\": \"example\"}, ",
                                        number >> 12);
        text[length] = '\0';
        return text;
}

/* Sends it and waits for the echo. */
static async void
expect_echo(struct ws *ws, const struct ws_message *message)
{
        struct ws_message echo;

        expect_int(await(ws_send(ws, message, SOON)), 0);
        if (expect_int(await(ws_receive(ws, &echo, SOON)), 0))
                expect_message(&echo, message->type, message->data, message->length);
}

/* Both ends of ours. */

static async int
messages_of_all_sizes_come_back(struct pair *pair)
{
        static const size_t sizes[] = {0,    1,     5,     125,   126,    1000,   4096,
                                       4097, 16384, 65535, 65536, 300000, 5 << 20};
        struct aw_task *echo = aw_spawn("echo", echo_in_task, pair->server);
        char *text = prose(5 << 20);
        uint8_t *data = noise(5 << 20);
        struct ws_message message;

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                message = message_of(WS_TEXT, text, sizes[i]);
                await(expect_echo(pair->client, &message));
                message = message_of(WS_BINARY, data, sizes[i]);
                await(expect_echo(pair->client, &message));
        }
        expect(counts_of(pair->server).received.messages > 5);
        expect(counts_of(pair->server).sent.messages > 5);
        ws_drop(pair->client);
        pair->client = NULL;
        await(aw_join(echo));
        free(text);
        free(data);
        return 0;
}

static async int
what_was_compressed_is_counted_on_both_sides(struct pair *pair)
{
        struct ws_compression sent, received, before, after;
        char *text = prose(10000);

        ws_compression_total(&before);
        expect(ws_extension(pair->client) != NULL);
        expect(strcmp(ws_extension(pair->client), ws_extension(pair->server)) == 0);
        expect_int(await(ws_send_text(pair->client, text, SOON)), 0);
        expect_received(pair->server, text);
        sent = counts_of(pair->client);
        received = counts_of(pair->server);
        expect_int((long long)sent.sent.messages, 1);
        expect_int((long long)sent.sent.plain, 10000);
        expect(sent.sent.compressed < 4000);
        expect_int((long long)sent.received.messages, 0);
        expect(memcmp(&sent.sent, &received.received, sizeof(sent.sent)) == 0);
        ws_compression_total(&after);
        expect_int((long long)(after.sent.messages - before.sent.messages), 1);
        expect_int((long long)(after.received.plain - before.received.plain), 10000);
        await(close_pair(pair));
        ws_compression_total(&before);
        expect(memcmp(&before, &after, sizeof(before)) == 0);
        free(text);
        return 0;
}

/* The second time it costs next to nothing, if there is a context. */
static async uint64_t
cost_of_the_second(struct pair *pair)
{
        char *text = prose(1000);
        uint64_t first;

        expect_int(await(ws_send_text(pair->client, text, SOON)), 0);
        expect_received(pair->server, text);
        first = counts_of(pair->client).sent.compressed;
        expect_int(await(ws_send_text(pair->client, text, SOON)), 0);
        expect_received(pair->server, text);
        free(text);
        return counts_of(pair->client).sent.compressed - first;
}

static async int
an_idle_connection_holds_no_state_in_the_shared_mode(struct pair *pair)
{
        expect(await(cost_of_the_second(pair)) > 100);
        expect(ws_deflate_cost(pair->client) < 512);
        expect(ws_deflate_cost(pair->server) < 512);
        return 0;
}

static async int
a_context_is_kept_and_charged(struct pair *pair)
{
        uint64_t before = ws_memory();

        expect(await(cost_of_the_second(pair)) < 50);
        /* The window of what was sent, and that of what has come. */
        expect(ws_deflate_cost(pair->client) > 32 << 10);
        expect(ws_deflate_cost(pair->server) > 32 << 10);
        expect(ws_deflate_cost(pair->client) + ws_deflate_cost(pair->server) <
               WS_DEFLATE_COST(15) + 1024);
        expect(ws_memory() - before > WS_DEFLATE_COST(15) * 3 / 4);
        ws_drop(pair->client);
        ws_drop(pair->server);
        pair->client = pair->server = NULL;
        /* They were the last ones, and what was kept for the next went with them. */
        wait_until(ws_memory() < before);
        expect(ws_memory() < 1024);
        return 0;
}

static async int
short_messages_and_those_that_grow_are_sent_as_they_are(struct pair *pair)
{
        uint8_t *data = noise(50000);
        struct ws_message message = message_of(WS_BINARY, data, 50000), came;
        char *text = prose(WS_DEFLATE_THRESHOLD);

        pair->client->deflate->threshold = WS_DEFLATE_THRESHOLD;
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &came, SOON)), 0);
        expect_message(&came, WS_BINARY, data, 50000);
        expect_int((long long)counts_of(pair->client).sent.messages, 0);
        expect_int(await(ws_send_text(pair->client, text + 1, SOON)), 0);
        expect_received(pair->server, text + 1);
        expect_int((long long)counts_of(pair->client).sent.messages, 0);
        expect_int(await(ws_send_text(pair->client, text, SOON)), 0);
        expect_received(pair->server, text);
        expect_int((long long)counts_of(pair->client).sent.messages, 1);
        free(text);
        free(data);
        return 0;
}

static async int
a_message_in_parts_is_compressed_as_one(struct pair *pair)
{
        static const char *const parts[] = {"parts, parts, \xc3", "\xa9 and parts; ", "", "parts",
                                            ""};
        char *text = prose(300000);
        const char *large[] = {text, text, ""};
        struct ws_message message;

        for (int i = 0; i < 2; i++) {
                await(send_parts(pair->client, parts, 5));
                expect_received(pair->server, "parts, parts, \xc3\xa9 and parts; parts");
        }
        expect_int((long long)counts_of(pair->client).sent.messages, 2);
        expect(memcmp(&pair->client->deflate->counts.sent, &pair->server->deflate->counts.received,
                      sizeof(struct ws_compressed)) == 0);
        /* Whether parts are compressed is settled with the first. */
        await(send_parts(pair->client, parts + 2, 3));
        expect_received(pair->server, "parts");
        expect_int((long long)counts_of(pair->client).sent.messages, 2);
        await(send_parts(pair->client, large, 3));
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_int((long long)message.length, 600000);
        expect(memcmp(message.data + 300000, text, 300000) == 0);
        await(close_pair(pair));
        free(text);
        return 0;
}

static async int
text_that_is_not_utf8_is_not_compressed(struct pair *pair)
{
        struct ws_message message = message_of(WS_TEXT, "caf\xff", 4);

        expect_error(await(ws_send(pair->client, &message, SOON)), EILSEQ);
        expect_error(await(ws_send_part(pair->client, &message, false, SOON)), EILSEQ);
        expect_int(await(ws_send_text(pair->client, "caf\xc3\xa9", SOON)), 0);
        expect_received(pair->server, "caf\xc3\xa9");
        return 0;
}

static async int
a_message_that_becomes_too_large_is_closed_with_1009(struct pair *pair)
{
        uint8_t *zeros = calloc(2, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);

        pair->server->max_message = MIB;
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_int((long long)message.length, MIB);
        message = message_of(WS_BINARY, zeros, MIB + 1);
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_error(await(ws_receive(pair->server, &message, SOON)), EMSGSIZE);
        expect_log("a message over the limit");
        expect_closed(pair->client, WS_TOO_LARGE, "a message over the limit");
        free(zeros);
        return 0;
}

static void
with_small_windows(void **state)
{
        test_on_pair((struct pair){
                .test = (async int (*)(struct pair *)) * state,
                .url = ANY_PORT,
                .deflate = {.mode = WS_DEFLATE_CONTEXT, .bits = 9, .level = 9, .threshold = 1}});
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_shared, messages_of_all_sizes_come_back),
                on(with_context, messages_of_all_sizes_come_back),
                on(with_small_windows, messages_of_all_sizes_come_back),
                on(with_tls, messages_of_all_sizes_come_back),
                on(with_shared, what_was_compressed_is_counted_on_both_sides),
                on(with_shared, an_idle_connection_holds_no_state_in_the_shared_mode),
                on(with_context, a_context_is_kept_and_charged),
                on(with_shared, short_messages_and_those_that_grow_are_sent_as_they_are),
                on(with_shared, a_message_in_parts_is_compressed_as_one),
                on(with_context, a_message_in_parts_is_compressed_as_one),
                on(with_shared, text_that_is_not_utf8_is_not_compressed),
                on(with_shared, a_message_that_becomes_too_large_is_closed_with_1009),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
