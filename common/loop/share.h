/* SPDX-License-Identifier: MIT */
/*
 * Work that takes long, a share at a time: inflating what came, compressing what is sent, sending
 * much. A connection's share of a turn is about a millisecond, so one alone keeps the loop no longer;
 * but many would keep it for so many milliseconds. So all of them together have a budget for a turn,
 * and who finds it used up waits, in one line for the thread: who was served and has more to do goes
 * to its end.
 *
 * Those in the line have a budget of their own, so that those who come new cannot keep them waiting
 * for ever; nor can the line keep out those who come new, most of whom have little to do.
 *
 * A turn is here all that is done between two looks at what the kernel has. While somebody waits
 * each turn of the loop has one.
 *
 * For the loop's stack or a task's; the work itself must not wait for anything.
 */
#ifndef AW_LOOP_SHARE_H
#define AW_LOOP_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "await/loop.h"

/* What work costs is counted in microseconds, and a megabyte costs a millisecond at least. */
#define AW_SHARE_OWN    AW_MILLISECOND         /* of one */
#define AW_SHARE_BUDGET (5 * AW_SHARE_OWN / 2) /* of the line, and of those who come new */

/* Of one who works. Its owner need only zero it; it must stay in place while it waits. */
struct aw_share {
        void (*serve)(void *argument);
        void *argument;
        struct {
                struct aw_share *next, *previous;
        } link; /* in the line */
        bool waiting;
        uint64_t turn; /* in which the work was done that is counted here */
        aw_time spent;
};

/* Work is to begin. False: not in this turn, wait. In serve() it may always begin. */
bool aw_share_begin(struct aw_share *share);

/*
 * So many bytes were dealt with since it began, or since the last call. True: that is enough for
 * this turn.
 */
bool aw_share_use(struct aw_share *share, size_t bytes);

/*
 * Puts it at the end of the line, if it is not in it: serve(argument) goes on with the work when its
 * turn has come, on the loop's stack, and may wait anew.
 */
void aw_share_wait(struct aw_share *share, void (*serve)(void *argument), void *argument);

/* Takes it out of the line, if it is in it: before its owner is freed. */
void aw_share_cancel(struct aw_share *share);

#endif
