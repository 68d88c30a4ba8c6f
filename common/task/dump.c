/* SPDX-License-Identifier: MIT */
/* The tree of tasks, for people. */
#include "task/private.h"

static const char *const states[] = {
        [AW_TASK_READY] = "ready",
        [AW_TASK_RUNNING] = "running",
        [AW_TASK_WAITING] = "waiting",
        [AW_TASK_DONE] = "done, not joined",
};

static int
depth_of(const struct aw_task *task)
{
        int depth = 0;

        for (task = task->parent; task != NULL; task = task->parent)
                depth++;
        return depth;
}

void
aw_task_dump(FILE *out)
{
        struct aw_task *task = NULL;
        aw_time now = aw_loop_now();

        while ((task = aw_task_next(task)) != NULL)
                fprintf(out, "%*s%s (%s, %.1f s)%s%s\n", 2 * depth_of(task), "", task->name,
                        states[task->state], (double)(now - task->born) / AW_SECOND,
                        task->site == NULL ? "" : " at ", task->site == NULL ? "" : task->site);
}
