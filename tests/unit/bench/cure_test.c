/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/bench.h"

/* Whether the program's help names this option: its name or letter as a word. */
static bool
has_option(const char *program, const char *option, size_t length)
{
        char command[400], line[400];
        bool found = false;
        FILE *help;

        snprintf(command, sizeof(command), "'%s/%s' --help all", getenv("BUILD"), program);
        help = popen(command, "r");
        assert_non_null(help);
        while (fgets(line, sizeof(line), help) != NULL)
                for (const char *word = strtok(line, " ,\n"); word != NULL;
                     word = strtok(NULL, " ,\n"))
                        found = found ||
                                (strlen(word) == length && strncmp(word, option, length) == 0);
        assert_int_equal(pclose(help), 0);
        return found;
}

/* How many options are named. */
static unsigned
look_at_options(const char *program, const char *cure)
{
        unsigned count = 0;

        for (const char *at = strstr(cure, " -"); at != NULL; at = strstr(at, " -")) {
                size_t length = strcspn(++at, " ,");

                count++;
                if (!has_option(program, at, length))
                        fail_msg("%s has no option '%.*s'", program, (int)length, at);
        }
        return count;
}

static void
the_options_that_a_hint_names_are_the_programs_own(void **state)
{
        unsigned ours = 0, theirs = 0;

        (void)state;
        for (enum aw_error_cause cause = AW_CAUSE_NONE; cause <= AW_CAUSE_NO_KEY; cause++)
                for (int of_proxy = 0; of_proxy <= 1; of_proxy++) {
                        struct aw_error error = {.cause = cause, .of_proxy = of_proxy == 1};

                        ours += look_at_options("wsbench", bench_cure(&error));
                        theirs += look_at_options("wsecho", network_cure(&error));
                }
        assert_in_range(ours, 12, theirs);
}

static void
a_redirect_needs_the_other_url_and_a_401_a_field(void **state)
{
        struct aw_error error = {.cause = AW_CAUSE_REDIRECTED};

        (void)state;
        assert_string_equal(bench_cure(&error), ": give that URL");
        error.cause = AW_CAUSE_CREDENTIALS;
        assert_string_equal(bench_cure(&error), ": --header 'Authorization: ...'");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_options_that_a_hint_names_are_the_programs_own),
                cmocka_unit_test(a_redirect_needs_the_other_url_and_a_401_a_field),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
