/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bench/window.h"

#define SIZE 64
#define MOST 8 /* on their way; the ring holds 16 */

static struct payload payload;
static struct window window;

static int
make_window(void **state)
{
        (void)state;
        return payload_init(&payload, SIZE) == 0 && window_init(&window, 3, MOST) == 0 ? 0 : -1;
}

static int
free_window(void **state)
{
        (void)state;
        window_free(&window);
        payload_free(&payload);
        return 0;
}

/* Sends so many, due at 1000 and on. */
static void
push(int count)
{
        struct window_echo lost;

        for (int i = 0; i < count; i++) {
                window_push(&window, 1000 + (int64_t)window.next, 2000 + (int64_t)window.next, SIZE,
                            &lost);
                assert_int_equal(lost.due, -1);
        }
}

static enum window_verdict
judge(uint64_t number, struct window_echo *echo)
{
        uint8_t text[SIZE];

        payload_write(&payload, 3, number, SIZE, text);
        return window_judge(&window, &payload, text, SIZE, true, echo);
}

static void
expect(uint64_t number, enum window_verdict verdict)
{
        struct window_echo echo;

        assert_int_equal(judge(number, &echo), verdict);
        assert_int_equal(echo.due, 1000 + (int64_t)number);
        assert_int_equal(echo.size, SIZE);
}

static void
expect_rubbish(enum window_verdict verdict, int64_t due)
{
        static const uint8_t rubbish[SIZE] = "rubbish";
        struct window_echo echo;

        assert_int_equal(window_judge(&window, &payload, rubbish, SIZE, true, &echo), verdict);
        assert_int_equal(echo.due, due);
}

static void
echoes_in_order_are_right(void **state)
{
        (void)state;
        push(3);
        assert_int_equal(window.bytes, 3 * SIZE);
        for (uint64_t i = 0; i < 3; i++)
                expect(i, WINDOW_RIGHT);
        assert_int_equal(window.count, 0);
        assert_int_equal(window.bytes, 0);
}

static void
echoes_in_any_order_are_right_once(void **state)
{
        static const uint64_t order[] = {4, 1, 0, 3, 2};

        (void)state;
        push(5);
        for (size_t i = 0; i < 5; i++)
                expect(order[i], WINDOW_RIGHT);
        for (size_t i = 0; i < 5; i++)
                expect(order[i], WINDOW_DOUBLED);
        assert_int_equal(window.count, 0);
}

static void
a_wrong_one_stands_for_the_first_on_its_way(void **state)
{
        (void)state;
        push(2);
        expect_rubbish(WINDOW_WRONG, 1000);
        assert_int_equal(window.count, 1);
        expect(1, WINDOW_RIGHT);
        expect_rubbish(WINDOW_UNASKED, -1);
}

static void
a_wrong_one_was_unasked_if_the_right_one_comes_after_it(void **state)
{
        (void)state;
        push(2);
        expect_rubbish(WINDOW_WRONG, 1000);
        expect(0, WINDOW_REVISED);
        expect(0, WINDOW_DOUBLED);
        expect(1, WINDOW_RIGHT);
}

static void
what_is_given_up_comes_late(void **state)
{
        struct window_echo lost;

        (void)state;
        push(3);
        assert_false(window_expire(&window, 2000, &lost));
        assert_true(window_expire(&window, 2001, &lost));
        assert_int_equal(lost.due, 1000);
        assert_false(window_expire(&window, 2001, &lost));
        expect(0, WINDOW_LATE);
        expect(1, WINDOW_RIGHT);
        assert_true(window_expire(&window, INT64_MAX, &lost));
        assert_int_equal(lost.due, 1002);
        assert_false(window_expire(&window, INT64_MAX, &lost));
}

static void
one_that_others_overtake_for_long_is_given_up(void **state)
{
        struct window_echo lost;

        (void)state;
        push(16);
        for (uint64_t i = 1; i < 16; i++)
                expect(i, WINDOW_RIGHT);
        assert_int_equal(window.count, 1);
        window_push(&window, 1016, 2016, SIZE, &lost);
        assert_int_equal(lost.due, 1000);
        assert_int_equal(window.count, 1);
        expect(16, WINDOW_RIGHT);
}

static void
an_old_echo_is_doubled_even_if_all_else_about_it_is_forgotten(void **state)
{
        struct window_echo echo;

        (void)state;
        for (uint64_t i = 0; i < 100; i++) {
                push(1);
                expect(i, WINDOW_RIGHT);
        }
        assert_int_equal(judge(5, &echo), WINDOW_DOUBLED);
        assert_int_equal(echo.due, -1);
}

static void
a_late_echo_is_late_however_late_it_is_but_once(void **state)
{
        struct window_echo echo, lost;

        (void)state;
        push(2);
        assert_true(window_expire(&window, INT64_MAX, &lost));
        assert_true(window_expire(&window, INT64_MAX, &lost));
        expect(0, WINDOW_LATE);
        expect(0, WINDOW_DOUBLED);
        for (uint64_t i = 2; i < 100; i++) {
                push(1);
                expect(i, WINDOW_RIGHT);
        }
        assert_int_equal(judge(1, &echo), WINDOW_LATE);
        assert_int_equal(echo.due, -1);
        assert_int_equal(judge(1, &echo), WINDOW_DOUBLED);
}

static void
one_that_did_not_go_out_is_taken_back(void **state)
{
        struct window_echo lost;

        (void)state;
        push(2);
        assert_true(window_pull(&window));
        assert_int_equal(window.count, 1);
        push(1);
        assert_int_equal(window.next, 2);
        assert_true(window_expire(&window, INT64_MAX, &lost));
        assert_true(window_expire(&window, INT64_MAX, &lost));
        assert_false(window_pull(&window));
}

/* The same bytes, but binary for a text. */
static void
expect_untyped(uint64_t number, enum window_verdict verdict)
{
        struct window_echo echo;
        uint8_t text[SIZE];

        payload_write(&payload, 3, number, SIZE, text);
        assert_int_equal(window_judge(&window, &payload, text, SIZE, false, &echo), verdict);
        assert_int_equal(echo.number, number);
}

static void
an_echo_of_the_other_type_is_wrong_and_stands_for_its_own_message(void **state)
{
        (void)state;
        push(4);
        expect_untyped(0, WINDOW_WRONG);
        expect_untyped(2, WINDOW_WRONG);
        expect_untyped(2, WINDOW_DOUBLED);
        assert_int_equal(window.count, 2);
        expect(2, WINDOW_REVISED);
        expect(1, WINDOW_RIGHT);
        expect(3, WINDOW_RIGHT);
        expect_untyped(3, WINDOW_DOUBLED);
}

static void
short_messages_are_told_apart_by_what_is_on_its_way(void **state)
{
        struct window_echo echo, lost;
        uint8_t text[1];

        (void)state;
        for (uint64_t i = 0; i < 200; i++)
                window_push(&window, (int64_t)i, 0, 1, &lost);
        payload_write(&payload, 3, 190, 1, text);
        assert_int_equal(window_judge(&window, &payload, text, 1, true, &echo), WINDOW_RIGHT);
        assert_int_equal(echo.due, 190);
        assert_int_equal(window_judge(&window, &payload, text, 1, true, &echo), WINDOW_DOUBLED);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(echoes_in_order_are_right, make_window,
                                                free_window),
                cmocka_unit_test_setup_teardown(echoes_in_any_order_are_right_once, make_window,
                                                free_window),
                cmocka_unit_test_setup_teardown(a_wrong_one_stands_for_the_first_on_its_way,
                                                make_window, free_window),
                cmocka_unit_test_setup_teardown(
                        a_wrong_one_was_unasked_if_the_right_one_comes_after_it, make_window,
                        free_window),
                cmocka_unit_test_setup_teardown(what_is_given_up_comes_late, make_window,
                                                free_window),
                cmocka_unit_test_setup_teardown(one_that_others_overtake_for_long_is_given_up,
                                                make_window, free_window),
                cmocka_unit_test_setup_teardown(
                        an_old_echo_is_doubled_even_if_all_else_about_it_is_forgotten, make_window,
                        free_window),
                cmocka_unit_test_setup_teardown(a_late_echo_is_late_however_late_it_is_but_once,
                                                make_window, free_window),
                cmocka_unit_test_setup_teardown(one_that_did_not_go_out_is_taken_back, make_window,
                                                free_window),
                cmocka_unit_test_setup_teardown(
                        an_echo_of_the_other_type_is_wrong_and_stands_for_its_own_message,
                        make_window, free_window),
                cmocka_unit_test_setup_teardown(short_messages_are_told_apart_by_what_is_on_its_way,
                                                make_window, free_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
