/* SPDX-License-Identifier: MIT */
/*
 * The messages of one connection that are on their way, and what becomes of each: its echo comes
 * once and is right, or is wrong, comes twice, comes too late, or not at all.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include "payload.h"

struct window {
        struct flight *ring; /* of those from `base` on, and of some before */
        uint64_t size;       /* of the ring, a power of two */
        uint64_t base, next; /* numbers: the first that is on its way, and the next one */
        uint64_t count;      /* that are on their way */
        uint64_t bytes;      /* in them */
        uint64_t gone; /* given up, not in the ring any more, and their echoes have not come */
        uint32_t connection;
};

enum window_verdict {
        WINDOW_RIGHT,
        WINDOW_WRONG, /* not what was sent; it stands for the one it resembles, or that was first */
        WINDOW_UNASKED,  /* not what was sent, and nothing is on its way */
        WINDOW_DOUBLED,  /* the echo of a message whose echo has come already */
        WINDOW_LATE,     /* the echo of one that was given up */
        WINDOW_REVISED,  /* right; what was taken for this echo, and WRONG, was UNASKED */
        WINDOW_UNJUDGED, /* nothing is known of it, and nothing is wrong with it */
};

/* What is known of a message. */
struct window_echo {
        int64_t due; /* of the message that this is, or stands for; but for UNASKED */
        uint64_t number;
        uint32_t size;
};

/* For up to `most` messages on their way. -1 with ENOMEM. */
int window_init(struct window *window, uint32_t connection, uint64_t most);
void window_free(struct window *window);

/*
 * One more is on its way, sent now and due then; returns its number. If the ring is full, which is
 * because a message far behind the others has no echo yet, that one is given up, and *lost is what
 * is known of it; otherwise lost->due is -1.
 */
uint64_t window_push(struct window *window, int64_t due, int64_t sent, uint32_t size,
                     struct window_echo *lost);

/* The last one did not go out after all. False if it was given up already. */
bool window_pull(struct window *window);

/*
 * Judges what came. `typed`: it is of the type that was sent; otherwise it is not right, but known by
 * its bytes all the same.
 */
enum window_verdict window_judge(struct window *window, const struct payload *payload,
                                 const uint8_t *data, size_t length, bool typed,
                                 struct window_echo *echo);

/* Gives up the first one on its way if it was sent before that time. True: *lost is it. */
bool window_expire(struct window *window, int64_t before, struct window_echo *lost);

#endif
