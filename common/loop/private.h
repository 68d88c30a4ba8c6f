/* SPDX-License-Identifier: MIT */
/* What the files of the loop share. */
#ifndef AW_LOOP_PRIVATE_H
#define AW_LOOP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "await/loop.h"
#include "loop/share.h"
#include "loop/timers_private.h"
#include "loop/turn.h"

struct lws_context;
struct lws_vhost;
struct lws_context_creation_info;

/* A way to poll. One static table each in ev.c, uv.c and poll.c. */
struct aw_loop_backend {
        const char *name;

        /* Writes which library it is, with its version; NULL: libwebsockets itself. */
        void (*library)(FILE *out);

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

/* See share.h. */
struct aw_shares {
        struct {
                struct aw_share *first, *last;
        } line;
        struct aw_share end;     /* where those end who waited before */
        struct aw_handle handle; /* which serves the line */
        bool serving;
        uint64_t turn;                 /* to which the next two belong */
        aw_time spent_line, spent_new; /* by those in the line, and by others */
        aw_time since;                 /* when the work began that is not counted yet */
};

struct aw_loop {
        const struct aw_loop_backend *backend;
        struct lws_context *context;
        struct lws_vhost *vhost;
        void *foreign;
        int sockets;     /* the set of them, of which libwebsockets polls only this one */
        int strangers;   /* the set of strangers, which is in the other one */
        uint64_t served; /* strangers and heavy sockets, so far */
        bool busy;       /* several of them were ready when the set was looked at last */
        bool waiting; /* heavy sockets and strangers were not served at the last look, though ready */

        struct aw_handles ready;
        struct aw_timers timers;
        bool overdue; /* more of them were due than became ready */
        uint64_t order;
        struct {
                struct aw_flush *first, *last;
        } flushes;

        /* Where the turn that runs ends, in each of the two lists. */
        struct aw_handle ready_end;
        struct aw_flush flush_end;

        pid_t process;     /* whose it is */
        bool abandoned;    /* it is not the running one's */
        bool turning;      /* a turn is in progress */
        bool woken;        /* this turn does not wait */
        bool flushed;      /* something was served in this turn's flush */
        unsigned unpolled; /* turns since the last poll */
        uint64_t looks;    /* at what the kernel has */
        struct aw_shares shares;

        aw_time slow;        /* the limit; negative: off */
        uint64_t slow_count; /* how often it was passed */
        aw_time checked;     /* when the slow-callback watch last looked at its clock */
        clockid_t watch;     /* which one that is */
        bool asked;          /* it did since the callback that runs began */
        bool told;           /* something was slow in this turn */
        aw_time began;       /* the turn, which waits no longer; or 0 */

        pthread_mutex_t remote_lock;
        struct aw_handles remote; /* call_soon_threadsafe, under the lock */
        atomic_bool remote_pending;
};

/*
 * The descriptor that wakes a context up. Found before the context is destroyed, it is closed
 * afterwards if libwebsockets has not. None is found where /proc is missing.
 */
struct aw_wakeup {
        int descriptor; /* -1: none, or libwebsockets closes it */
        unsigned long long id;
};
void aw_wakeup_find(struct aw_wakeup *wakeup, struct lws_context *context);
void aw_wakeup_close(const struct aw_wakeup *wakeup);

/* The turn waits no longer: for the slow-callback watch, and for aw_loop_woke. */
void aw_loop_turn_begins(struct aw_loop *loop);

struct lws_context *aw_loop_context(struct aw_loop *loop);
struct lws_vhost *aw_loop_vhost(struct aw_loop *loop);
void *aw_loop_foreign(struct aw_loop *loop);

aw_time aw_loop_clock(clockid_t clock);

#endif
