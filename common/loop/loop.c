/* SPDX-License-Identifier: MIT */
#include <libwebsockets.h>
#include <time.h>
#include <unistd.h>

#include "await/loop.h"

#include "await/log.h"
#include "base/list.h"
#include "loop/private.h"
#include "loop/socket.h"

/* While something is ready, libwebsockets is asked every so many turns only. */
#define TURNS_UNPOLLED 16

/*
 * Where there are sockets, so many timers become ready in a turn: those of a thousand connections that
 * came at once are due at once, and what each brings about takes time in the flush.
 */
#define TIMERS_AT_ONCE 8

/*
 * And one more for each such time that the first is late: so all have their turn, however long turns
 * take, and also if some are set again and again for a time that is over.
 */
#define LATE_TIMER (4 * AW_MILLISECOND)

enum { HANDLE_IDLE, HANDLE_READY, HANDLE_TIMER, HANDLE_REMOTE };

_Thread_local struct aw_loop *aw_loop_current;
_Thread_local aw_time aw_loop_woke;

aw_time
aw_loop_clock(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return now.tv_sec * AW_SECOND + now.tv_nsec / 1000;
}

aw_time
aw_loop_now(void)
{
        return aw_loop_clock(CLOCK_MONOTONIC);
}

aw_time
aw_loop_now_about(void)
{
        return aw_loop_clock(CLOCK_MONOTONIC_COARSE);
}

struct aw_loop *
aw_loop_get(void)
{
        return aw_loop_current;
}

void
aw_loop_missing(void)
{
        aw_log_abort("this thread has no event loop: call this from aw_run()");
}

const char *
aw_loop_backend(const struct aw_loop *loop)
{
        return loop->backend->name;
}

uint64_t
aw_loop_slow_count(const struct aw_loop *loop)
{
        return loop->slow_count;
}

struct lws_context *
aw_loop_context(struct aw_loop *loop)
{
        return loop->context;
}

struct lws_vhost *
aw_loop_vhost(struct aw_loop *loop)
{
        return loop->vhost;
}

void *
aw_loop_foreign(struct aw_loop *loop)
{
        return loop->foreign;
}

static void
make_ready(struct aw_loop *loop, struct aw_handle *handle)
{
        handle->state = HANDLE_READY;
        aw_list_append(&loop->ready, handle, link);
}

static __attribute__((noinline)) void
take_back(struct aw_loop *loop, struct aw_handle *handle)
{
        if (handle->state == HANDLE_REMOTE)
                aw_log_abort(
                        "a callback scheduled by aw_call_soon_threadsafe() cannot be cancelled");
        if (handle->state == HANDLE_READY)
                aw_list_remove(&loop->ready, handle, link);
        else if (handle->state == HANDLE_TIMER)
                aw_timers_remove(&loop->timers, handle);
        handle->state = HANDLE_IDLE;
}

void
aw_handle_cancel(struct aw_handle *handle)
{
        struct aw_loop *loop = aw_loop_need();

        if (handle->state != HANDLE_IDLE)
                take_back(loop, handle);
}

static __attribute__((noinline)) void
call_soon_instead(struct aw_handle *handle, void (*callback)(void *argument), void *argument)
{
        take_back(aw_loop_current, handle);
        aw_call_soon(handle, callback, argument);
}

void
aw_call_soon(struct aw_handle *handle, void (*callback)(void *argument), void *argument)
{
        struct aw_loop *loop = aw_loop_need();

        if (handle->state != HANDLE_IDLE) {
                call_soon_instead(handle, callback, argument);
                return;
        }
        handle->callback = callback;
        handle->argument = argument;
        make_ready(loop, handle);
}

void
aw_call_at(struct aw_handle *handle, aw_time when, void (*callback)(void *argument), void *argument)
{
        struct aw_loop *loop = aw_loop_need();

        if (handle->state != HANDLE_IDLE)
                take_back(loop, handle);
        handle->callback = callback;
        handle->argument = argument;
        /* The clock begins at 0: so the differences of times are times, too. */
        handle->when = when > 0 ? when : 0;
        handle->order = loop->order++;
        handle->state = HANDLE_TIMER;
        aw_timers_insert(&loop->timers, handle);
}

void
aw_call_later(struct aw_handle *handle, aw_time delay, void (*callback)(void *argument),
              void *argument)
{
        aw_time now = aw_loop_now();

        if (delay < 0)
                delay = 0;
        aw_call_at(handle, delay > AW_NEVER - now ? AW_NEVER : now + delay, callback, argument);
}

void
aw_call_soon_threadsafe(struct aw_loop *loop, struct aw_handle *handle,
                        void (*callback)(void *argument), void *argument)
{
        bool first;

        if (handle->state != HANDLE_IDLE)
                aw_log_abort("aw_call_soon_threadsafe(): the handle is in use");
        handle->callback = callback;
        handle->argument = argument;
        handle->state = HANDLE_REMOTE;
        pthread_mutex_lock(&loop->remote_lock);
        first = loop->remote.first == NULL;
        aw_list_append(&loop->remote, handle, link);
        atomic_store(&loop->remote_pending, true);
        /*
         * One wake-up serves all that come before the loop looks. Under the lock, the loop cannot
         * be gone yet.
         */
        if (first)
                lws_cancel_service(loop->context);
        pthread_mutex_unlock(&loop->remote_lock);
}

/* What other threads scheduled becomes ready here. */
static void
take_remote(struct aw_loop *loop)
{
        struct aw_handles taken;
        struct aw_handle *handle;

        if (!atomic_load(&loop->remote_pending))
                return;
        atomic_store(&loop->remote_pending, false);
        pthread_mutex_lock(&loop->remote_lock);
        taken = loop->remote;
        loop->remote = (struct aw_handles){NULL, NULL};
        pthread_mutex_unlock(&loop->remote_lock);
        while ((handle = aw_list_take(&taken, link)) != NULL)
                make_ready(loop, handle);
}

void
aw_loop_flush(struct aw_flush *flush)
{
        if (flush->queued)
                return;
        flush->queued = true;
        aw_list_append(&aw_loop_current->flushes, flush, link);
}

void
aw_loop_unflush(struct aw_flush *flush)
{
        if (!flush->queued)
                return;
        flush->queued = false;
        aw_list_remove(&aw_loop_current->flushes, flush, link);
}

/* What is served may ask to be served again: that is for the next turn. */
static void
flush_all(struct aw_loop *loop)
{
        struct aw_flush *flush;

        loop->flushed = loop->flushes.first != NULL;
        if (!loop->flushed)
                return;
        aw_list_append(&loop->flushes, &loop->flush_end, link);
        while ((flush = aw_list_take(&loop->flushes, link)) != &loop->flush_end) {
                flush->queued = false;
                flush->serve(flush);
        }
}

void
aw_loop_wake(struct aw_loop *loop)
{
        loop->woken = true;
}

bool
aw_loop_is_parents(const struct aw_loop *loop)
{
        return loop->process != getpid();
}

void
aw_loop_abandon(struct aw_loop *loop)
{
        loop->abandoned = true;
}

bool
aw_loop_is_abandoned(const struct aw_loop *loop)
{
        return loop->abandoned;
}

static __attribute__((noinline)) aw_time
since_checked(struct aw_loop *loop)
{
        aw_time now = aw_loop_clock(loop->watch), took = now - loop->checked;

        loop->checked = now;
        if (took <= loop->slow)
                return 0;
        loop->slow_count++;
        loop->told = true;
        return took;
}

aw_time
aw_loop_slow(void)
{
        struct aw_loop *loop = aw_loop_current;

        loop->asked = true;
        return loop->slow < 0 ? 0 : since_checked(loop);
}

static void
run_handle(struct aw_loop *loop, struct aw_handle *handle)
{
        aw_time took;

        handle->state = HANDLE_IDLE;
        loop->asked = false;
        handle->callback(handle->argument);
        took = loop->asked ? 0 : aw_loop_slow();
        if (took > 0)
                aw_log(AW_LOG_WARNING, "Executing a callback took %.3f seconds",
                       (double)took / AW_SECOND);
}

/* The slow-callback watch of whole turns: many that are not slow keep the loop as well. */

void
aw_loop_turn_begins(struct aw_loop *loop)
{
        aw_loop_woke = aw_loop_now_about();
        if (loop->slow >= 0 && loop->began == 0)
                loop->began = loop->watch == CLOCK_MONOTONIC_COARSE ? aw_loop_woke
                                                                    : aw_loop_clock(loop->watch);
}

static void
turn_ends(struct aw_loop *loop)
{
        aw_time took = loop->began == 0 ? 0 : aw_loop_clock(loop->watch) - loop->began;

        loop->began = 0;
        if (took > loop->slow && !loop->told) {
                loop->slow_count++;
                aw_log(AW_LOG_WARNING, "A turn of the event loop took %.3f seconds",
                       (double)took / AW_SECOND);
        }
        loop->told = false;
}

/* Before the kernel is asked what is ready. */
static void
ask_kernel(struct aw_loop *loop)
{
        loop->looks++;
        if (loop->slow >= 0)
                turn_ends(loop);
}

/* Runs what is ready now, not what becomes ready meanwhile: a marker stands between the two. */
static void
run_ready(struct aw_loop *loop)
{
        struct aw_handle *handle;

        if (loop->ready.first == NULL)
                return;
        aw_list_append(&loop->ready, &loop->ready_end, link);
        while (!loop->abandoned && (handle = aw_list_take(&loop->ready, link)) != &loop->ready_end)
                run_handle(loop, handle);
}

static void
run_all_timers(struct aw_loop *loop, aw_time now)
{
        struct aw_handle *handle, *due = aw_timers_take_due(&loop->timers, now);

        while ((handle = due) != NULL) {
                due = handle->link.previous;
                make_ready(loop, handle);
        }
}

static void
run_some_timers(struct aw_loop *loop, aw_time now)
{
        struct aw_handle *handle;
        aw_time late = now - loop->timers.first->when, left = TIMERS_AT_ONCE + late / LATE_TIMER;

        while (left-- > 0 && (handle = loop->timers.first) != NULL && handle->when <= now) {
                aw_timers_remove(&loop->timers, handle);
                make_ready(loop, handle);
        }
        loop->overdue = loop->timers.first != NULL && loop->timers.first->when <= now;
}

static void
run_timers(struct aw_loop *loop)
{
        const struct aw_handle *first = loop->timers.first;
        aw_time now;

        loop->overdue = false;
        if (first == NULL || first->when > aw_loop_now_about() + AW_LOOP_TICK)
                return;
        now = aw_loop_now();
        if (first->when > now)
                return;
        if (aw_socket_any())
                run_some_timers(loop, now);
        else
                run_all_timers(loop, now);
}

static aw_time
poll_until(const struct aw_loop *loop, bool wait)
{
        if (!wait || loop->woken || loop->ready.first != NULL || loop->flushes.first != NULL)
                return 0;
        return loop->timers.first == NULL ? AW_NEVER : loop->timers.first->when;
}

/*
 * Tasks that keep each other ready need not pay for a system call each turn, unless they made some,
 * or some of it is work that takes long, or more timers are due. Where many sockets are busy some
 * are ready by now: the set alone is asked for them.
 */
static bool
need_not_poll(struct aw_loop *loop)
{
        if (++loop->unpolled >= TURNS_UNPOLLED || loop->shares.line.first != NULL || loop->overdue)
                return false;
        if (loop->ready.first != NULL && !loop->flushed)
                return true;
        if (!loop->busy)
                return false;
        ask_kernel(loop);
        return aw_socket_serve_set(loop);
}

static void
poll_once(struct aw_loop *loop, bool wait)
{
        if (need_not_poll(loop))
                return;
        loop->unpolled = 0;
        ask_kernel(loop);
        loop->backend->poll(loop, poll_until(loop, wait));
        loop->woken = false;
}

/* What the program did since the last turn, if it is the one that turns the loop, kept nobody. */
static void
leave_out_the_pause(struct aw_loop *loop)
{
        aw_time pause = aw_loop_clock(loop->watch) - loop->checked;

        loop->checked += pause;
        if (loop->began != 0)
                loop->began += pause;
}

static void
turn(struct aw_loop *loop, bool wait)
{
        if (loop->slow >= 0)
                leave_out_the_pause(loop);
        run_ready(loop);
        if (loop->abandoned)
                return;
        flush_all(loop);
        poll_once(loop, wait);
        take_remote(loop);
        run_timers(loop);
        if (loop->slow >= 0)
                loop->checked = aw_loop_clock(loop->watch);
        if (loop->slow >= 0 && loop->began == 0)
                loop->began = loop->checked;
}

void
aw_loop_turn(struct aw_loop *loop, bool wait)
{
        if (loop->turning)
                aw_log_abort("aw_loop_turn(): this event loop is running already");
        loop->turning = true;
        turn(loop, wait);
        loop->turning = false;
}
