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
fill(struct aw_handle handles[], size_t count, unsigned range, struct aw_handle **root)
{
        unsigned seed = 1;
        size_t i;

        for (i = 0; i < count; i++) {
                handles[i] = (struct aw_handle){.when = next_random(&seed) % range, .order = i};
                *root = aw_timer_heap_insert(*root, &handles[i]);
        }
}

/* Takes all out; they must come in order. Returns how many there were. */
static size_t
drain(struct aw_handle *root)
{
        struct aw_handle *handle, last = {.when = -1};
        size_t count = 0;

        while ((handle = root) != NULL) {
                assert_true(last.when < handle->when ||
                            (last.when == handle->when && last.order < handle->order));
                last = *handle;
                root = aw_timer_heap_remove(root, handle);
                count++;
        }
        return count;
}

static void
timers_come_out_in_the_order_of_their_times(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_handle *root = NULL;

        (void)state;
        fill(handles, COUNT, 1000000, &root);
        assert_int_equal(drain(root), COUNT);
}

static void
timers_for_the_same_time_come_out_as_they_were_put_in(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_handle *root = NULL;

        (void)state;
        fill(handles, COUNT, 7, &root);
        assert_int_equal(drain(root), COUNT);
}

static void
any_timer_can_be_taken_out(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_handle *root = NULL;
        unsigned seed = 2;
        size_t i, left = COUNT;

        (void)state;
        fill(handles, COUNT, 100, &root);
        /* Removing some of the first ones gives the heap a shape with grandchildren. */
        for (i = 0; i < COUNT / 10; i++, left--) {
                root->order = COUNT;
                root = aw_timer_heap_remove(root, root);
        }
        for (i = 0; i < COUNT; i++) {
                if (handles[i].order == COUNT || next_random(&seed) % 2 == 0)
                        continue;
                root = aw_timer_heap_remove(root, &handles[i]);
                left--;
        }
        assert_in_range(left, 1, COUNT / 2 + COUNT / 10);
        assert_int_equal(drain(root), left);
}

static void
a_timer_can_be_put_in_again(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_handle *root = NULL;
        size_t i;

        (void)state;
        fill(handles, COUNT, 100, &root);
        for (i = 0; i < COUNT; i += 3) {
                root = aw_timer_heap_remove(root, &handles[i]);
                handles[i].when = 99 - handles[i].when;
                root = aw_timer_heap_insert(root, &handles[i]);
        }
        assert_int_equal(drain(root), COUNT);
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
take_in_steps(struct aw_handle *root, aw_time begin, aw_time step, aw_time end)
{
        struct aw_handle *due;
        size_t count = 0;

        for (aw_time now = begin; now < end; now += step) {
                root = aw_timer_heap_take_due(root, now, &due);
                assert_true(due == NULL || now == begin || due->when > now - step);
                count += in_order(due, now);
                assert_true(root == NULL || root->when > now);
                /* The shape of a heap that timers were taken out of. */
                if (root != NULL && root->when <= now + step) {
                        root = aw_timer_heap_remove(root, root);
                        count++;
                }
        }
        assert_null(root);
        return count;
}

/* Few at a time, and so many that they are sorted by place first: at other times, and at the same. */
static void
all_that_are_due_come_out_at_once(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_handle *root = NULL, *due;

        (void)state;
        fill(handles, COUNT, 100, &root);
        assert_int_equal(take_in_steps(root, -1, 9, 110), COUNT);
        root = NULL;
        fill(handles, COUNT, 1000000, &root);
        assert_int_equal(take_in_steps(root, 0, 250000, 1250001), COUNT);
        root = NULL;
        fill(handles, COUNT, 7, &root);
        assert_int_equal(take_in_steps(root, 6, 100, 7), COUNT);
        assert_null(aw_timer_heap_take_due(NULL, 5, &due));
        assert_null(due);
}

/* As far apart as two times can be. */
static void
many_that_are_due_may_be_of_any_time(void **state)
{
        static struct aw_handle handles[COUNT];
        struct aw_handle *root = NULL, *due;

        (void)state;
        fill(handles, COUNT, 1000000, &root);
        for (size_t i = 0; i < COUNT; i += 2) {
                root = aw_timer_heap_remove(root, &handles[i]);
                handles[i].when = i % 4 == 0 ? INT64_MIN : INT64_MAX;
                root = aw_timer_heap_insert(root, &handles[i]);
        }
        assert_null(aw_timer_heap_take_due(root, INT64_MAX, &due));
        assert_int_equal(in_order(due, INT64_MAX), COUNT);
}

static void
the_last_timer_leaves_an_empty_heap(void **state)
{
        struct aw_handle handle = {.when = 1};
        struct aw_handle *root = aw_timer_heap_insert(NULL, &handle);

        (void)state;
        assert_ptr_equal(root, &handle);
        assert_null(aw_timer_heap_remove(root, &handle));
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
                cmocka_unit_test(the_last_timer_leaves_an_empty_heap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
