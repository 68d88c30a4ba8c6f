/* SPDX-License-Identifier: MIT */
/* Wraps: session_send session_send_part session_pause session_wait_for_reply ws_info ws_peer ws_peer_close ws_problem. */
/* What is made of the messages of the command line. */
#include <fcntl.h>

#include "session.h"
#include "unit/client/balance.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/support.h"

#define PIECE ((size_t)64 << 10)

static struct client_options options;
static struct session session;
static char *words[3];
static const char *part_words[4];
static char letters[4];
static unsigned failing; /* which of the messages and parts is not taken; or 0 */
static unsigned given;

async int __wrap_session_send(struct session *it, const struct ws_message *message,
                              const char *name);
async int __wrap_session_send_part(struct session *it, const struct ws_message *part, bool final,
                                   const char *name);
async int __wrap_session_pause(struct session *it);
async int __wrap_session_wait_for_reply(struct session *it);

static int
take(struct session *it, const struct ws_message *message, const char *name, bool final)
{
        char word[100];

        expect(it == &session);
        snprintf(word, sizeof(word), "%s%s:%s:%.*s", message->type == WS_TEXT ? "text" : "binary",
                 final ? "" : "-part", name, message->length > 20 ? 1 : (int)message->length,
                 (const char *)message->data);
        trace(word);
        if (++given == failing) {
                errno = EPIPE;
                return -1;
        }
        it->sent += final;
        return 0;
}

async int
__wrap_session_send(struct session *it, const struct ws_message *message, const char *name)
{
        expect(strcmp(name, "the message") == 0);
        return take(it, message, "it", true);
}

async int
__wrap_session_send_part(struct session *it, const struct ws_message *part, bool final,
                         const char *name)
{
        expect(final == (part->length < PIECE) && part->length <= PIECE);
        return take(it, part, name, final);
}

async int
__wrap_session_pause(struct session *it)
{
        expect(it == &session);
        trace("pause");
        return 0;
}

async int
__wrap_session_wait_for_reply(struct session *it)
{
        expect(it == &session);
        trace("wait");
        return 0;
}

static void
begin(void)
{
        options_init(&options);
        options.sending.repeat = 1;
        options.sending.messages = words;
        options.sending.parts = (struct aw_opt_strings){.items = part_words, .letters = letters};
        session = (struct session){.options = &options, .ws = peer_ws()};
        failing = given = 0;
        test_trace[0] = '\0';
        said_begin();
}

/* One more message of the command line; or with -f or -d. */
static void
add(char letter, const char *word)
{
        struct aw_opt_strings *parts = &options.sending.parts;

        if (letter == 0) {
                words[options.sending.count++] = (char *)(uintptr_t)word;
        } else {
                letters[parts->count] = letter;
                part_words[parts->count++] = word;
        }
}

static async void
sends(int result, const char *happened, const char *why, enum client_status status)
{
        expect_int(await(messages_send(&session)), result);
        expect_trace(happened);
        test_expect(strcmp(said, why) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", why, said);
        expect_int(session.failed, status != CLIENT_OK);
        expect_int(session.status, status);
}

static async int
all_are_sent_in_order_with_pauses_between(NOTHING)
{
        begin();
        add('d', "one");
        add(0, "two");
        add(0, "");
        options.sending.repeat = 2;
        await(sends(0,
                    "text:it:one wait pause text:it:two wait pause text:it: wait pause "
                    "text:it:one wait pause text:it:two wait pause text:it: wait",
                    "", CLIENT_OK));
        begin();
        options.sending.binary = true;
        add(0, "x");
        await(sends(0, "binary:it:x wait", "", CLIENT_OK));
        begin();
        add(0, "one");
        add(0, "two");
        options.sending.repeat = 2;
        failing = 2;
        await(sends(-1, "text:it:one wait pause text:it:two", "", CLIENT_OK));
        return 0;
}

static async int
hex_and_base64_stand_for_bytes(NOTHING)
{
        begin();
        options.sending.hex = options.sending.binary = true;
        add(0, "61 62");
        add(0, "6");
        await(sends(-1, "binary:it:ab wait pause", "wsecho: the message '6' is not hex\n",
                    CLIENT_USAGE));
        begin();
        options.sending.base64 = options.sending.binary = true;
        add(0, "YWI=");
        add(0, "-");
        await(sends(-1, "binary:it:ab wait pause", "wsecho: the message '-' is not base64\n",
                    CLIENT_USAGE));
        return 0;
}

/* A file of so many 'x'. */
static void
make_file(char *path, size_t length)
{
        static char data[3 * PIECE];
        int fd = mkstemp(path);

        memset(data, 'x', sizeof(data));
        expect_int(write(fd, data, length), (long long)length);
        close(fd);
}

static async void
sends_file(size_t length, char letter, const char *happened)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX", word[50], wanted[300] = "";
        size_t descriptors = test_count_descriptors();

        make_file(path, length);
        snprintf(word, sizeof(word), "%s%s", letter == 'd' ? "@" : "", path);
        add(letter, word);
        /* "~" stands for the name. */
        for (const char *at = happened; *at != '\0'; at++)
                strncat(wanted, *at == '~' ? path : at, *at == '~' ? sizeof(path) : 1);
        await(sends(failing > 0 ? -1 : 0, wanted, "", CLIENT_OK));
        expect_int((long long)test_count_descriptors(), (long long)descriptors);
        unlink(path);
}

static async int
a_file_is_sent_in_pieces_the_last_of_which_is_not_full(NOTHING)
{
        begin();
        await(sends_file(3, 'f', "text:~:xxx wait"));
        begin();
        await(sends_file(0, 'd', "text:~: wait"));
        begin();
        options.sending.binary = true;
        await(sends_file(PIECE - 1, 'd', "binary:~:x wait"));
        begin();
        await(sends_file(PIECE, 'f', "text-part:~:x text:~: wait"));
        begin();
        await(sends_file(2 * PIECE + 2, 'f', "text-part:~:x text-part:~:x text:~:xx wait"));
        begin();
        failing = 2;
        await(sends_file(3 * PIECE, 'f', "text-part:~:x text-part:~:x"));
        return 0;
}

static async int
standard_input_is_a_file_that_stays_open(NOTHING)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX";
        int fd;

        make_file(path, 2);
        fd = open(path, O_RDONLY);
        dup2(fd, STDIN_FILENO);
        close(fd);
        unlink(path);
        begin();
        add('d', "@-");
        add('d', "-");
        await(sends(0, "text:standard input:xx wait pause text:it:- wait", "", CLIENT_OK));
        expect(fcntl(STDIN_FILENO, F_GETFD) != -1);
        begin();
        expect_int(lseek(STDIN_FILENO, 1, SEEK_SET), 1);
        add('f', "-");
        await(sends(0, "text:standard input:x wait", "", CLIENT_OK));
        return 0;
}

static async int
a_file_that_cannot_be_read_is_told(NOTHING)
{
        begin();
        add('f', "/nowhere");
        add(0, "x");
        await(sends(-1, "", "wsecho: /nowhere: No such file or directory\n", CLIENT_USAGE));
        begin();
        add('d', "@/tmp");
        add(0, "x");
        await(sends(-1, "", "wsecho: /tmp: Is a directory\n", CLIENT_USAGE));
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(all_are_sent_in_order_with_pauses_between),
                on_loop(hex_and_base64_stand_for_bytes),
                on_loop(a_file_is_sent_in_pieces_the_last_of_which_is_not_full),
                on_loop(standard_input_is_a_file_that_stays_open),
                on_loop(a_file_that_cannot_be_read_is_told),
        };

        return run_balanced(tests, said_end);
}
