/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* Wraps: el_init_fd nl_langinfo setlocale tcgetattr tcsetattr. */
/* Where lines can be edited: at a terminal, in UTF-8. */
#include <langinfo.h>
#include <locale.h>
#include <termios.h>

#include "editor.h"
#include "screen.h"
#include "unit/support.h"

static bool has_c_utf8, has_own, terminal;
static const char *own_codes;
static unsigned opened; /* as far as libedit, which has no memory */

EditLine *__wrap_el_init_fd(const char *program, FILE *in, FILE *out, FILE *errors, int in_fd,
                            int out_fd, int error_fd);
char *__wrap_nl_langinfo(nl_item item);
char *__wrap_setlocale(int category, const char *name);
int __wrap_tcgetattr(int fd, struct termios *modes);
int __wrap_tcsetattr(int fd, int when, const struct termios *modes);

EditLine *
__wrap_el_init_fd(const char *program, FILE *in, FILE *out, FILE *errors, int in_fd, int out_fd,
                  int error_fd)
{
        (void)out;
        (void)errors;
        assert_string_equal(program, "wsecho");
        assert_ptr_equal(in, stdin);
        assert_int_equal(in_fd, STDIN_FILENO);
        assert_int_equal(out_fd, STDERR_FILENO);
        assert_int_equal(error_fd, STDERR_FILENO);
        opened++;
        return NULL;
}

char *
__wrap_nl_langinfo(nl_item item)
{
        assert_int_equal(item, CODESET);
        return (char *)(uintptr_t)own_codes;
}

char *
__wrap_setlocale(int category, const char *name)
{
        assert_int_equal(category, LC_CTYPE);
        if (name[0] == '\0')
                return has_own ? (char *)(uintptr_t) "own" : NULL;
        assert_string_equal(name, "C.UTF-8");
        return has_c_utf8 ? (char *)(uintptr_t) "C.UTF-8" : NULL;
}

int
__wrap_tcgetattr(int fd, struct termios *modes)
{
        assert_int_equal(fd, STDIN_FILENO);
        memset(modes, 0, sizeof(*modes));
        return terminal ? 0 : -1;
}

/* The terminal is left as it was. */
int
__wrap_tcsetattr(int fd, int when, const struct termios *modes)
{
        (void)modes;
        assert_int_equal(fd, STDIN_FILENO);
        assert_int_equal(when, TCSANOW);
        return 0;
}

static void
lines_are_edited_in_utf_8_at_a_terminal(void **state)
{
        static const struct {
                bool c_utf8, own, terminal;
                const char *codes;
                unsigned opened;
        } rows[] = {
                {true, false, true, "ANSI_X3.4-1968", 1}, {true, true, false, "UTF-8", 0},
                {false, true, true, "UTF-8", 1},          {false, true, true, "ISO-8859-1", 0},
                {false, false, true, "UTF-8", 0},
        };
        struct screen *screen = screen_create();
        struct editor_options options = {.screen = screen};

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                has_c_utf8 = rows[i].c_utf8;
                has_own = rows[i].own;
                terminal = rows[i].terminal;
                own_codes = rows[i].codes;
                opened = 0;
                assert_null(editor_open(&options));
                assert_int_equal(opened, rows[i].opened);
        }
        editor_free(NULL);
        screen_free(screen);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_are_edited_in_utf_8_at_a_terminal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
