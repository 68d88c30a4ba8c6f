/* SPDX-License-Identifier: MIT */
/*
 * Waiting for several tasks, or for one with a time-out: asyncio's gather, wait, wait_for and
 * TaskGroup.
 */
#ifndef AW_TASK_WAIT_H
#define AW_TASK_WAIT_H

#include "task.h"

/*
 * asyncio.wait_for: aw_join() with a deadline. When it passes the task is cancelled and its end is
 * waited for; then -1 with ETIMEDOUT, unless the task came to a result all the same. The task is
 * freed in any case. One whose deadline has passed already is cancelled before it runs on.
 */
AW_API async int aw_wait_for(struct aw_task *task, aw_time deadline);

/*
 * asyncio.gather: waits for all, takes their results into results[] (which may be NULL) in order,
 * frees them and sets the entries of tasks[] to NULL. At the first failure it returns at once, -1
 * with that task's errno: those that are done are freed and NULL then, the others run on, still the
 * caller's. An entry that is NULL is a task that has failed with ENOMEM. If the caller is cancelled all are cancelled and waited for: -1 with ECANCELED, all
 * freed.
 */
AW_API async int aw_gather(struct aw_task *tasks[], size_t count, int results[]);

/* asyncio.wait: when to return. A cancellation is no exception there, so neither is it here. */
enum aw_wait_when { AW_ALL_COMPLETED, AW_FIRST_COMPLETED, AW_FIRST_EXCEPTION };

/*
 * Waits; cancels nothing, frees nothing. The number of tasks that are done, see aw_task_done(): at
 * the deadline that may be 0. -1 with ECANCELED if the caller was cancelled.
 */
AW_API async int aw_wait(struct aw_task *tasks[], size_t count, enum aw_wait_when when,
                         aw_time deadline);

/*
 * asyncio.TaskGroup:
 *
 *     aw_group_init(&group);
 *     aw_group_spawn(&group, "left", left, NULL);
 *     aw_group_spawn(&group, "right", right, NULL);
 *     result = await(aw_group_join(&group));
 *
 * The structure is the caller's; between init and the return of join, the task that called init is
 * the parent. The first task of the group to fail cancels the others, and the parent, if it waits
 * for something else than the join; the join takes that cancellation back.
 */
struct aw_group {
        struct aw_task *parent;
        struct aw_waiters ended;
        struct {
                struct aw_task *first, *last;
        } tasks;          /* those that run */
        int error;        /* of the first that failed */
        unsigned cancels; /* of the parent at init */
        bool joining;
        bool interrupted; /* the parent was cancelled on the group's behalf */
};
AW_API void aw_group_init(struct aw_group *group);

/*
 * A task that the group owns: it is not joined by anyone else. 0, or -1 with ENOMEM, or ECANCELED
 * if a task has failed already; the argument is still the caller's then.
 */
AW_API int aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function,
                          void *argument);

/* Cancels all tasks of the group. */
AW_API void aw_group_cancel(struct aw_group *group);

/*
 * Waits until all have ended. 0, or -1 with the errno of the first that failed. If the caller is
 * cancelled, so are they, and they are waited for: -1 with ECANCELED.
 */
AW_API async int aw_group_join(struct aw_group *group);

#endif
