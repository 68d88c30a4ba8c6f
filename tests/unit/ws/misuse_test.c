/* SPDX-License-Identifier: MIT */
/* Misuse aborts with a sentence. */
#include "unit/ws/ws_test.h"

/* What is tried now. */
static async int (*misuse)(struct pair *pair);

static async int
misuse_main(NOTHING)
{
        struct pair pair = {.test = misuse, .url = ANY_PORT};

        return await(pair_main(&pair));
}

static void
aborts(async int (*what)(struct pair *pair), const char *sentence)
{
        misuse = what;
        test_aborts(misuse_main, sentence);
}

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

/* Starts a task that goes on to wait in the connection. */
static async void
busy(aw_task_function *function, struct ws *ws)
{
        aw_spawn("busy", function, ws);
        wait_until(ws->receiver.first != NULL || ws->senders.first != NULL ||
                   ws->pingers.first != NULL || ws->closer.first != NULL);
}

static async int
receive_twice(struct pair *pair)
{
        struct ws_message message;

        await(busy(receive_in_task, pair->client));
        return await(ws_receive(pair->client, &message, SOON));
}

static void
two_tasks_must_not_receive_from_one_connection(void **state)
{
        (void)state;
        aborts(receive_twice, "two tasks receive from one connection");
}

static async int
close_while_receiving(struct pair *pair)
{
        await(busy(receive_in_task, pair->client));
        return await(ws_close(pair->client, WS_NORMAL, NULL));
}

static async int
close_while_sending(struct pair *pair)
{
        await(busy(flood_in_task, pair->client));
        return await(ws_close(pair->client, WS_NORMAL, NULL));
}

static async int
close_while_pinging(struct pair *pair)
{
        await(busy(ping_in_task, pair->client));
        return await(ws_close(pair->client, WS_NORMAL, NULL));
}

static async int
close_while_closing(struct pair *pair)
{
        await(busy(close_in_task, pair->client));
        return await(ws_close(pair->client, WS_NORMAL, NULL));
}

static void
a_connection_must_not_be_closed_while_a_task_waits_in_it(void **state)
{
        static const char sentence[] = "ws_close() while a task waits in the connection";

        (void)state;
        aborts(close_while_receiving, sentence);
        aborts(close_while_sending, sentence);
        aborts(close_while_pinging, sentence);
        aborts(close_while_closing, sentence);
}

static async int
drop_while_receiving(struct pair *pair)
{
        await(busy(receive_in_task, pair->client));
        ws_drop(pair->client);
        return 0;
}

/* The one who received was woken, but has not run yet. */
static async int
drop_when_woken(struct pair *pair)
{
        await(busy(receive_in_task, pair->client));
        expect_int(await(ws_send_text(pair->server, "wake up", SOON)), 0);
        wait_until(pair->client->receiver.first == NULL);
        ws_drop(pair->client);
        return 0;
}

static async int
drop_while_closing(struct pair *pair)
{
        await(busy(close_in_task, pair->client));
        ws_drop(pair->client);
        return 0;
}

static void
a_connection_must_not_be_dropped_while_a_task_waits_in_it(void **state)
{
        (void)state;
        aborts(drop_while_receiving, "ws_drop() while a task waits in the connection");
        aborts(drop_when_woken, "ws_drop() while a task waits in the connection");
        aborts(drop_while_closing, "ws_drop() while a task waits in the connection");
}

static async int
receive_while_closing(struct pair *pair)
{
        struct ws_message message;

        await(busy(close_in_task, pair->client));
        return await(ws_receive(pair->client, &message, SOON));
}

static void
a_connection_that_is_being_closed_must_not_be_received_from(void **state)
{
        (void)state;
        aborts(receive_while_closing, "ws_receive() while another task closes the connection");
}

static async int
accept_in_task(void *listener)
{
        return await(ws_accept(listener, SOON)) == NULL ? -1 : 0;
}

static async int
close_listener_while_accepting(struct pair *pair)
{
        aw_spawn("accept", accept_in_task, pair->listener);
        await(idle_turns());
        ws_listener_close(pair->listener);
        return 0;
}

static async int
close_listener_just_drained(struct pair *pair)
{
        aw_spawn("accept", accept_in_task, pair->listener);
        await(idle_turns());
        ws_listener_drain(pair->listener);
        ws_listener_close(pair->listener);
        return 0;
}

static void
a_listener_must_not_be_closed_while_a_task_accepts(void **state)
{
        (void)state;
        aborts(close_listener_while_accepting,
               "ws_listener_close() while a task waits in ws_accept()");
        aborts(close_listener_just_drained,
               "ws_listener_close() while a task waits in ws_accept()");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_tasks_must_not_receive_from_one_connection),
                cmocka_unit_test(a_connection_must_not_be_closed_while_a_task_waits_in_it),
                cmocka_unit_test(a_connection_must_not_be_dropped_while_a_task_waits_in_it),
                cmocka_unit_test(a_connection_that_is_being_closed_must_not_be_received_from),
                cmocka_unit_test(a_listener_must_not_be_closed_while_a_task_accepts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
