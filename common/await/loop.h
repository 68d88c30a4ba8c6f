/* SPDX-License-Identifier: MIT */
/*
 * The event loop: one libwebsockets service loop per thread, run one turn at a time. Callbacks
 * only; tasks, which may wait, are built on it in task.h.
 *
 * One turn:
 *   1. run what is ready, in order (what becomes ready meanwhile waits for the next turn)
 *   2. flush: each connection with queued output is served once
 *   3. poll once: wait for an event, a timer or a wake-up; do not wait if something is ready, and
 *      then, if nothing was flushed, do not even look but every 16th turn
 *   4. timers that are due become ready: where the thread has connections eight of them, and more if
 *      they are late, so that what a crowd of them brings about does not keep the connections waiting
 *
 * Unless said otherwise a function is called on the thread of the loop, and concerns the loop that
 * runs there (asyncio.get_running_loop). Calling it without one aborts with a sentence.
 */
#ifndef AW_LOOP_H
#define AW_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"

/* Microseconds, on CLOCK_MONOTONIC. Deadlines are absolute: aw_loop_now() + 5 * AW_SECOND. */
typedef int64_t aw_time;

#define AW_MILLISECOND ((aw_time)1000)
#define AW_SECOND      ((aw_time)1000000)
#define AW_NEVER       INT64_MAX

struct aw_loop;

/* Zeroed, it means the defaults. */
struct aw_loop_options {
        /*
         * The back end (asyncio's loop policy): "ev" (libev), "uv" (libuv, which uvloop wraps too),
         * "poll" (libwebsockets' own), or "auto", NULL: the fastest of them, in this order, whose
         * libwebsockets plug-in can be loaded.
         */
        const char *backend;

        /*
         * Slow-callback watch (asyncio's debug mode, loop.slow_callback_duration): a task or
         * callback that keeps the loop for longer than this is logged, and so is a turn that takes
         * longer though none of them did. Microseconds; 0: 100 ms; negative: off.
         */
        aw_time slow;

        /*
         * The soft limit of open files (RLIMIT_NOFILE) is set to this, or to the hard limit if that
         * is lower. 0: 20,000. A connection takes one, and each one that is closed costs more the
         * higher the limit is.
         */
        unsigned descriptors;

        /*
         * Bytes of address space that aw_run() reserves for the stack of each task, a guard page
         * included. 0: 256 KiB; else from 16 KiB to 1 GiB. Only the pages that a task touches cost
         * memory, about 4 KiB for one that sleeps (but with vm.overcommit_memory 2 the system
         * counts them all). A task that grows past its stack ends the process by SIGSEGV; if
         * nobody else handles that signal, a sentence says whose stack it was.
         */
        size_t stack_size;
};

/*
 * Makes the loop of this thread, and sets the limit of open files. NULL with errno: EINVAL no such
 * back end, ENOENT the back end's plug-in is not installed, EMFILE or ENFILE there are no descriptors
 * left, ENOMEM, EBUSY this thread has a loop already.
 */
AW_API struct aw_loop *aw_loop_create(const struct aw_loop_options *options);

/* Closes every socket and watch that is left. NULL does nothing. Aborts within a turn. */
AW_API void aw_loop_destroy(struct aw_loop *loop);

/* The loop of this thread, or NULL (asyncio.get_event_loop). */
AW_API struct aw_loop *aw_loop_get(void);

/* The back end in use: "ev", "uv" or "poll". */
AW_API const char *aw_loop_backend(const struct aw_loop *loop);

/*
 * How often a task or callback, or many in one turn, have kept the loop for longer than
 * aw_loop_options.slow, since the loop was made.
 */
AW_API uint64_t aw_loop_slow_count(const struct aw_loop *loop);

/*
 * Sets what aw_loop_options.backend NULL means from now on, for the process
 * (asyncio.set_event_loop_policy, uvloop.install). The name is borrowed; NULL is "auto", as
 * at the beginning. 0, or -1 with errno EINVAL.
 */
AW_API int aw_loop_set_policy(const char *backend);

/* The time now (loop.time). Any thread. */
AW_API aw_time aw_loop_now(void);

/* One turn, which may not begin within another one; with `wait` false its poll does not wait. */
AW_API void aw_loop_turn(struct aw_loop *loop, bool wait);

/*
 * A callback to come (asyncio.Handle and TimerHandle). The caller owns it and need only zero it
 * once, its members are the library's; it must stay in place until the callback has begun or it was
 * cancelled, so nothing here allocates or can fail. Scheduling it anew cancels what was scheduled
 * before. One that is still scheduled when the loop is destroyed never runs; zero it before it is
 * used again.
 */
struct aw_handle {
        void (*callback)(void *argument);
        void *argument;
        aw_time when;   /* of a timer */
        uint64_t order; /* of timers for the same time */
        struct {
                struct aw_handle *next, *previous;
        } link;                  /* in the ready queue, or siblings in the heap */
        struct aw_handle *child; /* in the heap */
        uint8_t state;
};

/* Runs callback(argument) in the next turn (loop.call_soon). */
AW_API void aw_call_soon(struct aw_handle *handle, void (*callback)(void *argument),
                         void *argument);

/*
 * The same at a time, or after a delay in microseconds (loop.call_at, loop.call_later). Ties run in
 * the order of the calls.
 */
AW_API void aw_call_at(struct aw_handle *handle, aw_time when, void (*callback)(void *argument),
                       void *argument);
AW_API void aw_call_later(struct aw_handle *handle, aw_time delay, void (*callback)(void *argument),
                          void *argument);

/* Takes a scheduled callback back (Handle.cancel); one that is not scheduled is left alone. */
AW_API void aw_handle_cancel(struct aw_handle *handle);

/*
 * loop.call_soon_threadsafe: from any thread, and from no other function here. The handle must not
 * be in use, and is the loop's until the callback begins; it cannot be cancelled before. The loop
 * must outlive the call. Not in a signal handler: see signals.h.
 */
AW_API void aw_call_soon_threadsafe(struct aw_loop *loop, struct aw_handle *handle,
                                    void (*callback)(void *argument), void *argument);

/*
 * Watches a descriptor for input (loop.add_reader): callback(argument) runs while it is readable,
 * or has failed. The descriptor is closed by aw_watch_close(). NULL with errno EPERM (it cannot be
 * polled: a file), EBADF, EEXIST (it is watched already: dup(2) it), ENOMEM or ENOSPC; the
 * descriptor is still the caller's then.
 */
struct aw_watch;
AW_API struct aw_watch *aw_watch_open(int fd, void (*callback)(void *argument), void *argument);
AW_API void aw_watch_pause(struct aw_watch *watch, bool pause);
AW_API void aw_watch_close(struct aw_watch *watch); /* NULL does nothing */

#endif
