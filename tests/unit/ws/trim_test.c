/* SPDX-License-Identifier: MIT */
/* Wraps: malloc_trim. */
/* Memory is given back to the system when much less is in use, not where as much comes as goes. */
#include "unit/clock.h"
#include "unit/support.h"
#include "ws/private.h"

#define MIB ((ptrdiff_t)1 << 20)

static int trims;

int __wrap_malloc_trim(size_t pad);

int
__wrap_malloc_trim(size_t pad)
{
        (void)pad;
        trims++;
        return 0;
}

static async int
a_second_after_much_was_freed(NOTHING)
{
        trims = 0;
        ws_memory_begin();
        ws_memory_charge(10 * MIB);
        ws_memory_charge(-7 * MIB);
        await(clock_advance(2 * AW_SECOND));
        expect_int(trims, 0);
        ws_memory_charge(-MIB);
        await(clock_advance(AW_SECOND / 2));
        expect_int(trims, 0);
        await(clock_advance(AW_SECOND));
        expect_int(trims, 1);
        await(clock_advance(2 * AW_SECOND));
        expect_int(trims, 1);
        ws_memory_charge(-2 * MIB);
        expect(ws_memory_end());
        expect_int(trims, 1);
        return 0;
}

static async int
not_where_as_much_comes_as_goes(NOTHING)
{
        trims = 0;
        ws_memory_begin();
        for (int i = 0; i < 100; i++) {
                ws_memory_charge(MIB);
                ws_memory_charge(-MIB);
        }
        await(clock_advance(2 * AW_SECOND));
        /* What was freed is in use again when the second is over. */
        ws_memory_charge(20 * MIB);
        ws_memory_charge(-10 * MIB);
        await(clock_advance(AW_SECOND / 2));
        ws_memory_charge(10 * MIB);
        await(clock_advance(AW_SECOND));
        expect_int(trims, 0);
        /* It is less than then that counts from now on. */
        ws_memory_charge(-7 * MIB);
        await(clock_advance(2 * AW_SECOND));
        expect_int(trims, 0);
        ws_memory_charge(-MIB);
        await(clock_advance(2 * AW_SECOND));
        expect_int(trims, 1);
        ws_memory_charge(-12 * MIB);
        expect(ws_memory_end());
        return 0;
}

/* No loop may be there a second later. */
static async int
at_once_with_the_last_connection(NOTHING)
{
        trims = 0;
        ws_memory_begin();
        ws_memory_begin();
        ws_memory_charge(10 * MIB);
        ws_memory_charge(-10 * MIB);
        expect(!ws_memory_end());
        expect_int(trims, 0);
        expect(ws_memory_end());
        expect_int(trims, 1);
        await(clock_advance(2 * AW_SECOND));
        expect_int(trims, 1);
        return 0;
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                on_loop(a_second_after_much_was_freed),
                on_loop(not_where_as_much_comes_as_goes),
                on_loop(at_once_with_the_last_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
