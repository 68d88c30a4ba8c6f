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

/* Address space reserved for one stack, guard included (bytes). Only touched pages cost memory. */
#define AW_CORO_STACK_SIZE ((size_t)65536)

/*
 * A pool of stacks, cut from large mappings, each with a guard page below it: MADV_GUARD_INSTALL
 * where the kernel has it (6.13), mprotect while that leaves enough of vm.max_map_count, a
 * checked canary past that. NULL with errno ENOMEM. aw_coro_pool_destroy(NULL) does
 * nothing; a pool with a live coroutine must not be destroyed (aborts with a sentence).
 */
struct aw_coro_pool *aw_coro_pool_create(void);
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

#endif
