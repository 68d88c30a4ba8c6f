/* SPDX-License-Identifier: MIT */
/*
 * The task that runs, and what is said of a task when something is wrong with it. All files of this
 * folder stand on this one.
 */
#include "await/log.h"
#include "task/private.h"

_Thread_local struct aw_scheduler aw_scheduler;

struct aw_task *
aw_task_current(void)
{
        return aw_scheduler.current;
}

void
aw_task_missing(void)
{
        aw_log_abort("await outside a task: only a function that aw_run() or aw_spawn() "
                     "runs may wait");
}

const char *
aw_task_site(const struct aw_task *task)
{
        return task->here.site == NULL ? "a call without await()" : task->here.site;
}

void
aw_task_abort(const struct aw_task *task, const char *did, const char *what, const char *cure)
{
        bool awaited = task->here.site != NULL;

        aw_log_abort("task '%s' %s%s%s%s%s", task->name, did, what,
                     awaited ? ", its last await was at " : "", awaited ? task->here.site : "",
                     cure);
}

static __attribute__((noreturn)) void
abort_freed(const char *name)
{
        const struct aw_task *self = aw_scheduler.current;

        aw_log_abort("%s%s%s was joined or detached before, and is used again, by %s%s%s%s",
                     name == NULL ? "a task" : "task '", name == NULL ? "" : name,
                     name == NULL ? "" : "'", self == NULL ? "a callback" : "task '",
                     self == NULL ? "" : self->name, self == NULL ? "" : "' at ",
                     self == NULL ? "" : aw_task_site(self));
}

/*
 * To AddressSanitizer it is freed memory: nothing that it watches may look at it. Who has been there
 * since may have written over all of it, or the kernel has it back.
 */
__attribute__((no_sanitize("address"))) void
aw_task_check_freed(const struct aw_task *task)
{
        const volatile char *name;
        char copy[AW_TASK_NAME_SIZE] = "";

        if (task == NULL || task->mark == AW_TASK_MARK(task))
                return;
        if (task->mark != AW_TASK_FREED(task))
                abort_freed(NULL);
        name = task->name;
        for (size_t i = 0; i < sizeof(copy) - 1 && name[i] != '\0'; i++)
                copy[i] = name[i];
        abort_freed(copy);
}
