/* SPDX-License-Identifier: MIT */
/* Once: it needs no loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ws/private.h"

#define KEYS 4096

static int
compare_keys(const void *a, const void *b)
{
        return memcmp(a, b, WS_MASK_KEY_SIZE);
}

/* Of 4,096 random keys two are alike in one of 500 cases, so a few may be. */
static void
keys_do_not_repeat(void **state)
{
        static uint8_t keys[KEYS][WS_MASK_KEY_SIZE];
        int repeated = 0;

        (void)state;
        for (int i = 0; i < KEYS; i++)
                ws_mask_key(keys[i]);
        qsort(keys, KEYS, WS_MASK_KEY_SIZE, compare_keys);
        for (int i = 1; i < KEYS; i++)
                repeated += memcmp(keys[i - 1], keys[i], WS_MASK_KEY_SIZE) == 0;
        assert_in_range(repeated, 0, 3);
}

static void
a_child_has_keys_of_its_own(void **state)
{
        uint8_t ours[8 * WS_MASK_KEY_SIZE], theirs[sizeof(ours)];
        int ends[2], status;
        pid_t child;

        (void)state;
        ws_mask_key(ours);
        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        for (size_t i = 0; i < sizeof(ours); i += WS_MASK_KEY_SIZE)
                ws_mask_key(ours + i);
        if (child == 0)
                _exit(write(ends[1], ours, sizeof(ours)) == sizeof(ours) ? 0 : 1);
        assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_memory_not_equal(ours, theirs, sizeof(ours));
        close(ends[0]);
        close(ends[1]);
}

int
main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_do_not_repeat),
                cmocka_unit_test(a_child_has_keys_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
