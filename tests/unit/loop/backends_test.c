/* SPDX-License-Identifier: MIT */
/* Back ends that cannot be had. */
/* Once: each is asked for by its name. */
/* Wraps: lws_create_context. */
#include <libwebsockets.h>

#include "loop/library.h"
#include "unit/support.h"

#define BACKENDS 3

static const char *const names[BACKENDS] = {"ev", "uv", "poll"};
static int until_failure; /* calls; the last of them fails */

struct lws_context *__real_lws_create_context(const struct lws_context_creation_info *info);
struct lws_context *__wrap_lws_create_context(const struct lws_context_creation_info *info);

struct lws_context *
__wrap_lws_create_context(const struct lws_context_creation_info *info)
{
        return --until_failure == 0 ? NULL : __real_lws_create_context(info);
}

/* The names alone, without the libraries. */
static void
list(char *text, size_t size)
{
        FILE *out = fmemopen(text, size, "w");
        char *opening;

        assert_non_null(out);
        aw_loop_list_backends(out);
        assert_int_equal(fclose(out), 0);
        while ((opening = strstr(text, " (")) != NULL) {
                const char *rest = strchr(opening, ')') + 1;

                memmove(opening, rest, strlen(rest) + 1);
        }
}

static void
what_cannot_be_had_is_not_listed(void **state)
{
        static const char *const left[] = {" ev uv poll", " uv poll", " ev poll", " ev uv"};
        char text[200];

        (void)state;
        for (int which = 0; which <= BACKENDS; which++) {
                until_failure = which;
                list(text, sizeof(text));
                assert_string_equal(text, left[which]);
                assert_null(aw_loop_get());
        }
}

static void
the_next_one_is_taken_unless_one_was_asked_for(void **state)
{
        static const int errors[BACKENDS] = {ENOENT, ENOENT, ENOMEM};
        struct aw_loop_options options = {.backend = NULL};
        struct aw_loop *loop;

        (void)state;
        until_failure = 1;
        loop = aw_loop_create(NULL);
        assert_non_null(loop);
        assert_string_equal(aw_loop_backend(loop), "uv");
        aw_loop_destroy(loop);
        for (int i = 0; i < BACKENDS; i++) {
                options.backend = names[i];
                until_failure = 1;
                errno = 0;
                assert_null(aw_loop_create(&options));
                assert_int_equal(errno, errors[i]);
                assert_null(aw_loop_get());
        }
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_had_is_not_listed),
                cmocka_unit_test(the_next_one_is_taken_unless_one_was_asked_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
