/* SPDX-License-Identifier: MIT */
/* Who waits for the end of tasks, and what came of them so far. */
#include <errno.h>

#include "await/log.h"
#include "await/task_wait.h"
#include "task/private.h"

bool
aw_watcher_enough(const struct aw_watcher *watcher)
{
        return watcher->done == watcher->count ||
               (watcher->when == AW_FIRST_COMPLETED && watcher->done > 0) ||
               (watcher->when == AW_FIRST_EXCEPTION && watcher->failure != 0) ||
               (watcher->when == AW_WATCH_FIRST_ERROR && watcher->error != 0);
}

void
aw_watcher_count(struct aw_watcher *watcher, const struct aw_task *task)
{
        int error = aw_watcher_error(task);

        watcher->done++;
        if (error != 0 && watcher->error == 0)
                watcher->error = error;
        if (error != 0 && error != ECANCELED && watcher->failure == 0) {
                watcher->failure = error;
                watcher->failed = task;
        }
}

static void
watcher_ended(struct aw_watcher *watcher, const struct aw_task *task)
{
        aw_watcher_count(watcher, task);
        if (aw_watcher_enough(watcher))
                aw_wake_all(&watcher->waiters);
}

/* A task has one owner, who alone takes or detaches it. */
void
aw_watcher_check_none(const struct aw_task *task)
{
        if (task->watcher != NULL)
                aw_log_abort("task '%s' is waited for by another task", task->name);
}

void
aw_watcher_watch(struct aw_watcher *watcher, struct aw_task *task)
{
        if (task == aw_scheduler.current)
                aw_log_abort("task '%s' joins itself, at %s", task->name, aw_task_site(task));
        aw_watcher_check_none(task);
        if (task->ended != NULL)
                aw_log_abort("task '%s' is detached or belongs to a group: it cannot be waited for",
                             task->name);
        watcher->ended = watcher_ended;
        task->watcher = watcher;
}
