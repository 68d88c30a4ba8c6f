/* SPDX-License-Identifier: MIT */
/*
 * Time-outs and groups are structures in the frame of a function, which the loop keeps pointers to: a
 * function that returns in between leaves those behind. The end of the task tells that for certain,
 * by the count. Before it, whenever the task begins to wait, and opens or closes another one, those
 * are found that something has been written over, before anything in the loop comes past them.
 * Nobody looks at frames and their addresses, which compilers lay out as they like.
 */
#include "await/log.h"
#include "task/private.h"

static void
scope_left(const struct aw_task *task, const char *did)
{
        aw_log_abort("task '%s' %s in the middle of a time-out or a group, its last await was at "
                     "%s: on each way out of a function aw_timeout_enter() needs its "
                     "aw_timeout_exit(), and a group with tasks its aw_group_join()",
                     task->name, did, aw_task_site(task));
}

/* A word that is nowhere else on the stack. */
static uintptr_t
mark_of(const struct aw_task *task)
{
        return ~(uintptr_t)task;
}

/* What it looks at may be in a frame that is gone: AddressSanitizer need not say so. */
__attribute__((no_sanitize("address"))) void
aw_scope_check(const struct aw_task *task)
{
        for (size_t i = 0; i < AW_SCOPES_WATCHED && task->scopes[i] != NULL; i++)
                if (*task->scopes[i] != mark_of(task))
                        scope_left(task, "left a function");
}

void
aw_scope_check_none(const struct aw_task *task)
{
        if (task->open > 0)
                scope_left(task, "ended");
}

void
aw_scope_open(struct aw_task *task, uintptr_t *mark)
{
        size_t i = 0;

        if (task->open++ > 0)
                aw_scope_check(task);
        *mark = mark_of(task);
        while (i < AW_SCOPES_WATCHED && task->scopes[i] != NULL)
                i++;
        if (i < AW_SCOPES_WATCHED)
                task->scopes[i] = mark;
}

void
aw_scope_close(struct aw_task *task, uintptr_t *mark)
{
        size_t i = 0;

        task->open--;
        *mark = 0;
        while (i < AW_SCOPES_WATCHED && task->scopes[i] != mark)
                i++;
        for (; i < AW_SCOPES_WATCHED; i++)
                task->scopes[i] = i + 1 < AW_SCOPES_WATCHED ? task->scopes[i + 1] : NULL;
        if (task->open > 0)
                aw_scope_check(task);
}
