/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal.h"

#include "above.h"
#include "await/log.h"
#include "await/signals.h"
#include "await/stream.h"
#include "command.h"
#include "connect.h"
#include "editor.h"
#include "history.h"
#include "ping.h"
#include "screen.h"
#include "session.h"

/* For what is still to be seen before it stops. */
#define STOP_TIME (200 * AW_MILLISECOND)

/* Between two looks whether we are in the foreground again. */
#define LOOK_TIME (200 * AW_MILLISECOND)

struct terminal {
        const struct client_options *options;
        struct session *session;
        struct screen *screen;
        struct history_lines *history;
        struct editor *editor; /* or NULL: lines are read as they come */
        struct aw_stream *input;
        struct aw_signals *signals;
        struct aw_task *watcher;

        bool on;     /* between begin and end */
        bool prints; /* standard output is this terminal, too */
        struct above above;
        struct ping ping;
};

/* The one that is on; for those who say something, whoever they are. */
static struct terminal *current;

/* Of client_say() and client_tell(). */
static void
say_above(const char *line)
{
        above_tell(&current->above, line);
}

static void
log_above(enum aw_log_level level, const char *message)
{
        client_tell("%s: %s%s", options_program.name,
                    level == AW_LOG_ERROR     ? "error: "
                    : level == AW_LOG_WARNING ? "warning: "
                                              : "",
                    message);
}

struct above *
terminal_above(struct terminal *terminal)
{
        return terminal == NULL ? NULL : &terminal->above;
}

/* Signals. */

/* Really, as if nobody here had taken the signal. */
static void
stop_process(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTSTP);
        raise(SIGTSTP);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void
leave_line(struct terminal *terminal)
{
        if (terminal->editor != NULL)
                editor_release(terminal->editor);
        else if (terminal->above.prompted)
                screen_puts(terminal->screen, "\n");
        terminal->above.prompted = false;
}

static void
restore_modes(struct terminal *terminal)
{
        if (terminal->editor != NULL)
                editor_restore_modes(terminal->editor);
}

static void
take_again(struct terminal *terminal)
{
        if (terminal->editor == NULL)
                above_show(&terminal->above);
        else if (terminal->above.editing && editor_prepare(terminal->editor) &&
                 !aw_lock_locked(&terminal->above.printing))
                editor_redraw(terminal->editor);
}

static async void
stop_here(struct terminal *terminal)
{
        if (terminal->above.editing) {
                leave_line(terminal);
                await(screen_flush(terminal->screen, aw_loop_now() + STOP_TIME));
                restore_modes(terminal);
        }
        stop_process();
        take_again(terminal);
}

/* The process ends at once, and the terminal is as it was. */
static async void
quit_here(struct terminal *terminal, int number)
{
        leave_line(terminal);
        await(screen_flush(terminal->screen, aw_loop_now() + STOP_TIME));
        restore_modes(terminal);
        client_exit(CLIENT_SIGNAL + number);
}

/* Whoever is brought back from the background, and was not stopped there, is not told. */
static aw_time
next_check(const struct terminal *terminal)
{
        if (terminal->editor == NULL || !terminal->above.editing ||
            editor_is_prepared(terminal->editor))
                return AW_NEVER;
        return aw_loop_now() + LOOK_TIME;
}

static async int
watch_terminal(void *argument)
{
        struct terminal *terminal = argument;
        int number;

        while ((number = await(aw_signals_wait(terminal->signals, next_check(terminal)))) != -1 ||
               errno == ETIMEDOUT) {
                if (number == SIGTSTP)
                        await(stop_here(terminal));
                else if (number == SIGQUIT)
                        await(quit_here(terminal, number));
                else if (number == SIGCONT || number == -1)
                        take_again(terminal);
                else if (terminal->editor != NULL && !aw_lock_locked(&terminal->above.printing))
                        editor_resize(terminal->editor);
        }
        return 0;
}

const struct ws_observer *
terminal_observer(struct terminal *terminal, const struct ws_observer *observer)
{
        return ping_observer(&terminal->ping, observer);
}

void
terminal_tell(struct terminal *terminal, const char *text)
{
        above_tell(&terminal->above, text);
}

bool
terminal_is_on(const struct terminal *terminal)
{
        return terminal->on;
}

/* Reading. */

static async int
read_plain(struct terminal *terminal, char **line)
{
        char *text;
        ssize_t length;

        terminal->above.editing = true;
        above_show(&terminal->above);
        length = await(aw_stream_read_line(terminal->input, &text, AW_NEVER));
        terminal->above.editing = length == -1;
        if (length <= 0)
                return length == -1 && errno != EIO ? -1 : 0;
        terminal->above.prompted = false;
        if (text[length - 1] == '\n')
                length--;
        *line = strndup(text, (size_t)length);
        return *line == NULL ? -1 : 1;
}

static async int
read_line(struct terminal *terminal, char **line)
{
        if (terminal->editor == NULL)
                return await(read_plain(terminal, line));
        return await(
                editor_read(terminal->editor, terminal->input, &terminal->above.printing, line));
}

/* A text of several lines, which was pasted, is no command. */
static async int
take_line(struct terminal *terminal, char *line)
{
        struct session *session = terminal->session;

        await(history_add(terminal->history, line));
        if (!terminal->options->terminal.no_slash && line[0] == '/' && strchr(line, '\n') == NULL) {
                if (line[1] != '/')
                        return await(command_run(session, line + 1));
                line++;
        }
        return await(input_send_typed(session, line));
}

static void
read_failed(struct session *session)
{
        client_say("standard input: %s", strerror(errno));
        session_fail(session, CLIENT_LOCAL);
}

async int
terminal_send(void *argument)
{
        struct session *session = argument;
        struct terminal *terminal = session->terminal;
        char *line = NULL;
        int result;

        terminal->above.editing = terminal->editor != NULL;
        if (terminal->editor != NULL)
                editor_prepare(terminal->editor);
        while ((result = await(read_line(terminal, &line))) == 1) {
                result = await(take_line(terminal, line));
                free(line);
                if (result == -1 || session->leaving)
                        break;
        }
        /* Why nothing can be sent any more is told where that is found. */
        if (result == -1 && errno != ECANCELED && errno != EPIPE && !session->failed)
                read_failed(session);
        leave_line(terminal);
        restore_modes(terminal);
        terminal->above.editing = false;
        return result;
}

/* Beginning and end. */

static bool
is_same_terminal(int one, int other)
{
        struct stat first, second;

        return isatty(one) == 1 && isatty(other) == 1 && fstat(one, &first) == 0 &&
               fstat(other, &second) == 0 && first.st_rdev == second.st_rdev;
}

static bool
wants_color(const struct client_options *options)
{
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        return !options->terminal.no_color && (no_color == NULL || no_color[0] == '\0') &&
               term != NULL && strcmp(term, "dumb") != 0;
}

static void
complain(const char *why)
{
        client_say("%s", why);
}

static void
tell_asked(const char *line)
{
        client_tell("%s", line);
}

struct terminal *
terminal_open(const struct client_options *options)
{
        struct terminal *terminal = calloc(1, sizeof(*terminal));
        struct editor_options editor = {
                .complete = command_complete, .complain = complain, .tell = tell_asked};

        if (terminal != NULL) {
                terminal->options = options;
                terminal->screen = screen_create();
                terminal->history = history_open(options->terminal.history);
        }
        if (terminal == NULL || terminal->screen == NULL || terminal->history == NULL) {
                terminal_free(terminal);
                client_say("out of memory");
                return NULL;
        }
        editor.color = wants_color(options);
        editor.screen = terminal->screen;
        editor.history = terminal->history;
        terminal->editor = editor_open(&editor);
        terminal->above = (struct above){.screen = terminal->screen,
                                         .editor = terminal->editor,
                                         .color = editor.color && terminal->editor != NULL};
        terminal->prints = is_same_terminal(STDOUT_FILENO, STDERR_FILENO);
        return terminal;
}

void
terminal_free(struct terminal *terminal)
{
        if (terminal == NULL)
                return;
        editor_free(terminal->editor);
        history_close(terminal->history);
        screen_free(terminal->screen);
        free(terminal->above.later);
        free(terminal);
}

static struct aw_signals *
open_terminal_signals(void)
{
        static const int all[] = {SIGTSTP, SIGCONT, SIGWINCH, SIGQUIT};
        int numbers[4];
        size_t count = 0;

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                if (!client_ignores(all[i]))
                        numbers[count++] = all[i];
        return aw_signals_open(numbers, count);
}

int
terminal_begin(struct terminal *terminal, struct session *session)
{
        struct aw_stream_options bounds = {.limit = EDITOR_LINE_MAX};

        terminal->session = session;
        session->ping = &terminal->ping;
        terminal->input = aw_stream_open(STDIN_FILENO, &bounds);
        terminal->signals = open_terminal_signals();
        if (terminal->input != NULL && terminal->signals != NULL)
                terminal->watcher = aw_spawn("terminal", watch_terminal, terminal);
        if (terminal->watcher == NULL || screen_begin(terminal->screen) == -1) {
                client_say("the terminal cannot be used: %s", strerror(errno));
                return -1;
        }
        terminal->on = true;
        terminal->above.output = terminal->prints;
        current = terminal;
        client_set_sink(say_above);
        aw_log_set_sink(log_above);
        if (session->ws != NULL)
                session_greet(session);
        return 0;
}

void
terminal_closed(struct terminal *terminal, const struct ws *ws)
{
        const struct ws_peer_close *peer = ws_peer_close(ws);
        const struct printing_options *printing = &terminal->options->printing;

        /* The report says it with --verbose. */
        if (peer->code != 0 && peer->code != WS_ABNORMAL && !printing->quiet &&
            printing->verbose == 0)
                client_tell("closed by %s: %u%s%s", ws_peer(ws), peer->code,
                            peer->reason[0] == '\0' ? "" : " ", peer->reason);
}

async void
terminal_end(struct terminal *terminal, aw_time deadline)
{
        if (terminal->on)
                await(screen_flush(terminal->screen, deadline));
        client_set_sink(NULL);
        aw_log_set_sink(NULL);
        terminal->on = terminal->above.output = false;
        current = NULL;
        if (terminal->watcher != NULL) {
                aw_cancel(terminal->watcher);
                await(aw_join(terminal->watcher));
        }
        await(screen_end(terminal->screen));
        await(history_flush(terminal->history));
        aw_signals_close(terminal->signals);
        aw_stream_drop(terminal->input);
        terminal->watcher = NULL;
        terminal->signals = NULL;
        terminal->input = NULL;
}
