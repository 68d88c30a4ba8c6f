/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
/* The defaults that --help all tells are those that hold. */
#include "options.h"
#include "unit/defaults.h"
#include "unit/support.h"

/* Whether what stands there is a number, and the same one. NULL is the default of a text, too. */
static void
assert_same(const struct aw_opt *option, const char *one, const char *other)
{
        const char *texts[2];

        switch (option->kind) {
        case AW_OPT_SIZE:
        case AW_OPT_DURATION:
        case AW_OPT_NUMBER:
                assert_memory_equal(one + option->offset, other + option->offset, 8);
                break;
        default:
                memcpy(&texts[0], one + option->offset, sizeof(texts[0]));
                memcpy(&texts[1], other + option->offset, sizeof(texts[1]));
                assert_non_null(texts[0]);
                assert_true(texts[1] == NULL || strcmp(texts[0], texts[1]) == 0);
        }
}

static void
each_default_of_the_help_changes_nothing(void **state)
{
        struct client_options plain, given;
        char word[200], value[100];
        unsigned count = 0;

        (void)state;
        options_init(&plain);
        for (const struct aw_opt *option = options_program.options; option->name != NULL;
             option++) {
                char *words[] = {(char *)(uintptr_t) "wsecho", word, NULL};
                int operands;

                if (option->help == NULL || !take_default(option->help, value))
                        continue;
                count++;
                /* What it is with an argument that was left out, not without the option. */
                if (option->implied != NULL) {
                        assert_string_equal(value, option->implied);
                        continue;
                }
                snprintf(word, sizeof(word), "--%s=%s", option->name, value);
                print_message("%s\n", word);
                options_init(&given);
                assert_int_equal(aw_opt_parse(&options_program, 2, words, &given, &operands),
                                 AW_OPT_RUN);
                assert_same(option, (const char *)&given, (const char *)&plain);
                options_free(&given);
        }
        assert_in_range(count, 16, 60);
        options_free(&plain);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_default_of_the_help_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
