/* SPDX-License-Identifier: MIT */
/* What connections hold: one by one, and together. */
#include "unit/ws/raw.h"
#include "ws/pages.h"

#define LIMIT ((size_t)1 << 20)

/* The largest that a connection held at any time of a test. */
static size_t held_most;

static void
look(const struct ws *ws)
{
        size_t held = held_bytes(ws);

        if (held > held_most)
                held_most = held;
}

/* Sends the same bytes again and again, until nothing is taken any more or so much was sent. */
static async void
stuff(int fd, const struct ws *ws, const uint8_t *data, size_t length, size_t most)
{
        size_t sent = 0, stuck = 0;
        ssize_t more;

        for (held_most = 0; sent < most && stuck < 200; look(ws)) {
                more = send(fd, data + sent % length, length - sent % length,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
                stuck = more > 0 ? 0 : stuck + 1;
                if (more > 0)
                        sent += (size_t)more;
                await(aw_sleep(0));
        }
}

/* Headers of frames, each with its payload behind it: what is repeated. */
struct piece {
        uint8_t first;
        uint64_t length;
};

static size_t
put_piece(uint8_t *to, const struct piece *piece)
{
        size_t size = ws_frame_build(to, WS_OP_BINARY, piece->length, (const uint8_t *)RAW_MASK);

        to[0] = piece->first;
        memset(to + size, 0, piece->length);
        return size + piece->length;
}

/* Nobody reads what comes back. */
static async void
hold(struct pair *pair, const struct piece *pieces, size_t count, bool echoed)
{
        uint8_t *data = malloc(2 * LIMIT + 100);
        struct ws *server;
        int fd = await(raw_client(pair->listener, &server, 4096));
        struct aw_task *task = echoed ? aw_spawn("echo", echo_in_task, server) : NULL;
        size_t length = 0, i;

        for (i = 0; i < count; i++)
                length += put_piece(data + length, &pieces[i]);
        /* Small messages take many times their length here. */
        await(stuff(fd, server, data, length, length < 1000 ? LIMIT / 2 : 8 * LIMIT));
        expect(held_most < WS_CONNECTION_MAX(LIMIT));
        ws_drop(server);
        if (task != NULL)
                await(aw_join(task));
        close(fd);
        free(data);
}

static async int
no_connection_holds_more_than_it_may(struct pair *pair)
{
        static const struct piece whole[] = {{0x82, LIMIT}}, empty[] = {{0x82, 0}},
                                  halves[] = {{0x02, 0}, {0x80, 1}},
                                  odd[] = {{0x02, 65537}, {0x80, 1}}, pings[] = {{0x89, 1}},
                                  mixed[] = {{0x82, LIMIT / 2}, {0x89, 125}, {0x82, 3}};
        int echoed;

        for (echoed = 0; echoed < 2; echoed++) {
                await(hold(pair, whole, 1, echoed));
                await(hold(pair, empty, 1, echoed));
                await(hold(pair, halves, 2, echoed));
                await(hold(pair, odd, 2, echoed));
                await(hold(pair, pings, 1, echoed));
                await(hold(pair, mixed, 3, echoed));
        }
        return 0;
}

/* A message that grew in many pieces does not keep what it had to spare. */
static async int
a_complete_message_keeps_little_more_than_its_length(struct pair *pair)
{
        static const uint8_t zeros[600];
        struct ws *server;
        struct ws_message message;
        int fd = await(raw_client(pair->listener, &server, 0)), i;

        raw_frame(fd, 0x02, RAW_MASK, zeros, 600);
        for (i = 0; i < 170; i++)
                raw_frame(fd, 0x00, RAW_MASK, zeros, 600);
        raw_frame(fd, 0x80, RAW_MASK, zeros, 1);
        expect_int(await(ws_receive(server, &message, SOON)), 0);
        expect_int((long long)message.length, 171 * 600 + 1);
        expect(ws_buffer_cost(message.buffer) < message.length + message.length / 7);
        ws_drop(server);
        close(fd);
        return 0;
}

/* An announcement is not believed before the bytes come. */
static async int
a_large_message_takes_at_most_four_times_what_has_come(struct pair *pair)
{
        uint8_t head[14] = {0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0}, *data = pattern(LIMIT);
        struct ws *server;
        const struct ws_buffer *half;
        int fd = await(raw_client(pair->listener, &server, 0));
        size_t sent = 0;

        raw_send(fd, head, sizeof(head));
        for (; sent < LIMIT - 10000 && test_failures == 0; sent += 10000) {
                raw_send(fd, data + sent, 10000);
                wait_until((half = half_a_message(server)) != NULL && half->length == sent + 10000);
                expect(half->capacity <= 65536 || half->capacity <= 4 * half->length);
                expect(half->capacity <= LIMIT);
        }
        ws_drop(server);
        close(fd);
        free(data);
        return 0;
}

static async int
what_connections_take_is_counted(struct pair *pair)
{
        uint64_t before = ws_memory();
        uint8_t *data = pattern(LIMIT);
        struct ws_message message = message_of(WS_BINARY, data, LIMIT);

        expect(before >= 2 * WS_CONNECTION_COST);
        expect_int(await(ws_send(pair->client, &message, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect(ws_memory() >= before + LIMIT);
        expect_error(await(ws_receive(pair->server, &message, NOW_OR_NOT)), ETIMEDOUT);
        expect(ws_memory() < before + LIMIT);
        free(data);
        return 0;
}

static async int
over_the_bound_large_messages_and_new_connections_are_refused(struct pair *pair)
{
        uint8_t *data = pattern(LIMIT);
        struct ws_message large = message_of(WS_BINARY, data, LIMIT), message;
        struct connecting connecting = {.deadline = 0};

        ws_set_max_memory(1);
        /* What is small is not looked at. */
        expect_int(await(ws_send_text(pair->client, "small", SOON)), 0);
        expect_received(pair->server, "small");
        connect_start(&connecting, ws_listener_url(pair->listener, 0));
        expect_failure(&connecting, AW_ERROR_HANDSHAKE, EPROTO, "503");
        expect_int(connecting.error.status, 503);
        expect_log("503");
        expect_int(await(ws_send(pair->client, &large, SOON)), 0);
        expect_error(await(ws_receive(pair->server, &message, SOON)), ENOMEM);
        expect_log("closing with 1013");
        expect_closed(pair->client, WS_TRY_AGAIN_LATER, "no memory for large messages now");
        ws_set_max_memory(0);
        free(data);
        return 0;
}

/* Much that is of no use any more, and that is given back a piece at a time. */
static void
leave_pages(void)
{
        const size_t size = (size_t)16 << 20;
        void *pages[6];

        for (int i = 0; i < 6; i++) {
                pages[i] = ws_pages_take(size);
                expect(pages[i] != NULL);
        }
        for (int i = 0; i < 6; i++)
                if (pages[i] != NULL)
                        ws_pages_give_back(pages[i], size);
}

static async int
who_takes_pages_gives_back_as_many_of_those_that_wait(struct pair *pair)
{
        const size_t size = (size_t)16 << 20;
        uint64_t before = ws_memory(), most;
        void *pages;

        (void)pair;
        leave_pages();
        most = ws_memory();
        /* One share of a turn is less than two of them. */
        expect(most > before + 4 * size);
        pages = ws_pages_take(size);
        expect(ws_memory() <= most);
        pages = ws_pages_resize(pages, size, 2 * size);
        expect(ws_memory() <= most);
        most = ws_memory();
        pages = ws_pages_resize(pages, 2 * size, size);
        expect(ws_memory() == most - size);
        expect(ws_pages_room(6 * size));
        expect(ws_memory() == most - size);
        ws_set_max_memory(1);
        expect(!ws_pages_room(6 * size));
        expect(ws_memory() == before + size);
        /* Less than was asked for, but enough. */
        leave_pages();
        ws_set_max_memory(before + size + 1);
        expect(ws_pages_room(12 * size));
        ws_set_max_memory(0);
        expect(ws_memory() == before + size);
        ws_pages_give_back(pages, size);
        ws_pages_give_back_all();
        expect(ws_memory() == before);
        return 0;
}

static async int
what_waits_to_be_given_back_makes_room_for_others(struct pair *pair)
{
        uint8_t *data = pattern(LIMIT);
        struct ws_message large = message_of(WS_BINARY, data, LIMIT), message;
        struct connecting connecting = {.deadline = 0};

        /* More than that is there only as long as it waits. */
        ws_set_max_memory(ws_memory() + ((uint64_t)16 << 20));
        leave_pages();
        connect_start(&connecting, ws_listener_url(pair->listener, 0));
        ws_drop(await(ws_accept(pair->listener, SOON)));
        expect_int(await(aw_join(connecting.task)), 0);
        leave_pages();
        expect_int(await(ws_send(pair->client, &large, SOON)), 0);
        expect_int(await(ws_receive(pair->server, &message, SOON)), 0);
        expect_int((long long)message.length, LIMIT);
        ws_set_max_memory(0);
        ws_drop(connecting.ws);
        free(data);
        return 0;
}

/* The head of a request that comes byte by byte. */

static size_t looks;

static void
count_looks(struct ws *ws)
{
        (void)ws;
        looks++;
}

static async int
a_head_in_single_bytes_is_parsed_a_few_times_only(struct pair *pair)
{
        static const struct ws_role counting = {.head = count_looks};
        struct ws *ws = ws_connection_create(false, 0);
        size_t i;

        (void)pair;
        if (!expect(ws != NULL))
                return -1;
        ws->role = &counting;
        for (i = 0; i < AW_HTTP_HEAD_MAX - 1; i++)
                ws_connection_callbacks.data(ws, (const uint8_t *)"x", 1);
        expect(looks <= 15);
        expect_int((long long)ws->head_length, AW_HTTP_HEAD_MAX - 1);
        expect(ws->head_capacity < 2 * AW_HTTP_HEAD_MAX);
        looks = 0;
        ws_connection_callbacks.data(ws, (const uint8_t *)"\n", 1);
        expect_int((long long)looks, 1);
        ws_drop(ws);
        return 0;
}

static void
with_a_limit(void **state)
{
        test_on_pair((struct pair){.test = (async int (*)(struct pair *)) * state,
                                   .url = ANY_PORT,
                                   .max_message = LIMIT});
}

#define limited(test)                                                                              \
        {                                                                                          \
#test, with_a_limit, NULL, NULL, (void *)(test)                                    \
        }

int
main(void)
{
        const struct CMUnitTest tests[] = {
                limited(no_connection_holds_more_than_it_may),
                limited(a_complete_message_keeps_little_more_than_its_length),
                limited(a_large_message_takes_at_most_four_times_what_has_come),
                limited(what_connections_take_is_counted),
                limited(over_the_bound_large_messages_and_new_connections_are_refused),
                limited(who_takes_pages_gives_back_as_many_of_those_that_wait),
                limited(what_waits_to_be_given_back_makes_room_for_others),
                limited(a_head_in_single_bytes_is_parsed_a_few_times_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
