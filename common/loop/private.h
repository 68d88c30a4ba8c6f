/* SPDX-License-Identifier: MIT */
/* What the files of the loop share. */
#ifndef AW_LOOP_PRIVATE_H
#define AW_LOOP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "await/loop.h"

struct lws_context;
struct lws_vhost;
struct lws_context_creation_info;

/* A way to poll. One static table each in loop_ev.c, loop_uv.c and loop_poll.c. */
struct aw_loop_backend {
        const char *name;

        /* Makes the foreign loop, if there is one, and enters it in info. 0, or -1 with errno. */
        int (*open)(struct aw_loop *loop, struct lws_context_creation_info *info, void **foreign);

        /* Polls once, until the given time at the latest (0: without waiting). */
        void (*poll)(struct aw_loop *loop, aw_time until);

        /* Destroys the libwebsockets context and then the foreign loop. */
        void (*close)(struct aw_loop *loop);
};

extern const struct aw_loop_backend aw_loop_ev, aw_loop_uv, aw_loop_poll;

struct aw_handles {
        struct aw_handle *first, *last;
};

/* Something to be served in the flush of this turn, once, however often it is asked for. */
struct aw_flush {
        void (*serve)(struct aw_flush *flush);
        struct {
                struct aw_flush *next, *previous;
        } link;
        bool queued;
};
void aw_loop_flush(struct aw_flush *flush);
void aw_loop_unflush(struct aw_flush *flush); /* before the owner is freed */

struct aw_loop {
        const struct aw_loop_backend *backend;
        struct lws_context *context;
        struct lws_vhost *vhost;
        void *foreign;

        struct aw_handles ready;
        struct aw_handle *timers; /* root of the heap */
        uint64_t order;
        struct {
                struct aw_flush *first, *last;
        } flushes;

        /* Where the turn that runs ends, in each of the two lists. */
        struct aw_handle ready_end;
        struct aw_flush flush_end;

        bool hurry;        /* this turn does not wait */
        unsigned unpolled; /* turns since the last poll */

        aw_time slow;    /* the limit; negative: off */
        aw_time checked; /* when the slow-callback watch last looked at its clock */
        clockid_t watch; /* which one that is */
        bool asked;      /* it did since the callback that runs began */

        pthread_mutex_t remote_lock;
        struct aw_handles remote; /* call_soon_threadsafe, under the lock */
        atomic_bool remote_pending;
};

/* The loop of this thread, or NULL. */
extern _Thread_local struct aw_loop *aw_loop_current;

struct lws_context *aw_loop_context(struct aw_loop *loop);
struct lws_vhost *aw_loop_vhost(struct aw_loop *loop);
void *aw_loop_foreign(struct aw_loop *loop);

/* The loop of this thread; aborts if there is none. */
struct aw_loop *aw_loop_need(void);

/*
 * The time at the last tick of the kernel's clock, at most AW_LOOP_TICK ago: much cheaper to ask
 * for than the time now.
 */
#define AW_LOOP_TICK (10 * AW_MILLISECOND)
aw_time aw_loop_now_about(void);
aw_time aw_loop_clock(clockid_t clock);

/* The turn in progress does not wait: what the caller of aw_loop_turn() waited for has happened. */
void aw_loop_hurry(struct aw_loop *loop);

/*
 * For the slow-callback watch: how long (microseconds) the callback that runs has taken since the
 * last such question, if that is over the limit, else 0. Whoever runs something that has a name
 * asks, so that the report can tell it.
 */
aw_time aw_loop_slow(struct aw_loop *loop);

#endif
