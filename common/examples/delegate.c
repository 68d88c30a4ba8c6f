/* SPDX-License-Identifier: MIT */
/* Delegation through several levels: the value and the error both arrive at the top. */
#include <await/task.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static async int
leaf(int n)
{
        if (await(aw_sleep(10 * AW_MILLISECOND)) == -1)
                return -1;
        if (n < 0) {
                errno = EDOM;
                return -1;
        }
        return n * n;
}

static async int
middle(int n)
{
        int value = await(leaf(n));

        return value == -1 ? -1 : value + 1;
}

static async int
top(int n)
{
        int value = await(middle(n));

        return value == -1 ? -1 : value * 2;
}

static async int
delegate(void *argument)
{
        (void)argument;
        printf("top(3) = %d\n", await(top(3)));
        if (await(top(-1)) == -1)
                printf("top(-1) failed: %s\n", errno == EDOM ? "negative" : strerror(errno));
        return 0;
}

int
main(void)
{
        return aw_run(NULL, delegate, NULL) == -1;
}
