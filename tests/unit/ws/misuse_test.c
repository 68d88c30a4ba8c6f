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

/* Starts a task that goes on to wait in the connection. */
static async void
busy(aw_task_function *function, struct ws *ws)
{
        aw_spawn("busy", function, ws);
        wait_until(has_waiting_task(ws));
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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_tasks_must_not_receive_from_one_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
