/* SPDX-License-Identifier: MIT */
/* Sending standard input: line by line, or, with --binary, as it comes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "await/stream.h"
#include "base/utf8.h"
#include "codec.h"
#include "session.h"

#define PIECE ((size_t)64 << 10)

static int
input_failed(struct session *session, const char *why)
{
        client_say("standard input: %s", why);
        session_fail(session, CLIENT_LOCAL);
        return -1;
}

static int
refuse_line(struct session *session, const char *why)
{
        client_say("line %" PRIu64 " of the input is %s", session->sent + 1, why);
        session_fail(session, CLIENT_USAGE);
        return -1;
}

/* Without its end, which is LF or CRLF, or NUL. */
static size_t
strip(const char *line, size_t length, bool null)
{
        if (length == 0 || line[length - 1] != (null ? '\0' : '\n'))
                return length;
        return !null && length > 1 && line[length - 2] == '\r' ? length - 2 : length - 1;
}

/* What the line says, which is decoded in place. What is wrong with it, or NULL. */
static const char *
make_message(const struct session *session, char *line, size_t size, struct ws_message *message)
{
        const struct sending_options *sending = &session->options->sending;
        ssize_t length = (ssize_t)size;

        if (size > session->options->connection.max_message)
                return "longer than --max-message";
        if (sending->hex || sending->base64)
                length = (sending->hex ? codec_from_hex : codec_from_base64)(line, size,
                                                                             (uint8_t *)line);
        if (length == -1)
                return sending->hex ? "not hex" : "not base64";
        *message = (struct ws_message){.type = sending->binary ? WS_BINARY : WS_TEXT,
                                       .data = (const uint8_t *)line,
                                       .length = (size_t)length};
        return NULL;
}

static async int
send_line(struct session *session, char *line, size_t size)
{
        size_t length = strip(line, size, session->options->sending.null);
        struct ws_message message;
        const char *wrong = make_message(session, line, length, &message);
        char name[48];

        if (wrong != NULL)
                return refuse_line(session, wrong);
        snprintf(name, sizeof(name), "line %" PRIu64 " of the input", session->sent + 1);
        if (session->sent > 0 && await(session_pause(session)) == -1)
                return -1;
        return await(session_send(session, &message, name));
}

static bool
is_valid(const struct ws_message *message)
{
        struct aw_utf8 utf8 = {0};

        return message->type == WS_BINARY ||
               (aw_utf8_feed(&utf8, message->data, message->length) && aw_utf8_complete(&utf8));
}

async int
input_send_typed(struct session *session, char *line)
{
        struct ws_message message;
        const char *wrong = make_message(session, line, strlen(line), &message);

        if (wrong == NULL && !is_valid(&message))
                wrong = "not UTF-8: send it with --binary";
        if (wrong != NULL) {
                client_say("the line is %s", wrong);
                return 0;
        }
        if (session->sent > 0 && await(session_pause(session)) == -1)
                return -1;
        return await(session_send(session, &message, "the line"));
}

/* The last one may lack its end. */
static async ssize_t
read_record(struct aw_stream *input, char **record, char *rest, size_t size)
{
        ssize_t length = await(aw_stream_read_until(input, "", 1, record, AW_NEVER));
        size_t got = 0;

        if (length != -1 || errno != ENODATA)
                return length;
        *record = rest;
        if (await(aw_stream_read_exactly(input, rest, size, &got, AW_NEVER)) == -1 &&
            errno != ENODATA)
                return -1;
        return (ssize_t)got;
}

static async int
send_lines(struct session *session, struct aw_stream *input)
{
        bool null = session->options->sending.null;
        size_t size = session->options->connection.max_message + strlen("\r\n");
        char *rest = NULL;
        ssize_t length = -1;
        char *line;
        int result = 0;

        if (null && (rest = malloc(size)) == NULL)
                return -2;
        while (result == 0) {
                length = null ? await(read_record(input, &line, rest, size))
                              : await(aw_stream_read_line(input, &line, AW_NEVER));
                if (length <= 0)
                        break;
                result = await(send_line(session, line, (size_t)length));
        }
        free(rest);
        if (result == 0 && length == -1 && errno == EMSGSIZE)
                return refuse_line(session, "longer than --max-message");
        return result == -1 || length == 0 ? result : -2;
}

/* What there is, is a message. */
static async int
send_chunks(struct session *session, struct aw_stream *input)
{
        size_t size = session->options->connection.max_message < PIECE
                              ? session->options->connection.max_message
                              : PIECE;
        uint8_t *piece = malloc(size);
        struct ws_message message = {.type = WS_BINARY, .data = piece};
        ssize_t length = -1;
        int result = 0;

        if (piece == NULL)
                return -2;
        while (result == 0 && (length = await(aw_stream_read(input, piece, size, AW_NEVER))) > 0) {
                message.length = (size_t)length;
                if (session->sent > 0)
                        result = await(session_pause(session));
                if (result == 0)
                        result = await(session_send(session, &message, "standard input"));
        }
        free(piece);
        return result == -1 || length == 0 ? result : -2;
}

async int
input_send(void *argument)
{
        struct session *session = argument;
        const struct sending_options *sending = &session->options->sending;
        struct aw_stream_options bounds = {.limit = session->options->connection.max_message +
                                                    strlen("\r\n")};
        struct aw_stream *input = aw_stream_open(STDIN_FILENO, &bounds);
        int result = -2;

        if (input != NULL)
                result = sending->binary && !sending->lines ? await(send_chunks(session, input))
                                                            : await(send_lines(session, input));
        /* -2: it cannot be read. */
        if (result == -2 && errno != ECANCELED)
                input_failed(session, strerror(errno));
        aw_stream_drop(input);
        return result == 0 ? 0 : -1;
}
