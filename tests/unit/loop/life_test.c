/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "loop/library.h"
#include "unit/loop/loop_test.h"

/* Creating and destroying. */

static void
a_destroyed_loop_leaves_nothing_open(void **state)
{
        struct aw_handle later = {.state = 0}, soon = {.state = 0};
        struct aw_loop *loop;
        size_t before = 0;
        int i;

        (void)state;
        for (i = 0; i < 5; i++) {
                loop = test_loop();
                assert_non_null(aw_watch_open(eventfd(1, EFD_NONBLOCK), note, "readable"));
                aw_call_later(&later, AW_SECOND, note, "later");
                aw_loop_turn(loop, false);
                aw_call_soon(&soon, note, "soon");
                aw_loop_destroy(loop);
                later.state = soon.state = 0;
                /* The first one may leave something of libwebsockets' and OpenSSL's for good. */
                if (i == 0)
                        before = test_count_descriptors();
        }
        assert_int_equal(test_count_descriptors(), before);
        aw_loop_destroy(NULL);
}

static void
a_thread_has_one_loop(void **state)
{
        assert_ptr_equal(aw_loop_get(), *state);
        assert_null(aw_loop_create(NULL));
        assert_int_equal(errno, EBUSY);
}

static void
an_unknown_back_end_is_refused(void **state)
{
        struct aw_loop_options options = {.backend = "kqueue"};

        (void)state;
        assert_null(aw_loop_create(&options));
        assert_int_equal(errno, EINVAL);
        assert_null(aw_loop_get());
        assert_int_equal(aw_loop_set_policy("glib"), -1);
        assert_int_equal(errno, EINVAL);
}

static void
each_back_end_can_be_chosen_by_option_and_by_policy(void **state)
{
        static const char *const names[] = {"ev", "uv", "poll"};
        struct aw_loop_options options = {.backend = NULL};
        struct aw_loop *loop;
        size_t i;

        (void)state;
        for (i = 0; i < 3; i++) {
                options.backend = names[i];
                loop = aw_loop_create(&options);
                assert_non_null(loop);
                assert_string_equal(aw_loop_backend(loop), names[i]);
                aw_loop_destroy(loop);
                assert_int_equal(aw_loop_set_policy(names[i]), 0);
                loop = aw_loop_create(NULL);
                assert_non_null(loop);
                assert_string_equal(aw_loop_backend(loop), names[i]);
                aw_loop_destroy(loop);
        }
        for (i = 0; i < 2; i++) {
                assert_int_equal(aw_loop_set_policy(names[2]), 0);
                assert_int_equal(aw_loop_set_policy(i == 0 ? "auto" : NULL), 0);
                loop = aw_loop_create(NULL);
                assert_string_equal(aw_loop_backend(loop), "ev");
                aw_loop_destroy(loop);
        }
}

static const char *
listed(void)
{
        static char text[128];
        FILE *out = fmemopen(text, sizeof(text), "w");

        text[0] = '\0';
        assert_non_null(out);
        aw_loop_list_backends(out);
        assert_int_equal(fclose(out), 0);
        return text;
}

/* Each is tried, and while a loop runs here none can be made. */
static void
back_ends_are_listed_if_they_can_be_had(void **state)
{
        const char *text = listed();
        struct aw_loop *loop;

        (void)state;
        assert_ptr_equal(strstr(text, " ev (libev/"), text);
        assert_non_null(strstr(text, ") uv (libuv/"));
        assert_string_equal(strrchr(text, ')'), ") poll");
        assert_null(aw_loop_get());
        loop = test_loop();
        assert_string_equal(listed(), "");
        assert_ptr_equal(aw_loop_get(), loop);
        aw_loop_destroy(loop);
        assert_true(isdigit((unsigned char)aw_loop_library()[0]));
}

static void
these_tests_run_on_the_back_end_they_are_told(void **state)
{
        const char *wanted = getenv("AW_TEST_LOOP");

        if (wanted != NULL && strcmp(wanted, "auto") != 0)
                assert_string_equal(aw_loop_backend(*state), wanted);
}

static void
the_limit_of_open_files_is_raised(void **state)
{
        struct rlimit limit;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_true(limit.rlim_cur == (limit.rlim_max < 20000 ? limit.rlim_max : 20000));
}

/* The slow-callback watch. */

static void
be_slow(void *argument)
{
        const aw_time *duration = argument;

        busy_until(aw_loop_now() + *duration);
}

static uint64_t
run_slow_callbacks(aw_time limit)
{
        struct aw_loop_options options = {.backend = getenv("AW_TEST_LOOP"), .slow = limit};
        struct aw_handle slow = {.state = 0}, timer = {.state = 0};
        struct aw_loop *loop = aw_loop_create(&options);
        aw_time duration = 3 * AW_MILLISECOND;
        bool fired = false;
        uint64_t count;

        assert_non_null(loop);
        assert_int_equal(aw_loop_slow_count(loop), 0);
        /* Time that passes before the loop turns is nobody's fault. */
        aw_call_soon(&timer, set_flag, &fired);
        aw_loop_turn(loop, false);
        aw_call_soon(&slow, be_slow, &duration);
        aw_loop_turn(loop, false);
        count = aw_loop_slow_count(loop);
        aw_loop_destroy(loop);
        return count;
}

static void
a_slow_callback_is_reported(void **state)
{
        (void)state;
        test_begin();
        expect(run_slow_callbacks(2 * AW_MILLISECOND) >= 1);
        /* The machine may be slow at other times too. */
        expect(*test_log_find("Executing a callback took ") != '\0');
        test_end();
}

static void
a_slow_callback_is_not_reported_when_the_watch_is_off(void **state)
{
        (void)state;
        test_begin();
        expect_int((long long)run_slow_callbacks(-1), 0);
        test_end();
}

/* Misuse. */

static void *
call_without_a_loop(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon(&handle, set_flag, NULL);
        return NULL;
}

/*
 * Exits with 1 if there is a loop where so many descriptors are free, with 0 if there is none for that,
 * and else with 2.
 */
static _Noreturn void
make_with_few(const char *backend, int left)
{
        struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
        struct aw_loop_options options = {.backend = backend};
        int last = 0, fd;

        setrlimit(RLIMIT_NOFILE, &few);
        while ((fd = dup(STDERR_FILENO)) != -1)
                last = fd;
        while (left > 0)
                close(last + 1 - left--);
        errno = 0;
        if (aw_loop_create(&options) != NULL)
                _exit(1);
        _exit(errno == EMFILE ? 0 : 2);
}

/* In processes of their own, whose limits never rise again. */
static void
without_descriptors_there_is_no_loop_and_that_is_told(void **state)
{
        static const char *const names[] = {"ev", "uv", "poll", "auto"};

        for (size_t i = 0; i < 4; i++) {
                bool made = false;

                for (int left = 0; left < 20; left++) {
                        pid_t child = fork();
                        int status = 0;

                        if (child == 0)
                                make_with_few(names[i], left);
                        assert_int_equal(waitpid(child, &status, 0), child);
                        assert_true(WIFEXITED(status));
                        /* Once there are enough, more are enough, too. */
                        assert_in_range(WEXITSTATUS(status), made, 1);
                        made = WEXITSTATUS(status) == 1;
                }
                assert_true(made);
        }
        (void)state;
}

static int
use_no_loop(NOTHING)
{
        pthread_t thread;

        pthread_create(&thread, NULL, call_without_a_loop, NULL);
        pthread_join(thread, NULL);
        return 0;
}

static int
cancel_a_threadsafe_call(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon_threadsafe(aw_loop_get(), &handle, set_flag, NULL);
        aw_handle_cancel(&handle);
        return 0;
}

static int
use_a_handle_that_is_in_use(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_later(&handle, AW_SECOND, set_flag, NULL);
        aw_call_soon_threadsafe(aw_loop_get(), &handle, set_flag, NULL);
        return 0;
}

static void *
destroy_it(void *argument)
{
        aw_loop_destroy(argument);
        return NULL;
}

static int
destroy_the_loop_of_another_thread(NOTHING)
{
        pthread_t thread;

        pthread_create(&thread, NULL, destroy_it, aw_loop_get());
        pthread_join(thread, NULL);
        return 0;
}

static void
turn_again(NOTHING)
{
        aw_loop_turn(aw_loop_get(), false);
}

static void
destroy_the_running_one(NOTHING)
{
        aw_loop_destroy(aw_loop_get());
}

static int
turn_within_a_turn(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon(&handle, turn_again, NULL);
        aw_loop_turn(aw_loop_get(), false);
        return 0;
}

static int
destroy_within_a_turn(NOTHING)
{
        struct aw_handle handle = {.state = 0};

        aw_call_soon(&handle, destroy_the_running_one, NULL);
        aw_loop_turn(aw_loop_get(), false);
        return 0;
}

static void
misuse_aborts(void **state)
{
        (void)state;
        test_aborts(use_no_loop, "this thread has no event loop");
        test_aborts(cancel_a_threadsafe_call, "cannot be cancelled");
        test_aborts(use_a_handle_that_is_in_use, "the handle is in use");
        test_aborts(destroy_the_loop_of_another_thread, "the loop of another thread");
        test_aborts(turn_within_a_turn, "this event loop is running already");
        test_aborts(destroy_within_a_turn, "this event loop is running");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_destroyed_loop_leaves_nothing_open),
                with_loop(a_thread_has_one_loop),
                cmocka_unit_test(an_unknown_back_end_is_refused),
                cmocka_unit_test(each_back_end_can_be_chosen_by_option_and_by_policy),
                cmocka_unit_test(back_ends_are_listed_if_they_can_be_had),
                with_loop(these_tests_run_on_the_back_end_they_are_told),
                with_loop(the_limit_of_open_files_is_raised),
                cmocka_unit_test(a_slow_callback_is_reported),
                cmocka_unit_test(a_slow_callback_is_not_reported_when_the_watch_is_off),
                cmocka_unit_test(without_descriptors_there_is_no_loop_and_that_is_told),
                cmocka_unit_test(misuse_aborts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
