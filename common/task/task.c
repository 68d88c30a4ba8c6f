/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "await/task.h"

#include "await/error.h"
#include "await/log.h"
#include "coro/coro.h"
#include "loop/turn.h"
#include "task/private.h"

/* What -1 without errno counts as. */
#define NO_ERRNO EIO

const char *
aw_task_error_text(const struct aw_task *task)
{
        return task->mute ? "it returned -1 and set no errno" : aw_error_text(task->error);
}

void
aw_task_report_unseen(const struct aw_task *task)
{
        if (task->result == -1 && task->error != ECANCELED && !task->seen)
                aw_log(AW_LOG_WARNING, "task '%s' ended with an error nobody looked at: %s",
                       task->name, aw_task_error_text(task));
}

void
aw_task_free(struct aw_task *task)
{
        struct aw_coro *coro = task->coro;

        aw_task_tree_remove(task);
        task->mark = AW_TASK_FREED(task);
        aw_coro_destroy(coro);
}

/*
 * The first thing on the task's stack. One that was cancelled before it began begins all the same:
 * who else could free its argument?
 */
static void
task_main(void *argument)
{
        struct aw_task *task = aw_scheduler.current;

        (void)argument;
        errno = 0;
        task->result = task->function(task->argument);
        task->mute = task->result == -1 && errno == 0;
        if (task->result == -1)
                task->error = task->mute ? NO_ERRNO : errno;
        aw_scope_check_none(task);
        if (task->locks > 0)
                aw_task_abort(task, "ended", " while it holds a lock", "");
}

struct aw_task *
aw_task_spawn(const char *name, aw_task_function *function, void *argument,
              void (*ended)(struct aw_task *task), struct aw_group *group)
{
        struct aw_coro *coro;
        struct aw_task *task;
        size_t length;

        if (aw_scheduler.pool == NULL)
                aw_log_abort("aw_spawn() outside aw_run()");
        if (name == NULL)
                name = "task";
        if (function == NULL)
                aw_log_abort("task '%s' was given no function to run", name);
        length = strnlen(name, AW_TASK_NAME_SIZE - 1);
        coro = aw_coro_create(aw_scheduler.pool, task_main, NULL, sizeof(*task));
        if (coro == NULL)
                return NULL;
        task = aw_coro_reserved(coro);
        task->ready.state = 0;
        task->coro = coro;
        task->mark = AW_TASK_MARK(task);
        task->function = function;
        task->argument = argument;
        task->ended = ended;
        task->group = group;
        task->owner = &aw_scheduler;
        task->born = aw_loop_now_about();
        memcpy(task->name, name, length);
        task->name[length] = '\0';
        memset(&task->here, 0, sizeof(*task) - offsetof(struct aw_task, here));
        aw_coro_set_name(coro, task->name);
        aw_task_tree_insert(task, aw_scheduler.current);
        aw_scheduler.count++;
        aw_call_soon(&task->ready, aw_task_step, task);
        return task;
}

struct aw_task *
aw_spawn(const char *name, aw_task_function *function, void *argument)
{
        return aw_task_spawn(name, function, argument, NULL, NULL);
}

static void
detached_ended(struct aw_task *task)
{
        aw_task_report_unseen(task);
        aw_task_free(task);
}

/* Nothing changes for one whose end has an owner already. */
void
aw_task_detach(struct aw_task *task)
{
        if (task == NULL)
                return;
        aw_task_check_freed(task);
        aw_watcher_check_none(task);
        if (task->ended == NULL)
                task->ended = detached_ended;
        if (task->state == AW_TASK_DONE)
                detached_ended(task);
}

const char *
aw_task_name(const struct aw_task *task)
{
        aw_task_check_freed(task);
        return task == NULL ? "none" : task->name;
}

bool
aw_task_done(const struct aw_task *task)
{
        aw_task_check_freed(task);
        return aw_task_is_done(task);
}

static inline int
look_at_result(struct aw_task *task)
{
        if (task == NULL) {
                errno = ENOMEM;
                return -1;
        }
        aw_task_check_freed(task);
        if (task->state != AW_TASK_DONE)
                aw_log_abort("aw_task_result(): task '%s' is not done", task->name);
        task->seen = true;
        if (task->result == -1)
                errno = task->error;
        return task->result;
}

int
aw_task_result(struct aw_task *task)
{
        return look_at_result(task);
}

int
aw_task_take(struct aw_task *task)
{
        int result = look_at_result(task), error;

        if (task == NULL)
                return result;
        aw_watcher_check_none(task);
        error = task->error;
        aw_task_free(task);
        if (result == -1)
                errno = error;
        return result;
}
