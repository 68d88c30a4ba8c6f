/* SPDX-License-Identifier: MIT */
/* Wraps: editor_hide editor_show screen_is_full screen_put screen_puts screen_room. */
/* What is printed above the line that is being typed, and in which order. */
#include "above.h"
#include "editor.h"
#include "screen.h"
#include "unit/support.h"

static char shown[200000];
static size_t shown_length;
static bool full, gone;
static char somewhere;

void __wrap_editor_hide(struct editor *editor);
void __wrap_editor_show(struct editor *editor);
bool __wrap_screen_is_full(const struct screen *screen);
void __wrap_screen_put(struct screen *screen, const char *text, size_t length);
void __wrap_screen_puts(struct screen *screen, const char *text);
async int __wrap_screen_room(struct screen *screen);

void
__wrap_screen_put(struct screen *screen, const char *text, size_t length)
{
        (void)screen;
        if (!expect(shown_length + length < sizeof(shown)))
                return;
        memcpy(shown + shown_length, text, length);
        shown_length += length;
        shown[shown_length] = '\0';
}

void
__wrap_screen_puts(struct screen *screen, const char *text)
{
        __wrap_screen_put(screen, text, strlen(text));
}

void
__wrap_editor_hide(struct editor *editor)
{
        __wrap_screen_puts((struct screen *)editor, "(hide)");
}

void
__wrap_editor_show(struct editor *editor)
{
        __wrap_screen_puts((struct screen *)editor, "(show)");
}

bool
__wrap_screen_is_full(const struct screen *screen)
{
        (void)screen;
        return full;
}

async int
__wrap_screen_room(struct screen *screen)
{
        (void)screen;
        errno = EIO;
        return gone ? -1 : 0;
}

/* With an editor, or without; somebody types. */
static struct above
begin(bool editor)
{
        full = gone = false;
        shown_length = 0;
        shown[0] = '\0';
        return (struct above){.screen = (struct screen *)&somewhere,
                              .editor = editor ? (struct editor *)&somewhere : NULL,
                              .editing = true};
}

/* All that was shown since the last look. */
static void
is_shown(const char *text)
{
        test_expect(strcmp(shown, text) == 0, __FILE__, __LINE__, "'%s' is shown (it is '%s')",
                    text, shown);
        shown_length = 0;
        shown[0] = '\0';
}

static async int
a_line_is_told_above_the_one_that_is_typed(NOTHING)
{
        struct above above = begin(true);

        above_tell(&above, "one\n");
        is_shown("(hide)one\n(show)");
        above_show(&above);
        is_shown("(show)");
        expect(!above.prompted);
        above.editing = false;
        above_tell(&above, "two\n");
        is_shown("\r\033[Ktwo\n");
        above_show(&above);
        is_shown("");
        return 0;
}

static async int
without_an_editor_there_is_a_prompt_that_goes_and_comes(NOTHING)
{
        struct above above = begin(false);

        above_tell(&above, "one\n");
        is_shown("one\n> ");
        expect(above.prompted);
        above_tell(&above, "two\n");
        is_shown("\r  \rtwo\n> ");
        above.editing = false;
        above_tell(&above, "three\n");
        is_shown("\r  \rthree\n");
        expect(!above.prompted);
        above_tell(&above, "four\n");
        is_shown("four\n");
        return 0;
}

static async int
what_a_full_screen_does_not_take_is_counted_and_told_once(NOTHING)
{
        struct above above = begin(false);

        above.editing = false;
        full = true;
        above_tell(&above, "one\n");
        is_shown("");
        full = false;
        above_tell(&above, "two\n");
        is_shown("1 line was lost: the terminal took no more\ntwo\n");
        above_tell(&above, "three\n");
        is_shown("three\n");
        full = true;
        above_tell(&above, "four\n");
        above_tell(&above, "five\n");
        full = false;
        expect_int(await(above_begin(&above, false)), 0);
        is_shown("2 lines were lost: the terminal took no more\n");
        above_end(&above);
        is_shown("\n");
        return 0;
}

static async int
a_message_has_a_mark_and_its_further_lines_are_indented(NOTHING)
{
        struct above above = begin(true);

        expect_int(await(above_begin(&above, true)), 0);
        is_shown("(hide)< ");
        expect_int(await(above_print(&above, "a\nb", 3)), 0);
        expect_int(await(above_print(&above, "c\n", 2)), 0);
        is_shown("a\n  bc\n");
        expect_int(await(above_print(&above, "\nd", 2)), 0);
        is_shown("  \n  d");
        expect_int(await(above_print(&above, "", 0)), 0);
        above_end(&above);
        is_shown("\n(show)");
        above.color = true;
        expect_int(await(above_begin(&above, true)), 0);
        is_shown("(hide)\033[36m<\033[0m ");
        expect_int(await(above_print(&above, "a\n", 2)), 0);
        above_end(&above);
        is_shown("a\n(show)");
        return 0;
}

static async int
what_is_no_message_is_printed_as_it_is(NOTHING)
{
        struct above above = begin(true);

        above.color = true;
        expect_int(await(above_begin(&above, false)), 0);
        expect_int(await(above_print(&above, "a\nb\n", 4)), 0);
        expect_int(await(above_print(&above, "c\n", 2)), 0);
        above_end(&above);
        is_shown("(hide)a\nb\nc\n(show)");
        return 0;
}

static async int
what_is_told_meanwhile_comes_behind_it(NOTHING)
{
        struct above above = begin(true);

        expect_int(await(above_begin(&above, true)), 0);
        expect(aw_lock_locked(&above.printing));
        expect_int(await(above_print(&above, "a", 1)), 0);
        above_tell(&above, "one\n");
        above_tell(&above, "two\n");
        above_show(&above);
        is_shown("(hide)< a");
        above_end(&above);
        is_shown("\none\ntwo\n(show)");
        expect(!aw_lock_locked(&above.printing));
        expect(above.later == NULL);
        expect_int(await(above_begin(&above, false)), 0);
        above_end(&above);
        is_shown("(hide)\n(show)");
        return 0;
}

static async int
no_more_than_64_kib_are_kept_for_later(NOTHING)
{
        static char line[(1 << 10) + 1];
        struct above above = begin(false);

        above.editing = false;
        memset(line, 'x', sizeof(line) - 1);
        expect_int(await(above_begin(&above, false)), 0);
        for (int i = 0; i < 64; i++)
                above_tell(&above, line);
        expect_int((long long)above.lost, 0);
        above_tell(&above, "y");
        expect_int((long long)above.lost, 1);
        above_end(&above);
        expect_int((long long)shown_length, (64 << 10) + 1);
        return 0;
}

static async int
a_terminal_that_is_gone_ends_the_printing(NOTHING)
{
        struct above above = begin(true);

        expect_int(await(above_begin(&above, false)), 0);
        gone = true;
        expect_error(await(above_print(&above, "a", 1)), EIO);
        above_end(&above);
        expect(!aw_lock_locked(&above.printing));
        return 0;
}

static async int
print_in_vain(void *above)
{
        int result = await(above_begin(above, true));

        return result == -1 && errno == ECANCELED ? 1 : 0;
}

static async int
who_waits_for_its_turn_may_be_cancelled(NOTHING)
{
        struct above above = begin(true);
        struct aw_task *task;

        expect_int(await(above_begin(&above, false)), 0);
        task = aw_spawn("second", print_in_vain, &above);
        await(aw_sleep(0));
        aw_cancel(task);
        expect_int(await(aw_join(task)), 1);
        is_shown("(hide)");
        above_end(&above);
        return 0;
}

static async int
the_output_is_here_only_if_it_is_this_terminal(NOTHING)
{
        struct above above = begin(true);

        expect(above_of_output(NULL) == NULL);
        expect(above_of_output(&above) == NULL);
        above.output = true;
        expect(above_of_output(&above) == &above);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_line_is_told_above_the_one_that_is_typed),
                on_loop(without_an_editor_there_is_a_prompt_that_goes_and_comes),
                on_loop(what_a_full_screen_does_not_take_is_counted_and_told_once),
                on_loop(a_message_has_a_mark_and_its_further_lines_are_indented),
                on_loop(what_is_no_message_is_printed_as_it_is),
                on_loop(what_is_told_meanwhile_comes_behind_it),
                on_loop(no_more_than_64_kib_are_kept_for_later),
                on_loop(a_terminal_that_is_gone_ends_the_printing),
                on_loop(who_waits_for_its_turn_may_be_cancelled),
                on_loop(the_output_is_here_only_if_it_is_this_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
