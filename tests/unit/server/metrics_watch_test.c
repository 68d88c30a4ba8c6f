/* SPDX-License-Identifier: MIT */
/* How often the server looks at itself, and how late it does. */
#include "metrics.h"
#include "unit/clock.h"
#include "unit/support.h"

#define LOOK (AW_SECOND / 10)

static struct metrics block;

static uint64_t
looks(void)
{
        uint64_t count = 0;

        for (size_t i = 0; i <= AW_HISTOGRAM_BOUNDS; i++)
                count += block.lag.buckets[i];
        return count;
}

static uint64_t
time_of_day(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static async int
its_start_is_the_time_of_day_in_microseconds(NOTHING)
{
        uint64_t before = time_of_day();

        metrics_use(&block);
        metrics_sample();
        expect(block.start_time >= before && block.start_time <= time_of_day());
        return 0;
}

static async int
it_looks_each_tenth_of_a_second_and_counts_each_second(NOTHING)
{
        struct aw_task *watching;

        metrics_use(&block);
        clock_stop();
        watching = aw_spawn("metrics", metrics_watch_loop, NULL);
        await(aw_sleep(0));
        expect_int((long long)block.tasks, 2);
        block.tasks = 0;
        for (int i = 1; i <= 9; i++) {
                await(clock_advance(LOOK));
                expect_int((long long)looks(), i);
        }
        expect_int((long long)block.tasks, 0);
        await(clock_advance(LOOK - 1));
        expect_int((long long)looks(), 9);
        await(clock_advance(1));
        expect_int((long long)looks(), 10);
        expect_int((long long)block.tasks, 2);
        expect_int((long long)block.lag.sum, 0);
        /* One that is a little late is followed by one that is on time. */
        await(clock_advance(LOOK + LOOK / 2));
        expect_int((long long)looks(), 11);
        expect_int((long long)block.lag.sum, LOOK / 2);
        await(clock_advance(LOOK / 2));
        expect_int((long long)looks(), 12);
        expect_int((long long)block.lag.sum, LOOK / 2);
        /* After a long pause it does not catch up. */
        await(clock_advance(31 * LOOK));
        expect_int((long long)looks(), 13);
        expect_int((long long)block.lag.sum, LOOK / 2 + 30 * LOOK);
        await(clock_advance(LOOK));
        expect_int((long long)looks(), 14);
        aw_cancel(watching);
        expect_int(await(aw_join(watching)), 0);
        clock_go_on();
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(its_start_is_the_time_of_day_in_microseconds),
                on_loop(it_looks_each_tenth_of_a_second_and_counts_each_second),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
