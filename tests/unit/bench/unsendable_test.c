/* SPDX-License-Identifier: MIT */
/*
 * A send that fails on this side. The command line lets no such message through, so the run is
 * begun with one: a text that is not UTF-8.
 */
#include <semaphore.h>

#include "bench/conductor.h"
#include "unit/support.h"

/* A server that receives, in a thread of its own, until it has had so many connections. */
static struct server {
        unsigned connections;
        char url[64];
        sem_t listens;
} server;

static async int
serve(void *nothing)
{
        struct ws_listen_options options = {.url = "ws://127.0.0.1:0"};
        struct ws_listener *listener = await(ws_listen(&options, NULL));
        struct ws_message message;

        (void)nothing;
        if (listener != NULL)
                snprintf(server.url, sizeof(server.url), "%s", ws_listener_url(listener, 0));
        sem_post(&server.listens);
        for (unsigned i = 0; listener != NULL && i < server.connections; i++) {
                struct ws *ws = await(ws_accept(listener, AW_NEVER));

                while (await(ws_receive(ws, &message, AW_NEVER)) == 0)
                        continue;
                await(ws_close(ws, WS_NORMAL, NULL));
        }
        ws_listener_close(listener);
        return 0;
}

static void *
serve_in_thread(void *nothing)
{
        test_run(serve, nothing);
        return NULL;
}

/* Each cycle of --churn is a connection, and a run that does nothing for ever has no end. */
static void
expect_told(struct bench_options options, unsigned connections)
{
        char text[] = "\377", *const urls[] = {server.url};
        struct aw_opt_strings pids = {.count = 0};
        struct result *result;
        pthread_t thread;

        server.connections = connections;
        assert_int_equal(sem_init(&server.listens, 0, 0), 0);
        assert_int_equal(pthread_create(&thread, NULL, serve_in_thread, NULL), 0);
        assert_int_equal(sem_wait(&server.listens), 0);
        options.connections = options.thread_count = 1;
        options.timeout = 10 * AW_SECOND;
        options.text = text;
        options.text_length = 1;
        options.loop = getenv("AW_TEST_LOOP");
        result = conductor_run(&options, urls[0], &pids, false);
        assert_non_null(result);
        assert_int_equal(result->error, 0);
        assert_int_equal(result->record.cut, connections);
        assert_int_equal(record_total(&result->record).sent, 0);
        assert_int_equal(record_total(&result->record).lost, 0);
        assert_string_equal(result->record.reason,
                            "connection 1, message 1: its 1 byte cannot be sent from here: Invalid "
                            "or incomplete multibyte or wide character");
        conductor_free(result);
        assert_int_equal(pthread_join(thread, NULL), 0);
        sem_destroy(&server.listens);
}

static void
the_connection_of_a_closed_loop_ends(void **state)
{
        (void)state;
        expect_told((struct bench_options){.messages = 5, .in_flight = 1}, 1);
}

static void
the_connection_of_an_open_loop_ends(void **state)
{
        (void)state;
        expect_told((struct bench_options){.rate = 100, .messages = 5, .in_flight = 8}, 1);
}

static void
the_connection_that_waits_for_no_echo_ends(void **state)
{
        (void)state;
        expect_told((struct bench_options){.work = BENCH_NO_ECHO, .messages = 5, .in_flight = 1},
                    1);
}

static void
each_connection_that_would_have_sent_one_message_ends(void **state)
{
        (void)state;
        expect_told(
                (struct bench_options){
                        .work = BENCH_CHURN, .churn = true, .messages = 3, .in_flight = 1},
                3);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_connection_of_a_closed_loop_ends),
                cmocka_unit_test(the_connection_of_an_open_loop_ends),
                cmocka_unit_test(the_connection_that_waits_for_no_echo_ends),
                cmocka_unit_test(each_connection_that_would_have_sent_one_message_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
