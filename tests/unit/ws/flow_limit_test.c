/* SPDX-License-Identifier: MIT */
/* How large a message may be. */
#include "unit/ws/raw.h"

/* Limits. */

static async int
a_message_of_the_greatest_length_is_received(struct pair *pair)
{
        uint8_t *data = pattern(1000);
        struct ws_message message = message_of(WS_BINARY, data, 1000);

        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, data, 1000);
        expect_int(await(ws_send(pair->server, &message, SOON)), 0);
        expect_int(await(ws_receive(pair->client, &message, SOON)), 0);
        expect_message(&message, WS_BINARY, data, 1000);
        free(data);
        await(close_pair(pair));
        return 0;
}

static async int
a_longer_message_closes_with_1009(struct pair *pair)
{
        uint8_t *data = pattern(1001);
        struct ws_message message = message_of(WS_BINARY, data, 1001);

        expect_int(await(ws_send_text(pair->client, "good", SOON)), 0);
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        /* What came before it is still received. */
        expect_received(pair->server, "good");
        expect_error(await(ws_receive(pair->server, &message, SOON)), EMSGSIZE);
        expect_log("closing with 1009");
        expect_error(await(ws_receive(pair->server, &message, SOON)), EMSGSIZE);
        expect_error(await(ws_send_text(pair->server, "no more", SOON)), EPIPE);
        expect_closed(pair->client, WS_TOO_LARGE, "a message over the limit");
        free(data);
        return 0;
}

static async int
the_limit_is_for_all_fragments_together(struct pair *pair)
{
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 0));
        struct ws_message message;
        char data[500] = {0};

        raw_frame(fd, 0x02, RAW_MASK, data, 500);
        raw_frame(fd, 0x00, RAW_MASK, data, 499);
        raw_frame(fd, 0x80, RAW_MASK, data, 1);
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_int((long long)message.length, 1000);
        raw_frame(fd, 0x02, RAW_MASK, data, 500);
        raw_frame(fd, 0x00, RAW_MASK, data, 500);
        raw_frame(fd, 0x80, RAW_MASK, data, 1);
        expect_error(await(ws_receive(server, &message, SOON)), EMSGSIZE);
        expect_log("closing with 1009");
        raw_expect_close(fd, WS_TOO_LARGE);
        ws_drop(server);
        close(fd);
        return 0;
}

/* What is kept for a message is never more than was announced, nor than four times what came. */
static async int
a_message_takes_no_more_than_it_announced(struct pair *pair)
{
        enum { ANNOUNCED = 150000 };
        static const char header[] = "\x82\xff\0\0\0\0\0\x02\x49\xf0\0\0\0\0";
        static const uint8_t piece[1000];
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));
        size_t sent;

        raw_send(fd, header, sizeof(header) - 1);
        for (sent = 0; sent < ANNOUNCED - sizeof(piece); sent += sizeof(piece)) {
                raw_send(fd, piece, sizeof(piece));
                wait_until(half_a_message(server) != NULL &&
                           half_a_message(server)->length == sent + sizeof(piece));
                expect(half_a_message(server)->capacity <= ANNOUNCED);
        }
        raw_send(fd, piece, sizeof(piece));
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_int((long long)message.length, ANNOUNCED);
        ws_drop(server);
        close(fd);
        return 0;
}

/* The header is enough: nothing is stored for what is refused, nor for what was only announced. */
static async int
a_header_that_announces_too_much_is_refused_at_once(struct pair *pair)
{
        static const char exactly[] = "\x82\xff\0\0\0\0\x01\0\0\0\0\0\0\0",
                          more[] = "\x82\xff\0\0\0\0\x01\0\0\x01\0\0\0\0",
                          most[] = "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
        static const char *const refused[] = {more, most};
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0));
        size_t i;

        raw_send(fd, exactly, sizeof(exactly) - 1);
        wait_until(half_a_message(server) != NULL);
        expect_error(await(ws_receive(server, &message, NOW_OR_NOT)), ETIMEDOUT);
        expect(half_a_message(server) != NULL && half_a_message(server)->capacity <= 65536);
        ws_drop(server);
        close(fd);
        for (i = 0; i < 2; i++) {
                fd = await(raw_client(pair->listener, &server, 0));
                raw_send(fd, refused[i], sizeof(more) - 1);
                expect_error(await(ws_receive(server, &message, SOON)), EMSGSIZE);
                expect_log("closing with 1009");
                ws_drop(server);
                close(fd);
        }
        return 0;
}

static void
with_a_limit_of_1000(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .max_message = 1000});
}

#define limited(test)                                                                              \
        {                                                                                          \
#test, with_a_limit_of_1000, NULL, NULL, (void *)(test)                            \
        }

int
main(void)
{
        const struct CMUnitTest tests[] = {
                limited(a_message_of_the_greatest_length_is_received),
                limited(a_longer_message_closes_with_1009),
                limited(the_limit_is_for_all_fragments_together),
                on_pair(a_message_takes_no_more_than_it_announced),
                on_pair(a_header_that_announces_too_much_is_refused_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
