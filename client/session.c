/* SPDX-License-Identifier: MIT */
#include "session.h"

#include "input.h"
#include "sync.h"
#include "task_wait.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
        struct aw_event done; /* all is replied to */
};

static async enum client_status
send_line(struct lines *lines, const char *line, size_t length)
{
        struct ws_message message = message_of(lines->options, line, length);

        if (await(ws_send(lines->ws, &message, deadline_of(lines->options))) == 0) {
                lines->sent++;
                return CLIENT_OK;
        }
        if (errno != EILSEQ)
                return client_failed(lines->ws);
        client_say("line %llu of the input is not UTF-8: send it with --binary",
                   (unsigned long long)lines->sent + 1);
        return CLIENT_USAGE;
}

static async int
send_lines(void *argument)
{
        struct lines *lines = argument;
        struct input *input = input_open(STDIN_FILENO);
        enum client_status status = CLIENT_OK;
        const char *line;
        ssize_t length = -1;

        while (input != NULL && status == CLIENT_OK &&
               (length = await(input_line(input, &line))) != -1)
                status = await(send_line(lines, line, (size_t)length));
        if (status == CLIENT_OK && errno != ENODATA && errno != ECANCELED) {
                client_say("standard input: %s", strerror(errno));
                status = CLIENT_LOCAL;
        }
        input_close(input);
        lines->all_sent = true;
        if (lines->received >= lines->sent)
                aw_event_set(&lines->done);
        return status;
}

static async int
print_replies(void *argument)
{
        struct lines *lines = argument;
        struct ws_message reply;
        enum client_status status = CLIENT_OK;

        while (status == CLIENT_OK && await(ws_receive(lines->ws, &reply, AW_NEVER)) == 0) {
                status = print(&reply);
                lines->received++;
                if (lines->all_sent && lines->received >= lines->sent)
                        aw_event_set(&lines->done);
        }
        if (status == CLIENT_OK && errno != ECANCELED)
                status = client_failed(lines->ws);
        return status;
}

/* The sender has come to its end, or the printer to a premature one. */
static async enum client_status
wait_for_replies(struct lines *lines, struct aw_task *tasks[2])
{
        if (aw_task_done(tasks[1]) || aw_task_result(tasks[0]) != CLIENT_OK)
                return CLIENT_OK;
        while (!aw_event_is_set(&lines->done) && !aw_task_done(tasks[1])) {
                uint64_t received = lines->received;

                if (await(aw_event_wait(&lines->done, deadline_of(lines->options))) == 0 ||
                    lines->received > received)
                        continue;
                client_say("time-out: %llu of %llu messages were replied to",
                           (unsigned long long)lines->received, (unsigned long long)lines->sent);
                return CLIENT_TIMEOUT;
        }
        return CLIENT_OK;
}

/* Stops and joins; the status of the first that failed otherwise than by that. */
static async enum client_status
join_both(struct aw_task *tasks[2], enum client_status status)
{
        int i, result;

        for (i = 0; i < 2; i++) {
                if (tasks[i] == NULL)
                        continue;
                aw_cancel(tasks[i]);
                result = await(aw_join(tasks[i]));
                if (status == CLIENT_OK && result > 0)
                        status = (enum client_status)result;
        }
        return status;
}

static async enum client_status
exchange_lines(struct lines *lines)
{
        struct aw_task *tasks[2] = {aw_spawn("send lines", send_lines, lines),
                                    aw_spawn("print replies", print_replies, lines)};
        enum client_status status = CLIENT_OK;

        if (tasks[0] == NULL || tasks[1] == NULL) {
                client_say("out of memory");
                status = CLIENT_LOCAL;
        } else if (await(aw_wait(tasks, 2, AW_FIRST_COMPLETED, AW_NEVER)) != -1) {
                status = await(wait_for_replies(lines, tasks));
        }
        return await(join_both(tasks, status));
}

async enum client_status
session_lines(const struct ws_connect_options *to, const struct client_options *options)
{
        struct lines lines = {.options = options};
        enum client_status status;
        struct ws_error error;

        lines.ws = await(ws_connect(to, &error, deadline_of(options)));
        if (lines.ws == NULL)
                return client_refused(&error);
        client_connected(lines.ws, options);
        status = await(exchange_lines(&lines));
        await(ws_close(lines.ws, WS_NORMAL, NULL));
        return status;
}
