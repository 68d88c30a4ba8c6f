/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "base/memory.h"

/* What a thread has not added to the sum yet, at most. */
#define BATCH ((ptrdiff_t)64 << 10)

/* One for each process that shares the bound; only this process writes its own. */
static uint64_t alone;
static uint64_t *all = &alone, *mine = &alone;
static size_t processes = 1;

static _Atomic(uint64_t) max_memory;
static _Thread_local ptrdiff_t unreported;

void
aw_memory_report(void)
{
        __atomic_fetch_add(mine, (uint64_t)unreported, __ATOMIC_RELAXED);
        unreported = 0;
}

void
aw_memory_charge(ptrdiff_t bytes)
{
        unreported += bytes;
        if (unreported > BATCH || unreported < -BATCH)
                aw_memory_report();
}

/* Of another thread that has freed what this one allocated a sum may be below zero. */
static uint64_t
at_least_nothing(uint64_t sum)
{
        return (int64_t)sum < 0 ? 0 : sum;
}

uint64_t
aw_memory_used(void)
{
        return at_least_nothing(__atomic_load_n(mine, __ATOMIC_RELAXED) + (uint64_t)unreported);
}

void
aw_memory_share(uint64_t *parts, size_t count, size_t own)
{
        mine = &parts[own];
        all = parts;
        processes = count;
        __atomic_store_n(mine, __atomic_load_n(&alone, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

void
aw_memory_set_max(uint64_t bytes)
{
        atomic_store(&max_memory, bytes);
}

bool
aw_memory_full(void)
{
        uint64_t most = atomic_load_explicit(&max_memory, memory_order_relaxed);
        uint64_t sum = (uint64_t)unreported;

        if (most == 0)
                return false;
        for (size_t i = 0; i < processes; i++)
                sum += __atomic_load_n(&all[i], __ATOMIC_RELAXED);
        return at_least_nothing(sum) > most;
}
