/* SPDX-License-Identifier: MIT */
/* Who spawned whom. Siblings are in the order of their births. */
#include "base/list.h"
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
