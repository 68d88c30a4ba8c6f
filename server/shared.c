/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/mman.h>

#include "shared.h"

_Static_assert(sizeof(struct shared) % _Alignof(struct metrics) == 0 &&
                       sizeof(struct worker_block) % _Alignof(struct metrics) == 0,
               "the metrics lie on cache lines of their own");

struct shared *
shared_create(size_t workers)
{
        size_t metrics = sizeof(struct shared) + workers * sizeof(struct worker_block);
        size_t memory = metrics + workers * sizeof(struct metrics);
        size_t addresses = (memory + workers * sizeof(uint64_t) + 63) / 64 * 64;
        size_t board = (addresses + addresses_size(workers) + 63) / 64 * 64;
        size_t size = board + listing_board_size(workers);
        struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        int error;

        if (shared == MAP_FAILED)
                return NULL;
        /* Keys have no business in a core file. Older kernels do not know how to leave it out. */
        madvise(shared, size, MADV_DONTDUMP);
        shared->size = size;
        shared->metrics = (void *)((char *)shared + metrics);
        shared->memory = (void *)((char *)shared + memory);
        shared->addresses = (void *)((char *)shared + addresses);
        shared->board = (void *)((char *)shared + board);
        shared->count = workers;
        if (tickets_rotate(&shared->tickets) == 0 &&
            addresses_begin(shared->addresses, workers) == 0)
                return shared;
        error = errno;
        shared_free(shared);
        errno = error;
        return NULL;
}

void
shared_forget_worker(struct shared *shared, size_t worker)
{
        struct worker_block *block = &shared->workers[worker];

        atomic_store(&block->state, WORKER_NONE);
        atomic_store(&block->accepted, 0);
        atomic_store(&block->open, 0);
        __atomic_store_n(&shared->memory[worker], 0, __ATOMIC_RELAXED);
        addresses_forget(shared->addresses, worker);
        metrics_forget(&shared->metrics[worker]);
}

void
shared_free(struct shared *shared)
{
        if (shared != NULL)
                munmap(shared, shared->size);
}
