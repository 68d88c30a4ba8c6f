/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "await/task.h"

#include "await/log.h"
#include "coro/coro.h"
#include "loop/private.h"
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

void
aw_task_report_unseen(const struct aw_task *task)
{
        if (task->result == -1 && task->error != ECANCELED && !task->seen)
                aw_log(AW_LOG_WARNING, "task '%s' ended with an error nobody looked at: %s",
                       task->name, strerror(task->error));
}

void
aw_task_free(struct aw_task *task)
{
        aw_task_tree_remove(task);
        aw_coro_destroy(task->coro);
}

static void
task_ended(struct aw_task *task)
{
        task->state = AW_TASK_DONE;
        task->ended = ++aw_scheduler.ended;
        aw_scheduler.count--;
        if (task == aw_scheduler.main || aw_scheduler.count == 0)
                aw_loop_wake(aw_loop_need());
        if (task->watchers != NULL)
                aw_wake_all(task->watchers);
        if (task->group != NULL) {
                aw_group_ended(task->group, task);
                aw_task_free(task);
        } else if (task->detached) {
                aw_task_report_unseen(task);
                aw_task_free(task);
        }
}

static void
report_slow(const struct aw_task *task, aw_time took)
{
        aw_log(AW_LOG_WARNING, "Executing <Task '%s', last await at %s> took %.3f seconds",
               task->name, task->site == NULL ? "none" : task->site, (double)took / AW_SECOND);
}

/* Runs the task until it waits or ends. On the loop's stack. */
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

/* The first thing on the task's stack. One that was cancelled before it began never begins. */
static void
task_main(void *argument)
{
        struct aw_task *task = aw_scheduler.current;

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

        if (aw_scheduler.pool == NULL)
                aw_log_abort("aw_spawn() outside aw_run()");
        coro = aw_coro_create(aw_scheduler.pool, task_main, NULL, sizeof(*task));
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
        aw_task_tree_insert(task, aw_scheduler.current);
        aw_scheduler.count++;
        aw_call_soon(&task->ready, aw_task_step, task);
        return task;
}

struct aw_task *
aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        return aw_task_spawn(name, function, argument, NULL);
}

/* A task has one owner, who alone takes or detaches it. */
void
aw_task_check_unwatched(const struct aw_task *task)
{
        if (task->watchers != NULL)
                aw_log_abort("task '%s' is waited for by another task", task->name);
}

void
aw_task_detach(struct aw_task *task)
{
        aw_task_check_unwatched(task);
        task->detached = true;
        if (task->state == AW_TASK_DONE) {
                aw_task_report_unseen(task);
                aw_task_free(task);
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

        aw_task_check_unwatched(task);
        aw_task_free(task);
        if (result == -1)
                errno = error;
        return result;
}
