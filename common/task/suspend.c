/* SPDX-License-Identifier: MIT */
/* Waiting, and what ends it: the one place where a task is suspended. */
#include <errno.h>

#include "await/log.h"
#include "base/list.h"
#include "coro/coro.h"
#include "task/private.h"

/* Ends a wait in progress; the task goes on in the next turn. */
static void
waiter_end(struct aw_waiter *waiter, int outcome)
{
        waiter->outcome = outcome;
        if (waiter->waiters != NULL)
                aw_list_remove(waiter->waiters, waiter, link);
        waiter->waiters = NULL;
        aw_handle_cancel(&waiter->timer);
        waiter->task->state = AW_TASK_READY;
        aw_call_soon(&waiter->task->ready, aw_task_step, waiter->task);
}

static void
waiter_timer(void *argument)
{
        waiter_end(argument, AW_TIMED_OUT);
}

/*
 * The one place where a task is suspended. `waiter` is on the task's own stack and in no queue when
 * this returns.
 */
static void
suspend(struct aw_waiter *waiter)
{
        struct aw_task *task = waiter->task;

        task->waiting = waiter;
        if (waiter->outcome == AW_WAITING)
                task->state = AW_TASK_WAITING;
        aw_coro_suspend(task->coro);
        task->waiting = NULL;
}

static int
wait_outcome(struct aw_waiters *waiters, aw_time deadline)
{
        struct aw_waiter waiter = {.task = aw_task_need(), .waiters = waiters};

        aw_list_append(waiters, &waiter, link);
        if (deadline != AW_NEVER)
                aw_call_at(&waiter.timer, deadline, waiter_timer, &waiter);
        suspend(&waiter);
        return waiter.outcome;
}

bool
aw_task_take_cancel(void)
{
        bool cancel = aw_scheduler.current->cancel;

        aw_scheduler.current->cancel = false;
        return cancel;
}

int
aw_suspend_in(struct aw_waiters *waiters, aw_time deadline)
{
        int outcome = wait_outcome(waiters, deadline);

        errno = ETIMEDOUT;
        return outcome == AW_TIMED_OUT ? -1 : 0;
}

int
aw_wait_in(struct aw_waiters *waiters, aw_time deadline, bool *woken)
{
        int outcome = AW_CANCELLED;

        if (!aw_task_need()->cancel)
                outcome = wait_outcome(waiters, deadline);
        if (woken != NULL)
                *woken = outcome == AW_WOKEN;
        /* Cancel beats time-out, and beats having been woken. */
        if (aw_task_take_cancel()) {
                errno = ECANCELED;
                return -1;
        }
        errno = ETIMEDOUT;
        return outcome == AW_WOKEN ? 0 : -1;
}

bool
aw_wake_one(struct aw_waiters *waiters)
{
        if (waiters->first == NULL)
                return false;
        waiter_end(waiters->first, AW_WOKEN);
        return true;
}

void
aw_wake_all(struct aw_waiters *waiters)
{
        while (aw_wake_one(waiters))
                continue;
}

/* A bare yield: ready again at once, behind those that are ready already. */
static int
yield_once(void)
{
        struct aw_waiter waiter = {.task = aw_task_need()};

        if (!aw_scheduler.current->cancel) {
                waiter_end(&waiter, AW_WOKEN);
                suspend(&waiter);
        }
        errno = ECANCELED;
        return aw_task_take_cancel() ? -1 : 0;
}

static int
sleep_until(aw_time when)
{
        struct aw_waiters nobody = {NULL, NULL};

        return aw_wait_in(&nobody, when, NULL) == -1 && errno == ECANCELED ? -1 : 0;
}

async int
aw_sleep_until(aw_time when)
{
        return when <= aw_loop_now() ? yield_once() : sleep_until(when);
}

async int
aw_sleep(aw_time duration)
{
        aw_time now;

        if (duration <= 0)
                return yield_once();
        now = aw_loop_now();
        return sleep_until(duration > AW_NEVER - now ? AW_NEVER : now + duration);
}

static void
cancel_one(struct aw_task *task)
{
        task->cancels++;
        task->cancel = true;
}

bool
aw_cancel(struct aw_task *task)
{
        if (task->state == AW_TASK_DONE)
                return false;
        cancel_one(task);
        /* No recursion: a chain of joins may be longer than a stack is deep. */
        while (task->joining != NULL) {
                task = task->joining;
                if (task->state == AW_TASK_DONE)
                        return true;
                cancel_one(task);
        }
        if (task->waiting != NULL && task->waiting->outcome == AW_WAITING)
                waiter_end(task->waiting, AW_CANCELLED);
        return true;
}

void
aw_task_watch(struct aw_task *task, struct aw_waiters *watchers)
{
        if (watchers != NULL && task == aw_scheduler.current)
                aw_log_abort("task '%s' joins itself", task->name);
        if (watchers != NULL)
                aw_task_check_unwatched(task);
        if (watchers != NULL && (task->detached || task->group != NULL))
                aw_log_abort("task '%s' is detached or belongs to a group: it cannot be waited for",
                             task->name);
        task->watchers = watchers;
}

int
aw_task_wait_done(struct aw_task *task, aw_time deadline)
{
        struct aw_task *self = aw_task_need();
        struct aw_waiters ended = {NULL, NULL};
        int result = 0;

        if (task->state == AW_TASK_DONE)
                return 0;
        aw_task_watch(task, &ended);
        self->joining = task;
        if (self->cancel)
                aw_cancel(task);
        result = aw_suspend_in(&ended, deadline);
        /*
         * A task that was cancelled along is left to its clean-up, the deadline no longer matters.
         */
        if (result == -1 && self->cancel)
                result = aw_suspend_in(&ended, AW_NEVER);
        self->joining = NULL;
        aw_task_watch(task, NULL);
        return task->state == AW_TASK_DONE ? 0 : result;
}

int
aw_task_take_joined(struct aw_task *task)
{
        int result = aw_task_take(task);

        if (result == -1 && errno == ECANCELED)
                aw_scheduler.current->cancel = false;
        return result;
}

async int
aw_join(struct aw_task *task)
{
        aw_task_wait_done(task, AW_NEVER);
        return aw_task_take_joined(task);
}
