/* SPDX-License-Identifier: MIT */
/* Wraps: print_finish print_has_reader print_is_blocked print_taken reconnect_after reconnect_first reconnect_is_early report_close report_message terminal_begin terminal_closed ws_close ws_drop ws_receive ws_shutdown ws_traffic ws_info ws_peer ws_peer_close ws_problem. */
/* How long a session waits, and for what. */
#include "unit/client/fake_session.h"

static async int
send_in_vain(void *argument)
{
        struct session *it = argument;

        it->unsent = true;
        return -1;
}

static async int
send_forever(void *argument)
{
        struct aw_event never = {.set = false};

        (void)argument;
        return await(aw_event_wait(&never, AW_NEVER));
}

static async int
send_one_after_the_other(void *argument)
{
        struct session *it = argument;

        for (int i = 0; i < 2; i++) {
                trace("send");
                it->sent++;
                await(session_wait_for_reply(it));
        }
        return 0;
}

/* Its last message goes out at once, and then there is something else to do. */
static async int
send_for_five_seconds(void *argument)
{
        struct session *it = argument;

        it->sent++;
        return await(aw_sleep(5 * AW_SECOND));
}

static async int
it_ends_when_all_is_replied_to(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        options.ending.code = 4000;
        options.ending.reason = "!";
        task = await(begin_session());
        expect(session.all_sent && session.all_sent_at == aw_loop_now());
        await(comes(1));
        await(has_status(task, CLIENT_OK, "",
                         "connect message-1 finish shutdown-4000! told close-4000!"));
        expect_int((long long)session.received, 1);
        expect(session.closing && session.ended && !session.printing);
        return 0;
}

static async int
each_message_that_comes_is_told_to_the_sender(NOTHING)
{
        struct aw_task *task;

        begin(send_one_after_the_other);
        task = await(begin_session());
        await(comes(1));
        await(comes(1));
        await(has_status(task, CLIENT_OK, "",
                         "connect send message-1 finish send message-2 finish shutdown-1000 told "
                         "close-1000"));
        return 0;
}

static async int
input_is_not_flushed_message_by_message(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        session.from_input = true;
        task = await(begin_session());
        await(comes(1));
        await(has_status(task, CLIENT_OK, "", "connect message-1 shutdown-1000 told close-1000"));
        return 0;
}

static async int
what_comes_after_the_last_one_that_was_wanted_is_not_printed(NOTHING)
{
        struct aw_task *task;

        begin(send_forever);
        options.ending.count = 2;
        task = await(begin_session());
        await(comes(3));
        await(has_status(
                task, CLIENT_OK, "",
                "connect message-1 finish message-2 finish shutdown-1000 told close-1000"));
        expect_int((long long)session.received, 2);
        return 0;
}

static async int
a_silence_as_long_as_the_time_out_ends_it(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        task = await(begin_session());
        answers = false;
        looks = 0;
        await(over_after(task, 8 * AW_SECOND + CLIENT_LAST_CLOSE));
        /* One each second, and some while it takes its leave. */
        expect(looks >= 8 && looks < 20);
        await(has_status(task, CLIENT_TIMEOUT, "wsecho: time-out: no reply from 192.0.2.1:7681\n",
                         "connect shutdown-1000 told drop"));
        /* Without one it may last. */
        begin(send_one);
        options.connection.timeout = 0;
        task = await(begin_session());
        looks = 0;
        await(clock_advance(1000 * AW_SECOND));
        expect(!aw_task_done(task));
        expect_int(looks, 0);
        await(comes(1));
        await(has_status(task, CLIENT_OK, "",
                         "connect message-1 finish shutdown-1000 told close-1000"));
        return 0;
}

static async int
the_time_out_begins_with_the_session_and_when_all_is_sent(NOTHING)
{
        struct aw_task *task;

        begin(send_forever);
        options.ending.count = 1;
        session.sending = true;
        task = await(begin_session());
        await(over_after(task, 8 * AW_SECOND));
        await(has_status(task, CLIENT_TIMEOUT, "wsecho: time-out: 0 of 1 message came\n",
                         "connect shutdown-1000 told close-1000"));
        begin(send_for_five_seconds);
        task = await(begin_session());
        await(over_after(task, 13 * AW_SECOND));
        await(has_status(task, CLIENT_TIMEOUT, "wsecho: time-out: no reply from 192.0.2.1:7681\n",
                         "connect shutdown-1000 told close-1000"));
        return 0;
}

static async int
a_short_time_out_is_kept_to_as_well(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        options.connection.timeout = 4 * AW_MILLISECOND;
        task = await(begin_session());
        for (int i = 0; i < 3; i++)
                await(clock_advance(AW_MILLISECOND));
        await(settle_down());
        expect(!aw_task_done(task));
        await(clock_advance(AW_MILLISECOND));
        await(settle_down());
        await(has_status(task, CLIENT_TIMEOUT, "wsecho: time-out: no reply from 192.0.2.1:7681\n",
                         "connect shutdown-1000 told close-1000"));
        return 0;
}

static async int
progress_puts_the_time_out_off(NOTHING)
{
        struct aw_task *task;

        for (int i = 0; i < 3; i++) {
                begin(send_one);
                task = await(begin_session());
                for (int second = 0; second < 7; second++)
                        await(clock_advance(AW_SECOND));
                traffic.received += i == 0;
                traffic.sent += i == 1;
                output += i == 2;
                for (int second = 0; second < 8; second++)
                        await(clock_advance(AW_SECOND));
                await(settle_down());
                expect(!aw_task_done(task));
                await(clock_advance(AW_SECOND));
                await(settle_down());
                await(has_status(task, CLIENT_TIMEOUT,
                                 "wsecho: time-out: no reply from 192.0.2.1:7681\n",
                                 "connect shutdown-1000 told close-1000"));
        }
        return 0;
}

/* How the time-out is said, if so many were sent and have come. */
static async void
late(uint64_t sent, uint64_t received, enum client_status status, const char *words)
{
        struct aw_task *task;

        session.sent = sent;
        session.received = received;
        task = await(begin_session());
        for (int second = 0; second < 8; second++)
                await(clock_advance(AW_SECOND));
        await(settle_down());
        test_trace[0] = '\0';
        await(has_status(task, status, words, ""));
}

static async int
the_time_out_says_what_did_not_come(NOTHING)
{
        begin(send_one);
        await(late(0, 0, CLIENT_TIMEOUT, "wsecho: time-out: no reply from 192.0.2.1:7681\n"));
        begin(send_one);
        await(late(2, 1, CLIENT_TIMEOUT, "wsecho: time-out: 1 of 3 messages was replied to\n"));
        begin(send_one);
        await(late(3, 2, CLIENT_TIMEOUT, "wsecho: time-out: 2 of 4 messages were replied to\n"));
        begin(send_one);
        session.from_input = true;
        await(late(0, 0, CLIENT_TIMEOUT, "wsecho: time-out: 0 of 1 message was replied to\n"));
        begin(send_one);
        options.ending.count = 2;
        await(late(0, 1, CLIENT_TIMEOUT, "wsecho: time-out: 1 of 2 messages came\n"));
        begin(send_one);
        options.ending.count = 1;
        await(late(0, 0, CLIENT_TIMEOUT, "wsecho: time-out: 0 of 1 message came\n"));
        begin(send_one);
        options.ending.has_expected = true;
        options.ending.expect = "x";
        await(late(0, 0, CLIENT_UNEXPECTED, "wsecho: time-out: no message matched 'x'\n"));
        options.ending.has_expected = false;
        return 0;
}

static async int
wait_ends_it_so_long_after_the_last_message(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        options.ending.wait_time = 1500 * AW_MILLISECOND;
        task = await(begin_session());
        await(comes(1));
        await(over_after(task, 1500 * AW_MILLISECOND));
        await(has_status(task, CLIENT_OK, "",
                         "connect message-1 finish shutdown-1000 told close-1000"));
        begin(send_one);
        options.connection.timeout = 0;
        options.ending.wait_time = 20 * AW_SECOND;
        task = await(begin_session());
        looks = 0;
        await(over_after(task, 20 * AW_SECOND));
        /* Nothing is looked at before. */
        expect(looks < 5);
        await(has_status(task, CLIENT_OK, "", "connect shutdown-1000 told close-1000"));
        return 0;
}

static async int
the_servers_end_ends_it(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        task = await(begin_session());
        await(ends(EPIPE, WS_NORMAL));
        await(has_status(task, CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1000\n",
                         "connect shutdown-1000 told close-1000"));
        expect(session.ended && !session.closing);
        expect_int(session.error, EPIPE);
        begin(send_in_vain);
        session.from_input = true;
        task = await(begin_session());
        expect(!session.all_sent);
        await(ends(EPIPE, WS_NORMAL));
        await(has_status(task, CLIENT_CLOSED, "wsecho: 192.0.2.1:7681 closed with 1000\n",
                         "connect shutdown-1000 told close-1000"));
        begin(send_one);
        task = await(begin_session());
        await(ends(EPROTO, 0));
        await(has_status(task, CLIENT_CLOSED,
                         "wsecho: closed: 192.0.2.1:7681 broke the WebSocket protocol: TLS\n",
                         "connect shutdown-1000 told close-1000"));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(it_ends_when_all_is_replied_to),
                on_loop(each_message_that_comes_is_told_to_the_sender),
                on_loop(input_is_not_flushed_message_by_message),
                on_loop(what_comes_after_the_last_one_that_was_wanted_is_not_printed),
                on_loop(a_silence_as_long_as_the_time_out_ends_it),
                on_loop(the_time_out_begins_with_the_session_and_when_all_is_sent),
                on_loop(a_short_time_out_is_kept_to_as_well),
                on_loop(progress_puts_the_time_out_off),
                on_loop(the_time_out_says_what_did_not_come),
                on_loop(wait_ends_it_so_long_after_the_last_message),
                on_loop(the_servers_end_ends_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
