/* SPDX-License-Identifier: MIT */
/* How long certificates last: who is warned, and when. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service.h"
#include "unit/clock.h"
#include "unit/support.h"

#define DAY ((aw_time)24 * 60 * 60 * AW_SECOND)

/* Seconds that the calendar is ahead. */
static time_t ahead;

/* Stands in for the C library's. */
time_t
time(time_t *out)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        now.tv_sec += ahead;
        if (out != NULL)
                *out = now.tv_sec;
        return now.tv_sec;
}

static async void
days_pass(int days)
{
        ahead += (time_t)days * 24 * 60 * 60;
        await(clock_advance(days * DAY));
}

/* A certificate made at the start is good for 30 days: the last 6 of these are the last fifth. */
static async int
a_certificate_is_warned_of_each_day_of_its_last_fifth(NOTHING)
{
        struct server_options options = {.check = false};
        struct tls_watch watch = {.options = NULL};

        ahead = 0;
        expect_int(tls_load(&options, true), 0);
        expect(options.fingerprint[0] != '\0');
        expect(tls_expiry(&options) > (int64_t)time(NULL));
        tls_watch_begin(&watch, &options);
        for (int day = 1; day <= 23; day++)
                await(days_pass(1));
        expect_int((long long)test_log.count, 0);
        await(days_pass(1));
        expect_log("the certificate that was made at the start expires on ");
        await(days_pass(1));
        expect_log(": a restart makes a new one");
        expect_int(tls_check(&options, NULL), 0);
        await(days_pass(1));
        expect_log("expires on");
        for (int day = 27; day <= 30; day++)
                await(days_pass(1));
        test_log.expected = test_log.count;
        await(days_pass(1));
        expect_log("the certificate that was made at the start has expired on ");
        tls_watch_end(&watch);
        await(days_pass(3));
        expect_int((long long)test_log.count, (long long)test_log.expected);
        options_clear(&options);
        return 0;
}

static async int
without_tls_there_is_nothing_to_warn_of(NOTHING)
{
        struct server_options options = {.check = false};

        expect_int(tls_load(&options, false), 0);
        expect(options.tls == NULL);
        tls_warn(&options);
        expect_int(tls_expiry(&options), 0);
        expect_int(tls_check(&options, NULL), 0);
        options_clear(&options);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_certificate_is_warned_of_each_day_of_its_last_fifth),
                on_loop(without_tls_there_is_nothing_to_warn_of),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
