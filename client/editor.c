/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "editor.h"

#include "await/sync.h"
#include "history.h"
#include "keys.h"
#include "layout.h"
#include "options.h"
#include "screen.h"

#define PROMPT_COLUMNS 2

/* Around what takes no room on the screen. */
#define LITERAL L'\1'

struct editor {
        EditLine *el;
        struct keys keys;
        struct screen *screen;
        struct termios cooked, raw;
        bool prepared; /* the terminal is ours */
        bool waiting;  /* for a key: the line is on the screen as it is in memory */
        bool ended;    /* the input has */
        bool color;
        bool marks; /* around a paste */
        void (*complain)(const char *why);
        void (*tell)(const char *line);
        struct aw_stream *input; /* of the line that is read */
        struct aw_lock *lock;
        char bytes[1024]; /* of the input: from begin to end */
        size_t begin, end;
};

static const wchar_t *
prompt(EditLine *el)
{
        struct keys *keys = NULL;

        el_wget(el, EL_CLIENTDATA, &keys);
        return keys == NULL || !((struct editor *)keys->editor)->color
                       ? L"> "
                       : L"\1\033[1m\1>\1\033[0m\1 ";
}

/* Keys. */

/* Waits for bytes. As read(2). */
static async ssize_t
more_bytes(struct editor *editor)
{
        ssize_t length;

        memmove(editor->bytes, editor->bytes + editor->begin, editor->end - editor->begin);
        editor->end -= editor->begin;
        editor->begin = 0;
        length = await(aw_stream_read(editor->input, editor->bytes + editor->end,
                                      sizeof(editor->bytes) - editor->end, AW_NEVER));
        if (length > 0)
                editor->end += (size_t)length;
        /* Whoever is brought back from the background may get no signal for it. */
        if (length > 0 && !editor->prepared && editor_prepare(editor) &&
            !aw_lock_locked(editor->lock))
                editor_redraw(editor);
        return length;
}

/* Of UTF-8; what is none is U+FFFD. 1; 0 at the end; -1 with errno. */
static async int
next_character(struct editor *editor, wchar_t *out)
{
        mbstate_t state = {0};
        ssize_t more;
        size_t length = (size_t)-2;

        if (editor->end > editor->begin)
                length = mbrtowc(out, editor->bytes + editor->begin, editor->end - editor->begin,
                                 &state);
        if (length == (size_t)-2) {
                more = await(more_bytes(editor));
                return more > 0 ? await(next_character(editor, out)) : (int)more;
        }
        /* The C library takes what goes on behind Unicode, and libedit aborts when it has to draw it. */
        if (length == (size_t)-1 || *out > 0x10ffff)
                *out = 0xfffd;
        editor->begin += length == 0 || length == (size_t)-1 ? 1 : length;
        return 1;
}

/* Draws nothing before those who have hidden the line show it again, nor while nobody sees it. */
static async int
wait_for_turn(struct editor *editor)
{
        if (await(screen_room(editor->screen)) == -1 ||
            await(aw_lock_acquire(editor->lock, AW_NEVER)) == -1)
                return -1;
        aw_lock_release(editor->lock);
        return 0;
}

/* What was found out while a key was dealt with. */
static void
tell_later(struct editor *editor)
{
        struct keys *keys = &editor->keys;

        if (keys->complaint != NULL)
                editor->complain(keys->complaint);
        if (keys->choices[0] != '\0')
                editor->tell(keys->choices);
        keys->complaint = NULL;
        keys->choices[0] = '\0';
}

/* libedit's way to a key. It draws nothing while this waits. */
static async int
get_character(EditLine *el, wchar_t *out)
{
        struct keys *keys = NULL;
        struct editor *editor;
        int result;

        el_wget(el, EL_CLIENTDATA, &keys);
        editor = keys->editor;
        /* The terminal's modes are not its business any more: it would wait to set them. */
        el_wset(el, EL_EDITMODE, 0);
        editor->waiting = true;
        tell_later(editor);
        do
                result = await(next_character(editor, out));
        while (result == 1 && !keys_fit(el, *out));
        if (result == 1 && await(wait_for_turn(editor)) == -1)
                result = -1;
        if (result == 1)
                editor->waiting = false;
        editor->ended = result == 0 || (result == -1 && errno == EIO);
        return result;
}

/* For free(). */
static char *
to_utf8(const wchar_t *text, size_t length)
{
        const wchar_t *from = text;
        mbstate_t state = {0};
        char *line = malloc(length * MB_CUR_MAX + 1);
        size_t used;

        if (line == NULL)
                return NULL;
        used = wcsnrtombs(line, &from, length, length * MB_CUR_MAX, &state);
        line[used == (size_t)-1 ? 0 : used] = '\0';
        return line;
}

async int
editor_read(struct editor *editor, struct aw_stream *input, struct aw_lock *lock, char **line)
{
        const wchar_t *text;
        int length = 0;

        editor->input = input;
        editor->lock = lock;
        if (await(wait_for_turn(editor)) == -1)
                return -1;
        el_wset(editor->el, EL_EDITMODE, 1);
        text = el_wgets(editor->el, &length);
        if (text == NULL)
                return length == 0 || editor->ended ? 0 : -1;
        *line = to_utf8(text, (size_t)length - (text[length - 1] == L'\n'));
        return *line == NULL ? -1 : 1;
}

/* The screen. */

static void
put_sequence(struct editor *editor, int count, char letter)
{
        if (count > 0)
                fprintf(screen_file(editor->screen), "\033[%d%c", count, letter);
}

static void
find_places(struct editor *editor, int columns, struct layout_place *cursor,
            struct layout_place *end)
{
        const LineInfoW *line = el_wline(editor->el);
        size_t before = (size_t)(line->cursor - line->buffer);

        *cursor = *end = (struct layout_place){.column = PROMPT_COLUMNS};
        layout_advance(cursor, line->buffer, before, columns);
        *end = *cursor;
        layout_advance(end, line->cursor, (size_t)(line->lastchar - line->cursor), columns);
        if (line->cursor < line->lastchar)
                layout_before(cursor, *line->cursor, columns);
}

static int
get_number(struct editor *editor, const char *capability)
{
        int number = 0;

        el_get(editor->el, EL_GETTC, capability, &number, NULL);
        return number;
}

/*
 * A line that is larger than the screen stays where it is: libedit shows a part of it, and which is
 * not to be found out.
 */
static void
hide_rows(struct editor *editor, int columns)
{
        struct layout_place cursor, end;

        find_places(editor, columns, &cursor, &end);
        if (end.row >= get_number(editor, "li")) {
                screen_puts(editor->screen, "\033[999B\r\n");
                return;
        }
        screen_puts(editor->screen, "\r");
        put_sequence(editor, cursor.row, 'A');
        screen_puts(editor->screen, "\033[J");
}

void
editor_hide(struct editor *editor)
{
        if (editor->waiting && editor->prepared)
                hide_rows(editor, get_number(editor, "co"));
        else if (editor->prepared)
                screen_puts(editor->screen, "\r\033[J");
}

void
editor_show(struct editor *editor)
{
        if (editor->waiting && editor->prepared) {
                el_resize(editor->el);
                el_wset(editor->el, EL_REFRESH);
        }
}

/* Terminals that wrap lines anew have done so; where others do not, too little is erased. */
void
editor_resize(struct editor *editor)
{
        int columns = get_number(editor, "co"), now;

        if (!editor->waiting || !editor->prepared)
                return;
        el_resize(editor->el);
        now = get_number(editor, "co");
        hide_rows(editor, now > columns ? now : columns);
        editor_show(editor);
}

/* The terminal. */

/* Who sets modes in the background is stopped. */
static bool
is_foreground(void)
{
        pid_t group = tcgetpgrp(STDIN_FILENO);

        return group <= 0 || group == getpgrp();
}

bool
editor_prepare(struct editor *editor)
{
        struct termios modes;

        editor->prepared = is_foreground();
        if (!editor->prepared)
                return false;
        /* Others may have changed them, but only those of a shell are to be kept. */
        if (tcgetattr(STDIN_FILENO, &modes) == 0 && (modes.c_lflag & ICANON) != 0)
                editor->cooked = modes;
        tcsetattr(STDIN_FILENO, TCSANOW, &editor->raw);
        if (editor->marks)
                screen_puts(editor->screen, "\033[?2004h");
        return true;
}

void
editor_redraw(struct editor *editor)
{
        if (editor->waiting)
                screen_puts(editor->screen, "\r\033[J");
        editor_show(editor);
}

bool
editor_is_prepared(const struct editor *editor)
{
        return editor->prepared;
}

void
editor_release(struct editor *editor)
{
        const LineInfoW *line = el_wline(editor->el);
        struct layout_place cursor, end;

        if (!editor->prepared)
                return;
        if (editor->waiting && line->lastchar > line->buffer) {
                find_places(editor, get_number(editor, "co"), &cursor, &end);
                put_sequence(editor, end.row - cursor.row, 'B');
                screen_puts(editor->screen, "\r\n");
        } else {
                screen_puts(editor->screen, "\r\033[J");
        }
        if (editor->marks)
                screen_puts(editor->screen, "\033[?2004l");
        editor->prepared = false;
}

void
editor_restore_modes(struct editor *editor)
{
        if (is_foreground())
                tcsetattr(STDIN_FILENO, TCSANOW, &editor->cooked);
}

/* The beginning. */

/* One that understands the sequences used here, as all do that are used today. */
static bool
is_capable(EditLine *el)
{
        char *up = NULL, *clear = NULL;

        el_get(el, EL_GETTC, "up", &up, NULL);
        el_get(el, EL_GETTC, "ce", &clear, NULL);
        return up != NULL && up[0] != '\0' && clear != NULL && strncmp(clear, "\033[", 2) == 0;
}

/* libedit's modes for editing; it takes them for granted afterwards. */
static void
learn_modes(struct editor *editor)
{
        el_wset(editor->el, EL_PREP_TERM, 1);
        tcgetattr(STDIN_FILENO, &editor->raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &editor->cooked);
        /* A paste has its line ends as they are. */
        editor->raw.c_iflag &= ~(tcflag_t)(INLCR | ICRNL | IGNCR);
        editor->keys.end_of_file = (wchar_t)editor->cooked.c_cc[VEOF];
}

static void
set_up(struct editor *editor, const struct editor_options *options)
{
        EditLine *el = editor->el;

        editor->screen = options->screen;
        editor->color = options->color;
        editor->keys = (struct keys){
                .editor = editor, .max = EDITOR_LINE_MAX, .complete = options->complete};
        editor->complain = options->complain;
        editor->tell = options->tell;
        el_wset(el, EL_EDITOR, L"emacs");
        el_wset(el, EL_HIST, history_w, history_of(options->history));
        el_wset(el, EL_PROMPT_ESC, prompt, LITERAL);
        el_wset(el, EL_GETCFN, get_character);
        learn_modes(editor);
        el_source(el, NULL);
        editor->marks = keys_bind(el, &editor->keys);
        el_wset(el, EL_EDITMODE, 0);
}

struct editor *
editor_open(const struct editor_options *options)
{
        FILE *out = screen_file(options->screen);
        struct editor *editor = calloc(1, sizeof(*editor));

        if (editor == NULL || !options_use_utf8() ||
            tcgetattr(STDIN_FILENO, &editor->cooked) == -1) {
                free(editor);
                return NULL;
        }
        editor->el =
                el_init_fd("wsecho", stdin, out, out, STDIN_FILENO, STDERR_FILENO, STDERR_FILENO);
        if (editor->el != NULL && is_capable(editor->el)) {
                set_up(editor, options);
                return editor;
        }
        tcsetattr(STDIN_FILENO, TCSANOW, &editor->cooked);
        editor_free(editor);
        screen_discard(options->screen);
        return NULL;
}

void
editor_free(struct editor *editor)
{
        if (editor == NULL)
                return;
        el_wset(editor->el, EL_EDITMODE, 0);
        el_end(editor->el);
        free(editor);
}
