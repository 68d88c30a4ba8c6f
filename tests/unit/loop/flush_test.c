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

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(what_is_to_be_flushed_is_served_once_a_turn_in_order),
                with_loop(who_asks_for_a_flush_while_served_is_served_in_the_next_turn),
                with_loop(a_flush_can_be_taken_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
