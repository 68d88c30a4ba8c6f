/* SPDX-License-Identifier: MIT */
/*
 * Who spawned whom. Siblings are in the order of their births; `previous` of the first is the last.
 */
#include "task/private.h"

static struct aw_task **
siblings_of(struct aw_task *parent)
{
        return parent == NULL ? &aw_scheduler.roots : &parent->children;
}

void
aw_task_tree_insert(struct aw_task *task, struct aw_task *parent)
{
        struct aw_task **first = siblings_of(parent);

        task->parent = parent;
        task->next = NULL;
        if (*first == NULL) {
                *first = task;
        } else {
                task->previous = (*first)->previous;
                task->previous->next = task;
        }
        (*first)->previous = task;
}

static void
tree_unlink(struct aw_task *task)
{
        struct aw_task **first = siblings_of(task->parent);

        if (task->next != NULL)
                task->next->previous = task->previous;
        else
                (*first)->previous = task->previous;
        if (*first == task)
                *first = task->next;
        else
                task->previous->next = task->next;
}

void
aw_task_tree_remove(struct aw_task *task)
{
        struct aw_task *child;

        while ((child = task->children) != NULL) {
                tree_unlink(child);
                aw_task_tree_insert(child, task->parent);
        }
        tree_unlink(task);
}

struct aw_task *
aw_task_next(struct aw_task *task)
{
        if (task == NULL)
                return aw_scheduler.roots;
        if (task->children != NULL)
                return task->children;
        while (task != NULL && task->next == NULL)
                task = task->parent;
        return task == NULL ? NULL : task->next;
}
