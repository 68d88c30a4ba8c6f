/* SPDX-License-Identifier: MIT */
/* Connections whose messages are compressed (RFC 7692). */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit/ws/raw.h"

#define MIB ((size_t)1 << 20)

#define OFFER                                                                                      \
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " RAW_KEY "\r\n"                          \
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00" /* the RFC's example */

/* A clock that may stand still. */
static bool clock_stands;

int
clock_gettime(clockid_t clock, struct timespec *now)
{
        static struct timespec stopped;
        int result = (int)syscall(SYS_clock_gettime, clock, now);

        if (clock != CLOCK_MONOTONIC)
                return result;
        if (clock_stands)
                *now = stopped;
        stopped = *now;
        return result;
}

static const struct ws_deflate_options shared = {.mode = WS_DEFLATE_SHARED, .threshold = 1},
                                       context = {.mode = WS_DEFLATE_CONTEXT, .threshold = 1};

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

static uint8_t *
noise(size_t length)
{
        uint8_t *data = malloc(length + 1);
        uint64_t state = 1;

        for (size_t i = 0; data != NULL && i < length; i++) {
                state = state * 6364136223846793005 + 1442695040888963407;
                data[i] = (uint8_t)(state >> 56);
        }
        expect(data != NULL);
        return data;
}

static async int
echo_in_task(void *argument)
{
        struct ws *ws = argument;
        struct ws_message message;

        while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                if (await(ws_send(ws, &message, AW_NEVER)) == -1)
                        break;
        return 0;
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

static struct ws_compression
counts_of(const struct ws *ws)
{
        struct ws_compression counts;

        ws_compression(ws, &counts);
        return counts;
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

static async void
send_parts(struct ws *ws, const char *const *parts, size_t count)
{
        struct ws_message part;

        for (size_t i = 0; i < count; i++) {
                part = message_of(WS_TEXT, parts[i], strlen(parts[i]));
                expect_int(await(ws_send_part(ws, &part, i == count - 1, SOON)), 0);
        }
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

/* Large messages. */

struct sending {
        struct ws *ws;
        struct ws_message message;
        aw_time deadline;
        int result, error;
        bool over;
};

static async int
send_in_task(void *argument)
{
        struct sending *sending = argument;

        sending->result = await(ws_send(sending->ws, &sending->message, sending->deadline));
        sending->error = errno;
        sending->over = true;
        return 0;
}

static struct aw_task *
send_much(struct sending *sending, struct ws *ws, const uint8_t *data, aw_time deadline)
{
        *sending = (struct sending){
                .ws = ws, .message = message_of(WS_BINARY, data, 4 * MIB), .deadline = deadline};
        return aw_spawn("send", send_in_task, sending);
}

/* More than half a second's work; in the turns in between others can do theirs. */
static async int
others_have_turns_while_a_large_message_is_compressed(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending, second;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON), *other;
        struct ws_message message;
        int turns = 0;

        memset(data, 'x', MIB);
        wait_until(is_compressing(pair->client));
        /* Another task's message waits for the end of this one. */
        second = (struct sending){
                .ws = pair->client, .message = message_of(WS_TEXT, "second", 6), .deadline = SOON};
        other = aw_spawn("other", send_in_task, &second);
        for (; !sending.over; turns++) {
                expect(!second.over);
                await(aw_sleep(0));
        }
        expect(turns > 20);
        expect_int(sending.result, 0);
        await(aw_join(task));
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, data, 4 * MIB);
        expect_received(pair->server, "second");
        await(aw_join(other));
        expect_int(second.result, 0);
        free(data);
        return 0;
}

static async int
a_time_out_or_a_cancellation_stops_compressing(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending;
        struct aw_task *task = send_much(&sending, pair->client, data, aw_loop_now());

        wait_until(sending.over);
        await(aw_join(task));
        expect_int(sending.result, -1);
        expect_int(sending.error, ETIMEDOUT);
        task = send_much(&sending, pair->client, data, SOON);
        wait_until(is_compressing(pair->client));
        aw_cancel(task);
        wait_until(sending.over);
        await(aw_join(task));
        expect_int(sending.error, ECANCELED);
        /* Nothing was queued, and the peer misses nothing that is referred to. */
        expect_int(await(ws_send_text(pair->client, "xxxxxxxxxxxxxxxxxxxx", SOON)), 0);
        expect_received(pair->server, "xxxxxxxxxxxxxxxxxxxx");
        free(data);
        return 0;
}

static async int
a_part_that_fails_ends_the_message(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct ws_message part = message_of(WS_BINARY, data, 4 * MIB);

        part.length = 1000;
        expect_int(await(ws_send_part(pair->client, &part, false, SOON)), 0);
        part.length = 4 * MIB;
        expect_error(await(ws_send_part(pair->client, &part, false, aw_loop_now())), ETIMEDOUT);
        expect_error(await(ws_send_part(pair->client, &part, true, SOON)), EPIPE);
        await(close_pair(pair));
        free(data);
        return 0;
}

static async int
a_connection_that_is_dropped_stops_compressing(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON);

        wait_until(is_compressing(pair->client));
        ws_drop(pair->client);
        pair->client = NULL;
        await(aw_join(task));
        expect_int(sending.result, -1);
        expect_int(sending.error, EPIPE);
        free(data);
        return 0;
}

static async int
a_connection_that_closes_stops_compressing(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON);

        wait_until(is_compressing(pair->client));
        ws_shutdown(pair->client, WS_NORMAL, NULL);
        wait_until(sending.over);
        await(aw_join(task));
        expect_int(sending.error, EPIPE);
        expect_closed(pair->server, WS_NORMAL, "");
        free(data);
        return 0;
}

/* One that waited for the end of it goes out all the same. */
static async int
a_message_that_is_given_up_lets_the_next_one_go(struct pair *pair)
{
        uint8_t *data = noise(4 * MIB);
        struct sending sending, second;
        struct aw_task *task = send_much(&sending, pair->client, data, SOON), *other;

        wait_until(is_compressing(pair->client));
        second = (struct sending){
                .ws = pair->client, .message = message_of(WS_TEXT, "second", 6), .deadline = SOON};
        other = aw_spawn("other", send_in_task, &second);
        /* Of the hundred or so that the message takes. */
        for (int i = 0; i < 10; i++)
                await(aw_sleep(0));
        expect(!second.over);
        aw_cancel(task);
        await(aw_join(task));
        expect_int(sending.error, ECANCELED);
        await(aw_join(other));
        expect_int(second.result, 0);
        expect_received(pair->server, "second");
        free(data);
        return 0;
}

/* Bytes of the message that is being received, or that has come. */
static size_t
inflated(const struct ws *ws)
{
        const struct ws_buffer *half = half_a_message(ws);

        return half != NULL ? half->length : inbox_bytes(ws);
}

/* Inflates to a thousand times of what it is; no turn does more than its share. */
static async void
inflate_a_bomb(struct pair *pair, bool stands)
{
        uint8_t *zeros = calloc(16, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, 16 * MIB);
        size_t before = 0, now = 0, most = 0, most_held = 0;
        const struct ws_buffer *half;

        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect(counts_of(pair->client).sent.compressed < 20000);
        clock_stands = stands;
        while (now < 16 * MIB && test_failures == 0) {
                await(aw_sleep(0));
                now = inflated(pair->server);
                half = half_a_message(pair->server);
                expect(half == NULL || half->capacity <= 65536 ||
                       half->capacity <= 4 * half->length + 1024);
                most = now - before > most ? now - before : most;
                most_held =
                        held_bytes(pair->server) > most_held ? held_bytes(pair->server) : most_held;
                before = now;
        }
        /* A step more is begun before the share is used up, and sums of turns are seen. */
        clock_stands = false;
        expect(most <= 2 * (MIB + 128 * 1024));
        expect(most_held < WS_CONNECTION_MAX(16 * MIB));
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, zeros, 16 * MIB);
        free(zeros);
}

static async int
a_bomb_is_inflated_a_share_at_a_time(struct pair *pair)
{
        await(inflate_a_bomb(pair, false));
        return 0;
}

/* However fast the machine is, a share has so many bytes. */
static async int
a_bomb_is_inflated_a_share_at_a_time_if_that_takes_none(struct pair *pair)
{
        await(inflate_a_bomb(pair, true));
        return 0;
}

/* Small bombs one behind the other fit into one read. */
static async int
many_bombs_wait_for_the_receiver(struct pair *pair)
{
        uint8_t *zeros = calloc(1, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);
        size_t most = 0;

        for (int i = 0; i < 40; i++)
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        for (int i = 0; i < 200; i++) {
                await(aw_sleep(0));
                most = held_bytes(pair->server) > most ? held_bytes(pair->server) : most;
        }
        expect(most < 4 * MIB);
        expect(is_paused(pair->server));
        for (int i = 0; i < 40 && test_failures == 0; i++) {
                expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
                expect_int((long long)message.length, MIB);
                most = held_bytes(pair->server) > most ? held_bytes(pair->server) : most;
        }
        expect(most < 4 * MIB);
        await(close_pair(pair));
        free(zeros);
        return 0;
}

/* Over TLS the end comes in the same read as the messages. */
static async int
the_peers_end_waits_for_what_came_before(struct pair *pair)
{
        uint8_t *zeros = calloc(1, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);

        for (int i = 0; i < 10; i++)
                expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        ws_shutdown(pair->client, 4000, "bye");
        await(aw_sleep(0));
        aw_transport_shutdown(pair->client->transport);
        for (int i = 0; i < 10 && test_failures == 0; i++)
                expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_closed(pair->server, 4000, "bye");
        free(zeros);
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

static async int
without_memory_a_bomb_is_refused(struct pair *pair)
{
        uint8_t *zeros = calloc(1, MIB);
        struct ws_message message = message_of(WS_BINARY, zeros, MIB);

        ws_set_max_memory(1);
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_error(await(ws_receive(pair->server, &message, SOON)), ENOMEM);
        expect_log("closing with 1013");
        expect_closed(pair->client, WS_TRY_AGAIN_LATER, "no memory for large messages now");
        ws_set_max_memory(0);
        free(zeros);
        return 0;
}

/* Peers that are a socket. */

static async int
raw_deflating_client(struct pair *pair, struct ws **server)
{
        char head[4096];
        int fd = await(raw_client_asks(pair->listener, server, 0, OFFER, head));

        expect(strstr(head, "\r\nSec-WebSocket-Extensions: permessage-deflate") != NULL);
        return fd;
}

/* The listener drains while messages wait to be inflated: they were received. */
static async int
what_waits_is_delivered_before_the_end(struct pair *pair)
{
        static uint8_t zeros[MIB / 2], frames[20 * 1024];
        struct ws_codec *codec = ws_codec_deflater(15, 9);
        struct ws_codec_bytes bytes = {zeros, sizeof(zeros), frames + 8, 1024};
        struct ws_message message;
        struct ws *server;
        size_t length;
        int fd = await(raw_deflating_client(pair, &server));

        /* Twenty in one read. */
        expect(ws_codec_deflate(codec, &bytes, true));
        ws_codec_release(codec);
        length = (size_t)(bytes.out - frames) - 8 - WS_CODEC_TAIL;
        expect(length > 126 && length < 1000);
        memcpy(frames, (uint8_t[]){0xc2, 0xfe, (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0, 0},
               8);
        length += 8;
        for (size_t i = 1; i < 20; i++)
                memcpy(frames + i * length, frames, length);
        raw_send(fd, frames, 20 * length);
        wait_until(server->deflate->pending != NULL && server->deflate->full);
        ws_listener_drain(pair->listener);
        for (int i = 0; i < 20 && test_failures == 0; i++)
                if (expect_int(await(ws_receive(server, &message, SOON)), 0))
                        expect_int((long long)message.length, MIB / 2);
        expect_error(await(ws_receive(server, &message, SOON)), ESHUTDOWN);
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
rsv1_is_on_the_first_frame_only(struct pair *pair)
{
        static const char *const parts[] = {"Hello", "Hello", ""};
        struct ws *server;
        int fd = await(raw_deflating_client(pair, &server));

        await(send_parts(server, parts, 3));
        raw_expect_frame(fd, 0x41, "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11);
        raw_expect_frame(fd, 0x00, "\xf2\x00\x11\x00\x00\x00\x00\xff\xff", 9);
        raw_expect_frame(fd, 0x80, "\x00", 1);
        ws_drop(server);
        close(fd);
        return 0;
}

static async int
fragments_may_have_control_frames_in_between(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_deflating_client(pair, &server));

        raw_frame(fd, 0x41, RAW_MASK, HELLO, 3);
        raw_frame(fd, 0x89, RAW_MASK, "ping", 4);
        raw_frame(fd, 0x00, RAW_MASK, &HELLO[3], 0);
        raw_frame(fd, 0x80, RAW_MASK, &HELLO[3], 4);
        expect_received(server, "Hello");
        raw_expect_frame(fd, 0x8a, "ping", 4);
        /* Compressed and not, and no byte at all. */
        raw_text(fd, "plain");
        raw_frame(fd, 0xc1, RAW_MASK, "", 0);
        raw_frame(fd, 0xc1, RAW_MASK, "\0", 1);
        raw_frame(fd, 0xc1, RAW_MASK, HELLO, 7);
        expect_received(server, "plain");
        expect_received(server, "");
        expect_received(server, "");
        expect_received(server, "Hello");
        ws_drop(server);
        close(fd);
        return 0;
}

struct wrong {
        uint8_t first;
        const char *data;
        size_t length;
        unsigned code;
        const char *reason;
};

static async void
expect_refusal(struct pair *pair, const struct wrong *wrong)
{
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_deflating_client(pair, &server));

        raw_frame(fd, 0x41, RAW_MASK, HELLO, 3);
        if ((wrong->first & 0xf) != 0 && (wrong->first & 8) == 0)
                raw_frame(fd, 0x80, RAW_MASK, &HELLO[3], 4);
        raw_frame(fd, wrong->first, RAW_MASK, wrong->data, wrong->length);
        if ((wrong->first & 0xf) != 0 && (wrong->first & 8) == 0)
                expect_received(server, "Hello");
        expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
        expect_log(wrong->reason);
        raw_expect_close(fd, wrong->code);
        ws_drop(server);
        close(fd);
}

static async int
what_is_wrong_is_refused_at_once(struct pair *pair)
{
        static const struct wrong cases[] = {
                {0xc0, &HELLO[3], 4, 1002, "reserved bits in a frame"},
                {0xc9, "", 0, 1002, "reserved bits in a frame"},
                {0xc8, "", 0, 1002, "reserved bits in a frame"},
                {0xe1, HELLO, 7, 1002, "reserved bits in a frame"},
                {0xd1, HELLO, 7, 1002, "reserved bits in a frame"},
                {0xc1, "\x07\x00", 2, 1007, "compressed data that cannot be inflated"},
                {0xc1, "\xf2\x48\xcd", 3, 1007, "compressed data that end too soon"},
                /* Before the message is complete. */
                {0x41,
                 "\x00\x02\x00\xfd\xff"
                 "a\xff",
                 7, 1007, "invalid UTF-8 in a text"},
                {0x41, "\xff\xff\xff", 3, 1007, "compressed data that cannot be inflated"},
                {0xc1, "\x00\x01\x00\xfe\xff\xc3\x00", 7, 1007, "in the middle of a character"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                await(expect_refusal(pair, &cases[i]));
        return 0;
}

static async int
rsv1_that_was_not_agreed_on_is_refused(struct pair *pair)
{
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));

        expect(ws_extension(server) == NULL);
        expect_int((long long)counts_of(server).received.messages, 0);
        raw_frame(fd, 0xc1, RAW_MASK, HELLO, 7);
        expect_error(await(ws_receive(server, &message, SOON)), EPROTO);
        expect_log("reserved bits in a frame");
        raw_expect_close(fd, 1002);
        ws_drop(server);
        close(fd);
        return 0;
}

/* The opening handshake. */

static async int
a_client_fails_at_an_answer_that_it_did_not_ask_for(struct pair *pair)
{
        static const struct {
                const char *field, *words;
        } cases[] = {
                {"x", "an extension that was not offered"},
                {"permessage-deflate; x", "a parameter that does not exist"},
                {"permessage-deflate", "server_no_context_takeover"},
        };
        char url[64], field[200];
        int listener = raw_listen(url, 5), fd;

        (void)pair;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct connecting connecting = {.options = {.deflate = shared}};

                connect_start(&connecting, url);
                snprintf(field, sizeof(field), "Sec-WebSocket-Extensions: %s\r\n", cases[i].field);
                fd = await(raw_server(listener, "101 Yes", field));
                expect_failure(&connecting, AW_ERROR_HANDSHAKE, EPROTO, cases[i].words);
                close(fd);
        }
        close(listener);
        return 0;
}

static async int
impossible_options_are_refused(struct pair *pair)
{
        struct connecting connecting = {.options = {.deflate = {.bits = 8}}};
        struct ws_listen_options options = {.url = ANY_PORT, .deflate = {.level = 10}};
        struct aw_error error;

        connect_start(&connecting, ws_listener_url(pair->listener, 0));
        expect_failure(&connecting, AW_ERROR_USAGE, EINVAL, "9 to 15 bits");
        expect(await(ws_listen(&options, &error)) == NULL);
        expect_int(errno, EINVAL);
        expect_int(error.kind, AW_ERROR_USAGE);
        expect(strstr(error.text, "levels from 1 to 9") != NULL);
        return 0;
}

/* The pairs. */

static void
with_shared(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .deflate = shared});
}

static void
with_context(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .deflate = context});
}

static void
with_small_windows(void **state)
{
        test_on_pair((struct pair){
                .test = (async int (*)(struct pair *)) * state,
                .url = ANY_PORT,
                .deflate = {.mode = WS_DEFLATE_CONTEXT, .bits = 9, .level = 9, .threshold = 1}});
}

static void
with_tls(void **state)
{
        struct aw_error error;
        struct aw_tls_context *server = aw_tls_context_server(NULL, NULL, &error);
        struct aw_tls_context *client = aw_tls_context_client(NULL, true, &error);

        assert_non_null(server);
        assert_non_null(client);
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = "wss://127.0.0.1:0",
                                   .server_tls = server,
                                   .client_tls = client,
                                   .deflate = shared});
        aw_tls_context_unref(server);
        aw_tls_context_unref(client);
}

#define on(pairs, test)                                                                            \
        {                                                                                          \
#test "_" #pairs, pairs, NULL, NULL, (void *)(test)                                \
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
                on(with_context, others_have_turns_while_a_large_message_is_compressed),
                on(with_shared, a_time_out_or_a_cancellation_stops_compressing),
                on(with_context, a_time_out_or_a_cancellation_stops_compressing),
                on(with_context, a_part_that_fails_ends_the_message),
                on(with_shared, a_connection_that_is_dropped_stops_compressing),
                on(with_context, a_connection_that_is_dropped_stops_compressing),
                on(with_context, a_connection_that_closes_stops_compressing),
                on(with_shared, a_bomb_is_inflated_a_share_at_a_time),
                on(with_tls, a_bomb_is_inflated_a_share_at_a_time),
                on(with_shared, a_bomb_is_inflated_a_share_at_a_time_if_that_takes_none),
                on(with_shared, a_message_that_is_given_up_lets_the_next_one_go),
                on(with_shared, many_bombs_wait_for_the_receiver),
                on(with_tls, many_bombs_wait_for_the_receiver),
                on(with_shared, what_waits_is_delivered_before_the_end),
                on(with_tls, the_peers_end_waits_for_what_came_before),
                on(with_shared, a_message_that_becomes_too_large_is_closed_with_1009),
                on(with_shared, without_memory_a_bomb_is_refused),
                on(with_context, rsv1_is_on_the_first_frame_only),
                on(with_shared, fragments_may_have_control_frames_in_between),
                on(with_context, fragments_may_have_control_frames_in_between),
                on(with_shared, what_is_wrong_is_refused_at_once),
                on(with_shared, rsv1_that_was_not_agreed_on_is_refused),
                on(with_shared, a_client_fails_at_an_answer_that_it_did_not_ask_for),
                on(with_shared, impossible_options_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
