/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "await/log.h"
#include "await/task_wait.h"
#include "base/list.h"
#include "task/private.h"

async int
aw_wait_for(struct aw_task *task, aw_time deadline)
{
        bool late, cancelled;
        int result;

        /* If it is late already the task does not run on, nor start. */
        late = deadline <= aw_loop_now() ? !aw_task_done(task)
                                         : aw_task_wait_done(task, deadline) == -1;
        if (late) {
                aw_cancel(task);
                aw_task_wait_done(task, AW_NEVER);
        }
        cancelled = aw_task_current()->cancel;
        result = aw_task_take_joined(task);
        if (late && !cancelled && result == -1 && errno == ECANCELED)
                errno = ETIMEDOUT;
        return result;
}

struct tally {
        size_t done;
        int error;   /* of the first to fail, cancellation included */
        bool failed; /* some did otherwise than by cancellation */
};

static struct tally
count_done(struct aw_task *tasks[], size_t count)
{
        struct tally tally = {.done = 0};
        uint64_t first = UINT64_MAX;
        size_t i;

        for (i = 0; i < count; i++) {
                if (tasks[i]->state != AW_TASK_DONE)
                        continue;
                tally.done++;
                if (tasks[i]->result != -1)
                        continue;
                if (tasks[i]->ended < first) {
                        first = tasks[i]->ended;
                        tally.error = tasks[i]->error;
                }
                tally.failed |= tasks[i]->error != ECANCELED;
        }
        return tally;
}

static void
watch_all(struct aw_task *tasks[], size_t count, struct aw_waiters *watchers)
{
        size_t i;

        for (i = 0; i < count; i++)
                if (watchers == NULL || tasks[i]->state != AW_TASK_DONE)
                        aw_task_watch(tasks[i], watchers);
}

/*
 * What is waited for: asyncio.wait's three, where a cancellation is no exception, and gather's,
 * where it is.
 */
enum { FIRST_FAILURE = AW_FIRST_EXCEPTION + 1 };

static bool
enough(struct tally tally, size_t count, int when)
{
        return tally.done == count || (when == AW_FIRST_COMPLETED && tally.done > 0) ||
               (when == AW_FIRST_EXCEPTION && tally.failed) ||
               (when == FIRST_FAILURE && tally.error != 0);
}

static int
wait_until(struct aw_task *tasks[], size_t count, int when, aw_time deadline)
{
        struct aw_waiters ended = {NULL, NULL};
        struct tally tally = count_done(tasks, count);
        int result = 0;

        watch_all(tasks, count, &ended);
        while (result == 0 && !enough(tally, count, when)) {
                result = aw_wait_in(&ended, deadline, NULL);
                tally = count_done(tasks, count);
        }
        watch_all(tasks, count, NULL);
        return result == -1 && errno == ECANCELED ? -1 : (int)tally.done;
}

async int
aw_wait(struct aw_task *tasks[], size_t count, enum aw_wait_when when, aw_time deadline)
{
        return wait_until(tasks, count, (int)when, deadline);
}

static void
cancel_and_wait(struct aw_task *tasks[], size_t count)
{
        struct aw_waiters ended = {NULL, NULL};
        size_t i;

        for (i = 0; i < count; i++)
                aw_cancel(tasks[i]);
        watch_all(tasks, count, &ended);
        while (count_done(tasks, count).done < count)
                aw_suspend_in(&ended, AW_NEVER);
        watch_all(tasks, count, NULL);
}

/* Takes the results of those that are done. */
static void
take_done(struct aw_task *tasks[], size_t count, int results[])
{
        size_t i;
        int result;

        for (i = 0; i < count; i++) {
                if (tasks[i]->state != AW_TASK_DONE)
                        continue;
                result = aw_task_take(tasks[i]);
                if (results != NULL)
                        results[i] = result;
                tasks[i] = NULL;
        }
}

async int
aw_gather(struct aw_task *tasks[], size_t count, int results[])
{
        int error;

        if (wait_until(tasks, count, FIRST_FAILURE, AW_NEVER) == -1) {
                cancel_and_wait(tasks, count);
                error = ECANCELED;
        } else {
                error = count_done(tasks, count).error;
        }
        take_done(tasks, count, results);
        errno = error;
        return error == 0 ? 0 : -1;
}

void
aw_group_init(struct aw_group *group)
{
        struct aw_task *parent = aw_task_current();

        if (parent == NULL)
                aw_log_abort("aw_group_init() outside a task");
        *group = (struct aw_group){.parent = parent, .cancels = parent->cancels - parent->cancel};
}

int
aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function, void *argument)
{
        struct aw_task *task;

        if (group->error != 0) {
                errno = ECANCELED;
                return -1;
        }
        task = aw_task_spawn(name, function, argument, group);
        if (task == NULL)
                return -1;
        aw_list_append(&group->tasks, task, members);
        return 0;
}

void
aw_group_cancel(struct aw_group *group)
{
        struct aw_task *task;

        for (task = group->tasks.first; task != NULL; task = task->members.next)
                aw_cancel(task);
}

/* The first failure: the rest, and the parent wherever it waits, are told to stop. */
static void
group_fail(struct aw_group *group, int error)
{
        group->error = error;
        aw_group_cancel(group);
        if (!group->joining) {
                group->interrupted = true;
                aw_cancel(group->parent);
        }
}

void
aw_group_ended(struct aw_group *group, struct aw_task *task)
{
        aw_list_remove(&group->tasks, task, members);
        /* One that was cancelled has not failed, whoever cancelled it. */
        if (task->result == -1 && task->error != ECANCELED && group->error == 0)
                group_fail(group, task->error);
        if (group->tasks.first == NULL)
                aw_wake_all(&group->ended);
}

/* The cancellation that the group itself sent to its parent ends here, delivered or not. */
static void
group_forgive_parent(struct aw_group *group)
{
        if (!group->interrupted)
                return;
        group->parent->cancels--;
        if (group->parent->cancels <= group->cancels)
                group->parent->cancel = false;
}

async int
aw_group_join(struct aw_group *group)
{
        bool cancelled = false;

        if (group->parent != aw_task_current())
                aw_log_abort("aw_group_join() by a task that is not the group's parent");
        group->joining = true;
        group_forgive_parent(group);
        if (group->tasks.first != NULL && aw_wait_in(&group->ended, AW_NEVER, NULL) == -1) {
                cancelled = true;
                /*
                 * If one has failed they were told to stop, and are not disturbed in their
                 * clean-up.
                 */
                if (group->error == 0)
                        aw_group_cancel(group);
        }
        while (group->tasks.first != NULL)
                aw_suspend_in(&group->ended, AW_NEVER);
        errno = cancelled ? ECANCELED : group->error;
        return cancelled || group->error != 0 ? -1 : 0;
}
