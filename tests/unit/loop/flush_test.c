/* SPDX-License-Identifier: MIT */
#include "unit/loop/loop_test.h"

/* The flush. */

struct served {
        struct aw_flush flush;
        const char *letter;
        struct served *other; /* to be flushed, or not to be */
        bool unflush;
};

static void
serve(struct aw_flush *flush)
{
        struct served *served = (struct served *)flush;

        note((char *)(uintptr_t)served->letter);
        if (served->other != NULL && served->unflush)
                aw_loop_unflush(&served->other->flush);
        else if (served->other != NULL)
                aw_loop_flush(&served->other->flush);
}

static void
what_is_to_be_flushed_is_served_once_a_turn_in_order(void **state)
{
        struct served a = {.flush.serve = serve, .letter = "a"};
        struct served b = {.flush.serve = serve, .letter = "b"};

        aw_loop_flush(&a.flush);
        aw_loop_flush(&b.flush);
        aw_loop_flush(&a.flush);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "ab");
        aw_loop_flush(&a.flush);
        aw_loop_turn(*state, false);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "aba");
}

static void
who_asks_for_a_flush_while_served_is_served_in_the_next_turn(void **state)
{
        struct served a = {.flush.serve = serve, .letter = "a"};
        struct served b = {.flush.serve = serve, .letter = "b", .other = &a};

        a.other = &a;
        aw_loop_flush(&a.flush);
        aw_loop_flush(&b.flush);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "ab");
        a.other = NULL;
        aw_loop_turn(*state, false);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "aba");
}

static void
a_flush_can_be_taken_back(void **state)
{
        struct served a = {.flush.serve = serve, .letter = "a"};
        struct served b = {.flush.serve = serve, .letter = "b"};
        struct served c = {.flush.serve = serve, .letter = "c"};

        a.other = &c;
        a.unflush = true;
        aw_loop_flush(&a.flush);
        aw_loop_flush(&b.flush);
        aw_loop_flush(&c.flush);
        aw_loop_unflush(&b.flush);
        aw_loop_unflush(&b.flush);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "a");
        aw_loop_flush(&b.flush);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "ab");
}

/* A callback that is ready again whenever it ran, and may ask for a flush. */
struct restless {
        struct aw_handle handle;
        struct served *served; /* or NULL */
};

static void
run_restless(void *argument)
{
        struct restless *restless = argument;

        forget();
        if (restless->served != NULL)
                aw_loop_flush(&restless->served->flush);
        aw_call_soon(&restless->handle, run_restless, restless);
}

/* System calls were made then, so that one more matters little. */
static void
after_a_flush_the_kernel_is_asked_though_something_is_ready(void **state)
{
        struct aw_loop *loop = *state;
        struct served a = {.flush.serve = serve, .letter = "a"};
        struct restless restless = {.served = &a};
        uint64_t looks;

        aw_call_soon(&restless.handle, run_restless, &restless);
        for (unsigned turns = 0; turns < 32; turns++) {
                looks = loop->looks;
                aw_loop_turn(loop, false);
                assert_int_equal(loop->looks, looks + 1);
        }
        restless.served = NULL;
        aw_loop_turn(loop, false);
        looks = loop->looks;
        for (unsigned turns = 0; turns < 32; turns++)
                aw_loop_turn(loop, false);
        assert_int_equal(loop->looks, looks + 2);
        aw_handle_cancel(&restless.handle);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(what_is_to_be_flushed_is_served_once_a_turn_in_order),
                with_loop(who_asks_for_a_flush_while_served_is_served_in_the_next_turn),
                with_loop(a_flush_can_be_taken_back),
                with_loop(after_a_flush_the_kernel_is_asked_though_something_is_ready),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
