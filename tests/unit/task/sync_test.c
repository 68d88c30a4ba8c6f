/* SPDX-License-Identifier: MIT */
/* Events. */
#include "unit/task/task_test.h"

#define PASSED ((aw_time)1)

struct waiter {
        struct aw_event *event;
        size_t *count;
        size_t number;
        bool disordered;
};

static async int
wait_in_line(void *argument)
{
        struct waiter *waiter = argument;
        int result = await(aw_event_wait(waiter->event, AW_NEVER));

        waiter->disordered = (*waiter->count)++ != waiter->number;
        return result;
}

static async int
an_event_wakes_all_its_waiters_in_order(NOTHING)
{
        size_t count = test_many(10000), woken = 0, disordered = 0, i;
        struct waiter *waiters = calloc(count, sizeof(*waiters));
        struct aw_task **tasks = calloc(count, sizeof(*tasks));
        struct aw_event event = {.set = false};

        for (i = 0; i < count; i++) {
                waiters[i] = (struct waiter){&event, &woken, i, false};
                tasks[i] = aw_spawn("waiter", wait_in_line, &waiters[i]);
        }
        await(aw_sleep(0));
        expect_int(woken, 0);
        aw_event_set(&event);
        /* Those who have been woken are, even if it is cleared at once. */
        aw_event_clear(&event);
        for (i = 0; i < count; i++) {
                expect_int(await(aw_join(tasks[i])), 0);
                disordered += waiters[i].disordered;
        }
        expect_int(disordered, 0);
        expect_int(woken, count);
        free(tasks);
        free(waiters);
        return 0;
}

static async int
an_event_that_is_set_is_not_waited_for(NOTHING)
{
        struct aw_event event = {.set = false};

        expect(!aw_event_is_set(&event));
        aw_event_set(&event);
        expect(aw_event_is_set(&event));
        expect_int(await(aw_event_wait(&event, AW_NEVER)), 0);
        expect_int(await(aw_event_wait(&event, PASSED)), 0);
        aw_event_clear(&event);
        expect(!aw_event_is_set(&event));
        return 0;
}

static async int
the_wait_for_an_event_times_out(NOTHING)
{
        struct aw_event event = {.set = false};

        expect_error(await(aw_event_wait(&event, aw_loop_now() + 200)), ETIMEDOUT);
        expect(event.waiters.first == NULL);
        return 0;
}

static async int
wait_for_event(void *argument)
{
        int result = await(aw_event_wait(argument, AW_NEVER));

        trace(result == 0 ? "woken" : "cancelled");
        return result;
}

/* As AW_NEVER is the latest time, INT64_MIN is the earliest. */
static async int
deadlines_may_lie_before_all_times(NOTHING)
{
        static const aw_time early[] = {INT64_MIN, INT64_MIN + AW_SECOND, -1, 0, 1};
        struct aw_event event = {.set = false};
        struct aw_task *task = aw_spawn("sleeper", sleep_long, NULL);

        await(aw_sleep(200));
        for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
                expect_error(await(aw_event_wait(&event, early[i])), ETIMEDOUT);
                expect_int(await(aw_sleep_until(early[i])), 0);
                expect_int(await(aw_sleep(early[i])), 0);
        }
        expect_int(await(aw_sleep(200)), 0);
        aw_cancel(task);
        expect_error(await(aw_join(task)), ECANCELED);
        expect_trace("cancelled");
        return 0;
}

static async int
a_cancelled_waiter_leaves_the_others_in_line(NOTHING)
{
        struct aw_event event = {.set = false};
        struct aw_task *tasks[3];
        int i;

        for (i = 0; i < 3; i++)
                tasks[i] = aw_spawn("waiter", wait_for_event, &event);
        await(aw_sleep(0));
        aw_cancel(tasks[1]);
        await(aw_sleep(0));
        expect_trace("cancelled");
        aw_event_set(&event);
        expect_int(await(aw_join(tasks[0])), 0);
        expect_error(await(aw_join(tasks[1])), ECANCELED);
        expect_int(await(aw_join(tasks[2])), 0);
        expect_trace("woken woken");
        expect(event.waiters.first == NULL && event.waiters.last == NULL);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(an_event_wakes_all_its_waiters_in_order),
                on_loop(an_event_that_is_set_is_not_waited_for),
                on_loop(the_wait_for_an_event_times_out),
                on_loop(deadlines_may_lie_before_all_times),
                on_loop(a_cancelled_waiter_leaves_the_others_in_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
