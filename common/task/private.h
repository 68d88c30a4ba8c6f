/* SPDX-License-Identifier: MIT */
/* What the files of the tasks share. */
#ifndef AW_TASK_PRIVATE_H
#define AW_TASK_PRIVATE_H

#include <errno.h>

#include "await/task.h"
#include "task/suspend.h"

#define AW_TASK_NAME_SIZE 32

/* Of so many time-outs and groups of a task it is found early that they were left behind. */
#define AW_SCOPES_WATCHED 4

struct aw_coro;
struct aw_group;

/* Ready is 0. */
enum aw_task_state { AW_TASK_READY, AW_TASK_RUNNING, AW_TASK_WAITING, AW_TASK_DONE };

/* A wait in progress; it lives on the waiting task's own stack. */
struct aw_waiter {
        struct aw_task *task;
        struct aw_waiters *waiters; /* the queue it is in, or NULL */
        struct {
                struct aw_waiter *next, *previous;
        } link;
        struct aw_handle timer;
        enum { AW_WAITING, AW_WOKEN, AW_TIMED_OUT, AW_CANCELLED } outcome;
};

struct aw_tasks {
        struct aw_task *first, *last;
};

/* The mark of a task, and of one that is no more: two words that nothing else in its place has. */
#define AW_TASK_MARK(task)  (~(uintptr_t)(task))
#define AW_TASK_FREED(task) (AW_TASK_MARK(task) ^ 2)

/* What C++ knows of the exceptions in flight, by its ABI. */
struct aw_exceptions {
        void *caught;
        unsigned uncaught;
};

/*
 * Somebody who waits for the end of tasks: how many, how many are done, and what came of those; it
 * is woken when that is enough.
 */
struct aw_watcher {
        /* Set by aw_watcher_watch(): a task that is watched has ended; wakes whoever waits. */
        void (*ended)(struct aw_watcher *watcher, const struct aw_task *task);
        struct aw_waiters waiters;
        size_t count, done;
        int when;                     /* an enum aw_wait_when, or AW_WATCH_FIRST_ERROR */
        int error;                    /* of the first that failed or was cancelled, or 0 */
        int failure;                  /* of the first that failed, or 0 */
        const struct aw_task *failed; /* that one */
};

/* What gather waits for: there a cancellation is an error too. */
enum { AW_WATCH_FIRST_ERROR = 3 };

/* It lives at the top of its own coroutine's stack. */
struct aw_task {
        /* These are set when it is spawned. */
        struct aw_handle ready;
        struct aw_coro *coro;
        uintptr_t mark; /* of a task: see aw_task_check_freed() */
        aw_task_function *function;
        void *argument;
        void (*ended)(
                struct aw_task *task); /* its owner's, who frees it then; NULL: joined later */
        struct aw_group *group;
        struct aw_task *parent; /* who spawned it */
        struct {
                struct aw_task *next, *previous;
        } siblings;
        struct aw_scheduler *owner; /* of its thread */
        aw_time born;
        char name[AW_TASK_NAME_SIZE];

        /* The rest is zero then. */
        struct aw_await here;       /* its last await */
        struct aw_waiter *waiting;  /* while it waits */
        struct aw_task *joining;    /* the task it waits for, which is cancelled along */
        struct aw_watcher *watcher; /* its owner, while that waits for its end */
        struct {
                struct aw_task *next, *previous;
        } members; /* of the group */
        struct aw_tasks children;
        uint64_t order; /* of its end among those of the others */
        /* The first of the time-outs and groups that are open: where each has its mark. */
        uintptr_t *scopes[AW_SCOPES_WATCHED];
        struct aw_exceptions exceptions;
        int result, error;
        unsigned open;    /* time-outs and groups */
        unsigned locks;   /* that it holds */
        unsigned cancels; /* calls of aw_cancel() that nobody has taken back */
        enum aw_task_state state;
        bool cancel; /* to be delivered at the next suspension point */
        bool along;  /* a cancellation of whoever joins it was passed on to it */
        bool mute;   /* it returned -1 and set no errno */
        bool listed; /* among those whose results are being taken */
        bool seen;   /* somebody looked at its result */
        bool last;   /* it was cancelled at the end of aw_run() */
};

/* aw_task_done(). */
static inline bool
aw_task_is_done(const struct aw_task *task)
{
        return task == NULL || task->state == AW_TASK_DONE;
}

/* The scheduler of a thread: lives as long as aw_run(). */
struct aw_scheduler {
        struct aw_coro_pool *pool;
        struct aw_task *current; /* the task that runs */
        struct aw_tasks roots;   /* tasks without a parent */
        struct aw_task *main;    /* the one that aw_run() waits for */
        size_t count;            /* tasks that are not done */
        size_t last;             /* those of them that were cancelled at the end of aw_run() */
        uint64_t ended;          /* tasks that are */
};
extern _Thread_local struct aw_scheduler aw_scheduler;

_Noreturn void aw_task_missing(void);

/* The task that runs; aborts if there is none. */
static inline struct aw_task *
aw_task_need(void)
{
        if (aw_scheduler.current == NULL)
                aw_task_missing();
        return aw_scheduler.current;
}

/* Runs the task (the argument) until it waits or ends. On the loop's stack. */
void aw_task_step(void *task);

/* Where it awaited last, for people. */
const char *aw_task_site(const struct aw_task *task);

/* Aborts with: task 'NAME' did what, its last await was at SITE (if it had one), and the cure. */
void aw_task_abort(const struct aw_task *task, const char *did, const char *what, const char *cure)
        __attribute__((noreturn));

/* The end of a task's life: logs an error that nobody looked at. */
void aw_task_report_unseen(const struct aw_task *task);
const char *aw_task_error_text(const struct aw_task *task);
void aw_task_free(struct aw_task *task);

/*
 * Aborts if the task was freed. The next tasks on its stack lie in other places, so that this is
 * seen until 15 of them have come and gone.
 */
void aw_task_check_freed(const struct aw_task *task);

/* The tree of who spawned whom; the children of a task that leaves it become its parent's. */
void aw_task_tree_insert(struct aw_task *task, struct aw_task *parent);
void aw_task_tree_remove(struct aw_task *task);

/*
 * Spawns a task whose end has an owner: ended(task) is called when it is done, and frees it. NULL:
 * it is joined. `group` is the owner's.
 */
struct aw_task *aw_task_spawn(const char *name, aw_task_function *function, void *argument,
                              void (*ended)(struct aw_task *task), struct aw_group *group);

/*
 * Waits until the task is done or the deadline has passed (-1, ETIMEDOUT), without taking its
 * result. Cancelling the caller cancels the task instead, and the cancellation stays pending with
 * the caller.
 */
int aw_task_wait_done(struct aw_task *task, aw_time deadline);

/*
 * The watcher is told when the task ends; a task has one owner, so a second one is misuse.
 * watch: from now on. count: this task has ended.
 */
void aw_watcher_watch(struct aw_watcher *watcher, struct aw_task *task);
void aw_watcher_count(struct aw_watcher *watcher, const struct aw_task *task);
bool aw_watcher_enough(const struct aw_watcher *watcher);
void aw_watcher_check_none(const struct aw_task *task);

/* The errno of a task that is done, or 0. One that could not be spawned, NULL, has failed. */
static inline int
aw_watcher_error(const struct aw_task *task)
{
        if (task == NULL)
                return ENOMEM;
        return task->result == -1 ? task->error : 0;
}

/*
 * What begins in one function and has to end in it, time-outs and groups: each has a mark in its
 * structure, which is not 0 for as long as it is open. Aborts, as the others do, if one is found that
 * something was written over, because the function was left. Closing a time-out aborts, too, if one
 * that was opened later is still open.
 */
enum aw_scope_kind { AW_SCOPE_TIMEOUT, AW_SCOPE_GROUP };
void aw_scope_open(struct aw_task *task, uintptr_t *mark, enum aw_scope_kind kind);
void aw_scope_close(struct aw_task *task, uintptr_t *mark);

/* For a task that is about to wait and has some open. */
void aw_scope_check(const struct aw_task *task);

/* For one that ends: none may be open. */
void aw_scope_check_none(const struct aw_task *task);

/* The result of a task that is done, which is freed. */
int aw_task_take(struct aw_task *task);

/*
 * The same for one that the running task has waited for: a cancellation that it received and obeyed
 * is delivered with its result; one that it ignored stays pending with the caller.
 */
int aw_task_take_joined(struct aw_task *task);

/* True if a cancellation was pending with the running task; it is not any more. */
bool aw_task_take_cancel(void);

/*
 * Every task of this thread, parents before children: the first (task NULL) or the next; NULL after
 * the last.
 */
struct aw_task *aw_task_next(struct aw_task *task);

#endif
