/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: aw_opt_usage_error isatty. */
/* What follows from the options together, and what is wrong with them. */
#include <fcntl.h>
#include <sys/socket.h>

#include "options.h"
#include "unit/client/balance.h"
#include "unit/support.h"

#define WORDS 8

static char complaint[400];
static bool terminals[3]; /* which of the standard descriptors is one */

enum aw_opt_status __wrap_aw_opt_usage_error(const struct aw_opt_program *program,
                                             const char *format, ...)
        __attribute__((format(printf, 2, 3)));
int __wrap_isatty(int fd);

enum aw_opt_status
__wrap_aw_opt_usage_error(const struct aw_opt_program *program, const char *format, ...)
{
        va_list arguments;

        assert_ptr_equal(program, &options_program);
        assert_string_equal(complaint, "");
        va_start(arguments, format);
        vsnprintf(complaint, sizeof(complaint), format, arguments);
        va_end(arguments);
        return AW_OPT_USAGE;
}

int
__wrap_isatty(int fd)
{
        return terminals[fd];
}

static struct client_options options;

/* Takes the words, the first of which that is NULL ends them; the answer of options_check(). */
static bool
check(const char *const *given)
{
        /* The options go on pointing to them. */
        static char *words[WORDS + 2] = {(char *)(uintptr_t) "wsecho"};
        int count = 1, operands;

        for (; *given != NULL; given++)
                words[count++] = (char *)(uintptr_t)*given;
        words[count] = NULL;
        options_free(&options);
        options_init(&options);
        complaint[0] = '\0';
        assert_int_equal(aw_opt_parse(&options_program, count, words, &options, &operands),
                         AW_OPT_RUN);
        return options_check(&options, words + 1, operands);
}

#define CHECK(...) check((const char *const[WORDS]){__VA_ARGS__})
#define GOOD(...)                                                                                  \
        do {                                                                                       \
                bool taken = CHECK(__VA_ARGS__);                                                   \
                                                                                                   \
                assert_string_equal(complaint, "");                                                \
                assert_true(taken);                                                                \
        } while (0)
#define BAD(words, ...)                                                                            \
        do {                                                                                       \
                assert_false(CHECK(__VA_ARGS__));                                                  \
                assert_string_equal(complaint, (words));                                           \
        } while (0)

/* Standard input is this from now on. */
static void
read_from(const char *path, int flags)
{
        int fd = open(path, flags);

        assert_int_not_equal(fd, -1);
        assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
        close(fd);
}

static int
begin(void **state)
{
        (void)state;
        read_from("/proc/self/exe", O_RDONLY);
        memset(terminals, 0, sizeof(terminals));
        return 0;
}

static void
the_first_operand_is_the_url_unless_c_has_it(void **state)
{
        (void)state;
        GOOD("a", "b", "c");
        assert_string_equal(options.url, "a");
        assert_int_equal(options.sending.count, 2);
        assert_string_equal(options.sending.messages[0], "b");
        assert_string_equal(options.sending.messages[1], "c");
        GOOD("-c", "u", "a");
        assert_string_equal(options.url, "u");
        assert_int_equal(options.sending.count, 1);
        assert_string_equal(options.sending.messages[0], "a");
        GOOD("-c", "u");
        assert_int_equal(options.sending.count, 0);
        GOOD("a");
        assert_int_equal(options.sending.count, 0);
        BAD("the URL is missing", NULL);
}

static void
the_defaults(void **state)
{
        (void)state;
        GOOD("a", "b");
        assert_int_equal(options.connection.timeout, 10 * AW_SECOND);
        assert_int_equal(options.connection.max_message, 16 << 20);
        assert_int_equal(options.connection.reconnect, 0);
        assert_int_equal(options.handshake.max_redirs, 10);
        assert_int_equal(options.sending.repeat, 1);
        assert_string_equal(options.printing.format, "auto");
        assert_false(options.printing.raw);
        assert_false(options.sending.binary);
        assert_false(options.sending.lines);
        assert_false(options.sending.no_stdin);
        assert_false(options.terminal.on);
        assert_false(options.ending.forever);
        assert_int_equal(options.ending.wait_time, -1);
        assert_int_equal(options.ending.count, 0);
        assert_int_equal(options.ending.code, 1000);
        assert_null(options.ending.reason);
        assert_false(options.ending.has_expected);
        assert_false(options.ending.has_rejected);
        assert_true(options_have_messages(&options.sending));
        GOOD("a");
        assert_false(options_have_messages(&options.sending));
        GOOD("-d", "b", "a");
        assert_true(options_have_messages(&options.sending));
}

static void
wait_is_a_time_or_a_word(void **state)
{
        static const char wrong[] = "option '--wait' must be a time such as 2s, 'replies' or "
                                    "'forever', not 'soon'";

        (void)state;
        GOOD("-w", "2s", "a");
        assert_int_equal(options.ending.wait_time, 2 * AW_SECOND);
        assert_false(options.ending.forever);
        GOOD("-w", "0", "a");
        assert_int_equal(options.ending.wait_time, 0);
        GOOD("-w", "replies", "a");
        assert_int_equal(options.ending.wait_time, -1);
        assert_false(options.ending.forever);
        GOOD("-w", "replies", "-N", "a");
        assert_false(options.ending.forever);
        GOOD("-w", "forever", "a");
        assert_int_equal(options.ending.wait_time, -1);
        assert_true(options.ending.forever);
        GOOD("-w", "-1", "a");
        assert_true(options.ending.forever);
        BAD(wrong, "-w", "soon", "a");
}

static void
a_listener_waits_forever_unless_it_counts_or_expects(void **state)
{
        (void)state;
        GOOD("-N", "a");
        assert_true(options.ending.forever);
        assert_int_equal(options.ending.wait_time, -1);
        GOOD("-N", "a", "b");
        assert_false(options.ending.forever);
        GOOD("-N", "--count=2", "a");
        assert_false(options.ending.forever);
        assert_int_equal(options.ending.wait_time, -1);
        GOOD("-N", "--expect=b", "a");
        assert_false(options.ending.forever);
        GOOD("-N", "-1", "a");
        assert_int_equal(options.ending.count, 1);
        assert_false(options.ending.forever);
}

static void
dev_null_is_nothing_to_read(void **state)
{
        (void)state;
        read_from("/dev/null", O_RDONLY);
        GOOD("a");
        assert_true(options.sending.no_stdin);
        assert_true(options.ending.forever);
        GOOD("a", "b");
        assert_false(options.sending.no_stdin);
        read_from("/dev/null", O_RDWR);
        GOOD("a");
        assert_true(options.sending.no_stdin);
        read_from("/dev/null", O_WRONLY);
        GOOD("a");
        assert_false(options.sending.no_stdin);
        read_from("/dev/zero", O_RDONLY);
        GOOD("a");
        assert_false(options.sending.no_stdin);
}

static void
somebody_sits_there_if_both_are_terminals_and_nothing_else_is_sent(void **state)
{
        (void)state;
        terminals[0] = terminals[2] = true;
        GOOD("a");
        assert_true(options.terminal.on);
        assert_int_equal(options.ending.wait_time, 0);
        assert_false(options.ending.forever);
        GOOD("-w", "replies", "a");
        assert_int_equal(options.ending.wait_time, -1);
        GOOD("-b", "a");
        assert_true(options.terminal.on);
        assert_false(options.printing.raw);
        GOOD("a", "b");
        assert_false(options.terminal.on);
        GOOD("-d", "b", "a");
        assert_false(options.terminal.on);
        GOOD("-N", "a");
        assert_false(options.terminal.on);
        GOOD("-0", "a");
        assert_false(options.terminal.on);
        GOOD("--echo", "a");
        assert_false(options.terminal.on);
        terminals[2] = false;
        GOOD("a");
        assert_false(options.terminal.on);
        terminals[0] = false;
        terminals[2] = true;
        GOOD("a");
        assert_false(options.terminal.on);
}

static void
bytes_in_are_bytes_out(void **state)
{
        (void)state;
        GOOD("-b", "a");
        assert_true(options.printing.raw);
        GOOD("-b", "--lines", "a");
        assert_false(options.printing.raw);
        GOOD("-b", "-N", "a");
        assert_false(options.printing.raw);
        GOOD("-b", "a", "b");
        assert_false(options.printing.raw);
        GOOD("-b", "--print=hex", "a");
        assert_false(options.printing.raw);
        assert_string_equal(options.printing.format, "hex");
        GOOD("--raw", "a");
        assert_string_equal(options.printing.format, "raw");
        GOOD("--hex", "a");
        assert_string_equal(options.printing.format, "hex");
        assert_true(options.sending.binary && options.sending.lines);
        assert_false(options.printing.raw);
        GOOD("--hex", "--print=base64", "a"); /* whoever says how is heard */
        assert_string_equal(options.printing.format, "base64");
        GOOD("--base64", "--print=auto", "a");
        assert_string_equal(options.printing.format, "auto");
        GOOD("-b", "-T", "a");
        assert_false(options.printing.raw);
        GOOD("--base64", "a");
        assert_string_equal(options.printing.format, "base64");
        assert_true(options.sending.binary && options.sending.lines);
}

static void
what_excludes_each_other(void **state)
{
        static const char stdin_once[] =
                "standard input can be sent as a message once: put it in a file";
        static const struct {
                const char *word, *name;
        } others[] = {
                {"--reconnect", "reconnect"},
                {"--count=1", "count"},
                {"-1", "one"},
                {"--raw", "raw"},
                {"--print=auto", "print"},
                {"-T", "timestamps"},
                {"--skip=1", "skip"},
                {"-w0", "wait"},
                {"--expect=a", "expect"},
                {"--reject=a", "reject"},
                {"--json", "json"},
        };
        char words[100];

        (void)state;
        BAD("'--hex' and '--base64' exclude each other", "--hex", "--base64", "a");
        BAD("'--one' and '--count' exclude each other", "-1", "--count=3", "a");
        GOOD("-1", "--count=1", "a");
        BAD("'--timestamps' and '--raw' exclude each other", "-T", "--raw", "a");
        BAD("'--timestamps' and '--json' exclude each other", "-T", "-j", "a");
        BAD("'--raw' and '--json' exclude each other", "--raw", "-j", "a");
        BAD("'--raw' and '--print' exclude each other", "--raw", "--print=hex", "a");
        GOOD("--raw", "--print=raw", "a");
        BAD("'--repeat' is for messages of the command line: there is none", "--repeat=2", "a");
        GOOD("--repeat=2", "a", "b");
        BAD("'--hex' is not for files, which are sent as they are: use '--binary --print hex'",
            "--hex", "-d", "@b", "a");
        BAD("'--base64' is not for files, which are sent as they are: use '--binary --print "
            "base64'",
            "--base64", "-f", "b", "a");
        GOOD("--hex", "-d", "00", "a");
        BAD("'--echo' sends what comes, and no messages of its own", "--echo", "a", "b");
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                snprintf(words, sizeof(words), "'--echo' and '--%s' exclude each other",
                         others[i].name);
                BAD(words, "--echo", others[i].word, "a");
                GOOD(others[i].word, "a");
        }
        GOOD("--echo", "a");
        BAD("option '--data': the file's name is missing behind '@'", "-d", "b", "-d", "@", "a");
        BAD("option '--file': the file's name is missing", "-f", "", "a");
        BAD("option '--header': the file's name is missing behind '@'", "-H", "@", "a");
        GOOD("-d", "", "a");
        GOOD("-f", "@", "a");
        GOOD("-f", "-", "a");
        GOOD("-d", "@-", "a");
        GOOD("-d", "-", "-f", "@-", "a");
        GOOD("--repeat=2", "-d", "-", "a");
        BAD(stdin_once, "-f", "-", "-d", "@-", "a");
        BAD(stdin_once, "-f", "-", "--repeat=2", "a");
}

static void
patterns_are_regular_expressions(void **state)
{
        (void)state;
        GOOD("--expect=^a+$", "a");
        assert_true(options.ending.has_expected);
        assert_false(options.ending.has_rejected);
        assert_int_equal(regexec(&options.ending.expected, "aa", 0, NULL, 0), 0);
        GOOD("--expect=^.$", "a"); /* a character, and no byte */
        assert_int_equal(regexec(&options.ending.expected, "\xc3\xa9", 0, NULL, 0), 0);
        assert_int_equal(regexec(&options.ending.expected, "ab", 0, NULL, 0), REG_NOMATCH);
        GOOD("--reject=b", "a");
        assert_true(options.ending.has_rejected);
        assert_false(options.ending.has_expected);
        BAD("option '--expect': '(': Unmatched ( or \\(", "--expect=(", "a");
        BAD("option '--reject': 'a\\': Trailing backslash", "--reject=a\\", "a");
}

static void
a_close_has_a_code_that_may_be_sent_and_a_reason_that_fits(void **state)
{
        static const char *const good[] = {"1000", "1003", "1007", "1014", "3000", "4999"};
        static const char *const reserved[] = {"1004", "1005", "1006", "1015"};
        static const char *const bad[] = {"999",   "1016",  "2999", "5000", "10000",
                                          "1000 ", "1000,", "",     "x",    ":a"};
        char word[200], words[200];

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                GOOD("--close", good[i], "a");
                assert_int_equal(options.ending.code, atoi(good[i]));
                assert_null(options.ending.reason);
        }
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
                snprintf(word, sizeof(word), "%s:a", reserved[i]);
                snprintf(words, sizeof(words),
                         "option '--close': the code %s is reserved and is never sent: use one "
                         "such as 1000 or 4001",
                         reserved[i]);
                BAD(words, "--close", reserved[i], "a");
                BAD(words, "--close", word, "a");
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                snprintf(words, sizeof(words),
                         "option '--close' must be CODE or CODE:REASON, with a code such as 1000 "
                         "or 4001, not '%s'",
                         bad[i]);
                BAD(words, "--close", bad[i], "a");
        }
        GOOD("--close=4000:bye", "a");
        assert_int_equal(options.ending.code, 4000);
        assert_string_equal(options.ending.reason, "bye");
        GOOD("--close=4000:", "a");
        assert_string_equal(options.ending.reason, "");
        snprintf(word, sizeof(word), "4000:%0123d", 0);
        GOOD("--close", word, "a");
        snprintf(word, sizeof(word), "4000:%0124d", 0);
        BAD("option '--close': the reason is longer than 123 bytes", "--close", word, "a");
        BAD("option '--close': the reason is not UTF-8", "--close=4000:\xff", "a");
}

static void
close_ok_is_a_list_of_codes(void **state)
{
        static const char *const bad[] = {"",          "1000,", ",1000", "1000;1001",
                                          "1000,1004", "999",   "1000,x"};
        char words[100];

        (void)state;
        GOOD("a");
        assert_false(options_close_ok(&options.ending, 1000));
        GOOD("--close-ok=1000,1005,4000", "a");
        assert_true(options_close_ok(&options.ending, 1000));
        assert_true(options_close_ok(&options.ending, 1005));
        assert_true(options_close_ok(&options.ending, 4000));
        assert_false(options_close_ok(&options.ending, 1001));
        assert_false(options_close_ok(&options.ending, 0));
        GOOD("--close-ok=1006", "a");
        assert_true(options_close_ok(&options.ending, 1006));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                snprintf(words, sizeof(words),
                         "option '--close-ok' must be codes such as 1000,4001, not '%s'", bad[i]);
                BAD(words, "--close-ok", bad[i], "a");
        }
}

static void
cookies_have_names(void **state)
{
        (void)state;
        GOOD("--cookie=a=b", "--cookie==", "a");
        BAD("option '--cookie' must be NAME=VALUE: there is no '='", "--cookie=a=b", "--cookie=c",
            "a");
}

static void
compression_is_offered_if_either_option_says_so(void **state)
{
        (void)state;
        GOOD("a");
        assert_int_equal(options.handshake.deflate.mode, WS_DEFLATE_OFF);
        GOOD("--compress", "a");
        assert_int_equal(options.handshake.deflate.mode, WS_DEFLATE_CONTEXT);
        GOOD("--compress-mode=shared", "a");
        assert_int_equal(options.handshake.deflate.mode, WS_DEFLATE_SHARED);
        GOOD("--compress", "--compress-mode=shared", "a");
        assert_int_equal(options.handshake.deflate.mode, WS_DEFLATE_SHARED);
        BAD("option '--compress-mode' must be shared, context, or context:BITS with 9 to 15, not "
            "'context:8'",
            "--compress-mode=context:8", "a");
        BAD("option '--compress-mode' must be shared, context, or context:BITS with 9 to 15, not "
            "'off'",
            "--compress-mode=off", "a");
}

static void
lists_and_copies_are_freed_with_the_options(void **state)
{
        (void)state;
        GOOD("-H", "A: b", "-s", "c", "--cookie=d=e", "-df", "a");
        GOOD("--resolve=a:1:127.0.0.1", "--connect-to=a:1:b:2", "--expect=g", "--reject=h", "a");
        options.copies = calloc(2, sizeof(*options.copies));
        options.copies[0] = strdup("one");
        options.copies[1] = strdup("two");
        options.copy_count = 2;
}

/* A pipe has several names. */
static void
standard_input_is_read_for_one_thing(void **state)
{
        static const struct {
                const char *word;
                const char *name;
        } files[] = {
                {"--bearer-file=-", "bearer-file"}, {"--bearer-file=/dev/stdin", "bearer-file"},
                {"--pass-file=-", "pass-file"},     {"-H@-", "header"},
                {"-H@/dev/stdin", "header"},        {"--cert=/dev/stdin", "cert"},
                {"--key=/dev/stdin", "key"},        {"--cacert=/dev/stdin", "cacert"}};
        int ends[2], before = dup(STDIN_FILENO);
        char lines[200], more[200];
        const char *word;

        (void)state;
        assert_int_equal(pipe(ends), 0);
        dup2(ends[0], STDIN_FILENO);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                word = files[i].word;
                snprintf(lines, sizeof(lines),
                         "standard input is for '--%s', and can be read once: put that in a file, "
                         "or send nothing with '--no-stdin'",
                         files[i].name);
                snprintf(more, sizeof(more),
                         "standard input is for '--%s', and can be read once: put all else in a "
                         "file",
                         files[i].name);
                BAD(lines, word, "a");
                GOOD(word, "-N", "a");
                GOOD(word, "--echo", "a");
                GOOD(word, "a", "b");
                GOOD(word, "-f", "/dev/null", "a");
                BAD(more, word, "-f", "-", "a");
                BAD(more, word, "-d", "@/dev/stdin", "a");
                BAD(more, "-H@-", word, "-N", "a");
        }
        GOOD("--cert=-", "a");
        BAD("standard input can be sent as a message once: put it in a file", "-f", "/dev/stdin",
            "-f", "-", "a");
        /* Who is at a terminal types a line, and goes on. */
        terminals[STDIN_FILENO] = terminals[STDERR_FILENO] = true;
        GOOD("--bearer-file=-", "a");
        terminals[STDIN_FILENO] = terminals[STDERR_FILENO] = false;
        dup2(before, STDIN_FILENO);
        close(before);
        close(ends[0]);
        close(ends[1]);
}

static int
end(void **state)
{
        (void)state;
        options_free(&options);
        options_init(&options);
        return 0;
}

#define with_input(test) cmocka_unit_test_setup(test, begin)

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_input(the_first_operand_is_the_url_unless_c_has_it),
                with_input(the_defaults),
                with_input(wait_is_a_time_or_a_word),
                with_input(a_listener_waits_forever_unless_it_counts_or_expects),
                with_input(dev_null_is_nothing_to_read),
                with_input(somebody_sits_there_if_both_are_terminals_and_nothing_else_is_sent),
                with_input(bytes_in_are_bytes_out),
                with_input(what_excludes_each_other),
                with_input(patterns_are_regular_expressions),
                with_input(a_close_has_a_code_that_may_be_sent_and_a_reason_that_fits),
                with_input(close_ok_is_a_list_of_codes),
                with_input(cookies_have_names),
                with_input(compression_is_offered_if_either_option_says_so),
                with_input(lists_and_copies_are_freed_with_the_options),
                with_input(standard_input_is_read_for_one_thing),
        };

        return run_balanced(tests, end);
}
