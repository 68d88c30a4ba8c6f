/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: aw_loop_now ws_info ws_peer ws_peer_close ws_problem. */
/* When a session is over, and whether it is waited for. */
#include "unit/client/judged.h"

static void
what_was_lost_or_is_a_greeting_is_no_reply(void **state)
{
        (void)state;
        begin(5, 2);
        assert_int_equal(judge_replies(&session), 2);
        assert_int_equal(judge_unanswered(&session), 3);
        session.greetings = 1;
        assert_int_equal(judge_replies(&session), 1);
        assert_int_equal(judge_unanswered(&session), 4);
        session.unanswered = 3;
        assert_int_equal(judge_unanswered(&session), 1);
        session.unanswered = 4;
        assert_int_equal(judge_unanswered(&session), 0);
        session.unanswered = 5;
        assert_int_equal(judge_unanswered(&session), 0);
}

static void
it_is_over_when_what_was_asked_for_has_come(void **state)
{
        (void)state;
        begin(2, 1);
        assert_false(judge_over(&session));
        assert_false(judge_seen_enough(&session));
        session.received = 2;
        assert_true(judge_over(&session));
        assert_false(judge_seen_enough(&session));
        session.all_sent = false;
        assert_false(judge_over(&session));

        begin(2, 1);
        options.ending.count = 2;
        assert_false(judge_over(&session));
        assert_false(judge_seen_enough(&session));
        session.received = 2;
        session.all_sent = false;
        assert_true(judge_over(&session));
        assert_true(judge_seen_enough(&session));
        session.greetings = 1;
        assert_false(judge_over(&session));
        assert_false(judge_seen_enough(&session));

        begin_expecting(1, 1);
        assert_false(judge_over(&session));
        assert_false(judge_seen_enough(&session));
        session.matched = true;
        session.all_sent = false;
        assert_true(judge_over(&session));
        assert_true(judge_seen_enough(&session));
        session.matched = false;
        options.ending.count = 1;
        assert_true(judge_over(&session));
        assert_true(judge_seen_enough(&session));
}

static void
it_is_over_when_it_failed_was_stopped_or_ended(void **state)
{
        (void)state;
        begin(1, 0);
        session.failed = true;
        assert_true(judge_over(&session));
        begin(1, 0);
        session.stopped = true;
        assert_true(judge_over(&session));
        begin(1, 0);
        session.ended = true;
        assert_true(judge_over(&session));
        begin(1, 1);
        options.ending.forever = true;
        assert_false(judge_over(&session));
}

static void
it_is_over_at_the_end_of_wait_and_not_before(void **state)
{
        (void)state;
        for (int expecting = 0; expecting < 2; expecting++) {
                if (expecting)
                        begin_expecting(1, 1);
                else
                        begin(1, 1);
                options.ending.wait_time = 50;
                session.all_sent_at = now;
                assert_false(judge_over(&session));
                now += 49;
                assert_false(judge_over(&session));
                now++;
                assert_true(judge_over(&session));
                session.all_sent = false;
                assert_false(judge_over(&session));
        }
        begin_expecting(1, 1);
        session.all_sent_at = 0;
        assert_false(judge_over(&session));
}

/* Whether the time-out runs. */
static void
the_server_is_waited_for_while_it_owes_us_something(void **state)
{
        (void)state;
        begin(1, 0);
        assert_true(judge_waits(&session));
        session.received = 1;
        assert_false(judge_waits(&session));
        session.sending = true;
        assert_true(judge_waits(&session));
        session.reconnecting = true;
        assert_false(judge_waits(&session));
        session.printing = true;
        assert_true(judge_waits(&session));
        session.from_input = true;
        assert_false(judge_waits(&session));

        /* The input may take its time. */
        begin(1, 0);
        session.from_input = true;
        session.all_sent = false;
        assert_false(judge_waits(&session));
        session.all_sent = true;
        assert_true(judge_waits(&session));
        session.from_input = false;
        session.all_sent = false;
        assert_true(judge_waits(&session));

        begin(1, 0);
        options.ending.forever = true;
        assert_false(judge_waits(&session));
        begin(1, 0);
        options.ending.wait_time = 0;
        assert_false(judge_waits(&session));
}

static void
what_is_expected_is_waited_for_unless_wait_says_how_long(void **state)
{
        (void)state;
        for (int expecting = 0; expecting < 2; expecting++) {
                if (expecting)
                        begin_expecting(0, 0);
                else
                        begin(0, 0);
                options.ending.count = expecting ? 0 : 1;
                assert_true(judge_waits(&session));
                session.all_sent = false;
                assert_false(judge_waits(&session));
                session.sending = true;
                assert_true(judge_waits(&session));
                session.all_sent = true;
                session.sending = false;
                options.ending.forever = true;
                assert_false(judge_waits(&session));
                options.ending.forever = false;
                options.ending.wait_time = 0;
                assert_false(judge_waits(&session));
        }
}

static void
came(const char *text, size_t length)
{
        judge_message(&session,
                      &(struct ws_message){.data = (const uint8_t *)text, .length = length});
}

static void
messages_are_counted_and_the_first_of_a_connection_are_greetings(void **state)
{
        (void)state;
        begin(0, 0);
        options.ending.skip = 2;
        came("abc", 3);
        came("", 0);
        came("de", 2);
        assert_int_equal(session.received, 3);
        assert_int_equal(session.bytes_received, 5);
        assert_int_equal(session.greeted, 2);
        assert_int_equal(session.greetings, 2);
        /* Another connection has greetings of its own. */
        session.greeted = 0;
        came("f", 1);
        assert_int_equal(session.greeted, 1);
        assert_int_equal(session.greetings, 3);
        assert_false(session.failed);
        assert_false(session.matched);
        assert_string_equal(said, "");
}

static void
a_message_is_matched_as_far_as_it_goes(void **state)
{
        (void)state;
        begin_expecting(0, 0);
        came("yes\0no", 6);
        assert_false(session.matched);
        came("yesno", 4);
        assert_false(session.matched);
        came("yesno", 3);
        assert_true(session.matched);
        session.matched = false;
        came("", 0);
        assert_false(session.matched);

        begin_expecting(0, 0);
        options.ending.reject = "no";
        compile_pattern(&options.ending.rejected, &options.ending.has_rejected, "no|yes");
        came("maybe", 5);
        assert_false(session.failed);
        came("yes", 3);
        assert_true(session.failed);
        assert_false(session.matched);
        assert_int_equal(session.status, CLIENT_UNEXPECTED);
        assert_string_equal(said, "wsecho: a message matches 'no'\n");
        /* The first failure is the one that counts. */
        session_fail(&session, CLIENT_LOCAL);
        assert_int_equal(session.status, CLIENT_UNEXPECTED);
}

static void
codes_that_are_all_right(void **state)
{
        (void)state;
        begin(0, 0);
        assert_true(judge_code(&options.ending, 1000));
        assert_true(judge_code(&options.ending, 1001));
        assert_true(judge_code(&options.ending, 1005));
        assert_false(judge_code(&options.ending, 1002));
        assert_false(judge_code(&options.ending, 1006));
        assert_false(judge_code(&options.ending, 4000));
        options.ending.close_ok = "4000,1011";
        assert_true(judge_code(&options.ending, 1011));
        assert_true(judge_code(&options.ending, 4000));
        assert_false(judge_code(&options.ending, 1000));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_lost_or_is_a_greeting_is_no_reply),
                cmocka_unit_test(it_is_over_when_what_was_asked_for_has_come),
                cmocka_unit_test(it_is_over_when_it_failed_was_stopped_or_ended),
                cmocka_unit_test(it_is_over_at_the_end_of_wait_and_not_before),
                cmocka_unit_test(the_server_is_waited_for_while_it_owes_us_something),
                cmocka_unit_test(what_is_expected_is_waited_for_unless_wait_says_how_long),
                cmocka_unit_test(messages_are_counted_and_the_first_of_a_connection_are_greetings),
                cmocka_unit_test(a_message_is_matched_as_far_as_it_goes),
                cmocka_unit_test(codes_that_are_all_right),
        };

        return run_balanced(tests, end);
}
