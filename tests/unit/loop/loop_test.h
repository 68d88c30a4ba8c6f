/* SPDX-License-Identifier: MIT */
/* What the tests of the loop's callbacks share; they turn a loop of their own, without tasks. */
#ifndef AW_LOOP_TEST_H
#define AW_LOOP_TEST_H

#include "loop/private.h"
#include "unit/support.h"

/* What ran, as letters. */
static char ran[64];
static size_t ran_count;

/* Every callback that a test waits for says that it has come. */
static inline void
came(void)
{
        aw_loop_wake(aw_loop_get());
}

static inline void
note(void *argument)
{
        const char *letter = argument;

        ran[ran_count++] = *letter;
        ran[ran_count] = '\0';
        came();
}

static inline void
forget(void)
{
        ran_count = 0;
        ran[0] = '\0';
}

static inline void
set_flag(void *argument)
{
        bool *flag = argument;

        *flag = true;
        came();
}

static inline void
busy_until(aw_time when)
{
        while (aw_loop_now() < when)
                continue;
}

static inline void
turn_until(struct aw_loop *loop, const bool *flag)
{
        while (!*flag)
                aw_loop_turn(loop, true);
}

static inline int
open_loop(void **state)
{
        forget();
        test_begin();
        *state = test_loop();
        return 0;
}

static inline int
close_loop(void **state)
{
        aw_loop_destroy(*state);
        test_end();
        return 0;
}

#define with_loop(test) cmocka_unit_test_setup_teardown(test, open_loop, close_loop)

#endif
