/* SPDX-License-Identifier: MIT */
/* Wraps: print_finish print_has_reader print_is_blocked print_taken reconnect_after reconnect_first reconnect_is_early report_close report_message terminal_begin terminal_closed ws_close ws_drop ws_receive ws_shutdown ws_traffic ws_info ws_peer ws_peer_close ws_problem. */
/* How a session takes its leave, and waits for its readers. */
#include "unit/client/fake_session.h"

/* The server is silent for so long after our Close; one looks eight times. */
static async void
is_given_up_after(struct aw_task *task, aw_time silence)
{
        for (int i = 0; i < 7; i++)
                await(clock_advance(silence / 8 + 1));
        await(clock_advance(silence / 8));
        expect_int(session.unanswered_for, 0);
        await(clock_advance(1));
        await(settle_down());
        expect_int(session.unanswered_for, silence);
        await(over_after(task, CLIENT_LAST_CLOSE));
}

/* With this time-out; the words name the silence. */
static async void
no_answer_is_given_up_after(int64_t timeout, aw_time silence, const char *words)
{
        struct aw_task *task;

        begin(send_one);
        answers = false;
        options.connection.timeout = timeout;
        task = await(begin_session());
        await(comes(1));
        await(is_given_up_after(task, silence));
        await(has_status(task, CLIENT_CLOSED, words,
                         "connect message-1 finish shutdown-1000 told close-1000"));
}

static async int
a_server_that_does_not_answer_the_close_has_five_seconds(NOTHING)
{
        await(no_answer_is_given_up_after(
                8 * AW_SECOND, 5 * AW_SECOND,
                "wsecho: 192.0.2.1:7681 did not answer the Close within 5s\n"));
        return 0;
}

/* It goes on talking all the time. */
static async int
the_five_seconds_begin_with_our_close(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        answers = false;
        options.ending.wait_time = 1900 * AW_MILLISECOND;
        task = await(begin_session());
        await(clock_advance(AW_SECOND));
        await(clock_advance(900 * AW_MILLISECOND));
        await(settle_down());
        await(is_given_up_after(task, 5 * AW_SECOND));
        await(has_status(task, CLIENT_CLOSED,
                         "wsecho: 192.0.2.1:7681 did not answer the Close within 5s\n",
                         "connect shutdown-1000 told close-1000"));
        return 0;
}

static async int
a_server_that_has_closed_may_take_its_time_to_hang_up(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        lingers = true;
        task = await(begin_session());
        await(comes(1));
        await(clock_advance(1000 * AW_SECOND));
        await(settle_down());
        expect(!aw_task_done(task));
        aw_cancel(task);
        await(settle_down());
        await(has_status(task, CLIENT_OK, "",
                         "connect message-1 finish shutdown-1000 told close-1000"));
        /* But not if we have no time. */
        begin(send_one);
        lingers = true;
        task = await(begin_session());
        for (int second = 0; second < 8; second++)
                await(clock_advance(AW_SECOND));
        await(settle_down());
        await(over_after(task, CLIENT_LAST_CLOSE));
        await(has_status(task, CLIENT_TIMEOUT, "wsecho: time-out: no reply from 192.0.2.1:7681\n",
                         "connect shutdown-1000 told close-1000"));
        return 0;
}

static async int
a_server_that_goes_on_talking_has_as_long_as_the_time_out(NOTHING)
{
        struct aw_task *task;
        aw_time begun;

        begin(send_one);
        answers = false;
        options.connection.timeout = 7 * AW_SECOND;
        session.reader_time = 3 * AW_SECOND; /* before our Close */
        task = await(begin_session());
        await(comes(1));
        begun = aw_loop_now();
        while (session.unanswered_for == 0 && aw_loop_now() < begun + 20 * AW_SECOND) {
                traffic.received++;
                await(clock_advance(100 * AW_MILLISECOND));
                await(settle_down());
        }
        expect(aw_loop_now() >= begun + 7 * AW_SECOND && aw_loop_now() < begun + 8 * AW_SECOND);
        expect_int(session.unanswered_for, 7 * AW_SECOND);
        await(clock_advance(200 * AW_MILLISECOND));
        await(settle_down());
        await(has_status(task, CLIENT_CLOSED,
                         "wsecho: 192.0.2.1:7681 did not answer the Close within 7s\n",
                         "connect message-1 finish shutdown-1000 told close-1000"));
        return 0;
}

static async int
a_silence_ends_it_sooner_if_the_time_out_is_short(NOTHING)
{
        await(no_answer_is_given_up_after(
                2 * AW_SECOND, 2 * AW_SECOND,
                "wsecho: 192.0.2.1:7681 did not answer the Close within 2s\n"));
        await(no_answer_is_given_up_after(
                0, 5 * AW_SECOND, "wsecho: 192.0.2.1:7681 did not answer the Close within 5s\n"));
        return 0;
}

static async int
what_comes_after_our_close_is_printed(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        options.ending.wait_time = 0;
        answers = false;
        task = await(begin_session());
        await(comes(2));
        await(ends(EPIPE, 1000));
        await(has_status(
                task, CLIENT_OK, "",
                "connect shutdown-1000 message-1 finish message-2 finish told close-1000"));
        return 0;
}

static async int
readers_who_stop_reading_are_the_time_outs_business_unless_the_input_is(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        reader = true;
        aw_event_clear(&readable);
        task = await(begin_session());
        await(comes(1));
        for (int second = 0; second < 8; second++)
                await(clock_advance(AW_SECOND));
        await(settle_down());
        await(clock_advance(CLIENT_LAST_CLOSE));
        await(settle_down());
        await(has_status(task, CLIENT_TIMEOUT, "wsecho: time-out: nobody reads standard output\n",
                         "connect message-1 shutdown-1000 told drop"));
        /* A file has no reader: it takes its time. */
        begin(send_one);
        aw_event_clear(&readable);
        task = await(begin_session());
        await(comes(1));
        for (int second = 0; second < 30; second++)
                await(clock_advance(AW_SECOND));
        await(settle_down());
        expect(!aw_task_done(task));
        aw_event_set(&readable);
        await(settle_down());
        await(has_status(task, CLIENT_OK, "",
                         "connect message-1 finish shutdown-1000 told close-1000"));
        begin(send_one);
        session.from_input = true;
        reader = true;
        aw_event_clear(&readable);
        task = await(begin_session());
        await(comes(1));
        for (int second = 0; second < 30; second++)
                await(clock_advance(AW_SECOND));
        await(settle_down());
        expect(!aw_task_done(task));
        aw_event_set(&readable);
        await(settle_down());
        expect_int(session.reader_time, 30 * AW_SECOND);
        await(has_status(task, CLIENT_OK, "", "connect message-1 shutdown-1000 told close-1000"));
        return 0;
}

/* So long a reader took for the message; it counts from ten milliseconds on. */
static async void
reader_takes(aw_time time, bool is_reader, int64_t counted)
{
        struct aw_task *task;

        begin(send_one);
        reader = is_reader;
        aw_event_clear(&readable);
        task = await(begin_session());
        await(comes(1));
        await(clock_advance(time));
        aw_event_set(&readable);
        await(settle_down());
        expect_int(session.reader_time, counted);
        await(has_status(task, CLIENT_OK, "",
                         "connect message-1 finish shutdown-1000 told close-1000"));
}

static async int
pauses_of_readers_are_counted_from_ten_milliseconds_on(NOTHING)
{
        await(reader_takes(10 * AW_MILLISECOND - 1, true, 0));
        await(reader_takes(10 * AW_MILLISECOND, true, 10 * AW_MILLISECOND));
        await(reader_takes(10 * AW_MILLISECOND, false, 0));
        return 0;
}

static async int
an_output_that_fails_ends_it(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        output_error = ENOSPC;
        task = await(begin_session());
        await(comes(1));
        await(has_status(task, CLIENT_LOCAL, "wsecho: standard output: No space left on device\n",
                         "connect message-1 shutdown-1000 told close-1000"));
        expect_int((long long)session.received, 0);
        return 0;
}

static async int
who_is_stopped_has_a_fifth_of_a_second(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        answers = false;
        task = await(begin_session());
        aw_cancel(task);
        await(settle_down());
        await(over_after(task, CLIENT_LAST_CLOSE));
        await(has_status(task, CLIENT_OK, "", "connect shutdown-1000 told drop"));
        expect(session.stopped);
        begin(send_one);
        task = await(begin_session());
        aw_cancel(task);
        await(settle_down());
        await(has_status(task, CLIENT_OK, "", "connect shutdown-1000 told close-1000"));
        /* While it waits for the server's Close. */
        begin(send_one);
        answers = false;
        task = await(begin_session());
        await(comes(1));
        await(clock_advance(AW_SECOND));
        aw_cancel(task);
        await(settle_down());
        await(over_after(task, CLIENT_LAST_CLOSE));
        await(has_status(task, CLIENT_OK, "", "connect message-1 finish shutdown-1000 told drop"));
        return 0;
}

static async int
time_for_the_rest_depends_on_the_end(NOTHING)
{
        begin(send_one);
        expect(session_last_deadline(&session) == AW_NEVER);
        session.status = CLIENT_SIGNAL;
        expect(session_last_deadline(&session) == AW_NEVER);
        session.status = CLIENT_SIGNAL + 1;
        expect_int(session_last_deadline(&session) - aw_loop_now(), CLIENT_LAST_CLOSE);
        session.status = CLIENT_OK;
        session.stopped = true;
        expect_int(session_last_deadline(&session) - aw_loop_now(), 200 * AW_MILLISECOND);
        session.stopped = false;
        session.late = true;
        expect_int(session_last_deadline(&session) - aw_loop_now(), 200 * AW_MILLISECOND);
        clock_go_on();
        return 0;
}

static async int
without_a_connection_there_is_no_session(NOTHING)
{
        struct aw_task *task;

        begin(send_one);
        again = true;
        task = await(begin_session());
        await(has_status(task, CLIENT_LOCAL, "", "connect"));
        begin(send_one);
        again = true;
        session_fail(&session, CLIENT_HANDSHAKE);
        task = await(begin_session());
        await(has_status(task, CLIENT_HANDSHAKE, "", "connect"));
        return 0;
}

static async int
at_a_terminal_it_begins_before_and_is_told_of_the_close(NOTHING)
{
        static char somebody;
        struct aw_task *task;

        begin(send_one);
        session.terminal = (struct terminal *)&somebody;
        task = await(begin_session());
        await(comes(1));
        await(has_status(task, CLIENT_OK, "",
                         "connect begin message-1 finish shutdown-1000 closed told close-1000"));
        begin(send_one);
        session.terminal = (struct terminal *)&somebody;
        early = true;
        task = await(begin_session());
        await(comes(1));
        await(has_status(task, CLIENT_OK, "",
                         "begin connect message-1 finish shutdown-1000 closed told close-1000"));
        /* There was none when it ended. */
        begin(send_one);
        session.terminal = (struct terminal *)&somebody;
        early = again = true;
        task = await(begin_session());
        await(has_status(task, CLIENT_LOCAL, "", "begin"));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_server_that_does_not_answer_the_close_has_five_seconds),
                on_loop(the_five_seconds_begin_with_our_close),
                on_loop(a_server_that_has_closed_may_take_its_time_to_hang_up),
                on_loop(a_server_that_goes_on_talking_has_as_long_as_the_time_out),
                on_loop(a_silence_ends_it_sooner_if_the_time_out_is_short),
                on_loop(what_comes_after_our_close_is_printed),
                on_loop(readers_who_stop_reading_are_the_time_outs_business_unless_the_input_is),
                on_loop(pauses_of_readers_are_counted_from_ten_milliseconds_on),
                on_loop(an_output_that_fails_ends_it),
                on_loop(who_is_stopped_has_a_fifth_of_a_second),
                on_loop(time_for_the_rest_depends_on_the_end),
                on_loop(without_a_connection_there_is_no_session),
                on_loop(at_a_terminal_it_begins_before_and_is_told_of_the_close),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
