/* SPDX-License-Identifier: MIT */
/* Lines that a peer can cause: so many a second, and the number of the others. */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/private.h"

#define PER_SECOND 20

/*
 * The process that holds the lock; 0: none. A process that was forked while another thread held it
 * finds its parent there, and takes it.
 */
static atomic_int holder;
static struct aw_log_limit *first; /* of those that have left out lines; under the lock */
static atomic_bool any;            /* there are such */
static _Atomic(uint64_t) all_left_out;

static void
lock(void)
{
        int own = (int)getpid(), seen = 0;

        while (!atomic_compare_exchange_weak_explicit(&holder, &seen, own, memory_order_acquire,
                                                      memory_order_relaxed)) {
                if (seen == own) {
                        sched_yield();
                        seen = 0;
                }
        }
}

static void
unlock(void)
{
        atomic_store_explicit(&holder, 0, memory_order_release);
}

static long long
now_in_milliseconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static bool
is_over(const struct aw_log_limit *limit, long long now)
{
        return now - limit->begin >= 1000;
}

uint64_t
aw_log_limit_left_out(void)
{
        return atomic_load(&all_left_out);
}

/* Whether this line is one of those that are written. The first of a second begins it. */
static bool
admit(struct aw_log_limit *limit, long long now)
{
        if (limit->count == 0 || is_over(limit, now)) {
                limit->begin = now;
                limit->count = 0;
        }
        if (limit->count < (limit->per_second > 0 ? limit->per_second : PER_SECOND)) {
                limit->count++;
                return true;
        }
        atomic_fetch_add_explicit(&all_left_out, 1, memory_order_relaxed);
        if (limit->left_out++ == 0) {
                limit->next = first;
                first = limit;
                atomic_store(&any, true);
        }
        return false;
}

/* Takes one whose second is over out of the list; the caller's copy tells of it. */
static bool
limit_take(struct aw_log_limit *copy, long long now)
{
        struct aw_log_limit **at = &first, *limit;

        while (*at != NULL && !is_over(*at, now))
                at = &(*at)->next;
        limit = *at;
        if (limit == NULL)
                return false;
        *at = limit->next;
        atomic_store(&any, first != NULL);
        *copy = *limit;
        limit->left_out = 0;
        return true;
}

static void
limit_report(enum aw_log_level level, const char *format, ...)
{
        char message[AW_LOG_MESSAGE_MAX + 1];
        va_list arguments;

        va_start(arguments, format);
        aw_log_format(message, format, arguments);
        va_end(arguments);
        aw_log_emit(level, message);
}

void
aw_log_limit_report(void)
{
        struct aw_log_limit copy;
        bool taken = true;

        while (taken && atomic_load_explicit(&any, memory_order_relaxed)) {
                lock();
                taken = limit_take(&copy, now_in_milliseconds());
                unlock();
                if (taken)
                        limit_report(copy.level, "left out %lu line%s like this one: %s",
                                     copy.left_out, copy.left_out == 1 ? "" : "s", copy.example);
        }
}

void
aw_log_limit(struct aw_log_limit *limit, enum aw_log_level level, const char *format, ...)
{
        int saved_errno = errno;
        char message[AW_LOG_MESSAGE_MAX + 1];
        va_list arguments;
        bool admitted;

        if (!aw_log_enabled(level))
                return;
        aw_log_limit_report();
        errno = saved_errno; /* for %m */
        va_start(arguments, format);
        lock();
        admitted = admit(limit, now_in_milliseconds());
        if (admitted || limit->left_out == 1)
                aw_log_format(message, format, arguments);
        if (!admitted && limit->left_out == 1) {
                limit->level = level;
                snprintf(limit->example, sizeof(limit->example), "%.*s",
                         (int)sizeof(limit->example) - 1, message);
        }
        unlock();
        va_end(arguments);
        if (admitted)
                aw_log_emit(level, message);
        errno = saved_errno;
}
