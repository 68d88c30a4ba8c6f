/* SPDX-License-Identifier: MIT */
/*
 * What the connections of this process take: counted in each thread, and from time to time for all.
 * And what they took is given back: the C library keeps the memory of a burst for as long as one
 * small block lies above it.
 */
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>

#include "await/ws.h"
#include "ws/buffer_private.h"

/* What a thread has not added to the sum yet, at most. */
#define BATCH ((ptrdiff_t)64 << 10)

/* So much has to be freed before memory is given back, and then it takes so long. */
#define TRIM_SIZE  ((size_t)8 << 20)
#define TRIM_DELAY AW_SECOND

static atomic_size_t total;
static _Atomic(uint64_t) max_memory;

static _Thread_local struct {
        size_t connections;
        ptrdiff_t unreported;
        size_t freed; /* since memory was given back last */
        struct aw_handle timer;
        bool waiting; /* for it */
} mine;

static void
give_back(void *unused)
{
        (void)unused;
        mine.waiting = false;
        mine.freed = 0;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
}

static void
report(void)
{
        atomic_fetch_add_explicit(&total, (size_t)mine.unreported, memory_order_relaxed);
        mine.unreported = 0;
        if (mine.freed < TRIM_SIZE || mine.waiting || mine.connections == 0)
                return;
        mine.waiting = true;
        aw_call_later(&mine.timer, TRIM_DELAY, give_back, NULL);
}

void
ws_memory_charge(ptrdiff_t bytes)
{
        if (bytes < 0)
                mine.freed += (size_t)-bytes;
        mine.unreported += bytes;
        if (mine.unreported > BATCH || mine.unreported < -BATCH)
                report();
}

void
ws_memory_begin(void)
{
        mine.connections++;
        ws_memory_charge((ptrdiff_t)WS_CONNECTION_COST);
}

bool
ws_memory_end(void)
{
        ws_memory_charge(-(ptrdiff_t)WS_CONNECTION_COST);
        if (--mine.connections > 0)
                return false;
        /* The loop may end now, and with it the timer. */
        if (mine.waiting)
                aw_handle_cancel(&mine.timer);
        if (mine.freed >= TRIM_SIZE)
                give_back(NULL);
        mine.waiting = false;
        report();
        return true;
}

bool
ws_memory_full(void)
{
        uint64_t most = atomic_load_explicit(&max_memory, memory_order_relaxed);

        return most != 0 && ws_memory() > most;
}

void
ws_set_max_memory(uint64_t bytes)
{
        atomic_store(&max_memory, bytes);
}

size_t
ws_connection_count(void)
{
        return mine.connections;
}

uint64_t
ws_memory(void)
{
        /* Of another thread that has freed what this one allocated it may be below zero. */
        ptrdiff_t sum =
                (ptrdiff_t)atomic_load_explicit(&total, memory_order_relaxed) + mine.unreported;

        return sum < 0 ? 0 : (uint64_t)sum;
}
