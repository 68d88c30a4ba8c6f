/* SPDX-License-Identifier: MIT */
/*
 * Functions that block or compute, run elsewhere: in threads (Python's ThreadPoolExecutor) or in
 * processes (ProcessPoolExecutor). A task awaits the result; the loop goes on meanwhile.
 *
 * An executor belongs to the loop on whose thread it was created, and is used on that thread
 * only. One that is left when aw_run() ends is shut down then: its jobs are waited for.
 */
#ifndef AW_EXECUTOR_H
#define AW_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "api.h"
#include "task.h"

struct aw_executor;

/* Zeroed, it means the defaults. */
struct aw_thread_pool_options {
        /* At most this many threads. 0: one per core and four more, at most 32, as Python's. */
        size_t max_workers;

        /*
         * The threads are named PREFIX_0, PREFIX_1, ... The system allows 15 bytes: the prefix is
         * cut for the number's sake. NULL: "pool-" and the number of the pool.
         */
        const char *thread_name_prefix;
};

/*
 * ThreadPoolExecutor. A thread is started when there is a job and none is idle; it has all signals
 * blocked that are not its own faults. `options` may be NULL. NULL with errno ENOMEM.
 */
AW_API struct aw_executor *aw_thread_pool_create(const struct aw_thread_pool_options *options);

/* What a thread is to do. */
struct aw_job {
        /*
         * Called on a thread of the pool. Its value is the job's: 0 or a count, or -1 with errno.
         * *result is NULL before; what is put there goes to whoever awaits the job, unless the
         * value is -1. Of this library it may call aw_loop_now(), aw_log() and
         * aw_call_soon_threadsafe(), and aw_run() for a loop of its own.
         */
        int (*run)(void *argument, void **result);

        /*
         * It belongs to the job from the call on, whatever comes of that: either run(argument) is
         * called once, or discard(argument). The awaiting task may be cancelled and gone while
         * run() still works, so this is no place on its stack.
         */
        void *argument;

        /* Called on the loop's thread if run() will never be. NULL: nothing to be done. */
        void (*discard)(void *argument);

        /*
         * Called on the loop's thread with a result, not NULL, that nobody takes. NULL: nothing to
         * be done.
         */
        void (*drop)(void *result);
};

/*
 * loop.run_in_executor: runs the job in a thread pool (NULL: the default executor) and awaits its
 * value. *result is set if that is not -1; a NULL `result` means that it is not wanted, and is
 * dropped. Jobs begin in the order of the calls.
 *
 * -1 with the errno of run() (EIO if it set none), or ECANCELED the task was cancelled, or the pool
 * was shut down with cancel_futures before the job began; ESHUTDOWN the pool is shutting down
 * (RuntimeError); EAGAIN not one thread can be had; ENOMEM.
 *
 * Cancellation is delivered at once. A job that has not begun never begins; one that has goes on,
 * and its result is dropped. For a deadline see aw_timeout_enter().
 */
AW_API aw_async int aw_run_in_executor(struct aw_executor *executor, const struct aw_job *job,
                                       void **result);

/*
 * loop.set_default_executor: the thread pool that NULL means from now on, whose owner is the loop.
 * The one it replaces is released. 0, or -1 with errno EINVAL: it is NULL or a process pool;
 * ESHUTDOWN it is shutting down. Without this call the default is made when it is first used.
 */
AW_API int aw_set_default_executor(struct aw_executor *executor);

/*
 * A function that worker processes can run: reads `length` bytes of request, writes at most
 * `reply_size` bytes of reply, which were zero, both aligned for any type, and returns how many
 * those are, or -1 with errno (EIO if it sets none). What else it does (to variables, to open
 * files) happens in a process that the caller never sees. It must not call functions of this
 * library, nor exit().
 */
typedef ssize_t aw_process_function(const void *request, size_t length, void *reply,
                                    size_t reply_size);

/* The most bytes that a request or a reply may have. */
#define AW_PROCESS_MESSAGE_MAX ((size_t)16 << 20)

/* The most workers that a pool may have. */
#define AW_PROCESS_WORKERS_MAX 256

struct aw_process_pool_options {
        /* This many processes. 0: one per core, as Python's. */
        size_t max_workers;

        /* The functions that may be asked for. The table is copied. */
        aw_process_function *const *functions;
        size_t function_count;
};

/*
 * ProcessPoolExecutor, with processes made by fork(). They are forked not from this process but
 * from a copy of it as it is now, which has one thread. So the time to call this is before other
 * threads are started, or what locks those hold now stays locked in the workers for good (not
 * malloc's and stdio's, which the C library takes care of).
 *
 * The processes have their own process group, default signal dispositions and an empty mask, no
 * descriptors but 0, 1, 2 and their own, run no atexit handlers, and die with the thread that
 * created the pool.
 *
 * Suspends for a turn, for a fork belongs on the loop's stack; it cannot be cancelled, and needs no
 * deadline. NULL with
 * errno EINVAL no functions, or too many workers; or as fork(2) and socketpair(2).
 */
AW_API aw_async struct aw_executor *
aw_process_pool_create(const struct aw_process_pool_options *options);

/*
 * loop.run_in_executor with a process pool: calls a function of the pool's table in a worker
 * process with a copy of the request, and awaits its reply. Jobs wait their turn while all workers
 * are busy. The number of bytes put in `reply`, or -1 with the errno that the function set, or
 *
 *   EPIPE      the worker died (BrokenProcessPool); the log says how. Only this job fails: the
 *              worker is replaced. A job is never tried twice.
 *   EMSGSIZE   request or `size` is over AW_PROCESS_MESSAGE_MAX, or the reply is over `size`
 *   ECANCELED, ESHUTDOWN, ENOMEM as for threads; EAGAIN not one process can be had
 *
 * Cancellation is delivered at once. A job that has not begun never begins; one that has keeps its
 * worker busy until it ends, and its reply is dropped. Only if the process is killed from which
 * workers are forked is the pool broken: all jobs fail with EPIPE from then on. For a deadline see
 * aw_timeout_enter().
 */
AW_API aw_async ssize_t aw_run_in_process(struct aw_executor *pool, aw_process_function *function,
                                          const void *request, size_t length, void *reply,
                                          size_t size);

/*
 * Executor.shutdown(wait=True): no new jobs, and waits until those there are have ended, and with
 * them all threads or processes. With `cancel_futures`, jobs that have not begun are cancelled.
 * The executor is freed, even if the caller is cancelled, which ends only its wait: -1 with
 * ECANCELED, else 0. So does a deadline, by aw_timeout_enter(). Several tasks may wait for this.
 */
AW_API aw_async int aw_executor_shutdown(struct aw_executor *executor, bool cancel_futures);

/* Executor.shutdown(wait=False): the same, by and by, waiting for nothing. NULL does nothing. */
AW_API void aw_executor_release(struct aw_executor *executor);

#endif
