/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include "log.h"
#include "loop_private.h"
#include "loop_socket.h"
#include "timer_heap.h"

#include <errno.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SLOW_DEFAULT     (100 * AW_MILLISECOND)
#define DESCRIPTORS_MOST 131072 /* libwebsockets keeps 16 bytes for each that could be open */

/* While something is ready, the poller is asked every so many turns only. */
#define TURNS_UNPOLLED 16

/* Bytes that one read takes at most: a few whole TLS records. */
#define READ_SIZE 65536

enum { HANDLE_IDLE, HANDLE_READY, HANDLE_TIMER, HANDLE_REMOTE };

struct queue {
        struct aw_handle *first, *last;
};

struct aw_loop {
        const struct aw_loop_backend *backend;
        struct lws_context *context;
        struct lws_vhost *vhost;
        void *foreign;

        struct queue ready;
        struct aw_handle *timers; /* root of the heap */
        uint64_t order;
        struct aw_flush *flush_first, **flush_last;

        bool hurry;        /* this turn does not wait */
        unsigned unpolled; /* turns since the last poll */

        aw_time slow;    /* the limit; negative: off */
        aw_time checked; /* when the slow-callback watch last looked at its clock */
        clockid_t watch; /* which one that is */
        bool asked;      /* it did since the callback that runs began */

        pthread_mutex_t remote_lock;
        struct queue remote; /* call_soon_threadsafe, under the lock */
        atomic_bool remote_pending;
};

static const struct aw_loop_backend *const backends[] = {&aw_loop_ev, &aw_loop_uv, &aw_loop_poll};
#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

static _Thread_local struct aw_loop *current;
static _Atomic(const char *) policy = "auto";

static aw_time
read_clock(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return now.tv_sec * AW_SECOND + now.tv_nsec / 1000;
}

aw_time
aw_loop_now(void)
{
        return read_clock(CLOCK_MONOTONIC);
}

aw_time
aw_loop_now_about(void)
{
        return read_clock(CLOCK_MONOTONIC_COARSE);
}

struct aw_loop *
aw_loop_get(void)
{
        return current;
}

struct aw_loop *
aw_loop_need(void)
{
        if (current == NULL)
                aw_log_abort("this thread has no event loop: call this from aw_run()");
        return current;
}

const char *
aw_loop_backend(const struct aw_loop *loop)
{
        return loop->backend->name;
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

/* Queues: doubly linked, so that a handle can be taken out from the middle. */

static void
queue_put(struct queue *queue, struct aw_handle *handle)
{
        handle->next = NULL;
        handle->previous = queue->last;
        if (queue->last != NULL)
                queue->last->next = handle;
        else
                queue->first = handle;
        queue->last = handle;
}

static void
queue_remove(struct queue *queue, struct aw_handle *handle)
{
        if (handle->previous != NULL)
                handle->previous->next = handle->next;
        else
                queue->first = handle->next;
        if (handle->next != NULL)
                handle->next->previous = handle->previous;
        else
                queue->last = handle->previous;
}

static void
make_ready(struct aw_loop *loop, struct aw_handle *handle)
{
        handle->state = HANDLE_READY;
        queue_put(&loop->ready, handle);
}

void
aw_handle_cancel(struct aw_handle *handle)
{
        struct aw_loop *loop = aw_loop_need();

        if (handle->state == HANDLE_REMOTE)
                aw_log_abort(
                        "a callback scheduled by aw_call_soon_threadsafe() cannot be cancelled");
        if (handle->state == HANDLE_READY)
                queue_remove(&loop->ready, handle);
        else if (handle->state == HANDLE_TIMER)
                loop->timers = aw_timer_heap_remove(loop->timers, handle);
        handle->state = HANDLE_IDLE;
}

void
aw_call_soon(struct aw_handle *handle, void (*callback)(void *argument), void *argument)
{
        aw_handle_cancel(handle);
        handle->callback = callback;
        handle->argument = argument;
        make_ready(current, handle);
}

void
aw_call_at(struct aw_handle *handle, aw_time when, void (*callback)(void *argument), void *argument)
{
        aw_handle_cancel(handle);
        handle->callback = callback;
        handle->argument = argument;
        handle->when = when;
        handle->order = current->order++;
        handle->state = HANDLE_TIMER;
        current->timers = aw_timer_heap_insert(current->timers, handle);
}

void
aw_call_later(struct aw_handle *handle, aw_time delay, void (*callback)(void *argument),
              void *argument)
{
        aw_time now = aw_loop_now();

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
        queue_put(&loop->remote, handle);
        atomic_store(&loop->remote_pending, true);
        /* One wake-up serves all that come before the loop looks. Under the lock, the loop cannot be gone yet. */
        if (first)
                lws_cancel_service(loop->context);
        pthread_mutex_unlock(&loop->remote_lock);
}

/* What other threads scheduled becomes ready here. */
static void
take_remote(struct aw_loop *loop)
{
        struct queue taken;
        struct aw_handle *handle, *next;

        if (!atomic_exchange(&loop->remote_pending, false))
                return;
        pthread_mutex_lock(&loop->remote_lock);
        taken = loop->remote;
        loop->remote = (struct queue){NULL, NULL};
        pthread_mutex_unlock(&loop->remote_lock);
        for (handle = taken.first; handle != NULL; handle = next) {
                next = handle->next;
                make_ready(loop, handle);
        }
}

void
aw_loop_flush(struct aw_flush *flush)
{
        if (flush->queued)
                return;
        flush->queued = true;
        flush->next = NULL;
        *current->flush_last = flush;
        current->flush_last = &flush->next;
}

void
aw_loop_unflush(struct aw_flush *flush)
{
        struct aw_flush **link;

        if (!flush->queued)
                return;
        for (link = &current->flush_first; *link != flush; link = &(*link)->next)
                continue;
        *link = flush->next;
        if (flush->next == NULL)
                current->flush_last = link;
        flush->queued = false;
}

/* What is served may ask to be served again: that is for the next turn. */
static void
flush_all(struct aw_loop *loop)
{
        struct aw_flush marker = {.queued = true};
        struct aw_flush *flush;

        if (loop->flush_first == NULL)
                return;
        *loop->flush_last = &marker;
        loop->flush_last = &marker.next;
        while ((flush = loop->flush_first) != &marker) {
                loop->flush_first = flush->next;
                flush->queued = false;
                flush->serve(flush);
        }
        loop->flush_first = marker.next;
        if (marker.next == NULL)
                loop->flush_last = &loop->flush_first;
}

void
aw_loop_hurry(struct aw_loop *loop)
{
        loop->hurry = true;
}

aw_time
aw_loop_slow(struct aw_loop *loop)
{
        aw_time now, took;

        loop->asked = true;
        if (loop->slow < 0)
                return 0;
        now = read_clock(loop->watch);
        took = now - loop->checked;
        loop->checked = now;
        return took > loop->slow ? took : 0;
}

static void
run_handle(struct aw_loop *loop, struct aw_handle *handle)
{
        aw_time took;

        handle->state = HANDLE_IDLE;
        loop->asked = false;
        handle->callback(handle->argument);
        took = loop->asked ? 0 : aw_loop_slow(loop);
        if (took > 0)
                aw_log(AW_LOG_WARNING, "Executing a callback took %.3f seconds",
                       (double)took / AW_SECOND);
}

/* Runs what is ready now, not what becomes ready meanwhile: a marker stands between the two. */
static void
run_ready(struct aw_loop *loop)
{
        struct aw_handle marker = {.state = HANDLE_READY};
        struct aw_handle *handle;

        if (loop->ready.first == NULL)
                return;
        queue_put(&loop->ready, &marker);
        while ((handle = loop->ready.first) != &marker) {
                queue_remove(&loop->ready, handle);
                run_handle(loop, handle);
        }
        queue_remove(&loop->ready, &marker);
}

static void
run_timers(struct aw_loop *loop)
{
        aw_time now;
        struct aw_handle *handle;

        if (loop->timers == NULL || loop->timers->when > aw_loop_now_about() + AW_LOOP_TICK)
                return;
        now = aw_loop_now();
        while ((handle = loop->timers) != NULL && handle->when <= now) {
                loop->timers = aw_timer_heap_remove(loop->timers, handle);
                make_ready(loop, handle);
        }
}

static aw_time
poll_until(const struct aw_loop *loop, bool wait)
{
        if (!wait || loop->hurry || loop->ready.first != NULL || loop->flush_first != NULL)
                return 0;
        return loop->timers == NULL ? AW_NEVER : loop->timers->when;
}

/* Tasks that keep each other ready need not pay for a system call each turn. */
static void
poll_once(struct aw_loop *loop, bool wait)
{
        if (loop->ready.first != NULL && ++loop->unpolled < TURNS_UNPOLLED)
                return;
        loop->unpolled = 0;
        loop->backend->poll(loop, poll_until(loop, wait));
        loop->hurry = false;
}

void
aw_loop_turn(struct aw_loop *loop, bool wait)
{
        run_ready(loop);
        flush_all(loop);
        poll_once(loop, wait);
        take_remote(loop);
        run_timers(loop);
        if (loop->slow >= 0)
                loop->checked = read_clock(loop->watch);
}

/* libwebsockets sizes its tables by the limit of open files, and is slow if told of any other number. */
static void
limit_descriptors(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return;
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
                aw_log(AW_LOG_DEBUG, "setrlimit: %s", strerror(errno));
}

/* libwebsockets reports every refused connection as an error: of interest when looking for one, not otherwise. */
static void
log_line(int level, const char *line)
{
        size_t length = strcspn(line, "\n");

        (void)level;
        aw_log(AW_LOG_DEBUG, "libwebsockets: %.*s", (int)length, line);
}

static int
create_context(struct aw_loop *loop)
{
        struct lws_context_creation_info info = {
                .port = CONTEXT_PORT_NO_LISTEN_SERVER,
                .protocols = aw_socket_protocols,
                .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
                .pt_serv_buf_size = READ_SIZE + LWS_PRE,
                .gid = (gid_t)-1,
                .uid = (uid_t)-1,
        };

        if (loop->backend->open(loop, &info, &loop->foreign) == -1)
                return -1;
        loop->context = lws_create_context(&info);
        if (loop->context != NULL)
                loop->vhost = lws_create_vhost(loop->context, &info);
        if (loop->vhost != NULL)
                return 0;
        /* A plug-in that is not there is the likely cause; poll needs none. */
        loop->backend->close(loop);
        errno = loop->backend == &aw_loop_poll ? ENOMEM : ENOENT;
        return -1;
}

static bool
is_auto(const char *name)
{
        return strcmp(name, "auto") == 0;
}

static const struct aw_loop_backend *
find_backend(const char *name)
{
        size_t i;

        for (i = 0; i < BACKENDS; i++)
                if (strcmp(backends[i]->name, name) == 0)
                        return backends[i];
        errno = EINVAL;
        return NULL;
}

int
aw_loop_set_policy(const char *backend)
{
        if (!is_auto(backend) && find_backend(backend) == NULL)
                return -1;
        policy = backend;
        return 0;
}

/* The back end that was asked for, or the first that can be had. */
static int
choose_backend(struct aw_loop *loop, const char *name)
{
        size_t i;

        if (!is_auto(name)) {
                loop->backend = find_backend(name);
                return loop->backend == NULL ? -1 : create_context(loop);
        }
        for (i = 0; i < BACKENDS; i++) {
                loop->backend = backends[i];
                if (create_context(loop) == 0)
                        return 0;
                aw_log(AW_LOG_DEBUG, "no back end %s: %s", backends[i]->name, strerror(errno));
        }
        return -1;
}

struct aw_loop *
aw_loop_create(const struct aw_loop_options *options)
{
        static const struct aw_loop_options defaults;
        struct aw_loop *loop;
        int error;

        if (options == NULL)
                options = &defaults;
        if (current != NULL) {
                errno = EBUSY;
                return NULL;
        }
        loop = calloc(1, sizeof(*loop));
        if (loop == NULL)
                return NULL;
        loop->flush_last = &loop->flush_first;
        loop->slow = options->slow == 0 ? SLOW_DEFAULT : options->slow;
        loop->watch = loop->slow > 2 * AW_LOOP_TICK ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC;
        pthread_mutex_init(&loop->remote_lock, NULL);
        limit_descriptors();
        lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
        if (choose_backend(loop, options->backend == NULL ? policy : options->backend) == -1) {
                error = errno;
                pthread_mutex_destroy(&loop->remote_lock);
                free(loop);
                errno = error;
                return NULL;
        }
        loop->checked = read_clock(loop->watch);
        current = loop;
        return loop;
}

void
aw_loop_destroy(struct aw_loop *loop)
{
        if (loop == NULL)
                return;
        if (loop != current)
                aw_log_abort("aw_loop_destroy(): the loop of another thread");
        aw_socket_close_all();
        loop->backend->close(loop);
        pthread_mutex_destroy(&loop->remote_lock);
        free(loop);
        current = NULL;
}
