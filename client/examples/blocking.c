/* SPDX-License-Identifier: MIT */
/* A call that blocks stops every task of the loop; the loop's log says who did it. */
#include <await/log.h>
#include <await/task_wait.h>

#include <stdio.h>
#include <unistd.h>

/* Takes the place of the log. Only how a message begins is always the same. */
static void
print_message(enum aw_log_level level, const char *message)
{
        if (level <= AW_LOG_WARNING)
                fprintf(stderr, "slow: %.9s\n", message);
}

static async int
ticker(void *argument)
{
        (void)argument;
        for (int i = 0; i < 3 && await(aw_sleep(50 * AW_MILLISECOND)) == 0; i++)
                printf("tick %d\n", i);
        return 0;
}

static async int
polite(void *argument)
{
        await(aw_sleep(200 * AW_MILLISECOND));
        puts("polite done");
        return 0;
}

static async int
rude(void *argument)
{
        usleep(200000); /* stops every task of this loop */
        puts("rude done");
        return 0;
}

static async int
beside_ticker(const char *name, aw_task_function *function)
{
        struct aw_task *tasks[] = {aw_spawn("ticker", ticker, NULL),
                                   aw_spawn(name, function, NULL)};

        return tasks[0] == NULL || tasks[1] == NULL ? -1 : await(aw_gather(tasks, 2, NULL));
}

static async int
blocking(void *argument)
{
        if (await(beside_ticker("polite", polite)) == -1)
                return -1;
        return await(beside_ticker("rude", rude));
}

int
main(void)
{
        setlinebuf(stdout);
        aw_log_set_sink(print_message);
        return aw_run(NULL, blocking, NULL) == -1;
}
