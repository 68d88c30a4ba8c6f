/* SPDX-License-Identifier: MIT */
/* A session whose server, reader and terminal are the test's, on a clock that the test puts forward. */
#ifndef SESSION_TEST_H
#define SESSION_TEST_H

#include "print.h"
#include "reconnect.h"
#include "report.h"
#include "session.h"
#include "terminal.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

static struct client_options options;
static struct session session;
static struct ws_traffic traffic;
static unsigned looks;       /* that were taken at it */
static struct aw_event came; /* a message, or the end */
static unsigned messages;    /* that have come, and are not taken yet */
static int closed;           /* errno of the end, once there is one */
static bool answers;         /* our Close, at once */
static bool lingers;         /* after the Close frames */
static uint64_t output;      /* bytes of ours that were read */
static bool reader, early, again;
static struct aw_event readable; /* set: the output is taken */
static int output_error;

async int __wrap_ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline);
void __wrap_ws_shutdown(struct ws *ws, unsigned code, const char *reason);
async int __wrap_ws_close(struct ws *ws, unsigned code, const char *reason);
void __wrap_ws_drop(struct ws *ws);
void __wrap_ws_traffic(const struct ws *ws, struct ws_traffic *out);
async int __wrap_report_message(struct report *report, struct printer *printer,
                                const struct ws_message *message, uint64_t n);
async void __wrap_report_close(struct report *report, struct printer *printer, const struct ws *ws);
async int __wrap_print_finish(struct printer *printer);
bool __wrap_print_has_reader(const struct printer *printer);
bool __wrap_print_is_blocked(const struct printer *printer);
uint64_t __wrap_print_taken(const struct printer *printer);
async int __wrap_reconnect_first(struct session *it);
async bool __wrap_reconnect_after(struct session *it);
bool __wrap_reconnect_is_early(const struct session *it);
int __wrap_terminal_begin(struct terminal *terminal, struct session *it);
void __wrap_terminal_closed(struct terminal *terminal, const struct ws *ws);

async int
__wrap_ws_receive(struct ws *ws, struct ws_message *message, aw_time deadline)
{
        expect(ws == peer_ws() && deadline == AW_NEVER);
        while (messages == 0 && closed == 0) {
                aw_event_clear(&came);
                if (await(aw_event_wait(&came, AW_NEVER)) == -1)
                        return -1;
        }
        errno = closed;
        if (messages == 0)
                return -1;
        messages--;
        *message = (struct ws_message){.type = WS_TEXT, .data = (const uint8_t *)"ab", .length = 2};
        return 0;
}

void
__wrap_ws_shutdown(struct ws *ws, unsigned code, const char *reason)
{
        char word[50];

        expect(ws == peer_ws());
        snprintf(word, sizeof(word), "shutdown-%u%s", code, reason);
        trace(word);
        if (!answers || closed != 0)
                return;
        closed = EPIPE;
        peer_close.code = code;
        aw_event_set(&came);
}

async int
__wrap_ws_close(struct ws *ws, unsigned code, const char *reason)
{
        struct aw_event never = {.set = false};
        char word[50];

        expect(ws == peer_ws());
        snprintf(word, sizeof(word), "close-%u%s", code, reason);
        trace(word);
        return !lingers && (answers || closed != 0) ? 0 : await(aw_event_wait(&never, AW_NEVER));
}

void
__wrap_ws_drop(struct ws *ws)
{
        expect(ws == peer_ws());
        trace("drop");
}

void
__wrap_ws_traffic(const struct ws *ws, struct ws_traffic *out)
{
        (void)ws;
        looks++;
        *out = traffic;
}

/* Waits for those who read. */
async int
__wrap_report_message(struct report *report, struct printer *printer,
                      const struct ws_message *message, uint64_t n)
{
        char word[20];

        (void)report;
        (void)printer;
        expect(session.printing && message->length == 2);
        snprintf(word, sizeof(word), "message-%u", (unsigned)n);
        trace(word);
        if (await(aw_event_wait(&readable, AW_NEVER)) == -1)
                return -1;
        errno = output_error;
        return output_error == 0 ? 0 : -1;
}

async void
__wrap_report_close(struct report *report, struct printer *printer, const struct ws *ws)
{
        (void)report;
        (void)printer;
        expect(ws == peer_ws());
        trace("told");
}

async int
__wrap_print_finish(struct printer *printer)
{
        (void)printer;
        trace("finish");
        return 0;
}

bool
__wrap_print_has_reader(const struct printer *printer)
{
        (void)printer;
        return reader;
}

bool
__wrap_print_is_blocked(const struct printer *printer)
{
        (void)printer;
        return reader && !aw_event_is_set(&readable);
}

uint64_t
__wrap_print_taken(const struct printer *printer)
{
        (void)printer;
        return output;
}

async int
__wrap_reconnect_first(struct session *it)
{
        trace("connect");
        if (again)
                return -1;
        it->ws = peer_ws();
        it->reconnecting = it->reported = false;
        return 0;
}

async bool
__wrap_reconnect_after(struct session *it)
{
        expect_int(it->error, closed == 0 ? ECANCELED : closed);
        return false;
}

bool
__wrap_reconnect_is_early(const struct session *it)
{
        (void)it;
        return early;
}

int
__wrap_terminal_begin(struct terminal *terminal, struct session *it)
{
        (void)terminal;
        expect(it == &session);
        trace("begin");
        return again ? -1 : 0;
}

void
__wrap_terminal_closed(struct terminal *terminal, const struct ws *ws)
{
        (void)terminal;
        expect(ws == peer_ws());
        trace("closed");
}

/* Ways of sending. */

static async int
send_one(void *argument)
{
        struct session *it = argument;

        it->sent++;
        return 0;
}

static async int
run_session_once(void *nothing)
{
        (void)nothing;
        return (int)await(session_run(&session));
}

/* A time-out of eight seconds, so that one looks each second. */
static void
begin(async int (*way)(void *))
{
        options_init(&options);
        options.connection.timeout = 8 * AW_SECOND;
        options.ending.wait_time = -1;
        options.ending.code = 1000;
        session = (struct session){.options = &options, .way = way};
        traffic = (struct ws_traffic){.received = 0};
        peer_close = (struct ws_peer_close){.code = 0};
        peer_info = (struct ws_info){.sent.messages = {UINT32_MAX, 0}};
        peer_problem = NULL;
        came = (struct aw_event){.set = false};
        readable = (struct aw_event){.set = true};
        messages = 0;
        closed = output_error = 0;
        answers = true;
        reader = early = again = lingers = false;
        output = 0;
        test_trace[0] = '\0';
        said_begin();
        clock_stop();
}

static async void
settle_down(void)
{
        for (int i = 0; i < 12; i++)
                await(aw_sleep(0));
}

static async struct aw_task *
begin_session(void)
{
        struct aw_task *task = aw_spawn("run", run_session_once, NULL);

        await(settle_down());
        return task;
}

static inline async void
comes(unsigned count)
{
        messages += count;
        aw_event_set(&came);
        await(settle_down());
}

static inline async void
ends(int error, unsigned code)
{
        closed = error;
        peer_close.code = code;
        aw_event_set(&came);
        await(settle_down());
}

/* So long nothing happens, and then it is over. */
static inline async void
over_after(struct aw_task *task, aw_time time)
{
        aw_time step = time < AW_SECOND / 10 ? time / 10 + 1 : AW_SECOND / 10;

        for (; time > step; time -= step)
                await(clock_advance(step));
        await(clock_advance(time - 1));
        await(settle_down());
        expect(!aw_task_done(task));
        await(clock_advance(1));
        await(settle_down());
        expect(aw_task_done(task));
}

static async void
has_status(struct aw_task *task, enum client_status status, const char *words, const char *happened)
{
        if (!expect(aw_task_done(task))) {
                clock_go_on();
                aw_cancel(task);
        }
        expect_int(await(aw_join(task)), status);
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    words, said);
        expect_trace(happened);
        clock_go_on();
}

#endif
