/* SPDX-License-Identifier: MIT */
/* A coroutine awaits another one's value. */
#include <await/task.h>
#include <stdio.h>

static async const char *
greeting(void)
{
        if (await(aw_sleep(50 * AW_MILLISECOND)) == -1)
                return NULL;
        return "Hello, world!";
}

static async int
hello(void *argument)
{
        const char *text = await(greeting());

        (void)argument;
        if (text == NULL)
                return -1;
        puts(text);
        return 0;
}

int
main(void)
{
        return aw_run(NULL, hello, NULL) == -1;
}
