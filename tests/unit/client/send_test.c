/* SPDX-License-Identifier: MIT */
/* Wraps: reconnect_wait ws_send ws_send_part ws_info ws_peer ws_peer_close ws_problem. */
/* What becomes of a message: sent, sent again, or why not. */
#include "reconnect.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

static int outcomes[6]; /* errno of each call, or 0 */
static size_t calls;
static bool another; /* reconnect_wait() finds another connection */
static char next_place;
static struct session session;
static struct client_options options;

async int __wrap_ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline);
async int __wrap_ws_send_part(struct ws *ws, const struct ws_message *part, bool final,
                              aw_time deadline);
async bool __wrap_reconnect_wait(struct session *waiting, const struct ws *ended);

static int
outcome(struct ws *ws)
{
        expect(session.sending);
        trace(ws == peer_ws() ? "first" : "next");
        errno = outcomes[calls++];
        return errno == 0 ? 0 : -1;
}

async int
__wrap_ws_send(struct ws *ws, const struct ws_message *message, aw_time deadline)
{
        (void)message;
        expect(deadline == AW_NEVER);
        trace("whole");
        return outcome(ws);
}

async int
__wrap_ws_send_part(struct ws *ws, const struct ws_message *part, bool final, aw_time deadline)
{
        (void)part;
        expect(deadline == AW_NEVER);
        trace(final ? "last" : "part");
        return outcome(ws);
}

async bool
__wrap_reconnect_wait(struct session *waiting, const struct ws *ended)
{
        expect(ended == waiting->ws);
        trace("wait");
        waiting->ws = (struct ws *)&next_place;
        waiting->reconnecting = false;
        errno = EPIPE;
        return another;
}

static const struct ws_message message = {.type = WS_TEXT, .length = 3};

static void
begin(void)
{
        options_init(&options);
        options.ending.wait_time = -1;
        session = (struct session){.options = &options, .ws = peer_ws()};
        memset(outcomes, 0, sizeof(outcomes));
        calls = 0;
        another = true;
        test_trace[0] = '\0';
        said_begin();
}

static async int
a_message_that_went_is_counted(NOTHING)
{
        begin();
        session.received = 1;
        session.all_sent = true;
        options.ending.count = 1;
        expect_int(await(session_send(&session, &message, "it")), 0);
        expect_trace("whole first");
        expect_int((long long)session.sent, 1);
        expect_int((long long)session.bytes_sent, 3);
        expect(session.active > 0 && !session.sending && !session.in_parts);
        expect(aw_event_is_set(&session.changed));
        begin();
        expect_int(await(session_send(&session, &message, "it")), 0);
        expect(!aw_event_is_set(&session.changed));
        return 0;
}

static async int
a_message_in_parts_is_one_and_its_bytes_count_at_once(NOTHING)
{
        begin();
        expect_int(await(session_send_part(&session, &message, false, "it")), 0);
        expect(session.in_parts && session.active > 0);
        expect_int((long long)session.sent, 0);
        expect_int((long long)session.bytes_sent, 3);
        expect_int(await(session_send_part(&session, &message, true, "it")), 0);
        expect(!session.in_parts);
        expect_int((long long)session.sent, 1);
        expect_int((long long)session.bytes_sent, 6);
        expect_trace("part first last first");
        return 0;
}

static async int
what_fails_is_said_with_its_name(NOTHING)
{
        static const struct {
                int error;
                enum client_status status;
                bool failed, unsent;
                const char *words;
        } rows[] = {
                {EILSEQ, CLIENT_USAGE, true, false,
                 "wsecho: it is not UTF-8: send it with --binary\n"},
                {EPIPE, CLIENT_OK, false, true, ""},
                {ECANCELED, CLIENT_OK, false, true, ""},
                {ENOMEM, CLIENT_LOCAL, true, false,
                 "wsecho: it cannot be sent: Cannot allocate memory\n"},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                begin();
                another = false;
                outcomes[0] = rows[i].error;
                expect_error(await(session_send(&session, &message, "it")), rows[i].error);
                expect_int((long long)session.sent, 0);
                expect_int((long long)session.bytes_sent, 0);
                expect(!session.sending && session.active == 0);
                expect_int(session.failed, rows[i].failed);
                expect_int(session.status, rows[i].status);
                expect_int(session.unsent, rows[i].unsent);
                expect_trace(rows[i].error == EPIPE ? "whole first wait" : "whole first");
                test_expect(strcmp(said, rows[i].words) == 0, __FILE__, __LINE__,
                            "'%s' (it is '%s')", rows[i].words, said);
        }
        begin();
        another = false;
        outcomes[0] = EPIPE;
        expect_error(await(session_send_part(&session, &message, true, "it")), EPIPE);
        expect_int((long long)session.sent, 0);
        return 0;
}

static async int
another_connection_gets_it_again(NOTHING)
{
        begin();
        options.connection.reconnect = AW_SECOND;
        outcomes[0] = EPIPE;
        expect_int(await(session_send(&session, &message, "it")), 0);
        expect_trace("whole first wait whole next");
        expect_int((long long)session.sent, 1);
        expect_int((long long)session.bytes_sent, 3);
        /* The loss of the next one is noticed in the same way. */
        begin();
        options.connection.reconnect = AW_SECOND;
        outcomes[0] = outcomes[1] = EPIPE;
        expect_int(await(session_send(&session, &message, "it")), 0);
        expect_trace("whole first wait whole next wait whole next");
        /* Nothing is given to a connection that is known to be lost. */
        begin();
        session.reconnecting = true;
        expect_int(await(session_send(&session, &message, "it")), 0);
        expect_trace("wait whole next");
        begin();
        session.reconnecting = true;
        another = false;
        errno = 0;
        expect_error(await(session_send(&session, &message, "it")), EPIPE);
        expect_trace("wait");
        expect(session.unsent && !session.failed);
        return 0;
}

static async int
the_rest_of_a_message_goes_through_no_other_connection(NOTHING)
{
        begin();
        options.connection.reconnect = 1;
        expect_int(await(session_send_part(&session, &message, false, "it")), 0);
        outcomes[1] = EPIPE;
        expect_error(await(session_send_part(&session, &message, true, "it")), EPIPE);
        expect_trace("part first last first");
        expect(session.failed && !session.unsent);
        expect_int(session.status, CLIENT_CLOSED);
        expect(strcmp(said, "wsecho: the connection was lost in the middle of it\n") == 0);
        /* Without --reconnect the server's Close tells more. */
        begin();
        expect_int(await(session_send_part(&session, &message, false, "it")), 0);
        outcomes[1] = EPIPE;
        expect_error(await(session_send_part(&session, &message, true, "it")), EPIPE);
        expect(!session.failed && session.unsent && said[0] == '\0');
        begin();
        options.connection.reconnect = AW_SECOND;
        session.in_parts = true;
        session.reconnecting = true;
        errno = 0;
        expect_error(await(session_send_part(&session, &message, true, "it")), EPIPE);
        expect_trace("");
        expect_int(session.status, CLIENT_CLOSED);
        return 0;
}

static async int
wait_for_reply(NOTHING)
{
        errno = 0;
        return await(session_wait_for_reply(&session)) == 0 ? 0 : errno == 0 ? -1 : errno;
}

static async int
a_sender_waits_for_the_reply_if_replies_are_waited_for(NOTHING)
{
        struct aw_task *task;

        begin();
        session.sent = 1;
        aw_event_set(&session.received_one); /* of the message before */
        task = aw_spawn("wait", wait_for_reply, NULL);
        await(aw_sleep(0));
        aw_event_set(&session.received_one); /* a greeting */
        await(aw_sleep(0));
        expect(!aw_task_done(task));
        session.received = 1;
        aw_event_set(&session.received_one);
        expect_int(await(aw_join(task)), 0);
        expect_int(await(wait_for_reply(NULL)), 0);

        begin();
        session.sent = 1;
        task = aw_spawn("wait", wait_for_reply, NULL);
        await(aw_sleep(0));
        session.ended = true;
        aw_event_set(&session.received_one);
        expect_int(await(aw_join(task)), EPIPE);
        begin();
        session.sent = 1;
        task = aw_spawn("wait", wait_for_reply, NULL);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), ECANCELED);

        begin();
        session.sent = 1;
        session.ended = true;
        expect_int(await(wait_for_reply(NULL)), EPIPE);
        options.ending.forever = true;
        expect_int(await(wait_for_reply(NULL)), 0);
        options.ending.forever = false;
        options.ending.wait_time = 0;
        expect_int(await(wait_for_reply(NULL)), 0);
        options.ending.wait_time = -1;
        options.ending.count = 1;
        expect_int(await(wait_for_reply(NULL)), 0);
        options.ending.count = 0;
        options.ending.has_expected = true;
        expect_int(await(wait_for_reply(NULL)), 0);
        options.ending.has_expected = false;
        return 0;
}

static async int
pause_once(NOTHING)
{
        errno = 0;
        return await(session_pause(&session)) == 0 ? 0 : errno == 0 ? -1 : errno;
}

static async int
between_two_messages_is_the_interval(NOTHING)
{
        struct aw_task *task;

        clock_stop();
        begin();
        expect_int(await(pause_once(NULL)), 0);
        options.sending.interval = AW_SECOND;
        task = aw_spawn("pause", pause_once, NULL);
        await(aw_sleep(0));
        await(clock_advance(AW_SECOND - 1));
        expect(!aw_task_done(task));
        await(clock_advance(1));
        expect_int(await(aw_join(task)), 0);
        expect(!session.unsent);
        task = aw_spawn("pause", pause_once, NULL);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), ECANCELED);
        expect(session.unsent);
        clock_go_on();
        expect_int(await(nothing_send(NULL)), 0);
        return 0;
}

static async int
a_close_has_a_code_and_a_reason_that_may_be_none(NOTHING)
{
        char long_one[200];

        begin();
        memset(long_one, 'x', sizeof(long_one));
        long_one[199] = '\0';
        session_set_close(&session, 4000, "bye");
        expect(session.code == 4000 && strcmp(session.reason, "bye") == 0);
        session_set_close(&session, 1000, NULL);
        expect(session.code == 1000 && session.reason[0] == '\0');
        session_set_close(&session, 1000, long_one);
        expect_int((long long)strlen(session.reason), 123);
        aw_event_clear(&session.changed);
        session_fail(&session, CLIENT_TLS);
        session_fail(&session, CLIENT_LOCAL);
        expect(session.failed && session.status == CLIENT_TLS && aw_event_is_set(&session.changed));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_message_that_went_is_counted),
                on_loop(a_message_in_parts_is_one_and_its_bytes_count_at_once),
                on_loop(what_fails_is_said_with_its_name),
                on_loop(another_connection_gets_it_again),
                on_loop(the_rest_of_a_message_goes_through_no_other_connection),
                on_loop(a_sender_waits_for_the_reply_if_replies_are_waited_for),
                on_loop(between_two_messages_is_the_interval),
                on_loop(a_close_has_a_code_and_a_reason_that_may_be_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
