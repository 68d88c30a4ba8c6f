/* SPDX-License-Identifier: MIT */
/* The pool's stacks: where they come from, how they are guarded. Private to coro and its tests. */
#ifndef AW_CORO_STACK_PRIVATE_H
#define AW_CORO_STACK_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "coro/coro.h"
#include "coro/sanitize_private.h"

/*
 * What keeps a stack from growing into the one below it, the best first. A stack whose guard
 * cannot be had gets the next one.
 */
enum aw_coro_guard {
        /* A page that faults, by MADV_GUARD_INSTALL, which leaves the mapping whole. */
        AW_CORO_GUARD_INSTALL,
        /* A page that faults, by mprotect, which makes two mappings of one. */
        AW_CORO_GUARD_PROTECT,
        /* A page that must be all zero still, and costs no memory while it is. */
        AW_CORO_GUARD_CANARY,
};

/* One stack. The record lies apart from it, in its mapping's first page. */
struct aw_coro_stack {
        /* Among those without memory. */
        struct aw_coro_stack *next;
        /* The lowest usable byte; the guard page ends here. */
        char *low;
        enum aw_coro_guard guard : 8;
        /* So many bytes at the top are left out: see next_colour(). */
        unsigned colour : 24;
        unsigned valgrind_id;
};

struct aw_coro_chunk;

/* Once so many idle stacks have memory, the coldest lose theirs, down to the lower number. */
#define AW_CORO_WARM_HIGH 768
#define AW_CORO_WARM_LOW  512

struct aw_coro_pool {
        /* The coroutine that runs, and where its resumer waits meanwhile: coro.c's. */
        struct aw_coro *running;
        void *resumer;
        struct fiber resumer_fiber;
        bool watched;  /* a sanitizer is in the program */
        pid_t process; /* that made it */

        /* Idle stacks that still have their memory; the last one given back is the last. */
        struct aw_coro_stack *warm[AW_CORO_WARM_HIGH];
        size_t warm_count;
        /* Idle stacks whose memory the kernel has back. */
        struct aw_coro_stack *cold;
        size_t cold_count;
        size_t live;

        /* The newest mapping, its stacks that were never used yet, and how many there are of it. */
        struct aw_coro_chunk *chunks;
        size_t uncut;
        size_t chunk_count;

        size_t page;
        /* Guard included. */
        size_t slot;
        /* Usable bytes. */
        size_t usable;
        enum aw_coro_guard best_guard;
        size_t protect_limit;

        /* For the handler of SIGSEGV: overflow.c's, or NULL. */
        void *signal_stack;
};

/* NULL with errno ENOMEM. */
struct aw_coro_stack *aw_coro_stack_take(struct aw_coro_pool *pool);
void aw_coro_stack_give(struct aw_coro_pool *pool, struct aw_coro_stack *stack);

/* False if something was written to the `depth` bytes below the stack; canaries only. */
bool aw_coro_stack_intact(const struct aw_coro_stack *stack, size_t depth);

/*
 * For tests: the best guard to use for stacks that are cut from now on, and at how many
 * mprotected guards in the process to stop.
 */
void aw_coro_stack_force_guard(struct aw_coro_pool *pool, enum aw_coro_guard best,
                               size_t protect_limit);

#endif
