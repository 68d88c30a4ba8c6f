/* SPDX-License-Identifier: MIT */
/* Tasks that stand and fall together: asyncio's TaskGroup. */
#include <errno.h>
#include <string.h>

#include "await/log.h"
#include "await/task_wait.h"
#include "base/list.h"
#include "task/private.h"

void
aw_group_init(struct aw_group *group)
{
        struct aw_task *parent = aw_task_current();

        if (parent == NULL)
                aw_log_abort("aw_group_init() outside a task");
        *group = (struct aw_group){.parent = parent, .cancels = parent->cancels - parent->cancel};
}

void
aw_group_cancel(struct aw_group *group)
{
        struct aw_task *task;

        for (task = group->tasks.first; task != NULL; task = task->members.next)
                aw_cancel(task);
}

/* From now on it takes no task, and those that it has are told to stop: once, for their clean-up's sake. */
static void
group_stop(struct aw_group *group)
{
        if (group->aborted)
                return;
        group->aborted = true;
        aw_group_cancel(group);
}

/* After the first failure the rest, and the parent wherever it waits, are told to stop. */
static void
group_abort(void *argument)
{
        struct aw_group *group = argument;

        group_stop(group);
        if (!group->joining) {
                group->interrupted = true;
                aw_cancel(group->parent);
        }
}

/*
 * One that was cancelled has not failed, whoever cancelled it. Those that fail in the same turn do so
 * before the first failure has consequences, and are not taken for cancelled.
 */
static void
group_note(struct aw_group *group, const struct aw_task *task)
{
        if (task->result != -1 || task->error == ECANCELED)
                return;
        if (group->failed < AW_GROUP_ERRORS)
                group->errors[group->failed] = task->error;
        if (group->failed++ == 0)
                aw_call_soon(&group->abort, group_abort, group);
        else
                aw_log_limited(AW_LOG_WARNING, "task '%s' failed after another of its group: %s",
                               task->name, aw_task_error_text(task));
}

static void
member_ended(struct aw_task *task)
{
        struct aw_group *group = task->group;

        aw_list_remove(&group->tasks, task, members);
        group_note(group, task);
        if (group->tasks.first == NULL)
                aw_wake_all(&group->ended);
        aw_task_free(task);
}

int
aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function, void *argument)
{
        struct aw_task *task;

        if (group->parent == NULL || group->joined) {
                errno = EINVAL;
                return -1;
        }
        if (group->failed > 0 || group->aborted) {
                errno = ECANCELED;
                return -1;
        }
        task = aw_task_spawn(name, function, argument, member_ended, group);
        if (task == NULL)
                return -1;
        if (group->open == 0)
                aw_scope_open(group->parent, &group->open, AW_SCOPE_GROUP);
        aw_list_append(&group->tasks, task, members);
        return 0;
}

/* The cancellation that the group itself sent to its parent ends here, delivered or not. */
static void
group_forgive_parent(struct aw_group *group)
{
        if (!group->interrupted)
                return;
        group->interrupted = false;
        group->parent->cancels--;
        if (group->parent->cancels <= group->cancels)
                group->parent->cancel = false;
}

/* A failure goes first, and a cancellation from outside comes after it, at the next await. */
static int
group_result(struct aw_group *group, bool cancelled)
{
        struct aw_task *parent = group->parent;

        if (group->failed > 0 && parent->cancels > group->cancels)
                parent->cancel = true;
        if (group->failed == 0 && !cancelled)
                return 0;
        errno = group->failed > 0 ? group->errors[0] : ECANCELED;
        return -1;
}

async int
aw_group_join(struct aw_group *group)
{
        bool cancelled = false;

        if (group->parent != aw_task_current())
                aw_log_abort("aw_group_join() by a task that is not the group's parent");
        group->joining = true;
        aw_handle_cancel(&group->abort);
        if (group->failed > 0 && !group->aborted)
                group_abort(group);
        group_forgive_parent(group);
        if (group->tasks.first != NULL && aw_wait_in(&group->ended, AW_NEVER, NULL) == -1) {
                cancelled = true;
                group_stop(group);
        }
        while (group->tasks.first != NULL)
                aw_suspend_in(&group->ended, AW_NEVER);
        aw_handle_cancel(&group->abort);
        group->joined = true;
        if (group->open != 0)
                aw_scope_close(group->parent, &group->open);
        return group_result(group, cancelled);
}

size_t
aw_group_errors(const struct aw_group *group, int errors[], size_t size)
{
        size_t kept = group->failed < AW_GROUP_ERRORS ? group->failed : AW_GROUP_ERRORS;

        if (size > 0)
                memcpy(errors, group->errors, (size < kept ? size : kept) * sizeof(*errors));
        return group->failed;
}
