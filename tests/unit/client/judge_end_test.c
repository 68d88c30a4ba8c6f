/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: aw_loop_now ws_info ws_peer ws_peer_close ws_problem. */
/* What the end of a session was, and what is said of it. */
#include "unit/client/judged.h"

static char somebody; /* at a terminal */

/* The server has closed with this code; 0: it has not. */
static void
closed(unsigned code)
{
        session.ended = code != 0;
        session.error = EPIPE;
        peer_close.code = code;
}

static void
ends_with(enum client_status status, const char *words)
{
        assert_int_equal(judge_end(&session), status);
        assert_string_equal(said, words);
}

static void
a_failure_has_been_said(void **state)
{
        (void)state;
        begin(1, 1);
        closed(WS_NORMAL);
        session_fail(&session, CLIENT_USAGE);
        ends_with(CLIENT_USAGE, "");
}

static void
all_is_well_if_all_has_come(void **state)
{
        static const unsigned codes[] = {0, 1000, 1001, 1005};

        (void)state;
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                begin(1, 1);
                closed(codes[i]);
                ends_with(CLIENT_OK, "");
        }
        begin_expecting(1, 1);
        closed(WS_ABNORMAL);
        session.matched = true;
        ends_with(CLIENT_OK, "");
        begin(1, 0);
        closed(WS_ABNORMAL);
        session.stopped = true;
        ends_with(CLIENT_OK, "");
}

static void
a_close_before_the_end_is_none_that_was_wanted(void **state)
{
        static const char closed_1000[] = "wsecho: 192.0.2.1:7681 closed with 1000\n";
        static const char lost[] = "wsecho: the connection to 192.0.2.1:7681 was lost (1006)\n";

        (void)state;
        begin(2, 1);
        closed(WS_NORMAL);
        ends_with(CLIENT_CLOSED, closed_1000);
        begin(1, 1);
        closed(1011);
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1011\n");
        /* It has not taken all of it. */
        begin(1, 1);
        closed(WS_NORMAL);
        session.all_sent = false;
        ends_with(CLIENT_CLOSED, closed_1000);
        begin(1, 1);
        closed(WS_NORMAL);
        session.all_sent = false;
        session.from_input = true;
        ends_with(CLIENT_OK, "");
        begin(1, 1);
        closed(WS_NORMAL);
        session.all_sent = false;
        session.from_input = session.unsent = true;
        ends_with(CLIENT_CLOSED, closed_1000);
        begin(1, 0);
        closed(WS_NORMAL);
        options.ending.forever = true;
        ends_with(CLIENT_OK, "");
        /* A message waits in the connection. */
        begin(2, 0);
        closed(WS_NORMAL);
        options.ending.forever = true;
        peer_info.sent.messages[0] = 1;
        ends_with(CLIENT_CLOSED, closed_1000);
        peer_info.sent.messages[1] = 1;
        said_begin();
        ends_with(CLIENT_OK, "");
        for (unsigned code = WS_NORMAL; code <= WS_ABNORMAL; code += WS_ABNORMAL - WS_NORMAL) {
                begin(2, 0);
                closed(code);
                options.ending.wait_time = 0;
                ends_with(CLIENT_OK, "");
                peer_info.sent.messages[0] = 1;
                ends_with(CLIENT_CLOSED, code == WS_NORMAL ? closed_1000 : lost);
                said_begin();
                session.sent_before = 1;
                ends_with(CLIENT_OK, "");
                session.unsent = true;
                ends_with(CLIENT_CLOSED, code == WS_NORMAL ? closed_1000 : lost);
        }
        /* Its answer to our Close has our code. */
        begin(1, 1);
        closed(4000);
        session.code = 4000;
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 4000\n");
        begin(1, 1);
        closed(4000);
        session.code = 4000;
        session.closing = true;
        ends_with(CLIENT_OK, "");
        session.code = 4001;
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 4000\n");
        session.code = 4000;
        options.ending.close_ok = "4001";
        said_begin();
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 4000\n");
        begin(1, 1);
        closed(1000);
        session.error = EPROTO;
        peer_problem = "a masked frame";
        ends_with(CLIENT_CLOSED, "wsecho: closed: 192.0.2.1:7681 broke the WebSocket protocol: a "
                                 "masked frame\n");
}

static void
close_ok_is_for_any_time(void **state)
{
        (void)state;
        begin(2, 0);
        closed(4000);
        options.ending.close_ok = "1000,4000";
        session.all_sent = false;
        session.unsent = true;
        ends_with(CLIENT_OK, "");
        options.ending.count = 1;
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 4000\n");
        begin(1, 1);
        closed(WS_ABNORMAL);
        options.ending.close_ok = "1000";
        ends_with(CLIENT_CLOSED, "wsecho: the connection to 192.0.2.1:7681 was lost (1006)\n");
}

static void
a_connection_that_is_lost_after_all_of_it_is_no_failure(void **state)
{
        static const char lost[] = "wsecho: the connection to 192.0.2.1:7681 was lost (1006)\n";
        static const char cut[] = "wsecho: the connection to 192.0.2.1:7681 was lost (1006), in "
                                  "the middle of a message\n";

        (void)state;
        begin(1, 1);
        closed(WS_ABNORMAL);
        ends_with(CLIENT_OK, "");
        peer_close.cut_off = true;
        ends_with(CLIENT_OK, cut);
        begin(1, 0);
        closed(WS_ABNORMAL);
        ends_with(CLIENT_CLOSED, lost);
        begin(1, 1);
        closed(WS_ABNORMAL);
        options.ending.forever = true;
        ends_with(CLIENT_CLOSED, lost);
        begin(1, 0);
        closed(WS_ABNORMAL);
        options.ending.wait_time = 50;
        session.all_sent_at = now - 50;
        ends_with(CLIENT_OK, "");
        session.all_sent_at++;
        ends_with(CLIENT_CLOSED, lost);
}

static void
too_few_messages_are_counted(void **state)
{
        (void)state;
        begin(1, 1);
        options.ending.count = 2;
        ends_with(CLIENT_TIMEOUT, "wsecho: time-out: 1 of 2 messages came\n");
        begin(1, 1);
        options.ending.count = 2;
        closed(WS_NORMAL);
        session.closing = true;
        ends_with(CLIENT_TIMEOUT, "wsecho: time-out: 1 of 2 messages came\n");
        begin(1, 1);
        options.ending.count = 2;
        closed(WS_NORMAL);
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1000\n");
        /* Somebody at a terminal leaves. */
        begin(0, 0);
        options.ending.count = 1;
        session.terminal = (struct terminal *)&somebody;
        ends_with(CLIENT_CLOSED, "wsecho: 0 of 1 message came\n");
        said_begin();
        options.ending.wait = "1s";
        ends_with(CLIENT_TIMEOUT, "wsecho: time-out: 0 of 1 message came\n");
        begin_expecting(1, 1);
        closed(WS_NORMAL);
        ends_with(CLIENT_UNEXPECTED, "wsecho: no message matched '^yes$'\n");
        begin_expecting(1, 1);
        options.ending.count = 2;
        ends_with(CLIENT_UNEXPECTED, "wsecho: no message matched '^yes$'\n");
        begin(0, 0);
        session.ws = NULL;
        ends_with(CLIENT_CONNECTION, "wsecho: there was no connection yet\n");
}

static void
replies_that_were_lost_with_a_connection_are_told(void **state)
{
        (void)state;
        begin(3, 2);
        session.unanswered = 1;
        ends_with(CLIENT_CLOSED,
                  "wsecho: 1 of 3 messages was not replied to: a connection was lost\n");
        begin(1, 0);
        session.unanswered = 1;
        closed(WS_ABNORMAL);
        ends_with(CLIENT_CLOSED, "wsecho: the connection to 192.0.2.1:7681 was lost (1006), and 1 "
                                 "of 1 message was not replied to\n");
        begin(3, 1);
        session.unanswered = 2;
        closed(WS_NORMAL);
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1000, and 2 of 3 messages "
                                 "were not replied to\n");
        begin(3, 1);
        session.unanswered = 2;
        closed(WS_NORMAL);
        session.closing = true;
        ends_with(CLIENT_CLOSED,
                  "wsecho: 2 of 3 messages were not replied to: a connection was lost\n");
        /* Cut off as well: the sentence says both, once. */
        begin(1, 0);
        session.unanswered = 1;
        closed(WS_ABNORMAL);
        peer_close.cut_off = true;
        ends_with(CLIENT_CLOSED, "wsecho: the connection to 192.0.2.1:7681 was lost (1006), in the "
                                 "middle of a message, and 1 of 1 message was not replied to\n");
        /* Nobody waits for them. */
        begin(1, 0);
        session.unanswered = 1;
        options.ending.wait_time = 0;
        ends_with(CLIENT_OK, "");
        begin(1, 0);
        session.unanswered = 1;
        options.ending.close_ok = "1000";
        ends_with(CLIENT_OK, "");
        begin(1, 0);
        session.unanswered = 1;
        session.terminal = (struct terminal *)&somebody;
        ends_with(CLIENT_OK, "");
}

static void
a_close_that_is_not_answered_is_told(void **state)
{
        static const char words[] = "192.0.2.1:7681 did not answer the Close within 1.5s\n";
        char line[100];

        (void)state;
        begin(1, 1);
        session.unanswered_for = 1500 * AW_MILLISECOND;
        snprintf(line, sizeof(line), "wsecho: %s", words);
        ends_with(CLIENT_CLOSED, line);
        said_begin();
        session.unanswered_for = 1;
        ends_with(CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 did not answer the Close within 1us\n");
        /* What was asked for has come. */
        begin(1, 1);
        session.unanswered_for = 1500 * AW_MILLISECOND;
        options.ending.count = 1;
        ends_with(CLIENT_OK, "");
        options.printing.verbose = 1;
        snprintf(line, sizeof(line), "* %s", words);
        ends_with(CLIENT_OK, line);
        said_begin();
        session.unanswered_for = 0;
        ends_with(CLIENT_OK, "");
}

static void
whoever_is_at_a_terminal_has_been_told_of_the_close(void **state)
{
        (void)state;
        begin(1, 0);
        session.terminal = (struct terminal *)&somebody;
        closed(1011);
        ends_with(CLIENT_CLOSED, "");
        session.error = EPROTO;
        ends_with(CLIENT_CLOSED,
                  "wsecho: closed: 192.0.2.1:7681 broke the WebSocket protocol: TLS\n");
        begin(1, 0);
        session.terminal = (struct terminal *)&somebody;
        closed(WS_ABNORMAL);
        ends_with(CLIENT_CLOSED, "wsecho: the connection to 192.0.2.1:7681 was lost (1006)\n");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_failure_has_been_said),
                cmocka_unit_test(all_is_well_if_all_has_come),
                cmocka_unit_test(a_close_before_the_end_is_none_that_was_wanted),
                cmocka_unit_test(close_ok_is_for_any_time),
                cmocka_unit_test(a_connection_that_is_lost_after_all_of_it_is_no_failure),
                cmocka_unit_test(too_few_messages_are_counted),
                cmocka_unit_test(replies_that_were_lost_with_a_connection_are_told),
                cmocka_unit_test(a_close_that_is_not_answered_is_told),
                cmocka_unit_test(whoever_is_at_a_terminal_has_been_told_of_the_close),
        };

        return run_balanced(tests, end);
}
