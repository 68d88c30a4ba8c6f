/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "await/log.h"
#include "coro/stack_private.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define STACKS_PER_CHUNK 64

/* What the tops of stacks differ by: see next_colour(). All still fits into the uppermost page. */
#define COLOURS     16
#define COLOUR_SIZE 128
#define COLOUR_STEP 5 /* has no factor with the number of them */

/* One mapping: a page with the records of its stacks, then the stacks, each above its guard. */
struct aw_coro_chunk {
        struct aw_coro_chunk *next;
        struct aw_coro_stack stacks[STACKS_PER_CHUNK];
};

/* Guards made by mprotect in the whole process, for vm.max_map_count is the process's. */
static atomic_size_t protected_count;

static size_t
round_up(size_t size, size_t unit)
{
        return (size + unit - 1) / unit * unit;
}

static size_t
chunk_header(const struct aw_coro_pool *pool)
{
        return round_up(sizeof(struct aw_coro_chunk), pool->page);
}

static size_t
chunk_size(const struct aw_coro_pool *pool)
{
        return chunk_header(pool) + STACKS_PER_CHUNK * pool->slot;
}

/* An emulator that takes any advice for good (qemu-user does) proves nothing by taking this one. */
static bool
kernel_has_guards(void)
{
        return madvise(NULL, 0, MADV_GUARD_INSTALL) == 0 && madvise(NULL, 0, -1) == -1;
}

/* A guard costs two mappings: so half of what the process may have, the rest is for others. */
static size_t
affordable_guards(void)
{
        unsigned long max = 65530;
        FILE *file = fopen("/proc/sys/vm/max_map_count", "re");

        if (file != NULL) {
                if (fscanf(file, "%lu", &max) != 1)
                        max = 65530;
                fclose(file);
        }
        return max / 4;
}

struct aw_coro_pool *
aw_coro_pool_create(size_t stack_size)
{
        struct aw_coro_pool *pool;

        if (stack_size == 0)
                stack_size = AW_CORO_STACK_SIZE;
        if (stack_size < AW_CORO_STACK_MIN || stack_size > AW_CORO_STACK_MAX) {
                errno = EINVAL;
                return NULL;
        }
        pool = calloc(1, sizeof(*pool));
        if (pool == NULL)
                return NULL;
        pool->watched = fiber_watched();
        pool->process = getpid();
        pool->page = (size_t)sysconf(_SC_PAGESIZE);
        /* Where a page is 64 KiB, the guard must not be all there is. */
        pool->slot = round_up(stack_size > pool->page ? stack_size : 2 * pool->page, pool->page);
        pool->usable = pool->slot - pool->page;
        pool->best_guard = kernel_has_guards() ? AW_CORO_GUARD_INSTALL : AW_CORO_GUARD_PROTECT;
        pool->protect_limit = affordable_guards();
        return pool;
}

void
aw_coro_stack_force_guard(struct aw_coro_pool *pool, enum aw_coro_guard best, size_t protect_limit)
{
        pool->best_guard = best;
        pool->protect_limit = protect_limit;
}

static void
unmap_chunk(const struct aw_coro_pool *pool, struct aw_coro_chunk *chunk, size_t cut)
{
        for (size_t i = 0; i < cut; i++) {
                const struct aw_coro_stack *stack = &chunk->stacks[i];

                stack_deregister(stack->low, stack->low + pool->usable, stack->valgrind_id);
                if (stack->guard == AW_CORO_GUARD_PROTECT)
                        atomic_fetch_sub(&protected_count, 1);
        }
        munmap(chunk, chunk_size(pool));
}

void
aw_coro_pool_destroy(struct aw_coro_pool *pool)
{
        struct aw_coro_chunk *chunk;

        if (pool == NULL)
                return;
        if (pool->live != 0)
                aw_log_abort("aw_coro_pool_destroy: %zu coroutines still exist", pool->live);
        while ((chunk = pool->chunks) != NULL) {
                pool->chunks = chunk->next;
                unmap_chunk(pool, chunk, STACKS_PER_CHUNK - pool->uncut);
                pool->uncut = 0;
        }
        free(pool);
}

void
aw_coro_pool_stats(const struct aw_coro_pool *pool, struct aw_coro_pool_stats *stats)
{
        stats->live = pool->live;
        stats->idle = pool->warm_count + pool->cold_count;
        stats->mapped = pool->chunk_count * chunk_size(pool);
}

static int
map_chunk(struct aw_coro_pool *pool)
{
        struct aw_coro_chunk *chunk =
                mmap(NULL, chunk_size(pool), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

        if (chunk == MAP_FAILED) {
                errno = ENOMEM;
                return -1;
        }
        /* A huge page would make one touched page of one stack into 2 MiB of memory. */
        madvise(chunk, chunk_size(pool), MADV_NOHUGEPAGE);
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->chunk_count++;
        pool->uncut = STACKS_PER_CHUNK;
        return 0;
}

static enum aw_coro_guard
make_guard(struct aw_coro_pool *pool, char *page)
{
        if (pool->best_guard == AW_CORO_GUARD_INSTALL) {
                if (madvise(page, pool->page, MADV_GUARD_INSTALL) == 0)
                        return AW_CORO_GUARD_INSTALL;
                /* Locked memory (mlockall) cannot have them, so there is no use in asking again. */
                pool->best_guard = AW_CORO_GUARD_PROTECT;
        }
        if (pool->best_guard == AW_CORO_GUARD_PROTECT) {
                if (atomic_fetch_add(&protected_count, 1) < pool->protect_limit &&
                    mprotect(page, pool->page, PROT_NONE) == 0)
                        return AW_CORO_GUARD_PROTECT;
                atomic_fetch_sub(&protected_count, 1);
        }
        return AW_CORO_GUARD_CANARY;
}

/*
 * The tops of all stacks would be the same distance apart, a power of two, and so in the same few
 * sets of the processor's caches. And what lay at the top of this one must not be mistaken for what
 * lies there next: it is in another place each time, until all have had their turn.
 */
static unsigned
next_colour(const struct aw_coro_stack *stack)
{
        return (stack->colour + COLOUR_STEP * COLOUR_SIZE) % (COLOURS * COLOUR_SIZE);
}

/* A stack that was never used. */
static struct aw_coro_stack *
cut_stack(struct aw_coro_pool *pool)
{
        struct aw_coro_stack *stack;
        char *slot;
        size_t i;

        if (pool->uncut == 0 && map_chunk(pool) == -1)
                return NULL;
        i = STACKS_PER_CHUNK - pool->uncut--;
        slot = (char *)pool->chunks + chunk_header(pool) + i * pool->slot;
        stack = &pool->chunks->stacks[i];
        stack->guard = make_guard(pool, slot);
        stack->colour = i % COLOURS * COLOUR_SIZE;
        stack->low = slot + pool->page;
        stack->valgrind_id = stack_register(stack->low, slot + pool->slot);
        return stack;
}

struct aw_coro_stack *
aw_coro_stack_take(struct aw_coro_pool *pool)
{
        struct aw_coro_stack *stack;

        if (pool->warm_count > 0) {
                stack = pool->warm[--pool->warm_count];
        } else if ((stack = pool->cold) != NULL) {
                pool->cold = stack->next;
                pool->cold_count--;
        } else if ((stack = cut_stack(pool)) == NULL) {
                return NULL;
        }
        pool->live++;
        stack_open(stack->low, stack->low + pool->usable);
        return stack;
}

static int
compare_addresses(const void *a, const void *b)
{
        const struct aw_coro_stack *const *x = a, *const *y = b;

        return ((*x)->low > (*y)->low) - ((*x)->low < (*y)->low);
}

/* Neighbours go in one call. The guards between them stay: MADV_DONTNEED leaves those alone. */
static void
release_memory(const struct aw_coro_pool *pool, struct aw_coro_stack **stacks, size_t count)
{
        size_t first = 0;

        qsort(stacks, count, sizeof(*stacks), compare_addresses);
        for (size_t i = 1; i <= count; i++) {
                if (i < count && stacks[i]->low == stacks[i - 1]->low + pool->slot)
                        continue;
                madvise(stacks[first]->low, (i - first) * pool->slot - pool->page, MADV_DONTNEED);
                first = i;
        }
}

static void
cool_down(struct aw_coro_pool *pool)
{
        const size_t count = AW_CORO_WARM_HIGH - AW_CORO_WARM_LOW;

        release_memory(pool, pool->warm, count);
        for (size_t i = 0; i < count; i++) {
                pool->warm[i]->next = pool->cold;
                pool->cold = pool->warm[i];
        }
        pool->cold_count += count;
        pool->warm_count -= count;
        memmove(pool->warm, pool->warm + count, pool->warm_count * sizeof(*pool->warm));
}

void
aw_coro_stack_give(struct aw_coro_pool *pool, struct aw_coro_stack *stack)
{
        stack_close(stack->low, stack->low + pool->usable);
        stack->colour = next_colour(stack);
        pool->live--;
        pool->warm[pool->warm_count++] = stack;
        if (pool->warm_count == AW_CORO_WARM_HIGH)
                cool_down(pool);
}

/* What overflowed may be marked by ASan; it is to be reported as what it is. */
__attribute__((no_sanitize("address"))) bool
aw_coro_stack_intact(const struct aw_coro_stack *stack, size_t depth)
{
        const volatile uint64_t *word = (const volatile uint64_t *)(const void *)stack->low;
        uint64_t sum = 0;

        if (stack->guard != AW_CORO_GUARD_CANARY)
                return true;
        for (size_t i = 1; i <= depth / sizeof(*word); i++)
                sum |= word[-(ptrdiff_t)i];
        return sum == 0;
}
