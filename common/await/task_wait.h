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
AW_API aw_async int aw_wait_for(struct aw_task *task, aw_time deadline);

/*
 * asyncio.gather: waits for all, takes their results into results[] (which may be NULL) in order,
 * frees them and sets the entries of tasks[] to NULL. At the first failure it returns at once, -1
 * with that task's errno: those that are done are freed and NULL then, the others run on, still the
 * caller's; aw_gather_all() waits for them. Failures that came at the same time as the first are
 * logged. An entry that is NULL is a task that has failed with ENOMEM.
 *
 * If the caller is cancelled all are cancelled, each time, waited for and freed: -1 with ECANCELED;
 * or, if one of them fails, with that errno, and the cancellation comes at the caller's next await.
 * (In asyncio it is lost then.) For a deadline, at which they are cancelled, see
 * aw_timeout_enter(); for one at which they are not, aw_wait().
 */
AW_API aw_async int aw_gather(struct aw_task *tasks[], size_t count, int results[]);

/*
 * asyncio.gather(return_exceptions=True): waits for all, whatever comes of them, and takes their
 * results into results[] and each one's errno (0: none) into errors[]; both may be NULL, and without
 * errors[] failures are logged. All are freed, and their entries NULL. The number of those that
 * failed or were cancelled. If the caller is cancelled so are all, and they are waited for: -1 with
 * ECANCELED. Deadlines as for aw_gather().
 */
AW_API aw_async int aw_gather_all(struct aw_task *tasks[], size_t count, int results[],
                                  int errors[]);

/* asyncio.wait: when to return. As there, a cancelled task does not count as an exception. */
enum aw_wait_when { AW_ALL_COMPLETED, AW_FIRST_COMPLETED, AW_FIRST_EXCEPTION };

/*
 * Waits; cancels nothing, frees nothing. The number of tasks that are done, see aw_task_done(): at
 * the deadline that may be 0. -1 with ECANCELED if the caller was cancelled.
 */
AW_API aw_async int aw_wait(struct aw_task *tasks[], size_t count, enum aw_wait_when when,
                            aw_time deadline);

/*
 * asyncio.TaskGroup:
 *
 *     aw_group_init(&group);
 *     aw_group_spawn(&group, "left", left, NULL);
 *     aw_group_spawn(&group, "right", right, NULL);
 *     result = await(aw_group_join(&group));
 *
 * The structure is the caller's, its members are the library's; between init and the return of join,
 * the task that called init is the parent, and its function must not return without the join. The
 * first task of the group to fail cancels the others in the next turn, and the parent, if it waits
 * for something else than the join; the join takes that cancellation back. Those that fail after the
 * first are logged, and aw_group_errors() has them.
 */
#define AW_GROUP_ERRORS 8 /* are kept */
struct aw_group {
        struct aw_task *parent;
        struct aw_waiters ended;
        struct {
                struct aw_task *first, *last;
        } tasks;                     /* those that run */
        struct aw_handle abort;      /* after the first failure */
        size_t failed;               /* how many have */
        int errors[AW_GROUP_ERRORS]; /* of the first of them */
        unsigned cancels;            /* of the parent at init */
        uintptr_t open;              /* not 0 from the first task to the join */
        bool joining, joined, aborted;
        bool interrupted; /* the parent was cancelled on the group's behalf */
};
AW_API void aw_group_init(struct aw_group *group);

/*
 * A task that the group owns: it is not joined by anyone else. 0, or -1 with ENOMEM, ECANCELED if a
 * task has failed already or the join was cancelled, or EINVAL if the group was joined; the
 * argument is still the caller's then.
 */
AW_API int aw_group_spawn(struct aw_group *group, const char *name, aw_task_function *function,
                          void *argument);

/* Cancels all tasks of the group. */
AW_API void aw_group_cancel(struct aw_group *group);

/*
 * Waits until all have ended. 0, or -1 with the errno of the first that failed. If the caller is
 * cancelled, so are they, and they are waited for: -1 with ECANCELED; but if one has failed, that is
 * what is returned, and the cancellation comes at the next await (as in Python 3.13). For a deadline,
 * at which they are cancelled, see aw_timeout_enter().
 */
AW_API aw_async int aw_group_join(struct aw_group *group);

/*
 * How many tasks of the group have failed. The errnos of the first AW_GROUP_ERRORS of them, in the
 * order of their ends, are copied to errors[], as far as `size` of them fit; NULL with 0.
 */
AW_API size_t aw_group_errors(const struct aw_group *group, int errors[], size_t size);

#endif
