/* SPDX-License-Identifier: MIT */
#include "task.h"

#include "coro.h"
#include "log.h"
#include "loop_private.h"
#include "task_private.h"

#include <errno.h>
#include <string.h>

static _Thread_local struct aw_scheduler scheduler;
static _Thread_local struct aw_task *current;

/* Where await() notes its site when no task runs: such an await aborts, but only once it has to wait. */
static const char *nowhere;
_Thread_local const char **aw_await_site = &nowhere;

struct aw_task *
aw_task_current(void)
{
        return current;
}

static struct aw_task *
need_task(void)
{
        if (current == NULL)
                aw_log_abort("await outside a task: only a function that aw_run() or aw_spawn() "
                             "runs may wait");
        return current;
}

/* The tree of who spawned whom. Siblings are in the order of their births; `previous` of the first is the last. */

static struct aw_task **
siblings_of(struct aw_task *parent)
{
        return parent == NULL ? &scheduler.roots : &parent->children;
}

static void
tree_insert(struct aw_task *task, struct aw_task *parent)
{
        struct aw_task **first = siblings_of(parent);

        task->parent = parent;
        task->next = NULL;
        if (*first == NULL) {
                *first = task;
        } else {
                task->previous = (*first)->previous;
                task->previous->next = task;
        }
        (*first)->previous = task;
}

static void
tree_unlink(struct aw_task *task)
{
        struct aw_task **first = siblings_of(task->parent);

        if (task->next != NULL)
                task->next->previous = task->previous;
        else
                (*first)->previous = task->previous;
        if (*first == task)
                *first = task->next;
        else
                task->previous->next = task->next;
}

static void
tree_remove(struct aw_task *task)
{
        struct aw_task *child;

        while ((child = task->children) != NULL) {
                tree_unlink(child);
                tree_insert(child, task->parent);
        }
        tree_unlink(task);
}

struct aw_task *
aw_task_next(struct aw_task *task)
{
        if (task == NULL)
                return scheduler.roots;
        if (task->children != NULL)
                return task->children;
        while (task != NULL && task->next == NULL)
                task = task->parent;
        return task == NULL ? NULL : task->next;
}

/* Life of a task. */

static void
report_unseen(const struct aw_task *task)
{
        if (task->result == -1 && task->error != ECANCELED && !task->seen)
                aw_log(AW_LOG_WARNING, "task '%s' ended with an error nobody looked at: %s",
                       task->name, strerror(task->error));
}

static void
task_free(struct aw_task *task)
{
        tree_remove(task);
        aw_coro_destroy(task->coro);
}

static void
task_ended(struct aw_task *task)
{
        task->state = AW_TASK_DONE;
        task->ended = ++scheduler.ended;
        scheduler.count--;
        if (task == scheduler.main || scheduler.count == 0)
                aw_loop_hurry(aw_loop_need());
        if (task->watchers != NULL)
                aw_wake_all(task->watchers);
        if (task->group != NULL) {
                aw_group_ended(task->group, task);
                task_free(task);
        } else if (task->detached) {
                report_unseen(task);
                task_free(task);
        }
}

static void
report_slow(const struct aw_task *task, aw_time took)
{
        aw_log(AW_LOG_WARNING, "Executing <Task '%s', last await at %s> took %.3f seconds",
               task->name, task->site == NULL ? "none" : task->site, (double)took / AW_SECOND);
}

/* Runs the task until it waits or ends. On the loop's stack. */
static void
task_step(void *argument)
{
        struct aw_task *task = argument;
        aw_time took;

        task->state = AW_TASK_RUNNING;
        current = task;
        aw_await_site = &task->site;
        aw_coro_resume(task->coro);
        aw_await_site = &nowhere;
        current = NULL;
        took = aw_loop_slow(aw_loop_need());
        if (took > 0)
                report_slow(task, took);
        if (aw_coro_finished(task->coro))
                task_ended(task);
}

/* The first thing on the task's stack. One that was cancelled before it began never begins. */
static void
task_main(void *argument)
{
        struct aw_task *task = current;

        (void)argument;
        errno = ECANCELED;
        task->result = aw_task_take_cancel() ? -1 : task->function(task->argument);
        task->error = task->result == -1 ? errno : 0;
}

struct aw_task *
aw_task_spawn(const char *name, aw_task_function *function, void *argument, struct aw_group *group)
{
        struct aw_coro *coro;
        struct aw_task *task;
        size_t length = strnlen(name, AW_TASK_NAME_SIZE - 1);

        if (scheduler.pool == NULL)
                aw_log_abort("aw_spawn() outside aw_run()");
        coro = aw_coro_create(scheduler.pool, task_main, NULL, sizeof(*task));
        if (coro == NULL)
                return NULL;
        task = aw_coro_reserved(coro);
        *task = (struct aw_task){.coro = coro,
                                 .function = function,
                                 .argument = argument,
                                 .group = group,
                                 .born = aw_loop_now_about(),
                                 .state = AW_TASK_READY};
        memcpy(task->name, name, length);
        tree_insert(task, current);
        scheduler.count++;
        aw_call_soon(&task->ready, task_step, task);
        return task;
}

struct aw_task *
aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        return aw_task_spawn(name, function, argument, NULL);
}

/* A task has one owner, who alone takes or detaches it. */
static void
check_unwatched(const struct aw_task *task)
{
        if (task->watchers != NULL)
                aw_log_abort("task '%s' is waited for by another task", task->name);
}

void
aw_task_detach(struct aw_task *task)
{
        check_unwatched(task);
        task->detached = true;
        if (task->state == AW_TASK_DONE) {
                report_unseen(task);
                task_free(task);
        }
}

const char *
aw_task_name(const struct aw_task *task)
{
        return task->name;
}

bool
aw_task_done(const struct aw_task *task)
{
        return task->state == AW_TASK_DONE;
}

int
aw_task_result(struct aw_task *task)
{
        if (task->state != AW_TASK_DONE)
                aw_log_abort("aw_task_result(): task '%s' is not done", task->name);
        task->seen = true;
        if (task->result == -1)
                errno = task->error;
        return task->result;
}

int
aw_task_take(struct aw_task *task)
{
        int result = aw_task_result(task), error = task->error;

        check_unwatched(task);
        task_free(task);
        if (result == -1)
                errno = error;
        return result;
}

/* Waiting. */

static void
waiter_unlink(struct aw_waiter *waiter)
{
        struct aw_waiters *waiters = waiter->waiters;

        if (waiters == NULL)
                return;
        if (waiter->previous != NULL)
                waiter->previous->next = waiter->next;
        else
                waiters->first = waiter->next;
        if (waiter->next != NULL)
                waiter->next->previous = waiter->previous;
        else
                waiters->last = waiter->previous;
        waiter->waiters = NULL;
}

/* Ends a wait in progress; the task goes on in the next turn. */
static void
waiter_end(struct aw_waiter *waiter, int outcome)
{
        waiter->outcome = outcome;
        waiter_unlink(waiter);
        aw_handle_cancel(&waiter->timer);
        waiter->task->state = AW_TASK_READY;
        aw_call_soon(&waiter->task->ready, task_step, waiter->task);
}

static void
waiter_timer(void *argument)
{
        waiter_end(argument, AW_TIMED_OUT);
}

static void
waiter_append(struct aw_waiters *waiters, struct aw_waiter *waiter)
{
        waiter->waiters = waiters;
        waiter->previous = waiters->last;
        if (waiters->last != NULL)
                waiters->last->next = waiter;
        else
                waiters->first = waiter;
        waiters->last = waiter;
}

/* The one place where a task is suspended. `waiter` is on the task's own stack and in no queue when this returns. */
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
        struct aw_waiter waiter = {.task = need_task()};

        waiter_append(waiters, &waiter);
        if (deadline != AW_NEVER)
                aw_call_at(&waiter.timer, deadline, waiter_timer, &waiter);
        suspend(&waiter);
        return waiter.outcome;
}

bool
aw_task_take_cancel(void)
{
        bool cancel = current->cancel;

        current->cancel = false;
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

        if (!need_task()->cancel)
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
        struct aw_waiter waiter = {.task = need_task()};

        if (!current->cancel) {
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

bool
aw_cancel(struct aw_task *task)
{
        if (task->state == AW_TASK_DONE)
                return false;
        task->cancels++;
        task->cancel = true;
        if (task->joining != NULL)
                aw_cancel(task->joining);
        else if (task->waiting != NULL && task->waiting->outcome == AW_WAITING)
                waiter_end(task->waiting, AW_CANCELLED);
        return true;
}

void
aw_task_watch(struct aw_task *task, struct aw_waiters *watchers)
{
        if (watchers != NULL && task == current)
                aw_log_abort("task '%s' joins itself", task->name);
        if (watchers != NULL)
                check_unwatched(task);
        if (watchers != NULL && (task->detached || task->group != NULL))
                aw_log_abort("task '%s' is detached or belongs to a group: it cannot be waited for",
                             task->name);
        task->watchers = watchers;
}

int
aw_task_wait_done(struct aw_task *task, aw_time deadline)
{
        struct aw_task *self = need_task();
        struct aw_waiters ended = {NULL, NULL};
        int result = 0;

        if (task->state == AW_TASK_DONE)
                return 0;
        aw_task_watch(task, &ended);
        self->joining = task;
        if (self->cancel)
                aw_cancel(task);
        result = aw_suspend_in(&ended, deadline);
        /* A task that was cancelled along is left to its clean-up, the deadline no longer matters. */
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
                current->cancel = false;
        return result;
}

async int
aw_join(struct aw_task *task)
{
        aw_task_wait_done(task, AW_NEVER);
        return aw_task_take_joined(task);
}

static void
timeout_fired(void *argument)
{
        struct aw_timeout *timeout = argument;

        timeout->fired = true;
        aw_cancel(timeout->task);
}

void
aw_timeout_enter(struct aw_timeout *timeout, aw_time when)
{
        struct aw_task *task = need_task();

        /* A cancellation that is still to be delivered will be in what is timed, and counts as come in it. */
        *timeout = (struct aw_timeout){.task = task, .cancels = task->cancels - task->cancel};
        if (when != AW_NEVER)
                aw_call_at(&timeout->handle, when, timeout_fired, timeout);
}

int
aw_timeout_exit(struct aw_timeout *timeout, int result)
{
        struct aw_task *task = timeout->task;
        int error = errno;

        aw_handle_cancel(&timeout->handle);
        if (timeout->fired) {
                task->cancels--;
                if (task->cancels <= timeout->cancels) {
                        task->cancel = false;
                        if (result == -1 && error == ECANCELED)
                                error = ETIMEDOUT;
                }
        }
        errno = error;
        return result;
}

/* Running all of it. */

static void
cancel_all(void)
{
        struct aw_task *task = NULL;

        while ((task = aw_task_next(task)) != NULL)
                aw_cancel(task);
}

/* Tasks that nobody joined are a mistake of the program's: it is told, and they are freed. */
static void
free_all(void)
{
        struct aw_task *task;

        while ((task = scheduler.roots) != NULL) {
                report_unseen(task);
                aw_log(AW_LOG_WARNING, "task '%s' was never joined", task->name);
                task_free(task);
        }
}

static void
run_until_done(struct aw_loop *loop, const struct aw_task *task)
{
        while (task != NULL ? task->state != AW_TASK_DONE : scheduler.count > 0)
                aw_loop_turn(loop, true);
}

int
aw_run(const struct aw_loop_options *options, aw_task_function *function, void *argument)
{
        struct aw_loop *loop = aw_loop_create(options);
        struct aw_task *task = NULL;
        int result = -1, error;

        if (loop == NULL)
                return -1;
        scheduler.pool = aw_coro_pool_create();
        if (scheduler.pool != NULL)
                task = scheduler.main = aw_spawn("main", function, argument);
        if (task != NULL) {
                run_until_done(loop, task);
                result = aw_task_take(task);
        }
        error = errno;
        cancel_all();
        run_until_done(loop, NULL);
        free_all();
        aw_executor_shutdown_default();
        /* One more turn lets what was closed in the last one go. */
        aw_loop_turn(loop, false);
        aw_coro_pool_destroy(scheduler.pool);
        scheduler.pool = NULL;
        aw_loop_destroy(loop);
        errno = error;
        return result;
}
