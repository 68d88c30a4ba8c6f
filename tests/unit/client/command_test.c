/* SPDX-License-Identifier: MIT */
/* Wraps: messages_send_file session_send ws_send_ping ws_info ws_peer ws_peer_close ws_problem. */
/* Lines that begin with a slash; Pings that were asked for. */
#include <fcntl.h>
#include <wchar.h>

#include "codec.h"
#include "command.h"
#include "ping.h"
#include "session.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

static int broken; /* errno of what is sent, or 0 */
static char sent[400];
static struct client_options options;
static struct session session;
static struct ping ping;

int __wrap_ws_send_ping(struct ws *ws, const void *data, size_t length);
async int __wrap_session_send(struct session *through, const struct ws_message *message,
                              const char *name);
async int __wrap_messages_send_file(struct session *through, int fd, const char *name,
                                    enum ws_type type);

int
__wrap_ws_send_ping(struct ws *ws, const void *data, size_t length)
{
        expect(ws == peer_ws());
        snprintf(sent, sizeof(sent), "ping %.*s", (int)length, (const char *)data);
        errno = broken;
        return broken == 0 ? 0 : -1;
}

async int
__wrap_session_send(struct session *through, const struct ws_message *message, const char *name)
{
        char hex[CODEC_HEX_SIZE(100)];

        codec_to_hex(message->data, message->length, hex);
        expect(through == &session && message->type == WS_BINARY);
        snprintf(sent, sizeof(sent), "%s %s", name, hex);
        errno = broken;
        return broken == 0 ? 0 : -1;
}

/* All of it goes. */
async int
__wrap_messages_send_file(struct session *through, int fd, const char *name, enum ws_type type)
{
        char text[8192];
        ssize_t length = read(fd, text, sizeof(text));

        expect(through == &session && length >= 0);
        session.bytes_sent += (uint64_t)length;
        snprintf(sent, sizeof(sent), "%s %s", type == WS_TEXT ? "text" : "binary", name);
        errno = broken;
        return broken == 0 ? 0 : -1;
}

static void
begin(void)
{
        options_init(&options);
        broken = 0;
        sent[0] = '\0';
        ping = (struct ping){.sent = 0};
        session = (struct session){
                .options = &options, .ws = peer_ws(), .ping = &ping, .opened = aw_loop_now()};
        peer_close = (struct ws_peer_close){.code = 0};
        said_begin();
}

/* The line without its slash: what is sent then, and what is said. */
static async void
does(const char *text, int result, const char *what, const char *words)
{
        char line[1000];

        strcpy(line, text);
        sent[0] = '\0';
        said_begin();
        expect_int(await(command_run(&session, line)), result);
        test_expect(strcmp(sent, what) == 0, __FILE__, __LINE__, "%s sends '%s' (it is '%s')", text,
                    what, sent);
        test_expect(strcmp(said, words) == 0, __FILE__, __LINE__, "%s says '%s' (it is '%s')", text,
                    words, said);
}

static async int
what_is_no_command_is_told(NOTHING)
{
        begin();
        await(does("pin g", 0, "",
                   "wsecho: there is no command '/pin': /help lists them, and // sends a text that "
                   "begins with a slash\n"));
        await(does(
                "pings", 0, "",
                "wsecho: there is no command '/pings': /help lists them, and // sends a text that "
                "begins with a slash\n"));
        await(does("", 0, "",
                   "wsecho: there is no command '/': /help lists them, and // sends a text that "
                   "begins with a slash\n"));
        await(does("binary", 0, "", "wsecho: /binary needs HEX\n"));
        await(does("file ", 0, "", "wsecho: /file needs NAME\n"));
        await(does("help", 0, "",
                   "/ping   [TEXT]           send a Ping, and tell when its Pong comes\n"
                   "/close  [CODE [REASON]]  close, as Ctrl-D does with 1000\n"
                   "/binary HEX              send a binary message\n"
                   "/file   NAME             send a file, as text if it is UTF-8\n"
                   "/stats                   tell how much went and came\n"
                   "/help                    list these\n"
                   "//TEXT                   send /TEXT\n"));
        return 0;
}

static async int
a_ping_fails_in_a_sentence_and_ends_nothing_unless_the_connection_has(NOTHING)
{
        begin();
        await(does("ping", 0, "ping ", ""));
        await(does("ping  a b", 0, "ping  a b", ""));
        broken = EMSGSIZE;
        await(does("ping a", 0, "ping a", "wsecho: /ping: a Ping has at most 125 bytes\n"));
        broken = ENOMEM;
        await(does("ping a", 0, "ping a", "wsecho: /ping: Cannot allocate memory\n"));
        broken = EPIPE;
        await(does("ping a", -1, "ping a", ""));
        options.connection.reconnect = AW_SECOND;
        await(does("ping a", 0, "ping a", "wsecho: /ping: there is no connection\n"));
        broken = 0;
        session.reconnecting = true;
        await(does("ping a", 0, "", "wsecho: /ping: there is no connection\n"));
        return 0;
}

static void
close_is(unsigned code, const char *reason, bool leaving)
{
        expect_int(session.code, code);
        test_expect(strcmp(session.reason, reason) == 0, __FILE__, __LINE__,
                    "the reason is '%s' (it is '%s')", reason, session.reason);
        expect_int(session.leaving, leaving);
}

static async int
close_takes_a_code_and_a_reason(NOTHING)
{
        static const char *const bad[] = {"999", "1005", "1006", "1000x", "4",
                                          "x",   "5000", "1015", "1000:"};
        char line[300], words[300];

        begin();
        await(does("close", 0, "", ""));
        close_is(1000, "", true);
        begin();
        await(does("close 4000", 0, "", ""));
        close_is(4000, "", true);
        begin();
        await(does("close 4000 good bye", 0, "", ""));
        close_is(4000, "good bye", true);
        begin();
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                snprintf(line, sizeof(line), "close %s", bad[i]);
                snprintf(words, sizeof(words),
                         "wsecho: /close: '%s' does not begin with a code such as 1000 or 4001\n",
                         bad[i]);
                await(does(line, 0, "", words));
                close_is(0, "", false);
        }
        snprintf(line, sizeof(line), "close 4000 %0124d", 0);
        await(does(line, 0, "", "wsecho: /close: the reason is longer than 123 bytes\n"));
        close_is(0, "", false);
        snprintf(line, sizeof(line), "close 4000 %0123d", 0);
        await(does(line, 0, "", ""));
        close_is(4000, line + strlen("close 4000 "), true);
        return 0;
}

static async int
binary_sends_hex(NOTHING)
{
        begin();
        await(does("binary 00 fF", 0, "the line 00ff", ""));
        await(does("binary 0", 0, "", "wsecho: /binary: that is not hex\n"));
        options.connection.max_message = 2;
        await(does("binary 0102", 0, "the line 0102", ""));
        await(does("binary 010203", 0, "", "wsecho: /binary: that is longer than --max-message\n"));
        broken = EPIPE;
        await(does("binary 01", -1, "the line 01", ""));
        return 0;
}

/* Sends a file with these bytes. */
static async void
sends_file(const char *bytes, size_t length, int result, const char *type)
{
        char path[] = "/tmp/wsecho-unit-XXXXXX", line[100], what[100], words[200] = "";
        int fd = mkstemp(path);
        size_t count;

        expect_int(write(fd, bytes, length), (long long)length);
        close(fd);
        count = test_count_descriptors();
        snprintf(line, sizeof(line), "file %s", path);
        snprintf(what, sizeof(what), "%s %s", type, path);
        if (result == 0)
                snprintf(words, sizeof(words), "sent %s: %zu bytes, %s\n", path, length, type);
        session.bytes_sent = 1000;
        await(does(line, result, what, words));
        expect_int((long long)session.bytes_sent, 1000 + (long long)length);
        expect_int((long long)test_count_descriptors(), (long long)count);
        unlink(path);
}

static async int
a_file_is_sent_as_text_if_it_is_utf_8(NOTHING)
{
        static char large[5000];

        begin();
        await(sends_file("abc", 3, 0, "text"));
        await(sends_file("", 0, 0, "text"));
        await(sends_file("a\xff", 2, 0, "binary"));
        await(sends_file("\xc3", 1, 0, "binary"));
        /* A character between two pieces. */
        memset(large, 'x', sizeof(large));
        memcpy(large + 4095, "\xc3\xa9", 2);
        await(sends_file(large, sizeof(large), 0, "text"));
        large[4096] = 'x';
        await(sends_file(large, sizeof(large), 0, "binary"));
        options.sending.binary = true;
        await(sends_file("abc", 3, 0, "binary"));
        options.sending.binary = false;
        broken = EPIPE;
        await(sends_file("abc", 3, -1, "text"));
        broken = 0;
        await(does("file /nowhere", 0, "", "wsecho: /file /nowhere: No such file or directory\n"));
        await(does("file /tmp", 0, "", "wsecho: /file /tmp: Is a directory\n"));
        /* What cannot be read twice. */
        await(does("file /dev/null", 0, "binary /dev/null", "sent /dev/null: 0 bytes, binary\n"));
        return 0;
}

static async int
stats_count(NOTHING)
{
        begin();
        clock_stop();
        session.opened = aw_loop_now();
        clock_ahead += 2500 * AW_MILLISECOND;
        session.sent = 1;
        session.bytes_sent = 2;
        session.received = 3;
        session.bytes_received = 4;
        await(aw_sleep(0));
        await(does("stats", 0, "",
                   "sent 1 message, 2 bytes; received 3 messages, 4 bytes\n"
                   "connected to 192.0.2.1:7681 for 2.5 s\n"));
        session.sent = 0;
        session.received = 1;
        session.reconnecting = true;
        await(does("stats", 0, "",
                   "sent 0 messages, 2 bytes; received 1 message, 4 bytes\nnot connected\n"));
        clock_go_on();
        return 0;
}

static void
completes(const wchar_t *text, const wchar_t *rest, const char *choices)
{
        char got[KEYS_CHOICES_SIZE] = "before";
        const wchar_t *more = command_complete(text, wcslen(text), got);

        expect(rest == NULL ? more == NULL : more != NULL && wcscmp(more, rest) == 0);
        test_expect(strcmp(got, choices) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", choices,
                    got);
}

static async int
the_beginning_of_a_command_is_completed(NOTHING)
{
        completes(L"", L"\t", "");
        completes(L"a", L"\t", "");
        completes(L"/", NULL, "/ping  /close  /binary  /file  /stats  /help");
        completes(L"/p", L"ing ", "");
        completes(L"/stat", L"s", "");
        completes(L"/stats", L"", "");
        completes(L"/x", NULL, "");
        completes(L"/ping x", NULL, "");
        return 0;
}

/* Pings. */

static char seen[100];

static void
see_step(void *argument, enum ws_step step, const char *text)
{
        snprintf(seen + strlen(seen), 50, "%s %d %s;", (char *)argument, (int)step, text);
}

static void
see_frame(void *argument, const struct ws_frame *frame)
{
        snprintf(seen + strlen(seen), 50, "%s frame %u;", (char *)argument, frame->opcode);
}

static void
pong(bool by_us, unsigned opcode, const char *text)
{
        const struct ws_frame frame = {.sent = by_us,
                                       .final = true,
                                       .opcode = opcode,
                                       .length = strlen(text),
                                       .payload = (const uint8_t *)text};

        said_begin();
        ping.observer.frame(ping.observer.argument, &frame);
}

static async int
the_pong_of_a_ping_is_told_once(NOTHING)
{
        clock_stop();
        begin();
        ping_observer(&ping, NULL);
        pong(false, 10, "");
        expect(said[0] == '\0');
        expect_int(ping_send(&ping, peer_ws(), "ab"), 0);
        clock_ahead += 1500;
        await(aw_sleep(0));
        pong(true, 10, "ab");
        expect(said[0] == '\0');
        pong(false, 9, "ab");
        expect(said[0] == '\0');
        pong(false, 10, "a");
        expect(said[0] == '\0');
        pong(false, 10, "ac");
        expect(said[0] == '\0');
        pong(false, 10, "ab");
        expect(strcmp(said, "pong ab after 1.5 ms\n") == 0);
        pong(false, 10, "ab");
        expect(said[0] == '\0');
        expect_int(ping_send(&ping, peer_ws(), ""), 0);
        clock_ahead += 20 * AW_MILLISECOND;
        await(aw_sleep(0));
        pong(false, 10, "");
        expect(strcmp(said, "pong after 20.0 ms\n") == 0);
        /* One that did not go leaves the one before. */
        expect_int(ping_send(&ping, peer_ws(), "a"), 0);
        broken = EPIPE;
        expect_error(ping_send(&ping, peer_ws(), "b"), EPIPE);
        pong(false, 10, "b");
        expect(said[0] == '\0');
        pong(false, 10, "a");
        expect(strcmp(said, "pong a after 0.0 ms\n") == 0);
        clock_go_on();
        return 0;
}

static async int
another_observer_sees_all_as_before(NOTHING)
{
        static char mark[] = "!";
        const struct ws_observer next = {.step = see_step, .frame = see_frame, .argument = mark};
        const struct ws_observer blind = {.step = NULL};

        begin();
        seen[0] = '\0';
        expect(ping_observer(&ping, &next) == &ping.observer);
        ping.observer.step(ping.observer.argument, WS_STEP_SECURE, "x");
        pong(false, 1, "");
        expect(strcmp(seen, "! 2 x;! frame 1;") == 0);
        ping_observer(&ping, &blind);
        ping.observer.step(ping.observer.argument, WS_STEP_SECURE, "x");
        pong(false, 1, "");
        ping_observer(&ping, NULL);
        ping.observer.step(ping.observer.argument, WS_STEP_SECURE, "x");
        pong(false, 1, "");
        expect(strcmp(seen, "! 2 x;! frame 1;") == 0);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(what_is_no_command_is_told),
                on_loop(a_ping_fails_in_a_sentence_and_ends_nothing_unless_the_connection_has),
                on_loop(close_takes_a_code_and_a_reason),
                on_loop(binary_sends_hex),
                on_loop(a_file_is_sent_as_text_if_it_is_utf_8),
                on_loop(stats_count),
                on_loop(the_beginning_of_a_command_is_completed),
                on_loop(the_pong_of_a_ping_is_told_once),
                on_loop(another_observer_sees_all_as_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
