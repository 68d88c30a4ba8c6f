/* SPDX-License-Identifier: MIT */
/* Wraps: session_pause session_send session_send_part session_wait_for_reply. */
/* What is made of standard input, and of the messages and files of the command line. */
#include <fcntl.h>

#include "session.h"
#include "unit/client/said.h"
#include "unit/support.h"

static char did[2000];
static int fails_at; /* how many more messages go; -1: all */
static struct client_options options;
static struct session session;

async int __wrap_session_send(struct session *it, const struct ws_message *message,
                              const char *name);
async int __wrap_session_send_part(struct session *it, const struct ws_message *part, bool final,
                                   const char *name);
async int __wrap_session_pause(struct session *it);
async int __wrap_session_wait_for_reply(struct session *it);

static void
do_it(const char *words)
{
        strncat(did, did[0] == '\0' ? "" : ", ", sizeof(did) - strlen(did) - 1);
        strncat(did, words, sizeof(did) - strlen(did) - 1);
}

static int
go(void)
{
        errno = EPIPE;
        if (fails_at == 0)
                return -1;
        fails_at--;
        return 0;
}

async int
__wrap_session_send(struct session *it, const struct ws_message *message, const char *name)
{
        char words[200], data[100] = "";

        /* A NUL is shown as '@'. */
        for (size_t i = 0; i < message->length && i < sizeof(data) - 1; i++)
                data[i] = (char)(message->data[i] == 0 ? '@' : message->data[i]);
        snprintf(words, sizeof(words), "%s %s '%s'", name,
                 message->type == WS_TEXT ? "text" : "binary", data);
        do_it(words);
        if (go() == -1)
                return -1;
        it->sent++;
        return 0;
}

async int
__wrap_session_send_part(struct session *it, const struct ws_message *part, bool final,
                         const char *name)
{
        char words[200];

        snprintf(words, sizeof(words), "%s %s %zu%s", strrchr(name, '/') == NULL ? name : "file",
                 part->type == WS_TEXT ? "text" : "binary", part->length, final ? " end" : "");
        do_it(words);
        if (go() == -1)
                return -1;
        it->sent += final;
        return 0;
}

async int
__wrap_session_pause(struct session *it)
{
        (void)it;
        do_it("pause");
        return go();
}

async int
__wrap_session_wait_for_reply(struct session *it)
{
        (void)it;
        do_it("wait");
        return go();
}

/* Standard input is a file of these bytes. */
static void
begin(const char *bytes, size_t length)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX";
        int fd = mkstemp(path);

        unlink(path);
        expect_int(write(fd, bytes, length), (long long)length);
        expect_int(lseek(fd, 0, SEEK_SET), 0);
        dup2(fd, STDIN_FILENO);
        close(fd);
        options_init(&options);
        session = (struct session){.options = &options};
        did[0] = '\0';
        fails_at = -1;
        said_begin();
}

/* It can only be written. */
static void
begin_unreadable(void)
{
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        begin("", 0);
        dup2(fd, STDIN_FILENO);
        close(fd);
}

#define BEGIN(bytes) begin((bytes), sizeof(bytes) - 1)

static void
is_done(const char *what, const char *words)
{
        test_expect(strcmp(did, what) == 0, __FILE__, __LINE__, "'%s' is done (it is '%s')", what,
                    did);
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "'%s' is said (it is '%s')",
                    words, said);
        did[0] = '\0';
        said_begin();
}

static async int
lines_lose_their_ends(NOTHING)
{
        BEGIN("one\ntwo\r\n\n\r\n\rthree");
        expect_int(await(input_send(&session)), 0);
        is_done("line 1 of the input text 'one', pause, line 2 of the input text 'two', pause, "
                "line 3 "
                "of the input text '', pause, line 4 of the input text '', pause, line 5 of the "
                "input "
                "text '\rthree'",
                "");
        BEGIN("");
        expect_int(await(input_send(&session)), 0);
        is_done("", "");
        BEGIN("a\0b\r\n");
        options.sending.binary = options.sending.lines = true;
        expect_int(await(input_send(&session)), 0);
        is_done("line 1 of the input binary 'a@b'", "");
        return 0;
}

static async int
records_end_in_nul(NOTHING)
{
        BEGIN("one\n\0two\r\0\0three");
        options.sending.null = true;
        expect_int(await(input_send(&session)), 0);
        is_done("line 1 of the input text 'one\n', pause, line 2 of the input text 'two\r', pause, "
                "line 3 of the input text '', pause, line 4 of the input text 'three'",
                "");
        BEGIN("one\0");
        options.sending.null = true;
        expect_int(await(input_send(&session)), 0);
        is_done("line 1 of the input text 'one'", "");
        return 0;
}

static async int
lines_are_bounded_by_max_message(NOTHING)
{
        for (int null = 0; null < 2; null++) {
                if (null)
                        BEGIN("four\0five5\0");
                else
                        BEGIN("four\r\nfive5\nsix\n");
                options.connection.max_message = 4;
                options.sending.null = null;
                expect_int(await(input_send(&session)), -1);
                is_done("line 1 of the input text 'four'",
                        "wsecho: line 2 of the input is longer than --max-message\n");
                expect(session.failed && session.status == CLIENT_USAGE);
        }
        /* One that is never read to its end. */
        BEGIN("four\nlonger than all that is kept\n");
        options.connection.max_message = 4;
        expect_int(await(input_send(&session)), -1);
        is_done("line 1 of the input text 'four'",
                "wsecho: line 2 of the input is longer than --max-message\n");
        expect(session.failed && session.status == CLIENT_USAGE);
        return 0;
}

static async int
hex_and_base64_are_decoded_or_refused(NOTHING)
{
        BEGIN("41 42\nQUI=\n");
        options.sending.hex = options.sending.binary = options.sending.lines = true;
        expect_int(await(input_send(&session)), -1);
        is_done("line 1 of the input binary 'AB'", "wsecho: line 2 of the input is not hex\n");
        BEGIN("QUI=\n4\n");
        options.sending.base64 = options.sending.binary = options.sending.lines = true;
        expect_int(await(input_send(&session)), -1);
        is_done("line 1 of the input binary 'AB'", "wsecho: line 2 of the input is not base64\n");
        expect(session.failed && session.status == CLIENT_USAGE);
        return 0;
}

static async int
binary_input_is_sent_as_it_comes(NOTHING)
{
        BEGIN("one\ntwo");
        options.sending.binary = true;
        expect_int(await(input_send(&session)), 0);
        is_done("standard input binary 'one\ntwo'", "");
        BEGIN("12345");
        options.sending.binary = true;
        options.connection.max_message = 2;
        expect_int(await(input_send(&session)), 0);
        is_done("standard input binary '12', pause, standard input binary '34', pause, standard "
                "input binary '5'",
                "");
        return 0;
}

static async int
what_fails_ends_the_input_without_another_word(NOTHING)
{
        for (int binary = 0; binary < 2; binary++)
                for (int at = 0; at < 2; at++) {
                        BEGIN("1\n2\n");
                        options.sending.binary = binary;
                        options.connection.max_message = 2;
                        fails_at = at;
                        expect_int(await(input_send(&session)), -1);
                        is_done(binary    ? at == 0 ? "standard input binary '1\n'"
                                                    : "standard input binary '1\n', pause"
                                : at == 0 ? "line 1 of the input text '1'"
                                          : "line 1 of the input text '1', pause",
                                "");
                        expect(!session.failed);
                }
        for (int way = 0; way < 3; way++) {
                begin_unreadable();
                options.sending.binary = way == 1;
                options.sending.null = way == 2;
                expect_int(await(input_send(&session)), -1);
                is_done("", "wsecho: standard input: Bad file descriptor\n");
                expect(session.failed && session.status == CLIENT_LOCAL);
        }
        return 0;
}

/* A line that was typed: what is done with it. */
static async void
typed(const char *text, int result, const char *what, const char *words)
{
        char line[100];

        strcpy(line, text);
        expect_int(await(input_send_typed(&session, line)), result);
        is_done(what, words);
        expect(!session.failed);
}

static async int
a_typed_line_that_cannot_be_sent_is_told_and_no_failure(NOTHING)
{
        BEGIN("");
        await(typed("one", 0, "the line text 'one'", ""));
        await(typed("", 0, "pause, the line text ''", ""));
        await(typed("a\xff", 0, "", "wsecho: the line is not UTF-8: send it with --binary\n"));
        await(typed("a\xc3", 0, "", "wsecho: the line is not UTF-8: send it with --binary\n"));
        options.connection.max_message = 3;
        await(typed("abc", 0, "pause, the line text 'abc'", ""));
        await(typed("abcd", 0, "", "wsecho: the line is longer than --max-message\n"));
        fails_at = 0;
        await(typed("one", -1, "pause", ""));
        fails_at = 1;
        await(typed("one", -1, "pause, the line text 'one'", ""));
        fails_at = -1;
        options.sending.binary = true;
        await(typed("a\xff", 0, "pause, the line binary 'a\xff'", ""));
        options.sending.hex = true;
        options.connection.max_message = 4;
        await(typed("4142", 0, "pause, the line binary 'AB'", ""));
        await(typed("4g", 0, "", "wsecho: the line is not hex\n"));
        return 0;
}

/* Messages of the command line. */

static async int
messages_wait_for_their_replies(NOTHING)
{
        static char one[] = "one", two[] = "";
        char *messages[] = {one, two};

        BEGIN("");
        options.sending.messages = messages;
        options.sending.count = 2;
        expect_int(await(messages_send(&session)), 0);
        is_done("the message text 'one', wait, pause, the message text '', wait", "");
        session.sent = 0;
        options.sending.repeat = 2;
        options.sending.count = 1;
        options.sending.binary = true;
        expect_int(await(messages_send(&session)), 0);
        is_done("the message binary 'one', wait, pause, the message binary 'one', wait", "");
        for (int at = 0; at < 3; at++) {
                session.sent = 0;
                fails_at = at;
                expect_int(await(messages_send(&session)), -1);
                is_done(at == 0   ? "the message binary 'one'"
                        : at == 1 ? "the message binary 'one', wait"
                                  : "the message binary 'one', wait, pause",
                        "");
        }
        expect(!session.failed);
        return 0;
}

static async int
what_is_no_hex_is_refused(NOTHING)
{
        static char good[] = "4142", bad[] = "QUI=";
        char *messages[] = {good, bad};

        BEGIN("");
        options.sending.messages = messages;
        options.sending.count = 2;
        options.sending.hex = options.sending.binary = true;
        expect_int(await(messages_send(&session)), -1);
        is_done("the message binary 'AB', wait, pause", "wsecho: the message 'QUI=' is not hex\n");
        expect(session.failed && session.status == CLIENT_USAGE);
        BEGIN("");
        messages[0] = bad;
        messages[1] = good;
        good[3] = '=';
        good[2] = '=';
        good[1] = '=';
        options.sending.messages = messages;
        options.sending.count = 2;
        options.sending.base64 = options.sending.binary = true;
        expect_int(await(messages_send(&session)), -1);
        is_done("the message binary 'AB', wait, pause",
                "wsecho: the message '4===' is not base64\n");
        strcpy(good, "4142");
        return 0;
}

static async int
files_are_messages_in_pieces_of_64_kib(NOTHING)
{
        static char bytes[128 << 10];
        const char *items[] = {"-"};
        char letters[] = "f";

        for (size_t extra = 0; extra < 2; extra++) {
                begin(bytes, (64 << 10) + extra);
                options.sending.parts = (struct aw_opt_strings){items, letters, 1};
                expect_int(await(messages_send(&session)), 0);
                is_done(extra == 0 ? "standard input text 65536, standard input text 0 end, wait"
                                   : "standard input text 65536, standard input text 1 end, wait",
                        "");
                expect_int((long long)session.sent, 1);
        }
        begin(bytes, (64 << 10) - 1);
        options.sending.parts = (struct aw_opt_strings){items, letters, 1};
        options.sending.binary = true;
        expect_int(await(messages_send(&session)), 0);
        is_done("standard input binary 65535 end, wait", "");
        expect(fcntl(STDIN_FILENO, F_GETFD) != -1);
        begin(bytes, sizeof(bytes));
        options.sending.parts = (struct aw_opt_strings){items, letters, 1};
        fails_at = 1;
        expect_int(await(messages_send(&session)), -1);
        is_done("standard input text 65536, standard input text 65536", "");
        return 0;
}

static async int
parts_come_before_operands_and_an_at_names_a_file(NOTHING)
{
        static char last[] = "last";
        char path[] = "/tmp/wsecho-unit-XXXXXX", at[50], letters[] = "ddfd";
        const char *items[] = {"@x", at, path, "-"};
        char *messages[] = {last};
        int fd = mkstemp(path);
        char words[100];
        size_t count;

        expect_int(write(fd, "abc", 3), 3);
        close(fd);
        snprintf(at, sizeof(at), "@%s", path);
        BEGIN("");
        count = test_count_descriptors();
        items[0] = "text";
        options.sending.parts = (struct aw_opt_strings){items, letters, 4};
        options.sending.messages = messages;
        options.sending.count = 1;
        expect_int(await(messages_send(&session)), 0);
        is_done("the message text 'text', wait, pause, file text 3 end, wait, pause, file text 3 "
                "end, "
                "wait, pause, the message text '-', wait, pause, the message text 'last', wait",
                "");
        expect_int((long long)test_count_descriptors(), (long long)count);
        unlink(path);
        BEGIN("");
        options.sending.parts = (struct aw_opt_strings){items + 1, letters + 1, 1};
        expect_int(await(messages_send(&session)), -1);
        snprintf(words, sizeof(words), "wsecho: %s: No such file or directory\n", path);
        is_done("", words);
        expect(session.failed && session.status == CLIENT_USAGE);
        items[0] = "@/tmp";
        BEGIN("");
        options.sending.parts = (struct aw_opt_strings){items, letters, 1};
        expect_int(await(messages_send(&session)), -1);
        is_done("", "wsecho: /tmp: Is a directory\n");
        expect(session.failed && session.status == CLIENT_USAGE);
        begin_unreadable();
        items[0] = "-";
        letters[0] = 'f';
        options.sending.parts = (struct aw_opt_strings){items, letters, 1};
        expect_int(await(messages_send(&session)), -1);
        is_done("", "wsecho: standard input: Bad file descriptor\n");
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(lines_lose_their_ends),
                on_loop(records_end_in_nul),
                on_loop(lines_are_bounded_by_max_message),
                on_loop(hex_and_base64_are_decoded_or_refused),
                on_loop(binary_input_is_sent_as_it_comes),
                on_loop(what_fails_ends_the_input_without_another_word),
                on_loop(a_typed_line_that_cannot_be_sent_is_told_and_no_failure),
                on_loop(messages_wait_for_their_replies),
                on_loop(what_is_no_hex_is_refused),
                on_loop(files_are_messages_in_pieces_of_64_kib),
                on_loop(parts_come_before_operands_and_an_at_names_a_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
