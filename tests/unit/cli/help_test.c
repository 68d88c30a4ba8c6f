/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/cli/opt_test.h"

static void
help_describes_every_option(void **state)
{
        static const char expected[] =
                "usage: test [options] URL [MESSAGE...]\n"
                "\n"
                "Tests the parser of options, with a sentence that is too long for one line of\n"
                "eighty columns.\n"
                "\n"
                "options:\n"
                "  -k, --insecure           do not check the certificate\n"
                "  -v, --verbose            say more\n"
                "  -o, --origin URL         the Origin field (default: none)\n"
                "  -H, --header NAME:VALUE  a header field to add to the request; may be\n"
                "                           repeated, and then all of them are sent in the order\n"
                "                           given\n"
                "      --max-message SIZE   refuse larger messages (default: 16M)\n"
                "      --max N              a name that is the beginning of another\n"
                "  -n, --count N            how often (default: 1)\n"
                "  -t, --timeout DURATION   give up after that (default: 10s)\n"
                "      --loop auto|ev|uv|poll\n"
                "                           what waits for events (default: auto)\n"
                "  -h, --help               print this help and exit\n"
                "      --version            print the versions and exit\n"
                "\n"
                "Examples:\n"
                "  test -k wss://localhost\n";
        struct run r = RUN("--help", "--nonsense");

        (void)state;
        assert_string_equal(r.out, expected);
        assert_string_equal(r.err, "");
        assert_int_equal(r.status, AW_OPT_DONE);
        assert_int_equal(r.operands, 0);
        r = RUN("-vh");
        assert_string_equal(r.out, expected);
}

/* What is seldom used is shown by `--help all` only, by topic. */
static void
all_options_are_shown_by_topic(void **state)
{
        static const struct aw_opt topics[] = {
                {.topic = "First",
                 .name = "often",
                 .letter = 'o',
                 .kind = AW_OPT_COUNT,
                 .help = "an option"},
                {.topic = "Second", .name = "seldom", .help = "another", .seldom = true},
                {.name = NULL},
        };
        static const struct aw_opt_program of_topics = {
                .name = "test", .synopsis = "[options]", .summary = "Tests.", .options = topics};
        struct run r = run(&of_topics, (char *[]){"test", "--help", NULL});

        (void)state;
        assert_string_equal(r.out, "usage: test [options]\n\nTests.\n\noptions:\n"
                                   "  -o, --often    an option\n"
                                   "  -h, --help     print this help and exit; --help all: of "
                                   "all options\n"
                                   "      --version  print the versions and exit\n");
        r = run(&of_topics, (char *[]){"test", "-h", "all", NULL});
        assert_int_equal(r.status, AW_OPT_DONE);
        assert_string_equal(r.out, "usage: test [options]\n\nTests.\n"
                                   "\nFirst:\n  -o, --often    an option\n"
                                   "\nSecond:\n      --seldom   another\n"
                                   "\nOther:\n  -h, --help     print this help and exit\n"
                                   "      --version  print the versions and exit\n");
}

static void
version_prints_name_and_version(void **state)
{
        struct run r = RUN("--vers");

        (void)state;
        assert_int_equal(r.status, AW_OPT_DONE);
        assert_ptr_equal(strstr(r.out, "test " AW_VERSION "\nlibwebsockets/"), r.out);
        assert_non_null(strstr(r.out, "\nloops: "));
        assert_string_equal(r.err, "");
}

static void
an_error_before_help_comes_first(void **state)
{
        (void)state;
        assert_refused(RUN("--nonsense", "--help"), "unknown option '--nonsense'");
}

static void
lists_are_freed_when_help_ends_the_program(void **state)
{
        struct run r = RUN("-HA:1", "-HB:2", "--version");

        (void)state;
        assert_int_equal(r.status, AW_OPT_DONE);
        assert_null(r.values.headers.items);
        assert_int_equal(r.values.headers.count, 0);
}

static void
help_that_cannot_be_written_fails(void **state)
{
        char *argv[] = {"test", "--help", NULL};
        int copy, full = open("/dev/full", O_WRONLY), err, operands;
        enum aw_opt_status status;
        struct values values = {0};
        char text[1024];

        (void)state;
        assert_true(full >= 0);
        fflush(stdout);
        copy = dup(STDOUT_FILENO);
        assert_int_equal(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
        err = capture(STDERR_FILENO, stderr);
        status = aw_opt_parse(&program, 2, argv, &values, &operands);
        release(STDERR_FILENO, stderr, err, text, sizeof(text));
        clearerr(stdout);
        assert_int_equal(dup2(copy, STDOUT_FILENO), STDOUT_FILENO);
        close(copy);
        close(full);
        assert_int_equal(status, AW_OPT_FAILED);
        assert_string_equal(text, "test: standard output: No space left on device\n");
}

static void
hidden_options_work_but_only_in_full(void **state)
{
        struct run r = RUN("--hidden-flag");

        (void)state;
        assert_accepted(&r);
        assert_true(r.values.verbose);
        assert_refused(RUN("--hidden"), "unknown option '--hidden'");
        assert_refused(RUN("--completion"), "option '--completion' needs an argument: bash|zsh");
        assert_refused(RUN("--completion=fish"),
                       "option '--completion' must be bash|zsh, not 'fish'");
}

static void
a_table_may_have_a_help_of_its_own(void **state)
{
        static const struct aw_opt own[] = {
                {NULL, "help", 'h', AW_OPT_NUMBER, "N", "help N people", FIELD(count), 0, 0, false,
                 NULL},
                {NULL, NULL, 0, AW_OPT_FLAG, NULL, NULL, 0, 0, 0, false, NULL},
        };
        const struct aw_opt_program with = {
                .name = "test", .synopsis = "", .summary = "Helps.", .options = own};
        struct run r = run(&with, (char *[]){"test", "--help=3", NULL});

        (void)state;
        assert_accepted(&r);
        assert_int_equal(r.values.count, 3);
        r = run(&with, (char *[]){"test", "-h4", NULL});
        assert_int_equal(r.values.count, 4);
}

/* What bash offers for the last of `words`, according to the script. */
static void
assert_completes(const char *script, const char *words, int last, const char *offers)
{
        char command[9000], seen[1000] = "";
        FILE *bash;

        snprintf(command, sizeof(command),
                 "bash -c '%s\nCOMP_WORDS=(%s)\nCOMP_CWORD=%d\n_test\necho \"${COMPREPLY[*]}\"'",
                 script, words, last);
        bash = popen(command, "r");
        assert_non_null(bash);
        assert_non_null(fgets(seen, sizeof(seen), bash));
        assert_int_equal(pclose(bash), 0);
        seen[strcspn(seen, "\n")] = '\0';
        assert_string_equal(seen, offers);
}

static void
bash_completes_options_and_choices(void **state)
{
        struct run r = RUN("--completion", "bash");
        char script[8192], *to = script;

        (void)state;
        assert_int_equal(r.status, AW_OPT_DONE);
        /* The script goes into single quotes. */
        for (const char *from = r.out; *from != '\0'; from++) {
                if (*from == '\'')
                        to = stpcpy(to, "'\\'");
                *to++ = *from;
        }
        *to = '\0';
        assert_completes(script, "test --ma", 1, "--max-message --max");
        assert_completes(script, "test --h", 1, "--header --help");
        assert_completes(script, "test --loop", 1, "--loop");
        assert_completes(script, "test --loop u", 2, "uv");
        assert_completes(script, "test --loop \"\"", 2, "auto ev uv poll");
        assert_completes(script, "test --loop = p", 3, "poll");
        assert_completes(script, "test --loop =", 2, "auto ev uv poll");
        assert_completes(script, "test -o -", 2, "");
        assert_completes(script, "test --origin x", 2, "");
        assert_completes(script, "test wss://x", 1, "");
        assert_completes(script, "test -k --ti", 2, "--timeout");
}

static void
zsh_is_told_of_options_and_choices(void **state)
{
        static const char *const lines[] = {
                "#compdef test\n_arguments -s -S \\\n",
                "  '(-k --insecure)'{-k,--insecure}'[do not check the certificate]' \\\n",
                "  '(-o --origin)'{-o+,--origin=}'[the Origin field (default\\: none)]:URL:' \\\n",
                "  '*'{-H+,--header=}'[a header field",
                "]:NAME\\:VALUE:' \\\n",
                "  '--loop=[what waits for events (default\\: auto)]:word:(auto ev uv poll)' \\\n",
                "  '*: :_default'\n",
        };
        struct run r = RUN("--completion=zsh");
        size_t i;

        (void)state;
        assert_int_equal(r.status, AW_OPT_DONE);
        for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                if (strstr(r.out, lines[i]) == NULL)
                        fail_msg("'%s' is not in '%s'", lines[i], r.out);
        assert_null(strstr(r.out, "hidden"));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(help_describes_every_option),
                cmocka_unit_test(all_options_are_shown_by_topic),
                cmocka_unit_test(version_prints_name_and_version),
                cmocka_unit_test(an_error_before_help_comes_first),
                cmocka_unit_test(lists_are_freed_when_help_ends_the_program),
                cmocka_unit_test(help_that_cannot_be_written_fails),
                cmocka_unit_test(hidden_options_work_but_only_in_full),
                cmocka_unit_test(a_table_may_have_a_help_of_its_own),
                cmocka_unit_test(bash_completes_options_and_choices),
                cmocka_unit_test(zsh_is_told_of_options_and_choices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
