/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/sizes.h"

static struct sizes sizes;

static void
good(const char *text)
{
        const char *problem;

        if (sizes_parse(text, &sizes, &problem) == -1)
                fail_msg("'%s': %s", text, problem);
}

static void
bad(const char *text, const char *says)
{
        const char *problem = NULL;

        assert_int_equal(sizes_parse(text, &sizes, &problem), -1);
        if (strstr(problem, says) == NULL)
                fail_msg("'%s': %s", text, problem);
}

static void
one_size_is_always_the_same(void **state)
{
        (void)state;
        good("64K");
        assert_int_equal(sizes.max, 65536);
        assert_true(sizes.mean == 65536);
        assert_int_equal(sizes_pick(&sizes, 0), 65536);
        assert_int_equal(sizes_pick(&sizes, UINT64_MAX), 65536);
        good("0");
        assert_int_equal(sizes_pick(&sizes, 12345), 0);
}

static void
a_range_reaches_both_its_ends_and_no_further(void **state)
{
        bool seen[4] = {false};

        (void)state;
        good("10-13");
        for (uint64_t i = 0; i < 100; i++) {
                uint32_t size = sizes_pick(&sizes, i << 32);

                assert_in_range(size, 10, 13);
                seen[size - 10] = true;
        }
        assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
        assert_true(sizes.mean == 11.5);
}

/* Of all remainders, so that the shares are exact. */
static void
a_mix_has_the_shares_it_says(void **state)
{
        unsigned small = 0, large = 0;

        (void)state;
        good("99.5%:128,0.5%:1M");
        assert_int_equal(sizes.max, 1 << 20);
        for (uint64_t i = 0; i < 100000; i++)
                *(sizes_pick(&sizes, i) == 128 ? &small : &large) += 1;
        assert_int_equal(small, 99500);
        assert_int_equal(large, 500);
}

static void
what_is_wrong_is_said(void **state)
{
        (void)state;
        bad("", "a size is a number");
        bad("x", "a size is a number");
        bad("2G", "up to 1G");
        bad("5-", "a range is two sizes");
        bad("5-3", "begins with the smaller");
        bad("50%:1", "add up to 100%");
        bad("50%:1,51%:2", "add up to 100%");
        bad("50:1", "a share is a percentage");
        bad("0%:1,100%:2", "a share is a percentage");
        bad("1,2", "add up to 100%");
        bad("6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1,6%:1",
            "at most 16");
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_size_is_always_the_same),
                cmocka_unit_test(a_range_reaches_both_its_ends_and_no_further),
                cmocka_unit_test(a_mix_has_the_shares_it_says),
                cmocka_unit_test(what_is_wrong_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
