/* SPDX-License-Identifier: MIT */
/* A call that blocks stops every task of the loop; the loop says who did it. */
#include <await/log.h>
#include <await/task_wait.h>

#include <stdio.h>
#include <unistd.h>

/* Where the library's log goes: here it is cut, for how long it took is never the same. */
static void
print_log(enum aw_log_level level, const char *message)
{
        if (level <= AW_LOG_WARNING)
                fprintf(stderr, "slow: %.9s\n", message);
}

static async int
ticker(void *argument)
{
        (void)argument;
        for (int i = 0; i < 3; i++) {
                if (await(aw_sleep(50 * AW_MILLISECOND)) == -1)
                        return -1;
                printf("tick %d\n", i);
        }
        return 0;
}

static async int
polite(void *argument)
{
        (void)argument;
        if (await(aw_sleep(200 * AW_MILLISECOND)) == -1)
                return -1;
        puts("polite done");
        return 0;
}
