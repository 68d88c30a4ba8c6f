/* SPDX-License-Identifier: MIT */
/* Events, locks, semaphores, and what a program makes of them: conditions and barriers. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "await/sync.h"
#include "oracle/oracle.h"

static struct aw_event event;
static struct aw_lock lock;
static struct aw_semaphore semaphore;
static struct aw_task *tasks[4];

static async void
cancel_all(size_t count)
{
        for (size_t i = 0; i < count; i++)
                aw_cancel(tasks[i]);
        await(aw_gather_all(tasks, count, NULL, (int[4]){0}));
}

static async int
take_the_lock(void *name)
{
        if (await(aw_lock_acquire(&lock, AW_NEVER)) == -1) {
                say("%s!", (const char *)name);
                return -1;
        }
        say("%s", (const char *)name);
        aw_lock_release(&lock);
        return 0;
}

static async void
hold_the_lock_before_two(void)
{
        lock = (struct aw_lock){.owner = NULL};
        await(aw_lock_acquire(&lock, AW_NEVER));
        tasks[0] = aw_spawn("a", take_the_lock, "a");
        tasks[1] = aw_spawn("b", take_the_lock, "b");
        await(nap(1));
}

static async void
see_who_had_the_lock(void)
{
        await(aw_wait(tasks, 2, AW_ALL_COMPLETED, within(100)));
        say(aw_lock_locked(&lock) ? "locked" : "free");
        await(cancel_all(2));
}

static async int
a_lock_is_released_and_the_next_cancelled(void *unused)
{
        (void)unused;
        await(hold_the_lock_before_two());
        aw_lock_release(&lock);
        aw_cancel(tasks[0]);
        await(see_who_had_the_lock());
        return 0;
}

static async int
the_next_is_cancelled_and_the_lock_released(void *unused)
{
        (void)unused;
        await(hold_the_lock_before_two());
        aw_cancel(tasks[0]);
        aw_lock_release(&lock);
        await(see_who_had_the_lock());
        return 0;
}

static async int
take_a_unit(void *name)
{
        if (await(aw_semaphore_acquire(&semaphore, AW_NEVER)) == -1) {
                say("%s!", (const char *)name);
                return -1;
        }
        say("%s", (const char *)name);
        return 0;
}

static async int
a_newcomer_does_not_overtake(void *unused)
{
        (void)unused;
        aw_semaphore_init(&semaphore, 0);
        tasks[0] = aw_spawn("a", take_a_unit, "a");
        await(nap(1));
        aw_semaphore_release(&semaphore);
        tasks[1] = aw_spawn("b", take_a_unit, "b");
        await(nap(1));
        say(aw_semaphore_try(&semaphore) ? "free" : "none left");
        aw_semaphore_release(&semaphore);
        await(nap(1));
        await(cancel_all(2));
        return 0;
}

static async int
a_unit_is_passed_on_by_who_is_cancelled(void *unused)
{
        (void)unused;
        aw_semaphore_init(&semaphore, 0);
        tasks[0] = aw_spawn("a", take_a_unit, "a");
        tasks[1] = aw_spawn("b", take_a_unit, "b");
        await(nap(1));
        aw_semaphore_release(&semaphore);
        aw_cancel(tasks[0]);
        await(nap(5));
        await(cancel_all(2));
        return 0;
}

static async int
two_units_are_passed_on(void *unused)
{
        static char *const names[] = {"a", "b", "c", "d"};

        (void)unused;
        aw_semaphore_init(&semaphore, 0);
        for (size_t i = 0; i < 4; i++)
                tasks[i] = aw_spawn(names[i], take_a_unit, names[i]);
        await(nap(1));
        aw_semaphore_release(&semaphore);
        aw_semaphore_release(&semaphore);
        aw_cancel(tasks[0]);
        aw_cancel(tasks[1]);
        await(nap(5));
        await(cancel_all(4));
        return 0;
}

/* test_locks: test_acquire_no_hang, test_cancel_acquire. */
static async int
who_gives_up_leaves_the_order_as_it_is(void *unused)
{
        static char *const names[] = {"a", "b", "c"};

        (void)unused;
        aw_semaphore_init(&semaphore, 1);
        say_outcome(await(aw_semaphore_acquire(&semaphore, AW_NEVER)));
        for (size_t i = 0; i < 3; i++)
                tasks[i] = aw_spawn(names[i], take_a_unit, names[i]);
        await(nap(1));
        aw_cancel(tasks[1]);
        await(nap(1));
        for (size_t i = 0; i < 3; i++)
                aw_semaphore_release(&semaphore);
        await(nap(5));
        say(aw_semaphore_try(&semaphore) ? "one left" : "none left");
        await(cancel_all(3));
        return 0;
}

static async int
wait_for_the_event(void *unused)
{
        (void)unused;
        if (await(aw_event_wait(&event, AW_NEVER)) == -1) {
                say_outcome(-1);
                return -1;
        }
        say("woken");
        return 0;
}

static async int
an_event_is_set_and_cleared_at_once(void *unused)
{
        (void)unused;
        event = (struct aw_event){.set = false};
        tasks[0] = aw_spawn("waits", wait_for_the_event, NULL);
        await(nap(1));
        aw_event_set(&event);
        aw_event_clear(&event);
        say_outcome(await(aw_wait_for(tasks[0], within(50))));
        return 0;
}

static async int
an_event_is_set_and_who_waits_cancelled(void *unused)
{
        (void)unused;
        event = (struct aw_event){.set = false};
        tasks[0] = aw_spawn("waits", wait_for_the_event, NULL);
        await(nap(1));
        aw_event_set(&event);
        aw_cancel(tasks[0]);
        await(cancel_all(1));
        return 0;
}

static void
say_word(void *word)
{
        say("%s", (const char *)word);
}

/* test_locks: test_wait_on_set. What need not wait lets nobody else run. */
static async int
an_event_that_is_set_makes_nobody_wait(void *unused)
{
        struct aw_handle handle = {.callback = NULL};

        (void)unused;
        event = (struct aw_event){.set = false};
        aw_event_set(&event);
        aw_call_soon(&handle, say_word, "callback");
        say_outcome(await(aw_event_wait(&event, AW_NEVER)));
        say("went on");
        await(aw_sleep(0));
        return 0;
}

static async int
release_the_lock(void *unused)
{
        (void)unused;
        aw_lock_release(&lock);
        return 0;
}

static async int
let_another_release_the_lock(void *unused)
{
        (void)unused;
        lock = (struct aw_lock){.owner = NULL};
        await(aw_lock_acquire(&lock, AW_NEVER));
        return await(aw_join(aw_spawn("thief", release_the_lock, NULL)));
}

/* In a process of its own, for here it is misuse. */
static void
a_lock_is_released_by_another(void)
{
        const struct rlimit none = {0, 0};
        pid_t child = fork();
        int status;

        if (child == 0) {
                setrlimit(RLIMIT_CORE, &none);
                close(STDERR_FILENO);
                _exit(aw_run(NULL, let_another_release_the_lock, NULL) == 0 ? 0 : 1);
        }
        if (waitpid(child, &status, 0) == child)
                say(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? "aborts" : "free");
}

/* A condition: a state that is looked at, and a queue of those that wait for it. */
static struct {
        int count;
        struct aw_waiters changed;
} stock;

static async int
take_from_stock(void *name)
{
        while (stock.count == 0)
                if (await(aw_wait_in(&stock.changed, AW_NEVER, NULL)) == -1) {
                        say("%s!", (const char *)name);
                        return -1;
                }
        say("%s%d", (const char *)name, stock.count--);
        return 0;
}

static async void
three_want_from_stock(void)
{
        static char *const names[] = {"a", "b", "c"};

        stock.count = 0;
        for (size_t i = 0; i < 3; i++)
                tasks[i] = aw_spawn(names[i], take_from_stock, names[i]);
        await(nap(1));
}

/* test_locks: test_notify. */
static async int
a_condition_wakes_one(void *unused)
{
        (void)unused;
        await(three_want_from_stock());
        stock.count = 2;
        aw_wake_one(&stock.changed);
        await(nap(2));
        say("|");
        aw_wake_one(&stock.changed);
        await(nap(2));
        await(cancel_all(3));
        return 0;
}

/* test_locks: test_notify_all, test_wait_for. Those who come too late wait on. */
static async int
a_condition_wakes_all(void *unused)
{
        (void)unused;
        await(three_want_from_stock());
        stock.count = 2;
        aw_wake_all(&stock.changed);
        await(nap(2));
        say("|");
        stock.count = 1;
        aw_wake_all(&stock.changed);
        await(nap(2));
        await(cancel_all(3));
        return 0;
}

/* A barrier: a count, and an event. */
static struct {
        int missing;
        struct aw_event all_here;
} barrier;

static async int
meet(void *name)
{
        if (--barrier.missing == 0)
                aw_event_set(&barrier.all_here);
        say("%s", (const char *)name);
        if (await(aw_event_wait(&barrier.all_here, AW_NEVER)) == -1)
                return -1;
        say("%s+", (const char *)name);
        return 0;
}

/* test_locks, BarrierTests: test_wait_task, test_filling_tasks. The last one does not wait. */
static async int
a_barrier_lets_all_go(void *unused)
{
        static char *const names[] = {"a", "b", "c"};

        (void)unused;
        barrier.missing = 3;
        barrier.all_here = (struct aw_event){.set = false};
        for (size_t i = 0; i < 3; i++) {
                tasks[i] = aw_spawn(names[i], meet, names[i]);
                await(nap(1));
        }
        return await(aw_gather(tasks, 3, NULL));
}

static const struct scenario scenarios[] = {
        SCENARIO(a_lock_is_released_and_the_next_cancelled),
        SCENARIO(the_next_is_cancelled_and_the_lock_released),
        SCENARIO(a_newcomer_does_not_overtake),
        SCENARIO(a_unit_is_passed_on_by_who_is_cancelled),
        SCENARIO(two_units_are_passed_on),
        SCENARIO(who_gives_up_leaves_the_order_as_it_is),
        SCENARIO(an_event_is_set_and_cleared_at_once),
        SCENARIO(an_event_is_set_and_who_waits_cancelled),
        SCENARIO(an_event_that_is_set_makes_nobody_wait),
        PLAIN(a_lock_is_released_by_another),
        SCENARIO(a_condition_wakes_one),
        SCENARIO(a_condition_wakes_all),
        SCENARIO(a_barrier_lets_all_go),
};

ORACLE_MAIN(scenarios)
