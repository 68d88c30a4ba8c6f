/* SPDX-License-Identifier: MIT */
/*
 * Tasks: functions that may wait for something while others run, as asyncio's do. A task is a
 * coroutine on the loop; it is started by aw_spawn() and ended by its function's return.
 *
 * Every function marked `async` suspends the task that calls it until it has a result, and is
 * called as await(function(...)): the macro records where, which aw_task_dump() shows.
 *
 * Errors: an async function returns 0, a count or a pointer on success, and -1 (or NULL) with errno
 * on failure:
 *
 *   ETIMEDOUT     the deadline passed             (asyncio.TimeoutError)
 *   ECANCELED     the task was cancelled          (asyncio.CancelledError)
 *   EPIPE         the peer closed the connection
 *   EPROTO        the peer broke the protocol
 *   EMSGSIZE      too large
 *   ESHUTDOWN     this side is going away
 *   ECONNREFUSED and the like, ENOMEM, EINVAL     as usual
 *
 * -1 is a failure always: a task's function that returns it without having set errno has failed with
 * EIO. A task has its own errno, which is 0 when it begins and which other tasks leave alone. As
 * everywhere in C it says something after a failure only: what succeeds may have changed it.
 * No failure is lost: it is returned to whoever waits for the task, or kept for him, or logged.
 *
 * Cancellation: aw_cancel() makes the await in which the task waits, or its next one, fail with
 * ECANCELED. What it waited for is undone. After that the task may await again, to clean up. It is
 * delivered once; aw_cancelled() tells for good. A task that ends without another await keeps its
 * result (in asyncio it would be lost, and whatever it owns with it).
 *
 * A stack is 256 KiB, a guard page included, unless aw_loop_options.stack_size says otherwise: large
 * arrays belong on the heap. aw_task_dump() tells how deep each went.
 */
#ifndef AW_TASK_H
#define AW_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "api.h"
#include "loop.h"
#include "primitive.h"

/*
 * async marks a function that may suspend its caller. Python: async def. await marks the point where
 * it may, and records it. An expression with the value of the call. Inside the library it records
 * nothing: what stays recorded is where the program called it.
 *
 * aw_async and aw_await are the same. AW_NO_KEYWORDS, defined before the headers are included, leaves
 * only those: for C++ with <future>, and where another library has members of these names (libuv,
 * libev).
 *
 * The text of each call is in the program, for dumps and warnings. AW_NO_CALL_TEXT, defined before
 * the headers are included, leaves it out; file and line stay.
 */
#ifdef AW_NO_CALL_TEXT
#define AW_SITE_(text) __FILE__ ":" AW_STRING(__LINE__)
#else
#define AW_SITE_(text) __FILE__ ":" AW_STRING(__LINE__) ": " text
#endif
#define aw_async
#ifdef AW_LIBRARY
#define aw_await(...) (__VA_ARGS__)
#else
#define aw_await(...)                                                                              \
        AW_AWAIT_(AW_SITE_(#__VA_ARGS__), AW_JOIN(aw_await_, __COUNTER__), __VA_ARGS__)
#endif
#ifndef AW_NO_KEYWORDS
#define async aw_async
#ifdef AW_LIBRARY
#define await(...) (__VA_ARGS__)
#else
#define await(...) AW_AWAIT_(AW_SITE_(#__VA_ARGS__), AW_JOIN(aw_await_, __COUNTER__), __VA_ARGS__)
#endif
#endif

/* Belongs to await(): one in the arguments of another gives the place back to that. */
#define AW_AWAIT_(site, mark, ...)                                                                 \
        __extension__({                                                                            \
                struct aw_await mark __attribute__((unused, cleanup(aw_await_end))) =              \
                        aw_await_begin(site, __func__, aw_await_stack());                          \
                __VA_ARGS__;                                                                       \
        })

#define AW_STRING(x)   AW_STRING_(x)
#define AW_STRING_(x)  #x
#define AW_JOIN(a, b)  AW_JOIN_(a, b)
#define AW_JOIN_(a, b) a##b

/* Where the running task notes its awaits. Belongs to await(). */
struct aw_await {
        const char *site;
        /* Of one that has not returned yet: how far the stack was in use, and its function. */
        const void *open;
        const char *function;
};
AW_API __thread struct aw_await *aw_await_here;

static inline __attribute__((always_inline)) const void *
aw_await_stack(void)
{
        const void *stack;

#if defined(__x86_64__)
        __asm__ volatile("mov %%rsp, %0" : "=r"(stack));
#elif defined(__aarch64__)
        __asm__ volatile("mov %0, sp" : "=r"(stack));
#else
        stack = __builtin_frame_address(0);
#endif
        return stack;
}

static inline struct aw_await
aw_await_begin(const char *site, const char *function, const void *stack)
{
        struct aw_await *here = aw_await_here, before = *here;

        here->site = site;
        here->function = function;
        here->open = stack;
        return before;
}

static inline void
aw_await_end(const struct aw_await *before)
{
        struct aw_await *here = aw_await_here;

        if (before->open == here->open && before->function == here->function)
                here->site = before->site;
        here->open = before->open;
        here->function = before->function;
}

struct aw_task;

/* A task's function. Its value is the task's result: 0 or a count, or -1 with errno. */
typedef int aw_task_function(void *argument);

/*
 * asyncio.run: makes a loop, runs main(argument) as its first task until it returns, cancels and
 * joins the tasks that are left, then those that these have spawned and left, shuts the default
 * executor down, and destroys the loop. A task that goes on although it was cancelled is waited
 * for; after 10 s it is logged, with where it waits. Returns main's result, with its errno; -1 with
 * the errno of aw_loop_create() if there could be no loop, or EINVAL if the size of stacks is out
 * of bounds.
 *
 * A task may call fork(2). The loop and all that is open in it stay the parent's: in the child the
 * task may exec, exit, or return to the end of aw_run(), which leaves the rest alone then; it must
 * not await.
 */
AW_API int aw_run(const struct aw_loop_options *options, aw_task_function *main, void *argument);

/*
 * asyncio.create_task: a task that will call function(argument) from the next turn on, never
 * before. The name is copied, cut to 31 bytes; NULL means "task". Every task has an owner, who joins
 * it (aw_join and the others in task_wait.h) or detaches it. The argument is the task's from then on:
 * the function is called whatever happens, even if the task is cancelled before it starts.
 *
 * NULL with errno ENOMEM: the argument is still the caller's. The functions for tasks take NULL for
 * one that is done and has failed with ENOMEM, so aw_join(aw_spawn(...)) needs no check.
 */
AW_API struct aw_task *aw_spawn(const char *name, aw_task_function *function, void *argument);

/*
 * The task runs by itself from now on, and is freed when it ends. If it ends with an error, that is
 * logged.
 */
AW_API void aw_task_detach(struct aw_task *task);

/* The task that runs (asyncio.current_task), or NULL. */
AW_API struct aw_task *aw_task_current(void);

/* As it was spawned; "none" for NULL. */
AW_API const char *aw_task_name(const struct aw_task *task);

/* True once its function has returned (Task.done). */
AW_API bool aw_task_done(const struct aw_task *task);

/*
 * The result of a task that is done (Task.result, Task.exception): -1 with errno if it failed.
 * Aborts if it is not done.
 */
AW_API int aw_task_result(struct aw_task *task);

/*
 * Task.cancel. Delivered at the task's present or next suspension point: a task that has not started
 * starts, and its first await that has to wait fails (Trio's rule; in asyncio it would never start);
 * a task that joins another cancels that one. False if it was done already.
 */
AW_API bool aw_cancel(struct aw_task *task);

/*
 * Task.cancelling, of the running task: how often it was cancelled, but for the cancellations that a
 * time-out or a group took back. Not 0: whoever cancelled it wants it to end, also if an await that
 * has failed with ECANCELED might have done so for another reason (it joined a task that was
 * cancelled, for example).
 */
AW_API unsigned aw_cancelled(void);

/* asyncio.sleep: microseconds; 0 or less lets the others run once. 0, or -1 with ECANCELED. */
AW_API aw_async int aw_sleep(aw_time duration);

/* The same until a time. */
AW_API aw_async int aw_sleep_until(aw_time when);

/*
 * `await task`: waits for its end, takes its result, and frees it. -1 with the task's errno if it
 * failed. If the caller is cancelled, so is the task, and its end is waited for. The same with a
 * deadline is aw_wait_for().
 */
AW_API aw_async int aw_join(struct aw_task *task);

/*
 * asyncio.timeout: cancels this task's awaits between enter and exit once the time has come.
 *
 *     aw_timeout_enter(&timeout, aw_loop_now() + AW_SECOND);
 *     result = await(something());
 *     result = aw_timeout_exit(&timeout, result);
 *
 * A function that returns a pointer is timed so:
 *
 *     found = await(find());
 *     if (aw_timeout_exit(&timeout, found == NULL ? -1 : 0) == -1)
 *             return NULL;
 *
 * exit takes the result and errno of what was timed, and gives them back, except that ECANCELED
 * becomes ETIMEDOUT if it was this timeout that cancelled and nobody else did; another error stays
 * what it is. They nest: an exit before that of a time-out entered later aborts with a sentence. The
 * structure is the caller's, its members are the library's, and each enter needs its exit in the
 * same function: a task that ends without it aborts, too, and one that goes on does so as soon as it
 * is seen that something else is where the structure was.
 */
struct aw_timeout {
        struct aw_handle handle;
        struct aw_task *task;
        uintptr_t open;   /* not 0 until the exit */
        unsigned cancels; /* of the task when this was entered */
        bool fired;
};
AW_API void aw_timeout_enter(struct aw_timeout *timeout, aw_time when);
AW_API int aw_timeout_exit(struct aw_timeout *timeout, int result);

/* How many tasks this thread has, those that are done and not joined included, and their stacks. */
struct aw_task_usage {
        size_t tasks;
        size_t stacks; /* in use, and kept for the next tasks */
        size_t space; /* bytes of address space of all stacks; memory only where they were touched */
};
AW_API void aw_task_usage(struct aw_task_usage *usage);

/*
 * Prints the tree of tasks: of each its name, state, age and await site (python3.14 -m asyncio
 * pstree, Task.print_stack), and how much of its stack has memory, which is how deep it went: in
 * whole pages, and perhaps an earlier task's, for stacks are used again.
 */
AW_API void aw_task_dump(FILE *out);

#endif
