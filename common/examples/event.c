/* SPDX-License-Identifier: MIT */
/* Two tasks wait for one event, which a timer sets. */
#include <await/sync.h>
#include <await/task_wait.h>
#include <stdio.h>

static void
trigger(void *event)
{
        puts("EVENT SET");
        aw_event_set(event);
}

static async int
consumer(void *event)
{
        const char *name = aw_task_name(aw_task_current());

        printf("%s waiting\n", name);
        if (await(aw_event_wait(event, AW_NEVER)) == -1)
                return -1;
        printf("%s triggered\n", name);
        return 0;
}

static async int
event(void *argument)
{
        static struct aw_event event;
        static struct aw_handle timer;
        struct aw_task *tasks[] = {aw_spawn("Consumer A", consumer, &event),
                                   aw_spawn("Consumer B", consumer, &event)};

        (void)argument;
        if (tasks[0] == NULL || tasks[1] == NULL)
                return -1;
        aw_call_later(&timer, 100 * AW_MILLISECOND, trigger, &event);
        return await(aw_gather(tasks, 2, NULL));
}

int
main(void)
{
        return aw_run(NULL, event, NULL) == -1;
}
