/* SPDX-License-Identifier: MIT */
/* What the files of the tasks share. */
#ifndef AW_TASK_PRIVATE_H
#define AW_TASK_PRIVATE_H

#include "await/task.h"

#define AW_TASK_NAME_SIZE 32

struct aw_coro;
struct aw_group;

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

/* It lives at the top of its own coroutine's stack. */
struct aw_task {
        struct aw_handle ready;
        struct aw_coro *coro;
        aw_task_function *function;
        void *argument;
        const char *site;            /* of the last await */
        struct aw_waiter *waiting;   /* while it waits */
        struct aw_task *joining;     /* the task it waits for, which is cancelled along */
        struct aw_waiters *watchers; /* woken when it ends: those of its owner's wait */
        struct aw_group *group;
        struct {
                struct aw_task *next, *previous;
        } members, siblings;    /* of the group, and of the parent */
        struct aw_task *parent; /* who spawned it */
        struct aw_tasks children;
        aw_time born;
        uint64_t ended; /* how many had ended with this one: tells which of two was first */
        int result, error;
        unsigned cancels; /* calls of aw_cancel() that nobody has taken back */
        enum aw_task_state state;
        bool cancel; /* to be delivered at the next suspension point */
        bool detached;
        bool seen; /* somebody looked at its result */
        char name[AW_TASK_NAME_SIZE];
};

/* The scheduler of a thread: lives as long as aw_run(). */
struct aw_scheduler {
        struct aw_coro_pool *pool;
        struct aw_task *current; /* the task that runs */
        struct aw_tasks roots;   /* tasks without a parent */
        struct aw_task *main;    /* the one that aw_run() waits for */
        size_t count;            /* tasks that are not done */
        uint64_t ended;          /* tasks that are */
};
extern _Thread_local struct aw_scheduler aw_scheduler;

/* The task that runs; aborts if there is none. */
struct aw_task *aw_task_need(void);

/* Runs the task (the argument) until it waits or ends. On the loop's stack. */
void aw_task_step(void *task);

/*
 * The end of a task's life: what nobody looked at is reported; who is still waited for must not be
 * freed.
 */
void aw_task_report_unseen(const struct aw_task *task);
void aw_task_check_unwatched(const struct aw_task *task);
void aw_task_free(struct aw_task *task);

/* The tree of who spawned whom; the children of a task that leaves it become its parent's. */
void aw_task_tree_insert(struct aw_task *task, struct aw_task *parent);
void aw_task_tree_remove(struct aw_task *task);

/* Spawns for a group: the task is freed at its end, after aw_group_ended(). */
struct aw_task *aw_task_spawn(const char *name, aw_task_function *function, void *argument,
                              struct aw_group *group);
void aw_group_ended(struct aw_group *group, struct aw_task *task);

/*
 * Waits until the task is done or the deadline has passed (-1, ETIMEDOUT), without taking its
 * result. Cancelling the caller cancels the task instead, and the cancellation stays pending with
 * the caller.
 */
int aw_task_wait_done(struct aw_task *task, aw_time deadline);

/* aw_wait_in() that leaves a cancellation pending. */
int aw_suspend_in(struct aw_waiters *waiters, aw_time deadline);

/*
 * Enters the queue that is woken when the task ends; a task has one owner, so a second one is
 * misuse. NULL: leaves it.
 */
void aw_task_watch(struct aw_task *task, struct aw_waiters *watchers);

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

/* Whoever waits for the descriptor goes on, as if it were ready. */
void aw_wait_fd_wake(int fd);

/* At the end of aw_run(): nobody waits for a descriptor any more. */
void aw_wait_fd_close(void);

/* The default executor of this thread's loop is shut down at the end of aw_run(). */
void aw_executor_shutdown_default(void);

#endif
