/* SPDX-License-Identifier: MIT */
/* A run of the program whose session, printer, report and terminal are the test's. */
#ifndef RUN_TEST_H
#define RUN_TEST_H

#include "cli/dump.h"
#include "connect.h"
#include "echo.h"
#include "print.h"
#include "report.h"
#include "session.h"
#include "terminal.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

static char printer_place, report_place, terminal_place, above_place;
static struct printer *const printer = (struct printer *)&printer_place;
static struct report *const report = (struct report *)&report_place;
static struct terminal *const terminal = (struct terminal *)&terminal_place;
static bool no_printer, no_report, lasts, terminal_on;
static enum client_status outcome;
static int output_error;
static aw_time deadline;
static async int (*way)(void *session);
static bool from_input;
static struct ws_observer reporting, watching;
static bool report_looks_on;
static enum client_status ended_with;
static const char *at_exit, *said_at_exit; /* what is to have happened by then */

async enum client_status __wrap_echo_run(struct connector *connector, struct report *to,
                                         struct printer *out);
async enum client_status __wrap_session_run(struct session *session);
aw_time __wrap_session_last_deadline(const struct session *session);
struct printer *__wrap_print_open(const struct printing_options *options, bool null,
                                  struct above *above);
async int __wrap_print_finish(struct printer *it);
void __wrap_print_free(struct printer *it);
struct report *__wrap_report_create(const struct client_options *options);
void __wrap_report_free(struct report *it);
async void __wrap_report_end(struct report *it, struct printer *to, const struct session *session,
                             enum client_status status);
const struct ws_observer *__wrap_report_observer(const struct report *it);
async int __wrap_report_pings(struct report *it, struct printer *to);
struct above *__wrap_terminal_above(struct terminal *it);
async void __wrap_terminal_end(struct terminal *it, aw_time until);
bool __wrap_terminal_is_on(const struct terminal *it);
const struct ws_observer *__wrap_terminal_observer(struct terminal *it,
                                                   const struct ws_observer *observer);
void __wrap_terminal_tell(struct terminal *it, const char *text);
void __wrap_aw_dump_print(void);
char *__wrap_aw_dump_text(void);
void __wrap_client_exit(int status);

/* It lasts until it is cancelled, if it is to. */
static async enum client_status
lasting(void)
{
        struct aw_event never = {.set = false};

        if (lasts && await(aw_event_wait(&never, AW_NEVER)) == -1)
                trace("cancelled");
        return outcome;
}

async enum client_status
__wrap_echo_run(struct connector *connector, struct report *to, struct printer *out)
{
        (void)connector;
        expect(to == report && out == printer);
        trace("echo");
        return await(lasting());
}

async enum client_status
__wrap_session_run(struct session *session)
{
        trace("session");
        expect(session->printer == printer && session->report == report);
        way = session->way;
        from_input = session->from_input;
        if (await(aw_sleep(0)) == -1) {
                trace("cancelled");
                return outcome;
        }
        return await(lasting());
}

aw_time
__wrap_session_last_deadline(const struct session *session)
{
        (void)session;
        return deadline;
}

struct printer *
__wrap_print_open(const struct printing_options *options, bool null, struct above *above)
{
        (void)options;
        trace(null ? "print-null" : "print");
        trace(above == NULL ? "here" : "above");
        return no_printer ? NULL : printer;
}

async int
__wrap_print_finish(struct printer *it)
{
        struct aw_event never = {.set = false};

        expect(it == printer);
        if (output_error == ETIMEDOUT)
                return await(aw_event_wait(&never, AW_NEVER));
        errno = output_error;
        return output_error == 0 ? 0 : -1;
}

void
__wrap_print_free(struct printer *it)
{
        trace(it == NULL ? "free-nothing" : "free-printer");
}

struct report *
__wrap_report_create(const struct client_options *options)
{
        (void)options;
        return no_report ? NULL : report;
}

void
__wrap_report_free(struct report *it)
{
        trace(it == NULL ? "free-no-report" : "free-report");
}

async void
__wrap_report_end(struct report *it, struct printer *to, const struct session *session,
                  enum client_status status)
{
        (void)session;
        expect(it == report && to == printer);
        ended_with = status;
}

const struct ws_observer *
__wrap_report_observer(const struct report *it)
{
        expect(it == report);
        return report_looks_on ? &reporting : NULL;
}

async int
__wrap_report_pings(struct report *it, struct printer *to)
{
        struct aw_event never = {.set = false};

        expect(it == report && to == printer);
        trace("pings");
        return await(aw_event_wait(&never, AW_NEVER));
}

struct above *
__wrap_terminal_above(struct terminal *it)
{
        return it == NULL ? NULL : (struct above *)&above_place;
}

async void
__wrap_terminal_end(struct terminal *it, aw_time until)
{
        expect(it == terminal && until == deadline);
        trace("terminal-end");
}

bool
__wrap_terminal_is_on(const struct terminal *it)
{
        expect(it == terminal);
        return terminal_on;
}

const struct ws_observer *
__wrap_terminal_observer(struct terminal *it, const struct ws_observer *observer)
{
        expect(it == terminal && observer == (report_looks_on ? &reporting : NULL));
        return &watching;
}

void
__wrap_terminal_tell(struct terminal *it, const char *text)
{
        expect(it == terminal && strcmp(text, "tasks\n") == 0);
        trace("told");
}

void
__wrap_aw_dump_print(void)
{
        trace("dumped");
}

char *
__wrap_aw_dump_text(void)
{
        return strdup("tasks\n");
}

/* In a child of the test's, as it must not return. */
void
__wrap_client_exit(int status)
{
        if (at_exit == NULL || said_at_exit == NULL)
                abort();
        expect_trace(at_exit);
        expect(strcmp(said, said_at_exit) == 0);
        expect_int(ended_with, status);
        _exit(test_failures == 0 ? status : 255);
}

static struct client_options options;
static struct connector connector;
static struct client_run run;

static void
begin(void)
{
        options_init(&options);
        connector = (struct connector){.options = &options};
        run = (struct client_run){.options = &options, .connector = &connector};
        no_printer = no_report = lasts = terminal_on = report_looks_on = false;
        outcome = CLIENT_OK;
        output_error = 0;
        deadline = AW_NEVER;
        at_exit = NULL;
        way = NULL;
        said_begin();
}

#endif
