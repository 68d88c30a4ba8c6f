/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The form of the log's lines on standard error, and how many of them nobody has seen. */
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "await/log.h"

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

/* What such a line looks like on standard error; or to a descriptor that takes nothing, "". */
static void
logged(char out[4096], int target, enum aw_log_level level, const char *message)
{
        int pipe_ends[2], copy = dup(STDERR_FILENO);
        ssize_t got = 0;

        assert_int_equal(pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC), 0);
        assert_int_equal(dup2(target == -1 ? pipe_ends[1] : target, STDERR_FILENO), STDERR_FILENO);
        aw_log(level, "%s", message);
        assert_int_equal(dup2(copy, STDERR_FILENO), STDERR_FILENO);
        close(copy);
        if (target == -1)
                got = read(pipe_ends[0], out, 4095);
        assert_true(got >= 0);
        out[got] = '\0';
        close(pipe_ends[0]);
        close(pipe_ends[1]);
}

static void
assert_like(const char *text, const char *pattern)
{
        regex_t regex;

        assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&regex, text, 0, NULL, 0) != 0)
                fail_msg("'%s' is not like '%s'", text, pattern);
        regfree(&regex);
}

static void
the_time_is_utc_with_milliseconds(void **state)
{
        char first[AW_LOG_TIME_SIZE], second[AW_LOG_TIME_SIZE];

        (void)state;
        aw_log_time(first);
        aw_log_time(second);
        assert_int_equal(strlen(first), AW_LOG_TIME_SIZE - 1);
        assert_like(first, "^" TIME "$");
        assert_true(strcmp(first, second) <= 0);
}

static void
a_line_begins_with_the_time_if_it_should(void **state)
{
        char line[4096];

        (void)state;
        aw_log_set_program("prog");
        logged(line, -1, AW_LOG_WARNING, "no time");
        assert_string_equal(line, "prog: warning: no time\n");
        aw_log_set_time(true);
        logged(line, -1, AW_LOG_WARNING, "a time");
        assert_like(line, "^" TIME " prog: warning: a time\n$");
        aw_log_set_time(false);
        logged(line, -1, AW_LOG_INFO, "none again");
        assert_string_equal(line, "prog: none again\n");
        aw_log_set_program(NULL);
}

static size_t
shout(enum aw_log_level level, const char *message, char *out, size_t size)
{
        return (size_t)snprintf(out, size, "<%d %s!>\n", (int)level, message);
}

static size_t
fail_to(enum aw_log_level level, const char *message, char *out, size_t size)
{
        (void)level;
        (void)message;
        memset(out, '?', size);
        return 0;
}

static void
a_program_may_give_lines_a_form_of_its_own(void **state)
{
        char line[4096], longest[2200];

        (void)state;
        aw_log_set_form(shout);
        logged(line, -1, AW_LOG_ERROR, "a\nb");
        assert_string_equal(line, "<0 a\\x0ab!>\n");
        memset(longest, '"', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        logged(line, -1, AW_LOG_INFO, longest);
        assert_int_equal(strlen(line), 2000 + strlen("<2 !>\n"));
        aw_log_set_form(fail_to);
        logged(line, -1, AW_LOG_WARNING, "usual");
        assert_string_equal(line, "warning: usual\n");
        aw_log_set_form(NULL);
}

static void
lines_that_were_lost_or_left_out_are_counted(void **state)
{
        static struct aw_log_limit limit = {.per_second = 1};
        struct aw_log_losses before, after;
        char line[4096];
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC), i;

        (void)state;
        assert_true(full >= 0);
        aw_log_losses(&before);
        for (i = 0; i < 3; i++)
                logged(line, full, AW_LOG_INFO, "lost");
        close(full);
        aw_log_losses(&after);
        assert_int_equal(after.lost - before.lost, 3);
        assert_int_equal(after.left_out, before.left_out);
        /* The loss has the form of the line behind it. */
        aw_log_set_form(shout);
        logged(line, -1, AW_LOG_INFO, "seen");
        assert_string_equal(line,
                            "<1 3 lines were lost: standard error took no more!>\n<2 seen!>\n");
        aw_log_set_form(NULL);
        aw_log_set_level(AW_LOG_INFO);
        for (i = 0; i < 3; i++)
                aw_log_limit(&limit, AW_LOG_INFO, "one of a kind");
        aw_log_losses(&before);
        assert_int_equal(before.lost, after.lost);
        /* Unless a second has passed between two of them. */
        assert_in_range(before.left_out - after.left_out, 1, 2);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_time_is_utc_with_milliseconds),
                cmocka_unit_test(a_line_begins_with_the_time_if_it_should),
                cmocka_unit_test(a_program_may_give_lines_a_form_of_its_own),
                cmocka_unit_test(lines_that_were_lost_or_left_out_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
