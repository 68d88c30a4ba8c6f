/* SPDX-License-Identifier: MIT */
/* Compressed messages of peers that do as they like, and their handshakes. */
#include "unit/ws/deflate_test.h"

#define OFFER                                                                                      \
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"       \
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " RAW_KEY "\r\n"                          \
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00" /* the RFC's example */

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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on(with_shared, what_waits_is_delivered_before_the_end),
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
