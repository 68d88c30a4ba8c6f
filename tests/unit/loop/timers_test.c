/* SPDX-License-Identifier: MIT */
/* Once: the heap is the same whatever polls. */
#include "loop/timers_private.h"
#include "unit/support.h"

#define COUNT 2000

/* The same numbers every time. */
static unsigned
next_random(unsigned *seed)
{
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

static void
fill(struct aw_handle handles[], size_t count, unsigned range, struct aw_timers *timers)
{
        unsigned seed = 1;
        size_t i;

        for (i = 0; i < count; i++) {
                handles[i] = (struct aw_handle){.when = next_random(&seed) % range, .order = i};
                aw_timers_insert(timers, &handles[i]);
        }
}

/* Takes all out; they must come in order. Returns how many there were. */
static size_t
drain(struct aw_timers *timers)
{
        struct aw_handle *handle, last = {.when = -1};
        size_t count = 0;

        while ((handle = timers->first) != NULL) {
                assert_true(last.when < handle->when ||
                            (last.when == handle->when && last.order < handle->order));
                last = *handle;
                aw_timers_remove(timers, handle);
                count++;
        }
        return count;
}

static void
timers_come_out_in_the_order_of_their_times(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};

        (void)state;
        fill(handles, COUNT, 1000000, &timers);
        assert_int_equal(drain(&timers), COUNT);
}

static void
timers_for_the_same_time_come_out_as_they_were_put_in(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};

        (void)state;
        fill(handles, COUNT, 7, &timers);
        assert_int_equal(drain(&timers), COUNT);
}

static void
any_timer_can_be_taken_out(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};
        unsigned seed = 2;
        size_t i, left = COUNT;

        (void)state;
        fill(handles, COUNT, 100, &timers);
        /* Removing some of the first ones gives the heap a shape with grandchildren. */
        for (i = 0; i < COUNT / 10; i++, left--) {
                timers.first->order = COUNT;
                aw_timers_remove(&timers, timers.first);
        }
        for (i = 0; i < COUNT; i++) {
                if (handles[i].order == COUNT || next_random(&seed) % 2 == 0)
                        continue;
                aw_timers_remove(&timers, &handles[i]);
                left--;
        }
        assert_in_range(left, 1, COUNT / 2 + COUNT / 10);
        assert_int_equal(drain(&timers), left);
}

static void
a_timer_can_be_put_in_again(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};
        size_t i;

        (void)state;
        fill(handles, COUNT, 100, &timers);
        for (i = 0; i < COUNT; i += 3) {
                aw_timers_remove(&timers, &handles[i]);
                handles[i].when = 99 - handles[i].when;
                aw_timers_insert(&timers, &handles[i]);
        }
        assert_int_equal(drain(&timers), COUNT);
}

/* Those that came at this time. Returns how many there are. */
static size_t
in_order(const struct aw_handle *due, aw_time now)
{
        const struct aw_handle *last;
        size_t count = 0;

        for (last = NULL; due != NULL; last = due, due = due->link.previous, count++) {
                assert_true(due->when <= now);
                assert_true(last == NULL || last->when < due->when ||
                            (last->when == due->when && last->order < due->order));
        }
        return count;
}

/* As many as are due of the rest, at one time after the other. Returns how many there were. */
static size_t
take_in_steps(struct aw_timers *timers, aw_time begin, aw_time step, aw_time end)
{
        struct aw_handle *due;
        size_t count = 0;

        for (aw_time now = begin; now < end; now += step) {
                due = aw_timers_take_due(timers, now);
                assert_true(due == NULL || now == begin || due->when > now - step);
                count += in_order(due, now);
                assert_true(timers->first == NULL || timers->first->when > now);
                /* The shape of a heap that timers were taken out of. */
                if (timers->first != NULL && timers->first->when <= now + step) {
                        aw_timers_remove(timers, timers->first);
                        count++;
                }
        }
        assert_null(timers->first);
        return count;
}

/* Few at a time, and so many that they are sorted by place first: at other times, and at the same. */
static void
all_that_are_due_come_out_at_once(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};

        (void)state;
        fill(handles, COUNT, 100, &timers);
        assert_int_equal(take_in_steps(&timers, -1, 9, 110), COUNT);
        fill(handles, COUNT, 1000000, &timers);
        assert_int_equal(take_in_steps(&timers, 0, 250000, 1250001), COUNT);
        fill(handles, COUNT, 7, &timers);
        assert_int_equal(take_in_steps(&timers, 6, 100, 7), COUNT);
        assert_null(aw_timers_take_due(&timers, 5));
}

/* As far apart as two times can be. */
static void
many_that_are_due_may_be_of_any_time(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};

        (void)state;
        fill(handles, COUNT, 1000000, &timers);
        for (size_t i = 0; i < COUNT; i += 2) {
                aw_timers_remove(&timers, &handles[i]);
                handles[i].when = i % 4 == 0 ? INT64_MIN : INT64_MAX;
                aw_timers_insert(&timers, &handles[i]);
        }
        assert_int_equal(in_order(aw_timers_take_due(&timers, INT64_MAX), INT64_MAX), COUNT);
        assert_null(timers.first);
}

static size_t
children_of(const struct aw_handle *handle)
{
        size_t count = 0;

        for (const struct aw_handle *child = handle->child; child != NULL; child = child->link.next)
                count++;
        return count;
}

/* How many children the one that is taken out has at most: so long one call takes. */
static size_t
most_children(struct aw_timers *timers)
{
        size_t most = 0;

        while (timers->first != NULL) {
                size_t count = children_of(timers->first);

                most = count > most ? count : most;
                aw_timers_remove(timers, timers->first);
        }
        return most;
}

static void
no_call_has_all_the_work(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_timers timers = {.first = NULL};

        (void)state;
        fill(handles, COUNT, 1000000, &timers);
        assert_in_range(most_children(&timers), 5, 40);
        /* Each later than those before, as the time-outs of connections are. */
        for (size_t i = 0; i < COUNT; i++) {
                handles[i] = (struct aw_handle){.when = (aw_time)i, .order = i};
                aw_timers_insert(&timers, &handles[i]);
        }
        /* Each but some is taken out and put in again, as happens when something comes. */
        for (size_t i = 0; i < COUNT; i++) {
                aw_timers_remove(&timers, &handles[i]);
                if (i % 10 == 0)
                        continue;
                handles[i].when += COUNT;
                aw_timers_insert(&timers, &handles[i]);
        }
        assert_in_range(most_children(&timers), 5, 40);
}

static void
the_last_timer_leaves_an_empty_heap(void **state)
{
        struct aw_handle handle = {.when = 1};
        struct aw_timers timers = {.first = NULL};

        (void)state;
        aw_timers_insert(&timers, &handle);
        assert_ptr_equal(timers.first, &handle);
        aw_timers_remove(&timers, &handle);
        assert_null(timers.first);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(timers_come_out_in_the_order_of_their_times),
                cmocka_unit_test(timers_for_the_same_time_come_out_as_they_were_put_in),
                cmocka_unit_test(any_timer_can_be_taken_out),
                cmocka_unit_test(a_timer_can_be_put_in_again),
                cmocka_unit_test(all_that_are_due_come_out_at_once),
                cmocka_unit_test(many_that_are_due_may_be_of_any_time),
                cmocka_unit_test(no_call_has_all_the_work),
                cmocka_unit_test(the_last_timer_leaves_an_empty_heap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
