/* SPDX-License-Identifier: MIT */
/* What the files of the executors share. */
#ifndef AW_EXECUTOR_PRIVATE_H
#define AW_EXECUTOR_PRIVATE_H

#include <errno.h>

#include "await/executor.h"

struct aw_executor_kind {
        const char *name; /* for people */

        /*
         * Takes no more jobs. When the last job has ended, and all that works for the executor is
         * gone, calls aw_executor_ended(), from a callback of the loop, never from here. It may be
         * called again before that.
         */
        void (*close)(struct aw_executor *executor, bool cancel_futures);

        void (*free)(struct aw_executor *executor);
};

extern const struct aw_executor_kind aw_executor_threads, aw_executor_processes;

/* What every executor begins with. */
struct aw_executor {
        const struct aw_executor_kind *kind;
        struct aw_loop *loop;
        struct {
                struct aw_executor *next, *previous;
        } link; /* all of this thread's */
        struct aw_waiters ended;
        bool closing;
};

/* Enters it among those of this thread. */
void aw_executor_init(struct aw_executor *executor, const struct aw_executor_kind *kind);

/* Wakes those who wait for its end, and frees it. */
void aw_executor_ended(struct aw_executor *executor);

/*
 * Aborts if it is none of this thread, or has ended; `name` is what the sentence calls it. One that has
 * ended may be freed: nothing is looked at.
 */
void aw_executor_check_alive(const struct aw_executor *executor, const char *name);

/* Aborts if the executor is not of this kind or not of this thread. */
void aw_executor_check(const struct aw_executor *executor, const struct aw_executor_kind *kind);

/* What a job that has returned -1 failed with: as a task's function, with EIO if it has set no errno. */
static inline int
aw_executor_errno(void)
{
        return errno == 0 ? EIO : errno;
}

/* How many processors there are. Keeps errno. */
size_t aw_executor_cores(void);

/* What every job begins with. It is on the heap, for it may live on after its task's await. */
struct aw_executor_job {
        struct {
                struct aw_executor_job *next, *previous;
        } link;
        bool queued;
        struct aw_waiters waiters;
        bool done;
        bool abandoned; /* nobody will take its result */
};

/* Jobs that have not begun, first come first served. Zeroed it is empty. */
struct aw_executor_queue {
        struct aw_executor_job *first, *last;
        size_t count;
};
void aw_executor_queue_put(struct aw_executor_queue *queue, struct aw_executor_job *job);
void aw_executor_queue_remove(struct aw_executor_queue *queue, struct aw_executor_job *job);

/* Takes the first one out; NULL if there is none. */
struct aw_executor_job *aw_executor_queue_take(struct aw_executor_queue *queue);

/* Wakes its task. False if that has left: the caller frees the job. */
bool aw_executor_job_done(struct aw_executor_job *job);

#endif
