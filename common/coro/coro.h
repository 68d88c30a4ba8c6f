/* SPDX-License-Identifier: MIT */
/*
 * Stackful coroutines: a stack of its own, and the switch to and from it. Mechanism only: who
 * runs when is the business of task.h.
 *
 * A pool and everything made from it belong to one thread.
 */
#ifndef AW_CORO_CORO_H
#define AW_CORO_CORO_H

#include <stdbool.h>
#include <stddef.h>

struct aw_coro;
struct aw_coro_pool;

/*
 * Address space reserved for one stack, guard included (bytes): by default, at least and at most.
 * Only touched pages cost memory.
 */
#define AW_CORO_STACK_SIZE ((size_t)256 << 10)
#define AW_CORO_STACK_MIN  ((size_t)16 << 10)
#define AW_CORO_STACK_MAX  ((size_t)1 << 30)

/*
 * A pool of stacks, cut from large mappings, each with a guard page below it: MADV_GUARD_INSTALL
 * where the kernel has it (6.13), mprotect while that leaves enough of vm.max_map_count, a
 * checked canary past that. `stack_size` is rounded up to whole pages; 0 means the default. NULL with
 * errno ENOMEM, or EINVAL: it is out of bounds. aw_coro_pool_destroy(NULL) does nothing; a pool with
 * a live coroutine must not be destroyed (aborts with a sentence).
 */
struct aw_coro_pool *aw_coro_pool_create(size_t stack_size);
void aw_coro_pool_destroy(struct aw_coro_pool *pool);

struct aw_coro_pool_stats {
        size_t live;   /* coroutines that exist */
        size_t idle;   /* stacks ready for reuse */
        size_t mapped; /* bytes of address space */
};
void aw_coro_pool_stats(const struct aw_coro_pool *pool, struct aw_coro_pool_stats *stats);

/*
 * Makes a coroutine that will run entry(argument) on a stack of the pool once it is resumed, with the
 * floating-point control words of this call. `reserve` bytes at the top of the stack, aligned to
 * 16, are the caller's, at aw_coro_reserved(), until aw_coro_destroy(): what belongs to the
 * coroutine need not be allocated apart from it. They are not cleared, and half a stack is too
 * many (aborts). NULL with errno ENOMEM.
 */
struct aw_coro *aw_coro_create(struct aw_coro_pool *pool, void (*entry)(void *argument),
                               void *argument, size_t reserve);
void *aw_coro_reserved(struct aw_coro *coro);

/* Whose stack it is, for the report of an overflow. The name is borrowed. */
void aw_coro_set_name(struct aw_coro *coro, const char *name);

/*
 * How many bytes of its stack have memory: how deep it went, in whole pages. On a stack that was
 * used before, this may be the depth of an earlier one.
 */
size_t aw_coro_depth(const struct aw_coro *coro);

/*
 * Runs the coroutine until it suspends or its entry returns. Called on a stack that is not a
 * coroutine's. MXCSR and the x87 control word (FPCR) are preserved across the switch, the signal
 * mask is not. Aborts if the coroutine has finished or another one of the pool runs.
 */
void aw_coro_resume(struct aw_coro *coro);

/*
 * Called on the coroutine's own stack: back to whoever resumed it. Aborts if it is not the one
 * that runs, or if its canary was overwritten.
 */
void aw_coro_suspend(struct aw_coro *coro);

/* True once the entry has returned. */
bool aw_coro_finished(const struct aw_coro *coro);

/*
 * Gives the stack back to the pool. The coroutine has finished or was never resumed; anything
 * else aborts with a sentence, and so does a stack whose canary was overwritten. To ASan and
 * Valgrind the stack is freed memory then.
 */
void aw_coro_destroy(struct aw_coro *coro);

/*
 * From now on, if a coroutine of the pool grows into its guard page on this thread, one sentence on
 * standard error says whose stack that was, before the process dies by SIGSEGV as it would have
 * anyway. This takes a handler for that signal, and a stack for it if the thread has none. If
 * somebody else handles the signal already, it stays with them. One pool of a thread at a time;
 * unwatch before it is destroyed. 0, or -1 with errno ENOMEM.
 */
int aw_coro_pool_watch(struct aw_coro_pool *pool);
void aw_coro_pool_unwatch(struct aw_coro_pool *pool);

#endif
