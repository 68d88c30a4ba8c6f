/* SPDX-License-Identifier: MIT */
/* Wraps: client_refused connector_connect connector_url getrandom report_close report_open report_reconnect report_start session_greet ws_drop ws_info ws_peer ws_peer_close ws_problem. */
/* --reconnect: when it tries again, after which pauses, and what becomes of the session. */
#include <sys/random.h>

#include "connect.h"
#include "reconnect.h"
#include "report.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

#define ATTEMPTS 8

/* What becomes of the attempts, in order; the last one goes on. */
static struct aw_error outcomes[ATTEMPTS];
static size_t outcome_count, attempts;
static uint32_t random_number;
static bool random_fails;
static char first_place, second_place;
static struct ws *const first = (struct ws *)&first_place, *const second =
                                                                   (struct ws *)&second_place;

async struct ws *__wrap_connector_connect(struct connector *connector, struct aw_error *error);
const char *__wrap_connector_url(const struct connector *connector);
enum client_status __wrap_client_refused(const struct aw_error *error,
                                         const struct connector *connector);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);
void __wrap_report_start(struct report *report);
async void __wrap_report_open(struct report *report, struct printer *printer, const struct ws *ws,
                              const char *url);
async void __wrap_report_close(struct report *report, struct printer *printer, const struct ws *ws);
async void __wrap_report_reconnect(struct report *report, struct printer *printer, const char *why,
                                   int64_t pause);
void __wrap_session_greet(const struct session *session);
void __wrap_ws_drop(struct ws *ws);

static aw_time attempted[ATTEMPTS];

async struct ws *
__wrap_connector_connect(struct connector *connector, struct aw_error *error)
{
        size_t at = attempts < outcome_count ? attempts : outcome_count;

        (void)connector;
        if (attempts < ATTEMPTS)
                attempted[attempts] = aw_loop_now();
        attempts++;
        trace("connect");
        *error = outcomes[at];
        return error->kind == AW_ERROR_NONE ? second : NULL;
}

const char *
__wrap_connector_url(const struct connector *connector)
{
        (void)connector;
        return "ws://a";
}

enum client_status
__wrap_client_refused(const struct aw_error *error, const struct connector *connector)
{
        (void)connector;
        trace(error->text);
        return CLIENT_HANDSHAKE;
}

ssize_t
__wrap_getrandom(void *buffer, size_t size, unsigned flags)
{
        expect(flags == GRND_NONBLOCK && size == sizeof(random_number));
        memcpy(buffer, &random_number, size);
        return random_fails ? -1 : (ssize_t)size;
}

void
__wrap_report_start(struct report *report)
{
        (void)report;
        trace("start");
}

static const char *unread; /* what is printed that nobody reads; or NULL */

static async void
print_word(const char *word)
{
        struct aw_event never = {.set = false};

        trace(word);
        if (unread != NULL && strcmp(word, unread) == 0)
                await(aw_event_wait(&never, AW_NEVER));
}

async void
__wrap_report_open(struct report *report, struct printer *printer, const struct ws *ws,
                   const char *url)
{
        (void)report;
        (void)printer;
        expect(ws == second && strcmp(url, "ws://a") == 0);
        await(print_word("open"));
}

async void
__wrap_report_close(struct report *report, struct printer *printer, const struct ws *ws)
{
        (void)report;
        (void)printer;
        expect(ws == first);
        await(print_word("close"));
}

static int64_t reported_pause;

async void
__wrap_report_reconnect(struct report *report, struct printer *printer, const char *why,
                        int64_t pause)
{
        (void)report;
        (void)printer;
        (void)why;
        reported_pause = pause;
        await(print_word("pause"));
}

void
__wrap_session_greet(const struct session *session)
{
        (void)session;
        trace("greet");
}

void
__wrap_ws_drop(struct ws *ws)
{
        expect(ws == first || ws == second);
        trace(ws == first ? "drop" : "drop-again");
}

static struct client_options options;
static struct session session;

/* A session whose connection was lost, with --reconnect, while two messages had no reply. */
static void
begin(int64_t max)
{
        options_init(&options);
        options.connection.reconnect = max;
        options.ending.wait_time = -1;
        session = (struct session){.options = &options,
                                   .ws = first,
                                   .sent = 5,
                                   .received = 3,
                                   .error = EPIPE,
                                   .greeted = 4,
                                   .opened = aw_loop_now(),
                                   .active = 1,
                                   .traffic = {.received = 7, .sent = 8}};
        peer_close = (struct ws_peer_close){.code = WS_ABNORMAL};
        memset(outcomes, 0, sizeof(outcomes));
        outcome_count = 0;
        attempts = 0;
        random_number = 0;
        random_fails = false;
        test_trace[0] = '\0';
        said_begin();
}

static async int
after(void *nothing)
{
        (void)nothing;
        return await(reconnect_after(&session));
}

/* Sleeps that are due in so long, and not before, are over. */
static async void
passes(aw_time time, struct aw_task *task)
{
        await(clock_advance(time - 1));
        expect(!aw_task_done(task));
        await(clock_advance(1));
}

static async struct aw_task *
spawn_after(void)
{
        struct aw_task *task = aw_spawn("after", after, NULL);

        for (int i = 0; i < 4; i++)
                await(aw_sleep(0));
        return task;
}

static void
is_said(const char *words)
{
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    words, said);
        said_begin();
}

static async int
a_lost_connection_is_made_anew_and_the_session_goes_on(NOTHING)
{
        struct aw_task *task;
        aw_time then;

        clock_stop();
        begin(30 * AW_SECOND);
        aw_event_clear(&session.reopened);
        task = await(spawn_after());
        expect_trace("close pause");
        is_said("wsecho: the connection to 192.0.2.1:7681 was lost (1006), with 2 messages not "
                "replied "
                "to: trying again in 250ms\n");
        expect(session.reconnecting && session.reported);
        expect(aw_event_is_set(&session.changed) && aw_event_is_set(&session.received_one));
        expect(!aw_event_is_set(&session.reopened));
        expect_int((long long)session.unanswered, 2);
        expect_int((long long)session.greeted, 0);
        expect(session.ws == first);
        await(passes(250 * AW_MILLISECOND, task));
        expect_int(await(aw_join(task)), true);
        then = aw_loop_now();
        expect_trace("start connect open drop");
        is_said("wsecho: connected again to ws://a\n");
        expect(session.ws == second && !session.reconnecting && !session.reported);
        expect_int(session.opened, then);
        expect_int(session.active, then);
        expect_int((long long)session.traffic.received, 0);
        expect_int((long long)session.traffic.sent, 0);
        expect(session.sent > 0 && session.sent_before == session.sent);
        expect(aw_event_is_set(&session.reopened));
        clock_go_on();
        return 0;
}

static async int
pauses_double_up_to_the_most(NOTHING)
{
        static const int64_t pauses[] = {500, 1000, 2000, 3000, 3000};
        struct aw_task *task;

        clock_stop();
        begin(3 * AW_SECOND);
        outcome_count = 4;
        for (size_t i = 0; i < outcome_count; i++)
                aw_error_set(&outcomes[i], AW_ERROR_CONNECTION, ECONNREFUSED, "refused");
        random_number = UINT32_MAX;
        task = await(spawn_after());
        for (size_t i = 0; i < 5; i++) {
                expect_int(reported_pause, pauses[i] * AW_MILLISECOND);
                await(passes(pauses[i] * AW_MILLISECOND, task));
        }
        expect_int(await(aw_join(task)), true);
        expect_trace("close pause start connect pause start connect pause start connect pause "
                     "start connect pause start connect open drop");
        is_said("wsecho: the connection to 192.0.2.1:7681 was lost (1006), with 2 messages not "
                "replied to: trying again in 500ms\n"
                "wsecho: refused: trying again in 1s\n"
                "wsecho: refused: trying again in 2s\n"
                "wsecho: refused: trying again in 3s\n"
                "wsecho: refused: trying again in 3s\n"
                "wsecho: connected again to ws://a\n");
        clock_go_on();
        return 0;
}

static async int
a_pause_is_at_random_from_half_of_it_on(NOTHING)
{
        struct aw_task *task;

        clock_stop();
        begin(100 * AW_MILLISECOND);
        random_number = UINT32_MAX / 2;
        task = await(spawn_after());
        expect_int(reported_pause, 75 * AW_MILLISECOND - 1);
        await(clock_advance(75 * AW_MILLISECOND));
        expect_int(await(aw_join(task)), true);

        /* A connection that lasted for no longer than the pause has had no success. */
        session.ws = first;
        session.unanswered = 2;
        random_number = 7;
        random_fails = true;
        session.pause = 400;
        options.connection.reconnect = 5000;
        clock_ahead += 400;
        task = await(spawn_after());
        expect_int(reported_pause, 200);
        expect_int(session.pause, 800);
        await(clock_advance(200));
        expect_int(await(aw_join(task)), true);
        session.ws = first;
        session.pause = 400;
        options.connection.reconnect = AW_SECOND;
        clock_ahead += 401;
        task = await(spawn_after());
        expect_int(reported_pause, 250 * AW_MILLISECOND);
        expect_int(session.pause, AW_SECOND);
        await(clock_advance(250 * AW_MILLISECOND));
        expect_int(await(aw_join(task)), true);
        clock_go_on();
        return 0;
}

static async int
what_will_not_pass_ends_it(NOTHING)
{
        static const struct {
                enum aw_error_kind kind;
                int status;
                bool passes;
        } rows[] = {
                {AW_ERROR_USAGE, 0, false},       {AW_ERROR_CERTIFICATE, 0, false},
                {AW_ERROR_TLS, 0, false},         {AW_ERROR_MEMORY, 0, false},
                {AW_ERROR_CANCELLED, 0, false},   {AW_ERROR_RESOLVE, 0, true},
                {AW_ERROR_CONNECTION, 0, true},   {AW_ERROR_TIMEOUT, 0, true},
                {AW_ERROR_SYSTEM, 0, true},       {AW_ERROR_HANDSHAKE, 499, false},
                {AW_ERROR_HANDSHAKE, 500, true},  {AW_ERROR_HANDSHAKE, 503, true},
                {AW_ERROR_HANDSHAKE, 404, false}, {AW_ERROR_HANDSHAKE, 408, true},
                {AW_ERROR_HANDSHAKE, 429, true},  {AW_ERROR_HANDSHAKE, 0, false},
                {AW_ERROR_CONNECTION, 404, true},
        };
        struct aw_task *task;

        clock_stop();
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                begin(AW_SECOND);
                aw_error_set(&outcomes[0], rows[i].kind, EIO, "no");
                outcomes[0].status = rows[i].status;
                outcome_count = 1;
                task = await(spawn_after());
                await(clock_advance(250 * AW_MILLISECOND));
                await(clock_advance(500 * AW_MILLISECOND));
                expect_int(await(aw_join(task)), rows[i].passes);
                expect_int(session.failed, !rows[i].passes);
                expect(!session.reconnecting);
                expect(session.ws == (rows[i].passes ? second : first));
                expect(aw_event_is_set(&session.reopened));
                expect_trace(rows[i].passes
                                     ? "close pause start connect pause start connect open drop"
                                     : "close pause start connect no");
                if (!rows[i].passes)
                        expect_int(session.status, CLIENT_HANDSHAKE);
        }
        clock_go_on();
        return 0;
}

static async int
a_cancellation_counts_though_nobody_reads_what_is_printed(NOTHING)
{
        static const struct {
                const char *unread, *words;
        } rows[] = {{"close", "close pause"},
                    {"pause", "close pause"},
                    {"open", "close pause start connect open drop-again"}};
        struct aw_task *task;

        clock_stop();
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                begin(AW_SECOND);
                unread = rows[i].unread;
                task = await(spawn_after());
                await(clock_advance(500 * AW_MILLISECOND));
                aw_cancel(task);
                expect_int(await(aw_join(task)), false);
                expect_trace(rows[i].words);
                expect(session.ws == first && !session.reconnecting);
                unread = NULL;
        }
        clock_go_on();
        return 0;
}

static async int
an_end_that_is_meant_is_one(NOTHING)
{
        begin(AW_SECOND);
        peer_close.code = WS_NORMAL;
        expect(!await(reconnect_after(&session)));
        begin(AW_SECOND);
        peer_close.code = 4000;
        options.ending.close_ok = "4000";
        expect(!await(reconnect_after(&session)));
        begin(AW_SECOND);
        session.error = EPROTO;
        expect(!await(reconnect_after(&session)));
        begin(0);
        expect(!await(reconnect_after(&session)));
        begin(AW_SECOND);
        session.closing = true;
        expect(!await(reconnect_after(&session)));
        begin(AW_SECOND);
        session.failed = true;
        expect(!await(reconnect_after(&session)));
        begin(AW_SECOND);
        options.ending.count = 3;
        expect(!await(reconnect_after(&session)));
        expect_int((long long)session.unanswered, 0);
        expect_trace("");
        is_said("");
        /* Only the lost replies were waited for. */
        begin(AW_SECOND);
        session.all_sent = true;
        expect(!await(reconnect_after(&session)));
        expect_int((long long)session.unanswered, 2);
        expect(!session.reconnecting);
        expect_trace("");
        return 0;
}

static async int
who_stops_it_ends_the_pause_and_the_attempts(NOTHING)
{
        struct aw_task *task;

        clock_stop();
        begin(AW_SECOND);
        session.sent = 3;
        task = await(spawn_after());
        is_said("wsecho: the connection to 192.0.2.1:7681 was lost (1006): trying again in "
                "250ms\n");
        aw_cancel(task);
        expect_int(await(aw_join(task)), false);
        expect_trace("close pause");
        expect(!session.reconnecting && session.ws == first && !session.failed);
        expect(aw_event_is_set(&session.reopened));

        begin(AW_SECOND);
        aw_error_set(&outcomes[0], AW_ERROR_CONNECTION, ECONNREFUSED, "refused");
        outcome_count = 1;
        task = await(spawn_after());
        await(clock_advance(250 * AW_MILLISECOND));
        aw_cancel(task);
        expect_int(await(aw_join(task)), false);
        expect_trace("close pause start connect pause");
        clock_go_on();
        return 0;
}

static async int
the_first_connection_is_made_in_the_same_way(NOTHING)
{
        static char somebody;

        begin(0);
        session.ws = NULL;
        expect(!reconnect_is_early(&session));
        expect_int(await(reconnect_first(&session)), 0);
        expect_trace("start connect open");
        expect(session.ws == second && !session.reconnecting && !session.reported);
        expect(session.active > 1 && aw_event_is_set(&session.reopened));
        begin(0);
        session.ws = NULL;
        session.terminal = (struct terminal *)&somebody;
        expect(!reconnect_is_early(&session));
        begin(AW_SECOND);
        expect(!reconnect_is_early(&session));
        session.ws = NULL;
        session.terminal = (struct terminal *)&somebody;
        expect(reconnect_is_early(&session));
        expect_int(await(reconnect_first(&session)), 0);
        expect_trace("start connect open greet");
        /* Without --reconnect nothing is tried again. */
        begin(0);
        session.ws = NULL;
        aw_error_set(&outcomes[0], AW_ERROR_CONNECTION, ECONNREFUSED, "refused");
        outcome_count = 1;
        expect_int(await(reconnect_first(&session)), -1);
        expect(session.failed && session.ws == NULL);
        expect(session.reconnecting && session.reported);
        expect_trace("start connect refused");
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_lost_connection_is_made_anew_and_the_session_goes_on),
                on_loop(pauses_double_up_to_the_most),
                on_loop(a_pause_is_at_random_from_half_of_it_on),
                on_loop(what_will_not_pass_ends_it),
                on_loop(a_cancellation_counts_though_nobody_reads_what_is_printed),
                on_loop(an_end_that_is_meant_is_one),
                on_loop(who_stops_it_ends_the_pause_and_the_attempts),
                on_loop(the_first_connection_is_made_in_the_same_way),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
