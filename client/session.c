/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

#include "await/sync.h"
#include "await/task_wait.h"
#include "input.h"

static aw_time
deadline_of(const struct client_options *options)
{
        return options->timeout == 0 ? AW_NEVER : aw_loop_now() + options->timeout;
}

/* A reply, and a line's end, at once. */
static enum client_status
print(const struct ws_message *message)
{
        fwrite(message->data, 1, message->length, stdout);
        putchar('\n');
        if (fflush(stdout) == 0)
                return CLIENT_OK;
        client_say("standard output: %s", strerror(errno));
        return CLIENT_LOCAL;
}

static struct ws_message
message_of(const struct client_options *options, const char *data, size_t length)
{
        return (struct ws_message){.type = options->binary ? WS_BINARY : WS_TEXT,
                                   .data = (const uint8_t *)data,
                                   .length = length};
}

/* The await pattern in one function: connect, send and receive, close. */
async enum client_status
session_messages(const struct ws_connect_options *to, const struct client_options *options)
{
        enum client_status status = CLIENT_OK;
        struct ws_message message, reply;
        struct ws_error error;
        struct ws *ws = await(ws_connect(to, &error, deadline_of(options)));
        int i;

        if (ws == NULL)
                return client_refused(&error);
        client_connected(ws, options);
        for (i = 0; i < options->count && status == CLIENT_OK; i++) {
                message = message_of(options, options->messages[i], strlen(options->messages[i]));
                if (await(ws_send(ws, &message, deadline_of(options))) == -1 ||
                    await(ws_receive(ws, &reply, deadline_of(options))) == -1)
                        status = client_failed(ws);
                else
                        status = print(&reply);
        }
        await(ws_close(ws, WS_NORMAL, NULL));
        return status;
}

/* Lines: one task sends them, another one prints what comes, as fast as each can. */

struct lines {
        struct ws *ws;
        const struct client_options *options;
        uint64_t sent, received;
        bool all_sent;
        struct aw_event done;      /* all is replied to, or no more replies will come */
        enum client_status status; /* of the first that failed; only that one says so */
};

static void
lines_failed(struct lines *lines)
{
        if (lines->status == CLIENT_OK && errno != ECANCELED)
                lines->status = client_failed(lines->ws);
}

static async int
send_line(struct lines *lines, const char *line, size_t length)
{
        struct ws_message message = message_of(lines->options, line, length);

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

static async int
send_lines(void *argument)
{
        struct lines *lines = argument;
        struct input *input = input_open(STDIN_FILENO);
        const char *line;
        ssize_t length = -1;

        while (input != NULL && (length = await(input_line(input, &line))) != -1)
                if (await(send_line(lines, line, (size_t)length)) == -1)
                        break;
        if (length == -1 && errno != ENODATA && errno != ECANCELED && lines->status == CLIENT_OK) {
                client_say("standard input: %s", strerror(errno));
                lines->status = CLIENT_LOCAL;
        }
        input_free(input);
        lines->all_sent = true;
        if (lines->received >= lines->sent)
                aw_event_set(&lines->done);
        return 0;
}

static async int
print_replies(void *argument)
{
        struct lines *lines = argument;
        enum client_status printed = CLIENT_OK;
        struct ws_message reply;

        while (printed == CLIENT_OK && await(ws_receive(lines->ws, &reply, AW_NEVER)) == 0) {
                printed = print(&reply);
                lines->received++;
                if (lines->all_sent && lines->received >= lines->sent)
                        aw_event_set(&lines->done);
        }
        if (printed == CLIENT_OK)
                lines_failed(lines);
        else
                lines->status = printed;
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
                    lines->received > received)
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
session_lines(const struct ws_connect_options *to, const struct client_options *options)
{
        struct lines lines = {.options = options};
        struct ws_error error;

        lines.ws = await(ws_connect(to, &error, deadline_of(options)));
        if (lines.ws == NULL)
                return client_refused(&error);
        client_connected(lines.ws, options);
        await(exchange_lines(&lines));
        await(ws_close(lines.ws, WS_NORMAL, NULL));
        return lines.status;
}
