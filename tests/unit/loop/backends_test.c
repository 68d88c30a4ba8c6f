/* SPDX-License-Identifier: MIT */
/* Back ends that cannot be had. */
/* Once: each is asked for by its name. */
/* Wraps: lws_create_context lws_create_vhost lws_adopt_descriptor_vhost epoll_create1 epoll_ctl access. */
#include <libwebsockets.h>
#include <sys/epoll.h>

#include "loop/library.h"
#include "unit/support.h"

#define BACKENDS 3

static const char *const names[BACKENDS] = {"ev", "uv", "poll"};

/* The call that fails, after so many that do not. */
static const char *failing;
static int spared, failure = EPERM;

static bool
fails(const char *call)
{
        bool now = failing != NULL && strcmp(failing, call) == 0 && spared-- == 0;

        if (now)
                errno = failure;
        return now;
}

#define MAY_FAIL(type, name, failure, parameters, ...)                                             \
        type __real_##name parameters;                                                             \
        type __wrap_##name parameters;                                                             \
        type __wrap_##name parameters                                                              \
        {                                                                                          \
                return fails(#name) ? (failure) : __real_##name(__VA_ARGS__);                      \
        }

MAY_FAIL(struct lws_context *, lws_create_context, NULL,
         (const struct lws_context_creation_info *info), info)
MAY_FAIL(struct lws_vhost *, lws_create_vhost, NULL,
         (struct lws_context * context, const struct lws_context_creation_info *info), context,
         info)
MAY_FAIL(struct lws *, lws_adopt_descriptor_vhost, NULL,
         (struct lws_vhost * vhost, lws_adoption_type type, lws_sock_file_fd_type descriptor,
          const char *protocol, struct lws *parent),
         vhost, type, descriptor, protocol, parent)
MAY_FAIL(int, epoll_create1, -1, (int flags), flags)
MAY_FAIL(int, epoll_ctl, -1, (int set, int what, int descriptor, struct epoll_event *event), set,
         what, descriptor, event)
MAY_FAIL(int, access, -1, (const char *path, int mode), path, mode)

static void
fail_in(const char *call, int after)
{
        failing = call;
        spared = after;
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
                fail_in("lws_create_context", which - 1);
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
        fail_in("lws_create_context", 0);
        loop = aw_loop_create(NULL);
        assert_non_null(loop);
        assert_string_equal(aw_loop_backend(loop), "uv");
        aw_loop_destroy(loop);
        for (int i = 0; i < BACKENDS; i++) {
                options.backend = names[i];
                fail_in("lws_create_context", 0);
                errno = 0;
                assert_null(aw_loop_create(&options));
                assert_int_equal(errno, errors[i]);
                assert_null(aw_loop_get());
        }
}

/* It would be short for the next one, too, which may not take it as well. */
static void
when_something_is_short_no_other_is_tried(void **state)
{
        static const int errors[] = {ENOMEM, EMFILE, ENFILE};
        struct aw_loop_options options = {.backend = NULL};

        (void)state;
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
                for (int name = -1; name < BACKENDS; name++) {
                        options.backend = name < 0 ? NULL : names[name];
                        fail_in("lws_create_context", 0);
                        failure = errors[i];
                        errno = 0;
                        assert_null(aw_loop_create(&options));
                        assert_int_equal(errno, errors[i]);
                }
        failure = EPERM;
        failing = NULL;
}

static void
what_was_opened_in_vain_is_closed(void **state)
{
        static const struct {
                const char *call;
                int after;
        } calls[] = {{"lws_create_context", 0}, {"lws_create_vhost", 0},
                     {"epoll_create1", 0},      {"epoll_create1", 1},
                     {"epoll_ctl", 0},          {"lws_adopt_descriptor_vhost", 0}};
        struct aw_loop_options options = {.backend = NULL};

        (void)state;
        for (int name = 0; name < BACKENDS; name++)
                for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                        size_t before = test_count_descriptors();

                        options.backend = names[name];
                        fail_in(calls[i].call, calls[i].after);
                        assert_null(aw_loop_create(&options));
                        assert_int_equal(spared, -1);
                        if (test_count_descriptors() != before)
                                fail_msg("with %s, which fails in %s", names[name], calls[i].call);
                }
        failing = NULL;
}

static void
without_random_bytes_there_is_none(void **state)
{
        struct aw_loop_options options = {.backend = NULL};

        (void)state;
        for (size_t i = 0; i < BACKENDS; i++) {
                test_begin();
                options.backend = names[i];
                fail_in("access", 0);
                assert_null(aw_loop_create(&options));
                expect_log("error: /dev/urandom: Operation not permitted; libwebsockets needs it");
                test_end();
        }
        failing = NULL;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_cannot_be_had_is_not_listed),
                cmocka_unit_test(the_next_one_is_taken_unless_one_was_asked_for),
                cmocka_unit_test(when_something_is_short_no_other_is_tried),
                cmocka_unit_test(what_was_opened_in_vain_is_closed),
                cmocka_unit_test(without_random_bytes_there_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
