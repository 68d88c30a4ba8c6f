/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "base/memory.h"

/* What a thread has not added to the sum yet, at most. */
#define BATCH ((ptrdiff_t)64 << 10)

static atomic_size_t total;
static _Atomic(uint64_t) max_memory;
static _Thread_local ptrdiff_t unreported;

void
aw_memory_report(void)
{
        atomic_fetch_add_explicit(&total, (size_t)unreported, memory_order_relaxed);
        unreported = 0;
}

void
aw_memory_charge(ptrdiff_t bytes)
{
        unreported += bytes;
        if (unreported > BATCH || unreported < -BATCH)
                aw_memory_report();
}

uint64_t
aw_memory_used(void)
{
        /* Of another thread that has freed what this one allocated it may be below zero. */
        ptrdiff_t sum = (ptrdiff_t)atomic_load_explicit(&total, memory_order_relaxed) + unreported;

        return sum < 0 ? 0 : (uint64_t)sum;
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

        return most != 0 && aw_memory_used() > most;
}
