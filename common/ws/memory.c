/* SPDX-License-Identifier: MIT */
/*
 * What WebSocket connections take is charged to the process. And what they took is given back: the
 * C library keeps the memory of a burst for as long as one small block lies above it.
 */
#include <malloc.h>

#include "base/memory.h"

#include "await/ws.h"
#include "ws/buffer_private.h"

/*
 * So much less than before has to be in use, and again so long after that: to give memory back takes
 * milliseconds, which would be lost where as many connections come as go.
 */
#define TRIM_SIZE  ((ptrdiff_t)8 << 20)
#define TRIM_DELAY AW_SECOND

static _Thread_local struct {
        size_t connections;
        ptrdiff_t used, most; /* now; and at most, since memory was given back last */
        struct aw_handle timer;
        bool waiting; /* for it */
} mine;

static bool
is_much_less(void)
{
        return mine.most - mine.used >= TRIM_SIZE;
}

static void
give_back(void *unused)
{
        (void)unused;
        mine.waiting = false;
        if (!is_much_less())
                return;
        mine.most = mine.used;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
}

void
ws_memory_charge(ptrdiff_t bytes)
{
        aw_memory_charge(bytes);
        mine.used += bytes;
        if (mine.used > mine.most)
                mine.most = mine.used;
        if (!is_much_less() || mine.waiting || mine.connections == 0)
                return;
        mine.waiting = true;
        aw_call_later(&mine.timer, TRIM_DELAY, give_back, NULL);
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
        give_back(NULL);
        aw_memory_report();
        return true;
}

void
ws_set_max_memory(uint64_t bytes)
{
        aw_memory_set_max(bytes);
}

void
ws_share_memory(uint64_t *parts, size_t count, size_t own)
{
        aw_memory_share(parts, count, own);
}

size_t
ws_connection_count(void)
{
        return mine.connections;
}

uint64_t
ws_memory(void)
{
        return aw_memory_used();
}
