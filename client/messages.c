/* SPDX-License-Identifier: MIT */
/* Sending what stands on the command line: messages, and files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "await/stream.h"
#include "await/wait_fd.h"
#include "codec.h"
#include "progress.h"
#include "session.h"

#define PIECE ((size_t)64 << 10)

static enum ws_type
type_of(const struct sending_options *sending)
{
        return sending->binary ? WS_BINARY : WS_TEXT;
}

static async int
send_text(struct session *session, const char *text)
{
        const struct sending_options *sending = &session->options->sending;
        struct ws_message message = {.type = type_of(sending)};
        size_t size = strlen(text);
        uint8_t *bytes = malloc(size + 1);
        ssize_t length = (ssize_t)size;
        int result = -1;

        if (bytes == NULL) {
                client_say("out of memory");
                session_fail(session, CLIENT_LOCAL);
                return -1;
        }
        memcpy(bytes, text, size);
        if (sending->hex)
                length = codec_from_hex(text, size, bytes);
        else if (sending->base64)
                length = codec_from_base64(text, size, bytes);
        message.data = bytes;
        message.length = (size_t)length;
        if (length >= 0) {
                result = await(session_send(session, &message, "the message"));
        } else {
                client_say("the message '%s' is not %s", text, sending->hex ? "hex" : "base64");
                session_fail(session, CLIENT_USAGE);
        }
        free(bytes);
        return result;
}

static int
file_failed(struct session *session, const char *name)
{
        if (errno != ECANCELED) {
                client_say("%s: %s", name, strerror(errno));
                session_fail(session, CLIENT_USAGE);
        }
        return -1;
}

/* Reads until the piece is full, or to the end of the file. */
static async ssize_t
read_piece(struct aw_stream *file, uint8_t *piece)
{
        size_t length = 0;

        if (await(aw_stream_read_exactly(file, piece, PIECE, &length, AW_NEVER)) == -1 &&
            errno != ENODATA)
                return -1;
        return (ssize_t)length;
}

/* One message, in parts of a piece each, so that a Pong gets through and memory is bounded. */
static async int
send_stream(struct session *session, struct aw_stream *file, const char *name, enum ws_type type,
            struct progress *progress)
{
        struct ws_message part = {.type = type};
        uint8_t *piece = malloc(PIECE);
        ssize_t length = -1;
        int result = -1;

        if (piece == NULL)
                return file_failed(session, name);
        do {
                length = await(read_piece(file, piece));
                if (length == -1) {
                        result = file_failed(session, name);
                        break;
                }
                part.data = piece;
                part.length = (size_t)length;
                result = await(session_send_part(session, &part, (size_t)length < PIECE, name));
                progress_step(progress, (size_t)length);
        } while (result == 0 && (size_t)length == PIECE);
        free(piece);
        return result;
}

async int
messages_send_file(struct session *session, int fd, const char *name, enum ws_type type)
{
        struct progress progress;
        struct aw_stream *file;
        int result;

        progress_begin(&progress, fd, name, session->options->printing.quiet);
        file = aw_stream_open(fd, NULL);
        result = file == NULL ? file_failed(session, name)
                              : await(send_stream(session, file, name, type, &progress));
        progress_end(&progress);
        aw_stream_drop(file);
        return result;
}

/* A FIFO that nobody has opened to write to has no end yet: poll() tells that from one that is over. */
async int
messages_open_file(const char *name)
{
        int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), error;
        struct stat status;

        if (fd == -1 || fstat(fd, &status) == -1 || !S_ISFIFO(status.st_mode) ||
            await(aw_wait_fd(fd, AW_READ, AW_NEVER)) != -1)
                return fd;
        error = errno;
        close(fd);
        errno = error;
        return -1;
}

static async int
send_named(struct session *session, const char *name)
{
        bool standard = strcmp(name, "-") == 0;
        int fd = standard ? STDIN_FILENO : await(messages_open_file(name));
        const char *shown = standard ? "standard input" : name;
        int result;

        if (fd == -1)
                return file_failed(session, shown);
        result = await(messages_send_file(session, fd, shown, type_of(&session->options->sending)));
        if (!standard)
                close(fd);
        return result;
}

/* -f FILE, -d @FILE, -d TEXT. */
static async int
send_part_option(struct session *session, char letter, const char *word)
{
        if (letter == 'f')
                return await(send_named(session, word));
        return word[0] == '@' ? await(send_named(session, word + 1))
                              : await(send_text(session, word));
}

/* Each waits for the reply to the one before, if we wait for replies at all. */
static async int
send_list(struct session *session)
{
        const struct sending_options *sending = &session->options->sending;
        size_t parts = sending->parts.count, count = parts + (size_t)sending->count;
        int result = 0;

        for (size_t i = 0; i < count && result == 0; i++) {
                if (session->sent > 0)
                        result = await(session_pause(session));
                if (result == 0)
                        result =
                                i < parts
                                        ? await(send_part_option(session, sending->parts.letters[i],
                                                                 sending->parts.items[i]))
                                        : await(send_text(session, sending->messages[i - parts]));
                if (result == 0)
                        result = await(session_wait_for_reply(session));
        }
        return result;
}

async int
messages_send(void *argument)
{
        struct session *session = argument;
        int result = 0;

        for (uint64_t i = 0; i < session->options->sending.repeat && result == 0; i++)
                result = await(send_list(session));
        return result;
}
