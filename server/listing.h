/* SPDX-License-Identifier: MIT */
/*
 * The connections of all workers, as JSON. Only a worker itself knows its own. Whoever is asked for
 * all of them asks the others through shared memory: each looks there ten times a second, and
 * writes its own then. While nobody asks, that is all it costs.
 */
#ifndef LISTING_H
#define LISTING_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "await/task.h"
#include "await/ws.h"

#define LISTING_MAX  1000           /* connections of a worker that are listed */
#define LISTING_SIZE (512UL * 1024) /* bytes of them, of which a page takes only those it needs */
#define LISTING_TIME AW_SECOND      /* for the others to answer */

/* A worker's answer, which is its own to write. */
struct listing_page {
        _Atomic(uint64_t) question; /* that it answers; 0: none, or it is being written */
        uint64_t left_out;          /* connections for which there was no room */
        size_t length;
        char text[LISTING_SIZE]; /* objects, each with ",\n" behind it */
};

/* In shared memory, zeroed. */
struct listing_board {
        _Atomic(uint64_t) asked; /* questions so far */
        struct listing_page pages[];
};

size_t listing_board_size(size_t workers);

/* A worker's part; the members up to `look` are its owner's, and stay as long as it is open. */
struct listing {
        struct shared *shared;
        unsigned worker;
        struct ws_listener *const *listeners;
        const size_t *count;

        struct aw_handle look;
};

/* Answers the others, until it is closed. */
void listing_open(struct listing *listing);
void listing_close(struct listing *listing);

/*
 * Writes the connections of all workers that serve, each one's newest first. It waits for those
 * that are busy, and tells which ones did not answer in time. 0, or -1 with errno: ECANCELED or
 * ENOMEM.
 */
async int listing_write(struct listing *listing, FILE *out);

#endif
