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
        aw_task_abort(
                task, did, " in the middle of a time-out or a group",
                ": time-outs nest, and on each way out of a function aw_timeout_enter() needs "
                "its aw_timeout_exit(), and a group with tasks its aw_group_join()");
}

/* A word that is nowhere else on the stack. Its last bit, which no task's address has, is the kind. */
static uintptr_t
mark_of(const struct aw_task *task, enum aw_scope_kind kind)
{
        return ~(uintptr_t)task - (uintptr_t)kind;
}

static bool
is_mark(const struct aw_task *task, uintptr_t word)
{
        return word == mark_of(task, AW_SCOPE_TIMEOUT) || word == mark_of(task, AW_SCOPE_GROUP);
}

/* What it looks at may be in a frame that is gone: AddressSanitizer need not say so. */
__attribute__((no_sanitize("address"))) void
aw_scope_check(const struct aw_task *task)
{
        for (size_t i = 0; i < AW_SCOPES_WATCHED && task->scopes[i] != NULL; i++)
                if (!is_mark(task, *task->scopes[i]))
                        scope_left(task, "left a function");
}

void
aw_scope_check_none(const struct aw_task *task)
{
        if (task->open > 0)
                scope_left(task, "ended");
}

void
aw_scope_open(struct aw_task *task, uintptr_t *mark, enum aw_scope_kind kind)
{
        size_t i = 0;

        if (task->open++ > 0)
                aw_scope_check(task);
        *mark = mark_of(task, kind);
        while (i < AW_SCOPES_WATCHED && task->scopes[i] != NULL)
                i++;
        if (i < AW_SCOPES_WATCHED)
                task->scopes[i] = mark;
}

/* Groups may overlap each other and time-outs: theirs begins where the first task is spawned. */
static __attribute__((no_sanitize("address"))) void
check_innermost(const struct aw_task *task, const uintptr_t *mark)
{
        const uintptr_t timeout = mark_of(task, AW_SCOPE_TIMEOUT);
        size_t i = AW_SCOPES_WATCHED;

        if (*mark != timeout)
                return;
        while (i > 0 && task->scopes[i - 1] != mark)
                i--;
        for (; i > 0 && i < AW_SCOPES_WATCHED && task->scopes[i] != NULL; i++)
                if (*task->scopes[i] == timeout)
                        scope_left(task, "left an outer time-out");
}

void
aw_scope_close(struct aw_task *task, uintptr_t *mark)
{
        size_t i = 0;

        if (--task->open > 0)
                check_innermost(task, mark);
        *mark = 0;
        while (i < AW_SCOPES_WATCHED && task->scopes[i] != mark)
                i++;
        for (; i < AW_SCOPES_WATCHED; i++)
                task->scopes[i] = i + 1 < AW_SCOPES_WATCHED ? task->scopes[i + 1] : NULL;
        if (task->open > 0)
                aw_scope_check(task);
}
