/* SPDX-License-Identifier: MIT */
/* What is checked of the options beyond their form. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "await/ws.h"
#include "base/utf8.h"
#include "options.h"

bool
options_use_utf8(void)
{
        return setlocale(LC_CTYPE, "C.UTF-8") != NULL ||
               (setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
}

bool
options_have_messages(const struct sending_options *sending)
{
        return sending->count > 0 || sending->parts.count > 0;
}

/*
 * TIME, replies, forever; -1 is forever, as in wscat. Without it: forever if we only listen; not at
 * all for somebody at a terminal, who sees what is there.
 */
static bool
check_wait(struct ending_options *ending, bool listens, bool at_terminal)
{
        const char *wait = ending->wait;

        ending->wait_time = -1;
        if (wait == NULL && at_terminal)
                ending->wait_time = 0;
        else if (wait == NULL && (ending->has_expected || ending->count > 0))
                return true;
        else if (wait == NULL)
                ending->forever = listens;
        else if (strcmp(wait, "forever") == 0 || strcmp(wait, "-1") == 0)
                ending->forever = true;
        else if (strcmp(wait, "replies") != 0 && aw_opt_duration(wait, &ending->wait_time) == -1) {
                aw_opt_usage_error(&options_program,
                                   "option '--wait' must be a time such as 2s, 'replies' or "
                                   "'forever', not '%s'",
                                   wait);
                return false;
        }
        return true;
}

static bool
check_pattern(const char *name, const char *pattern, regex_t *compiled, bool *has)
{
        char text[128];
        int error;

        if (pattern == NULL)
                return true;
        /* Without it each byte is a character. */
        options_use_utf8();
        error = regcomp(compiled, pattern, REG_EXTENDED | REG_NOSUB);
        if (error != 0) {
                regerror(error, compiled, text, sizeof(text));
                aw_opt_usage_error(&options_program, "option '--%s': '%s': %s", name, pattern,
                                   text);
                return false;
        }
        *has = true;
        return true;
}

unsigned
options_read_code(const char *text, char **end)
{
        unsigned long code = strtoul(text, end, 10);
        bool known = (code >= 1000 && code <= 1003) || (code >= 1005 && code <= 1014);

        if (*end != text + 4 || !(known || (code >= 3000 && code <= 4999)))
                return 0;
        return (unsigned)code;
}

/* Codes that stand for what was not said, and are never sent (RFC 6455 section 7.4.1). */
static bool
is_reserved(const char *text)
{
        static const char *const reserved[] = {"1004", "1005", "1006", "1015"};
        size_t length = strcspn(text, ":");

        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
                if (length == strlen(reserved[i]) && strncmp(text, reserved[i], length) == 0)
                        return true;
        return false;
}

/* CODE[:REASON] */
static bool
check_close(struct ending_options *ending)
{
        char *end;

        ending->code = WS_NORMAL;
        if (ending->close == NULL)
                return true;
        if (is_reserved(ending->close)) {
                aw_opt_usage_error(&options_program,
                                   "option '--close': the code %.4s is reserved and is never sent: "
                                   "use one such as 1000 or 4001",
                                   ending->close);
                return false;
        }
        ending->code = options_read_code(ending->close, &end);
        if (ending->code == 0 || (*end != '\0' && *end != ':')) {
                aw_opt_usage_error(&options_program,
                                   "option '--close' must be CODE or CODE:REASON, with a code "
                                   "such as 1000 or 4001, not '%s'",
                                   ending->close);
                return false;
        }
        ending->reason = *end == ':' ? end + 1 : NULL;
        if (ending->reason != NULL && strlen(ending->reason) > 123) {
                aw_opt_usage_error(&options_program,
                                   "option '--close': the reason is longer than 123 bytes");
                return false;
        }
        if (ending->reason != NULL &&
            !aw_utf8_valid((const uint8_t *)ending->reason, strlen(ending->reason))) {
                aw_opt_usage_error(&options_program, "option '--close': the reason is not UTF-8");
                return false;
        }
        return true;
}

/* CODE,CODE...: calls `is` for none, or true if one is the code. *valid: they are all codes. */
static bool
find_code(const char *codes, unsigned code, bool *valid)
{
        bool found = false;
        char *end;
        unsigned one;

        do {
                one = options_read_code(codes, &end);
                found = found || one == code;
                *valid = one != 0 && (*end == ',' || *end == '\0');
                codes = end + 1;
        } while (*valid && *end == ',');
        return found;
}

bool
options_close_ok(const struct ending_options *ending, unsigned code)
{
        bool valid;

        return ending->close_ok != NULL && find_code(ending->close_ok, code, &valid);
}

static bool
check_close_ok(const struct ending_options *ending)
{
        bool valid = true;

        if (ending->close_ok != NULL)
                find_code(ending->close_ok, 0, &valid);
        if (!valid)
                aw_opt_usage_error(&options_program,
                                   "option '--close-ok' must be codes such as 1000,4001, not '%s'",
                                   ending->close_ok);
        return valid;
}

/*
 * cron and systemd give this to those who have nothing to read: they listen. One that cannot be
 * read stands for a descriptor that was closed, which is a failure.
 */
static bool
is_dev_null(int fd)
{
        struct stat status;

        return (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY && fstat(fd, &status) == 0 &&
               S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

/* What the file's name stands for is standard input, and can be read once: "-", or the same pipe. */
static bool
is_standard_input(const char *name)
{
        struct stat input, file;

        return strcmp(name, "-") == 0 ||
               (fstat(STDIN_FILENO, &input) == 0 && S_ISFIFO(input.st_mode) &&
                stat(name, &file) == 0 && file.st_dev == input.st_dev &&
                file.st_ino == input.st_ino);
}

/* The file that the part of a message is, or NULL. */
static const char *
file_of_part(const struct aw_opt_strings *parts, size_t i)
{
        if (parts->letters[i] == 'f')
                return parts->items[i];
        return parts->items[i][0] == '@' ? parts->items[i] + 1 : NULL;
}

/* How often the messages of the command line are standard input: it can be read once. */
static size_t
count_readings(const struct sending_options *sending)
{
        size_t count = 0;
        const char *file;

        for (size_t i = 0; i < sending->parts.count; i++) {
                file = file_of_part(&sending->parts, i);
                count += file != NULL && is_standard_input(file);
        }
        return count > 0 && sending->repeat > 1 ? 2 : count;
}

struct reader {
        const char *file, *name;
        bool dash; /* "-" is standard input */
};

static bool
reads_input(const struct reader *reader)
{
        return reader->file != NULL && (reader->dash || strcmp(reader->file, "-") != 0) &&
               is_standard_input(reader->file);
}

/* The files of fields: the name of the option if one is standard input, or NULL. */
static const char *
reader_of_headers(const struct aw_opt_strings *headers, size_t *count)
{
        const char *name = NULL;

        for (size_t i = 0; i < headers->count; i++)
                if (headers->items[i][0] == '@' && is_standard_input(headers->items[i] + 1)) {
                        name = "'--header'";
                        ++*count;
                }
        return name;
}

/* Where there are two, one of them gets nothing, or what is for the other. */
static bool
check_readers(const struct client_options *options)
{
        const struct sending_options *sending = &options->sending;
        const struct reader files[] = {{options->handshake.bearer_file, "'--bearer-file'", true},
                                       {options->tls.pass_file, "'--pass-file'", true},
                                       {options->tls.cert, "'--cert'", false},
                                       {options->tls.key, "'--key'", false},
                                       {options->tls.cacert, "'--cacert'", false}};
        bool lines = !options_have_messages(sending) && !sending->no_stdin && !sending->echo &&
                     !options->terminal.on;
        size_t count = 0;
        const char *name = reader_of_headers(&options->handshake.headers, &count);

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                if (reads_input(&files[i])) {
                        name = files[i].name;
                        count++;
                }
        if (name == NULL || count + lines + count_readings(sending) < 2)
                return true;
        aw_opt_usage_error(&options_program,
                           "standard input is for %s, and can be read once: put %s in a file%s",
                           name, lines ? "that" : "all else",
                           lines ? ", or send nothing with '--no-stdin'" : "");
        return false;
}

struct pair {
        bool given; /* both are */
        const char *one, *other;
};

/* Two options, one of which would have no effect. */
static bool
check_pairs(const struct client_options *options)
{
        const struct sending_options *sending = &options->sending;
        const struct printing_options *printing = &options->printing;
        const struct ending_options *ending = &options->ending;
        const struct pair pairs[] = {
                {sending->hex && sending->base64, "hex", "base64"},
                {ending->one && ending->count > 1, "one", "count"},
                {printing->timestamps && printing->raw, "timestamps", "raw"},
                {printing->timestamps && printing->json, "timestamps", "json"},
                {printing->raw && printing->json, "raw", "json"},
                {printing->raw && printing->format != NULL && strcmp(printing->format, "raw") != 0,
                 "raw", "print"},
                /* One who sends back all that comes prints nothing. */
                {sending->echo && options->connection.reconnect > 0, "echo", "reconnect"},
                {sending->echo && ending->one, "echo", "one"},
                {sending->echo && ending->count > 0, "echo", "count"},
                {sending->echo && ending->skip > 0, "echo", "skip"},
                {sending->echo && ending->wait != NULL, "echo", "wait"},
                {sending->echo && ending->expect != NULL, "echo", "expect"},
                {sending->echo && ending->reject != NULL, "echo", "reject"},
                {sending->echo && printing->json, "echo", "json"},
                {sending->echo && printing->raw, "echo", "raw"},
                {sending->echo && printing->format != NULL, "echo", "print"},
                {sending->echo && printing->timestamps, "echo", "timestamps"},
        };

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
                if (pairs[i].given) {
                        aw_opt_usage_error(&options_program, "'--%s' and '--%s' exclude each other",
                                           pairs[i].one, pairs[i].other);
                        return false;
                }
        return true;
}

static bool
has_files(const struct sending_options *sending)
{
        for (size_t i = 0; i < sending->parts.count; i++)
                if (file_of_part(&sending->parts, i) != NULL)
                        return true;
        return false;
}

/* An option that takes a file, and does not say which. */
static bool
check_named(const char *option, const char *argument, const char *nameless)
{
        if (strcmp(argument, nameless) != 0)
                return true;
        aw_opt_usage_error(&options_program, "option '--%s': the file's name is missing%s", option,
                           nameless[0] == '@' ? " behind '@'" : "");
        return false;
}

static bool
check_file_names(const struct client_options *options)
{
        const struct aw_opt_strings *parts = &options->sending.parts;
        const struct aw_opt_strings *headers = &options->handshake.headers;
        bool named = true;

        for (size_t i = 0; i < parts->count && named; i++)
                named = parts->letters[i] == 'f' ? check_named("file", parts->items[i], "")
                                                 : check_named("data", parts->items[i], "@");
        for (size_t i = 0; i < headers->count && named; i++)
                named = check_named("header", headers->items[i], "@");
        return named;
}

static bool
check_sending(const struct sending_options *sending)
{
        const char *code = sending->hex ? "hex" : "base64";

        if (sending->echo && options_have_messages(sending))
                aw_opt_usage_error(&options_program,
                                   "'--echo' sends what comes, and no messages of its own");
        else if (count_readings(sending) > 1)
                aw_opt_usage_error(
                        &options_program,
                        "standard input can be sent as a message once: put it in a file");
        else if (sending->repeat > 1 && !options_have_messages(sending))
                aw_opt_usage_error(&options_program,
                                   "'--repeat' is for messages of the command line: there is none");
        else if ((sending->hex || sending->base64) && has_files(sending))
                aw_opt_usage_error(&options_program,
                                   "'--%s' is not for files, which are sent as they are: use "
                                   "'--binary --print %s'",
                                   code, code);
        else
                return true;
        return false;
}

/* Their values are nobody's business. */
static bool
check_cookies(const struct aw_opt_strings *cookies)
{
        for (size_t i = 0; i < cookies->count; i++)
                if (strchr(cookies->items[i], '=') == NULL) {
                        aw_opt_usage_error(&options_program,
                                           "option '--cookie' must be NAME=VALUE: there is no '='");
                        return false;
                }
        return true;
}

static bool
check_compress(struct handshake_options *handshake)
{
        if (network_deflate(handshake->compress, handshake->compress_mode, &handshake->deflate) ==
            0)
                return true;
        aw_opt_usage_error(&options_program,
                           "option '--compress-mode' must be shared, context, or context:BITS with "
                           "9 to 15, not '%s'",
                           handshake->compress_mode);
        return false;
}

/* What is said in two ways. */
static void
settle_options(struct client_options *options)
{
        struct sending_options *sending = &options->sending;
        struct printing_options *printing = &options->printing;

        if (options->ending.one)
                options->ending.count = 1;
        if (sending->hex || sending->base64) {
                if (printing->format == NULL)
                        printing->format = sending->hex ? "hex" : "base64";
                sending->binary = sending->lines = true;
        }
        if (printing->format == NULL)
                printing->format = "auto";
        if (printing->raw)
                printing->format = "raw";
        if (!options_have_messages(sending) && is_dev_null(STDIN_FILENO))
                sending->no_stdin = true;
        options->terminal.on = !options_have_messages(sending) && !sending->no_stdin &&
                               !sending->echo && !sending->null && isatty(STDIN_FILENO) == 1 &&
                               isatty(STDERR_FILENO) == 1;
        /* Bytes in, bytes out. */
        if (!options->terminal.on && sending->binary && !sending->lines && !sending->no_stdin &&
            !options_have_messages(sending) && !printing->timestamps &&
            strcmp(printing->format, "auto") == 0)
                printing->raw = true;
}

bool
options_check(struct client_options *options, char **operands, int count)
{
        struct ending_options *ending = &options->ending;
        bool named = options->connection.url != NULL;

        if (named) {
                options->url = options->connection.url;
        } else if (count == 0) {
                aw_opt_usage_error(&options_program, "the URL is missing");
                return false;
        } else {
                options->url = operands[0];
        }
        options->sending.messages = operands + !named;
        options->sending.count = count - !named;
        if (!check_pairs(options) || !check_file_names(options) ||
            !check_sending(&options->sending))
                return false;
        settle_options(options);
        return check_readers(options) && check_cookies(&options->handshake.cookies) &&
               check_compress(&options->handshake) &&
               check_pattern("expect", ending->expect, &ending->expected, &ending->has_expected) &&
               check_pattern("reject", ending->reject, &ending->rejected, &ending->has_rejected) &&
               check_wait(ending,
                          options->sending.no_stdin && !options_have_messages(&options->sending),
                          options->terminal.on) &&
               check_close(ending) && check_close_ok(ending);
}

void
options_free(struct client_options *options)
{
        if (options->ending.has_expected)
                regfree(&options->ending.expected);
        if (options->ending.has_rejected)
                regfree(&options->ending.rejected);
        aw_opt_strings_free(&options->sending.parts);
        aw_opt_strings_free(&options->handshake.headers);
        aw_opt_strings_free(&options->handshake.subprotocols);
        aw_opt_strings_free(&options->handshake.cookies);
        aw_opt_strings_free(&options->network.resolve);
        aw_opt_strings_free(&options->network.connect_to);
        for (size_t i = 0; i < options->copy_count; i++) {
                explicit_bzero(options->copies[i], strlen(options->copies[i]));
                free(options->copies[i]);
        }
        free(options->copies);
}
