/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

#include "await/stream.h"
#include "await/sync.h"
#include "await/task_wait.h"
#include "output.h"

/* For the Close of a server that has been waited for long enough. */
#define LAST_CLOSE_TIME (200 * AW_MILLISECOND)

static aw_time
deadline_of(const struct client_options *options)
{
        aw_time now = aw_loop_now();

        if (options->connection.timeout == 0 || options->connection.timeout > AW_NEVER - now)
                return AW_NEVER;
        return now + options->connection.timeout;
}

/* A reply, and a line's end, at once. */
static async enum client_status
print(struct output *output, const struct ws_message *reply, aw_time deadline)
{
        if (await(output_print(output, reply, deadline)) == -1 ||
            await(output_finish(output, deadline)) == -1)
                return output_failed();
        return CLIENT_OK;
}

static async void
say_goodbye(struct ws *ws, enum client_status status)
{
        struct aw_timeout timeout;

        aw_timeout_enter(&timeout,
                         status == CLIENT_TIMEOUT ? aw_loop_now() + LAST_CLOSE_TIME : AW_NEVER);
        aw_timeout_exit(&timeout, await(ws_close(ws, WS_NORMAL, NULL)));
}

static struct ws_message
message_of(const struct client_options *options, const char *data, size_t length)
{
        return (struct ws_message){.type = options->sending.binary ? WS_BINARY : WS_TEXT,
                                   .data = (const uint8_t *)data,
                                   .length = length};
}

/* The await pattern in one function: connect, send and receive, close. */
async enum client_status
session_messages(const struct ws_connect_options *to, const struct client_options *options,
                 struct output *output)
{
        enum client_status status = CLIENT_OK;
        struct ws_message message, reply;
        struct aw_error error;
        struct ws *ws = await(ws_connect(to, &error, deadline_of(options)));
        int i;

        if (ws == NULL)
                return client_refused(&error);
        client_connected(ws, options);
        for (i = 0; i < options->sending.count && status == CLIENT_OK; i++) {
                message = message_of(options, options->sending.messages[i],
                                     strlen(options->sending.messages[i]));
                if (await(ws_send(ws, &message, deadline_of(options))) == -1 ||
                    await(ws_receive(ws, &reply, deadline_of(options))) == -1)
                        status = client_failed(ws);
                else
                        status = await(print(output, &reply, deadline_of(options)));
        }
        await(say_goodbye(ws, status));
        return status;
}

/* Lines: one task sends them, another one prints what comes, as fast as each can. */

struct lines {
        struct ws *ws;
        const struct client_options *options;
        struct output *output;
        uint64_t sent, received;
        bool all_sent;
        bool printing;             /* waits for those who read our output, as long as they like */
        struct aw_event done;      /* all is replied to, or no more replies will come */
        enum client_status status; /* of the first that failed; only that one says so */
};

static void
lines_failed(struct lines *lines)
{
        if (lines->status == CLIENT_OK && errno != ECANCELED)
                lines->status = client_failed(lines->ws);
}

static int
line_too_long(struct lines *lines)
{
        client_say("line %llu of the input is longer than --max-message",
                   (unsigned long long)lines->sent + 1);
        lines->status = CLIENT_USAGE;
        return -1;
}

static async int
send_line(struct lines *lines, const char *line, size_t length)
{
        struct ws_message message = message_of(lines->options, line, length);

        if (length > lines->options->connection.max_message)
                return line_too_long(lines);
        if (await(ws_send(lines->ws, &message, deadline_of(lines->options))) == 0) {
                lines->sent++;
                return 0;
        }
        if (errno != EILSEQ || lines->status != CLIENT_OK) {
                lines_failed(lines);
                return -1;
        }
        client_say("line %llu of the input is not UTF-8: send it with --binary",
                   (unsigned long long)lines->sent + 1);
        lines->status = CLIENT_USAGE;
        return -1;
}

/* Why there is no further line. */
static void
input_failed(struct lines *lines)
{
        if (errno == ECANCELED || lines->status != CLIENT_OK)
                return;
        if (errno == EMSGSIZE) {
                line_too_long(lines);
                return;
        }
        client_say("standard input: %s", strerror(errno));
        lines->status = CLIENT_LOCAL;
}

/* Without its end, which is LF or CRLF. */
static size_t
strip(const char *line, size_t length)
{
        if (length == 0 || line[length - 1] != '\n')
                return length;
        return length > 1 && line[length - 2] == '\r' ? length - 2 : length - 1;
}

static async int
send_lines(void *argument)
{
        struct lines *lines = argument;
        struct aw_stream_options bounds = {.limit = lines->options->connection.max_message +
                                                    strlen("\r\n")};
        struct aw_stream *input = aw_stream_open(STDIN_FILENO, &bounds);
        ssize_t length = -1;
        char *line;

        while (input != NULL && (length = await(aw_stream_read_line(input, &line, AW_NEVER))) > 0)
                if (await(send_line(lines, line, strip(line, (size_t)length))) == -1)
                        break;
        if (length == -1)
                input_failed(lines);
        aw_stream_drop(input);
        lines->all_sent = true;
        if (lines->received >= lines->sent)
                aw_event_set(&lines->done);
        return 0;
}

static async int
print_reply(struct lines *lines, const struct ws_message *reply)
{
        int result;

        lines->printing = true;
        result = await(output_print(lines->output, reply, AW_NEVER));
        lines->printing = false;
        return result;
}

static async int
print_replies(void *argument)
{
        struct lines *lines = argument;
        struct ws_message reply;

        while (await(ws_receive(lines->ws, &reply, AW_NEVER)) == 0) {
                if (await(print_reply(lines, &reply)) == -1) {
                        if (errno != ECANCELED)
                                lines->status = output_failed();
                        aw_event_set(&lines->done);
                        return 0;
                }
                lines->received++;
                if (lines->all_sent && lines->received >= lines->sent)
                        aw_event_set(&lines->done);
        }
        lines_failed(lines);
        aw_event_set(&lines->done);
        return 0;
}

/* The sender has come to its end, or the printer to a premature one. What was sent is still replied to, if it can be. */
static async void
wait_for_replies(struct lines *lines)
{
        while (!aw_event_is_set(&lines->done)) {
                uint64_t received = lines->received;

                if (await(aw_event_wait(&lines->done, deadline_of(lines->options))) == 0 ||
                    lines->received > received || lines->printing)
                        continue;
                if (lines->status == CLIENT_OK) {
                        client_say("time-out: %llu of %llu messages were replied to",
                                   (unsigned long long)lines->received,
                                   (unsigned long long)lines->sent);
                        lines->status = CLIENT_TIMEOUT;
                }
                return;
        }
}

static async void
exchange_lines(struct lines *lines)
{
        struct aw_task *tasks[2] = {aw_spawn("send lines", send_lines, lines),
                                    aw_spawn("print replies", print_replies, lines)};
        int i;

        if (tasks[0] == NULL || tasks[1] == NULL) {
                client_say("out of memory");
                lines->status = CLIENT_LOCAL;
        } else if (await(aw_wait(tasks, 2, AW_FIRST_COMPLETED, AW_NEVER)) != -1) {
                await(wait_for_replies(lines));
        }
        for (i = 0; i < 2; i++) {
                if (tasks[i] == NULL)
                        continue;
                aw_cancel(tasks[i]);
                await(aw_join(tasks[i]));
        }
}

async enum client_status
session_lines(const struct ws_connect_options *to, const struct client_options *options,
              struct output *output)
{
        struct lines lines = {.options = options, .output = output};
        struct aw_error error;

        lines.ws = await(ws_connect(to, &error, deadline_of(options)));
        if (lines.ws == NULL)
                return client_refused(&error);
        client_connected(lines.ws, options);
        await(exchange_lines(&lines));
        await(say_goodbye(lines.ws, lines.status));
        if (lines.status != CLIENT_TIMEOUT && await(output_finish(output, AW_NEVER)) == -1 &&
            lines.status == CLIENT_OK)
                lines.status = output_failed();
        return lines.status;
}
