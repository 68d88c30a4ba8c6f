/* SPDX-License-Identifier: MIT */
#include "unit/loop/loop_test.h"

/* Soon. */

static void
what_is_called_soon_runs_in_order_in_the_next_turn(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0};

        aw_call_soon(&a, note, "a");
        aw_call_soon(&b, note, "b");
        aw_call_soon(&c, note, "c");
        assert_string_equal(ran, "");
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "abc");
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "abc");
}

struct again {
        struct aw_handle handle;
        int left;
};

static void
call_again(void *argument)
{
        struct again *again = argument;

        note("x");
        if (again->left-- > 0)
                aw_call_soon(&again->handle, call_again, again);
}

static void
a_callback_that_calls_itself_soon_runs_once_a_turn(void **state)
{
        struct again again = {.left = 2};

        aw_call_soon(&again.handle, call_again, &again);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "x");
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "xx");
        aw_loop_turn(*state, false);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "xxx");
}

static void
a_handle_scheduled_twice_runs_once_where_the_second_call_put_it(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0};

        aw_call_soon(&a, note, "a");
        aw_call_soon(&b, note, "b");
        aw_call_soon(&a, note, "A");
        aw_loop_turn(*state, false);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "bA");
}

static void
a_cancelled_callback_does_not_run(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0};

        aw_call_soon(&a, note, "a");
        aw_call_soon(&b, note, "b");
        aw_call_soon(&c, note, "c");
        aw_handle_cancel(&b);
        aw_handle_cancel(&b);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "ac");
        aw_handle_cancel(&a);
}

static void
cancel(void *argument)
{
        aw_handle_cancel(argument);
}

static void
a_callback_can_cancel_another_of_the_same_turn(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0};

        aw_call_soon(&a, cancel, &c);
        aw_call_soon(&b, note, "b");
        aw_call_soon(&c, note, "c");
        aw_loop_turn(*state, false);
        aw_loop_turn(*state, false);
        assert_string_equal(ran, "b");
}

static void
a_turn_that_is_not_to_wait_does_not(void **state)
{
        aw_loop_turn(*state, false);
        aw_loop_turn(*state, false);
}

/* Timers. */

struct alarm {
        struct aw_handle handle;
        aw_time *last; /* of those that went off */
        size_t *count;
        bool wrong;
};

static void
alarm_fires(void *argument)
{
        struct alarm *alarm = argument;

        alarm->wrong = alarm->handle.when < *alarm->last || aw_loop_now() < alarm->handle.when;
        *alarm->last = alarm->handle.when;
        ++*alarm->count;
        came();
}

static void
many_timers_fire_in_order_and_never_early(void **state)
{
        size_t count = test_many(100000), fired = 0, wrong = 0, i;
        struct alarm *alarms = calloc(count, sizeof(*alarms));
        aw_time start = aw_loop_now(), last = 0;
        unsigned seed = 1;

        assert_non_null(alarms);
        for (i = 0; i < count; i++) {
                alarms[i].last = &last;
                alarms[i].count = &fired;
                seed = seed * 1664525 + 1013904223;
                aw_call_at(&alarms[i].handle, start + (seed >> 8) % 200000, alarm_fires,
                           &alarms[i]);
        }
        while (fired < count)
                aw_loop_turn(*state, true);
        for (i = 0; i < count; i++)
                wrong += alarms[i].wrong;
        assert_int_equal(wrong, 0);
        free(alarms);
}

static void
timers_for_the_same_time_fire_in_the_order_of_the_calls(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0}, d = {.state = 0};
        aw_time when = aw_loop_now() + 2 * AW_MILLISECOND;

        aw_call_at(&a, when, note, "a");
        aw_call_at(&d, when + 1, note, "d");
        aw_call_at(&b, when, note, "b");
        aw_call_at(&c, when, note, "c");
        while (ran_count < 4)
                aw_loop_turn(*state, true);
        assert_string_equal(ran, "abcd");
}

static void
a_timer_for_a_time_that_has_passed_fires(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0};

        aw_call_later(&a, -AW_SECOND, note, "a");
        aw_call_at(&b, 0, note, "b");
        aw_call_later(&c, 0, note, "c");
        while (ran_count < 3)
                aw_loop_turn(*state, true);
        assert_string_equal(ran, "bac");
}

/* The back ends arm a timer and then poll; in between, the time may come. */
static void
a_timer_that_comes_due_before_the_poll_fires(void **state)
{
        struct aw_handle timer = {.state = 0}, far = {.state = 0};
        bool fired;
        int i;

        aw_call_later(&far, 3600 * AW_SECOND, note, "far");
        for (i = 0; i < 20; i++) {
                fired = false;
                aw_call_later(&timer, AW_MILLISECOND + i * 37, set_flag, &fired);
                aw_loop_turn(*state, false);
                busy_until(timer.when + i * 100 - 1000);
                turn_until(*state, &fired);
        }
        aw_handle_cancel(&far);
}

static void
a_timer_for_never_is_no_timer(void **state)
{
        struct aw_handle never = {.state = 0}, later = {.state = 0};
        bool fired = false;

        aw_call_later(&never, AW_NEVER, note, "never");
        assert_true(never.when == AW_NEVER);
        aw_call_later(&later, AW_MILLISECOND, set_flag, &fired);
        turn_until(*state, &fired);
        assert_string_equal(ran, "");
        aw_handle_cancel(&never);
}

static void
an_earlier_timer_overtakes_the_one_that_is_waited_for(void **state)
{
        struct aw_handle late = {.state = 0}, early = {.state = 0}, wake = {.state = 0};
        bool fired = false;

        aw_call_later(&late, 3600 * AW_SECOND, note, "late");
        aw_call_soon(&wake, note, "w");
        aw_loop_turn(*state, false);
        aw_call_later(&early, AW_MILLISECOND, set_flag, &fired);
        turn_until(*state, &fired);
        aw_handle_cancel(&late);
        assert_string_equal(ran, "w");
}

static void
a_cancelled_timer_does_not_fire(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0};
        bool fired = false;

        aw_call_later(&a, AW_MILLISECOND, note, "a");
        aw_call_later(&b, 2 * AW_MILLISECOND, set_flag, &fired);
        aw_handle_cancel(&a);
        turn_until(*state, &fired);
        assert_string_equal(ran, "");
}

/* It is in the ready queue then. */
static void
a_timer_that_is_due_can_still_be_cancelled(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0};
        aw_time when = aw_loop_now();

        aw_call_at(&a, when, cancel, &b);
        aw_call_at(&b, when, note, "b");
        aw_call_at(&c, when, note, "c");
        while (ran_count == 0)
                aw_loop_turn(*state, true);
        assert_string_equal(ran, "c");
}

static void
a_timer_can_be_moved(void **state)
{
        struct aw_handle a = {.state = 0}, b = {.state = 0}, c = {.state = 0};
        aw_time now = aw_loop_now();

        aw_call_at(&a, now + 1, note, "a");
        aw_call_at(&b, now + 2, note, "b");
        aw_call_at(&a, now + 3, note, "A");
        aw_call_at(&c, now + 3600 * AW_SECOND, note, "c");
        aw_call_soon(&c, note, "C");
        while (ran_count < 3)
                aw_loop_turn(*state, true);
        assert_string_equal(ran, "CbA");
}

static void
call_later_again(void *argument)
{
        struct again *again = argument;

        note("t");
        if (again->left-- > 0)
                aw_call_later(&again->handle, 100, call_later_again, again);
}

static void
a_timer_can_be_set_again_by_its_callback(void **state)
{
        struct again again = {.left = 4};

        aw_call_later(&again.handle, 100, call_later_again, &again);
        while (ran_count < 5)
                aw_loop_turn(*state, true);
        assert_string_equal(ran, "ttttt");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                with_loop(what_is_called_soon_runs_in_order_in_the_next_turn),
                with_loop(a_callback_that_calls_itself_soon_runs_once_a_turn),
                with_loop(a_handle_scheduled_twice_runs_once_where_the_second_call_put_it),
                with_loop(a_cancelled_callback_does_not_run),
                with_loop(a_callback_can_cancel_another_of_the_same_turn),
                with_loop(a_turn_that_is_not_to_wait_does_not),
                with_loop(many_timers_fire_in_order_and_never_early),
                with_loop(timers_for_the_same_time_fire_in_the_order_of_the_calls),
                with_loop(a_timer_for_a_time_that_has_passed_fires),
                with_loop(a_timer_that_comes_due_before_the_poll_fires),
                with_loop(a_timer_for_never_is_no_timer),
                with_loop(an_earlier_timer_overtakes_the_one_that_is_waited_for),
                with_loop(a_cancelled_timer_does_not_fire),
                with_loop(a_timer_that_is_due_can_still_be_cancelled),
                with_loop(a_timer_can_be_moved),
                with_loop(a_timer_can_be_set_again_by_its_callback),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
