/* SPDX-License-Identifier: MIT */
/*
 * What tasks of one loop wait for each other with: asyncio's Event, Lock, Semaphore and Queue. All
 * are plain structures of the caller's, whose members are the library's. Waiters are served first
 * come first served, and one that is cancelled after it was served passes on what it got.
 * A structure must last, and not be zeroed or begun anew, as long as a task waits in it.
 *
 * The async functions return 0, or -1 with errno ETIMEDOUT (the absolute deadline passed; AW_NEVER:
 * none) or ECANCELED. One that need not wait does not, and then looks at neither.
 */
#ifndef AW_SYNC_H
#define AW_SYNC_H

#include "task.h"

/* asyncio.Event. Zeroed: not set. */
struct aw_event {
        bool set;
        struct aw_waiters waiters;
};
AW_API void aw_event_set(struct aw_event *event); /* wakes all waiters */
AW_API void aw_event_clear(struct aw_event *event);
AW_API bool aw_event_is_set(const struct aw_event *event);
AW_API aw_async int aw_event_wait(struct aw_event *event, aw_time deadline);

/* asyncio.Semaphore: `value` may be acquired at once. */
struct aw_semaphore {
        size_t value;
        struct aw_waiters waiters;
};
AW_API void aw_semaphore_init(struct aw_semaphore *semaphore, size_t value);
AW_API aw_async int aw_semaphore_acquire(struct aw_semaphore *semaphore, aw_time deadline);
AW_API bool aw_semaphore_try(struct aw_semaphore *semaphore); /* false if it would have to wait */
AW_API void aw_semaphore_release(struct aw_semaphore *semaphore);

/*
 * asyncio.Lock. Zeroed: not locked. Not recursive; released by the task that acquired it, before
 * that ends, or it aborts. (In asyncio any task may release it.)
 */
struct aw_lock {
        struct aw_task *owner;
        struct aw_waiters waiters;
};
AW_API aw_async int aw_lock_acquire(struct aw_lock *lock, aw_time deadline);
AW_API void aw_lock_release(struct aw_lock *lock);
AW_API bool aw_lock_locked(const struct aw_lock *lock);

/* asyncio.Queue of pointers, which stay the caller's. */
struct aw_queue {
        void **items; /* a ring */
        size_t capacity, head, count;
        size_t max; /* 0: no bound */
        struct aw_semaphore filled, empty;
};

/* At most `max` items wait in it; 0: any number, and a put never waits. Allocates nothing yet. */
AW_API void aw_queue_init(struct aw_queue *queue, size_t max);

/* Frees the ring. Nobody may be waiting; items still in it are forgotten. */
AW_API void aw_queue_free(struct aw_queue *queue);

/*
 * How many items aw_queue_get_nowait() would get. An item that a task waits for is that task's as
 * soon as it is put, though it has not run yet; in asyncio whoever comes first would get it.
 */
AW_API size_t aw_queue_size(const struct aw_queue *queue);

/* Waits for room. Also -1 with ENOMEM. */
AW_API aw_async int aw_queue_put(struct aw_queue *queue, void *item, aw_time deadline);

/* Waits for an item. */
AW_API aw_async int aw_queue_get(struct aw_queue *queue, void **item, aw_time deadline);

/* The same without waiting: -1 with EAGAIN if full, or if empty (put_nowait, get_nowait). */
AW_API int aw_queue_put_nowait(struct aw_queue *queue, void *item);
AW_API int aw_queue_get_nowait(struct aw_queue *queue, void **item);

#endif
