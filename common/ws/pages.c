/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <sys/mman.h>

#include "ws/pages.h"

#include "base/memory.h"
#include "loop/share.h"

/* Given back at once: that takes half a millisecond. */
#define PIECE ((size_t)4 << 20)

/* What is to be given back, from its first byte on. */
struct leaving {
        struct leaving *next;
        size_t bytes; /* that are left of it */
};

static _Thread_local struct {
        struct leaving *first;
        struct aw_share share;
} mine;

static size_t
give_piece_back(void)
{
        struct leaving *leaving = mine.first;
        size_t bytes = leaving->bytes, rest = (bytes - 1) & ~(PIECE - 1);

        if (rest > 0)
                leaving->bytes = rest;
        else
                mine.first = leaving->next;
        munmap((uint8_t *)leaving + rest, bytes - rest);
        aw_memory_charge((ptrdiff_t)rest - (ptrdiff_t)bytes);
        return bytes - rest;
}

static bool
make_up(size_t bytes)
{
        size_t given = 0;

        while (mine.first != NULL && given < bytes)
                given += give_piece_back();
        return given >= bytes;
}

bool
ws_pages_room(size_t bytes)
{
        return !aw_memory_full() || make_up(bytes) || !aw_memory_full();
}

/* What waits does not become more while others are taken. */
void *
ws_pages_take(size_t bytes)
{
        void *memory;

        make_up(bytes);
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return NULL;
        aw_memory_charge((ptrdiff_t)bytes);
        return memory;
}

void *
ws_pages_resize(void *memory, size_t before, size_t bytes)
{
        void *moved;

        if (bytes > before)
                make_up(bytes - before);
        moved = mremap(memory, before, bytes, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED)
                return NULL;
        aw_memory_charge((ptrdiff_t)bytes - (ptrdiff_t)before);
        return moved;
}

static void
give_back_some(void *unused)
{
        bool enough = !aw_share_begin(&mine.share);

        (void)unused;
        while (!enough && mine.first != NULL) {
                /* Some eight times as fast as to fill them. */
                enough = aw_share_use(&mine.share, give_piece_back() / 8);
        }
        if (mine.first != NULL)
                aw_share_wait(&mine.share, give_back_some, NULL);
}

void
ws_pages_give_back(void *memory, size_t bytes)
{
        struct leaving *leaving = memory;

        leaving->next = mine.first;
        leaving->bytes = bytes;
        mine.first = leaving;
        if (!mine.share.waiting)
                give_back_some(NULL);
}

void
ws_pages_give_back_all(void)
{
        while (mine.first != NULL)
                give_piece_back();
        aw_share_cancel(&mine.share);
}
