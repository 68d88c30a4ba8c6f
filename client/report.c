/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "report.h"

#include "await/log.h"
#include "frame.h"
#include "json.h"
#include "json_text.h"
#include "print.h"
#include "secrets.h"
#include "session.h"

/* Pings and Pongs that wait to be printed; of what is beyond that the number is told. */
#define PENDING_MAX ((size_t)1 << 20)

/* The steps whose times are told: name, TCP, TLS, HTTP. */
enum { TIME_NAME, TIME_TCP, TIME_TLS, TIME_HTTP, TIMES };
static const char *const time_names[] = {"name", "tcp", "tls", "http"};

/* What waits to be told. */
struct kept {
        char *text;
        size_t length;
        uint64_t left_out; /* what there was no room for comes behind the text */
};

struct report {
        const struct client_options *options;
        struct ws_observer observer;
        char *address, *secure, *response, *body; /* of the steps; or NULL */
        json_t *faults;                           /* of the handshake; or NULL */
        int64_t begin, last;                      /* nanoseconds */
        double ms[TIMES];                         /* or -1 */

        struct kept early; /* lines of frames, each with its NUL, until the opening was told */
        bool told;

        struct kept pending; /* lines of JSON */
        bool opened;         /* they come after that */
        struct aw_event more;
};

static int64_t
now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The way to a connection. */

/* Each line of a text, behind a mark. A secret is not for the screen, nor a line that goes on with it. */
static void
tell_lines(const char *mark, const char *text)
{
        size_t length, shown;
        bool secret = false;

        for (; *text != '\0'; text += length + (text[length] == '\n')) {
                bool goes_on = secret && (*text == ' ' || *text == '\t');

                length = strcspn(text, "\n");
                shown = length > 0 && text[length - 1] == '\r' ? length - 1 : length;
                secret = goes_on || secrets_in_line(text);
                if (secret)
                        client_tell("%s%.*s [not shown]", mark,
                                    goes_on ? 0 : (int)strcspn(text, ":") + 1, text);
                else if (shown > 0)
                        client_tell("%s%.*s", mark, (int)shown, text);
        }
}

static void
keep_text(char **place, const char *text)
{
        free(*place);
        *place = strdup(text);
}

static void
take_time(struct report *report, int which)
{
        int64_t now = now_ns();

        report->ms[which] = (double)(now - report->last) / 1e6;
        report->last = now;
}

static void
see_step(void *argument, enum ws_step step, const char *text)
{
        struct report *report = argument;
        bool tells = report->options->printing.verbose > 0;

        switch (step) {
        case WS_STEP_RESOLVED:
                take_time(report, TIME_NAME);
                break;
        case WS_STEP_CONNECTED:
                take_time(report, TIME_TCP);
                keep_text(&report->address, text);
                if (tells)
                        client_tell("* connected to %s", text);
                break;
        case WS_STEP_SECURE:
                take_time(report, TIME_TLS);
                keep_text(&report->secure, text);
                if (tells)
                        tell_lines("* ", text);
                break;
        case WS_STEP_REQUEST:
                report->told = false;
                if (tells)
                        tell_lines("> ", text);
                break;
        case WS_STEP_RESPONSE:
                take_time(report, TIME_HTTP);
                keep_text(&report->response, text);
                if (tells)
                        tell_lines("< ", text);
                break;
        case WS_STEP_FAULT:
                if (report->faults == NULL)
                        report->faults = json_array();
                json_array_append_new(report->faults, json_string(text));
                break;
        case WS_STEP_BODY:
                keep_text(&report->body, text);
                if (tells)
                        tell_lines("< ", text);
                break;
        }
}

/* Frames. */

/* Up to PENDING_MAX; NULL: there was no memory for it. */
static void
keep_more(struct kept *kept, const char *more, size_t size)
{
        char *larger = NULL;

        if (more != NULL && kept->left_out == 0 && kept->length + size <= PENDING_MAX)
                larger = realloc(kept->text, kept->length + size);
        if (larger == NULL) {
                kept->left_out++;
                return;
        }
        kept->text = larger;
        memcpy(larger + kept->length, more, size);
        kept->length += size;
}

/*
 * A server may send frames in the segment of its response: they are told when it was told that the
 * connection is open.
 */
static void
tell_frame(struct report *report, const struct ws_frame *frame)
{
        char *line = frame_describe(frame);

        if (line == NULL || report->told)
                client_tell("%s", line == NULL ? "out of memory" : line);
        else
                keep_more(&report->early, line, strlen(line) + 1);
        free(line);
}

static void
tell_early(struct report *report)
{
        struct kept *early = &report->early;

        for (size_t at = 0; at < early->length; at += strlen(early->text + at) + 1)
                client_tell("%s", early->text + at);
        if (early->left_out > 0)
                client_tell("* %" PRIu64 " more frame%s not shown", early->left_out,
                            early->left_out == 1 ? " is" : "s are");
        early->length = 0;
        early->left_out = 0;
        report->told = true;
}

static void
add_pending(struct report *report, char *line)
{
        keep_more(&report->pending, line, line == NULL ? 0 : strlen(line));
        free(line);
        aw_event_set(&report->more);
}

static void
see_frame(void *argument, const struct ws_frame *frame)
{
        struct report *report = argument;
        const struct printing_options *printing = &report->options->printing;
        bool ping = frame->opcode == 9 || frame->opcode == 10;
        json_t *event;

        if (printing->verbose > 1 || (ping && printing->ping_pong))
                tell_frame(report, frame);
        if (!printing->json || !ping)
                return;
        event = json_event(frame_name(frame->opcode));
        json_object_set_new(event, "dir", json_string(frame->sent ? "out" : "in"));
        json_add_data(event, frame->payload, (size_t)frame->length, true);
        add_pending(report, json_line(event));
}

/* The report. */

static json_t *
text_of(const char *text)
{
        return json_any_text(text, strlen(text));
}

struct report *
report_create(const struct client_options *options)
{
        struct report *report = calloc(1, sizeof(*report));

        if (report == NULL) {
                client_say("out of memory");
                return NULL;
        }
        report->options = options;
        report->observer =
                (struct ws_observer){.step = see_step, .frame = see_frame, .argument = report};
        report->begin = now_ns();
        report_start(report);
        return report;
}

static void
forget_connection(struct report *report)
{
        free(report->address);
        free(report->secure);
        free(report->response);
        free(report->body);
        json_decref(report->faults);
        report->address = report->secure = report->response = report->body = NULL;
        report->faults = NULL;
}

void
report_start(struct report *report)
{
        forget_connection(report);
        report->last = now_ns();
        for (int i = 0; i < TIMES; i++)
                report->ms[i] = -1;
}

void
report_free(struct report *report)
{
        if (report == NULL)
                return;
        forget_connection(report);
        free(report->early.text);
        free(report->pending.text);
        free(report);
}

const struct ws_observer *
report_observer(const struct report *report)
{
        const struct printing_options *printing = &report->options->printing;

        return printing->json || printing->ping_pong || printing->verbose > 0 ? &report->observer
                                                                              : NULL;
}

/* Prints the line, unless it is NULL, and frees it. */
static async int
print_line(struct printer *printer, char *line)
{
        int result = line == NULL ? 0 : await(print_text(printer, line, strlen(line)));

        free(line);
        return result;
}

/* In place of the Pings and Pongs that there was no room for. NULL: there are none. */
static char *
omitted_line(uint64_t count)
{
        json_t *event;

        if (count == 0)
                return NULL;
        event = json_event("omitted");
        json_object_set_new(event, "count", json_integer((json_int_t)count));
        return json_line(event);
}

/* Prints a line of JSON, behind the pending ones; frees it. */
static async int
print_json(struct report *report, struct printer *printer, char *line)
{
        struct kept pending = {.text = NULL};
        int result = 0;

        if (report->opened) {
                pending = report->pending;
                report->pending = (struct kept){.text = NULL};
        }
        if (pending.length > 0)
                result = await(print_text(printer, pending.text, pending.length));
        free(pending.text);
        if (result == 0)
                result = await(print_line(printer, omitted_line(pending.left_out)));
        if (result == 0)
                return await(print_line(printer, line));
        free(line);
        return result;
}

async int
report_pings(struct report *report, struct printer *printer)
{
        while (await(aw_event_wait(&report->more, AW_NEVER)) == 0) {
                aw_event_clear(&report->more);
                if (await(print_json(report, printer, NULL)) == -1)
                        break;
        }
        return 0;
}

async void
report_reconnect(struct report *report, struct printer *printer, const char *why, int64_t pause)
{
        json_t *event;

        if (!report->options->printing.json)
                return;
        event = json_event("reconnect");
        json_object_set_new(event, "wait", json_real((double)pause / AW_SECOND));
        json_object_set_new(event, "reason", text_of(why));
        await(print_json(report, printer, json_line(event)));
}

static void
tell_times(const struct report *report)
{
        char text[128] = "";
        size_t length = 0;

        for (int i = 0; i < TIMES; i++)
                if (report->ms[i] >= 0)
                        length += (size_t)snprintf(text + length, sizeof(text) - length,
                                                   "%s%s %.1f", length == 0 ? "" : ", ",
                                                   time_names[i], report->ms[i]);
        client_tell("* open after %s ms", text);
}

static void
add_times(const struct report *report, json_t *event)
{
        json_t *ms = json_object();

        for (int i = 0; i < TIMES; i++)
                if (report->ms[i] >= 0)
                        json_object_set_new(ms, time_names[i], json_real(report->ms[i]));
        json_object_set_new(event, "ms", ms);
}

async void
report_open(struct report *report, struct printer *printer, const struct ws *ws, const char *url)
{
        const char *protocol = ws_subprotocol(ws), *extension = ws_extension(ws);
        json_t *event, *extensions;

        if (report->options->printing.verbose > 0) {
                tell_times(report);
                if (protocol != NULL)
                        client_tell("* subprotocol %s", protocol);
                if (extension != NULL)
                        client_tell("* extension %s", extension);
        }
        tell_early(report);
        if (!report->options->printing.json)
                return;
        event = json_event("open");
        extensions = json_array();
        json_object_set_new(event, "url", json_string(url));
        json_object_set_new(event, "address",
                            json_string(report->address == NULL ? "" : report->address));
        json_add_tls(event, report->secure);
        json_object_set_new(event, "subprotocol",
                            protocol == NULL ? json_null() : json_string(protocol));
        json_object_set_new(event, "extensions", extensions);
        if (extension != NULL)
                json_array_append_new(extensions, json_string(extension));
        json_add_head(event, report->response == NULL ? "" : report->response);
        json_object_set(event, "faults", report->faults);
        add_times(report, event);
        await(print_json(report, printer, json_line(event)));
        report->opened = true;
        aw_event_set(&report->more);
}

async int
report_message(struct report *report, struct printer *printer, const struct ws_message *message,
               uint64_t n)
{
        json_t *event;

        if (!report->options->printing.json)
                return await(print_received(printer, message));
        event = json_event("message");
        json_object_set_new(event, "dir", json_string("in"));
        json_object_set_new(event, "n", json_integer((json_int_t)n));
        json_object_set_new(event, "type",
                            json_string(message->type == WS_TEXT ? "text" : "binary"));
        json_add_data(event, message->data, message->length, message->type == WS_TEXT);
        return await(print_json(report, printer, json_line(event)));
}

static void
tell_compression(const struct ws *ws)
{
        struct ws_compression counts;

        ws_compression(ws, &counts);
        if (counts.sent.messages + counts.received.messages > 0)
                client_tell("* compressed: %" PRIu64 " sent, %" PRIu64 " to %" PRIu64
                            " bytes; %" PRIu64 " received, %" PRIu64 " from %" PRIu64 " bytes",
                            counts.sent.messages, counts.sent.plain, counts.sent.compressed,
                            counts.received.messages, counts.received.plain,
                            counts.received.compressed);
}

static json_t *
event_lost(const struct ws *ws)
{
        json_t *event = json_event("lost");
        char why[256];

        client_describe_end(ws, EPIPE, why, sizeof(why));
        json_object_set_new(event, "reason", text_of(why));
        json_object_set_new(event, "cut_off", json_boolean(ws_peer_close(ws)->cut_off));
        return event;
}

static json_t *
event_close(const struct ws_peer_close *peer)
{
        json_t *event = json_event("close");

        json_object_set_new(event, "dir", json_string("in"));
        json_object_set_new(event, "code", json_integer(peer->code));
        json_object_set_new(event, "reason", json_string(peer->reason));
        return event;
}

async void
report_close(struct report *report, struct printer *printer, const struct ws *ws)
{
        const struct ws_peer_close *peer = ws_peer_close(ws);
        json_t *event;

        if (report->options->printing.verbose > 0)
                tell_compression(ws);
        if (peer->code == 0)
                return;
        if (report->options->printing.verbose > 0)
                client_tell("* closed by %s: %u%s%s", ws_peer(ws), peer->code,
                            peer->reason[0] == '\0' ? "" : " ", peer->reason);
        if (!report->options->printing.json)
                return;
        event = peer->code == WS_ABNORMAL ? event_lost(ws) : event_close(peer);
        await(print_json(report, printer, json_line(event)));
}

static async void
report_error(struct report *report, struct printer *printer, enum client_status status)
{
        static const char *const stages[] = {
                [CLIENT_LOCAL] = "local",         [CLIENT_USAGE] = "local",
                [CLIENT_CONNECTION] = "tcp",      [CLIENT_TLS] = "tls",
                [CLIENT_HANDSHAKE] = "handshake", [CLIENT_CLOSED] = "protocol",
                [CLIENT_TIMEOUT] = "timeout",     [CLIENT_UNEXPECTED] = "expectation",
        };
        const char *stage =
                (size_t)status < sizeof(stages) / sizeof(stages[0]) ? stages[status] : "local";
        json_t *event = json_event("error");

        if (status == CLIENT_CONNECTION && report->ms[TIME_NAME] < 0)
                stage = "name";
        json_object_set_new(event, "stage", json_string(stage));
        json_object_set_new(event, "text", text_of(client_last_said()));
        if (status == CLIENT_HANDSHAKE && report->response != NULL)
                json_add_head(event, report->response);
        if (status == CLIENT_HANDSHAKE && report->body != NULL)
                json_object_set_new(event, "body", text_of(report->body));
        await(print_json(report, printer, json_line(event)));
}

async void
report_end(struct report *report, struct printer *printer, const struct session *session,
           enum client_status status)
{
        json_t *event;

        if (!report->options->printing.json)
                return;
        if (status != CLIENT_OK && client_last_said()[0] != '\0')
                await(report_error(report, printer, status));
        event = json_event("end");
        json_object_set_new(event, "exit", json_integer(status));
        json_object_set_new(event, "sent", json_integer((json_int_t)session->sent));
        json_object_set_new(event, "received", json_integer((json_int_t)session->received));
        json_object_set_new(event, "bytes_sent", json_integer((json_int_t)session->bytes_sent));
        json_object_set_new(event, "bytes_received",
                            json_integer((json_int_t)session->bytes_received));
        json_object_set_new(event, "seconds", json_real((double)(now_ns() - report->begin) / 1e9));
        await(print_json(report, printer, json_line(event)));
}
