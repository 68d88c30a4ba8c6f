/* SPDX-License-Identifier: MIT */
/* What is allocated and never freed, also without a sanitizer: what a second run leaves behind. */
#ifndef BALANCE_TEST_H
#define BALANCE_TEST_H

#include <malloc.h>

#include "unit/support.h"

/* Bytes that are in use; 0 under a sanitizer or Valgrind, which look for leaks themselves. */
static inline size_t
balance_used(void)
{
        struct mallinfo2 info = mallinfo2();

        return info.uordblks + info.hblkhd;
}

/* Freed pieces that the C library keeps at hand count as used, so it keeps none. */
static inline void
balance_begin(void)
{
        static char tunables[] = "glibc.malloc.tcache_count=0";
        const char *set = getenv("GLIBC_TUNABLES");

        if (test_under_valgrind() || (set != NULL && strcmp(set, tunables) == 0))
                return;
        setenv("GLIBC_TUNABLES", tunables, 1);
        execl("/proc/self/exe", program_invocation_name, NULL);
        abort();
}

/* The first run has all that is kept for the next time. */
#define run_balanced(tests, end)                                                                   \
        __extension__({                                                                            \
                int failures;                                                                      \
                size_t before;                                                                     \
                                                                                                   \
                balance_begin();                                                                   \
                failures = cmocka_run_group_tests((tests), NULL, (end));                           \
                before = balance_used();                                                           \
                if (failures == 0)                                                                 \
                        failures = cmocka_run_group_tests((tests), NULL, (end));                   \
                if (failures == 0 && balance_used() != before) {                                   \
                        print_error("%zd bytes are not freed\n",                                   \
                                    (ssize_t)(balance_used() - before));                           \
                        failures = 1;                                                              \
                }                                                                                  \
                failures;                                                                          \
        })

#endif
