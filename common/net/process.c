/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "await/process.h"

#include "await/wait_fd.h"
#include "net/child_private.h"
#include "net/spawn_private.h"
#include "net/stream_private.h"

struct aw_process {
        struct aw_child child;
        bool ended; /* and `status` tells how */
        bool freed; /* the last of the tasks that wait frees it */
        unsigned waiting;
        struct aw_process_status status;
        struct aw_stream *streams[AW_SPAWN_COUNT];
        struct orphan *orphan; /* what it will be if it is freed before it has ended */
};

/*
 * Children that were killed and are not reaped yet. A task of the loop reaps each when it has
 * ended; those whose loop ended before are left to the next start of a process, on any thread (as
 * CPython's subprocess leaves them).
 */
static pthread_mutex_t orphans_lock = PTHREAD_MUTEX_INITIALIZER;
static struct orphan {
        struct orphan *next;
        struct aw_child child;
        bool awaited; /* a task waits for it, and nobody else takes it */
} * orphans;

static void
orphans_reap(void)
{
        struct aw_process_status unused;
        struct orphan **link, *orphan;

        pthread_mutex_lock(&orphans_lock);
        for (link = &orphans; (orphan = *link) != NULL;) {
                if (orphan->awaited || aw_child_reap(&orphan->child, &unused) == 0) {
                        link = &orphan->next;
                        continue;
                }
                *link = orphan->next;
                aw_child_close(&orphan->child);
                free(orphan);
        }
        pthread_mutex_unlock(&orphans_lock);
}

static async int
reap_orphan(void *argument)
{
        struct orphan *orphan = argument;

        await(aw_wait_fd(orphan->child.fd, AW_READ, AW_NEVER));
        pthread_mutex_lock(&orphans_lock);
        orphan->awaited = false;
        pthread_mutex_unlock(&orphans_lock);
        orphans_reap();
        return 0;
}

static void
orphan_add(struct orphan *orphan)
{
        struct aw_task *task = aw_spawn("process reaper", reap_orphan, orphan);

        orphan->awaited = task != NULL;
        if (task != NULL)
                aw_task_detach(task);
        pthread_mutex_lock(&orphans_lock);
        orphan->next = orphans;
        orphans = orphan;
        pthread_mutex_unlock(&orphans_lock);
}

static const char *
program_of(const struct aw_process_options *options)
{
        return options->argv == NULL || options->argv[0] == NULL ? "" : options->argv[0];
}

/* Streams for our ends of the pipes, which are closed if there can be none. */
static int
open_streams(struct aw_process *process, const struct aw_process_options *options,
             const int ours[AW_SPAWN_COUNT])
{
        int i, result = 0;

        for (i = 0; i < AW_SPAWN_COUNT; i++) {
                if (ours[i] == -1)
                        continue;
                process->streams[i] = aw_stream_adopt(ours[i], &options->streams);
                if (process->streams[i] == NULL)
                        result = -1;
        }
        return result;
}

/* A child that is of no use, so soon that it has done nothing that would be missed. */
static void
undo(pid_t pid)
{
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
                continue;
}

/* An errno value. */
static int
child_begin(struct aw_process *process, const struct aw_process_options *options)
{
        int ours[AW_SPAWN_COUNT], error = 0;
        pid_t pid;

        process->orphan = calloc(1, sizeof(*process->orphan));
        if (process->orphan == NULL)
                return ENOMEM;
        pid = aw_spawn_process(options, ours);
        if (pid == -1)
                return errno;
        if (open_streams(process, options, ours) == -1)
                error = ENOMEM;
        if (error == 0 && aw_child_watch(&process->child, pid) == -1)
                error = errno;
        if (error != 0)
                undo(pid);
        return error;
}

static void
drop_streams(struct aw_process *process)
{
        for (size_t i = 0; i < AW_SPAWN_COUNT; i++) {
                aw_stream_drop(process->streams[i]);
                process->streams[i] = NULL;
        }
}

/* All but the child itself. */
static void
release(struct aw_process *process)
{
        drop_streams(process);
        aw_child_close(&process->child);
        free(process->orphan);
        free(process);
}

static void
child_failed(struct aw_error *error, const struct aw_process_options *options, int number)
{
        const char *directory = options->directory;

        aw_error_set(error, AW_ERROR_PROCESS, number, "cannot run '%.100s'%s%.100s%s: %s",
                     program_of(options), directory == NULL ? "" : " in '",
                     directory == NULL ? "" : directory, directory == NULL ? "" : "'",
                     strerror(number));
}

struct aw_process *
aw_process_start(const struct aw_process_options *options, struct aw_error *error)
{
        struct aw_process *process;
        int number;

        orphans_reap();
        if (*program_of(options) == '\0') {
                aw_error_set(error, AW_ERROR_USAGE, EINVAL, "no program is given");
                return NULL;
        }
        process = calloc(1, sizeof(*process));
        if (process == NULL) {
                aw_error_set(error, AW_ERROR_MEMORY, ENOMEM, "out of memory");
                return NULL;
        }
        process->child.fd = -1;
        number = child_begin(process, options);
        if (number == 0)
                return process;
        release(process);
        child_failed(error, options, number);
        return NULL;
}

pid_t
aw_process_pid(const struct aw_process *process)
{
        return process->child.pid;
}

struct aw_stream *
aw_process_input(const struct aw_process *process)
{
        return process->streams[AW_SPAWN_INPUT];
}

struct aw_stream *
aw_process_output(const struct aw_process *process)
{
        return process->streams[AW_SPAWN_OUTPUT];
}

struct aw_stream *
aw_process_error(const struct aw_process *process)
{
        return process->streams[AW_SPAWN_ERROR];
}

/* 1 it has ended, 0 it runs, or -1 with errno. */
static int
child_look(struct aw_process *process)
{
        int result = process->ended ? 1 : aw_child_reap(&process->child, &process->status);

        if (result == 1)
                process->ended = true;
        return result;
}

/* When nobody holds the process any more. If the child has not ended yet, a task sees to it. */
static void
process_end(struct aw_process *process)
{
        struct orphan *orphan = process->orphan;

        if (child_look(process) == 0) {
                orphan->child = process->child;
                process->orphan = NULL;
                process->child.fd = -1;
                orphan_add(orphan);
        }
        release(process);
}

async int
aw_process_wait(struct aw_process *process, struct aw_process_status *status, aw_time deadline)
{
        int result, error;

        process->waiting++;
        while ((result = child_look(process)) == 0)
                if (await(aw_wait_fd(process->child.fd, AW_READ, deadline)) == -1) {
                        result = -1;
                        break;
                }
        error = errno;
        process->waiting--;
        if (result == 1 && status != NULL)
                *status = process->status;
        if (process->freed && process->waiting == 0)
                process_end(process);
        errno = error;
        return result == 1 ? 0 : -1;
}

int
aw_process_signal(struct aw_process *process, int number)
{
        if (child_look(process) == 0)
                return aw_child_signal(&process->child, number);
        errno = ESRCH;
        return -1;
}

void
aw_process_free(struct aw_process *process)
{
        if (process == NULL)
                return;
        drop_streams(process);
        if (child_look(process) == 0)
                aw_child_signal(&process->child, SIGKILL);
        process->freed = true;
        if (process->waiting == 0)
                process_end(process);
}
