/* SPDX-License-Identifier: MIT */
/* Waiting, and what ends it: the one place where a task is suspended. */
#include <errno.h>

#include "await/log.h"
#include "base/list.h"
#include "coro/coro.h"
#include "loop/turn.h"
#include "task/private.h"

/*
 * Where await() notes its site when no task runs: such an await aborts, but only once it has to
 * wait.
 */
static struct aw_await nowhere;
static _Thread_local struct aw_await no_task;
_Thread_local struct aw_await *aw_await_here = &nowhere;

/* Its owner may free it in ended(). */
static void
task_ended(struct aw_task *task)
{
        task->state = AW_TASK_DONE;
        task->order = ++aw_scheduler.ended;
        aw_scheduler.count--;
        if (task == aw_scheduler.main && aw_loop_is_parents(aw_loop_need()))
                aw_loop_abandon(aw_loop_need());
        if (task == aw_scheduler.main || (task->last && --aw_scheduler.last == 0))
                aw_loop_wake(aw_loop_need());
        if (task->watcher != NULL)
                task->watcher->ended(task->watcher, task);
        if (task->ended != NULL)
                task->ended(task);
}

/* Where there is no C++ in the program there are no exceptions, and not this function. */
extern struct aw_exceptions *__cxa_get_globals(void) __attribute__((weak));

/* Each task has its own: those of the thread's, and those that are kept, trade places. */
static void
trade_exceptions(struct aw_exceptions *kept)
{
        struct aw_exceptions *globals = __cxa_get_globals(), other = *globals;

        *globals = *kept;
        *kept = other;
}

static __attribute__((noinline)) void
resume_with_exceptions(struct aw_task *task)
{
        trade_exceptions(&task->exceptions);
        aw_coro_resume(task->coro);
        trade_exceptions(&task->exceptions);
}

static __attribute__((noinline)) void
report_slow(const struct aw_task *task, aw_time took)
{
        const char *site = task->here.site;

        aw_log(AW_LOG_WARNING, "Executing <Task '%s', %s%s> took %.3f seconds", task->name,
               site == NULL ? "no await yet" : "last await at ", site == NULL ? "" : site,
               (double)took / AW_SECOND);
}

void
aw_task_step(void *argument)
{
        struct aw_task *task = argument;
        aw_time took;

        task->state = AW_TASK_RUNNING;
        aw_scheduler.current = task;
        aw_await_here = &task->here;
        if (__cxa_get_globals == NULL)
                aw_coro_resume(task->coro);
        else
                resume_with_exceptions(task);
        aw_await_here = &no_task;
        aw_scheduler.current = NULL;
        took = aw_loop_slow();
        if (took > 0)
                report_slow(task, took);
        /* One that waits, or is ready again, has said so in suspend(). */
        if (task->state == AW_TASK_RUNNING)
                task_ended(task);
}

/* Ends a wait in progress; the task goes on in the next turn. */
static void
waiter_end(struct aw_waiter *waiter, int outcome)
{
        if (waiter->task->owner != &aw_scheduler)
                aw_log_abort("task '%s', which waits at %s, belongs to the loop of another thread: "
                             "wake it by aw_call_soon_threadsafe()",
                             waiter->task->name, aw_task_site(waiter->task));
        waiter->outcome = outcome;
        if (waiter->waiters != NULL)
                aw_list_remove(waiter->waiters, waiter, link);
        waiter->waiters = NULL;
        if (waiter->timer.callback != NULL)
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
 * The task that runs is about to wait. Of the timer only so much is set: zeroing takes longer than
 * the rest of a wait.
 */
static void
waiter_begin(struct aw_waiter *waiter, struct aw_waiters *waiters)
{
        waiter->task = aw_task_need();
        waiter->waiters = waiters;
        waiter->timer.callback = NULL;
        waiter->timer.state = 0;
        waiter->outcome = AW_WAITING;
        if (waiter->task->open > 0)
                aw_scope_check(waiter->task);
}

/*
 * The one place where a task is suspended. `waiter` is on the task's own stack and in no queue when
 * this returns. errno is the thread's, and each task finds its own again.
 */
static void
suspend(struct aw_waiter *waiter)
{
        struct aw_task *task = waiter->task;
        int error = errno;

        task->waiting = waiter;
        if (waiter->outcome == AW_WAITING)
                task->state = AW_TASK_WAITING;
        aw_coro_suspend(task->coro);
        task->waiting = NULL;
        errno = error;
}

/* A queue of waiters is one loop's: it has no lock. */
static void
check_loop(const struct aw_waiters *waiters)
{
        const struct aw_task *self = aw_scheduler.current, *first = waiters->first->task;

        if (first->owner != self->owner)
                aw_log_abort("task '%s' waits at %s, where task '%s' of the loop of another thread "
                             "waits already, at %s: what tasks wait for belongs to one loop, and "
                             "aw_call_soon_threadsafe() reaches that from the others",
                             self->name, aw_task_site(self), first->name, aw_task_site(first));
}

static int
wait_outcome(struct aw_waiters *waiters, aw_time deadline)
{
        struct aw_waiter waiter;

        waiter_begin(&waiter, waiters);
        if (waiters->first != NULL)
                check_loop(waiters);
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
        if (wait_outcome(waiters, deadline) != AW_TIMED_OUT)
                return 0;
        errno = ETIMEDOUT;
        return -1;
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
        if (outcome == AW_WOKEN)
                return 0;
        errno = ETIMEDOUT;
        return -1;
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
        struct aw_waiter waiter;

        waiter_begin(&waiter, NULL);
        if (!aw_scheduler.current->cancel) {
                waiter_end(&waiter, AW_WOKEN);
                suspend(&waiter);
        }
        if (!aw_task_take_cancel())
                return 0;
        errno = ECANCELED;
        return -1;
}

static int
sleep_until(aw_time when)
{
        struct aw_waiters nobody = {NULL, NULL};
        int error = errno;

        if (aw_wait_in(&nobody, when, NULL) == -1 && errno == ECANCELED)
                return -1;
        errno = error;
        return 0;
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

unsigned
aw_cancelled(void)
{
        return aw_task_need()->cancels;
}

bool
aw_cancel(struct aw_task *task)
{
        aw_task_check_freed(task);
        if (aw_task_is_done(task))
                return false;
        cancel_one(task);
        /* No recursion: a chain of joins may be longer than a stack is deep. */
        while (task->joining != NULL) {
                task = task->joining;
                if (task->state == AW_TASK_DONE)
                        return true;
                task->along = true;
                cancel_one(task);
        }
        if (task->waiting != NULL && task->waiting->outcome == AW_WAITING)
                waiter_end(task->waiting, AW_CANCELLED);
        return true;
}
