/* SPDX-License-Identifier: MIT */
/* A call that blocks stops every task of the loop; the loop's log says who did it. */
#define _GNU_SOURCE 1
#include <await/log.h>
#include <await/task.h>
#include <stdio.h>
#include <unistd.h>

/* Takes the place of the log. How a message begins is always the same, how long it took is not. */
static void
print_message(enum aw_log_level level, const char *message)
{
        if (level <= AW_LOG_WARNING)
                fprintf(stderr, "slow: %.9s\n", message);
}

static async int
polite(void *text)
{
        if (await(aw_sleep(200 * AW_MILLISECOND)) == -1)
                return -1;
        puts(text);
        return 0;
}

static async int
rude(void *text)
{
        usleep(200000); /* stops every task of this loop */
        puts(text);
        return 0;
}

static async int
tick_beside(struct aw_task *task)
{
        if (task == NULL)
                return -1;
        for (int i = 0; i < 3 && await(aw_sleep(50 * AW_MILLISECOND)) == 0; i++)
                printf("tick %d\n", i);
        return await(aw_join(task));
}

static async int
blocking(void *argument)
{
        (void)argument;
        if (await(tick_beside(aw_spawn("polite", polite, "polite done"))) == -1)
                return -1;
        return await(tick_beside(aw_spawn("rude", rude, "rude done")));
}

int
main(void)
{
        setlinebuf(stdout);
        aw_log_set_sink(print_message);
        return aw_run(NULL, blocking, NULL) == -1;
}
