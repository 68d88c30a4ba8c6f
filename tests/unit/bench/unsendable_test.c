/* SPDX-License-Identifier: MIT */
/*
 * A send that fails on this side. The command line lets no such message through, so the run is
 * begun with one: a text that is not UTF-8.
 */
#include "unit/bench/serve.h"

/* Each cycle of --churn is a connection, and a run that does nothing for ever has no end. */
static void
expect_told(struct bench_options options, unsigned connections)
{
        char text[] = "\377";
        struct result *result;

        server.connections = connections;
        options.text = text;
        options.text_length = 1;
        result = run_against_server(&options);
        assert_int_equal(result->record.cut, connections);
        assert_int_equal(record_total(&result->record).sent, 0);
        assert_int_equal(record_total(&result->record).lost, 0);
        assert_string_equal(result->record.reason,
                            "connection 1, message 1: its 1 byte cannot be sent from here: Invalid "
                            "or incomplete multibyte or wide character");
        conductor_free(result);
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
