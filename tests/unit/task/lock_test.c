/* SPDX-License-Identifier: MIT */
/* Locks and semaphores. */
#include "unit/task/task_test.h"

#define PASSED ((aw_time)1)

/* Who comes in says so, and leaves when told. */

struct door {
        struct aw_lock lock;
        struct aw_semaphore semaphore;
        struct aw_event leave;
        bool is_lock;
};

struct guest {
        struct door *door;
        const char *name;
        aw_time deadline;
        struct aw_task *task;
};

static async int
enter(struct door *door, aw_time deadline)
{
        return door->is_lock ? await(aw_lock_acquire(&door->lock, deadline))
                             : await(aw_semaphore_acquire(&door->semaphore, deadline));
}

static void
leave(struct door *door)
{
        if (door->is_lock)
                aw_lock_release(&door->lock);
        else
                aw_semaphore_release(&door->semaphore);
}

static async int
visit(void *argument)
{
        struct guest *guest = argument;
        int result = await(enter(guest->door, guest->deadline)), error = errno;

        trace(guest->name);
        if (result == -1) {
                trace(error == ETIMEDOUT ? "late" : "cancelled");
                errno = error;
                return -1;
        }
        await(aw_event_wait(&guest->door->leave, AW_NEVER));
        leave(guest->door);
        return 0;
}

/* Three come, and only the first is let in. */
static async void
let_three_come(struct door *door, struct guest guests[3])
{
        static const char *const names[] = {"a", "b", "c"};
        int i;

        for (i = 0; i < 3; i++) {
                guests[i] = (struct guest){.door = door, .name = names[i], .deadline = AW_NEVER};
                guests[i].task = aw_spawn(names[i], visit, &guests[i]);
        }
        await(yield(2));
        expect_trace("a");
}

static struct door
lock_door(void)
{
        return (struct door){.is_lock = true};
}

static struct door
semaphore_door(void)
{
        struct door door = {.is_lock = false};

        aw_semaphore_init(&door.semaphore, 1);
        return door;
}

static async void
first_come_first_served(struct door door)
{
        struct guest guests[3];
        int i;

        await(let_three_come(&door, guests));
        aw_event_set(&door.leave);
        for (i = 0; i < 3; i++)
                expect_int(await(aw_join(guests[i].task)), 0);
        expect_trace("b c");
}

static async int
a_lock_serves_first_who_came_first(NOTHING)
{
        await(first_come_first_served(lock_door()));
        return 0;
}

static async int
a_semaphore_serves_first_who_came_first(NOTHING)
{
        await(first_come_first_served(semaphore_door()));
        return 0;
}

/* b is cancelled while it waits, so c is next. */
static async void
cancel_while_waiting(struct door door)
{
        struct guest guests[3];

        await(let_three_come(&door, guests));
        aw_cancel(guests[1].task);
        expect_error(await(aw_join(guests[1].task)), ECANCELED);
        aw_event_set(&door.leave);
        expect_int(await(aw_join(guests[0].task)), 0);
        expect_int(await(aw_join(guests[2].task)), 0);
        expect_trace("b cancelled c");
}

static async int
a_cancelled_waiter_for_a_lock_is_passed_over(NOTHING)
{
        await(cancel_while_waiting(lock_door()));
        return 0;
}

static async int
a_cancelled_waiter_for_a_semaphore_is_passed_over(NOTHING)
{
        await(cancel_while_waiting(semaphore_door()));
        return 0;
}

/* b has been served, and is cancelled before it runs: it passes on what it got. */
static async void
cancel_when_served(struct door door)
{
        struct guest guests[3];

        await(let_three_come(&door, guests));
        aw_event_set(&door.leave);
        await(aw_sleep(0));
        expect(aw_task_done(guests[0].task));
        expect_trace("");
        expect(aw_cancel(guests[1].task));
        expect_int(await(aw_join(guests[2].task)), 0);
        expect_error(await(aw_join(guests[1].task)), ECANCELED);
        expect_int(await(aw_join(guests[0].task)), 0);
        expect_trace("b cancelled c");
        expect_int(await(enter(&door, PASSED)), 0);
        leave(&door);
}

static async int
a_waiter_cancelled_when_it_was_given_the_lock_passes_it_on(NOTHING)
{
        await(cancel_when_served(lock_door()));
        return 0;
}

static async int
a_waiter_cancelled_when_it_was_given_a_unit_passes_it_on(NOTHING)
{
        await(cancel_when_served(semaphore_door()));
        return 0;
}

/* There is nobody to pass it on to. */
static async void
cancel_the_last_when_served(struct door door)
{
        struct guest guests[3];

        await(let_three_come(&door, guests));
        aw_cancel(guests[1].task);
        aw_event_set(&door.leave);
        await(aw_sleep(0));
        expect(aw_cancel(guests[2].task));
        expect_error(await(aw_join(guests[2].task)), ECANCELED);
        expect_error(await(aw_join(guests[1].task)), ECANCELED);
        expect_int(await(aw_join(guests[0].task)), 0);
        expect_int(await(enter(&door, PASSED)), 0);
        leave(&door);
        expect_trace("b cancelled c cancelled");
}

static async int
a_lock_that_nobody_takes_is_free_again(NOTHING)
{
        await(cancel_the_last_when_served(lock_door()));
        return 0;
}

static async int
a_unit_that_nobody_takes_is_free_again(NOTHING)
{
        await(cancel_the_last_when_served(semaphore_door()));
        return 0;
}

static async void
time_out(struct door door)
{
        struct guest late = {.door = &door, .name = "late", .deadline = aw_loop_now() + 300};

        expect_int(await(enter(&door, AW_NEVER)), 0);
        late.task = aw_spawn("late", visit, &late);
        expect_error(await(aw_join(late.task)), ETIMEDOUT);
        expect_trace("late late");
        leave(&door);
        expect_int(await(enter(&door, PASSED)), 0);
        leave(&door);
}

static async int
the_wait_for_a_lock_or_a_semaphore_times_out(NOTHING)
{
        await(time_out(lock_door()));
        await(time_out(semaphore_door()));
        return 0;
}

/* Whoever releases and comes again goes to the end of the line. */
static async void
come_again(struct door door)
{
        struct guest guest = {.door = &door, .name = "b", .deadline = AW_NEVER};

        expect_int(await(enter(&door, AW_NEVER)), 0);
        guest.task = aw_spawn("b", visit, &guest);
        await(aw_sleep(0));
        aw_event_set(&door.leave);
        leave(&door);
        expect_int(await(enter(&door, AW_NEVER)), 0);
        expect_trace("b");
        expect(aw_task_done(guest.task));
        expect_int(await(aw_join(guest.task)), 0);
        leave(&door);
}

static async int
nobody_can_jump_the_queue(NOTHING)
{
        await(come_again(lock_door()));
        await(come_again(semaphore_door()));
        return 0;
}

static async int
a_lock_says_whether_it_is_held(NOTHING)
{
        struct door door = lock_door();
        struct guest guests[3];

        expect(!aw_lock_locked(&door.lock));
        await(let_three_come(&door, guests));
        expect(aw_lock_locked(&door.lock));
        aw_event_set(&door.leave);
        await(aw_sleep(0));
        /* Given to b, which has not run yet. */
        expect(aw_lock_locked(&door.lock));
        await(yield(3));
        expect(!aw_lock_locked(&door.lock));
        expect_int(await(aw_join(guests[0].task)), 0);
        expect_int(await(aw_join(guests[1].task)), 0);
        expect_int(await(aw_join(guests[2].task)), 0);
        return 0;
}

static async int
a_semaphore_lets_in_as_many_as_it_has_units(NOTHING)
{
        struct aw_semaphore semaphore;

        aw_semaphore_init(&semaphore, 2);
        expect(aw_semaphore_try(&semaphore));
        expect_int(await(aw_semaphore_acquire(&semaphore, AW_NEVER)), 0);
        expect(!aw_semaphore_try(&semaphore));
        expect_error(await(aw_semaphore_acquire(&semaphore, PASSED)), ETIMEDOUT);
        aw_semaphore_release(&semaphore);
        aw_semaphore_release(&semaphore);
        aw_semaphore_release(&semaphore);
        expect_int(semaphore.value, 3);
        return 0;
}

/* Misuse. */

static async int
acquire_twice(NOTHING)
{
        struct aw_lock lock = {.owner = NULL};

        await(aw_lock_acquire(&lock, AW_NEVER));
        return await(aw_lock_acquire(&lock, AW_NEVER));
}

static async int
release_what_is_free(NOTHING)
{
        struct aw_lock lock = {.owner = NULL};

        aw_lock_release(&lock);
        return 0;
}

static async int
acquire_it(void *argument)
{
        return await(aw_lock_acquire(argument, AW_NEVER));
}

static async int
hold_it(void *argument)
{
        await(aw_lock_acquire(argument, AW_NEVER));
        return await(sleep_long(NULL));
}

static async int
release_what_another_holds(NOTHING)
{
        struct aw_lock lock = {.owner = NULL};

        aw_spawn("holder", hold_it, &lock);
        await(aw_sleep(0));
        aw_lock_release(&lock);
        return 0;
}

/* The second release is of a lock that is the waiter's by then. */
static async int
release_twice(NOTHING)
{
        struct aw_lock lock = {.owner = NULL};

        await(aw_lock_acquire(&lock, AW_NEVER));
        aw_spawn("waiter", hold_it, &lock);
        await(aw_sleep(0));
        aw_lock_release(&lock);
        aw_lock_release(&lock);
        return 0;
}

static async int
end_while_holding(NOTHING)
{
        struct aw_lock lock = {.owner = NULL};

        return await(aw_join(aw_spawn("careless", acquire_it, &lock)));
}

static void
misuse_aborts(void **state)
{
        (void)state;
        test_aborts(acquire_twice, "task 'main' acquires a lock that it holds");
        test_aborts(release_what_is_free, "the lock is not held by this task");
        test_aborts(release_what_another_holds, "the lock is not held by this task");
        test_aborts(release_twice, "the lock is not held by this task");
        test_aborts(end_while_holding,
                    "task 'careless' ended while it holds a lock, its last await was at ");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_lock_serves_first_who_came_first),
                on_loop(a_semaphore_serves_first_who_came_first),
                on_loop(a_cancelled_waiter_for_a_lock_is_passed_over),
                on_loop(a_cancelled_waiter_for_a_semaphore_is_passed_over),
                on_loop(a_waiter_cancelled_when_it_was_given_the_lock_passes_it_on),
                on_loop(a_waiter_cancelled_when_it_was_given_a_unit_passes_it_on),
                on_loop(a_lock_that_nobody_takes_is_free_again),
                on_loop(a_unit_that_nobody_takes_is_free_again),
                on_loop(the_wait_for_a_lock_or_a_semaphore_times_out),
                on_loop(nobody_can_jump_the_queue),
                on_loop(a_lock_says_whether_it_is_held),
                on_loop(a_semaphore_lets_in_as_many_as_it_has_units),
                cmocka_unit_test(misuse_aborts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
