/* SPDX-License-Identifier: MIT */
/* Once: parsing options needs no loop. */
#include <stdlib.h>
#include <sys/stat.h>

#include "unit/cli/opt_test.h"

#define TEXT_MAX ((1 << 20) + 1)

struct file_values {
        struct values values;
        struct aw_opt_config config;
};

static const struct aw_opt more[] = {
        {.name = "insecure",
         .letter = 'k',
         .kind = AW_OPT_FLAG,
         .offset = FIELD(insecure),
         .help = ""},
        {.name = "origin",
         .letter = 'o',
         .kind = AW_OPT_STRING,
         .argument = "URL",
         .offset = FIELD(origin),
         .help = ""},
        {.name = "header",
         .letter = 'H',
         .kind = AW_OPT_STRINGS,
         .argument = "NAME:VALUE",
         .offset = FIELD(headers),
         .help = ""},
        {.name = "max-message",
         .kind = AW_OPT_SIZE,
         .argument = "SIZE",
         .offset = FIELD(message_size),
         .minimum = 125,
         .maximum = 1 << 30,
         .help = ""},
        {.name = "loop",
         .kind = AW_OPT_CHOICE,
         .argument = "auto|ev",
         .offset = FIELD(loop),
         .help = ""},
        {.name = "config",
         .kind = AW_OPT_CONFIG,
         .argument = "FILE",
         .offset = offsetof(struct file_values, config),
         .help = ""},
        {.name = NULL},
};

static char complaint[4096], path[100];

static void
complain(const char *sentence)
{
        snprintf(complaint, sizeof(complaint), "%s", sentence);
}

static const struct aw_opt_program with_file = {.name = "test",
                                                .synopsis = "",
                                                .summary = "",
                                                .options = more,
                                                .complain = complain,
                                                .environment = "CONFIG_TEST_"};

static void
save(const char *text, size_t length)
{
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, length, file), length);
        assert_int_equal(fclose(file), 0);
}

/* Parses the command line, with the text in the file. */
static enum aw_opt_status
parse(const char *text, struct file_values *result, char **words)
{
        int count = 0, operands;

        if (text != NULL)
                save(text, strlen(text));
        while (words[count] != NULL)
                count++;
        complaint[0] = '\0';
        *result = (struct file_values){.values = {.loop = "auto"}};
        return aw_opt_parse(&with_file, count, words, result, &operands);
}

#define PARSE(text, result, ...)                                                                   \
        parse((text), (result), (char *[]){"test", "--config", path, ##__VA_ARGS__, NULL})

static void
forget(struct file_values *result)
{
        aw_opt_strings_free(&result->values.headers);
        aw_opt_config_free(&result->config);
        assert_null(result->config.text);
}

static void
each_line_is_an_option(void **state)
{
        struct file_values r;

        (void)state;
        assert_int_equal(PARSE("# a comment\n"
                               "\n"
                               "  \t\n"
                               "insecure\n"
                               "origin wss://a.test/#b  \n"
                               "header = A: 1\n"
                               "header=B: = 2\n"
                               "\t--max-message\t4K\r\n"
                               "loop ev",
                               &r),
                         AW_OPT_RUN);
        assert_string_equal(complaint, "");
        assert_true(r.values.insecure);
        assert_string_equal(r.values.origin, "wss://a.test/#b");
        assert_int_equal(r.values.headers.count, 2);
        assert_string_equal(r.values.headers.items[0], "A: 1");
        assert_string_equal(r.values.headers.items[1], "B: = 2");
        assert_int_equal(r.values.message_size, 4096);
        assert_string_equal(r.values.loop, "ev");
        assert_string_equal(r.config.path, path);
        forget(&r);
}

static void
the_command_line_wins_wherever_it_says_so(void **state)
{
        struct file_values r;
        char *before[] = {"test", "-o", "mine", "-H", "C: 3", "--config", path, "-H", "D: 4", NULL};

        (void)state;
        assert_int_equal(parse("origin its\nheader A: 1\nmax-message 200\n", &r, before),
                         AW_OPT_RUN);
        assert_string_equal(r.values.origin, "mine");
        assert_int_equal(r.values.headers.count, 2);
        assert_string_equal(r.values.headers.items[0], "C: 3");
        assert_string_equal(r.values.headers.items[1], "D: 4");
        assert_int_equal(r.values.message_size, 200);
        forget(&r);
}

static void
an_empty_file_says_nothing(void **state)
{
        struct file_values r;

        (void)state;
        assert_int_equal(PARSE("", &r), AW_OPT_RUN);
        assert_string_equal(r.values.loop, "auto");
        forget(&r);
}

/* What is wrong with the text, behind the name of the file. */
static void
assert_wrong(const char *text, const char *sentence)
{
        struct file_values r;

        assert_int_equal(PARSE(text, &r), AW_OPT_USAGE);
        assert_int_equal(strncmp(complaint, path, strlen(path)), 0);
        assert_string_equal(complaint + strlen(path), sentence);
        assert_null(r.values.headers.items);
        forget(&r);
}

static void
what_is_wrong_is_named_with_file_and_line(void **state)
{
        (void)state;
        assert_wrong("\nheader A: 1\nbogus 1\n", ":3: unknown option 'bogus'");
        assert_wrong("max 4K\n", ":1: unknown option 'max'");
        assert_wrong("max-message 1\n",
                     ":1: option '--max-message' must be from 125 to 1G, not '1'");
        assert_wrong("# x\nmax-message\n", ":2: option '--max-message' needs an argument: SIZE");
        assert_wrong("insecure yes\n", ":1: option '--insecure' takes no argument");
        assert_wrong("loop kqueue\n", ":1: option '--loop' must be auto|ev, not 'kqueue'");
        assert_wrong("= 1\n", ":1: unknown option ''");
        /* No file leads to another one. */
        assert_wrong("config other\n", ":1: unknown option 'config'");
        assert_wrong("help\n", ":1: unknown option 'help'");
}

static void
assert_unreadable(const char *reason)
{
        struct file_values r;
        char sentence[300];

        snprintf(sentence, sizeof(sentence), "cannot read '%s': %s", path, reason);
        assert_int_equal(PARSE(NULL, &r), AW_OPT_USAGE);
        assert_string_equal(complaint, sentence);
        forget(&r);
}

static void
a_file_that_is_none_is_refused(void **state)
{
        char *large = malloc(TEXT_MAX);

        (void)state;
        assert_non_null(large);
        memset(large, '\n', TEXT_MAX);
        save(large, TEXT_MAX);
        assert_unreadable("it is larger than 1 MiB");
        save(large, TEXT_MAX - 1);
        free(large);
        save("insecure\n\0", 10);
        assert_unreadable("it is no text: there is a NUL in it");
        assert_int_equal(unlink(path), 0);
        assert_unreadable("No such file or directory");
        assert_int_equal(mkdir(path, 0700), 0);
        assert_unreadable("Is a directory");
        assert_int_equal(rmdir(path), 0);
}

static void
a_byte_order_mark_is_no_part_of_the_first_option(void **state)
{
        struct file_values r;

        (void)state;
        assert_int_equal(PARSE("\xef\xbb\xbforigin mine\n", &r), AW_OPT_RUN);
        assert_string_equal(r.values.origin, "mine");
        forget(&r);
}

/* Where the value of the option comes from. */
static void
assert_place(const struct file_values *r, const char *name, const char *value, const char *place)
{
        char out[AW_OPT_PLACE_SIZE];

        assert_string_equal(aw_opt_place(&r->config, name, value, out), place);
}

static void
who_finds_a_value_wrong_later_can_say_where_it_came_from(void **state)
{
        struct file_values r;
        char third[200], first[200];

        (void)state;
        snprintf(first, sizeof(first), "%s:1: ", path);
        snprintf(third, sizeof(third), "%s:3: ", path);
        assert_int_equal(
                PARSE("header A: 1\norigin its\nheader B: 2\nmax-message 4K\n", &r, "-o", "mine"),
                AW_OPT_RUN);
        assert_place(&r, "header", r.values.headers.items[0], first);
        assert_place(&r, "header", r.values.headers.items[1], third);
        assert_place(&r, "origin", r.values.origin, "");
        assert_place(&r, "loop", r.values.loop, "");
        snprintf(third, sizeof(third), "%s:4: ", path);
        assert_place(&r, "max-message", NULL, third);
        assert_int_equal(aw_opt_value_error(&with_file, &r.config, "max-message", NULL, "no %d", 4),
                         AW_OPT_USAGE);
        snprintf(first, sizeof(first), "%s:4: no 4", path);
        assert_string_equal(complaint, first);
        assert_int_equal(aw_opt_value_error(&with_file, &r.config, "origin", NULL, "no"),
                         AW_OPT_USAGE);
        assert_string_equal(complaint, "no");
        forget(&r);
}

static void
set_variables(const char *header, const char *origin, const char *insecure, const char *loop)
{
        setenv("CONFIG_TEST_HEADER", header, 1);
        setenv("CONFIG_TEST_ORIGIN", origin, 1);
        setenv("CONFIG_TEST_INSECURE", insecure, 1);
        setenv("CONFIG_TEST_LOOP", loop, 1);
}

static void
unset_variables(void)
{
        unsetenv("CONFIG_TEST_HEADER");
        unsetenv("CONFIG_TEST_ORIGIN");
        unsetenv("CONFIG_TEST_INSECURE");
        unsetenv("CONFIG_TEST_LOOP");
        unsetenv("CONFIG_TEST_MAX_MESSAGE");
        unsetenv("CONFIG_TEST_CONFIG");
}

static void
the_environment_wins_over_the_file_and_the_command_line_over_both(void **state)
{
        struct file_values r;

        (void)state;
        set_variables(" A:1\tB:2 ", "environment", "1", "");
        assert_int_equal(PARSE("header C:3\norigin file\nloop ev\nmax-message 4K\n", &r),
                         AW_OPT_RUN);
        assert_int_equal(r.values.headers.count, 2);
        assert_string_equal(r.values.headers.items[0], "A:1");
        assert_string_equal(r.values.headers.items[1], "B:2");
        assert_string_equal(r.values.origin, "environment");
        assert_true(r.values.insecure);
        assert_string_equal(r.values.loop, "ev");
        assert_place(&r, "origin", r.values.origin, "CONFIG_TEST_ORIGIN: ");
        assert_place(&r, "header", r.values.headers.items[1], "CONFIG_TEST_HEADER: ");
        forget(&r);
        assert_int_equal(PARSE("", &r, "-H", "D:4", "-o", "mine"), AW_OPT_RUN);
        assert_int_equal(r.values.headers.count, 1);
        assert_string_equal(r.values.headers.items[0], "D:4");
        assert_string_equal(r.values.origin, "mine");
        assert_place(&r, "origin", r.values.origin, "");
        forget(&r);
        unset_variables();
}

static void
a_switch_that_is_off_in_the_environment_is_off(void **state)
{
        static const struct {
                const char *said;
                bool insecure;
        } all[] = {{"0", false}, {"no", false}, {"off", false}, {"1", true}, {"", true}};
        struct file_values r;
        char in_file[200];

        (void)state;
        snprintf(in_file, sizeof(in_file), "%s:1: ", path);
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                set_variables("", "", all[i].said, "");
                assert_int_equal(PARSE("insecure\n", &r), AW_OPT_RUN);
                assert_int_equal(r.values.insecure, all[i].insecure);
                assert_place(&r, "insecure", NULL, i < 4 ? "CONFIG_TEST_INSECURE: " : in_file);
                forget(&r);
                assert_int_equal(PARSE("insecure\n", &r, "-k"), AW_OPT_RUN);
                assert_true(r.values.insecure);
                forget(&r);
        }
        unset_variables();
}

static void
the_environment_may_name_the_file(void **state)
{
        struct file_values r;
        char *words[] = {"test", NULL}, *other[] = {"test", "--config", "/dev/null", NULL};

        (void)state;
        setenv("CONFIG_TEST_CONFIG", path, 1);
        assert_int_equal(parse("origin its\n", &r, words), AW_OPT_RUN);
        assert_string_equal(r.values.origin, "its");
        forget(&r);
        assert_int_equal(parse("origin its\n", &r, other), AW_OPT_RUN);
        assert_null(r.values.origin);
        forget(&r);
        unset_variables();
}

static void
what_is_wrong_in_the_environment_is_named_with_its_variable(void **state)
{
        struct file_values r;

        (void)state;
        set_variables("", "", "maybe", "");
        assert_int_equal(PARSE("", &r), AW_OPT_USAGE);
        assert_string_equal(complaint,
                            "CONFIG_TEST_INSECURE: this is a switch: 1 or 0, not 'maybe'");
        forget(&r);
        set_variables("", "", "no", "kqueue");
        assert_int_equal(PARSE("", &r), AW_OPT_USAGE);
        assert_string_equal(complaint, "CONFIG_TEST_LOOP: option '--loop' must be auto|ev, not "
                                       "'kqueue'");
        forget(&r);
        set_variables("", "", "off", "");
        setenv("CONFIG_TEST_MAX_MESSAGE", "1", 1);
        assert_int_equal(PARSE("", &r), AW_OPT_USAGE);
        assert_string_equal(complaint, "CONFIG_TEST_MAX_MESSAGE: option '--max-message' must be "
                                       "from 125 to 1G, not '1'");
        assert_false(r.values.insecure);
        forget(&r);
        unset_variables();
}

static char told[400];

static void
keep_told(const char *sentence)
{
        size_t length = strlen(told);

        snprintf(told + length, sizeof(told) - length, "%s\n", sentence);
}

/* A program whose options are at home in the environment is told of names that are none's. */
static void
a_variable_of_no_option_is_told_of(void **state)
{
        static const char *const silent[] = {"MAX_MESSAGE",  "CONFIG",      "HELP",
                                             "VERSION",      "PORT",        "PORT_80_TCP_ADDR",
                                             "SERVICE_PORT", "SERVICE_HOST"};
        char name[40];

        (void)state;
        told[0] = '\0';
        for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
                snprintf(name, sizeof(name), "CONFIG_TEST_%s", silent[i]);
                setenv(name, "1", 1);
        }
        setenv("CONFIG_TEST_EMPTY", "", 1);
        setenv("CONFIG_TES_X", "1", 1);
        aw_opt_tell_ignored(&with_file, keep_told);
        assert_string_equal(told, "");
        setenv("CONFIG_TEST_MAX_MESAGE", "secret", 1);
        aw_opt_tell_ignored(&with_file, keep_told);
        assert_string_equal(told, "CONFIG_TEST_MAX_MESAGE is ignored: no option has this name: did "
                                  "you mean CONFIG_TEST_MAX_MESSAGE?\n");
        unsetenv("CONFIG_TEST_MAX_MESAGE");
        told[0] = '\0';
        setenv("CONFIG_TEST_Loop", "1", 1);
        aw_opt_tell_ignored(&with_file, keep_told);
        assert_string_equal(told, "CONFIG_TEST_Loop is ignored: no option has this name: did you "
                                  "mean CONFIG_TEST_LOOP?\n");
        unsetenv("CONFIG_TEST_Loop");
        told[0] = '\0';
        setenv("CONFIG_TEST_HIDDEN_FLAG", "1", 1);
        aw_opt_tell_ignored(&with_file, keep_told);
        assert_string_equal(told, "CONFIG_TEST_HIDDEN_FLAG is ignored: no option has this name\n");
        unsetenv("CONFIG_TEST_HIDDEN_FLAG");
        unsetenv("CONFIG_TEST_EMPTY");
        unsetenv("CONFIG_TES_X");
        for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
                snprintf(name, sizeof(name), "CONFIG_TEST_%s", silent[i]);
                unsetenv(name);
        }
}

static void
without_a_complainer_standard_error_is_told(void **state)
{
        struct aw_opt_program loud = with_file;
        char *words[] = {"test", "--config", path, NULL}, text[400], expected[300];
        struct file_values r = {0};
        int operands, err;

        (void)state;
        loud.complain = NULL;
        save("\nbogus", 6);
        err = capture(STDERR_FILENO, stderr);
        assert_int_equal(aw_opt_parse(&loud, 3, words, &r, &operands), AW_OPT_USAGE);
        release(STDERR_FILENO, stderr, err, text, sizeof(text));
        snprintf(expected, sizeof(expected), "test: %s:2: unknown option 'bogus'\n", path);
        assert_string_equal(text, expected);
        forget(&r);
}

static void
who_asks_for_help_needs_no_file(void **state)
{
        struct file_values r;
        char text[4096];
        int out = capture(STDOUT_FILENO, stdout);
        enum aw_opt_status status;

        (void)state;
        unlink(path);
        status = PARSE(NULL, &r, "--help");
        release(STDOUT_FILENO, stdout, out, text, sizeof(text));
        assert_int_equal(status, AW_OPT_DONE);
        assert_string_equal(complaint, "");
        forget(&r);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_line_is_an_option),
                cmocka_unit_test(the_command_line_wins_wherever_it_says_so),
                cmocka_unit_test(an_empty_file_says_nothing),
                cmocka_unit_test(what_is_wrong_is_named_with_file_and_line),
                cmocka_unit_test(a_file_that_is_none_is_refused),
                cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_option),
                cmocka_unit_test(who_finds_a_value_wrong_later_can_say_where_it_came_from),
                cmocka_unit_test(the_environment_wins_over_the_file_and_the_command_line_over_both),
                cmocka_unit_test(a_switch_that_is_off_in_the_environment_is_off),
                cmocka_unit_test(the_environment_may_name_the_file),
                cmocka_unit_test(what_is_wrong_in_the_environment_is_named_with_its_variable),
                cmocka_unit_test(a_variable_of_no_option_is_told_of),
                cmocka_unit_test(without_a_complainer_standard_error_is_told),
                cmocka_unit_test(who_asks_for_help_needs_no_file),
        };
        const char *directory = getenv("TMPDIR");

        snprintf(path, sizeof(path), "%s/config_test.%d", directory == NULL ? "/tmp" : directory,
                 (int)getpid());
        return cmocka_run_group_tests(tests, NULL, NULL);
}
