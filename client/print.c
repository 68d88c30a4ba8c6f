/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

#include "above.h"
#include "await/log.h"
#include "await/stream.h"
#include "await/sync.h"
#include "base/text.h"
#include "codec.h"

struct printer {
        const struct printing_options *options;
        struct aw_stream *stream;
        struct above *above; /* of a session at the terminal; or NULL */
        bool terminal, has_reader;
        char end;               /* of a message */
        uint64_t taken;         /* bytes that there was room for */
        struct aw_lock writing; /* whoever writes in pieces */
};

/* What is written at once, at most: those who read it are seen to make progress. */
#define PIECE ((size_t)64 << 10)

struct printer *
print_open(const struct printing_options *options, bool null, struct above *above)
{
        struct printer *printer = calloc(1, sizeof(*printer));
        struct stat status;

        if (printer != NULL)
                printer->stream = aw_stream_open(STDOUT_FILENO, NULL);
        if (printer == NULL || printer->stream == NULL) {
                client_say("standard output: %s", strerror(errno));
                free(printer);
                return NULL;
        }
        printer->options = options;
        printer->above = above;
        printer->terminal = isatty(STDOUT_FILENO) == 1;
        printer->has_reader =
                printer->terminal || (fstat(STDOUT_FILENO, &status) == 0 &&
                                      (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)));
        printer->end = null ? '\0' : '\n';
        return printer;
}

bool
print_has_reader(const struct printer *printer)
{
        return printer->has_reader;
}

bool
print_is_blocked(const struct printer *printer)
{
        struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};

        return printer->has_reader && poll(&output, 1, 0) == 0;
}

uint64_t
print_taken(const struct printer *printer)
{
        return printer->taken;
}

static async int
print_pieces(struct printer *printer, const char *data, size_t length)
{
        for (size_t piece; length > 0; data += piece, length -= piece, printer->taken += piece) {
                piece = length < PIECE ? length : PIECE;
                if (await(aw_stream_write(printer->stream, data, piece, AW_NEVER)) == -1)
                        return -1;
        }
        return 0;
}

/* As a whole, though others print meanwhile. */
static async int
print_bytes(struct printer *printer, const void *data, size_t length)
{
        struct above *above = above_of_output(printer->above);
        int result;

        if (above != NULL)
                return await(above_print(above, data, length));
        if (await(aw_lock_acquire(&printer->writing, AW_NEVER)) == -1)
                return -1;
        result = await(print_pieces(printer, data, length));
        aw_lock_release(&printer->writing);
        return result;
}

/* Around what is printed: at a terminal it comes above the line that is typed. */
static async int
print_begin(struct printer *printer, bool message)
{
        struct above *above = above_of_output(printer->above);

        return above == NULL ? 0 : await(above_begin(above, message));
}

static void
print_end(struct printer *printer)
{
        struct above *above = above_of_output(printer->above);

        if (above != NULL)
                above_end(above);
}

/* A hostile server's escape sequences are shown, not obeyed. */
static async int
print_escaped(struct printer *printer, const uint8_t *data, size_t length)
{
        char shown[4096];
        size_t used;

        for (; length > 0; data += used, length -= used)
                if (await(print_bytes(printer, shown,
                                      aw_log_escape(data, length, "\n\t", shown, sizeof(shown),
                                                    &used))) == -1)
                        return -1;
        return 0;
}

/* A piece of 3,000 bytes is a whole number of base64's groups. */
static async int
print_encoded(struct printer *printer, const uint8_t *data, size_t length, bool base64)
{
        char shown[CODEC_HEX_SIZE(3000)];
        size_t piece, size;

        for (; length > 0; data += piece, length -= piece) {
                piece = length < 3000 ? length : 3000;
                size = base64 ? aw_base64_encode(data, piece, shown)
                              : codec_to_hex(data, piece, shown);
                if (await(print_bytes(printer, shown, size)) == -1)
                        return -1;
        }
        return 0;
}

/* "4 bytes: 00 01 ff 1b", for people. */
static async int
print_dump(struct printer *printer, const uint8_t *data, size_t length)
{
        char shown[64];
        int size = snprintf(shown, sizeof(shown), "%zu byte%s%s", length, client_plural(length),
                            length == 0 ? "" : ":");

        for (size_t i = 0; i < length; i++) {
                if (size > (int)sizeof(shown) - 4) {
                        if (await(print_bytes(printer, shown, (size_t)size)) == -1)
                                return -1;
                        size = 0;
                }
                size += snprintf(shown + size, sizeof(shown) - (size_t)size, " %02x", data[i]);
        }
        return await(print_bytes(printer, shown, (size_t)size));
}

static async int
print_binary(struct printer *printer, const struct ws_message *message)
{
        const char *format = printer->options->format;

        if (strcmp(format, "hex") == 0 || strcmp(format, "base64") == 0)
                return await(print_encoded(printer, message->data, message->length,
                                           strcmp(format, "base64") == 0));
        if (printer->terminal && strcmp(format, "auto") == 0)
                return await(print_dump(printer, message->data, message->length));
        return await(print_bytes(printer, message->data, message->length));
}

void
print_time(char out[32])
{
        struct timespec now;
        struct tm local;
        size_t length;

        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &local);
        length = strftime(out, 32, "%H:%M:%S", &local);
        snprintf(out + length, 32 - length, ".%03ld", now.tv_nsec / 1000000);
}

static async int
print_stamp(struct printer *printer)
{
        char stamp[34];

        print_time(stamp);
        strcat(stamp, " ");
        return await(print_bytes(printer, stamp, strlen(stamp)));
}

static async int
print_message(struct printer *printer, const struct ws_message *message)
{
        int result;

        if (printer->options->raw)
                return await(print_bytes(printer, message->data, message->length));
        if (printer->options->timestamps && await(print_stamp(printer)) == -1)
                return -1;
        if (message->type == WS_BINARY)
                result = await(print_binary(printer, message));
        else if (printer->terminal)
                result = await(print_escaped(printer, message->data, message->length));
        else
                result = await(print_bytes(printer, message->data, message->length));
        if (result == -1 || above_of_output(printer->above) != NULL)
                return result;
        return await(print_bytes(printer, &printer->end, 1));
}

async int
print_received(struct printer *printer, const struct ws_message *message)
{
        int result;

        if (await(print_begin(printer, !printer->options->raw)) == -1)
                return -1;
        result = await(print_message(printer, message));
        print_end(printer);
        return result;
}

async int
print_text(struct printer *printer, const char *text, size_t length)
{
        int result;

        if (await(print_begin(printer, false)) == -1)
                return -1;
        result = await(print_bytes(printer, text, length));
        print_end(printer);
        return result;
}

async int
print_finish(struct printer *printer)
{
        return await(aw_stream_flush(printer->stream, AW_NEVER));
}

void
print_free(struct printer *printer)
{
        if (printer == NULL)
                return;
        aw_stream_drop(printer->stream);
        free(printer);
}
