/* SPDX-License-Identifier: MIT */
/* Wraps: above_begin above_end above_print aw_stream_drop aw_stream_flush aw_stream_open aw_stream_write isatty. */
/* How messages look on standard output. */
#include <fcntl.h>
#include <sys/socket.h>

#include "above.h"
#include "await/stream.h"
#include "print.h"
#include "unit/client/said.h"
#include "unit/support.h"

static char printed[20000];
static size_t printed_length;
static int broken; /* errno of the output, or 0 */
static bool once;  /* it is broken */
static bool terminal, no_stream;
static char somewhere;

struct aw_stream *__wrap_aw_stream_open(int fd, const struct aw_stream_options *bounds);
async int __wrap_aw_stream_write(struct aw_stream *stream, const void *data, size_t length,
                                 aw_time deadline);
async int __wrap_aw_stream_flush(struct aw_stream *stream, aw_time deadline);
void __wrap_aw_stream_drop(struct aw_stream *stream);
async int __wrap_above_begin(struct above *above, bool message);
async int __wrap_above_print(struct above *above, const char *text, size_t length);
void __wrap_above_end(struct above *above);
int __wrap_isatty(int fd);

static void
put(const void *data, size_t length)
{
        if (!expect(printed_length + length < sizeof(printed)))
                return;
        memcpy(printed + printed_length, data, length);
        printed_length += length;
        printed[printed_length] = '\0';
}

struct aw_stream *
__wrap_aw_stream_open(int fd, const struct aw_stream_options *bounds)
{
        expect(fd == STDOUT_FILENO && bounds == NULL);
        errno = EBADF;
        return no_stream ? NULL : (struct aw_stream *)&somewhere;
}

async int
__wrap_aw_stream_write(struct aw_stream *stream, const void *data, size_t length, aw_time deadline)
{
        expect(stream == (struct aw_stream *)&somewhere && deadline == AW_NEVER);
        if (broken == 0)
                put(data, length);
        errno = broken;
        if (once)
                broken = 0;
        return errno == 0 ? 0 : -1;
}

async int
__wrap_aw_stream_flush(struct aw_stream *stream, aw_time deadline)
{
        expect(stream == (struct aw_stream *)&somewhere && deadline == AW_NEVER);
        errno = broken;
        return broken == 0 ? 0 : -1;
}

void
__wrap_aw_stream_drop(struct aw_stream *stream)
{
        expect(stream == (struct aw_stream *)&somewhere);
        trace("dropped");
}

async int
__wrap_above_begin(struct above *above, bool message)
{
        (void)above;
        put(message ? "(message)" : "(text)", message ? 9 : 6);
        errno = ECANCELED;
        return broken == ECANCELED ? -1 : 0;
}

async int
__wrap_above_print(struct above *above, const char *text, size_t length)
{
        (void)above;
        put(text, length);
        errno = broken;
        return broken == 0 ? 0 : -1;
}

void
__wrap_above_end(struct above *above)
{
        (void)above;
        put("(end)", 5);
}

int
__wrap_isatty(int fd)
{
        expect_int(fd, STDOUT_FILENO);
        return terminal;
}

static struct printing_options options;
static struct printer *printer;

static void
forget(void)
{
        printed_length = 0;
        printed[0] = '\0';
}

/* On a terminal, or not; as the options say. */
static void
begin(bool is_terminal, bool null, struct above *above)
{
        terminal = is_terminal;
        broken = 0;
        no_stream = false;
        forget();
        printer = print_open(&options, null, above);
        expect(printer != NULL);
}

static void
end(void)
{
        print_free(printer);
        expect_trace("dropped");
        options = (struct printing_options){.format = "auto"};
}

static async int
receive(enum ws_type type, const char *data, size_t length)
{
        const struct ws_message message = {
                .type = type, .data = (const uint8_t *)data, .length = length};

        return await(print_received(printer, &message));
}

static void
is_printed(const char *text, size_t length)
{
        test_expect(printed_length == length && memcmp(printed, text, length) == 0, __FILE__,
                    __LINE__, "'%s' is printed (it is '%s')", text, printed);
        forget();
}

#define is(text) is_printed((text), sizeof(text) - 1)

static async int
a_message_is_its_bytes_and_a_lines_end(NOTHING)
{
        options = (struct printing_options){.format = "auto"};
        begin(false, false, NULL);
        expect_int(await(receive(WS_TEXT, "a\x1b\0b", 4)), 0);
        is("a\x1b\0b\n");
        expect_int(await(receive(WS_BINARY, "a\xff", 2)), 0);
        is("a\xff\n");
        expect_int(await(receive(WS_TEXT, "", 0)), 0);
        is("\n");
        expect_int(await(print_text(printer, "b", 1)), 0);
        is("b");
        expect_int(await(print_finish(printer)), 0);
        end();
        begin(false, true, NULL);
        expect_int(await(receive(WS_TEXT, "a", 1)), 0);
        is("a\0");
        end();
        options.raw = true;
        options.timestamps = true;
        begin(true, false, NULL);
        expect_int(await(receive(WS_TEXT, "a\x1b", 2)), 0);
        expect_int(await(receive(WS_BINARY, "\xff", 1)), 0);
        is("a\x1b\xff");
        end();
        return 0;
}

static async int
a_terminal_is_shown_what_it_would_obey(NOTHING)
{
        char dump[64 * 3 + 20] = "64 bytes:", bytes[64] = "";

        begin(true, false, NULL);
        expect_int(await(receive(WS_TEXT, "a\x1b\n\tb\x7f", 6)), 0);
        is("a\\x1b\n\tb\\x7f\n");
        expect_int(await(receive(WS_BINARY, "", 0)), 0);
        is("0 bytes\n");
        expect_int(await(receive(WS_BINARY, "\x1b", 1)), 0);
        is("1 byte: 1b\n");
        expect_int(await(receive(WS_BINARY, "\x00\x01\xff", 3)), 0);
        is("3 bytes: 00 01 ff\n");
        expect_int(await(receive(WS_BINARY, bytes, sizeof(bytes))), 0);
        for (int i = 0; i < 64; i++)
                strcat(dump, " 00");
        strcat(dump, "\n");
        is_printed(dump, strlen(dump));
        end();
        options.format = "raw";
        begin(true, false, NULL);
        expect_int(await(receive(WS_BINARY, "\x1b", 1)), 0);
        is("\x1b\n");
        end();
        return 0;
}

static async int
a_long_text_is_escaped_piece_by_piece(NOTHING)
{
        static char text[5000];

        memset(text, '\x01', 2000);
        memset(text + 2000, 'x', 3000);
        begin(true, false, NULL);
        expect_int(await(receive(WS_TEXT, text, sizeof(text))), 0);
        expect_int((long long)printed_length, 2000 * 4 + 3000 + 1);
        expect(memcmp(printed + 1999 * 4, "\\x01xxx", 7) == 0);
        end();
        return 0;
}

static async int
binary_messages_in_hex_and_base64(NOTHING)
{
        static char bytes[6001], hex[2 * 6001 + 2];

        options.format = "hex";
        begin(true, false, NULL);
        expect_int(await(receive(WS_BINARY, "\x1b\xff", 2)), 0);
        is("1bff\n");
        expect_int(await(receive(WS_TEXT, "a", 1)), 0);
        is("a\n");
        for (size_t i = 0; i < sizeof(bytes); i++) {
                bytes[i] = (char)i;
                sprintf(hex + 2 * i, "%02x", (unsigned)(uint8_t)i);
        }
        strcat(hex, "\n");
        expect_int(await(receive(WS_BINARY, bytes, sizeof(bytes))), 0);
        is_printed(hex, sizeof(hex) - 1);
        expect_int((long long)print_taken(printer), 5 + 2 + (long long)sizeof(hex) - 1);
        expect_int(await(receive(WS_BINARY, bytes, 2999)), 0);
        hex[(size_t)2 * 2999] = '\n';
        is_printed(hex, 2 * 2999 + 1);
        end();
        options.format = "base64";
        begin(false, false, NULL);
        expect_int(await(receive(WS_BINARY, "a\0b", 3)), 0);
        is("YQBi\n");
        expect_int(await(receive(WS_BINARY, bytes, sizeof(bytes))), 0);
        /* Padded once, at the very end. */
        expect_int((long long)printed_length, (6001 + 2) / 3 * 4 + 1);
        expect(memchr(printed, '=', printed_length) == printed + printed_length - 3);
        end();
        return 0;
}

static async int
the_time_stands_before_a_message(NOTHING)
{
        char line[40] = "", stamp[32];
        int hour, minute, second, milli, length = 0;

        options.timestamps = true;
        begin(false, false, NULL);
        expect_int(await(receive(WS_TEXT, "a", 1)), 0);
        memcpy(line, printed, printed_length < 39 ? printed_length : 39);
        expect_int(sscanf(line, "%2d:%2d:%2d.%3d a%n", &hour, &minute, &second, &milli, &length),
                   4);
        expect_int(length, (long long)strlen("12:34:56.789 a"));
        expect_int((long long)printed_length, length + 1);
        print_time(stamp);
        expect_int((long long)strlen(stamp), (long long)strlen("12:34:56.789"));
        end();
        return 0;
}

static async int
at_a_terminal_that_somebody_types_at_it_comes_above_the_line(NOTHING)
{
        struct above above = {.output = true};

        begin(true, false, &above);
        expect_int(await(receive(WS_TEXT, "a", 1)), 0);
        is("(message)a(end)");
        expect_int(await(print_text(printer, "b", 1)), 0);
        is("(text)b(end)");
        above.output = false;
        expect_int(await(receive(WS_TEXT, "a", 1)), 0);
        is("a\n");
        end();
        options.raw = true;
        above.output = true;
        begin(true, false, &above);
        expect_int(await(receive(WS_TEXT, "a", 1)), 0);
        is("(text)a(end)");
        end();
        begin(true, false, &above);
        broken = ECANCELED;
        expect_error(await(receive(WS_TEXT, "a", 1)), ECANCELED);
        is("(message)");
        expect_error(await(print_text(printer, "a", 1)), ECANCELED);
        is("(text)");
        broken = EIO;
        expect_error(await(receive(WS_TEXT, "a", 1)), EIO);
        is("(message)a(end)");
        expect_error(await(print_text(printer, "a", 1)), EIO);
        is("(text)a(end)");
        end();
        return 0;
}

static async int
each_way_of_printing_tells_that_it_failed(NOTHING)
{
        static const char *const formats[] = {"hex", "base64", "auto", "raw"};
        static char bytes[4000];

        for (size_t i = 0; i < 4; i++)
                for (int at_terminal = 0; at_terminal < 2; at_terminal++) {
                        options.format = formats[i];
                        begin(at_terminal, false, NULL);
                        broken = ENOSPC;
                        expect_error(await(receive(WS_BINARY, "a", 1)), ENOSPC);
                        expect_error(await(receive(WS_BINARY, bytes, sizeof(bytes))), ENOSPC);
                        expect_error(await(receive(WS_TEXT, bytes, sizeof(bytes))), ENOSPC);
                        expect_error(await(receive(WS_TEXT, "", 0)), ENOSPC);
                        expect_error(await(print_text(printer, "a", 1)), ENOSPC);
                        expect_error(await(print_finish(printer)), ENOSPC);
                        end();
                }
        /* Nothing is printed behind what is missing. */
        for (size_t i = 0; i < 4; i++) {
                options.format = formats[i];
                begin(true, false, NULL);
                broken = ENOSPC;
                once = true;
                expect_error(await(receive(WS_BINARY, bytes, sizeof(bytes))), ENOSPC);
                once = false;
                is("");
                end();
        }
        options.timestamps = true;
        begin(false, false, NULL);
        broken = ENOSPC;
        expect_error(await(receive(WS_TEXT, "a", 1)), ENOSPC);
        end();
        no_stream = true;
        said_begin();
        expect(print_open(&options, false, NULL) == NULL);
        expect(strcmp(said, "wsecho: standard output: Bad file descriptor\n") == 0);
        client_set_sink(NULL);
        print_free(NULL);
        expect_trace("");
        return 0;
}

/* Standard output is this for a moment: whether somebody reads it at their own speed. */
static bool
has_reader(int fd)
{
        int saved = dup(STDOUT_FILENO);
        bool reader;

        fflush(stdout);
        dup2(fd, STDOUT_FILENO);
        begin(false, false, NULL);
        dup2(saved, STDOUT_FILENO);
        close(saved);
        reader = print_has_reader(printer);
        end();
        return reader;
}

static async int
a_pipe_a_socket_and_a_terminal_have_readers_and_a_file_has_none(NOTHING)
{
        int channel[2], file = open("/dev/null", O_WRONLY);

        expect(!has_reader(file));
        close(file);
        expect_int(pipe(channel), 0);
        expect(has_reader(channel[1]));
        close(channel[0]);
        close(channel[1]);
        expect_int(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
        expect(has_reader(channel[1]));
        close(channel[0]);
        close(channel[1]);
        begin(true, false, NULL);
        expect(print_has_reader(printer));
        end();
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_message_is_its_bytes_and_a_lines_end),
                on_loop(a_terminal_is_shown_what_it_would_obey),
                on_loop(a_long_text_is_escaped_piece_by_piece),
                on_loop(binary_messages_in_hex_and_base64),
                on_loop(the_time_stands_before_a_message),
                on_loop(at_a_terminal_that_somebody_types_at_it_comes_above_the_line),
                on_loop(each_way_of_printing_tells_that_it_failed),
                on_loop(a_pipe_a_socket_and_a_terminal_have_readers_and_a_file_has_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
