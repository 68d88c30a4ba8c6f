/* SPDX-License-Identifier: MIT */
/* Who spawned whom, also for people. Siblings are in the order of their births. */
#include "base/list.h"
#include "coro/coro.h"
#include "task/private.h"

static struct aw_tasks *
siblings_of(struct aw_task *parent)
{
        return parent == NULL ? &aw_scheduler.roots : &parent->children;
}

void
aw_task_tree_insert(struct aw_task *task, struct aw_task *parent)
{
        task->parent = parent;
        aw_list_append(siblings_of(parent), task, siblings);
}

void
aw_task_tree_remove(struct aw_task *task)
{
        struct aw_task *child;

        while ((child = aw_list_take(&task->children, siblings)) != NULL)
                aw_task_tree_insert(child, task->parent);
        aw_list_remove(siblings_of(task->parent), task, siblings);
}

struct aw_task *
aw_task_next(struct aw_task *task)
{
        if (task == NULL)
                return aw_scheduler.roots.first;
        if (task->children.first != NULL)
                return task->children.first;
        while (task != NULL && task->siblings.next == NULL)
                task = task->parent;
        return task == NULL ? NULL : task->siblings.next;
}

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

/* A task may have the smallest of stacks, on which fprintf(3) to stderr has no room. */
static void
dump_task(const struct aw_task *task, aw_time now, FILE *out)
{
        char line[AW_TASK_NAME_SIZE + 80];

        snprintf(line, sizeof(line), "%s (%s, stack %zu KiB, %.1f s)", task->name,
                 states[task->state], aw_coro_depth(task->coro) >> 10,
                 (double)(now - task->born) / AW_SECOND);
        for (int depth = depth_of(task); depth > 0; depth--)
                fputs("  ", out);
        fputs(line, out);
        if (task->here.site != NULL) {
                fputs(" at ", out);
                fputs(task->here.site, out);
        }
        fputc('\n', out);
}

void
aw_task_dump(FILE *out)
{
        struct aw_task *task = NULL;
        aw_time now = aw_loop_now();

        while ((task = aw_task_next(task)) != NULL)
                dump_task(task, now, out);
}

void
aw_task_usage(struct aw_task_usage *usage)
{
        struct aw_coro_pool_stats stats = {.live = 0};

        if (aw_scheduler.pool != NULL)
                aw_coro_pool_stats(aw_scheduler.pool, &stats);
        *usage = (struct aw_task_usage){
                .tasks = stats.live, .stacks = stats.live + stats.idle, .space = stats.mapped};
}

const char *
aw_waiters_site(const struct aw_waiters *waiters)
{
        return waiters->first == NULL ? NULL : waiters->first->task->here.site;
}
