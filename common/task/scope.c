/* SPDX-License-Identifier: MIT */
/*
 * Time-outs and groups are structures in the frame of a function, which the loop keeps pointers to:
 * a function that returns in between leaves those behind. That is found before they are used, if it
 * can be: when the task ends, when it waits, and when what was opened before is closed.
 */
#include "await/log.h"
#include "coro/coro.h"
#include "task/private.h"

static void
scope_left(const struct aw_task *task, const char *did)
{
        aw_log_abort("task '%s' %s in the middle of a time-out or a group, its last await was at "
                     "%s: on each way out of a function aw_timeout_enter() needs its "
                     "aw_timeout_exit(), and a group with tasks its aw_group_join()",
                     task->name, did, aw_task_site(task));
}

void
aw_scope_open(struct aw_scope *scope, struct aw_task *task)
{
        *scope = (struct aw_scope){.task = task, .outer = task->scope};
        if (scope->outer != NULL)
                scope->outer->inner = scope;
        task->scope = scope;
        /* Awaits in the library are not recorded, but its own time-outs are in its frames. */
        if (aw_coro_left(task->coro, scope, task->here.stack))
                task->here.stack = scope;
}

void
aw_scope_close(struct aw_scope *scope, const void *stack)
{
        struct aw_task *task = scope->task;

        if (task == NULL)
                return;
        if (scope->inner == NULL)
                task->scope = scope->outer;
        else if (aw_coro_left(task->coro, scope->inner, stack))
                scope_left(task, "left a function");
        else
                scope->inner->outer = scope->outer;
        if (scope->outer != NULL)
                scope->outer->inner = scope->inner;
        scope->task = NULL;
}

void
aw_scope_check(const struct aw_task *task, bool ends)
{
        if (task->scope == NULL)
                return;
        if (ends)
                scope_left(task, "ended");
        if (aw_coro_left(task->coro, task->scope, task->here.stack))
                scope_left(task, "left a function");
}
