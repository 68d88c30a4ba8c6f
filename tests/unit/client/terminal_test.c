/* SPDX-License-Identifier: MIT */
/* Wraps: aw_signals_wait command_run history_add input_send_typed pthread_sigmask raise screen_begin screen_end screen_flush screen_puts screen_put ws_describe ws_info ws_peer ws_peer_close ws_problem. */
/* A session at a terminal on which no line can be edited; and what is said at any terminal. */
#include <fcntl.h>
#include <signal.h>

#include "above.h"
#include "await/log.h"
#include "await/signals.h"
#include "connect.h"
#include "history.h"
#include "screen.h"
#include "session.h"
#include "terminal.h"
#include "unit/client/peer.h"
#include "unit/client/said.h"
#include "unit/clock.h"
#include "unit/support.h"

static char shown[2000], did[400];
static struct client_options options;
static struct session session;
static struct connector connector;
static struct terminal *terminal;
static int command_error, send_error;
static aw_time flushed_until, signals_until;
static unsigned signals_awaited;
static int coming[2]; /* that come first; or 0 */
static size_t came;

async int __wrap_command_run(struct session *it, char *line);
async int __wrap_input_send_typed(struct session *it, char *line);
async void __wrap_history_add(struct history_lines *history, const char *line);
int __wrap_screen_begin(struct screen *screen);
async void __wrap_screen_end(struct screen *screen);
async int __wrap_screen_flush(struct screen *screen, aw_time deadline);
void __wrap_screen_put(struct screen *screen, const char *text, size_t length);
void __wrap_screen_puts(struct screen *screen, const char *text);
async int __wrap_aw_signals_wait(struct aw_signals *signals, aw_time deadline);
async int __real_aw_signals_wait(struct aw_signals *signals, aw_time deadline);
int __wrap_raise(int number);
int __real_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
void __wrap_ws_describe(const struct ws *ws, char *out, size_t size);

static void
do_it(const char *what, const char *line)
{
        size_t length = strlen(did);

        snprintf(did + length, sizeof(did) - length, "%s%s '%s'", length == 0 ? "" : ", ", what,
                 line);
}

async int
__wrap_aw_signals_wait(struct aw_signals *signals, aw_time deadline)
{
        signals_until = deadline;
        signals_awaited++;
        if (came < 2 && coming[came] != 0)
                return coming[came++];
        return await(__real_aw_signals_wait(signals, deadline));
}

async int
__wrap_command_run(struct session *it, char *line)
{
        do_it("command", line);
        it->leaving = strcmp(line, "close") == 0;
        errno = command_error;
        return command_error == 0 ? 0 : -1;
}

async int
__wrap_input_send_typed(struct session *it, char *line)
{
        expect(it == &session);
        do_it("send", line);
        errno = send_error;
        return send_error == 0 ? 0 : -1;
}

async void
__wrap_history_add(struct history_lines *history, const char *line)
{
        (void)history;
        do_it("keep", line);
}

int
__wrap_screen_begin(struct screen *screen)
{
        (void)screen;
        return 0;
}

async void
__wrap_screen_end(struct screen *screen)
{
        (void)screen;
}

async int
__wrap_screen_flush(struct screen *screen, aw_time deadline)
{
        (void)screen;
        flushed_until = deadline;
        return 0;
}

void
__wrap_screen_put(struct screen *screen, const char *text, size_t length)
{
        (void)screen;
        snprintf(shown + strlen(shown), sizeof(shown) - strlen(shown), "%.*s", (int)length, text);
}

void
__wrap_screen_puts(struct screen *screen, const char *text)
{
        __wrap_screen_put(screen, text, strlen(text));
}

int
__wrap_raise(int number)
{
        expect_int(number, SIGTSTP);
        trace("stop");
        return 0;
}

/* Of this signal, and no other one. */
int
__wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
        unsigned count = 0;

        for (int number = 1; set != NULL && number < SIGRTMIN; number++)
                count += sigismember(set, number) == 1;
        if (count != 1 || sigismember(set, SIGTSTP) != 1)
                return __real_pthread_sigmask(how, set, old);
        trace(how == SIG_BLOCK ? "block" : how == SIG_UNBLOCK ? "unblock" : "set");
        return 0;
}

void
__wrap_ws_describe(const struct ws *ws, char *out, size_t size)
{
        expect(ws == peer_ws());
        snprintf(out, size, "TLSv1.3, AES");
}

static void
is_text(const char *got, const char *wanted)
{
        test_expect(strcmp(got, wanted) == 0, __FILE__, __LINE__, "'%s' (it is '%s')", wanted, got);
}

/* Opens it, where this is standard input; or NULL, and what can be opened there. */
static void
begin(const char *input, const char *path, int flags)
{
        int channel[2];

        options_init(&options);
        options.url = "ws://a";
        connector = (struct connector){.options = &options,
                                       .asked = (char *)(uintptr_t) "ws://a",
                                       .url = {.text = (char *)(uintptr_t) "ws://a"}};
        session = (struct session){.options = &options, .connector = &connector, .ws = peer_ws()};
        peer_close = (struct ws_peer_close){.code = 0};
        command_error = send_error = 0;
        signals_awaited = 0;
        coming[0] = coming[1] = 0;
        came = 0;
        shown[0] = did[0] = '\0';
        if (input != NULL) {
                expect_int(pipe(channel), 0);
                dup2(channel[0], STDIN_FILENO);
                expect_int(write(channel[1], input, strlen(input)), (long long)strlen(input));
                close(channel[0]);
                close(channel[1]);
        } else {
                channel[0] = open(path, flags);
                dup2(channel[0], STDIN_FILENO);
                close(channel[0]);
        }
        terminal = terminal_open(&options);
        expect(terminal != NULL);
        session.terminal = terminal;
}

static async void
end(void)
{
        await(terminal_end(terminal, 77));
        terminal_free(terminal);
}

static async int
lines_are_sent_kept_or_commands(NOTHING)
{
        begin("one\n/stats now\n//x\n\n/\nlast", NULL, 0);
        expect_int(terminal_begin(terminal, &session), 0);
        expect(terminal_is_on(terminal));
        is_text(shown, "connected to ws://a (TLSv1.3). Ctrl-D closes, Ctrl-C quits.\n");
        shown[0] = '\0';
        expect_int(await(terminal_send(&session)), 0);
        is_text(did, "keep 'one', send 'one', keep '/stats now', command 'stats now', keep '//x', "
                     "send '/x', keep '', send '', keep '/', command '', keep 'last', send 'last'");
        is_text(shown, "> > > > > > > \n");
        expect(!session.failed && !terminal_above(terminal)->editing);
        for (int i = 0; i < 4; i++)
                await(aw_sleep(0));
        /* Nobody looks at the clock where no line is edited. */
        expect(signals_until == AW_NEVER);
        expect_int(signals_awaited, 1);
        await(end());
        expect(flushed_until == 77);
        return 0;
}

/* What is on the terminal when these signals have come; in the middle of a line, or not. */
static async void
signals_show(int first, int second, bool editing, const char *wanted)
{
        begin("", NULL, 0);
        expect_int(terminal_begin(terminal, &session), 0);
        terminal_above(terminal)->editing = terminal_above(terminal)->prompted = editing;
        shown[0] = '\0';
        flushed_until = 0;
        coming[0] = first;
        coming[1] = second;
        for (int i = 0; i < 4; i++)
                await(aw_sleep(0));
        is_text(shown, wanted);
        expect(terminal_above(terminal)->prompted == editing);
}

static async int
who_is_stopped_leaves_the_line_and_shows_it_again(NOTHING)
{
        clock_stop();
        await(signals_show(SIGTSTP, 0, true, "\n> "));
        expect_trace("stop unblock block");
        expect_int(flushed_until - aw_loop_now(), 200 * AW_MILLISECOND);
        await(end());
        await(signals_show(SIGTSTP, SIGTSTP, false, ""));
        expect_trace("stop unblock block stop unblock block");
        expect_int(flushed_until, 0);
        await(end());
        await(signals_show(SIGCONT, SIGWINCH, true, "> "));
        expect_trace("");
        await(end());
        clock_go_on();
        return 0;
}

static async int
with_no_slash_all_are_messages(NOTHING)
{
        begin("/stats\n//x\n", NULL, 0);
        options.terminal.no_slash = true;
        options.printing.quiet = true;
        expect_int(terminal_begin(terminal, &session), 0);
        is_text(shown, "");
        expect_int(await(terminal_send(&session)), 0);
        is_text(did, "keep '/stats', send '/stats', keep '//x', send '//x'");
        await(end());
        return 0;
}

static async int
what_is_said_comes_above_the_prompt(NOTHING)
{
        begin("", NULL, 0);
        session.ws = NULL;
        expect_int(terminal_begin(terminal, &session), 0);
        is_text(shown, "");
        terminal_above(terminal)->editing = true;
        client_say("one");
        aw_log(AW_LOG_ERROR, "two");
        aw_log(AW_LOG_WARNING, "three");
        aw_log(AW_LOG_INFO, "four");
        terminal_tell(terminal, "five\n");
        is_text(shown, "wsecho: one\n> \r  \rwsecho: error: two\n> \r  \rwsecho: warning: three\n> "
                       "\r  \rwsecho: four\n> \r  \rfive\n> ");
        expect(terminal_above(NULL) == NULL);
        await(end());
        aw_log_set_sink(test_sink);
        return 0;
}

static async int
a_command_may_leave_and_what_fails_ends_it(NOTHING)
{
        begin("/close\none\n", NULL, 0);
        expect_int(terminal_begin(terminal, &session), 0);
        expect_int(await(terminal_send(&session)), 0);
        is_text(did, "keep '/close', command 'close'");
        await(end());
        for (int i = 0; i < 4; i++) {
                begin(i < 2 ? "/x\none\n" : "x\none\n", NULL, 0);
                expect_int(terminal_begin(terminal, &session), 0);
                command_error = i == 0 ? EPIPE : i == 1 ? ECANCELED : 0;
                send_error = i == 2 ? EPIPE : i == 3 ? EIO : 0;
                session.failed = i == 3; /* it was said */
                shown[0] = '\0';
                expect_int(await(terminal_send(&session)), -1);
                is_text(did, i < 2 ? "keep '/x', command 'x'" : "keep 'x', send 'x'");
                is_text(shown, "> ");
                expect_int(session.failed, i == 3);
                await(end());
        }
        return 0;
}

static async int
an_input_that_cannot_be_read_is_told(NOTHING)
{
        begin(NULL, "/dev/null", O_WRONLY);
        expect_int(terminal_begin(terminal, &session), 0);
        shown[0] = '\0';
        expect_int(await(terminal_send(&session)), -1);
        is_text(shown, "> \r  \rwsecho: standard input: Bad file descriptor\n> \n");
        expect(session.failed && session.status == CLIENT_LOCAL);
        await(end());
        begin(NULL, "/tmp", O_RDONLY);
        said_begin();
        expect_int(terminal_begin(terminal, &session), -1);
        is_text(said, "wsecho: the terminal cannot be used: Is a directory\n");
        expect(!terminal_is_on(terminal));
        flushed_until = 0;
        await(end());
        expect(flushed_until == 0);
        return 0;
}

static async int
a_close_of_the_servers_is_told_once(NOTHING)
{
        static const struct {
                unsigned code;
                const char *reason, *words;
        } rows[] = {
                {0, "", ""},
                {1, "", "closed by 192.0.2.1:7681: 1\n"},
                {1000, "", "closed by 192.0.2.1:7681: 1000\n"},
                {1005, "", "closed by 192.0.2.1:7681: 1005\n"},
                {1006, "", ""},
                {1007, "", "closed by 192.0.2.1:7681: 1007\n"},
                {4000, "bye", "closed by 192.0.2.1:7681: 4000 bye\n"},
        };

        begin("", NULL, 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                peer_close.code = rows[i].code;
                strcpy(peer_close.reason, rows[i].reason);
                said_begin();
                terminal_closed(terminal, peer_ws());
                is_text(said, rows[i].words);
        }
        /* The report says it, or nobody wants to know. */
        said_begin();
        options.printing.verbose = 1;
        terminal_closed(terminal, peer_ws());
        options.printing.verbose = 0;
        options.printing.quiet = true;
        terminal_closed(terminal, peer_ws());
        is_text(said, "");
        await(end());
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(lines_are_sent_kept_or_commands),
                on_loop(who_is_stopped_leaves_the_line_and_shows_it_again),
                on_loop(with_no_slash_all_are_messages),
                on_loop(what_is_said_comes_above_the_prompt),
                on_loop(a_command_may_leave_and_what_fails_ends_it),
                on_loop(an_input_that_cannot_be_read_is_told),
                on_loop(a_close_of_the_servers_is_told_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
