/* SPDX-License-Identifier: MIT */
/* The task that runs, waiting, and what ends it: the one place where a task is suspended. */
#include <errno.h>

#include "await/log.h"
#include "base/list.h"
#include "coro/coro.h"
#include "loop/turn.h"
#include "task/private.h"

_Thread_local struct aw_scheduler aw_scheduler;

/*
 * Where await() notes its site when no task runs: such an await aborts, but only once it has to
 * wait.
 */
static const char *nowhere;
_Thread_local const char **aw_await_site = &nowhere;

struct aw_task *
aw_task_current(void)
{
        return aw_scheduler.current;
}

struct aw_task *
aw_task_need(void)
{
        if (aw_scheduler.current == NULL)
                aw_log_abort("await outside a task: only a function that aw_run() or aw_spawn() "
                             "runs may wait");
        return aw_scheduler.current;
}

/* Its owner may free it in ended(). */
static void
task_ended(struct aw_task *task)
{
        task->state = AW_TASK_DONE;
        task->order = ++aw_scheduler.ended;
        aw_scheduler.count--;
        if (task == aw_scheduler.main || aw_scheduler.count == 0)
                aw_loop_wake(aw_loop_need());
        if (task->watchers != NULL)
                aw_wake_all(task->watchers);
        if (task->ended != NULL)
                task->ended(task);
}

static void
report_slow(const struct aw_task *task, aw_time took)
{
        aw_log(AW_LOG_WARNING, "Executing <Task '%s', last await at %s> took %.3f seconds",
               task->name, task->site == NULL ? "none" : task->site, (double)took / AW_SECOND);
}

void
aw_task_step(void *argument)
{
        struct aw_task *task = argument;
        aw_time took;

        task->state = AW_TASK_RUNNING;
        aw_scheduler.current = task;
        aw_await_site = &task->site;
        aw_coro_resume(task->coro);
        aw_await_site = &nowhere;
        aw_scheduler.current = NULL;
        took = aw_loop_slow(aw_loop_need());
        if (took > 0)
                report_slow(task, took);
        if (aw_coro_finished(task->coro))
                task_ended(task);
}

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
        if (task == NULL || task->state == AW_TASK_DONE)
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
