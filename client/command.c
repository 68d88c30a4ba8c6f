/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#include "await/stream.h"
#include "base/utf8.h"
#include "client.h"
#include "codec.h"
#include "ping.h"
#include "session.h"

static async int
run_ping(struct session *session, char *text)
{
        if (session->reconnecting)
                errno = EPIPE;
        else if (ping_send(session->ping, session->ws, text) == 0)
                return 0;
        if (errno == EPIPE && session->options->connection.reconnect == 0)
                return -1;
        client_say("/ping: %s", errno == EPIPE      ? "there is no connection"
                                : errno == EMSGSIZE ? "a Ping has at most 125 bytes"
                                                    : strerror(errno));
        return 0;
}

/* [code [reason]] */
static async int
run_close(struct session *session, char *text)
{
        const char *reason = NULL;
        char *end = text;
        unsigned code = WS_NORMAL;

        if (text[0] != '\0') {
                code = options_read_code(text, &end);
                reason = *end == ' ' ? end + 1 : NULL;
        }
        if (code == 0 || code == WS_NO_STATUS || code == WS_ABNORMAL ||
            (*end != '\0' && *end != ' ')) {
                client_say("/close: '%s' does not begin with a code such as 1000 or 4001", text);
        } else if (reason != NULL && strlen(reason) > 123) {
                client_say("/close: the reason is longer than 123 bytes");
        } else {
                session_set_close(session, code, reason);
                session->leaving = true;
        }
        return 0;
}

static async int
run_binary(struct session *session, char *text)
{
        ssize_t length = codec_from_hex(text, strlen(text), (uint8_t *)text);
        struct ws_message message = {.type = WS_BINARY, .data = (const uint8_t *)text};

        if (length == -1) {
                client_say("/binary: that is not hex");
                return 0;
        }
        if ((uint64_t)length > session->options->connection.max_message) {
                client_say("/binary: that is longer than --max-message");
                return 0;
        }
        message.length = (size_t)length;
        return await(session_send(session, &message, "the line"));
}

/* Files. */

/* Whether all of it is UTF-8: 1, 0, or -1 with errno. */
static async int
is_utf8(int fd)
{
        struct aw_stream *file = aw_stream_open(fd, NULL);
        struct aw_utf8 utf8 = {0};
        uint8_t piece[4096];
        ssize_t length = -1;
        bool valid = true;

        if (file == NULL)
                return -1;
        while (valid && (length = await(aw_stream_read(file, piece, sizeof(piece), AW_NEVER))) > 0)
                valid = aw_utf8_feed(&utf8, piece, (size_t)length);
        aw_stream_drop(file);
        return length == -1 ? -1 : valid && aw_utf8_complete(&utf8);
}

/* Of what cannot be read twice nobody knows it. */
static async int
find_type(const struct session *session, int fd, enum ws_type *type)
{
        struct stat status;
        int text = 0;

        if (!session->options->sending.binary && fstat(fd, &status) == 0 &&
            (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
                text = await(is_utf8(fd));
                if (text == -1 || lseek(fd, 0, SEEK_SET) == -1)
                        return -1;
        }
        *type = text ? WS_TEXT : WS_BINARY;
        return 0;
}

static async int
send_file(struct session *session, int fd, const char *name)
{
        uint64_t before = session->bytes_sent;
        enum ws_type type;

        if (await(find_type(session, fd, &type)) == -1) {
                client_say("/file %s: %s", name, strerror(errno));
                return errno == ECANCELED ? -1 : 0;
        }
        if (await(messages_send_file(session, fd, name, type)) == -1)
                return -1;
        client_tell("sent %s: %" PRIu64 " bytes, %s", name, session->bytes_sent - before,
                    type == WS_TEXT ? "text" : "binary");
        return 0;
}

static async int
run_file(struct session *session, char *name)
{
        int fd = await(messages_open_file(name));
        int result;

        if (fd == -1 && errno == ECANCELED)
                return -1;
        if (fd == -1) {
                client_say("/file %s: %s", name, strerror(errno));
                return 0;
        }
        result = await(send_file(session, fd, name));
        close(fd);
        return result;
}

/* Words. */

static async int
run_stats(struct session *session, char *text)
{
        (void)text;
        client_tell("sent %" PRIu64 " message%s, %" PRIu64 " bytes; received %" PRIu64
                    " message%s, %" PRIu64 " bytes",
                    session->sent, client_plural(session->sent), session->bytes_sent,
                    session->received, client_plural(session->received), session->bytes_received);
        if (session->reconnecting)
                client_tell("not connected");
        else
                client_tell("connected to %s for %.1f s", ws_peer(session->ws),
                            (double)(aw_loop_now() - session->opened) / (double)AW_SECOND);
        return 0;
}

static async int run_help(struct session *session, char *text);

static const struct command {
        const char *name;
        const wchar_t *wide_name; /* the same, for those who complete it */
        const char *arguments;
        const char *help;
        bool needs; /* arguments */
        async int (*run)(struct session *session, char *arguments);
} commands[] = {
        {"ping", L"ping ", "[TEXT]", "send a Ping, and tell when its Pong comes", false, run_ping},
        {"close", L"close ", "[CODE [REASON]]", "close, as Ctrl-D does with 1000", false,
         run_close},
        {"binary", L"binary ", "HEX", "send a binary message", true, run_binary},
        {"file", L"file ", "NAME", "send a file, as text if it is UTF-8", true, run_file},
        {"stats", L"stats", "", "tell how much went and came", false, run_stats},
        {"help", L"help", "", "list these", false, run_help},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static async int
run_help(struct session *session, char *text)
{
        (void)session;
        (void)text;
        for (size_t i = 0; i < COMMANDS; i++)
                client_tell("/%-6s %-16s %s", commands[i].name, commands[i].arguments,
                            commands[i].help);
        client_tell("//TEXT                   send /TEXT");
        return 0;
}

async int
command_run(struct session *session, char *line)
{
        size_t length = strcspn(line, " ");
        char *arguments = line + length + (line[length] == ' ');

        for (size_t i = 0; i < COMMANDS; i++) {
                if (strlen(commands[i].name) != length ||
                    strncmp(commands[i].name, line, length) != 0)
                        continue;
                if (!commands[i].needs || arguments[0] != '\0')
                        return await(commands[i].run(session, arguments));
                client_say("/%s needs %s", commands[i].name, commands[i].arguments);
                return 0;
        }
        client_say("there is no command '/%.*s': /help lists them, and // sends a text that "
                   "begins with a slash",
                   (int)length, line);
        return 0;
}

const wchar_t *
command_complete(const wchar_t *text, size_t length, char choices[KEYS_CHOICES_SIZE])
{
        const wchar_t *rest = NULL;
        size_t found = 0, used = 0;

        choices[0] = '\0';
        if (length == 0 || text[0] != L'/')
                return L"\t";
        for (size_t i = 0; i < COMMANDS; i++) {
                if (wcsncmp(text + 1, commands[i].wide_name, length - 1) != 0)
                        continue;
                found++;
                rest = commands[i].wide_name + length - 1;
                used += (size_t)snprintf(choices + used, KEYS_CHOICES_SIZE - used, "%s/%s",
                                         used == 0 ? "" : "  ", commands[i].name);
        }
        if (found == 1)
                choices[0] = '\0';
        return found == 1 ? rest : NULL;
}
