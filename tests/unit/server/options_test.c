/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The defaults that --help all tells are those that hold. */
#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

#include "listener.h" /* it has the server's options.h, where the name alone is the client's */
#include "unit/defaults.h"
#include "unit/support.h"

static void
say_nothing(const char *sentence)
{
        (void)sentence;
}

static enum aw_opt_status
parse(struct server_options *options, const char *first, const char *second)
{
        char *words[] = {(char *)(uintptr_t) "wsechod", (char *)(uintptr_t)first,
                         (char *)(uintptr_t)second, NULL};

        return options_parse(first == NULL    ? 1
                             : second == NULL ? 2
                                              : 3,
                             words, options, say_nothing);
}

/* What it prints, for free(). */
static char *
help(void)
{
        FILE *file = tmpfile();
        struct server_options options;
        int out = dup(STDOUT_FILENO);
        char *text = calloc(1, 32768);

        assert_true(file != NULL && out != -1 && text != NULL);
        fflush(stdout);
        dup2(fileno(file), STDOUT_FILENO);
        assert_int_equal(parse(&options, "--help", "all"), AW_OPT_DONE);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
        close(out);
        options_clear(&options);
        assert_in_range(pread(fileno(file), text, 32767, 0), 1000, 32766);
        fclose(file);
        return text;
}

/* "  -l, --listen URL ...": its name with both dashes. */
static bool
take_name(const char *line, char name[100])
{
        const char *dashes = strstr(line, "--");

        return strspn(line, " ") < 7 && dashes != NULL && dashes - line < 7 &&
               sscanf(dashes, "%99[-a-z0-9]", name) == 1;
}

static bool
same_text(const char *one, const char *other)
{
        return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static void
assert_same(const struct server_options *one, const struct server_options *other)
{
        struct limit_options limits = one->limits;

        assert_true(same_text(limits.rate_per_address, other->limits.rate_per_address) ||
                    strcmp(limits.rate_per_address, "0") == 0);
        limits.rate_per_address = other->limits.rate_per_address;
        assert_memory_equal(&limits, &other->limits, sizeof(limits));
        assert_int_equal(one->max_message, other->max_message);
        assert_int_equal(one->compress_level, other->compress_level);
        assert_int_equal(one->compress_min, other->compress_min);
        assert_int_equal(one->worker_timeout, other->worker_timeout);
        assert_int_equal(one->ticket_rotation, other->ticket_rotation);
        assert_int_equal(one->drain_timeout, other->drain_timeout);
        assert_int_equal(one->drain_delay, other->drain_delay);
        assert_int_equal(one->takeover_timeout, other->takeover_timeout);
        assert_int_equal(one->slow_task, other->slow_task);
        assert_true(same_text(one->subprotocol, other->subprotocol));
        assert_true(same_text(one->compress, other->compress));
        assert_true(same_text(one->test, other->test));
        assert_true(same_text(one->loop, other->loop));
        assert_true(same_text(one->log_format, other->log_format));
        assert_true(same_text(one->log_level, other->log_level));
        assert_true(same_text(one->workers, other->workers));
}

/* "All" is no value of the first; the others make no sense alone. */
static bool
is_other(const char *name)
{
        return strcmp(name, "--origin") == 0 || strcmp(name, "--client-verify") == 0 ||
               strcmp(name, "--forwarded") == 0;
}

static void
each_default_of_the_help_changes_nothing(void **state)
{
        char *text = help(), *rest = text, *line, name[100] = "", value[100];
        struct server_options plain, given;
        unsigned count = 0;

        (void)state;
        assert_int_equal(parse(&plain, NULL, NULL), AW_OPT_RUN);
        while ((line = strsep(&rest, "\n")) != NULL) {
                take_name(line, name);
                if (!take_default(line, value) || is_other(name))
                        continue;
                print_message("%s %s\n", name, value);
                assert_int_equal(parse(&given, name, value), AW_OPT_RUN);
                assert_same(&given, &plain);
                options_clear(&given);
                count++;
        }
        assert_in_range(count, 27, 60);
        options_clear(&plain);
        free(text);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_default_of_the_help_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
