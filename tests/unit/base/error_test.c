/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "await/error.h"

static void
kind_number_and_sentence_are_kept(void **state)
{
        struct aw_error error = {.status = 404};

        (void)state;
        errno = 0;
        assert_int_equal(
                aw_error_set(&error, AW_ERROR_CONNECTION, ECONNREFUSED, "cannot %s", "connect"),
                -1);
        assert_int_equal(errno, ECONNREFUSED);
        assert_int_equal(error.kind, AW_ERROR_CONNECTION);
        assert_int_equal(error.number, ECONNREFUSED);
        assert_int_equal(error.status, 0);
        assert_string_equal(error.text, "cannot connect");
}

static void
the_kind_may_follow_from_the_number(void **state)
{
        struct aw_error error;

        (void)state;
        aw_error_set(&error, AW_ERROR_NONE, ETIMEDOUT, "late");
        assert_int_equal(error.kind, AW_ERROR_TIMEOUT);
        aw_error_set(&error, AW_ERROR_NONE, ECANCELED, "stopped");
        assert_int_equal(error.kind, AW_ERROR_CANCELLED);
        aw_error_set(&error, AW_ERROR_NONE, ENOMEM, "full");
        assert_int_equal(error.kind, AW_ERROR_MEMORY);
        aw_error_set(&error, AW_ERROR_NONE, EMFILE, "full");
        assert_int_equal(error.kind, AW_ERROR_SYSTEM);
}

static void
null_is_allowed_and_errno_is_set_all_the_same(void **state)
{
        (void)state;
        errno = 0;
        assert_int_equal(aw_error_set(NULL, AW_ERROR_TLS, EPROTO, "unseen %d", 1), -1);
        assert_int_equal(errno, EPROTO);
        aw_error_clear(NULL);
}

static void
a_long_sentence_is_cut(void **state)
{
        struct aw_error error;
        char fits[sizeof(error.text)], longer[sizeof(error.text) + 1];

        (void)state;
        memset(fits, 'x', sizeof(fits));
        fits[sizeof(fits) - 1] = '\0';
        aw_error_set(&error, AW_ERROR_USAGE, EINVAL, "%s", fits);
        assert_string_equal(error.text, fits);
        memset(longer, 'x', sizeof(longer));
        longer[sizeof(longer) - 1] = '\0';
        aw_error_set(&error, AW_ERROR_USAGE, EINVAL, "%s", longer);
        assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
        assert_string_equal(error.text + sizeof(error.text) - 5, "x...");
}

/* Who connects, or is connected to, may have written parts of a sentence. */
static void
a_sentence_is_text_whatever_it_quotes(void **state)
{
        struct aw_error error;
        char longer[sizeof(error.text) + 1] = "";

        (void)state;
        aw_error_set(&error, AW_ERROR_HANDSHAKE, EPROTO, "it says '%s'",
                     "\033[31m\n\xff \xc3\xa4\\");
        assert_string_equal(error.text, "it says '\\x1b[31m\\x0a\\xff \xc3\xa4\\'");
        /* No character is cut in two. */
        while (strlen(longer) + 2 < sizeof(longer))
                strcat(longer, "\xc3\xa4");
        aw_error_set(&error, AW_ERROR_USAGE, EINVAL, "-%s", longer);
        assert_string_equal(error.text + strlen(error.text) - 5, "\xc3\xa4...");
        /* Of what takes more room escaped there is less. */
        memset(longer, '\n', sizeof(longer) - 1);
        aw_error_set(&error, AW_ERROR_USAGE, EINVAL, "%.100s", longer);
        assert_string_equal(error.text + strlen(error.text) - 7, "\\x0a...");
}

static void
clear_leaves_nothing(void **state)
{
        struct aw_error error;

        (void)state;
        aw_error_set(&error, AW_ERROR_MEMORY, ENOMEM, "full");
        aw_error_clear(&error);
        assert_int_equal(error.kind, AW_ERROR_NONE);
        assert_int_equal(error.number, 0);
        assert_string_equal(error.text, "");
}

static void
each_kind_has_a_name(void **state)
{
        int kind;

        (void)state;
        for (kind = AW_ERROR_NONE; kind <= AW_ERROR_SYSTEM; kind++)
                assert_string_not_equal(aw_error_kind_name((enum aw_error_kind)kind), "unknown");
        assert_string_equal(aw_error_kind_name(AW_ERROR_CERTIFICATE), "certificate");
        assert_string_equal(aw_error_kind_name((enum aw_error_kind)1000), "unknown");
}

/* Whoever receives has sent nothing. */
static void
each_error_of_a_task_is_called_by_what_it_means(void **state)
{
        static const int ours[] = {ETIMEDOUT, ECANCELED, EPIPE, EPROTO, EMSGSIZE, ESHUTDOWN};

        (void)state;
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                assert_string_not_equal(aw_error_text(ours[i]), strerror(ours[i]));
        assert_string_equal(aw_error_text(ESHUTDOWN), "this side is going away");
        assert_string_equal(aw_error_text(ENOENT), strerror(ENOENT));
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_error_of_a_task_is_called_by_what_it_means),
                cmocka_unit_test(kind_number_and_sentence_are_kept),
                cmocka_unit_test(the_kind_may_follow_from_the_number),
                cmocka_unit_test(null_is_allowed_and_errno_is_set_all_the_same),
                cmocka_unit_test(a_long_sentence_is_cut),
                cmocka_unit_test(a_sentence_is_text_whatever_it_quotes),
                cmocka_unit_test(clear_leaves_nothing),
                cmocka_unit_test(each_kind_has_a_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
