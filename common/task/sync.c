/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "await/sync.h"

#include "await/log.h"
#include "task/private.h"

void
aw_event_set(struct aw_event *event)
{
        event->set = true;
        aw_wake_all(&event->waiters);
}

void
aw_event_clear(struct aw_event *event)
{
        event->set = false;
}

bool
aw_event_is_set(const struct aw_event *event)
{
        return event->set;
}

async int
aw_event_wait(struct aw_event *event, aw_time deadline)
{
        return event->set ? 0 : aw_wait_in(&event->waiters, deadline, NULL);
}

void
aw_semaphore_init(struct aw_semaphore *semaphore, size_t value)
{
        *semaphore = (struct aw_semaphore){.value = value};
}

bool
aw_semaphore_try(struct aw_semaphore *semaphore)
{
        if (semaphore->value == 0)
                return false;
        semaphore->value--;
        return true;
}

/* Who waits is given the unit itself, so that nobody who comes later can be faster. */
void
aw_semaphore_release(struct aw_semaphore *semaphore)
{
        if (!aw_wake_one(&semaphore->waiters))
                semaphore->value++;
}

static int
semaphore_acquire(struct aw_semaphore *semaphore, aw_time deadline)
{
        bool given;
        int result, error;

        if (aw_semaphore_try(semaphore))
                return 0;
        result = aw_wait_in(&semaphore->waiters, deadline, &given);
        if (result == -1 && given) {
                error = errno;
                aw_semaphore_release(semaphore);
                errno = error;
        }
        return result;
}

async int
aw_semaphore_acquire(struct aw_semaphore *semaphore, aw_time deadline)
{
        return semaphore_acquire(semaphore, deadline);
}

/* The lock goes straight to the next in line. */
static void
lock_pass_on(struct aw_lock *lock)
{
        struct aw_waiter *next = lock->waiters.first;

        lock->owner = next == NULL ? NULL : next->task;
        aw_wake_one(&lock->waiters);
}

async int
aw_lock_acquire(struct aw_lock *lock, aw_time deadline)
{
        struct aw_task *self = aw_task_current();
        bool given;
        int result, error;

        if (self == NULL)
                aw_log_abort("aw_lock_acquire() outside a task");
        if (lock->owner == self)
                aw_log_abort("task '%s' acquires a lock that it holds", aw_task_name(self));
        if (lock->owner == NULL) {
                lock->owner = self;
                self->locks++;
                return 0;
        }
        result = aw_wait_in(&lock->waiters, deadline, &given);
        if (result == 0) {
                self->locks++;
        } else if (given) {
                error = errno;
                lock_pass_on(lock);
                errno = error;
        }
        return result;
}

void
aw_lock_release(struct aw_lock *lock)
{
        if (lock->owner == NULL || lock->owner != aw_task_current())
                aw_log_abort("aw_lock_release(): the lock is not held by this task");
        lock->owner->locks--;
        lock_pass_on(lock);
}

bool
aw_lock_locked(const struct aw_lock *lock)
{
        return lock->owner != NULL;
}

void
aw_queue_init(struct aw_queue *queue, size_t max)
{
        *queue = (struct aw_queue){.max = max};
        aw_semaphore_init(&queue->empty, max);
}

void
aw_queue_free(struct aw_queue *queue)
{
        /* One that was woken and has not run yet has its item, or its place, already. */
        if (queue->filled.waiters.first != NULL || queue->empty.waiters.first != NULL ||
            queue->count != queue->filled.value ||
            (queue->max > 0 && queue->count + queue->empty.value != queue->max))
                aw_log_abort("aw_queue_free(): a task waits in the queue");
        free(queue->items);
        *queue = (struct aw_queue){.items = NULL};
}

size_t
aw_queue_size(const struct aw_queue *queue)
{
        return queue->filled.value;
}

/* Doubles a full ring, and moves the part that had wrapped around behind the rest. */
static int
ring_grow(struct aw_queue *queue)
{
        size_t capacity = queue->capacity == 0 ? 8 : 2 * queue->capacity;
        void **items = realloc(queue->items, capacity * sizeof(*items));

        if (items == NULL)
                return -1;
        memcpy(items + queue->capacity, items, queue->head * sizeof(*items));
        queue->items = items;
        queue->capacity = capacity;
        return 0;
}

/* Puts an item for which there is a place. */
static int
queue_push(struct aw_queue *queue, void *item)
{
        if (queue->count == queue->capacity && ring_grow(queue) == -1) {
                if (queue->max > 0)
                        aw_semaphore_release(&queue->empty);
                errno = ENOMEM;
                return -1;
        }
        queue->items[(queue->head + queue->count++) % queue->capacity] = item;
        aw_semaphore_release(&queue->filled);
        return 0;
}

static void
queue_pop(struct aw_queue *queue, void **item)
{
        *item = queue->items[queue->head];
        queue->head = (queue->head + 1) % queue->capacity;
        queue->count--;
        if (queue->max > 0)
                aw_semaphore_release(&queue->empty);
}

int
aw_queue_put_nowait(struct aw_queue *queue, void *item)
{
        if (queue->max > 0 && !aw_semaphore_try(&queue->empty)) {
                errno = EAGAIN;
                return -1;
        }
        return queue_push(queue, item);
}

int
aw_queue_get_nowait(struct aw_queue *queue, void **item)
{
        if (!aw_semaphore_try(&queue->filled)) {
                errno = EAGAIN;
                return -1;
        }
        queue_pop(queue, item);
        return 0;
}

async int
aw_queue_put(struct aw_queue *queue, void *item, aw_time deadline)
{
        if (queue->max > 0 && semaphore_acquire(&queue->empty, deadline) == -1)
                return -1;
        return queue_push(queue, item);
}

async int
aw_queue_get(struct aw_queue *queue, void **item, aw_time deadline)
{
        if (semaphore_acquire(&queue->filled, deadline) == -1)
                return -1;
        queue_pop(queue, item);
        return 0;
}
